//! One accepted stream after its HELLO: pings to the detector, requests to the inbox, replies
//! back.
//!
//! Requests are handed over in arrival order; their futures are polled here, together, and each
//! reply goes back when it is ready. What is being handled is bounded in number and in bytes:
//! more is answered with a failure, so that pings are read whatever the handlers do.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use prost::Message;
use tokio_util::sync::CancellationToken;
use tonic::Streaming;

use super::detector::Event;
use super::generated::{Batch, Frame, Kind, Ping};
use super::hello::Greeting;
use super::outbox::Outbox;
use super::room::Room;
use super::{Inbox, Lane, dial, frame, tuning};
use crate::spec::{BootId, NodeId};

/// The reader of one accepted stream.
pub(super) struct Session {
    room: Arc<Room>,
    inbox: Arc<dyn Inbox>,
    guest: Greeting,
    outbox: Outbox,
    close: CancellationToken,
    running: FuturesUnordered<Running>,
    running_bytes: usize,
}

/// A request that is being handled.
struct Running {
    call: u64,
    bytes: usize,
    handler: BoxFuture<'static, Result<Bytes, String>>,
}

/// A request that was handled.
struct Done {
    call: u64,
    bytes: usize,
    answer: Result<Bytes, String>,
}

impl Session {
    /// A session that cancels `close` when it ends.
    pub(super) fn new(
        room: Arc<Room>,
        inbox: Arc<dyn Inbox>,
        guest: Greeting,
        outbox: Outbox,
        close: CancellationToken,
    ) -> Self {
        Self {
            room,
            inbox,
            guest,
            outbox,
            close,
            running: FuturesUnordered::new(),
            running_bytes: 0,
        }
    }

    /// Serves until the stream ends or breaks a rule.
    pub(super) async fn run(mut self, mut requests: Streaming<Batch>) {
        let reason = loop {
            let served = tokio::select! {
                batch = requests.message() => match batch {
                    Ok(Some(batch)) => self.take(batch),
                    Ok(None) => break "it closed the link".to_owned(),
                    Err(status) => break dial::root_cause(&status),
                },
                Some(done) = self.running.next() => self.answer(done),
            };
            if let Err(rule) = served {
                tracing::warn!(peer = %self.guest.node, rule, "closed its link");
                break rule.to_owned();
            }
        };
        tracing::debug!(peer = %self.guest.node, lane = ?self.guest.lane, reason, "a session ended");
    }

    fn take(&mut self, batch: Batch) -> Result<(), &'static str> {
        for frame in batch.frames {
            match frame.kind() {
                Kind::Request => self.request(frame)?,
                Kind::Cast => self.cast(frame)?,
                Kind::Ping => self.ping(frame)?,
                _ => return Err("a frame that no dialler sends"),
            }
        }
        Ok(())
    }

    fn request(&mut self, frame: Frame) -> Result<(), &'static str> {
        let service = frame::service(frame.service).ok_or("an unknown service")?;
        let bytes = frame::weight(&frame);
        let crowded = self.running.len() >= tuning::MAX_IN_FLIGHT
            || self.running_bytes + bytes > tuning::MAX_IN_FLIGHT_BYTES;
        if crowded {
            return self.send(frame::failure(
                frame.call,
                "too many requests in flight".to_owned(),
            ));
        }
        let group = frame::group(&frame);
        let handler = self
            .inbox
            .request(self.guest.node, service, group, frame.payload);
        self.running_bytes += bytes;
        self.running.push(Running {
            call: frame.call,
            bytes,
            handler,
        });
        Ok(())
    }

    fn cast(&self, frame: Frame) -> Result<(), &'static str> {
        let service = frame::service(frame.service).ok_or("an unknown service")?;
        let group = frame::group(&frame);
        self.inbox
            .cast(self.guest.node, service, group, frame.payload);
        Ok(())
    }

    fn ping(&self, frame: Frame) -> Result<(), &'static str> {
        if self.guest.lane != Lane::Control {
            return Err("a ping on the bulk lane");
        }
        let ping = Ping::decode(frame.payload).map_err(|_| "a ping that does not parse")?;
        let event = Event::Pinged {
            boot: BootId(ping.boot),
            leaving: ping.leaving,
            heard: ping.heard.into_iter().map(NodeId).collect(),
        };
        self.room.apply(self.guest.node, event);
        Ok(())
    }

    fn answer(&mut self, done: Done) -> Result<(), &'static str> {
        self.running_bytes -= done.bytes;
        let frame = match done.answer {
            Ok(payload) if payload.len() <= frame::MAX_PAYLOAD_BYTES => {
                frame::reply(done.call, payload)
            }
            Ok(_) => frame::failure(done.call, "the answer is too large to send".to_owned()),
            Err(words) => frame::failure(done.call, words),
        };
        self.send(frame)
    }

    fn send(&self, frame: Frame) -> Result<(), &'static str> {
        let sent = self.outbox.push(frame);
        sent.map_err(|_| "it does not read its replies")
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.outbox.close();
        self.close.cancel();
    }
}

impl Future for Running {
    type Output = Done;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Done> {
        let (call, bytes) = (self.call, self.bytes);
        self.handler.as_mut().poll(cx).map(|answer| Done {
            call,
            bytes,
            answer,
        })
    }
}
