//! One replica of one partition, as the broker and the group coordinator use it.
//!
//! Appends go through the partition's one proposer task; reads come from the segments, below the
//! high watermark only.

mod applier;
mod producers;
mod proposer;
mod replica;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use tokio::sync::{mpsc, oneshot, watch};

use self::applier::PartitionApplier;
use self::proposer::{Append, Proposer};
use self::replica::Replica;
use crate::node::bugs;
use crate::node::metadata::TopicImage;
use crate::node::raft::{Applier, Claims, Group};
use crate::node::storage::GroupLog;
use crate::protocol::records::{self, BatchHeader};
use crate::spec::{GroupId, NodeId};

pub(in crate::node) use self::replica::Surroundings;

/// Appends that may wait for one partition's proposer.
const QUEUE: usize = 1024;

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
pub(in crate::node) struct Partition {
    topic: Arc<TopicImage>,
    index: i32,
    group: Arc<Group>,
    claims: Claims,
    queue: mpsc::Sender<Append>,
    serving: watch::Receiver<Serving>,
    offsets: watch::Receiver<Offsets>,
}

/// A partition's state machine over its log, and what [`Partition::start`] needs of it.
pub(in crate::node) fn prepare(log: GroupLog) -> (Box<dyn Applier>, Rest) {
    let (machine, applied) = PartitionApplier::new(log);
    (Box::new(machine), Rest(applied))
}

/// What [`Partition::start`] needs of a prepared state machine.
pub(in crate::node) struct Rest(applier::Applied);

impl Partition {
    /// Starts the replica's task over a running group.
    pub(in crate::node) fn start(
        topic: Arc<TopicImage>,
        group: Arc<Group>,
        prepared: Rest,
        around: Surroundings,
    ) -> Arc<Self> {
        let Rest(applied) = prepared;
        let (queue, appends) = mpsc::channel(QUEUE);
        let (serving, serving_seen) = watch::channel(Serving::Follower {
            leader: None,
            epoch: -1,
        });
        let proposer = Proposer::new(Arc::clone(&group), applied.producers, appends);
        let claims = around.claims.clone();
        let replica = Replica::new(
            Arc::clone(&group),
            Arc::clone(&topic),
            applied.blank_term,
            serving,
            around,
        );
        group.spawn(replica.run(proposer));
        let index = group.id().partition as i32;
        let offsets = applied.offsets;
        Arc::new(Self {
            topic,
            index,
            group,
            claims,
            queue,
            serving: serving_seen,
            offsets,
        })
    }

    /// The Raft group.
    pub(in crate::node) fn group(&self) -> GroupId {
        self.group.id()
    }

    /// The group's log and Raft state, for `/status` and metrics.
    pub(in crate::node) fn raft(&self) -> &Arc<Group> {
        &self.group
    }

    /// The topic's name.
    pub(in crate::node) fn topic(&self) -> &str {
        &self.topic.name
    }

    /// The partition's index.
    pub(in crate::node) fn index(&self) -> i32 {
        self.index
    }

    /// What this replica may do right now.
    pub(in crate::node) fn serving(&self) -> Serving {
        match *self.serving.borrow() {
            leader @ Serving::Leader { .. } => leader,
            Serving::Follower { .. } => {
                let claim = self.claims.get(self.group.id());
                let leader = claim.as_ref().and_then(|claim| claim.leader);
                Serving::Follower {
                    leader,
                    epoch: claim.map_or(-1, |claim| claim.term as i32),
                }
            }
        }
    }

    /// Changes when this replica begins or ends to lead.
    pub(in crate::node) fn watch_serving(&self) -> watch::Receiver<Serving> {
        self.serving.clone()
    }

    /// The offsets right now.
    pub(in crate::node) fn offsets(&self) -> Offsets {
        let applied = *self.offsets.borrow();
        let log = self.group.log();
        Offsets {
            log_start: log.log_start(),
            log_end: log.log_end(),
            ..applied
        }
    }

    /// Changes when the high watermark moves: what a long poll waits on.
    pub(in crate::node) fn watch_offsets(&self) -> watch::Receiver<Offsets> {
        self.offsets.clone()
    }

