//! What a history says before its first event: which scenario, on what, with which claims.

use serde::{Deserialize, Serialize};

use crate::scenarios::law::Law;
use crate::spec::NodeId;

/// The history's format version.
pub const VERSION: u32 = 1;
/// Fewer acks than this in a phase say nothing (SCENARIOS.md).
pub const LEAST_ACKS: u64 = 500;

/// The first line of a history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`VERSION`].
    pub version: u32,
    /// The scenario's name.
    pub scenario: String,
    /// The seed of all its randomness.
    pub seed: u64,
    /// The number that every value of this run carries.
    pub run: u64,
    /// What is judged: a cluster's name or its bootstrap addresses.
    pub target: String,
    /// The command that repeats it.
    pub repeat: String,
    /// The nodes of the cluster.
    pub nodes: Vec<NodeId>,
    /// What else was chosen, as name and value (messages, size, runs, ...).
    #[serde(default)]
    pub settings: Vec<(String, String)>,
    /// Laws that this scenario or target has no matter for.
    #[serde(default)]
    pub without: Vec<Absent>,
    /// What must have been seen before the verdict may be "passed".
    pub claims: Claims,
}

/// A law that is not applicable, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absent {
    /// The law.
    pub law: Law,
    /// What the scenario or the target lacks.
    pub why: String,
}

/// What a scenario claims to have shown; a claim that was not seen makes the verdict unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Acked records before, during (where a quorum existed) and after the faults, as the phase
    /// marks tell, or in all when no fault is claimed.
    pub acks: u64,
    /// Faults that begin, each with its proof.
    pub faults: u32,
    /// Whether a partition gets another leader after the first fault; what Metadata told before it
    /// and after it must show one.
    pub leader_change: bool,
}

impl Claims {
    /// Load without a fault.
    pub fn load() -> Self {
        Self {
            acks: LEAST_ACKS,
            faults: 0,
            leader_change: false,
        }
    }

    /// Load around so many faults.
    pub fn faults(faults: u32) -> Self {
        Self {
            faults,
            ..Self::load()
        }
    }

    /// The same, and the leader changes.
    #[must_use]
    pub fn with_leader_change(self) -> Self {
        Self {
            leader_change: true,
            ..self
        }
    }
}
