//! Replicas converge: after the heal deadline all copies of a partition are equal, record by record.

use std::collections::HashMap;

use super::super::super::history::{ReplicaRead, TopicPartition};
use super::super::facts::{Content, Facts};
use super::super::findings::{Findings, Place};

/// Accuses each copy that differs from the first one of its partition, and each that was not read.
pub(super) fn look(facts: &Facts<'_>, findings: &mut Findings<'_>) {
    if facts.history.healed.is_none() {
        // Copies may differ for as long as something is broken.
        return findings.unseen(|| String::from("no copy was read once all was healed"));
    }
    for partition in &facts.partitions {
        let copies: Vec<&ReplicaRead> = facts.finals_of(*partition).collect();
        for copy in copies.iter().filter(|copy| !copy.is_complete()) {
            behind(facts, copy, findings);
        }
        if let [only] = copies[..]
            && facts.history.replicas_of(*partition).len() > 1
        {
            let name = facts.history.name_of(*partition);
            findings.unseen(|| format!("{name} was read from {} alone", only.node));
        }
        let Some((first, others)) = copies
            .split_first()
            .filter(|(_, others)| !others.is_empty())
        else {
            continue;
        };
        findings.examined += copies.len() as u64;
        for other in others {
            compare(facts, *partition, first, other, findings);
        }
    }
}

fn behind(facts: &Facts<'_>, copy: &ReplicaRead, findings: &mut Findings<'_>) {
    findings.broken(Place::partition(copy.partition), || {
        format!(
            "{}'s copy of {} ends at {} where {} was expected: {}",
            copy.node,
            facts.history.name_of(copy.partition),
            copy.end,
            copy.goal,
            copy.unread.as_deref().unwrap_or("it ends there"),
        )
    });
}

fn compare(
    facts: &Facts<'_>,
    partition: TopicPartition,
    first: &ReplicaRead,
    other: &ReplicaRead,
    findings: &mut Findings<'_>,
) {
    let name = facts.history.name_of(partition);
    let nodes = format!("{} and {}", first.node, other.node);
    if let Some(offset) = difference(facts, first, other) {
        findings.broken(Place::offset(partition, offset), || {
            format!("the copies of {name} on {nodes} differ at offset {offset}")
        });
    } else if first.end != other.end {
        findings.broken(Place::partition(partition), || {
            format!(
                "the copies of {name} on {nodes} end at {} and {}",
                first.end, other.end
            )
        });
    } else if first.log_start == other.log_start && first.hash != other.hash {
        findings.broken(Place::partition(partition), || {
            format!(
                "the copies of {name} on {nodes} hold the same values, but the hashes over all \
                 their bytes differ: {:016x} and {:016x}",
                first.hash, other.hash
            )
        });
    }
}

/// The first offset in the range of both at which two copies differ.
fn difference(facts: &Facts<'_>, first: &ReplicaRead, other: &ReplicaRead) -> Option<i64> {
    let start = first.log_start.max(other.log_start);
    let end = first.end.min(other.end);
    if first.records == other.records && first.log_start == other.log_start {
        return None;
    }
    let held = |copy: &ReplicaRead| {
        let mut held: HashMap<i64, Content> = HashMap::new();
        facts.contents.each(&copy.records, |offset, content| {
            if (start..end).contains(&offset) {
                held.insert(offset, content);
            }
        });
        held
    };
    let (first, other) = (held(first), held(other));
    let offsets = first.keys().chain(other.keys());
    let differing = offsets.filter(|offset| first.get(offset) != other.get(offset));
    differing.min().copied()
}

#[cfg(test)]
mod tests {
    use super::super::super::Law;
    use super::super::super::judge;
    use super::super::super::story::{Story, copy};
    use super::super::super::verdict::LawResult;
    use crate::scenarios::history::{Event, Healed, Micros, ReplicaRead};

    fn says(story: Story) -> LawResult {
        story.says(Law::ReplicasConverge)
    }

    fn with(replica: ReplicaRead) -> Story {
        Story::new()
            .copy(1, &[1, 2])
            .copy(2, &[1, 2])
            .event(Event::Replica(replica))
    }

    #[test]
    fn equal_copies_are_lawful() {
        assert_eq!(says(Story::new().copies(&[1, 2])), LawResult::Passed);
        assert_eq!(says(Story::new().copy(1, &[1, 2])), LawResult::Unknown);
        assert_eq!(says(Story::new()), LawResult::Unknown);
    }

    #[test]
    fn copies_that_differ_anywhere_break_it() {
        assert_eq!(says(with(copy(3, &[1, 3]))), LawResult::Failed);
        assert_eq!(says(with(copy(3, &[1]))), LawResult::Failed);
        assert_eq!(says(with(copy(3, &[1, 2, 3]))), LawResult::Failed);
        assert_eq!(
            says(with(ReplicaRead {
                hash: 9,
                ..copy(3, &[1, 2])
            })),
            LawResult::Failed
        );
        assert_eq!(
            says(with(ReplicaRead {
                goal: 3,
                ..copy(3, &[1, 2])
            })),
            LawResult::Failed
        );
    }

    #[test]
    fn a_copy_may_have_dropped_what_is_old() {
        let mut later = copy(3, &[1, 2]);
        later.log_start = 1;
        later.hash = 4;
        later.records.values.clear();
        later.records.push(1, crate::scenarios::history::ValueId(2));
        assert_eq!(says(with(later)), LawResult::Passed);
    }

    #[test]
    fn what_was_read_before_the_healing_does_not_count() {
        let early = ReplicaRead {
            began: Micros(1),
            ended: Micros(2),
            ..copy(3, &[1])
        };
        let story = Story::new().event(Event::Replica(early)).copies(&[1, 2]);
        assert_eq!(
            says(story.event(Event::Healed(Healed { at: Micros(500) }))),
            LawResult::Passed
        );
    }

    #[test]
    fn copies_of_what_was_not_healed_prove_nothing() {
        let differ = || Story::unhealed().copy(1, &[1, 2]).copy(2, &[1]);
        assert_eq!(says(differ()), LawResult::Unknown);
        let result = |history| judge(&history).law(Law::ReplicasConverge).result;
        assert_eq!(result(differ().cut()), LawResult::Unknown);
        let healed = Story::new().copy(1, &[1, 2]).copy(2, &[1]);
        assert_eq!(result(healed.cut()), LawResult::Failed);
    }
}
