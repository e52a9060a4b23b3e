//! What consumer groups committed, and what they were told to have committed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{ClientId, Micros, TopicPartition};
use crate::spec::NodeId;

/// One commit of one partition's offset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// The member.
    pub client: ClientId,
    /// The group.
    pub group: Arc<str>,
    /// The group's generation.
    pub generation: i32,
    /// The partition.
    pub partition: TopicPartition,
    /// The offset of the first record that is not processed.
    pub offset: i64,
    /// When it was sent.
    pub sent: Micros,
    /// When it was answered or given up.
    pub answered: Micros,
    /// The coordinator that was asked.
    pub broker: NodeId,
    /// What came of it.
    pub outcome: CommitOutcome,
}

/// What came of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommitOutcome {
    /// It is committed.
    Ok,
    /// It is not.
    Failed {
        /// The Kafka error code.
        code: i16,
    },
    /// It may be.
    Unknown {
        /// What happened.
        why: String,
    },
}

/// What a group was told to have committed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Committed {
    /// Who asked.
    pub client: ClientId,
    /// The group.
    pub group: Arc<str>,
    /// The partition.
    pub partition: TopicPartition,
    /// When it was asked.
    pub sent: Micros,
    /// When it was answered.
    pub answered: Micros,
    /// The coordinator that was asked.
    pub broker: NodeId,
    /// The offset; `None` when nothing is committed.
    pub offset: Option<i64>,
}
