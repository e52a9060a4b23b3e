//! The acks of each partition in the order of their arrival.

use std::collections::HashMap;

use crate::scenarios::history::{History, Micros, TopicPartition};
use crate::spec::NodeId;

/// When a record was acked, and by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ack {
    /// When its attempt was sent.
    pub(super) sent: Micros,
    /// When it was answered.
    pub(super) at: Micros,
    /// Who answered.
    pub(super) broker: NodeId,
}

/// What became of one partition's attempts.
#[derive(Debug, Default)]
struct Lane {
    acks: Vec<Ack>,
    /// The end of the last attempt that was not acked.
    unacked: Option<Micros>,
}

/// The acks of all partitions.
#[derive(Debug, Default)]
pub(super) struct Acks(HashMap<TopicPartition, Lane>);

impl Acks {
    pub(super) fn of(history: &History) -> Self {
        let mut lanes = HashMap::<TopicPartition, Lane>::new();
        for attempt in &history.attempts {
            let lane = lanes.entry(attempt.partition).or_default();
            if attempt.acked().is_none() {
                lane.unacked = lane.unacked.max(Some(attempt.answered));
                continue;
            }
            lane.acks.push(Ack {
                sent: attempt.sent,
                at: attempt.answered,
                broker: attempt.broker,
            });
        }
        for lane in lanes.values_mut() {
            lane.acks.sort_by_key(|ack| ack.at);
        }
        Self(lanes)
    }

    /// The last ack up to a moment.
    pub(super) fn last_until(&self, partition: TopicPartition, at: Micros) -> Option<Ack> {
        let acks = &self.0.get(&partition)?.acks;
        let after = acks.partition_point(|ack| ack.at <= at);
        after.checked_sub(1).map(|last| acks[last])
    }

    /// The acks after a moment.
    pub(super) fn after(&self, partition: TopicPartition, at: Micros) -> &[Ack] {
        let Some(lane) = self.0.get(&partition) else {
            return &[];
        };
        &lane.acks[lane.acks.partition_point(|ack| ack.at <= at)..]
    }

    /// The largest gap that reaches into the window, whole.
    ///
    /// One around `from` counts from the ack before it, one that passes `to` up to its ack. Where
    /// no ack follows, it counts for as long as something was tried, up to `to` at most.
    pub(super) fn largest_gap(
        &self,
        partition: TopicPartition,
        from: Micros,
        to: Micros,
    ) -> Option<(Micros, Micros)> {
        let lane = self.0.get(&partition)?;
        let before = self.last_until(partition, from);
        let mut previous = before.map_or(from, |ack| ack.at);
        let mut gaps = Vec::new();
        for ack in self.after(partition, from) {
            if previous >= to {
                break;
            }
            gaps.push((previous, ack.at));
            previous = ack.at;
        }
        let tried = lane.unacked.unwrap_or_default().min(to);
        if tried > previous {
            gaps.push((previous, tried));
        }
        gaps.into_iter().max_by_key(|(from, to)| to.since(*from))
    }
}
