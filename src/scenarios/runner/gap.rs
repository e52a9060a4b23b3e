//! The longest time without an ack, for the scenarios' budgets.

use std::time::Duration;

use crate::scenarios::history::{History, Micros, TopicPartition};

/// A time without an ack of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) partition: TopicPartition,
    pub(super) from: Micros,
    pub(super) to: Micros,
}

impl Gap {
    pub(super) fn length(self) -> Duration {
        self.to.since(self.from)
    }
}

/// The largest gap of a partition that reaches behind `from` and ends by `to`.
pub(super) fn largest(
    history: &History,
    partition: TopicPartition,
    from: Micros,
    to: Micros,
) -> Option<Gap> {
    let acks = history
        .attempts
        .iter()
        .filter(|attempt| attempt.partition == partition && attempt.acked().is_some());
    let mut times: Vec<Micros> = acks.map(|attempt| attempt.answered).collect();
    times.sort_unstable();
    let first = times.partition_point(|at| *at <= from).saturating_sub(1);
    let times = times.get(first..)?;
    let ends = times.iter().skip(1).copied().chain([to]);
    let gaps = times.iter().zip(ends).filter(|(at, _)| **at < to);
    let gaps = gaps.map(|(at, next)| Gap {
        partition,
        from: *at,
        to: next.min(to),
    });
    gaps.max_by_key(|gap| gap.length())
}
