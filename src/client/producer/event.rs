//! What a producer tells its owner: every attempt, and what came of it.

use std::fmt;
use std::net::SocketAddr;
use std::time::Instant;

use crate::client::error::{CallError, ClientError, ErrorCode};
use crate::spec::NodeId;

/// Consecutive records that were meant to be sent at the same instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// How many.
    pub records: u32,
    /// When they were meant to be sent.
    pub at: Instant,
}

/// Consecutive records of one partition, in the numbering of [`super::Producer::push`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The partition.
    pub partition: u32,
    /// The first record, counted from 0 in this partition.
    pub first: u64,
    /// How many.
    pub records: u32,
}

/// Something happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// A batch is acked.
    Acked(Acked),
    /// One attempt to send a batch failed. Another follows, or [`Event::GaveUp`]; a batch that was
    /// refused as too large is sent again as two.
    Failed(Failed),
    /// These records will not be sent again; each of their attempts was told before.
    GaveUp(Span),
    /// A broker could not be reached or asked; another one is asked next.
    Unreachable {
        /// Whom.
        addr: SocketAddr,
        /// Why.
        error: CallError,
        /// When it was known.
        at: Instant,
    },
    /// A broker named the leader to be tried next.
    Moved {
        /// The partition.
        partition: u32,
        /// Its leader.
        leader: NodeId,
        /// The leader's epoch.
        epoch: i32,
        /// When it was known.
        at: Instant,
    },
}

/// A batch that a broker has acked.
#[derive(Debug, Clone)]
pub struct Acked {
    /// Which records.
    pub span: Span,
    /// The offset of the first of them; `None` when the broker only knows that it has them.
    pub base_offset: Option<i64>,
    /// Who acked.
    pub broker: NodeId,
    /// When the acked attempt was sent.
    pub sent: Instant,
    /// When the ack came.
    pub at: Instant,
    /// How often the batch was sent.
    pub attempts: u32,
    /// When each record was meant to be sent.
    pub runs: Vec<Run>,
}

/// One attempt that failed.
#[derive(Debug, Clone)]
pub struct Failed {
    /// Which records.
    pub span: Span,
    /// The size of their batch.
    pub bytes: usize,
    /// Who was asked.
    pub broker: NodeId,
    /// How it failed.
    pub error: AttemptError,
    /// When it was sent.
    pub sent: Instant,
    /// When it was known to have failed.
    pub at: Instant,
}

/// How an attempt failed.
#[derive(Debug, Clone)]
pub enum AttemptError {
    /// The broker said no.
    Code(ErrorCode),
    /// There is no answer.
    Client(ClientError),
}

impl fmt::Display for AttemptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => code.fmt(f),
            Self::Client(error) => error.fmt(f),
        }
    }
}
