//! Nodes and partitions as lanes: what each was at which time.

use std::collections::HashMap;

use super::{LeaderChange, Stretch};
use crate::scenarios::history::{
    Fault, FaultKind, History, Micros, NodeLife, PartitionSeen, TopicPartition,
};
use crate::scenarios::metrics::Measured;
use crate::spec::NodeId;

/// Lanes of partitions that are shown.
const MOST_LEADERS: usize = 9;

/// What a node or a partition is for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scenarios::report) enum State {
    /// A node that runs.
    Up,
    /// A node that is not ready yet.
    Starting,
    /// A node under a fault that leaves it running.
    Broken,
    /// A partition that this node leads.
    LedBy(NodeId),
    /// A partition that lost its leader.
    Electing,
}

/// One state in a lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::scenarios::report) struct LaneSpan {
    pub(in crate::scenarios::report) at: Stretch,
    pub(in crate::scenarios::report) state: State,
    pub(in crate::scenarios::report) words: String,
}

/// One node or partition over time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::scenarios::report) struct Lane {
    pub(in crate::scenarios::report) name: String,
    pub(in crate::scenarios::report) spans: Vec<LaneSpan>,
}

/// The nodes: starting, up, gone; and the faults that leave them running.
pub(super) fn nodes(history: &History, whole: Stretch) -> Vec<Lane> {
    let lanes = history.header.nodes.iter().map(|node| {
        let mut spans = life(history, *node, whole);
        let hit = history.faults.iter().filter(|fault| hits(fault, *node));
        spans.extend(hit.map(|fault| {
            let ended = fault.ended.unwrap_or(whole.to);
            span(
                fault.began.at,
                ended,
                State::Broken,
                fault.began.kind.to_string(),
            )
        }));
        Lane {
            name: node.to_string(),
            spans,
        }
    });
    lanes.collect()
}

fn span(from: Micros, to: Micros, state: State, words: String) -> LaneSpan {
    LaneSpan {
        at: Stretch { from, to },
        state,
        words,
    }
}

fn life(history: &History, node: NodeId, whole: Stretch) -> Vec<LaneSpan> {
    let mut events: Vec<_> = history
        .nodes
        .iter()
        .filter(|one| one.node == node)
        .collect();
    events.sort_by_key(|event| event.at);
    // A node of a cluster that ran before has no spawn.
    let began_up = events
        .first()
        .is_none_or(|first| !matches!(first.life, NodeLife::Spawned { .. }));
    let mut now = began_up.then_some((whole.from, State::Up));
    let mut spans = Vec::new();
    for event in events {
        // A node may say more than once that it is ready.
        if event.life == NodeLife::Ready && now.is_some_and(|(_, state)| state == State::Up) {
            continue;
        }
        if let Some((since, state)) = now {
            spans.push(span(since, event.at, state, word(state).to_owned()));
        }
        now = match event.life {
            NodeLife::Spawned { .. } => Some((event.at, State::Starting)),
            NodeLife::Ready => Some((event.at, State::Up)),
            NodeLife::Exited { .. } => None,
        };
    }
    spans.extend(now.map(|(since, state)| span(since, whole.to, state, word(state).to_owned())));
    spans
}

fn word(state: State) -> &'static str {
    match state {
        State::Starting => "starting",
        _ => "up",
    }
}

/// Whether a fault breaks a node that goes on running.
fn hits(fault: &Fault, node: NodeId) -> bool {
    let began = &fault.began;
    let on_links = matches!(began.kind, FaultKind::Cut | FaultKind::Slow);
    match began.kind {
        FaultKind::Kill | FaultKind::Stop => false,
        _ if on_links && began.nodes.is_empty() => has_most_edges(&began.edges, node),
        _ => began.nodes.contains(&node),
    }
}

