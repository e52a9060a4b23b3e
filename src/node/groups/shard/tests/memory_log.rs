//! A log in memory that keeps real record batches and can be told to misbehave.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::{Bytes, BytesMut};
use kafka_protocol::ResponseError;
use tokio::sync::watch;

use super::super::OffsetsLog;
use crate::node::partition::{Appended, Offsets, Serving};
use crate::protocol::records::{BatchBuilder, BatchHeader, patch};

/// What an append does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::node::groups) enum Mode {
    /// It succeeds.
    Take,
    /// It waits for another mode.
    Hold,
    /// It fails and leaves nothing.
    Refuse(ResponseError),
    /// It seems to fail.
    TakeAndRefuse(ResponseError),
    /// It succeeds after leadership was lost and regained.
    TakeInTerm(i32),
}

pub(in crate::node::groups) struct MemoryLog {
    batches: Mutex<Vec<Bytes>>,
    serving: watch::Sender<Serving>,
    offsets: watch::Sender<Offsets>,
    mode: watch::Sender<Mode>,
    appending: AtomicUsize,
    unreadable: AtomicBool,
    still: AtomicBool,
}

impl Default for MemoryLog {
    fn default() -> Self {
        Self {
            batches: Mutex::default(),
            serving: watch::Sender::new(Serving::Follower {
                leader: None,
                epoch: -1,
            }),
            offsets: watch::Sender::default(),
            mode: watch::Sender::new(Mode::Take),
            appending: AtomicUsize::new(0),
            unreadable: AtomicBool::new(false),
            still: AtomicBool::new(false),
        }
    }
}

impl MemoryLog {
    pub(in crate::node::groups) fn lead(&self, epoch: i32) {
        self.serving.send_replace(Serving::Leader { epoch });
    }

    pub(super) fn follow(&self) {
        self.serving.send_replace(Serving::Follower {
            leader: None,
            epoch: 1,
        });
    }

    pub(in crate::node::groups) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    pub(super) fn forbid_reads(&self) {
        self.unreadable.store(true, Ordering::Relaxed);
    }

    /// Moves the high watermark from now on without telling those who watch it.
    pub(super) fn hide_movement(&self) {
        self.still.store(true, Ordering::Relaxed);
    }

    /// Appends that are under way.
    pub(super) fn appending(&self) -> usize {
        self.appending.load(Ordering::Relaxed)
    }

    pub(super) fn batches(&self) -> usize {
        self.batches.lock().unwrap().len()
    }

    /// Puts a record there as somebody else.
    pub(super) fn put(&self, key: Option<&[u8]>, value: Option<&[u8]>) {
        let mut batch = BatchBuilder::new();
        batch.push(0, key, value, &[]);
        self.take(&batch.build());
    }

    fn take(&self, batch: &Bytes) -> i64 {
        let mut batches = self.batches.lock().unwrap();
        let base = batches.last().map_or(0, |last| end(last));
        let mut patched = BytesMut::from(&batch[..]);
        patch(&mut patched, base, 1);
        batches.push(patched.freeze());
        let end = end(batches.last().unwrap());
        self.offsets.send_if_modified(|offsets| {
            offsets.high_watermark = end;
            offsets.log_end = end;
            !self.still.load(Ordering::Relaxed)
        });
        base
    }

    async fn decide(&self, batch: &Bytes) -> Result<i64, ResponseError> {
        let mut modes = self.mode.subscribe();
        let mode = modes.wait_for(|mode| *mode != Mode::Hold).await;
        let mode = *mode.expect("the log lives");
        match mode {
            Mode::Take => Ok(self.take(batch)),
            Mode::Hold => unreachable!("waited for another"),
            Mode::Refuse(code) => Err(code),
            Mode::TakeAndRefuse(code) => {
                self.take(batch);
                Err(code)
            }
            Mode::TakeInTerm(epoch) => {
                self.lead(epoch);
                Ok(self.take(batch))
            }
        }
    }
}

fn end(batch: &[u8]) -> i64 {
    BatchHeader::parse(batch).unwrap().last_offset() + 1
}

impl OffsetsLog for MemoryLog {
    fn index(&self) -> i32 {
        0
    }

    fn serving(&self) -> Serving {
        *self.serving.borrow()
    }

    fn watch_serving(&self) -> watch::Receiver<Serving> {
        self.serving.subscribe()
    }

    fn offsets(&self) -> Offsets {
        *self.offsets.borrow()
    }

    fn watch_offsets(&self) -> watch::Receiver<Offsets> {
        self.offsets.subscribe()
    }

    fn read(&self, from: i64, _: usize) -> Result<Bytes, ResponseError> {
        if self.unreadable.load(Ordering::Relaxed) {
            return Err(ResponseError::KafkaStorageError);
        }
        // One batch at a time, so that loading takes several reads.
        let batches = self.batches.lock().unwrap();
        let holds = |batch: &&Bytes| end(batch) > from;
        Ok(batches.iter().find(holds).cloned().unwrap_or_default())
    }

    async fn append(self: Arc<Self>, batch: Bytes) -> Result<Appended, ResponseError> {
        self.appending.fetch_add(1, Ordering::Relaxed);
        let decided = self.decide(&batch).await;
        self.appending.fetch_sub(1, Ordering::Relaxed);
        let base_offset = decided?;
        Ok(Appended {
            base_offset,
            log_append_time: -1,
            log_start: 0,
        })
    }
}