    /// Appends one record batch that `protocol::records` has validated. The first poll enqueues.
    ///
    /// Errors: `NotLeaderOrFollower`, `NotEnoughReplicas`, `OutOfOrderSequenceNumber`,
    /// `InvalidProducerEpoch`, `RequestTimedOut`; never `UnknownServerError`. A duplicate of one
    /// of the producer's last five batches succeeds with the original's offset.
    pub(in crate::node) async fn append(
        &self,
        batch: Bytes,
        acks: Acks,
        timeout: Duration,
    ) -> Result<Appended, ResponseError> {
        let header = BatchHeader::parse(&batch).map_err(|error| error.code())?;
        let append_time = match header.timestamp_type() {
            records::TimestampType::LogAppendTime => header.max_timestamp,
            records::TimestampType::CreateTime => -1,
        };
        let (reply, answer) = oneshot::channel();
        let append = Append {
            batch,
            header,
            acks,
            reply,
        };
        let appended = async {
            let gone = |_| ResponseError::NotLeaderOrFollower;
            self.queue
                .send(append)
                .await
                .map_err(|_| ResponseError::NotLeaderOrFollower)?;
            answer.await.map_err(gone)?
        };
        let appended = tokio::time::timeout(timeout, appended).await;
        let appended = appended.map_err(|_| ResponseError::RequestTimedOut)??;
        Ok(Appended {
            log_append_time: append_time,
            ..appended
        })
    }

    /// Whole record batches from the one that holds `from`, below the high watermark, at most
    /// `max_bytes` (the first batch always comes whole, KIP-74); empty at the high watermark.
    ///
    /// `OffsetOutOfRange` below the log start or above the log end; on a follower
    /// `OffsetNotAvailable` between its own high watermark and the leader's.
    pub(in crate::node) fn read(
        &self,
        from: i64,
        max_bytes: usize,
    ) -> Result<Bytes, ResponseError> {
        let offsets = self.offsets();
        if from < offsets.log_start {
            return Err(ResponseError::OffsetOutOfRange);
        }
        let end = bugs::readable(&offsets);
        if from > end {
            return Err(self.beyond(from, offsets));
        }
        if from == end {
            return Ok(Bytes::new());
        }
        let batches = self.group.log().read_batches(from, end, max_bytes);
        batches.map_err(|error| self.unreadable(&error))
    }

    /// Only the leader knows where the log ends; a follower may just not be there yet.
    fn beyond(&self, from: i64, offsets: Offsets) -> ResponseError {
        match self.serving() {
            Serving::Leader { .. } if from > offsets.log_end => ResponseError::OffsetOutOfRange,
            Serving::Leader { .. } | Serving::Follower { .. } => ResponseError::OffsetNotAvailable,
        }
    }

    fn unreadable(&self, error: &std::io::Error) -> ResponseError {
        tracing::error!(topic = self.topic(), partition = self.index, %error, "cannot read the log");
        ResponseError::KafkaStorageError
    }

    /// The last epoch at or below `epoch` and where it ended, as in Kafka's LeaderEpochFileCache:
    /// the latest epoch gives the log end, a future or unknown one (-1, -1).
    pub(in crate::node) fn epoch_end(&self, epoch: i32) -> (i32, i64) {
        self.group.log().epoch_end(epoch)
    }

    /// The leader epoch of the record at `offset`, -1 where there is none.
    pub(in crate::node) fn epoch_at(&self, offset: i64) -> i32 {
        self.group.log().epoch_at(offset)
    }

    /// The first record with at least this timestamp, below the high watermark.
    pub(in crate::node) fn find_timestamp(
        &self,
        timestamp: i64,
    ) -> Result<Option<TimestampHit>, ResponseError> {
        let below = self.offsets().high_watermark;
        let base = self.group.log().batch_with_timestamp(timestamp, below);
        let Some(base) = base.map_err(|error| self.unreadable(&error))? else {
            return Ok(None);
        };
        let hit = self
            .records_at(base)?
            .find(|record| record.timestamp >= timestamp);
        Ok(hit.map(|record| self.hit(&record)))
    }

    /// The record with the largest timestamp (KIP-734).
    pub(in crate::node) fn max_timestamp(&self) -> Result<Option<TimestampHit>, ResponseError> {
        let below = self.offsets().high_watermark;
        let base = self.group.log().batch_with_max_timestamp(below);
        let Some(base) = base.map_err(|error| self.unreadable(&error))? else {
            return Ok(None);
        };
        // Of equal timestamps the first record counts.
        let newest = self.records_at(base)?.reduce(|best, record| {
            if record.timestamp > best.timestamp {
                record
            } else {
                best
            }
        });
        Ok(newest.map(|record| self.hit(&record)))
    }

    /// The records of the one batch at `base`.
    fn records_at(
        &self,
        base: i64,
    ) -> Result<impl Iterator<Item = records::Record> + use<>, ResponseError> {
        let batches = self
            .group
            .log()
            .read_batches(base, self.offsets().high_watermark, 1);
        let batches = batches.map_err(|error| self.unreadable(&error))?;
        let records = records::records(&batches).map_err(|error| error.code())?;
        Ok(records.into_iter())
    }

    fn hit(&self, record: &records::Record) -> TimestampHit {
        let (offset, timestamp) = (record.offset, record.timestamp);
        TimestampHit {
            offset,
            timestamp,
            epoch: self.epoch_at(offset),
        }
    }
}
