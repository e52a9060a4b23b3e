//! Who led a partition at a moment, as far as clients could know.

use super::acks::Acks;
use crate::scenarios::history::{History, MetadataSeen, Micros, PartitionSeen, TopicPartition};
use crate::spec::NodeId;

/// A leader with the epoch in which it was named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Led {
    pub(super) by: NodeId,
    /// The largest leader epoch that was named so far; `None` when none was.
    pub(super) epoch: Option<i32>,
}

/// Who led at this moment: the leader of the largest epoch that any node had named, unless
/// another one has acked since.
pub(super) fn leader_at(
    history: &History,
    acks: &Acks,
    partition: TopicPartition,
    at: Micros,
) -> Option<Led> {
    let named = latest_named(history, partition, at);
    let acked = acks.last_until(partition, at);
    match (named, acked) {
        (Some((seen, led)), Some(ack)) if ack.sent > seen => Some(Led {
            by: ack.broker,
            ..led
        }),
        (Some((_, led)), _) => Some(led),
        (None, Some(ack)) => Some(Led {
            by: ack.broker,
            epoch: None,
        }),
        (None, None) => None,
    }
}

/// The first sight of the leader with the largest epoch.
fn latest_named(history: &History, partition: TopicPartition, at: Micros) -> Option<(Micros, Led)> {
    let mut latest = None::<(Micros, Led)>;
    for answer in history.metadata.iter().filter(|answer| answer.at <= at) {
        let Some((by, epoch)) = named_by(history, answer, partition) else {
            continue;
        };
        if latest.is_none_or(|(_, known)| Some(epoch) > known.epoch) {
            let epoch = Some(epoch);
            latest = Some((answer.at, Led { by, epoch }));
        }
    }
    latest
}

/// The leader and the epoch that one answer names.
pub(super) fn named_by(
    history: &History,
    answer: &MetadataSeen,
    partition: TopicPartition,
) -> Option<(NodeId, i32)> {
    let seen = seen_in(history, answer, partition)?;
    Some((seen.leader?, seen.epoch))
}

/// The partition as one answer describes it.
pub(super) fn seen_in<'a>(
    history: &History,
    answer: &'a MetadataSeen,
    partition: TopicPartition,
) -> Option<&'a PartitionSeen> {
    let name = &history.topics.get(partition.0 as usize)?.name;
    let topic = answer.topics.iter().find(|topic| topic.name == *name)?;
    let mut partitions = topic.partitions.iter();
    partitions.find(|seen| seen.partition == partition.1)
}
