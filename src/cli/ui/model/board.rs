//! Partitions × nodes: who leads, who is in sync, who is silent; from what each node says itself.

use std::collections::BTreeMap;

use crate::spec::{NodeId, NodeStatus, PartitionStatus, Role};

/// One partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli::ui) struct Row {
    /// `orders/0`.
    pub(in crate::cli::ui) name: String,
    /// Its leader, where one is known.
    pub(in crate::cli::ui) leader: Option<NodeId>,
    /// The highest leader epoch that a node names.
    pub(in crate::cli::ui) term: u64,
    /// In-sync replicas, as the leader knows them.
    pub(in crate::cli::ui) isr: Vec<NodeId>,
    /// How many replicas it has.
    pub(in crate::cli::ui) replicas: usize,
    /// The highest high watermark that a node names.
    pub(in crate::cli::ui) high_watermark: i64,
    /// Its replica on each node, in the nodes' order.
    pub(in crate::cli::ui) cells: Vec<Cell>,
}

/// A partition's replica on a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli::ui) enum Cell {
    /// None.
    Absent,
    /// The leader.
    Leader,
    /// A follower in sync.
    InSync,
    /// A follower out of sync.
    Behind,
    /// A damaged replica that is being fetched again.
    Repairing,
    /// The node does not answer.
    Silent,
}

/// The board of these nodes, by what they said last; internal topics last.
pub(in crate::cli::ui) fn board(
    nodes: &[NodeId],
    said: &BTreeMap<NodeId, &NodeStatus>,
) -> Vec<Row> {
    let mut partitions: BTreeMap<Key<'_>, Vec<(NodeId, &PartitionStatus)>> = BTreeMap::new();
    for (node, status) in said {
        for partition in &status.partitions {
            let replicas = partitions.entry(key(partition)).or_default();
            replicas.push((*node, partition));
        }
    }
    let rows = partitions.values();
    rows.filter_map(|replicas| row(nodes, replicas)).collect()
}

/// Whether it is internal, its topic and its index.
type Key<'a> = (bool, &'a str, u32);

fn key(partition: &PartitionStatus) -> Key<'_> {
    let internal = partition.topic.starts_with("__");
    (internal, &partition.topic, partition.partition)
}

fn row(nodes: &[NodeId], replicas: &[(NodeId, &PartitionStatus)]) -> Option<Row> {
    let authority = authority(replicas)?;
    let high = replicas.iter().map(|(_, replica)| replica.high_watermark);
    let cells = nodes.iter().map(|node| {
        let own = replicas.iter().find(|(of, _)| of == node);
        cell(*node, own.map(|(_, replica)| *replica), authority)
    });
    Some(Row {
        name: format!("{}/{}", authority.topic, authority.partition),
        leader: authority.leader,
        term: authority.term,
        isr: authority.isr.clone(),
        replicas: authority.replicas.len(),
        high_watermark: high.max()?,
        cells: cells.collect(),
    })
}

/// Whom to believe: the highest term, and in it the leader itself.
fn authority<'a>(replicas: &[(NodeId, &'a PartitionStatus)]) -> Option<&'a PartitionStatus> {
    let weight =
        |(_, replica): &&(NodeId, &PartitionStatus)| (replica.term, replica.role == Role::Leader);
    replicas
        .iter()
        .max_by_key(weight)
        .map(|(_, replica)| *replica)
}

fn cell(node: NodeId, own: Option<&PartitionStatus>, authority: &PartitionStatus) -> Cell {
    if !authority.replicas.contains(&node) {
        return Cell::Absent;
    }
    match own {
        None => Cell::Silent,
        Some(own) if own.role == Role::Repairing => Cell::Repairing,
        Some(_) if authority.leader == Some(node) => Cell::Leader,
        Some(_) if authority.isr.contains(&node) => Cell::InSync,
        Some(_) => Cell::Behind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::ui::model::fixture::{node, partition};

    const NODES: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];

    fn rows(statuses: &[NodeStatus]) -> Vec<Row> {
        let said = statuses.iter().map(|status| (status.node, status));
        board(&NODES, &said.collect())
    }

    #[test]
    fn the_leader_of_the_highest_term_is_believed() {
        let mut old = partition("t", 0, 1, 7);
        old.role = Role::Leader;
        let mut new = partition("t", 0, 2, 9);
        new.term = 2;
        new.role = Role::Leader;
        new.isr = vec![NodeId(2), NodeId(3)];
        let follower = PartitionStatus {
            role: Role::Follower,
            isr: Vec::new(),
            ..new.clone()
        };
        let rows = rows(&[
            node(1, vec![old]),
            node(2, vec![new]),
            node(3, vec![follower]),
        ]);
        assert_eq!(rows[0].cells, [Cell::Behind, Cell::Leader, Cell::InSync]);
        assert_eq!((rows[0].term, rows[0].high_watermark), (2, 9));
    }

    #[test]
    fn a_node_that_says_nothing_is_silent_and_one_without_a_replica_is_absent() {
        let mut status = partition("t", 0, 1, 7);
        status.replicas = vec![NodeId(1), NodeId(2)];
        let rows = rows(&[node(1, vec![status])]);
        assert_eq!(rows[0].cells, [Cell::Leader, Cell::Silent, Cell::Absent]);
    }

    #[test]
    fn internal_topics_come_last() {
        let internal = partition("__consumer_offsets", 0, 1, 7);
        let rows = rows(&[node(1, vec![internal, partition("orders", 0, 1, 1)])]);
        let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["orders/0", "__consumer_offsets/0"]);
    }
}
