//! `GET /status` of a node: what it knows of itself, for `status`, the dashboard and tests.

use serde::{Deserialize, Serialize};

use super::{BootId, ClusterId, NodeId, TopicId};

/// A node's part in one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Leads, and has committed an entry of its own term.
    Leader,
    /// Follows, or has just been elected and is not serving yet.
    Follower,
    /// Its log is damaged; it is being fetched again and has no vote.
    Repairing,
}

/// The answer of `GET /status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// The node.
    pub node: NodeId,
    /// Its cluster.
    pub cluster_id: ClusterId,
    /// This life of its process.
    pub boot: BootId,
    /// Milliseconds since the process started.
    pub uptime_ms: u64,
    /// Whether `/health/ready` says yes.
    pub ready: bool,
    /// Why not, when not.
    pub not_ready_reason: Option<String>,
    /// Whether the node is handing over and about to exit.
    pub leaving: bool,
    /// The metadata group as seen here.
    pub metadata: MetadataStatus,
    /// The links to all peers.
    pub links: Vec<LinkStatus>,
    /// The partitions with a replica here.
    pub partitions: Vec<PartitionStatus>,
}

/// The metadata group as one node sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetadataStatus {
    /// Its leader, when known.
    pub leader: Option<NodeId>,
    /// The current term.
    pub term: u64,
    /// The last index applied here.
    pub applied: u64,
    /// The number of topics, internal ones included.
    pub topics: usize,
}

/// One link, as one side sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkStatus {
    /// The other node.
    pub peer: NodeId,
    /// Whether our dialled stream stands and its HELLO was answered.
    pub linked: bool,
    /// Whether the detector holds the peer alive.
    pub alive: bool,
    /// Milliseconds since its last ping, `None` before the first.
    pub heard_ms: Option<u64>,
    /// Why it is not linked, in words for a person.
    pub reason: Option<String>,
}

/// A partition replica on one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionStatus {
    /// The topic's name.
    pub topic: String,
    /// The topic's id.
    pub topic_id: TopicId,
    /// The partition's index.
    pub partition: u32,
    /// This replica's role.
    pub role: Role,
    /// The leader that this node knows.
    pub leader: Option<NodeId>,
    /// The leader epoch (the Raft term).
    pub term: u64,
    /// All replicas, the preferred one first.
    pub replicas: Vec<NodeId>,
    /// The in-sync replicas that this node knows.
    pub isr: Vec<NodeId>,
    /// First offset kept here.
    pub log_start: i64,
    /// The offset of the next record to be appended here.
    pub log_end: i64,
    /// Records below this offset are committed, as this node knows it.
    pub high_watermark: i64,
}
