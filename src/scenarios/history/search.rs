//! What search found: while records came and went, and all of it at the end.

use serde::{Deserialize, Serialize};

use super::{Micros, Records, TopicPartition};
use crate::spec::NodeId;

/// One look at what a node's search finds in one partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchRead {
    /// The node that was asked; it answers for all nodes.
    pub node: NodeId,
    /// The partition.
    pub partition: TopicPartition,
    /// When it was asked, of several questions the first.
    pub sent: Micros,
    /// When it was answered.
    pub answered: Micros,
    /// Everything below had to be found; `None` for a look in passing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<i64>,
    /// Why the node did not answer for this partition up to the deadline; `None` when it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<String>,
    /// The hits in the order of their offsets; a record that was found twice is here twice.
    pub hits: Records,
}
