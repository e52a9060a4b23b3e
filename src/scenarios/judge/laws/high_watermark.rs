//! The high watermark never regresses for one client, bounds what it reads, and whatever was acked
//! can be asked for.

use std::collections::BTreeMap;

use super::super::super::history::{ClientId, Read, ReadAnswer, TopicPartition};
use super::super::facts::Facts;
use super::super::findings::{Findings, Place};
use super::super::sweep::{Known, Start, largest_before};

/// Kafka's OFFSET_OUT_OF_RANGE.
const OFFSET_OUT_OF_RANGE: i16 = 1;

/// Accuses each watermark that went back, each record above one, each refusal below an ack.
pub(super) fn look(facts: &Facts<'_>, findings: &mut Findings<'_>) {
    regressions(facts, findings);
    records_above(facts, findings);
    refusals(facts, findings);
}

fn told(read: &Read) -> Option<i64> {
    match read.answer {
        ReadAnswer::Records { high_watermark, .. } => Some(high_watermark),
        ReadAnswer::Error { .. } | ReadAnswer::Lost { .. } => None,
    }
}

fn regressions(facts: &Facts<'_>, findings: &mut Findings<'_>) {
    let reads = &facts.history.reads;
    let mut views: BTreeMap<(ClientId, TopicPartition), (Vec<Start>, Vec<Known>)> = BTreeMap::new();
    for (place, read) in reads.iter().enumerate() {
        let Some(size) = told(read) else {
            continue;
        };
        findings.examined += 1;
        let (starts, known) = views.entry((read.client, read.partition)).or_default();
        starts.push(Start {
            at: read.sent,
            place,
        });
        known.push(Known {
            at: read.answered,
            size,
            place,
        });
    }
    for (starts, known) in views.into_values() {
        largest_before(starts, known, |place, before| {
            let (read, earlier) = (&reads[place], &reads[before.place]);
            let Some(now) = told(read).filter(|now| *now < before.size) else {
                return;
            };
            findings.broken(Place::offset(read.partition, now), || {
                format!(
                    "{} is told the high watermark {now} of {} by {} at {}, and was told {} by {} \
                     at {}",
                    read.client,
                    facts.history.name_of(read.partition),
                    read.broker,
                    read.answered,
                    before.size,
                    earlier.broker,
                    earlier.answered,
                )
            });
        });
    }
}

fn records_above(facts: &Facts<'_>, findings: &mut Findings<'_>) {
    for read in &facts.history.reads {
        let ReadAnswer::Records {
            high_watermark,
            records,
            ..
        } = &read.answer
        else {
            continue;
        };
        let Some(end) = records.end().filter(|end| end > high_watermark) else {
            continue;
        };
        findings.broken(Place::offset(read.partition, end - 1), || {
            format!(
                "{} gives {} offset {} of {}, above its own high watermark {high_watermark}",
                read.broker,
                read.client,
                end - 1,
                facts.history.name_of(read.partition),
            )
        });
    }
}

fn refusals(facts: &Facts<'_>, findings: &mut Findings<'_>) {
    let mut starts = vec![Vec::new(); facts.partitions.len()];
    let mut known = vec![Vec::new(); facts.partitions.len()];
    for (place, read) in facts.history.reads.iter().enumerate() {
        let refused = ReadAnswer::Error {
            code: OFFSET_OUT_OF_RANGE,
        };
        if read.answer == refused {
            let at = read.sent;
            starts[facts.number(read.partition)].push(Start { at, place });
        }
    }
    for (place, attempt) in facts.history.attempts.iter().enumerate() {
        let number = facts.number(attempt.partition);
        if let Some(size) = attempt.last_offset().filter(|_| !starts[number].is_empty()) {
            let at = attempt.answered;
            known[number].push(Known { at, size, place });
        }
    }
    for (starts, known) in starts.into_iter().zip(known) {
        largest_before(starts, known, |place, acked| {
            let read = &facts.history.reads[place];
            if read.asked <= acked.size {
                findings.broken(Place::offset(read.partition, read.asked), || {
                    format!(
                        "{} says that offset {} of {} is out of range at {}, though offset {} was \
                         acked before",
                        read.broker,
                        read.asked,
                        facts.history.name_of(read.partition),
                        read.answered,
                        acked.size,
                    )
                });
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Law;
    use super::super::super::story::{Story, read};
    use super::super::super::verdict::LawResult;
    use super::OFFSET_OUT_OF_RANGE;
    use crate::scenarios::history::{ClientId, Event, Micros, Read, ReadAnswer};

    fn says(story: Story) -> LawResult {
        story.says(Law::HighWatermark)
    }

    fn told(at: u64, high_watermark: i64) -> Event {
        Event::Read(read(0, at, high_watermark, &[]))
    }

    #[test]
    fn a_watermark_that_rises_is_lawful() {
        let story = Story::new()
            .event(told(10, 3))
            .event(told(20, 3))
            .event(told(30, 9));
        assert_eq!(says(story), LawResult::Passed);
        assert_eq!(says(Story::new()), LawResult::Unknown);
    }

    #[test]
    fn one_that_falls_breaks_it_for_one_client_only() {
        let story = Story::new().event(told(10, 3));
        let other = Read {
            client: ClientId(8),
            ..read(0, 20, 2, &[])
        };
        assert_eq!(says(story.event(Event::Read(other))), LawResult::Passed);
        let story = Story::new().event(told(10, 3)).event(told(20, 2));
        assert_eq!(says(story), LawResult::Failed);
    }

    #[test]
    fn reads_that_overlap_have_no_order() {
        let long = Read {
            answered: Micros(50),
            ..read(0, 5, 3, &[])
        };
        let story = Story::new().event(told(10, 4)).event(Event::Read(long));
        assert_eq!(says(story), LawResult::Passed);
    }

    #[test]
    fn a_record_above_it_breaks_it() {
        let early = Event::Read(read(0, 50, 1, &[(0, 1), (1, 2)]));
        let story = Story::new().acked(1, 0).acked(2, 1).event(early);
        assert_eq!(says(story), LawResult::Failed);
    }

    #[test]
    fn what_was_acked_is_in_range() {
        let refused = |asked, at| {
            Event::Read(Read {
                answer: ReadAnswer::Error {
                    code: OFFSET_OUT_OF_RANGE,
                },
                ..read(asked, at, 0, &[])
            })
        };
        let story = || Story::new().acked(1, 4).event(told(1, 0));
        assert_eq!(says(story().event(refused(4, 50))), LawResult::Failed);
        assert_eq!(says(story().event(refused(5, 50))), LawResult::Passed);
        assert_eq!(
            says(story().event(refused(4, 12))),
            LawResult::Passed,
            "not acked yet"
        );
    }
}
