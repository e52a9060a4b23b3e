//! Metadata agrees: after the heal deadline all nodes describe every topic alike, and none lacks one.

use std::collections::{BTreeMap, BTreeSet};

use super::super::super::history::{Ending, MetadataSeen, PartitionSeen, TopicSeen};
use super::super::facts::Facts;
use super::super::findings::{Findings, Place};
use crate::spec::NodeId;

/// Accuses each node whose last description differs from the first node's.
pub(super) fn look(facts: &Facts<'_>, findings: &mut Findings<'_>) {
    let Some(last) = last_told(facts) else {
        return findings.unseen(|| String::from("the nodes were not asked once all was healed"));
    };
    for node in &facts.history.header.nodes {
        if !last.contains_key(node) {
            findings.unseen(|| format!("{node} was not asked for metadata at the end"));
        }
    }
    for seen in last.values() {
        findings.examined += 1;
        complete(facts, seen, findings);
    }
    let mut seen = last.values();
    let Some(first) = seen.next() else {
        return;
    };
    for other in seen {
        compare(first, other, findings);
    }
}

/// What each node told last, after everything was healed.
///
/// `None` when it was not healed, or the history ends before everybody was asked: what nodes say
/// on the way differs, and by right.
fn last_told<'a>(facts: &Facts<'a>) -> Option<BTreeMap<NodeId, &'a MetadataSeen>> {
    let healed = facts.history.healed?;
    match facts.history.end?.how {
        Ending::Complete | Ending::GaveUp => {}
        Ending::Interrupted => return None,
    }
    let settled = facts.history.metadata.iter();
    let settled = settled.filter(|seen| seen.at >= healed);
    Some(settled.map(|seen| (seen.node, seen)).collect())
}

/// Every topic of the scenario is known, with all its partitions; every node is listed.
fn complete(facts: &Facts<'_>, seen: &MetadataSeen, findings: &mut Findings<'_>) {
    for (number, topic) in facts.history.topics.iter().enumerate() {
        if facts.history.is_deleted(number as u32) {
            continue;
        }
        let told = seen.topics.iter().find(|told| told.name == topic.name);
        let Some(told) = told.filter(|told| told.error == 0) else {
            findings.broken(Place::default(), || {
                format!(
                    "{} does not know the topic {} at the end",
                    seen.node, topic.name
                )
            });
            continue;
        };
        if told.partitions.len() != topic.partitions.len() {
            findings.broken(Place::default(), || {
                format!(
                    "{} knows {} partitions of {}, which has {}",
                    seen.node,
                    told.partitions.len(),
                    topic.name,
                    topic.partitions.len(),
                )
            });
        }
    }
    let listed: BTreeSet<NodeId> = seen.brokers.iter().copied().collect();
    for node in facts
        .history
        .header
        .nodes
        .iter()
        .filter(|node| !listed.contains(node))
    {
        findings.broken(Place::default(), || {
            format!("{} does not list {node} as a broker at the end", seen.node)
        });
    }
}

fn compare(first: &MetadataSeen, other: &MetadataSeen, findings: &mut Findings<'_>) {
    let names = |seen: &MetadataSeen| -> BTreeSet<String> {
        seen.topics.iter().map(|topic| topic.name.clone()).collect()
    };
    for name in names(first).union(&names(other)) {
        let of = |seen: &MetadataSeen| {
            let topic = seen.topics.iter().find(|topic| topic.name == *name);
            topic.map_or_else(
                || BTreeMap::from([(String::from(name), String::from("unknown"))]),
                show,
            )
        };
        let (ours, theirs) = (of(first), of(other));
        for key in ours.keys().chain(theirs.keys()).collect::<BTreeSet<_>>() {
            let (one, two) = (ours.get(key), theirs.get(key));
            if one == two {
                continue;
            }
            let word = |told: Option<&String>| told.map_or("nothing", String::as_str).to_owned();
            findings.broken(Place::default(), || {
                format!(
                    "{key} is described differently: {} says {}, {} says {}",
                    first.node,
                    word(one),
                    other.node,
                    word(two),
                )
            });
        }
    }
}

/// A topic's partitions by name, each in words that are equal when the descriptions are.
fn show(topic: &TopicSeen) -> BTreeMap<String, String> {
    let partitions = topic.partitions.iter().map(|partition| {
        let name = format!("{}-{}", topic.name, partition.partition);
        (name, of_partition(partition))
    });
    let error = (topic.error != 0).then(|| (topic.name.clone(), format!("error {}", topic.error)));
    partitions.chain(error).collect()
}

