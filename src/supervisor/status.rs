//! The state of a cluster as `up --json`, `status` and the control socket show it.
//!
//! Names and shapes are a contract. What only a node knows (partitions, lag) is filled in by
//! `probe`, and absent where the node does not answer.

use std::path::Path;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::event::PhaseName;
use super::last_words::LastWords;
use crate::spec::{ClusterId, ClusterSpec, NodeId, Ports, Role};

/// A phase that was passed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// Which.
    pub name: PhaseName,
    /// Milliseconds since the phase before it was passed.
    pub ms: f64,
}

/// What a cluster is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClusterState {
    /// Not ready yet.
    Starting,
    /// All nodes are ready.
    Ready,
    /// Was ready, and some node is not.
    Degraded,
    /// Everything is being stopped.
    Stopping,
}

impl ClusterState {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Degraded => "degraded",
            Self::Stopping => "stopping",
        }
    }
}

/// A cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClusterStatus {
    /// Its name.
    pub cluster: String,
    /// What it is doing.
    pub state: ClusterState,
    /// Its identity.
    pub cluster_id: ClusterId,
    /// The leader of the metadata group by name, when known.
    pub leader: Option<String>,
    /// The term of that leader.
    pub term: Option<u64>,
    /// Milliseconds from the start to READY; `None` before.
    pub took_ms: Option<f64>,
    /// The phases passed so far.
    pub phases: Vec<Phase>,
    /// What a Kafka client is given.
    pub bootstrap: String,
    /// The nodes in order.
    pub nodes: Vec<NodeView>,
    /// What is broken on purpose.
    pub faults: Vec<FaultView>,
    /// Whether Raft links go without relays.
    pub direct: bool,
    /// Whether the directory goes with the cluster.
    pub ephemeral: bool,
    /// The supervisor's process.
    pub supervisor_pid: u32,
    /// The cluster's directory.
    pub directory: String,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeView {
    /// Its number.
    pub id: NodeId,
    /// `node-1`.
    pub name: String,
    /// idle, starting, ready, paused, stopping or exited.
    pub state: String,
    /// Its process, while it has one.
    pub pid: Option<u32>,
    /// Its part in the metadata group, while it takes part.
    pub role: Option<Role>,
    /// How often it was started again.
    pub restarts: u32,
    /// Its ports.
    pub ports: Ports,
    /// Where its data lies.
    pub data_dir: String,
    /// Its log file.
    pub log: String,
    /// What it waits for, when it runs and is not ready.
    pub waiting_for: Option<String>,
    /// How its last process ended, when it has none.
    pub exit: Option<String>,
    /// Whether that end was nobody's wish.
    pub died: bool,
    /// The term that it knows.
    pub term: Option<u64>,
    /// The last metadata index that it applied.
    pub applied: Option<u64>,
    /// What the node itself says, when it answers.
    pub load: Option<NodeLoad>,
    /// What its last process said before it ended; it does not leave the supervisor.
    #[serde(skip)]
    pub(crate) last_words: LastWords,
}

/// What a node says of its partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeLoad {
    /// Partitions with a replica here.
    pub partitions: usize,
    /// Partitions that it leads.
    pub led: usize,
    /// Records behind the leaders' log ends, over all partitions; `None` when a leader is silent.
    pub lag: Option<u64>,
    /// Milliseconds since its process started.
    pub uptime_ms: u64,
}

/// Something that is broken on purpose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaultView {
    /// Its number, for a fault of the network.
    pub id: Option<u64>,
    /// What, in words: `cut node-1..node-2`, `pause node-3`.
    pub fault: String,
    /// Milliseconds until it ends by itself; `None`: until it is healed.
    pub ends_in_ms: Option<f64>,
    /// The same as a moment of the supervisor's clock; it does not leave the process.
    #[serde(skip)]
    pub(super) ends_at: Option<Instant>,
}

impl FaultView {
    /// A fault of a process that lasts until it is undone, for tests of those who show it.
    #[cfg(test)]
    pub(crate) fn of(fault: &str) -> Self {
        Self {
            id: None,
            fault: fault.to_owned(),
            ends_in_ms: None,
            ends_at: None,
        }
    }
}

impl ClusterStatus {
    /// A cluster of which nothing runs yet.
    pub(super) fn starting(spec: &ClusterSpec, directory: &Path) -> Self {
        Self {
            cluster: spec.name.clone(),
            state: ClusterState::Starting,
            cluster_id: spec.id,
            leader: None,
            term: None,
            took_ms: None,
            phases: Vec::new(),
            bootstrap: spec.ports.bootstrap(),
            nodes: Vec::new(),
            faults: Vec::new(),
            direct: spec.direct,
            ephemeral: spec.ephemeral,
            supervisor_pid: std::process::id(),
            directory: directory.display().to_string(),
        }
    }

    /// Counts again how long each fault lasts: a picture may be older than its reader's question.
    pub(super) fn count_down(&mut self, now: Instant) {
        for fault in &mut self.faults {
            let left = fault.ends_at.map(|at| at.saturating_duration_since(now));
            fault.ends_in_ms = left.map(|left| left.as_secs_f64() * 1e3);
        }
    }

    /// Nodes that run and are ready.
    pub fn ready_nodes(&self) -> usize {
        self.nodes.iter().filter(|node| node.is_ready()).count()
    }
}

impl NodeView {
    /// Whether it runs and says that it is ready.
    pub fn is_ready(&self) -> bool {
        self.state == "ready" && self.waiting_for.is_none()
    }
}
