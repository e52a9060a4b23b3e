//! What the nodes say about the cluster.

use serde::{Deserialize, Serialize};

use super::{Micros, TopicPartition};
use crate::spec::NodeId;

/// One node's answer to Metadata.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetadataSeen {
    /// When it was answered.
    pub at: Micros,
    /// The node asked.
    pub node: NodeId,
    /// The brokers that it lists.
    pub brokers: Vec<NodeId>,
    /// The topics that it describes; those of the history that are not among them are not known
    /// to this node.
    pub topics: Vec<TopicSeen>,
}

/// A topic as one node describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicSeen {
    /// Its name.
    pub name: String,
    /// Its Kafka error code, 0 for none.
    #[serde(default)]
    pub error: i16,
    /// Its partitions.
    pub partitions: Vec<PartitionSeen>,
}

/// A partition as one node describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionSeen {
    /// Its index.
    pub partition: u32,
    /// Its leader; `None` when there is none.
    pub leader: Option<NodeId>,
    /// The leader epoch.
    pub epoch: i32,
    /// Its replicas.
    pub replicas: Vec<NodeId>,
    /// Those in sync.
    pub isr: Vec<NodeId>,
    /// Its Kafka error code, 0 for none.
    #[serde(default)]
    pub error: i16,
}

/// Where a replica's log ended at some time, as that node told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEnd {
    /// When it was answered.
    pub at: Micros,
    /// The node asked.
    pub node: NodeId,
    /// The partition.
    pub partition: TopicPartition,
    /// The offset behind the last record that it gives.
    pub end: i64,
}
