//! What a supervisor tells: every change of a cluster that somebody may want to see.
//!
//! Events go to the renderer of a foreground `up`, as JSON lines to the process that launched a
//! detached supervisor, and to subscribers of the control socket.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::exit::Exit;
use super::status::{ClusterStatus, Phase};
use super::trouble::Trouble;
use crate::spec::NodeId;

/// A step of the way to READY, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseName {
    /// Directory, ports, relays and spec files.
    Prepared,
    /// Every process runs.
    Spawned,
    /// Every awaited node has bound its ports.
    Bound,
    /// The awaited nodes are linked.
    Linked,
    /// They agree on a metadata leader.
    Led,
    /// A no-op of that leader's term is committed, and applied by each of them.
    Applied,
    /// Each names all brokers in its Metadata.
    Brokers,
    /// `/health/ready` of each says yes.
    Healthy,
}

impl PhaseName {
    /// All phases, in order.
    pub const ALL: [Self; 8] = [
        Self::Prepared,
        Self::Spawned,
        Self::Bound,
        Self::Linked,
        Self::Led,
        Self::Applied,
        Self::Brokers,
        Self::Healthy,
    ];

    /// The word in `phases` of the envelope.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prepared => "prepared",
            Self::Spawned => "spawned",
            Self::Bound => "bound",
            Self::Linked => "linked",
            Self::Led => "led",
            Self::Applied => "applied",
            Self::Brokers => "brokers",
            Self::Healthy => "healthy",
        }
    }
}

/// Something happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum ClusterEvent {
    /// The cluster is about to be started.
    Starting {
        /// Its name.
        cluster: String,
        /// How many nodes it has.
        nodes: usize,
        /// Its directory.
        directory: PathBuf,
    },
    /// Something that the user should know and that is no failure.
    Notice {
        /// In words.
        text: String,
    },
    /// All awaited nodes passed a phase.
    PhasePassed {
        /// Which, and how long it took.
        phase: Phase,
    },
    /// A node was spawned.
    NodeSpawned {
        /// The node.
        node: NodeId,
        /// Its process.
        pid: u32,
    },
    /// A starting node waits for something else than before.
    NodeWaits {
        /// The node.
        node: NodeId,
        /// The phase that it has not passed.
        phase: PhaseName,
        /// What it waits for.
        on: String,
    },
    /// A node is ready.
    NodeReady {
        /// The node.
        node: NodeId,
    },
    /// A node is not ready any more.
    NodeNotReady {
        /// The node.
        node: NodeId,
        /// Why.
        reason: String,
    },
    /// A node was paused.
    NodePaused {
        /// The node.
        node: NodeId,
    },
    /// A node was resumed.
    NodeResumed {
        /// The node.
        node: NodeId,
    },
    /// A node was asked to leave.
    NodeStopping {
        /// The node.
        node: NodeId,
    },
    /// A node was reaped.
    NodeExited {
        /// The node.
        node: NodeId,
        /// How it ended.
        exit: Exit,
        /// Whether nobody had asked for it.
        unasked: bool,
    },
    /// The metadata group has another leader.
    LeaderChanged {
        /// Who, when somebody.
        leader: Option<NodeId>,
        /// Its term.
        term: u64,
    },
    /// The links were broken or healed.
    FaultsChanged {
        /// What is broken now, in words.
        faults: Vec<String>,
    },
    /// The cluster is ready.
    Ready {
        /// All of it.
        status: Box<ClusterStatus>,
    },
    /// Everything is being stopped.
    Stopping {
        /// Who still runs.
        running: Vec<NodeId>,
    },
    /// The start failed and everything was stopped; the last event.
    Failed {
        /// Why.
        trouble: Trouble,
    },
    /// Everything is stopped; the last event.
    Stopped,
}
