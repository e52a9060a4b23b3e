//! Counters of one relay.

use std::sync::atomic::{AtomicU64, Ordering};

use super::fault::Direction;

/// What went over one edge since its relay started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes that reached the dialled node.
    pub forward: u64,
    /// Bytes that reached the node that dialled.
    pub backward: u64,
    /// Connections that were accepted.
    pub accepted: u64,
    /// Connections that stand now, held ones included.
    pub open: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    forward: AtomicU64,
    backward: AtomicU64,
    accepted: AtomicU64,
    ended: AtomicU64,
}

impl Counters {
    pub(super) fn bytes(&self, direction: Direction) -> &AtomicU64 {
        match direction {
            Direction::Forward => &self.forward,
            Direction::Backward => &self.backward,
        }
    }

    pub(super) fn connection_accepted(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn connection_ended(&self) {
        self.ended.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> Traffic {
        // `ended` first: a connection is never counted as ended before it was accepted.
        let ended = self.ended.load(Ordering::Acquire);
        let accepted = self.accepted.load(Ordering::Relaxed);
        Traffic {
            forward: self.forward.load(Ordering::Relaxed),
            backward: self.backward.load(Ordering::Relaxed),
            accepted,
            open: accepted.saturating_sub(ended),
        }
    }
}
