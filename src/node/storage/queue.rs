//! What waits for the writer, and what it costs in memory.
//!
//! Bounded by bytes, from the call to the segment: a caller waits (outside of every lock) while too
//! much is on the way. Small marks that need no sync of their own wait for the next operation that
//! does.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::Done;
use super::group::Group;
use super::record::{HEAD, Record};

/// Bytes on the way from calls to segments.
const MAX_QUEUED: u64 = 64 << 20;
/// Callers with time wait from here on, so that those without never have to.
const ROOM: u64 = MAX_QUEUED / 2;
/// Bytes of one batch of the write-ahead log: a sync is never far away.
const MAX_BATCH: u64 = 16 << 20;
/// After this a caller gives up: the disk is stuck.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// One call's records, which are stored together.
pub(super) struct Op {
    pub(super) group: Arc<Group>,
    pub(super) records: Vec<Record>,
    pub(super) done: Option<Done>,
    /// Files of the group that nobody needs once this is durable.
    pub(super) garbage: Vec<String>,
}

/// Whether an operation waits for the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Urgency {
    /// Written and synced at once.
    Now,
    /// Goes along with the next operation that is urgent.
    Later,
}

/// The queue of one storage.
#[derive(Default)]
pub(super) struct Queue {
    inner: Mutex<Inner>,
    filled: Condvar,
    freed: Condvar,
    failed: watch::Sender<Option<String>>,
    /// Wakes those who wait for room without a thread of their own.
    room: Notify,
}

#[derive(Default)]
struct Inner {
    ops: VecDeque<Op>,
    urgent: bool,
    /// Bytes of operations that have not reached their segments.
    bytes: u64,
    stop: Option<Stop>,
}

/// Why nothing more is taken.
#[derive(Debug, Clone)]
enum Stop {
    /// What is queued is still written.
    Closing,
    /// Nothing more is written.
    Abandoned,
    /// The disk failed.
    Failed(String),
}

impl Op {
    pub(super) fn bytes(&self) -> u64 {
        let payload = |record: &Record| record.payload().len() + HEAD;
        self.records.iter().map(payload).sum::<usize>() as u64
    }
}

impl Queue {
    /// Whether less is on the way than the bound.
    pub(super) fn has_room(&self) -> bool {
        let inner = self.inner();
        inner.stop.is_some() || inner.bytes <= ROOM
    }

    /// Ends when there may be room again.
    pub(super) async fn freed(&self) {
        self.room.notified().await;
    }

    /// Waits until there is room. An error when the storage has stopped, or is stuck.
    pub(super) fn admit(&self) -> io::Result<()> {
        let full = |inner: &mut Inner| inner.stop.is_none() && inner.bytes > MAX_QUEUED;
        let (inner, waited) = self
            .freed
            .wait_timeout_while(self.inner(), MAX_WAIT, full)
            .expect("no thread panics while it holds the queue");
        inner.check()?;
        if waited.timed_out() {
            let what = "the disk has taken nothing for too long";
            return Err(io::Error::new(io::ErrorKind::TimedOut, what));
        }
        Ok(())
    }

    /// Queues an operation. The order of calls is the order of effects.
    pub(super) fn push(&self, op: Op, urgency: Urgency) -> io::Result<()> {
        let mut inner = self.inner();
        inner.check()?;
        inner.bytes += op.bytes();
        inner.ops.push_back(op);
        if urgency == Urgency::Now {
            inner.urgent = true;
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Waits for the next batch; `None` at the end.
    pub(super) fn take(&self) -> Option<Vec<Op>> {
        let idle = |inner: &mut Inner| inner.stop.is_none() && !inner.urgent;
        let mut inner = self
            .filled
            .wait_while(self.inner(), idle)
            .expect("no thread panics while it holds the queue");
        if !matches!(inner.stop, None | Some(Stop::Closing)) {
            return None;
        }
        let mut batch = Vec::new();
        let mut bytes = 0;
        while bytes < MAX_BATCH
            && let Some(op) = inner.ops.pop_front()
        {
            bytes += op.bytes();
            batch.push(op);
        }
        inner.urgent = !inner.ops.is_empty();
        (!batch.is_empty()).then_some(batch)
    }

    /// These bytes have reached their segments.
    pub(super) fn release(&self, bytes: u64) {
        let mut inner = self.inner();
        inner.bytes = inner.bytes.saturating_sub(bytes);
        self.freed.notify_all();
        if inner.bytes <= ROOM {
            self.room.notify_waiters();
        }
    }

    /// Takes nothing more; what is queued is still written.
    pub(super) fn close(&self) {
        self.stop(Stop::Closing);
    }

    /// Takes nothing more and writes nothing more, as if the process had been killed.
    pub(super) fn abandon(&self) {
        self.stop(Stop::Abandoned);
        self.refuse_all();
    }

    /// The disk failed: whoever waits gets the error, and so does everybody from now on.
    pub(super) fn fail(&self, why: &io::Error) {
        self.stop(Stop::Failed(why.to_string()));
        self.refuse_all();
        self.failed.send_replace(Some(why.to_string()));
    }

    /// The disk's failure, when it comes.
    pub(super) fn failures(&self) -> watch::Receiver<Option<String>> {
        self.failed.subscribe()
    }

    /// Whether the disk failed, and how.
    pub(super) fn failure(&self) -> Option<String> {
        match &self.inner().stop {
            Some(Stop::Failed(why)) => Some(why.clone()),
            _ => None,
        }
    }

    /// Whether the end was asked for, so that what is queued and written must be kept whole.
    pub(super) fn is_closing(&self) -> bool {
        matches!(self.inner().stop, Some(Stop::Closing))
    }

    /// An error when the storage has stopped.
    pub(super) fn check(&self) -> io::Result<()> {
        self.inner().check()
    }

    fn stop(&self, why: Stop) {
        let mut inner = self.inner();
        if !matches!(inner.stop, Some(Stop::Failed(_))) {
            inner.stop = Some(why);
        }
        self.filled.notify_all();
        self.freed.notify_all();
    }

    fn refuse_all(&self) {
        let ops = std::mem::take(&mut self.inner().ops);
        for done in ops.into_iter().filter_map(|op| op.done) {
            done(self.check());
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner
            .lock()
            .expect("no thread panics while it holds the queue")
    }
}

impl Inner {
    fn check(&self) -> io::Result<()> {
        let Some(stop) = &self.stop else {
            return Ok(());
        };
        Err(match stop {
            Stop::Closing | Stop::Abandoned => {
                io::Error::new(io::ErrorKind::BrokenPipe, "the storage is closed")
            }
            Stop::Failed(why) => io::Error::other(format!("the storage has stopped: {why}")),
        })
    }
}
