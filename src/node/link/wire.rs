//! One dialled stream as callers use it: an outbox and the calls that wait for answers.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::generated::{Batch, Frame, Kind};
use super::outbox::{Outbox, Refused};
use super::{LinkError, Service, frame};
use crate::spec::{GroupId, NodeId};

/// The writing half of a dialled stream, and its calls.
pub(super) struct Wire {
    to: NodeId,
    outbox: Outbox,
    calls: Mutex<Calls>,
}

struct Calls {
    last: u64,
    waiting: HashMap<u64, oneshot::Sender<Answer>>,
    last_use: Instant,
    closed: bool,
}

type Answer = Result<Bytes, LinkError>;

/// A call whose answer is awaited; forgotten when dropped.
struct Call<'a> {
    wire: &'a Wire,
    id: u64,
    answer: oneshot::Receiver<Answer>,
}

impl Wire {
    /// The stream to `to` whose body comes out of `outbox`.
    pub(super) fn new(to: NodeId, outbox: Outbox) -> Self {
        Self {
            to,
            outbox,
            calls: Mutex::new(Calls {
                last: 0,
                waiting: HashMap::new(),
                last_use: Instant::now(),
                closed: false,
            }),
        }
    }

    /// Sends a request and waits for its answer, for as long as the stream stands.
    pub(super) async fn call(&self, service: Service, group: GroupId, payload: Bytes) -> Answer {
        let call = self.begin()?;
        self.push(frame::request(call.id, service, group, payload))?;
        call.wait().await
    }

    /// Sends a message without an answer; drops it when it does not fit.
    pub(super) fn cast(&self, service: Service, group: GroupId, payload: Bytes) {
        if self.push(frame::cast(service, group, payload)).is_err() {
            tracing::debug!(to = %self.to, ?service, "dropped a cast");
        }
    }

    /// Sends an encoded ping.
    pub(super) fn ping(&self, payload: Bytes) {
        self.outbox.ping(payload);
    }

    /// Takes in answers; `Err` with the reason to give the stream up.
    pub(super) fn take(&self, batch: Batch) -> Result<(), &'static str> {
        let mut calls = self.lock();
        for frame in batch.frames {
            let answer = match frame.kind() {
                Kind::Reply => Ok(frame.payload),
                Kind::Failure => Err(LinkError::Refused(self.to, words(&frame))),
                _ => return Err("the peer sent something else than answers"),
            };
            if let Some(waiting) = calls.waiting.remove(&frame.call) {
                // The caller may have given up; then nobody misses the answer.
                let _ = waiting.send(answer);
            }
        }
        Ok(())
    }

    /// Ends the stream: what waits has no answer.
    pub(super) fn close(&self) {
        self.outbox.close();
        let mut calls = self.lock();
        calls.closed = true;
        for (_, waiting) in calls.waiting.drain() {
            let _ = waiting.send(Err(LinkError::Broken(self.to)));
        }
    }

    /// Whether no call waits and the last one began at least this long ago.
    pub(super) fn is_idle(&self, since: Duration) -> bool {
        let calls = self.lock();
        calls.waiting.is_empty() && calls.last_use.elapsed() >= since
    }

    fn begin(&self) -> Result<Call<'_>, LinkError> {
        let (sender, answer) = oneshot::channel();
        let mut calls = self.lock();
        if calls.closed {
            return Err(LinkError::Down(self.to));
        }
        calls.last += 1;
        calls.last_use = Instant::now();
        let id = calls.last;
        calls.waiting.insert(id, sender);
        Ok(Call {
            wire: self,
            id,
            answer,
        })
    }

    fn push(&self, frame: Frame) -> Result<(), LinkError> {
        let size = frame.payload.len();
        if size > frame::MAX_PAYLOAD_BYTES {
            let words = format!("a payload of {size} bytes is too large to send");
            return Err(LinkError::Refused(self.to, words));
        }
        self.outbox
            .push(frame)
            .map_err(|_: Refused| LinkError::Down(self.to))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Calls> {
        self.calls
            .lock()
            .expect("no holder of the calls' lock panics")
    }
}

/// A failure's words, as text whatever the peer sent.
fn words(frame: &Frame) -> String {
    String::from_utf8_lossy(&frame.payload).into_owned()
}

impl Call<'_> {
    async fn wait(mut self) -> Answer {
        let to = self.wire.to;
        (&mut self.answer)
            .await
            .unwrap_or(Err(LinkError::Broken(to)))
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.wire.lock().waiting.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, StreamExt};

    use super::super::outbox::Batches;
    use super::*;

    const TO: NodeId = NodeId(2);

    fn wire() -> (Wire, Batches) {
        let (outbox, batches) = Outbox::new();
        (Wire::new(TO, outbox), batches)
    }

    fn ask(wire: &Wire) -> impl Future<Output = Answer> {
        wire.call(Service::Vote, GroupId::METADATA, Bytes::from_static(b"?"))
    }

    fn answers(frames: Vec<Frame>) -> Batch {
        Batch { frames }
    }

    #[test]
    fn answers_find_their_calls_in_any_order() {
        let (wire, mut sent) = wire();
        let mut first = Box::pin(ask(&wire));
        let mut second = Box::pin(ask(&wire));
        assert!(first.as_mut().now_or_never().is_none());
        assert!(second.as_mut().now_or_never().is_none());
        let requests = sent.next().now_or_never().unwrap().unwrap().frames;
        let failure = frame::failure(requests[1].call, "no".to_owned());
        let reply = frame::reply(requests[0].call, Bytes::from_static(b"yes"));
        wire.take(answers(vec![failure, reply])).unwrap();
        assert_eq!(first.now_or_never(), Some(Ok(Bytes::from_static(b"yes"))));
        let refused = LinkError::Refused(TO, "no".to_owned());
        assert_eq!(second.now_or_never(), Some(Err(refused)));
    }

    #[test]
    fn a_call_that_is_given_up_is_forgotten() {
        let (wire, _sent) = wire();
        let mut call = Box::pin(ask(&wire));
        assert!(call.as_mut().now_or_never().is_none());
        assert!(!wire.is_idle(Duration::ZERO));
        drop(call);
        assert!(wire.is_idle(Duration::ZERO));
        let late = frame::reply(1, Bytes::new());
        assert_eq!(wire.take(answers(vec![late])), Ok(()));
    }

    #[test]
    fn closing_breaks_what_waits_and_refuses_what_comes() {
        let (wire, _sent) = wire();
        let mut call = Box::pin(ask(&wire));
        assert!(call.as_mut().now_or_never().is_none());
        wire.close();
        assert_eq!(call.now_or_never(), Some(Err(LinkError::Broken(TO))));
        assert_eq!(ask(&wire).now_or_never(), Some(Err(LinkError::Down(TO))));
    }

    #[test]
    fn a_payload_that_no_peer_would_decode_is_refused_here() {
        let (wire, _sent) = wire();
        let payload = Bytes::from(vec![0; frame::MAX_PAYLOAD_BYTES + 1]);
        let answer = wire.call(Service::Snapshot, GroupId::METADATA, payload);
        let answer = answer.now_or_never().unwrap();
        assert!(matches!(answer, Err(LinkError::Refused(TO, _))));
    }

    #[test]
    fn anything_but_answers_is_an_error() {
        let (wire, _sent) = wire();
        let ping = frame::ping(Bytes::new());
        assert!(wire.take(answers(vec![ping])).is_err());
    }
}
