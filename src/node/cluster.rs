//! The broker's view of the cluster: metadata, gossip, and the partitions hosted here.
//!
//! Everything that reads answers from local state and never waits for a quorum; what changes
//! metadata goes to the metadata leader over the peer link.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::ResponseError;

use super::metadata::{MetadataImage, TopicImage};
use super::partition::Partition;
use crate::spec::{GroupId, NodeId, NodeSpec, TopicId};

/// Who leads a partition, as gossip has it; the highest term seen wins and is never undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::node) struct Leadership {
    /// The leader; `None` while there is none or it is known to be dead.
    pub(in crate::node) leader: Option<NodeId>,
    /// The leader epoch (Raft term); the last known one while there is no leader, -1 before any.
    pub(in crate::node) epoch: i32,
    /// In-sync replicas, in replica order.
    pub(in crate::node) isr: Vec<NodeId>,
}

/// A topic to be created.
#[derive(Debug, Clone)]
pub(in crate::node) struct NewTopic {
    /// A valid topic name.
    pub(in crate::node) name: String,
    /// The number of partitions; `None` for the broker's default.
    pub(in crate::node) partitions: Option<u32>,
    /// Replicas of each partition; `None` for the broker's default.
    pub(in crate::node) replication_factor: Option<usize>,
    /// Replicas by partition, when the client chose them; then the two above are `None`.
    pub(in crate::node) assignments: Option<Vec<Vec<NodeId>>>,
    /// Checked topic configs.
    pub(in crate::node) configs: BTreeMap<String, String>,
}

/// A refused change of metadata.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(in crate::node) struct Refusal {
    /// Kafka's error code.
    pub(in crate::node) code: ResponseError,
    /// What is wrong and what would be right, in words for a person.
    pub(in crate::node) message: String,
}

/// The cluster as this node's broker uses it.
#[derive(Clone)]
pub(in crate::node) struct Cluster {
    inner: Arc<Inner>,
}

struct Inner {
    spec: NodeSpec,
}

impl Cluster {
    /// This node's spec.
    pub(in crate::node) fn spec(&self) -> &NodeSpec {
        &self.inner.spec
    }

    /// The newest metadata applied here.
    pub(in crate::node) fn image(&self) -> Arc<MetadataImage> {
        todo!("raft")
    }

    /// Changes when a leader, a term or an ISR does.
    pub(in crate::node) fn watch_leaders(&self) -> tokio::sync::watch::Receiver<u64> {
        todo!("raft")
    }

    /// Nodes held alive by the failure detector, this one included, in order.
    pub(in crate::node) fn live_nodes(&self) -> Vec<NodeId> {
        todo!("raft")
    }

    /// The leader of the metadata group, when known.
    pub(in crate::node) fn controller(&self) -> Option<NodeId> {
        todo!("raft")
    }

    /// Who leads a partition.
    pub(in crate::node) fn leadership(&self, _group: GroupId) -> Leadership {
        todo!("raft")
    }

    /// The replica of a partition on this node.
    ///
    /// `UnknownTopicOrPartition` when metadata has no such partition; `NotLeaderOrFollower` when
    /// it exists and this node has no replica, or does not host it yet.
    pub(in crate::node) fn partition(
        &self,
        _topic: &str,
        _partition: i32,
    ) -> Result<Arc<Partition>, ResponseError> {
        todo!("raft")
    }

    /// The same, by the group's id (`UnknownTopicId` when metadata has no such topic).
    pub(in crate::node) fn partition_by_id(
        &self,
        _topic: TopicId,
        _partition: i32,
    ) -> Result<Arc<Partition>, ResponseError> {
        todo!("raft")
    }

    /// Every partition hosted here.
    pub(in crate::node) fn hosted(&self) -> Vec<Arc<Partition>> {
        todo!("raft")
    }

    /// Waits until this node has applied all that was committed when it was called (ReadIndex);
    /// for administrative reads that follow a write.
    pub(in crate::node) async fn read_barrier(&self) -> Result<(), ResponseError> {
        todo!("raft")
    }

    /// Creates topics; each answer comes when every partition has a leader that every live node
    /// knows, at most `timeout` later (then `RequestTimedOut`).
    pub(in crate::node) async fn create_topics(
        &self,
        _topics: Vec<NewTopic>,
        _timeout: Duration,
        _validate_only: bool,
    ) -> Vec<Result<Arc<TopicImage>, Refusal>> {
        todo!("raft")
    }

    /// Deletes topics by id.
    pub(in crate::node) async fn delete_topics(
        &self,
        _topics: Vec<TopicId>,
        _timeout: Duration,
    ) -> Vec<Result<(), Refusal>> {
        todo!("raft")
    }

    /// A producer id that no other producer of this cluster ever had.
    pub(in crate::node) async fn allocate_producer_id(&self) -> Result<i64, ResponseError> {
        todo!("raft")
    }
}
