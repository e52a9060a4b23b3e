//! What a client may take from a node: bytes, connections and time.
//!
//! The numbers that are a contract are in `spec::defaults`; those that are the broker's own are
//! here, each with its reason. Tests make smaller ones.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::spec::{Settings, defaults};

/// The limits of a node's Kafka port.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    /// Connections at one time.
    pub(super) connections: usize,
    /// The largest frame before the first valid request.
    pub(super) first_frame_bytes: usize,
    /// The largest frame after it.
    pub(super) frame_bytes: usize,
    /// From the connection to its first valid request.
    pub(super) first_frame_deadline: Duration,
    /// From a frame's first byte to its last.
    pub(super) frame_deadline: Duration,
    /// How long answers may lie while the client reads none of them.
    pub(super) write_deadline: Duration,
    /// How long nothing at all may happen.
    pub(super) idle: Duration,
    /// How long requests may run on after the client's end of stream, or after shutdown.
    pub(super) drain: Duration,
    /// Produce requests of one connection under way at one time.
    pub(super) pipeline: usize,
    /// Answers that may lie unsent before no more are made.
    pub(super) outbox_bytes: usize,
    /// Bytes of requests under way, over all connections.
    pub(super) budget_bytes: usize,
}

impl Limits {
    /// The limits of a cluster with these settings.
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            connections: settings.max_connections(),
            first_frame_bytes: defaults::FIRST_FRAME_BYTES,
            frame_bytes: defaults::MAX_FRAME_BYTES,
            first_frame_deadline: defaults::FIRST_FRAME_DEADLINE,
            // Loopback carries the largest frame in a tenth of a second; the rest is patience
            // with a client under a debugger.
            frame_deadline: Duration::from_mins(1),
            write_deadline: Duration::from_mins(1),
            idle: defaults::CONNECTION_IDLE,
            // Half of STOP_GRACE, so that there is time left to flush and exit.
            drain: defaults::STOP_GRACE / 2,
            // Clients have 5 in flight (librdkafka up to 1,000 when not idempotent).
            pipeline: 256,
            outbox_bytes: 1 << 20,
            // The largest frame and something beside it.
            budget_bytes: defaults::MAX_FRAME_BYTES + (28 << 20),
        }
    }
}

/// Bytes of requests under way over all connections; waiting for it is first come, first served.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    kilobytes: Arc<Semaphore>,
}

/// A part of the [`Budget`]; given back when it is dropped.
pub(super) type Share = OwnedSemaphorePermit;

impl Budget {
    /// A budget of so many bytes.
    pub(super) fn new(bytes: usize) -> Self {
        Self {
            kilobytes: Arc::new(Semaphore::new(bytes.div_ceil(1024))),
        }
    }

    /// Takes a share for `bytes` at once, when there is room and nobody waits.
    pub(super) fn try_take(&self, bytes: usize) -> Option<Share> {
        Arc::clone(&self.kilobytes)
            .try_acquire_many_owned(Self::cost(bytes))
            .ok()
    }

    /// Takes a share for `bytes`, which must not be more than there is in all.
    pub(super) async fn take(self, bytes: usize) -> Share {
        self.kilobytes
            .acquire_many_owned(Self::cost(bytes))
            .await
            .expect("the budget is never closed")
    }

    /// Gives back what a share holds beyond `bytes`.
    pub(super) fn shrink(mut share: Share, bytes: usize) -> Share {
        let excess = share
            .num_permits()
            .saturating_sub(Self::cost(bytes) as usize);
        drop(share.split(excess));
        share
    }

    fn cost(bytes: usize) -> u32 {
        u32::try_from(bytes.div_ceil(1024)).expect("a frame is far below 4 TiB")
    }
}