fn of_partition(partition: &PartitionSeen) -> String {
    let list = |nodes: &[NodeId]| {
        let sorted: BTreeSet<NodeId> = nodes.iter().copied().collect();
        let words: Vec<String> = sorted.iter().map(|node| node.0.to_string()).collect();
        words.join(",")
    };
    let leader = partition.leader;
    format!(
        "leader {} in epoch {}, replicas {}, in sync {}{}",
        leader.map_or_else(|| String::from("nobody"), |leader| leader.to_string()),
        partition.epoch,
        list(&partition.replicas),
        list(&partition.isr),
        if partition.error == 0 {
            String::new()
        } else {
            format!(", error {}", partition.error)
        },
    )
}

#[cfg(test)]
mod tests {
    use super::super::super::Law;
    use super::super::super::judge;
    use super::super::super::story::{NODES, Story, metadata};
    use super::super::super::verdict::LawResult;
    use crate::scenarios::history::{Ending, Event, MetadataSeen, Micros, TopicDeleted};

    fn says(seen: impl IntoIterator<Item = MetadataSeen>) -> LawResult {
        let told = seen.into_iter().map(Event::Metadata);
        told.fold(Story::new(), Story::event)
            .says(Law::MetadataAgrees)
    }

    fn nodes() -> [MetadataSeen; 3] {
        [1, 2, 3].map(|node| metadata(node, 2, 4))
    }

    #[test]
    fn nodes_that_say_the_same_are_lawful() {
        assert_eq!(says(nodes()), LawResult::Passed);
        let [one, two, mut three] = nodes();
        three.topics[0].partitions[0].isr.reverse();
        assert_eq!(
            says([one, two, three]),
            LawResult::Passed,
            "lists have no order"
        );
    }

    #[test]
    fn a_node_that_was_not_asked_proves_nothing() {
        assert_eq!(says(nodes().into_iter().take(2)), LawResult::Unknown);
        assert_eq!(says([]), LawResult::Unknown);
    }

    #[test]
    fn the_last_word_counts() {
        let early = MetadataSeen {
            at: Micros(5),
            ..metadata(3, 1, 1)
        };
        assert_eq!(says([early].into_iter().chain(nodes())), LawResult::Passed);
        assert_eq!(
            says(nodes().into_iter().chain([metadata(3, 1, 4)])),
            LawResult::Failed
        );
        assert_eq!(
            says(nodes().into_iter().chain([metadata(3, 2, 5)])),
            LawResult::Failed
        );
    }

    #[test]
    fn a_topic_that_nobody_knows_any_more_breaks_it() {
        let empty = nodes().map(|seen| MetadataSeen {
            topics: Vec::new(),
            ..seen
        });
        assert_eq!(says(empty.clone()), LawResult::Failed);
        let deleted = Event::TopicDeleted(TopicDeleted {
            at: Micros(9),
            topic: 0,
        });
        let story = empty
            .map(Event::Metadata)
            .into_iter()
            .fold(Story::new(), Story::event);
        assert_eq!(
            story.event(deleted).says(Law::MetadataAgrees),
            LawResult::Passed
        );
    }

    #[test]
    fn a_broker_that_one_node_does_not_list_breaks_it() {
        let mut seen = nodes();
        seen[1].brokers = NODES[..2].into();
        assert_eq!(says(seen), LawResult::Failed);
    }

    #[test]
    fn what_was_said_before_the_end_proves_nothing() {
        let differ = || {
            let told = [metadata(1, 2, 4), metadata(2, 2, 4), metadata(3, 1, 3)];
            told.map(Event::Metadata)
        };
        let healed = || differ().into_iter().fold(Story::new(), Story::event);
        let broken = || differ().into_iter().fold(Story::unhealed(), Story::event);
        let result = |history| judge(&history).law(Law::MetadataAgrees).result;
        assert_eq!(result(healed().told()), LawResult::Failed);
        assert_eq!(result(healed().ended(Ending::GaveUp)), LawResult::Failed);
        for unseen in [
            healed().cut(),
            healed().ended(Ending::Interrupted),
            broken().cut(),
            broken().told(),
        ] {
            assert_eq!(result(unseen), LawResult::Unknown);
        }
    }
}
