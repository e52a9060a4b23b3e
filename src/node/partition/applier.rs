//! What a committed entry does to a partition: remembers its producers and moves the high
//! watermark.

use std::io;
use std::sync::{Arc, RwLock};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::sync::watch;

use super::Offsets;
use super::producers::{BatchKey, Producers};
use crate::node::bugs;
use crate::node::raft::{Applier, Reply};
use crate::node::storage::{GroupLog, LogPosition};
use crate::protocol::records::BatchHeader;
use crate::spec::Bug;

/// The producer table as of the last applied entry, read by the proposer.
pub(super) type SharedProducers = Arc<RwLock<Producers>>;

/// The state machine of one partition replica.
pub(super) struct PartitionApplier {
    log: GroupLog,
    producers: SharedProducers,
    applied: u64,
    offsets: watch::Sender<Offsets>,
    blank_term: watch::Sender<u64>,
}

/// What the rest of the partition sees of its state machine.
pub(super) struct Applied {
    pub(super) producers: SharedProducers,
    pub(super) offsets: watch::Receiver<Offsets>,
    pub(super) blank_term: watch::Receiver<u64>,
}

impl PartitionApplier {
    pub(super) fn new(log: GroupLog) -> (Self, Applied) {
        let log_start = log.log_start();
        let first = Offsets {
            log_start,
            high_watermark: log_start,
            log_end: log.log_end(),
        };
        let (offsets, offsets_seen) = watch::channel(first);
        let (blank_term, terms_seen) = watch::channel(0);
        let producers = SharedProducers::default();
        let applied = Applied {
            producers: Arc::clone(&producers),
            offsets: offsets_seen,
            blank_term: terms_seen,
        };
        (
            Self {
                log,
                producers,
                applied: 0,
                offsets,
                blank_term,
            },
            applied,
        )
    }

    /// Moves the high watermark, forward only; a state that is taken over moves it anywhere.
    fn publish(&mut self, at: LogPosition, from: i64) {
        self.applied = at.index;
        let offsets = Offsets {
            log_start: self.log.log_start(),
            high_watermark: self.log.offset_after(at.index).max(from),
            log_end: self.log.log_end(),
        };
        self.offsets.send_replace(offsets);
    }

    fn high_watermark(&self) -> i64 {
        self.offsets.borrow().high_watermark
    }

    /// Remembers the batches of an entry; gives the offset of its first record.
    fn note(&self, data: &Bytes) -> i64 {
        let mut rest = data.as_ref();
        let mut first = None;
        let mut producers = self.producers.write().expect("no holder panics");
        while let Ok(header) = BatchHeader::parse(rest) {
            first.get_or_insert(header.base_offset);
            if let Some(key) = BatchKey::of(&header) {
                producers.note(&key, header.base_offset);
            }
            rest = rest.get(header.size()..).unwrap_or_default();
        }
        first.unwrap_or(-1)
    }
}

impl Applier for PartitionApplier {
    fn blank(&mut self, at: LogPosition) {
        self.publish(at, self.high_watermark());
        if bugs::planted(Bug::DedupeLostOnFailover) {
            *self.producers.write().expect("no holder panics") = Producers::default();
        }
        self.blank_term.send_replace(at.term);
    }

    fn data(&mut self, at: LogPosition, data: &Bytes) -> Reply {
        let base_offset = self.note(data);
        self.publish(at, self.high_watermark());
        Reply::BaseOffset(base_offset)
    }

    fn state(&self) -> Bytes {
        let mut out = BytesMut::new();
        out.put_i64(self.log.offset_after(self.applied));
        self.producers
            .read()
            .expect("no holder panics")
            .encode(&mut out);
        out.freeze()
    }

    fn restore(&mut self, at: LogPosition, mut state: Bytes) -> io::Result<()> {
        let next_offset = state.try_get_i64()?;
        *self.producers.write().expect("no holder panics") = Producers::decode(&mut state)?;
        self.publish(at, next_offset);
        Ok(())
    }

    fn next_offset(&self, state: &Bytes) -> io::Result<i64> {
        Ok(state.clone().try_get_i64()?)
    }
}
