//! How many records were acked, and how many of them every replica gives back.

use std::collections::HashMap;
use std::ops::Range;

use super::ranges::Ranges;
use crate::scenarios::history::{History, ReplicaRead, Run, TopicPartition};
use crate::spec::NodeId;

/// Records acked, and those of them that were read back from every replica.
///
/// Records of deleted topics do not count. The second is `None` when a replica of a partition with
/// acked records was not read.
pub(super) fn count(history: &History) -> (Option<u64>, Option<u64>) {
    let acked = acked(history);
    if acked.is_empty() {
        return (None, None);
    }
    let replicated = acked.values().map(Ranges::count).sum();
    let recovered = acked
        .iter()
        .map(|(partition, values)| recovered(history, *partition, values));
    (Some(replicated), recovered.sum())
}

fn acked(history: &History) -> HashMap<TopicPartition, Ranges> {
    let mut runs = HashMap::<TopicPartition, Vec<Run>>::new();
    let attempts = history
        .attempts
        .iter()
        .filter(|attempt| attempt.acked().is_some() && !history.is_deleted(attempt.partition.0));
    for attempt in attempts {
        let of_partition = runs.entry(attempt.partition).or_default();
        of_partition.push(attempt.values);
    }
    let sets = runs.into_iter().map(|(partition, runs)| {
        let values = Ranges::of(runs.into_iter().map(range));
        (partition, values)
    });
    sets.collect()
}

/// How many of these values every replica has; `None` when one of them was not read.
fn recovered(history: &History, partition: TopicPartition, acked: &Ranges) -> Option<u64> {
    let mut left = acked.clone();
    for node in history.replicas_of(partition) {
        let read = last_read(history, partition, *node)?;
        let values = read.records.values.iter();
        left = left.intersect(&Ranges::of(values.map(|run| range(run.run()))));
    }
    Some(left.count())
}

fn last_read(history: &History, partition: TopicPartition, node: NodeId) -> Option<&ReplicaRead> {
    let mut reads = history.replicas.iter();
    reads.rfind(|read| read.partition == partition && read.node == node)
}

fn range(run: Run) -> Range<u64> {
    run.0.0..run.0.0.saturating_add(u64::from(run.1))
}