/// Of links alone the nodes with most of them are the ones that were meant.
fn has_most_edges(edges: &[(NodeId, NodeId)], node: NodeId) -> bool {
    let touched = |node: NodeId| {
        let touching = edges.iter().filter(|(a, b)| *a == node || *b == node);
        touching.count()
    };
    let ends = edges.iter().flat_map(|(a, b)| [*a, *b]);
    let most = ends.map(touched).max().unwrap_or(0);
    most > 0 && touched(node) == most
}

/// When a leader of a later epoch was first named.
struct Named {
    at: Micros,
    leader: Option<NodeId>,
    epoch: i32,
}

/// The leaders of each partition, in the order of their epochs.
fn named(history: &History) -> HashMap<TopicPartition, Vec<Named>> {
    let topics = history.topics.iter().enumerate();
    let numbers: HashMap<&str, u32> = topics
        .map(|(number, topic)| (topic.name.as_str(), number as u32))
        .collect();
    let mut answers: Vec<_> = history.metadata.iter().collect();
    answers.sort_by_key(|answer| answer.at);
    let mut named = HashMap::<TopicPartition, Vec<Named>>::new();
    for answer in answers {
        for topic in &answer.topics {
            let Some(number) = numbers.get(topic.name.as_str()) else {
                continue;
            };
            for seen in &topic.partitions {
                let place = TopicPartition(*number, seen.partition);
                note(named.entry(place).or_default(), answer.at, seen);
            }
        }
    }
    named
}

fn note(known: &mut Vec<Named>, at: Micros, seen: &PartitionSeen) {
    if known.last().is_none_or(|last| seen.epoch > last.epoch) && seen.leader.is_some() {
        known.push(Named {
            at,
            leader: seen.leader,
            epoch: seen.epoch,
        });
    }
}

/// Each leader that took over from another.
pub(super) fn changes(history: &History) -> Vec<LeaderChange> {
    let named = named(history);
    let changes = named.iter().flat_map(|(partition, leaders)| {
        leaders.windows(2).filter_map(|pair| {
            let (old, new) = (pair[0].leader?, pair[1].leader?);
            let name = history.name_of(*partition);
            (old != new).then(|| LeaderChange {
                at: pair[1].at,
                words: format!("{name}: {old} → {new}, epoch {}", pair[1].epoch),
            })
        })
    });
    let mut changes: Vec<LeaderChange> = changes.collect();
    changes.sort_by(|a, b| (a.at, &a.words).cmp(&(b.at, &b.words)));
    changes
}

/// The partitions under load with their leaders, and how many are left out.
pub(super) fn leaders(
    history: &History,
    elections: &[(TopicPartition, Measured)],
    whole: Stretch,
) -> (Vec<Lane>, usize) {
    let named = named(history);
    let mut loaded: Vec<_> = history.attempts.iter().map(|one| one.partition).collect();
    loaded.sort_unstable();
    loaded.dedup();
    loaded.retain(|partition| named.contains_key(partition));
    let left_out = loaded.len().saturating_sub(MOST_LEADERS);
    loaded.truncate(MOST_LEADERS);
    let lanes = loaded.into_iter().map(|partition| {
        let mut spans = led(&named[&partition], whole);
        let own = elections.iter().filter(|(of, _)| *of == partition);
        spans.extend(
            own.map(|(_, one)| span(one.from, one.to, State::Electing, String::from("no leader"))),
        );
        Lane {
            name: history.name_of(partition),
            spans,
        }
    });
    (lanes.collect(), left_out)
}

fn led(leaders: &[Named], whole: Stretch) -> Vec<LaneSpan> {
    let ends = leaders.iter().skip(1).map(|next| next.at).chain([whole.to]);
    let spans = leaders.iter().zip(ends).filter_map(|(named, until)| {
        let leader = named.leader?;
        let words = format!("{leader} leads in epoch {}", named.epoch);
        Some(span(named.at, until, State::LedBy(leader), words))
    });
    spans.collect()
}
