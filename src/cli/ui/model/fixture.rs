//! What nodes and clusters say in the tests of the dashboard.

use crate::spec::{
    BootId, ClusterId, LinkStatus, MetadataStatus, NodeId, NodeStatus, PartitionStatus, Ports,
    Role, TopicId,
};
use crate::supervisor::{ClusterState, ClusterStatus, LastWords, NodeLoad, NodeView};

/// A replica of a partition that `leader` leads; the role is the leader's.
pub(in crate::cli::ui) fn partition(
    topic: &str,
    index: u32,
    leader: u64,
    high: i64,
) -> PartitionStatus {
    let topic_id = TopicId(uuid::Uuid::from_u64_pair(1, topic.len() as u64));
    PartitionStatus {
        topic: topic.to_owned(),
        topic_id,
        partition: index,
        role: Role::Leader,
        leader: Some(NodeId(leader)),
        term: 1,
        replicas: (1..=3).map(NodeId).collect(),
        isr: (1..=3).map(NodeId).collect(),
        log_start: 0,
        log_end: high,
        high_watermark: high,
    }
}

/// A node's own status, linked with nobody yet.
pub(in crate::cli::ui) fn node(id: u64, partitions: Vec<PartitionStatus>) -> NodeStatus {
    NodeStatus {
        node: NodeId(id),
        cluster_id: ClusterId(uuid::Uuid::nil()),
        boot: BootId(1),
        uptime_ms: 1_000,
        ready: true,
        not_ready_reason: None,
        leaving: false,
        metadata: MetadataStatus {
            leader: Some(NodeId(1)),
            term: 1,
            applied: 12,
            topics: 2,
        },
        links: Vec::new(),
        partitions,
    }
}

/// A node of three with its links: linked with these.
pub(in crate::cli::ui) fn linked(mut node: NodeStatus, with: &[u64]) -> NodeStatus {
    let peers = (1..=3).filter(|peer| *peer != node.node.0);
    node.links = peers
        .map(|peer| LinkStatus {
            peer: NodeId(peer),
            linked: with.contains(&peer),
            alive: with.contains(&peer),
            heard_ms: Some(3),
            reason: None,
        })
        .collect();
    node
}

/// A ready cluster of three as its supervisor shows it.
pub(in crate::cli::ui) fn cluster() -> ClusterStatus {
    ClusterStatus {
        cluster: "dev".into(),
        state: ClusterState::Ready,
        cluster_id: ClusterId(uuid::Uuid::nil()),
        leader: Some("node-1".into()),
        term: Some(1),
        took_ms: Some(212.4),
        phases: Vec::new(),
        bootstrap: "127.0.0.1:9092,127.0.0.1:9192,127.0.0.1:9292".into(),
        nodes: (1..=3).map(view).collect(),
        faults: Vec::new(),
        direct: false,
        ephemeral: false,
        supervisor_pid: 4_000,
        directory: "/d".into(),
    }
}

fn view(id: u64) -> NodeView {
    let base = 9_092 + 100 * (id as u16 - 1);
    NodeView {
        id: NodeId(id),
        name: NodeId(id).to_string(),
        state: "ready".into(),
        pid: Some(4_000 + id as u32),
        role: Some(if id == 1 {
            Role::Leader
        } else {
            Role::Follower
        }),
        restarts: 0,
        ports: Ports {
            kafka: base,
            raft: base + 1,
            metrics: base + 2,
            search: Some(base + 3),
        },
        data_dir: "/d".into(),
        log: "/d/node.log".into(),
        waiting_for: None,
        exit: None,
        died: false,
        term: Some(1),
        applied: Some(12),
        load: Some(NodeLoad {
            partitions: 6,
            led: 2,
            lag: Some(0),
            uptime_ms: 1_000,
        }),
        last_words: LastWords::default(),
    }
}
