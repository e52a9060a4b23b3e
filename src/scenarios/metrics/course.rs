//! Metrics of the nodes' own course: formation, rejoin, shutdown, and what they list at the end.

use std::ops::Range;

use super::leadership;
use super::{FORMED, Measured, REJOINED};
use crate::scenarios::history::{
    FaultKind, History, MetadataSeen, Micros, NodeEvent, NodeLife, TopicPartition,
};
use crate::spec::NodeId;

/// First spawn to the first [`FORMED`].
pub(super) fn formation(history: &History) -> Option<Measured> {
    let formed = history.milestones.iter().filter(|one| one.what == FORMED);
    Some(Measured {
        from: spawns(history).map(|event| event.at).min()?,
        to: formed.map(|one| one.at).min()?,
        what: String::from("first spawn to formed"),
    })
}

/// Each restart: spawn to in sync.
pub(super) fn rejoins(history: &History) -> Vec<Option<Measured>> {
    let again = spawns(history).filter(|event| {
        spawns(history).any(|earlier| earlier.node == event.node && earlier.at < event.at)
    });
    let measured = again.map(|event| {
        Some(Measured {
            from: event.at,
            to: in_sync_at(history, event.node, event.at)?,
            what: format!("restart of {}", event.node),
        })
    });
    measured.collect()
}

fn spawns(history: &History) -> impl Iterator<Item = &NodeEvent> {
    let events = history.nodes.iter();
    events.filter(|event| matches!(event.life, NodeLife::Spawned { .. }))
}

/// When the node is in sync again: its [`REJOINED`], or else the moment at which both its log end
/// and the ISR were seen to be what they must be, for every partition that it holds.
fn in_sync_at(history: &History, node: NodeId, spawned: Micros) -> Option<Micros> {
    let life = spawned..exited_at(history, node, spawned).unwrap_or(Micros(u64::MAX));
    let told = history
        .milestones
        .iter()
        .filter(|one| one.what == REJOINED && one.node == Some(node) && life.contains(&one.at));
    if let Some(at) = told.map(|one| one.at).min() {
        return Some(at);
    }
    let held = history.partitions().filter(|partition| {
        let known = history.replicas_of(*partition).contains(&node);
        known && !history.is_deleted(partition.0)
    });
    let moments: Option<Vec<Micros>> = held
        .map(|partition| {
            let caught_up = caught_up_at(history, node, partition, &life)?;
            let listed = listed_at(history, node, partition, &life)?;
            Some(caught_up.max(listed))
        })
        .collect();
    moments?.into_iter().max()
}

/// When the node's log end was first seen to be the leader's as told last before it.
fn caught_up_at(
    history: &History,
    node: NodeId,
    partition: TopicPartition,
    life: &Range<Micros>,
) -> Option<Micros> {
    let ends = history.log_ends.iter();
    let mut ends: Vec<_> = ends
        .filter(|end| end.partition == partition && life.contains(&end.at))
        .collect();
    ends.sort_by_key(|end| end.at);
    let mut leader_end = None;
    for end in ends {
        if end.node == node {
            if leader_end.is_some_and(|leader| end.end >= leader) {
                return Some(end.at);
            }
        } else if leads(history, end.node, partition, end.at) {
            leader_end = Some(end.end);
        }
    }
    None
}

/// Whether the last answer up to then that names a leader names this node.
fn leads(history: &History, node: NodeId, partition: TopicPartition, at: Micros) -> bool {
    let answers = history.metadata.iter().filter(|answer| answer.at <= at);
    let named = answers.filter_map(|answer| leadership::named_by(history, answer, partition));
    let latest = named.max_by_key(|(_, epoch)| *epoch);
    latest.is_some_and(|(by, _)| by == node)
}

/// When an ISR with the node in it was first seen after its spawn, and after one without it if
/// there is such a one: right after a kill the ISR may still hold it.
fn listed_at(
    history: &History,
    node: NodeId,
    partition: TopicPartition,
    life: &Range<Micros>,
) -> Option<Micros> {
    let seen = history.metadata.iter().filter_map(|answer| {
        let seen = leadership::seen_in(history, answer, partition)?;
        life.contains(&answer.at)
            .then_some((answer.at, seen.isr.contains(&node)))
    });
    let mut seen: Vec<(Micros, bool)> = seen.collect();
    seen.sort_by_key(|(at, _)| *at);
    let without = seen.iter().rposition(|(_, listed)| !listed);
    let since = without.map_or(0, |last| last + 1);
    seen.get(since).map(|(at, _)| *at)
}

/// Each SIGTERM of a node: to its being reaped.
pub(super) fn shutdowns(history: &History) -> Vec<Option<Measured>> {
    let stops = history.faults.iter();
    let stops = stops.filter(|fault| fault.began.kind == FaultKind::Stop);
    let measured = stops.flat_map(|fault| {
        fault.began.nodes.iter().map(|node| {
            Some(Measured {
                from: fault.began.at,
                to: exited_at(history, *node, fault.began.at)?,
                what: format!("stop {node}"),
            })
        })
    });
    measured.collect()
}

fn exited_at(history: &History, node: NodeId, since: Micros) -> Option<Micros> {
    let events = history.nodes.iter();
    let exits = events.filter(|event| {
        let exited = matches!(event.life, NodeLife::Exited { .. });
        exited && event.node == node && event.at >= since
    });
    exits.map(|event| event.at).min()
}

/// The number of topics that each node lists at the end, where it is one number.
pub(super) fn topics(history: &History) -> Option<u64> {
    let counts = history.header.nodes.iter().map(|node| {
        let answer = last_answer(history, *node)?;
        let sound = answer.topics.iter().filter(|topic| topic.error == 0);
        Some(sound.count() as u64)
    });
    let counts: Vec<u64> = counts.collect::<Option<_>>()?;
    let first = *counts.first()?;
    counts.iter().all(|count| *count == first).then_some(first)
}

fn last_answer(history: &History, node: NodeId) -> Option<&MetadataSeen> {
    let since = history.healed.unwrap_or_default();
    let answers = history.metadata.iter();
    let own = answers.filter(|answer| answer.node == node && answer.at >= since);
    own.max_by_key(|answer| answer.at)
}
