//! One replica of one partition, as the broker and the group coordinator use it.
//!
//! Appends go through the partition's one proposer task; reads come from the segments, below the
//! high watermark only.

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use tokio::sync::watch;

use crate::spec::{GroupId, NodeId};

/// What an append waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::node) enum Acks {
    /// Committed (acks=1: no fewer than a majority has it, since Raft has no weaker append).
    Leader,
    /// Committed, and matched by `min.insync.replicas` replicas.
    All,
}

/// A successful append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::node) struct Appended {
    /// The offset of the batch's first record; of the original, when it was a duplicate.
    pub(in crate::node) base_offset: i64,
    /// The broker's time for LogAppendTime topics, in ms since the epoch; -1 otherwise.
    pub(in crate::node) log_append_time: i64,
    /// The first offset kept in this partition.
    pub(in crate::node) log_start: i64,
}

/// What this replica may do right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::node) enum Serving {
    /// It leads, and an entry of its own term is committed: it takes appends and reads.
    Leader {
        /// The leader epoch.
        epoch: i32,
    },
    /// It follows: consumers may read below its own high watermark (KIP-392).
    Follower {
        /// The leader, when known.
        leader: Option<NodeId>,
        /// The leader epoch, -1 before the first.
        epoch: i32,
    },
}

/// The offsets of a replica at one moment: `log_start <= high_watermark <= log_end`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::node) struct Offsets {
    /// The first offset kept.
    pub(in crate::node) log_start: i64,
    /// Records below are committed and applied here.
    pub(in crate::node) high_watermark: i64,
    /// The next offset to be appended.
    pub(in crate::node) log_end: i64,
}

/// A hit of a timestamp look-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::node) struct TimestampHit {
    /// The record's offset.
    pub(in crate::node) offset: i64,
    /// The record's timestamp in ms.
    pub(in crate::node) timestamp: i64,
    /// The leader epoch in which the record was appended.
    pub(in crate::node) epoch: i32,
}

/// One replica of one partition.
pub(in crate::node) struct Partition {}

impl Partition {
    /// The Raft group.
    pub(in crate::node) fn group(&self) -> GroupId {
        todo!("raft")
    }

    /// The topic's name.
    pub(in crate::node) fn topic(&self) -> &str {
        todo!("raft")
    }

    /// The partition's index.
    pub(in crate::node) fn index(&self) -> i32 {
        todo!("raft")
    }

    /// What this replica may do right now.
    pub(in crate::node) fn serving(&self) -> Serving {
        todo!("raft")
    }

    /// Changes when [`Partition::serving`] may have changed.
    pub(in crate::node) fn watch_serving(&self) -> watch::Receiver<Serving> {
        todo!("raft")
    }

    /// The offsets right now.
    pub(in crate::node) fn offsets(&self) -> Offsets {
        todo!("raft")
    }

    /// Changes when the high watermark (or the log start) moves: what a long poll waits on.
    pub(in crate::node) fn watch_offsets(&self) -> watch::Receiver<Offsets> {
        todo!("raft")
    }

    /// Appends one record batch that `protocol::records` has validated.
    ///
    /// Errors: `NotLeaderOrFollower`, `NotEnoughReplicas`, `NotEnoughReplicasAfterAppend`,
    /// `OutOfOrderSequenceNumber`, `InvalidProducerEpoch`, `RequestTimedOut`; never
    /// `UnknownServerError`. A duplicate of one of the producer's last five batches succeeds with
    /// the original's offset.
    pub(in crate::node) async fn append(
        &self,
        _batch: Bytes,
        _acks: Acks,
        _timeout: Duration,
    ) -> Result<Appended, ResponseError> {
        todo!("raft")
    }

    /// Whole record batches from the one that holds `from`, below the high watermark, at most
    /// `max_bytes` (the first batch always comes whole, KIP-74); empty at the high watermark.
    ///
    /// `OffsetOutOfRange` below the log start or above the log end; on a follower
    /// `OffsetNotAvailable` between its own high watermark and the leader's.
    pub(in crate::node) fn read(
        &self,
        _from: i64,
        _max_bytes: usize,
    ) -> Result<Bytes, ResponseError> {
        todo!("raft")
    }

    /// The last epoch at or below `epoch` and where it ended, as in Kafka's LeaderEpochFileCache:
    /// the latest epoch gives the log end, a future or unknown one (-1, -1).
    pub(in crate::node) fn epoch_end(&self, _epoch: i32) -> (i32, i64) {
        todo!("raft")
    }

    /// The leader epoch of the record at `offset`, -1 where there is none.
    pub(in crate::node) fn epoch_at(&self, _offset: i64) -> i32 {
        todo!("raft")
    }

    /// The first record with at least this timestamp, below the high watermark.
    pub(in crate::node) fn find_timestamp(
        &self,
        _timestamp: i64,
    ) -> Result<Option<TimestampHit>, ResponseError> {
        todo!("raft")
    }

    /// The record with the largest timestamp (KIP-734).
    pub(in crate::node) fn max_timestamp(&self) -> Result<Option<TimestampHit>, ResponseError> {
        todo!("raft")
    }
}
