//! Search follows the log: what it finds is committed, and in the end it finds everything, once.
//!
//! Hits of any time are compared with the copies that were read after the healing: a record that
//! search showed and that is not there was never committed.

use std::collections::{HashMap, HashSet};

use super::super::super::history::{SearchRead, TopicPartition, ValueId};
use super::super::facts::{Acked, Facts};
use super::super::findings::{Findings, Place};

/// Accuses each hit that the log does not hold, and each acked record that a node does not find
/// at the end, or finds twice.
pub(super) fn look(facts: &Facts<'_>, findings: &mut Findings<'_>) {
    for (number, partition) in facts.partitions.iter().enumerate() {
        let all = facts.history.searches.iter();
        let reads: Vec<&SearchRead> = all.filter(|read| read.partition == *partition).collect();
        if reads.is_empty() {
            continue;
        }
        let Some(log) = Log::of(facts, *partition) else {
            let name = facts.history.name_of(*partition);
            findings.unseen(|| format!("no copy of {name} was read to compare with"));
            continue;
        };
        let acked: Vec<&Acked> = facts
            .acked
            .iter()
            .filter(|acked| acked.partition == number)
            .collect();
        for read in reads {
            committed_only(facts, &log, read, findings);
            if read.goal.is_some() {
                everything_once(facts, &acked, read, findings);
            }
        }
    }
}

/// What a partition's log holds in the end.
struct Log(HashMap<i64, ValueId>);

impl Log {
    fn of(facts: &Facts<'_>, partition: TopicPartition) -> Option<Self> {
        let copy = facts.finals_of(partition).find(|copy| copy.is_complete())?;
        let runs = copy.records.values.iter();
        Some(Self(runs.flat_map(|run| run.pairs()).collect()))
    }
}

fn committed_only(facts: &Facts<'_>, log: &Log, read: &SearchRead, findings: &mut Findings<'_>) {
    let pairs = read.hits.values.iter().flat_map(|run| run.pairs());
    for (offset, value) in pairs {
        findings.examined += 1;
        let there = log.0.get(&offset).copied();
        if there == Some(value) {
            continue;
        }
        let place = Place::offset(read.partition, offset).with_value(value);
        findings.broken(place, || {
            let name = facts.history.name_of(read.partition);
            let holds = there.map_or(String::from("nothing"), |there| there.to_string());
            let (node, at) = (read.node, read.answered);
            format!("{node}'s search finds {value} at offset {offset} of {name} at {at}, where the log holds {holds}")
        });
    }
    for strange in &read.hits.strange {
        findings.broken(Place::offset(read.partition, strange.offset), || {
            let name = facts.history.name_of(read.partition);
            let node = read.node;
            format!("{node}'s search finds something at offset {} of {name} that is no value of this run", strange.offset)
        });
    }
}

fn everything_once(
    facts: &Facts<'_>,
    acked: &[&Acked],
    read: &SearchRead,
    findings: &mut Findings<'_>,
) {
    if let Some(why) = &read.unread {
        findings.broken(Place::partition(read.partition), || {
            let name = facts.history.name_of(read.partition);
            format!(
                "{}'s search did not find all of {name} in time: {why}",
                read.node
            )
        });
    }
    let mut found = HashSet::new();
    for (offset, value) in read.hits.values.iter().flat_map(|run| run.pairs()) {
        if !found.insert((offset, value)) {
            twice(facts, read, (offset, value), findings);
        }
    }
    for acked in acked {
        findings.examined += 1;
        let value = facts.contents.values.id(acked.index);
        if !found.contains(&(acked.offset, value)) {
            missing(facts, read, (acked.offset, value), findings);
        }
    }
}

fn twice(
    facts: &Facts<'_>,
    read: &SearchRead,
    (offset, value): (i64, ValueId),
    findings: &mut Findings<'_>,
) {
    let place = Place::offset(read.partition, offset).with_value(value);
    findings.broken(place, || {
        let name = facts.history.name_of(read.partition);
        format!(
            "{}'s search finds {value} at offset {offset} of {name} more than once",
            read.node
        )
    });
}

fn missing(
    facts: &Facts<'_>,
    read: &SearchRead,
    (offset, value): (i64, ValueId),
    findings: &mut Findings<'_>,
) {
    let place = Place::offset(read.partition, offset).with_value(value);
    findings.broken(place, || {
        let name = facts.history.name_of(read.partition);
        let node = read.node;
        format!("{value}, acked at offset {offset} of {name}, is not found by {node}'s search at the end")
    });
}

#[cfg(test)]
mod tests {
    use super::super::super::Law;
    use super::super::super::story::{HERE, Story};
    use super::super::super::verdict::LawResult;
    use crate::scenarios::history::{
        Event, Micros, Records, SearchRead, Strange, Strangeness, ValueId,
    };
    use crate::spec::NodeId;

    fn search(goal: Option<i64>, hits: &[(i64, u64)]) -> SearchRead {
        let mut records = Records::default();
        for (offset, value) in hits {
            records.push(*offset, ValueId(*value));
        }
        SearchRead {
            node: NodeId(2),
            partition: HERE,
            sent: Micros(960_000),
            answered: Micros(960_100),
            goal,
            unread: None,
            hits: records,
        }
    }

    fn says(reads: Vec<SearchRead>) -> LawResult {
        let mut story = Story::new().acked(1, 0).acked(2, 1).copies(&[1, 2]);
        for read in reads {
            story = story.event(Event::Search(read));
        }
        story.says(Law::SearchFollowsLog)
    }

    #[test]
    fn all_that_is_acked_is_found_once() {
        assert_eq!(
            says(vec![search(Some(2), &[(0, 1), (1, 2)])]),
            LawResult::Passed
        );
    }

    #[test]
    fn a_look_in_passing_need_not_find_all() {
        assert_eq!(says(vec![search(None, &[(1, 2)])]), LawResult::Passed);
    }

    #[test]
    fn what_is_missing_or_double_at_the_end_breaks_it() {
        assert_eq!(says(vec![search(Some(2), &[(0, 1)])]), LawResult::Failed);
        let twice = search(Some(2), &[(0, 1), (1, 2), (1, 2)]);
        assert_eq!(says(vec![twice]), LawResult::Failed);
    }

    #[test]
    fn a_hit_that_the_log_does_not_hold_breaks_it_at_any_time() {
        assert_eq!(says(vec![search(None, &[(1, 1)])]), LawResult::Failed);
        assert_eq!(says(vec![search(None, &[(2, 3)])]), LawResult::Failed);
        let mut strange = search(None, &[]);
        strange.hits.strange.push(Strange {
            offset: 0,
            kind: Strangeness::Foreign,
            hash: 1,
        });
        assert_eq!(says(vec![strange]), LawResult::Failed);
    }

    #[test]
    fn a_node_that_never_answers_for_all_of_it_breaks_it() {
        let late = SearchRead {
            unread: Some(String::from("1 of 3 shards failed")),
            ..search(Some(2), &[(0, 1), (1, 2)])
        };
        assert_eq!(says(vec![late]), LawResult::Failed);
    }

    #[test]
    fn without_searches_or_copies_there_is_nothing_to_say() {
        assert_eq!(says(Vec::new()), LawResult::NotApplicable);
        let story = Story::new().acked(1, 0);
        let story = story.event(Event::Search(search(None, &[(0, 1)])));
        assert_eq!(story.says(Law::SearchFollowsLog), LawResult::Unknown);
    }
}
