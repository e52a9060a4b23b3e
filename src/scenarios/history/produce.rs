//! Produce attempts. Each is an operation of its own: a retry is another attempt.

use serde::{Deserialize, Serialize};

use super::{ClientId, Micros, Run, TopicPartition};
use crate::spec::NodeId;

/// One batch, sent once to one broker, with acks=all.
///
/// Every attempt belongs into the history, one that is still under way at the end as unknown: a
/// value without an attempt would be one from nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Who sent it.
    pub client: ClientId,
    /// The client's attempts in the order in which they were sent.
    pub number: u64,
    /// The client's connection: another number after each reconnect, and for each broker.
    pub connection: u32,
    /// The producer's identity; `None` for a plain producer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// Where it was meant to go.
    pub partition: TopicPartition,
    /// The batch's values, in order.
    pub values: Run,
    /// When the open-loop load wanted the first of them to be sent.
    pub intended: Micros,
    /// When it was sent; taken before the first byte goes out.
    pub sent: Micros,
    /// When it was answered, taken after the last byte came in, or given up.
    pub answered: Micros,
    /// Who was asked.
    pub broker: NodeId,
    /// What came of it.
    pub outcome: Outcome,
}

/// By what a broker knows a repeated batch (KIP-98).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// The producer id.
    pub producer: i64,
    /// The producer epoch.
    pub epoch: i16,
    /// The sequence number of the batch's first record.
    pub sequence: i32,
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The broker says that it is done.
    Ok {
        /// The offset of the first record.
        base: i64,
    },
    /// The broker says that it was not done, and cannot have been.
    Failed {
        /// The Kafka error code.
        code: i16,
    },
    /// It may have been done: time-out, disconnect, or an error that does not exclude it.
    Unknown {
        /// The Kafka error code; `None` when there was no answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<i16>,
        /// What happened.
        why: String,
    },
}

impl Attempt {
    /// The base offset, where the attempt was acked.
    pub fn acked(&self) -> Option<i64> {
        match self.outcome {
            Outcome::Ok { base } => Some(base),
            _ => None,
        }
    }

    /// The offset of the last record, where the attempt was acked.
    pub fn last_offset(&self) -> Option<i64> {
        Some(self.acked()? + i64::from(self.values.1) - 1)
    }
}
