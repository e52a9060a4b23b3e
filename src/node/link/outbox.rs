//! The bounded queue before a stream: frames go in one by one and come out in batches.
//!
//! There is no timer: what waits when the transport asks is one batch, so pipelined frames
//! coalesce exactly when the transport is the bottleneck. A ping overtakes the queue and a newer
//! ping replaces one that was not sent yet, so a stuck peer costs no memory. What does not fit
//! is refused, never dropped silently and never waited for.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tokio_stream::Stream;

use super::frame;
use super::generated::{Batch, Frame};

/// Frames that wait for one stream together weigh at most this much (or are a single one).
const QUEUE_BYTES: usize = 32 << 20;

/// Why a frame was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// The stream has ended.
    Closed,
    /// The peer does not read as fast as we write.
    Full,
}

/// The writing end; cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Outbox {
    queue: Arc<Mutex<Queue>>,
}

/// The reading end: the body of a stream.
pub(super) struct Batches {
    queue: Arc<Mutex<Queue>>,
}

#[derive(Default)]
struct Queue {
    ping: Option<Bytes>,
    frames: VecDeque<Frame>,
    bytes: usize,
    closed: bool,
    reader: Option<Waker>,
}

impl Outbox {
    /// A new queue and the batches that come out of it.
    pub(super) fn new() -> (Self, Batches) {
        let outbox = Self::default();
        let queue = Arc::clone(&outbox.queue);
        (outbox, Batches { queue })
    }

    /// Queues one frame.
    pub(super) fn push(&self, frame: Frame) -> Result<(), Refused> {
        let weight = frame::weight(&frame);
        let mut queue = lock(&self.queue);
        if queue.closed {
            return Err(Refused::Closed);
        }
        if !queue.frames.is_empty() && queue.bytes + weight > QUEUE_BYTES {
            return Err(Refused::Full);
        }
        queue.bytes += weight;
        queue.frames.push_back(frame);
        wake(queue);
        Ok(())
    }

    /// Sends an encoded ping before everything that waits, in place of one that still waits.
    pub(super) fn ping(&self, payload: Bytes) {
        let mut queue = lock(&self.queue);
        if !queue.closed {
            queue.ping = Some(payload);
            wake(queue);
        }
    }

    /// Ends the stream; what was not sent is forgotten.
    pub(super) fn close(&self) {
        let mut queue = lock(&self.queue);
        queue.closed = true;
        queue.ping = None;
        queue.frames = VecDeque::new();
        queue.bytes = 0;
        wake(queue);
    }
}

fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().expect("no holder of the queue's lock panics")
}

/// Wakes the reader after the lock is free, so that it does not run into it.
fn wake(mut queue: MutexGuard<'_, Queue>) {
    let reader = queue.reader.take();
    drop(queue);
    if let Some(reader) = reader {
        reader.wake();
    }
}

impl Queue {
    fn batch(&mut self) -> Option<Batch> {
        let mut frames: Vec<Frame> = self.ping.take().map(frame::ping).into_iter().collect();
        let mut bytes = 0;
        while bytes < frame::BATCH_BYTES
            && let Some(next) = self.frames.front()
        {
            let weight = frame::weight(next);
            if bytes > 0 && bytes + weight > frame::BATCH_BYTES {
                break;
            }
            bytes += weight;
            frames.extend(self.frames.pop_front());
        }
        self.bytes -= bytes;
        (!frames.is_empty()).then_some(Batch { frames })
    }
}

impl Stream for Batches {
    type Item = Batch;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Batch>> {
        let mut queue = lock(&self.queue);
        if let Some(batch) = queue.batch() {
            return Poll::Ready(Some(batch));
        }
        if queue.closed {
            return Poll::Ready(None);
        }
        match &mut queue.reader {
            Some(reader) => reader.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        let mut queue = lock(&self.queue);
        queue.closed = true;
        queue.frames = VecDeque::new();
        queue.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, StreamExt};

    use super::super::Service;
    use super::*;
    use crate::spec::GroupId;

    fn cast(bytes: usize) -> Frame {
        let payload = Bytes::from(vec![0; bytes]);
        frame::cast(Service::Gossip, GroupId::METADATA, payload)
    }

    #[test]
    fn what_waits_is_one_batch_and_a_ping_goes_first() {
        let (outbox, mut batches) = Outbox::new();
        for size in 1..=3 {
            outbox.push(cast(size)).unwrap();
        }
        outbox.ping(Bytes::from_static(b"old"));
        outbox.ping(Bytes::from_static(b"new"));
        let batch = batches.next().now_or_never().unwrap().unwrap();
        let sizes: Vec<usize> = batch.frames.iter().map(|f| f.payload.len()).collect();
        assert_eq!(sizes, [3, 1, 2, 3]);
        assert_eq!(batch.frames[0].payload, "new");
        assert!(batches.next().now_or_never().is_none());
    }

    #[test]
    fn a_batch_ends_at_its_size_and_a_large_frame_goes_alone() {
        let (outbox, mut batches) = Outbox::new();
        for size in [10, frame::BATCH_BYTES * 2, 10, 20] {
            outbox.push(cast(size)).unwrap();
        }
        let mut counts = Vec::new();
        while let Some(Some(batch)) = batches.next().now_or_never() {
            counts.push(batch.frames.len());
        }
        assert_eq!(counts, [1, 1, 2]);
    }

    #[test]
    fn a_full_queue_refuses_and_recovers() {
        let (outbox, mut batches) = Outbox::new();
        outbox.push(cast(QUEUE_BYTES + 1)).unwrap();
        assert_eq!(outbox.push(cast(1)), Err(Refused::Full));
        batches.next().now_or_never().unwrap().unwrap();
        assert_eq!(outbox.push(cast(1)), Ok(()));
    }

    #[test]
    fn a_closed_queue_ends_the_stream() {
        let (outbox, mut batches) = Outbox::new();
        outbox.push(cast(1)).unwrap();
        outbox.close();
        assert_eq!(batches.next().now_or_never(), Some(None));
        assert_eq!(outbox.push(cast(1)), Err(Refused::Closed));
    }

    #[test]
    fn a_dropped_reader_closes_the_queue() {
        let (outbox, batches) = Outbox::new();
        drop(batches);
        assert_eq!(outbox.push(cast(1)), Err(Refused::Closed));
    }

    #[tokio::test]
    async fn a_waiting_reader_is_woken() {
        let (outbox, mut batches) = Outbox::new();
        let (batch, ()) = tokio::join!(batches.next(), async {
            outbox.push(cast(1)).unwrap();
        });
        assert_eq!(batch.unwrap().frames.len(), 1);
    }
}
