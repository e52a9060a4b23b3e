//! `GET /status`.

use super::Inner;
use crate::node::cluster::{Cluster, Readiness};
use crate::node::partition::{Partition, Serving};
use crate::spec::{GroupId, LinkStatus, MetadataStatus, NodeId, NodeStatus, PartitionStatus, Role};

/// The node's status right now.
pub(super) fn of(face: &Inner) -> NodeStatus {
    let cluster = &face.cluster;
    let spec = cluster.spec();
    let readiness = face.ready.borrow().clone();
    let not_ready_reason = match &readiness {
        Readiness::Ready => None,
        Readiness::NotReady(reason) => Some(reason.clone()),
    };
    let mut partitions: Vec<PartitionStatus> = cluster
        .hosted()
        .iter()
        .map(|partition| partition_status(cluster, partition))
        .collect();
    partitions.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
    NodeStatus {
        node: spec.node,
        cluster_id: spec.cluster_id,
        boot: cluster.boot(),
        uptime_ms: face.started.elapsed().as_millis() as u64,
        ready: readiness == Readiness::Ready,
        not_ready_reason,
        leaving: *face.leaving.borrow(),
        metadata: metadata(cluster),
        links: links(cluster),
        partitions,
    }
}

fn metadata(cluster: &Cluster) -> MetadataStatus {
    let image = cluster.image();
    let leadership = cluster.leadership(GroupId::METADATA);
    MetadataStatus {
        leader: leadership.leader,
        term: u64::try_from(leadership.epoch).unwrap_or(0),
        applied: image.applied,
        topics: image.topics.len(),
    }
}

fn links(cluster: &Cluster) -> Vec<LinkStatus> {
    let peers = cluster.links().peers();
    let peers = peers.borrow();
    let status = |(peer, state): (&NodeId, &crate::node::link::PeerState)| LinkStatus {
        peer: *peer,
        linked: state.linked,
        alive: state.alive,
        heard_ms: cluster.links().heard_ms(*peer),
        reason: state.reason.clone(),
    };
    peers.peers.iter().map(status).collect()
}

fn partition_status(cluster: &Cluster, partition: &Partition) -> PartitionStatus {
    let group = partition.group();
    let leadership = cluster.leadership(group);
    let offsets = partition.offsets();
    let role = match partition.serving() {
        _ if partition.raft().repairing() => Role::Repairing,
        Serving::Leader { .. } => Role::Leader,
        Serving::Follower { .. } => Role::Follower,
    };
    PartitionStatus {
        topic: partition.topic().to_owned(),
        topic_id: group.topic,
        partition: group.partition,
        role,
        leader: leadership.leader,
        term: u64::try_from(leadership.epoch).unwrap_or(0),
        replicas: partition.raft().voters().to_vec(),
        isr: leadership.isr,
        log_start: offsets.log_start,
        log_end: offsets.log_end,
        high_watermark: offsets.high_watermark,
    }
}
