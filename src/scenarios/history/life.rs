//! The course of a scenario: topics, nodes, phases, promises, the end.

use serde::{Deserialize, Serialize};

use super::{Micros, TopicPartition};
use crate::spec::NodeId;

/// A topic of the scenario; its number is the count of topics before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topic {
    /// When its creation was answered.
    pub at: Micros,
    /// Its name.
    pub name: String,
    /// The replicas of each partition.
    pub partitions: Vec<Vec<NodeId>>,
}

/// A topic is deleted, and not expected any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicDeleted {
    /// When it was answered.
    pub at: Micros,
    /// The topic's number.
    pub topic: u32,
}

/// Something happens to a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeEvent {
    /// When.
    pub at: Micros,
    /// The node.
    pub node: NodeId,
    /// What.
    pub life: NodeLife,
}

/// What happens to a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeLife {
    /// Its process is spawned.
    Spawned {
        /// The process.
        pid: u32,
    },
    /// It says that it is ready.
    Ready,
    /// It is reaped.
    Exited {
        /// The exit status in words.
        status: String,
        /// Whether it was asked to end, by whatever signal.
        asked: bool,
    },
}

/// A phase begins, and lasts until the next mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseMark {
    /// When.
    pub at: Micros,
    /// The phase.
    pub phase: Phase,
    /// Whether a quorum of every partition could talk in it.
    pub quorum: bool,
}

/// Where a scenario is, seen from its faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Nothing is broken yet.
    Before,
    /// Something is.
    During,
    /// Everything is healed.
    After,
}

/// Something that a scenario promises beside the laws was looked at: a budget, an exit code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promise {
    /// When.
    pub at: Micros,
    /// What is promised.
    pub what: String,
    /// What was found.
    pub found: Found,
}

/// What became of a promise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// It held.
    Kept,
    /// It did not.
    Broken {
        /// What was seen in its place.
        why: String,
    },
    /// It could not be looked at.
    Unseen {
        /// What stood in the way.
        why: String,
    },
}

/// A moment that a metric is measured from or to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Milestone {
    /// When.
    pub at: Micros,
    /// What happened, in one word ("formed").
    pub what: String,
    /// The node that it happened to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeId>,
    /// The partition that it happened to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<TopicPartition>,
}

/// All faults are healed; what is compared at the end was seen after this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Healed {
    /// When.
    pub at: Micros,
}

/// The scenario is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// When.
    pub at: Micros,
    /// How.
    pub how: Ending,
}

/// How a scenario ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It went through all its phases.
    Complete,
    /// It was stopped: Ctrl-C.
    Interrupted,
    /// It could not go on.
    GaveUp,
}
