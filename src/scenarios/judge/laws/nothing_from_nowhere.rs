//! Nothing from nowhere: nothing is read that was never sent, was refused, was meant for another
//! partition, was read before it was sent, or fails its checksum.
//!
//! A record can be read before its own attempt ends. In a history that was cut short a value without
//! an attempt therefore proves nothing.

use std::collections::HashSet;

use super::super::super::history::{Micros, ReadAnswer, Records, TopicPartition};
use super::super::facts::{Content, Facts, Kind, Other};
use super::super::findings::{Findings, Place};

/// Accuses each record that has no right to be where it was read.
pub(super) fn look(facts: &Facts<'_>, findings: &mut Findings<'_>) {
    let mut accused = HashSet::new();
    for read in &facts.history.reads {
        if let ReadAnswer::Records { records, .. } = &read.answer {
            let batch = Batch {
                partition: read.partition,
                answered: read.answered,
                records,
            };
            batch.look(facts, &mut accused, findings);
        }
    }
    for replica in &facts.history.replicas {
        let batch = Batch {
            partition: replica.partition,
            answered: replica.ended,
            records: &replica.records,
        };
        batch.look(facts, &mut accused, findings);
    }
}

/// Records that came in one answer.
struct Batch<'a> {
    partition: TopicPartition,
    answered: Micros,
    records: &'a Records,
}

impl Batch<'_> {
    fn look(
        &self,
        facts: &Facts<'_>,
        accused: &mut HashSet<(TopicPartition, i64, Content)>,
        findings: &mut Findings<'_>,
    ) {
        let number = facts.number(self.partition);
        facts.contents.each(self.records, |offset, content| {
            findings.examined += 1;
            if self.is_lawful(facts, number, content)
                || !accused.insert((self.partition, offset, content))
            {
                return;
            }
            if Self::may_be_cut_off(facts, content) {
                findings.unseen(|| facts.contents.show(content) + " before the history was cut");
                return;
            }
            let mut place = Place::offset(self.partition, offset);
            if let Kind::Sent(index) = facts.contents.kind(content) {
                place = place.with_value(facts.contents.values.id(index));
            }
            findings.broken(place, || {
                let name = facts.history.name_of(self.partition);
                let why = Self::why(facts, number, content);
                format!("offset {offset} of {name} holds {why}")
            });
        });
    }

    fn is_lawful(&self, facts: &Facts<'_>, number: usize, content: Content) -> bool {
        let Some(sent) = facts.sent.get(content.0 as usize) else {
            return false;
        };
        let first = &facts.history.attempts[sent.first()];
        sent.meant as usize == number && !sent.refused && first.sent <= self.answered
    }

    fn may_be_cut_off(facts: &Facts<'_>, content: Content) -> bool {
        let phantom = matches!(facts.contents.kind(content), Kind::Other(Other::Phantom(_)));
        phantom && facts.history.end.is_none()
    }

    fn why(facts: &Facts<'_>, number: usize, content: Content) -> String {
        let shown = facts.contents.show(content);
        let Some(sent) = facts.sent.get(content.0 as usize) else {
            return shown;
        };
        if sent.meant as usize != number {
            let meant = facts.partitions[sent.meant as usize];
            return format!(
                "{shown}, which was meant for {}",
                facts.history.name_of(meant)
            );
        }
        if sent.refused {
            return format!("{shown}, which was refused");
        }
        format!("{shown}, which was sent only after it was read")
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Law;
    use super::super::super::judge;
    use super::super::super::story::{Story, THERE, lost, plain, read, strange};
    use super::super::super::verdict::LawResult;
    use crate::scenarios::history::{Event, Outcome, Read, Strangeness};

    fn says(story: Story) -> LawResult {
        story.says(Law::NothingFromNowhere)
    }

    #[test]
    fn what_was_sent_may_be_read() {
        let story = Story::new().acked(1, 0).send(plain(2, 20, lost()));
        assert_eq!(
            says(story.read(0, 40, &[(0, 1), (1, 2)])),
            LawResult::Passed
        );
        assert_eq!(says(Story::new().acked(1, 0)), LawResult::Unknown);
    }

    #[test]
    fn a_value_that_nobody_sent_breaks_it() {
        let story = Story::new().acked(1, 0).copies(&[1, 5]);
        assert_eq!(says(story), LawResult::Failed);
    }

    #[test]
    fn a_refused_value_breaks_it() {
        let refused = plain(2, 30, Outcome::Failed { code: 29 });
        let story = Story::new().acked(1, 0).send(refused).copies(&[1, 2]);
        assert_eq!(says(story), LawResult::Failed);
    }

    #[test]
    fn a_value_of_another_partition_breaks_it() {
        let astray = Read {
            partition: THERE,
            ..read(0, 50, 1, &[(0, 1)])
        };
        let story = Story::new().acked(1, 0).event(Event::Read(astray));
        assert_eq!(says(story), LawResult::Failed);
    }

    #[test]
    fn a_value_read_before_it_was_sent_breaks_it() {
        let story = Story::new().acked(10, 0).read(0, 20, &[(0, 10)]);
        assert_eq!(says(story), LawResult::Failed);
    }

    #[test]
    fn strange_bytes_break_it() {
        for kind in [Strangeness::Corrupt, Strangeness::Foreign] {
            let story = Story::new()
                .acked(1, 0)
                .event(Event::Read(strange(1, 50, kind)));
            assert_eq!(says(story), LawResult::Failed);
        }
    }

    #[test]
    fn a_cut_history_may_lack_the_attempt() {
        let mut told = Story::new()
            .acked(1, 0)
            .read(0, 50, &[(0, 1), (1, 2)])
            .told();
        told.end = None;
        let judgement = judge(&told);
        assert_eq!(
            judgement.law(Law::NothingFromNowhere).result,
            LawResult::Unknown
        );
    }
}
