//! Which nodes can talk with each other while faults are at work.

use crate::scenarios::history::{Fault, FaultKind, History};
use crate::spec::NodeId;

/// The groups of nodes that run and reach each other, in both directions.
#[derive(Debug)]
pub(super) struct Reach(Vec<Vec<NodeId>>);

impl Reach {
    /// What these faults leave, all at once.
    pub(super) fn under(history: &History, faults: &[&Fault]) -> Self {
        let down = |node: &NodeId| faults.iter().any(|fault| stops(fault, *node));
        let cut = |a, b| faults.iter().any(|fault| cuts(fault, a, b));
        let nodes = history.header.nodes.iter().copied();
        let mut left: Vec<NodeId> = nodes.filter(|node| !down(node)).collect();
        let mut sides = Vec::new();
        while let Some(first) = left.pop() {
            let mut side = vec![first];
            let mut next = 0;
            while next < side.len() {
                let node = side[next];
                let (reached, rest) = left.iter().partition(|other| !cut(node, **other));
                side.extend::<Vec<NodeId>>(reached);
                left = rest;
                next += 1;
            }
            sides.push(side);
        }
        Self(sides)
    }

    /// The side with a majority of these replicas.
    pub(super) fn majority_of(&self, replicas: &[NodeId]) -> Option<&[NodeId]> {
        let with_majority = |side: &&Vec<NodeId>| {
            let here = replicas.iter().filter(|node| side.contains(node)).count();
            here * 2 > replicas.len()
        };
        self.0.iter().find(with_majority).map(Vec::as_slice)
    }
}

fn stops(fault: &Fault, node: NodeId) -> bool {
    let kind = fault.began.kind;
    let ends_or_halts = matches!(kind, FaultKind::Kill | FaultKind::Stop | FaultKind::Pause);
    ends_or_halts && fault.began.nodes.contains(&node)
}

/// Whether bytes are lost on the way from one to the other, or back.
fn cuts(fault: &Fault, a: NodeId, b: NodeId) -> bool {
    let edges = &fault.began.edges;
    fault.began.kind == FaultKind::Cut && (edges.contains(&(a, b)) || edges.contains(&(b, a)))
}
