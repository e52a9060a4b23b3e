//! How a producer sends.

use std::net::SocketAddr;
use std::time::Duration;

/// Whose acknowledgement counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acks {
    /// All in-sync replicas'.
    All,
    /// The leader's alone.
    One,
}

/// Whether records are numbered, so that a broker tells a repeated batch from a new one (KIP-98).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idempotence {
    /// They are; with [`Acks::All`].
    On,
    /// They are not: a retry can duplicate.
    Off,
}

/// What shares a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// All that waits for one broker, each partition's records as one batch.
    Together,
    /// Each record is a batch and a request of its own.
    OnePerRequest,
}

/// How a producer sends.
#[derive(Debug, Clone)]
pub struct ProducerSettings {
    /// Whom to ask first; at least one.
    pub bootstrap: Vec<SocketAddr>,
    /// The topic, which must exist.
    pub topic: String,
    /// Whose acknowledgement counts.
    pub acks: Acks,
    /// Whether records are numbered.
    pub idempotence: Idempotence,
    /// What shares a request.
    pub packing: Packing,
    /// How long one attempt waits for its answer; then its connection is closed.
    pub attempt_timeout: Duration,
    /// A batch older than this is not sent again after a failure; zero sends each batch once.
    pub give_up_after: Duration,
    /// From a failure to the question who leads now, and between two such questions.
    pub retry_pause: Duration,
    /// Bytes of one batch; below the broker's `message.max.bytes`.
    pub max_batch: usize,
    /// Bytes of records that may be unacked; then [`super::Producer::push`] refuses.
    pub max_unacked: usize,
}

impl ProducerSettings {
    /// Idempotent, acks=all, retried for a minute, 5 ms after each failure.
    pub fn new(bootstrap: Vec<SocketAddr>, topic: impl Into<String>) -> Self {
        Self {
            bootstrap,
            topic: topic.into(),
            acks: Acks::All,
            idempotence: Idempotence::On,
            packing: Packing::Together,
            attempt_timeout: Duration::from_secs(2),
            give_up_after: Duration::from_mins(1),
            retry_pause: Duration::from_millis(5),
            max_batch: 1_000_000,
            max_unacked: 64 << 20,
        }
    }
}
