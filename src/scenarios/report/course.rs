//! What the charts show of a history: the load in bins of 10 ms, latencies over time, nodes and
//! leaders as lanes.

mod lanes;
mod load;

pub(super) use lanes::{Lane, LaneSpan, State};
pub(super) use load::{BIN, Latency, Load};

use crate::scenarios::history::{Fault, History, Micros};
use crate::scenarios::metrics::{self, Measured, Metric, Metrics};
use crate::spec::NodeId;

/// What is shown beside the stretch of interest: before it and behind it.
const AROUND: (u64, u64) = (150_000, 350_000);
/// A stretch longer than this, in µs, is not shown closer.
const CLOSER: u64 = 3_000_000;

/// A stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) from: Micros,
    pub(super) to: Micros,
}

impl Stretch {
    pub(super) fn length(self) -> u64 {
        self.to.0.saturating_sub(self.from.0)
    }
}

/// Something that began and ended on the common time axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) at: Stretch,
    pub(super) words: String,
}

/// Another leader of a partition was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LeaderChange {
    pub(super) at: Micros,
    pub(super) words: String,
}

/// Everything that the charts of one run show.
#[derive(Debug, Clone)]
pub(super) struct Course {
    /// From the start to a little after the last thing of interest.
    pub(super) whole: Stretch,
    /// What is worth a closer look.
    pub(super) closer: Option<Mark>,
    pub(super) load: Load,
    pub(super) faults: Vec<Mark>,
    pub(super) elections: Vec<Mark>,
    pub(super) changes: Vec<LeaderChange>,
    pub(super) nodes: Vec<Lane>,
    pub(super) leaders: Vec<Lane>,
    /// Partitions whose lane is left out.
    pub(super) more_leaders: usize,
    /// Where colours come from: a node's place here.
    pub(super) palette: Vec<NodeId>,
}

impl Course {
    /// The course of a history.
    pub(super) fn of(history: &History, metrics: &Metrics) -> Self {
        let palette = palette(history);
        let load = Load::of(history, &palette);
        let changes = lanes::changes(history);
        let whole = whole(history, &load, &changes);
        let elections = metrics::elections(history);
        let (leaders, more_leaders) = lanes::leaders(history, &elections, whole);
        Self {
            closer: closer(metrics, whole),
            faults: history.faults.iter().map(|one| mark(one, whole)).collect(),
            elections: longest_of_each_fault(elections.into_iter().map(|(_, one)| one)),
            nodes: lanes::nodes(history, whole),
            leaders,
            more_leaders,
            changes,
            load,
            whole,
            palette,
        }
    }
}

fn palette(history: &History) -> Vec<NodeId> {
    let brokers = history.attempts.iter().map(|attempt| attempt.broker);
    let mut nodes: Vec<NodeId> = history
        .header
        .nodes
        .iter()
        .copied()
        .chain(brokers)
        .collect();
    nodes.sort_unstable();
    nodes.dedup();
    nodes
}

fn whole(history: &History, load: &Load, changes: &[LeaderChange]) -> Stretch {
    let faults = history.faults.iter();
    let faults = faults.map(|fault| fault.ended.unwrap_or(fault.began.at));
    let nodes = history.nodes.iter().map(|event| event.at);
    let changes = changes.iter().map(|change| change.at);
    let last = faults.chain(nodes).chain(changes).chain([load.end()]).max();
    let last = last.unwrap_or_default().0.max(BIN);
    Stretch {
        from: Micros(0),
        to: Micros(last + last / 50),
    }
}

/// The largest gap, with the election where there was one: on a busy machine they lie apart.
fn closer(metrics: &Metrics, whole: Stretch) -> Option<Mark> {
    let wanted = [Metric::Failover, Metric::HandoverGap, Metric::Election];
    let found = wanted.into_iter().find_map(|metric| {
        let measured = metrics.measured(metric)?;
        Some((metric, measured))
    });
    let (metric, measured) = found?;
    let both = || std::iter::once(measured).chain(metrics.election.as_ref());
    let from = both().map(|one| one.from.0).min()?;
    let to = both().map(|one| one.to.0).max()?;
    let at = Stretch {
        from: Micros(from.saturating_sub(AROUND.0)),
        to: Micros((to + AROUND.1).min(whole.to.0)),
    };
    let words = format!("{metric}: {}", measured.what);
    let worth_it = at.length() <= CLOSER && at.length() * 2 < whole.length();
    worth_it.then_some(Mark { at, words })
}

fn mark(fault: &Fault, whole: Stretch) -> Mark {
    Mark {
        at: Stretch {
            from: fault.began.at,
            to: fault.ended.unwrap_or(whole.to),
        },
        words: fault.to_string(),
    }
}

/// Of elections that began with the same fault, the one that took longest.
fn longest_of_each_fault(elections: impl Iterator<Item = Measured>) -> Vec<Mark> {
    let mut all: Vec<Measured> = elections.collect();
    all.sort_by_key(|one| (one.from, std::cmp::Reverse(one.to)));
    all.dedup_by_key(|one| one.from);
    let marks = all.into_iter().map(|one| Mark {
        at: Stretch {
            from: one.from,
            to: one.to,
        },
        words: one.what,
    });
    marks.collect()
}
