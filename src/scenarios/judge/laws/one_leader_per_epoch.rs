//! One leader per epoch: all that was acked in a leader epoch of a partition was acked by one node.
//!
//! A produce answer does not tell its epoch; the batch in the log does. A repeated batch of an
//! idempotent producer is answered by whoever leads by then, so it tells nothing.

use std::collections::{BTreeMap, HashMap};

use super::super::super::history::{Attempt, ReplicaRead, TopicPartition};
use super::super::facts::Facts;
use super::super::findings::{Findings, Place};
use crate::spec::NodeId;

/// Accuses each epoch in which two nodes acked, and each log whose epochs go back.
pub(super) fn look(facts: &Facts<'_>, findings: &mut Findings<'_>) {
    let logs: BTreeMap<TopicPartition, &ReplicaRead> = facts
        .finals
        .values()
        .filter(|copy| !copy.records.epochs.is_empty())
        .map(|copy| (copy.partition, *copy))
        .collect();
    let mut leaders: HashMap<(TopicPartition, i32), (NodeId, i64)> = HashMap::new();
    for attempt in &facts.history.attempts {
        let (Some(base), Some(log)) = (attempt.acked(), logs.get(&attempt.partition)) else {
            continue;
        };
        if !is_first(facts, attempt) || base >= log.end {
            continue;
        }
        let Some(epoch) = log.records.epoch_at(base) else {
            continue;
        };
        findings.examined += 1;
        let acked = (attempt.broker, base);
        let (leader, before) = *leaders.entry((attempt.partition, epoch)).or_insert(acked);
        if leader != attempt.broker {
            let place = Place::offset(attempt.partition, base).with_value(attempt.values.0);
            findings.broken(place, || {
                format!(
                    "{leader} acked offset {before} and {} acked offset {base} of {} in the same \
                     epoch {epoch}",
                    attempt.broker,
                    facts.history.name_of(attempt.partition),
                )
            });
        }
    }
    for copy in facts.finals.values() {
        backwards(facts, copy, findings);
    }
}

/// Whether this attempt itself brought the batch into the log, if any did.
fn is_first(facts: &Facts<'_>, attempt: &Attempt) -> bool {
    attempt.identity.is_none() || std::ptr::eq(facts.first_of(attempt), attempt)
}

fn backwards(facts: &Facts<'_>, copy: &ReplicaRead, findings: &mut Findings<'_>) {
    for pair in copy.records.epochs.windows(2) {
        let (before, after) = (pair[0], pair[1]);
        if after.1 < before.1 {
            findings.broken(Place::offset(copy.partition, after.0), || {
                format!(
                    "in {}'s copy of {} epoch {} follows epoch {} at offset {}",
                    copy.node,
                    facts.history.name_of(copy.partition),
                    after.1,
                    before.1,
                    after.0,
                )
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Law;
    use super::super::super::story::{Story, copy, idempotent, lost, plain};
    use super::super::super::verdict::LawResult;
    use crate::scenarios::history::{Attempt, EpochRun, Event, Outcome};
    use crate::spec::NodeId;

    fn says(story: Story) -> LawResult {
        story.says(Law::OneLeaderPerEpoch)
    }

    /// Offsets 0 and 1 are in epochs 1 and 2.
    fn with_epochs(story: Story, epochs: [i32; 2]) -> Story {
        let mut log = copy(1, &[1, 2]);
        log.records.epochs = vec![EpochRun(0, epochs[0]), EpochRun(1, epochs[1])];
        story.event(Event::Replica(log))
    }

    fn by(node: u64, attempt: Attempt) -> Attempt {
        Attempt {
            broker: NodeId(node),
            ..attempt
        }
    }

    #[test]
    fn another_leader_has_another_epoch() {
        let story = Story::new().acked(1, 0);
        let story = story.send(by(2, plain(2, 20, Outcome::Ok { base: 1 })));
        assert_eq!(says(with_epochs(story, [1, 2])), LawResult::Passed);
        assert_eq!(says(Story::new().acked(1, 0)), LawResult::Unknown);
    }

    #[test]
    fn two_nodes_that_ack_in_one_epoch_break_it() {
        let story = Story::new().acked(1, 0);
        let story = story.send(by(2, plain(2, 20, Outcome::Ok { base: 1 })));
        assert_eq!(says(story.copies(&[1, 2])), LawResult::Failed);
    }

    #[test]
    fn a_repeated_batch_is_answered_by_whoever_leads() {
        let story = Story::new().send(idempotent(1, 10, Outcome::Ok { base: 0 }));
        let story = story.send(idempotent(2, 20, lost()));
        let story = story.send(by(2, idempotent(2, 30, Outcome::Ok { base: 1 })));
        assert_eq!(says(story.copies(&[1, 2])), LawResult::Passed);
    }

    #[test]
    fn epochs_that_go_back_break_it() {
        let story = Story::new().acked(1, 0);
        assert_eq!(says(with_epochs(story, [2, 1])), LawResult::Failed);
    }
}
