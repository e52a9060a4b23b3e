//! What was broken on purpose, when, and by what it was proven.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Micros;
use crate::spec::NodeId;

/// A fault's number in its history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FaultId(pub u32);

/// What is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// SIGKILL.
    Kill,
    /// SIGTERM.
    Stop,
    /// SIGSTOP.
    Pause,
    /// Links that carry nothing.
    Cut,
    /// Links that carry slowly.
    Slow,
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kill => "kill",
            Self::Stop => "stop",
            Self::Pause => "pause",
            Self::Cut => "cut",
            Self::Slow => "slow",
        })
    }
}

/// A fault begins: the moment of the signal or the cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultBegan {
    /// When.
    pub at: Micros,
    /// Its number.
    pub fault: FaultId,
    /// What is broken.
    pub kind: FaultKind,
    /// The nodes that it hits.
    #[serde(default)]
    pub nodes: Vec<NodeId>,
    /// The edges that it hits: no byte from the first reaches the second.
    #[serde(default)]
    pub edges: Vec<(NodeId, NodeId)>,
}

/// A fault is proven: the pid is gone, the process state is T, the link's probe is blocked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultProven {
    /// When.
    pub at: Micros,
    /// Its number.
    pub fault: FaultId,
    /// What was seen.
    pub proof: String,
}

/// A fault ends: the node starts again, runs on, the link is healed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultEnded {
    /// When.
    pub at: Micros,
    /// Its number.
    pub fault: FaultId,
}

/// A fault from its beginning to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// How it began.
    pub began: FaultBegan,
    /// What proved it.
    pub proven: Option<FaultProven>,
    /// When it ended.
    pub ended: Option<Micros>,
}

impl Fault {
    /// Whether it was at work at some time between these two.
    pub fn overlaps(&self, from: Micros, to: Micros) -> bool {
        self.began.at <= to && self.ended.is_none_or(|ended| ended >= from)
    }
}

impl fmt::Display for Fault {
    /// `kill node-1`, `cut node-1..node-2 node-2..node-1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.began.kind)?;
        for node in &self.began.nodes {
            write!(f, " {node}")?;
        }
        for (from, to) in &self.began.edges {
            write!(f, " {from}..{to}")?;
        }
        Ok(())
    }
}
