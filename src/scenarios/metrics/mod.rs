//! The metrics of a scenario: one definition each, measured from the events of its history.
//!
//! What a history does not show is `None`, never zero. Of several cases (partitions, faults,
//! nodes) the worst counts; one whose end was not seen leaves the whole metric unmeasured, since
//! the others would flatter it. Nothing here judges: a budget is a promise of the scenario.

mod acks;
mod course;
mod kind;
mod leadership;
mod losses;
mod ranges;
mod reach;
mod records;
mod spread;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use kind::{Metric, Unit};
pub use spread::Spread;

use super::history::{History, Micros, TopicPartition};
use acks::Acks;

/// The milestone at which the conditions of `clean-startup` hold.
pub const FORMED: &str = "formed";
/// The milestone at which a restarted node, which it names, is in sync again.
pub const REJOINED: &str = "rejoined";

/// A time that was measured, and between which moments of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// The moment of the first event.
    pub from: Micros,
    /// The moment of the second.
    pub to: Micros,
    /// What happened between them, and to whom: `kill node-1, orders-0`.
    pub what: String,
}

impl Measured {
    /// How long it took.
    pub fn length(&self) -> Duration {
        self.to.since(self.from)
    }
}

/// All metrics of one run of a scenario.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metrics {
    /// First spawn to [`FORMED`].
    pub formation: Option<Measured>,
    /// The signal or the cut to the first answer of a survivor that names the new leader.
    pub election: Option<Measured>,
    /// The largest gap between acks of a partition that lost its leader unasked.
    pub failover: Option<Measured>,
    /// Spawn of a restarted node to its being in sync again.
    pub rejoin: Option<Measured>,
    /// SIGTERM to the process being reaped.
    pub shutdown: Option<Measured>,
    /// The largest gap between acks of a partition whose leader was asked to leave.
    pub handover_gap: Option<Measured>,
    /// Records acked.
    pub messages_replicated: Option<u64>,
    /// Acked records that were read back from every replica.
    pub messages_recovered: Option<u64>,
    /// Topics that every node lists; `None` too when their numbers differ.
    pub topics: Option<u64>,
}

impl Metrics {
    /// The times with their events; `None` for what is counted, or was not seen.
    pub fn measured(&self, metric: Metric) -> Option<&Measured> {
        match metric {
            Metric::Formation => self.formation.as_ref(),
            Metric::Election => self.election.as_ref(),
            Metric::Failover => self.failover.as_ref(),
            Metric::Rejoin => self.rejoin.as_ref(),
            Metric::Shutdown => self.shutdown.as_ref(),
            Metric::HandoverGap => self.handover_gap.as_ref(),
            Metric::Replicated | Metric::Recovered | Metric::Topics => None,
        }
    }

    /// The metric's value in its unit: milliseconds, or a count.
    pub fn value(&self, metric: Metric) -> Option<f64> {
        let count = match metric {
            Metric::Replicated => self.messages_replicated,
            Metric::Recovered => self.messages_recovered,
            Metric::Topics => self.topics,
            _ => return Some(self.measured(metric)?.length().as_micros() as f64 / 1e3),
        };
        count.map(|count| count as f64)
    }
}

/// Measures everything that the history shows.
pub fn measure(history: &History) -> Metrics {
    let acks = Acks::of(history);
    let losses = losses::of(history, &acks);
    let (handed, lost): (Vec<_>, Vec<_>) = losses.iter().partition(|loss| loss.is_handover());
    let (replicated, recovered) = records::count(history);
    Metrics {
        formation: course::formation(history),
        election: worst(losses.iter().map(|loss| loss.election(history))),
        failover: worst(lost.iter().map(|loss| loss.gap(history, &acks))),
        rejoin: worst(course::rejoins(history).into_iter()),
        shutdown: worst(course::shutdowns(history).into_iter()),
        handover_gap: worst(handed.iter().map(|loss| loss.gap(history, &acks))),
        messages_replicated: replicated,
        messages_recovered: recovered,
        topics: course::topics(history),
    }
}

/// Each loss of a leader for which a survivor named the next one, with its partition.
pub fn elections(history: &History) -> Vec<(TopicPartition, Measured)> {
    let losses = losses::of(history, &Acks::of(history));
    let seen = losses.iter().filter_map(|loss| {
        let election = loss.election(history)?;
        Some((loss.partition, election))
    });
    seen.collect()
}

/// The largest gap between consecutive acks of one partition that reaches into the window; the
/// worst partition counts. `None` when nothing was acked or tried there.
///
/// It is the gap of the budgets: those partitions count whose load was on.
pub fn largest_gap(history: &History, from: Micros, to: Micros) -> Option<Measured> {
    let acks = Acks::of(history);
    let gaps = history.partitions().filter_map(|partition| {
        let gap = acks.largest_gap(partition, from, to)?;
        Some(Measured {
            from: gap.0,
            to: gap.1,
            what: format!("acks of {}", history.name_of(partition)),
        })
    });
    gaps.max_by_key(Measured::length)
}

/// The longest of all; `None` when there is none, or one of them has no end.
fn worst(cases: impl Iterator<Item = Option<Measured>>) -> Option<Measured> {
    let all: Option<Vec<_>> = cases.collect();
    all?.into_iter().max_by_key(Measured::length)
}
