//! One line of a history.

use serde::{Deserialize, Serialize};

use super::{
    Attempt, Commit, Committed, End, FaultBegan, FaultEnded, FaultProven, Healed, LogEnd,
    MetadataSeen, Milestone, NodeEvent, PhaseMark, Promise, Read, ReplicaRead, SearchRead, Topic,
    TopicDeleted,
};

/// What a history consists of, in the order in which it became known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A topic exists.
    Topic(Topic),
    /// A topic is gone.
    TopicDeleted(TopicDeleted),
    /// A produce attempt ended.
    Produce(Attempt),
    /// A fetch ended.
    Read(Read),
    /// A replica was read at the end.
    Replica(ReplicaRead),
    /// A node's search was asked.
    Search(SearchRead),
    /// A commit ended.
    Commit(Commit),
    /// A group was told what is committed.
    Committed(Committed),
    /// A node described the cluster.
    Metadata(MetadataSeen),
    /// A replica told where its log ends.
    LogEnd(LogEnd),
    /// A fault began.
    FaultBegan(FaultBegan),
    /// A fault was proven.
    FaultProven(FaultProven),
    /// A fault ended.
    FaultEnded(FaultEnded),
    /// Something happened to a node.
    Node(NodeEvent),
    /// A phase began.
    Phase(PhaseMark),
    /// A promise was looked at.
    Promise(Promise),
    /// A moment to measure from or to.
    Milestone(Milestone),
    /// All faults are healed.
    Healed(Healed),
    /// The scenario is over.
    End(End),
}
