//! Acked is durable: what was acked is on every replica at the end.
//!
//! Each copy must have been read to its goal; not to get there breaks the law too.

use super::super::super::history::{ReplicaRead, TopicPartition};
use super::super::facts::{Acked, Facts, Kept, Kind};
use super::super::findings::{Findings, Place};
use crate::spec::NodeId;

/// Accuses each acked value that a copy lacks, and each copy that could not be read.
pub(super) fn look(facts: &Facts<'_>, findings: &mut Findings<'_>) {
    for copy in facts.finals.values().filter(|copy| !copy.is_complete()) {
        unread(facts, copy, findings);
    }
    let mut acked_in = vec![false; facts.partitions.len()];
    for acked in &facts.acked {
        acked_in[acked.partition] = true;
        match acked.kept {
            Kept::Unread => continue,
            Kept::Lacking => lost(facts, acked, findings),
            Kept::Everywhere => {}
        }
        findings.examined += 1;
    }
    for (number, _) in acked_in.iter().enumerate().filter(|(_, acked)| **acked) {
        missing(facts, facts.partitions[number], findings);
    }
}

fn unread(facts: &Facts<'_>, copy: &ReplicaRead, findings: &mut Findings<'_>) {
    findings.broken(Place::partition(copy.partition), || {
        format!(
            "{}'s copy of {} was read up to offset {} and not to {}: {}",
            copy.node,
            facts.history.name_of(copy.partition),
            copy.end,
            copy.goal,
            copy.unread.as_deref().unwrap_or("it ends there"),
        )
    });
}

fn lost(facts: &Facts<'_>, acked: &Acked, findings: &mut Findings<'_>) {
    let (index, offset) = (acked.index, acked.offset);
    let partition = facts.partitions[acked.partition];
    let value = facts.contents.values.id(index);
    findings.broken(Place::offset(partition, offset).with_value(value), || {
        let lacking = lacking(facts, partition, index);
        let nowhere = lacking.len() == facts.finals_of(partition).count();
        let who: Vec<String> = lacking.iter().map(ToString::to_string).collect();
        let where_to = if nowhere {
            String::from("is read nowhere at the end")
        } else {
            format!("is not on {} at the end", who.join(" and "))
        };
        let name = facts.history.name_of(partition);
        format!("{value}, acked at offset {offset} of {name}, {where_to}")
    });
}

/// The nodes whose copies lack a value.
fn lacking(facts: &Facts<'_>, partition: TopicPartition, index: u32) -> Vec<NodeId> {
    let lacks = |copy: &&ReplicaRead| {
        let mut there = false;
        facts.contents.each(&copy.records, |_, content| {
            there |= facts.contents.kind(content) == Kind::Sent(index);
        });
        !there
    };
    facts
        .finals_of(partition)
        .filter(lacks)
        .map(|copy| copy.node)
        .collect()
}

/// Copies that nobody read, of a partition that something was acked in.
fn missing(facts: &Facts<'_>, partition: TopicPartition, findings: &mut Findings<'_>) {
    let read = facts.finals_of(partition).count();
    if read == 0 && facts.history.is_deleted(partition.0) {
        return;
    }
    for node in facts.history.replicas_of(partition) {
        if !facts.finals.contains_key(&(partition, *node)) {
            let name = facts.history.name_of(partition);
            findings.unseen(|| format!("{node}'s copy of {name} was not read at the end"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::story::{HERE, Story, copy, lost, plain};
    use super::super::super::verdict::LawResult;
    use super::super::super::{Law, judge};
    use crate::scenarios::history::{Event, Outcome, ReplicaRead};

    fn says(story: Story) -> LawResult {
        story.says(Law::AckedIsDurable)
    }

    #[test]
    fn what_was_acked_is_on_every_copy() {
        let story = Story::new().acked(1, 0).acked(2, 1).copies(&[1, 2]);
        assert_eq!(says(story), LawResult::Passed);
    }

    #[test]
    fn what_was_not_acked_may_be_there_or_not() {
        let story = Story::new().acked(1, 0);
        let story = story.send(plain(2, 30, lost())).send(plain(3, 40, lost()));
        let refused = plain(4, 50, Outcome::Failed { code: 29 });
        assert_eq!(says(story.send(refused).copies(&[1, 3])), LawResult::Passed);
    }

    #[test]
    fn one_copy_that_lacks_it_is_enough() {
        let story = Story::new().acked(1, 0).acked(2, 1).copies(&[1, 2]);
        let told = story.copy(3, &[1]).told();
        let judgement = judge(&told);
        let anomaly = &judgement.law(Law::AckedIsDurable).anomalies[0];
        assert_eq!(
            anomaly.what,
            "v0.2, acked at offset 1 of t-0, is not on node-3 at the end"
        );
        assert_eq!(
            (judgement.counts.read, judgement.counts.lost),
            (Some(1), Some(1))
        );
    }

    #[test]
    fn what_is_read_nowhere_is_said_so() {
        let told = Story::new().acked(1, 0).acked(2, 1).copies(&[1]).told();
        let judgement = judge(&told);
        let anomaly = &judgement.law(Law::AckedIsDurable).anomalies[0];
        assert!(
            anomaly.what.ends_with("is read nowhere at the end"),
            "{}",
            anomaly.what
        );
        let evidence: Vec<&str> = anomaly
            .evidence
            .iter()
            .map(|line| line.what.as_str())
            .collect();
        assert!(
            evidence[0].contains("client-1 sends v0.2 to node-1 for t-0"),
            "{evidence:?}"
        );
        assert!(evidence[0].contains("acked at offset 1"), "{evidence:?}");
        assert_eq!(anomaly.repeat, "chronik-dev scenario story --seed 1");
    }

    #[test]
    fn a_copy_that_cannot_be_read_to_its_goal_breaks_it() {
        let short = ReplicaRead {
            goal: 2,
            unread: Some(String::from("OffsetNotAvailable (78) for 10 s")),
            ..copy(3, &[1])
        };
        let story = Story::new().acked(1, 0).copy(1, &[1]).copy(2, &[1]);
        assert_eq!(says(story.event(Event::Replica(short))), LawResult::Failed);
    }

    #[test]
    fn a_copy_that_nobody_read_proves_nothing() {
        let story = Story::new().acked(1, 0).copy(1, &[1]).copy(2, &[1]);
        assert_eq!(says(story), LawResult::Unknown);
        assert_eq!(says(Story::new().acked(1, 0)), LawResult::Unknown);
        assert_eq!(says(Story::new()), LawResult::Unknown);
    }

    #[test]
    fn a_value_in_another_partition_does_not_count() {
        let mut story = Story::new().acked(1, 0).acked(2, 1).copies(&[1, 2]);
        for node in 1..=3 {
            story = story.copy(node, &[1]);
            let elsewhere = ReplicaRead {
                partition: super::super::super::story::THERE,
                ..copy(node, &[2])
            };
            story = story.event(Event::Replica(elsewhere));
        }
        assert_eq!(copy(1, &[1]).partition, HERE);
        assert_eq!(says(story), LawResult::Failed);
    }
}
