//! The two threads of a storage: the writer of the write-ahead log and the flusher behind it.
//!
//! ```text
//!   calls -> queue -> writer: one write, one sync, the callbacks -> flusher: segments, checkpoint
//! ```
//! The writer never waits for the flusher, and an acknowledgement never waits for a segment. An
//! idle storage sleeps without a timer. Any error of the disk ends both: whoever waits gets it, and
//! nothing is tried again.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use super::Shared;
use super::group::Group;
use super::queue::Op;
use super::record::{Change, HEAD, Record};
use super::segments::{BatchId, Segments};
use super::wal::{Mark, Wal};

/// How long bytes may wait for a checkpoint: replay stays short.
const CHECKPOINT_AFTER: Duration = Duration::from_secs(5);
/// How long the flusher gathers batches before it writes segments: nobody waits for them, and where
/// records come one by one its wake-ups would take the cores from those who are waited for.
const GATHER: Duration = Duration::from_millis(5);
/// Payload that stays in memory after it was written: followers and consumers that keep up never
/// read from a file.
const CACHED_BYTES: usize = 4 << 20;

/// A batch that the write-ahead log holds.
pub(super) struct Stored {
    mark: Mark,
    unsynced: bool,
    ops: Vec<Op>,
}

/// The writer's thread.
pub(super) fn write(shared: &Shared, mut wal: Wal, flusher: &Sender<Stored>) {
    if let Err(error) = wal.warm_up() {
        shared.queue.fail(&error);
    }
    while let Some(mut ops) = shared.queue.take() {
        match store(shared, &mut wal, &ops) {
            Ok(mark) => {
                acknowledge(&mut ops);
                let unsynced = wal.unsynced();
                let stored = Stored {
                    mark,
                    unsynced,
                    ops,
                };
                // The flusher is gone only after a failure, which the queue knows.
                drop(flusher.send(stored));
            }
            Err(error) => {
                shared.queue.fail(&error);
                refuse(ops, &error);
                return;
            }
        }
        if let Err(error) = wal.look_ahead() {
            shared.queue.fail(&error);
        }
    }
}

fn store(shared: &Shared, wal: &mut Wal, ops: &[Op]) -> io::Result<Mark> {
    let records: Vec<&Record> = ops.iter().flat_map(|op| &op.records).collect();
    wal.write(&records, &shared.counters)
}

fn acknowledge(ops: &mut [Op]) {
    for op in ops {
        let is_repair = |record: &Record| record.change == Change::Repaired;
        if op.records.iter().rev().take(2).any(is_repair) {
            op.group.repaired();
        }
        if let Some(done) = op.done.take() {
            done(Ok(()));
        }
    }
}

fn refuse(ops: Vec<Op>, error: &io::Error) {
    for done in ops.into_iter().filter_map(|op| op.done) {
        done(Err(io::Error::new(error.kind(), error.to_string())));
    }
}

/// The flusher's thread.
pub(super) struct Flusher {
    pub(super) shared: Arc<Shared>,
    pub(super) segments: Segments,
    pub(super) mark: Mark,
    /// Since when there are bytes without a checkpoint.
    dirty_since: Option<Instant>,
    dirty_bytes: u64,
    /// Bytes of the write-ahead log after which a checkpoint is due: one file of it.
    checkpoint_bytes: u64,
    cached: VecDeque<(Arc<Group>, u64, usize)>,
    cached_bytes: usize,
}

impl Flusher {
    /// Goes on where recovery ended.
    pub(super) fn new(
        shared: Arc<Shared>,
        segments: Segments,
        mark: Mark,
        checkpoint_bytes: u64,
    ) -> Self {
        Self {
            shared,
            segments,
            mark,
            dirty_since: None,
            dirty_bytes: 0,
            checkpoint_bytes,
            cached: VecDeque::new(),
            cached_bytes: 0,
        }
    }

    /// Replay wrote segments: they are not synced.
    pub(super) fn after_replay(mut self) -> Self {
        self.dirty_since = Some(Instant::now());
        self
    }

    /// Takes batches until the writer ends.
    pub(super) fn run(mut self, stored: &Receiver<Stored>) {
        if let Err(error) = self.take_all(stored) {
            self.shared.queue.fail(&error);
        }
    }

    fn take_all(&mut self, stored: &Receiver<Stored>) -> io::Result<()> {
        loop {
            match self.next(stored) {
                Ok(first) => {
                    self.gather();
                    self.flush_with(first, stored)?;
                }
                Err(RecvTimeoutError::Timeout) => self.checkpoint()?,
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.dirty_bytes >= self.checkpoint_bytes {
                self.checkpoint()?;
            }
        }
        if self.shared.queue.is_closing() {
            self.checkpoint()?;
        }
        Ok(())
    }

    fn next(&self, stored: &Receiver<Stored>) -> Result<Stored, RecvTimeoutError> {
        let Some(since) = self.dirty_since else {
            return stored.recv().map_err(|_| RecvTimeoutError::Disconnected);
        };
        stored.recv_timeout(CHECKPOINT_AFTER.saturating_sub(since.elapsed()))
    }

    /// Lets batches come together, unless many bytes wait already or the end was asked for.
    fn gather(&self) {
        let queue = &self.shared.queue;
        if queue.has_room() && !queue.is_closing() {
            std::thread::park_timeout(GATHER);
        }
    }

    /// Flushes a batch and what has come behind it, up to the next checkpoint.
    fn flush_with(&mut self, first: Stored, stored: &Receiver<Stored>) -> io::Result<()> {
        self.flush(first)?;
        while self.dirty_bytes < self.checkpoint_bytes
            && let Ok(next) = stored.try_recv()
        {
            self.flush(next)?;
        }
        Ok(())
    }

    fn flush(&mut self, stored: Stored) -> io::Result<()> {
        let batch = BatchId {
            seq: stored.mark.seq,
            unsynced: stored.unsynced,
        };
        let mut bytes = 0;
        for op in stored.ops {
            bytes += op.bytes();
            self.segments.apply(&op.records, batch)?;
            self.segments.discard(op.group.id, &op.garbage);
            if let Some(written) = self.segments.groups.get_mut(&op.group.id) {
                written.front.get_or_insert_with(|| op.group.clone());
            }
            self.cache(&op);
        }
        self.segments.note_synced(batch)?;
        self.mark = stored.mark;
        self.dirty_bytes += bytes;
        self.dirty_since.get_or_insert_with(Instant::now);
        self.shared.queue.release(bytes);
        Ok(())
    }

    /// Remembers what may leave memory, and lets the oldest go.
    fn cache(&mut self, op: &Op) {
        let payload = |record: &Record| record.payload().len() + HEAD;
        let bytes: usize = op.records.iter().map(payload).sum();
        let Some(last) = op.records.last() else {
            return;
        };
        self.cached
            .push_back((op.group.clone(), last.group_seq, bytes));
        self.cached_bytes += bytes;
        while self.cached_bytes > CACHED_BYTES
            && let Some((group, group_seq, bytes)) = self.cached.pop_front()
        {
            group.evict(group_seq);
            self.cached_bytes -= bytes;
        }
    }

    fn checkpoint(&mut self) -> io::Result<()> {
        self.segments.checkpoint(self.mark)?;
        self.shared.counters.checkpoint();
        self.dirty_since = None;
        self.dirty_bytes = 0;
        Ok(())
    }
}
