//! What a node tells its parent: one JSON object a line on stdout, and its exit code.
//!
//! The node's log goes to stderr (the parent points it at `node.log`). EOF on stdin means *leave*.

use serde::{Deserialize, Serialize};

use super::NodeId;

/// A line on a node's stdout. Each is sent when its fact changes; the last one of a kind holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum NodeReport {
    /// All ports are bound (the Kafka port does not answer yet).
    Bound,
    /// The peers that this node is linked with now, in both directions.
    Linked {
        /// Linked peers in order.
        peers: Vec<NodeId>,
    },
    /// The metadata leader that this node knows.
    MetadataLeader {
        /// The leader; `None` while there is none.
        leader: Option<NodeId>,
        /// The term in which it leads.
        term: u64,
    },
    /// The last metadata log index applied here.
    Applied {
        /// Raft index in the metadata group.
        index: u64,
    },
    /// The Kafka port answers.
    Serving,
    /// `/health/ready` says yes.
    Ready,
    /// `/health/ready` says no, and why, in words for a person.
    NotReady {
        /// What it waits for.
        reason: String,
    },
    /// SIGTERM or EOF was seen: leaderships are being handed over, then the node exits.
    Leaving,
    /// The node cannot go on; its exit code follows.
    Fatal {
        /// The cause, in words for a person.
        error: String,
        /// What to do next.
        hint: Option<String>,
    },
}

/// The exit codes of a node process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeExit {
    /// It left as asked.
    Left,
    /// The spec file or the command line is wrong.
    Usage,
    /// A port, the data directory or another precondition.
    Precondition,
    /// The disk failed (a sync error, say) or data is damaged beyond what can be set aside.
    Storage,
    /// A bug of ours.
    Bug,
}

impl NodeExit {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Left => 0,
            Self::Usage => 2,
            Self::Precondition => 5,
            Self::Storage => 9,
            Self::Bug => 70,
        }
    }

    /// What an exit code of a node means, in words.
    pub fn describe(code: i32) -> &'static str {
        match code {
            0 => "left as asked",
            2 => "its spec file is wrong",
            5 => "a port, its data directory or another precondition",
            9 => "its disk failed or its data is damaged",
            101 => "it panicked: a bug of chronik-dev",
            70 => "a bug of chronik-dev",
            _ => "an exit code that no node uses",
        }
    }
}
