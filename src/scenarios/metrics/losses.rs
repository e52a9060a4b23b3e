//! Partitions that lost their leader to a fault, and what came after.
//!
//! A partition loses its leader when a fault takes the leader from the side on which a majority of
//! the replicas still runs and talks. Without such a side nobody can take over: that is a loss of
//! the quorum, whose length is the scenario's choice and no metric.

use super::Measured;
use super::acks::{Ack, Acks};
use super::leadership::{self, Led};
use super::reach::Reach;
use crate::scenarios::history::{Fault, FaultKind, History, Micros, NodeLife, TopicPartition};
use crate::spec::NodeId;

/// How long after the new leader's first ack gaps still belong to the failover, in µs.
const AFTERMATH: u64 = 1_000_000;

/// A partition that lost its leader.
#[derive(Debug)]
pub(super) struct Loss<'a> {
    fault: &'a Fault,
    pub(super) partition: TopicPartition,
    led: Led,
    survivors: Vec<NodeId>,
}

/// Every loss of a leader after which a majority stayed until another led.
pub(super) fn of<'a>(history: &'a History, acks: &Acks) -> Vec<Loss<'a>> {
    let mut losses = Vec::new();
    for fault in &history.faults {
        let reach = Reach::under(history, &[fault]);
        let partitions = history.partitions().filter(|partition| {
            let created = history.topics[partition.0 as usize].at;
            created <= fault.began.at && !was_deleted(history, *partition, fault.began.at)
        });
        losses.extend(partitions.filter_map(|partition| {
            let led = leadership::leader_at(history, acks, partition, fault.began.at)?;
            let side = reach.majority_of(history.replicas_of(partition))?;
            let survivors = side.to_vec();
            (!survivors.contains(&led.by)).then_some(Loss {
                fault,
                partition,
                led,
                survivors,
            })
        }));
    }
    losses.retain(|loss| loss.had_quorum(history, acks));
    losses
}

fn was_deleted(history: &History, partition: TopicPartition, at: Micros) -> bool {
    let mut deleted = history.deleted.iter();
    deleted.any(|deleted| deleted.topic == partition.0 && deleted.at <= at)
}

impl Loss<'_> {
    /// Whether the leader was asked to leave.
    pub(super) fn is_handover(&self) -> bool {
        self.fault.began.kind == FaultKind::Stop
    }

    /// From the fault to the first answer of a survivor that names the new leader.
    pub(super) fn election(&self, history: &History) -> Option<Measured> {
        Some(self.measured(history, self.began(), self.named_at(history)?))
    }

    /// The largest gap between acks from the fault until [`AFTERMATH`] after the new leader's
    /// first.
    pub(super) fn gap(&self, history: &History, acks: &Acks) -> Option<Measured> {
        let first = self.first_ack(history, acks)?;
        let until = Micros(first.at.0.saturating_add(AFTERMATH));
        let (from, to) = acks.largest_gap(self.partition, self.began(), until)?;
        Some(self.measured(history, from, to))
    }

    fn began(&self) -> Micros {
        self.fault.began.at
    }

    fn measured(&self, history: &History, from: Micros, to: Micros) -> Measured {
        let partition = history.name_of(self.partition);
        Measured {
            from,
            to,
            what: format!("{}, {partition}", self.fault),
        }
    }

    fn named_at(&self, history: &History) -> Option<Micros> {
        let answers = history.metadata.iter();
        let names_another = answers.filter(|answer| {
            let named = leadership::named_by(history, answer, self.partition);
            answer.at > self.began()
                && self.survivors.contains(&answer.node)
                && named.is_some_and(|(by, epoch)| {
                    by != self.led.by && self.led.epoch.is_none_or(|old| epoch > old)
                })
        });
        names_another.map(|answer| answer.at).min()
    }

    fn first_ack(&self, history: &History, acks: &Acks) -> Option<Ack> {
        let after = acks.after(self.partition, self.began());
        let back = self.came_back(history);
        let by_another = |ack: &&Ack| {
            ack.broker != self.led.by || back.is_some_and(|spawned| ack.sent >= spawned)
        };
        after.iter().find(by_another).copied()
    }

    /// When the old leader's process was spawned again: from then on it can be the new one.
    fn came_back(&self, history: &History) -> Option<Micros> {
        let events = history.nodes.iter();
        let spawned = events.filter(|event| {
            event.node == self.led.by
                && event.at > self.began()
                && matches!(event.life, NodeLife::Spawned { .. })
        });
        spawned.map(|event| event.at).min()
    }

    /// Whether a majority of the replicas ran and talked until another led, or to the end.
    fn had_quorum(&self, history: &History, acks: &Acks) -> bool {
        let named = self.named_at(history);
        let acked = self.first_ack(history, acks).map(|ack| ack.at);
        let until = named.into_iter().chain(acked).min();
        let until = until.unwrap_or(Micros(u64::MAX));
        let faults = history.faults.iter();
        let at_work: Vec<&Fault> = faults
            .filter(|fault| fault.overlaps(self.began(), until))
            .collect();
        let reach = Reach::under(history, &at_work);
        let replicas = history.replicas_of(self.partition);
        reach.majority_of(replicas).is_some()
    }
}
