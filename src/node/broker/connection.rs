//! One client's connection: frames in, answers out, in request order.
//!
//! ```text
//! socket ─▶ intake ─▶ start ─▶ under way (in order) ─▶ outbox ─▶ socket
//!            (waits for its share of the budget)
//! ```
//! Requests run one after the other, except that requests of [`Lane::Pipelined`] (Produce) run
//! beside each other: each is started in arrival order, and `start` puts its appends into their
//! partitions' queues before it returns. While a request runs the socket is still read, so that
//! a client that goes away ends its long poll. Knows frames and time, and nothing of Kafka.

use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{FuturesOrdered, StreamExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::intake::{FrameTooLarge, Intake};
use super::limits::{Budget, Limits, Share};
use super::outbox::{Answer, Outbox};

/// Whether a request may run beside others of its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// Beside others of this lane.
    Pipelined,
    /// Alone.
    Alone,
}

/// What becomes of a request.
#[derive(Debug)]
pub(super) enum Reply {
    /// It is answered.
    Answer(Answer),
    /// No answer (acks=0).
    Nothing,
    /// No answer and the end of the connection, with the reason.
    Close(String),
}

/// What understands the frames.
pub(super) trait Service: Send + Sync + 'static {
    /// How the request in this frame may run.
    fn lane(&self, frame: &[u8]) -> Lane;

    /// Starts a request; an error closes the connection. What must happen in arrival order
    /// happens before this returns.
    fn start(&self, client: SocketAddr, frame: Bytes) -> Result<BoxFuture<'static, Reply>, String>;
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    /// The client closed it.
    #[error("closed by the client")]
    ByClient,
    /// The node stops.
    #[error("the node stops")]
    ByShutdown,
    /// The socket failed.
    #[error(transparent)]
    Socket(#[from] std::io::Error),
    /// A frame that is larger than allowed.
    #[error(transparent)]
    TooLarge(#[from] FrameTooLarge),
    /// A request that cannot be answered.
    #[error("{0}")]
    Rejected(String),
    /// The client let a deadline pass.
    #[error("too late: {0}")]
    Late(&'static str),
}

/// What all connections of a node share.
#[derive(Debug)]
pub(super) struct Shared<S> {
    pub(super) service: S,
    pub(super) limits: Limits,
    pub(super) budget: Budget,
    pub(super) shutdown: CancellationToken,
}

/// Serves one client until it, the node or a deadline ends it.
pub(super) async fn run<S: Service>(
    stream: &mut TcpStream,
    client: SocketAddr,
    shared: &Shared<S>,
) -> Ended {
    let (reader, writer) = stream.split();
    let connection = Connection::new(reader, writer, client, shared);
    match connection.serve().await {
        Ok(ended) | Err(ended) => ended,
    }
}

/// A request under way, with its share of the budget until it is done.
struct UnderWay {
    reply: BoxFuture<'static, Reply>,
    _share: Share,
}

impl Future for UnderWay {
    type Output = Reply;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Reply> {
        self.reply.as_mut().poll(cx)
    }
}

/// The next frame's share of the budget.
enum NextShare {
    /// Not asked for.
    None,
    /// Others have it now.
    Awaited(BoxFuture<'static, Share>),
    /// Here.
    Taken(Share),
}

struct Connection<'a, S> {
    reader: ReadHalf<'a>,
    writer: WriteHalf<'a>,
    client: SocketAddr,
    shared: &'a Shared<S>,
    intake: Intake,
    share: NextShare,
    under_way: FuturesOrdered<UnderWay>,
    lane: Lane,
    outbox: Outbox,
    /// A valid request was seen.
    known: bool,
    /// Why no more requests are started; the earlier ones are still answered.
    ending: Option<Ended>,
    clock: Clock,
}

/// When what happened last, for the deadlines.
struct Clock {
    frame_since: Option<Instant>,
    write_since: Option<Instant>,
    ending_since: Option<Instant>,
    active: Instant,
    opened: Instant,
}

impl<'a, S: Service> Connection<'a, S> {
    fn new(
        reader: ReadHalf<'a>,
        writer: WriteHalf<'a>,
        client: SocketAddr,
        shared: &'a Shared<S>,
    ) -> Self {
        let now = Instant::now();
        Self {
            reader,
            writer,
            client,
            shared,
            intake: Intake::new(shared.limits.first_frame_bytes),
            share: NextShare::None,
            under_way: FuturesOrdered::new(),
            lane: Lane::Alone,
            outbox: Outbox::default(),
            known: false,
            ending: None,
            clock: Clock {
                frame_since: None,
                write_since: None,
                ending_since: None,
                active: now,
                opened: now,
            },
        }
    }

    async fn serve(mut self) -> Result<Ended, Ended> {
        let mut alarm = Box::pin(sleep_until(Instant::now() + self.shared.limits.idle));
        loop {
            let reading = self.start_what_is_here().unwrap_or_else(|why| {
                self.end(why);
                Reading::Paused
            });
            if self.under_way.is_empty()
                && self.outbox.is_empty()
                && let Some(ended) = self.ending.take()
            {
                return Ok(ended);
            }
            self.bring_forward(&mut alarm);
            self.step(reading, &mut alarm).await?;
        }
    }

    /// One thing that happens: a reply, a write, a share, a read, shutdown or a deadline.
    async fn step(&mut self, reading: Reading, alarm: &mut Pin<Box<Sleep>>) -> Result<(), Ended> {
        let replying = self.outbox.bytes() < self.shared.limits.outbox_bytes;
        tokio::select! {
            biased;
            Some(reply) = self.under_way.next(), if replying && !self.under_way.is_empty() => {
                self.replied(reply);
                Ok(())
            }
            written = self.outbox.write_to(&mut self.writer), if !self.outbox.is_empty() => {
                written?;
                self.clock.wrote(&self.outbox);
                Ok(())
            }
            () = self.share.arrived(), if matches!(self.share, NextShare::Awaited(_)) => {
                self.clock.frame_since = Some(Instant::now());
                Ok(())
            }
            read = self.intake.fill(&mut self.reader), if reading == Reading::Wanted => {
                self.has_read(read?)
            }
            () = self.shared.shutdown.cancelled(), if self.ending.is_none() => {
                self.end(Ended::ByShutdown);
                Ok(())
            }
            () = alarm.as_mut() => self.rang(alarm),
        }
    }

    /// Starts every complete frame that may start now; says whether to read on.
    fn start_what_is_here(&mut self) -> Result<Reading, Ended> {
        while self.ending.is_none() {
            let Some(size) = self.intake.frame_size()? else {
                return Ok(Reading::Wanted);
            };
            if !self.share_for(size) {
                return Ok(Reading::Paused);
            }
            let Some(frame) = self.intake.peek(size) else {
                return Ok(Reading::Wanted);
            };
            let lane = self.shared.service.lane(frame);
            if !self.may_start(lane) {
                return Ok(Reading::Paused);
            }
            self.start(size, lane)?;
        }
        Ok(Reading::Paused)
    }

    fn may_start(&self, lane: Lane) -> bool {
        let alone = lane == Lane::Alone || self.lane == Lane::Alone;
        match self.under_way.len() {
            0 => true,
            _ if alone => false,
            running => running < self.shared.limits.pipeline,
        }
    }

    fn start(&mut self, size: usize, lane: Lane) -> Result<(), Ended> {
        let NextShare::Taken(share) = std::mem::replace(&mut self.share, NextShare::None) else {
            unreachable!("a frame starts after its share was taken");
        };
        let frame = self.intake.take(size);
        let reply = self
            .shared
            .service
            .start(self.client, frame)
            .map_err(Ended::Rejected)?;
        if !self.known {
            self.known = true;
            self.intake.set_limit(self.shared.limits.frame_bytes);
        }
        self.lane = lane;
        self.under_way.push_back(UnderWay {
            reply,
            _share: share,
        });
        let rest = !self.intake.is_empty();
        self.clock.frame_since = rest.then(Instant::now);
        Ok(())
    }

    /// Whether the next frame has its share; asks for it when it has not.
    fn share_for(&mut self, size: usize) -> bool {
        if let NextShare::None = self.share {
            let budget = &self.shared.budget;
            self.share = match budget.try_take(size) {
                Some(share) => NextShare::Taken(share),
                None => NextShare::Awaited(Box::pin(budget.clone().take(size))),
            };
        }
        matches!(self.share, NextShare::Taken(_))
    }

    fn replied(&mut self, reply: Reply) {
        self.clock.active = Instant::now();
        match reply {
            Reply::Answer(answer) => {
                self.outbox.push(answer);
                self.clock.write_since.get_or_insert(self.clock.active);
            }
            Reply::Nothing => {}
            Reply::Close(why) => {
                self.under_way.clear();
                self.end(Ended::Rejected(why));
            }
        }
    }

    fn has_read(&mut self, bytes: usize) -> Result<(), Ended> {
        if bytes > 0 {
            self.clock.active = Instant::now();
            self.clock.frame_since.get_or_insert(self.clock.active);
            return Ok(());
        }
        // Nobody waits for a long poll any more; appends run on, their answers may be read.
        if self.lane == Lane::Alone && !self.under_way.is_empty() {
            return Err(Ended::ByClient);
        }
        self.end(Ended::ByClient);
        Ok(())
    }

    fn end(&mut self, why: Ended) {
        self.ending = Some(why);
        self.share = NextShare::None;
        self.clock.ending_since = Some(Instant::now());
    }

    /// The nearest deadline and what was not done by then; none while a request runs.
    fn deadline(&self) -> Option<(Instant, &'static str)> {
        let (clock, limits) = (&self.clock, &self.shared.limits);
        let is_quiet = self.under_way.is_empty();
        let has_share = !matches!(self.share, NextShare::Awaited(_));
        let first = clock.opened + limits.first_frame_deadline;
        let frame = |since| (since + limits.frame_deadline, "a frame was not complete");
        let write = |since| (since + limits.write_deadline, "answers were not read");
        let drain = |since| (since + limits.drain, "requests were not done");
        [
            (!self.known).then_some((first, "no valid request came")),
            clock
                .frame_since
                .filter(|_| is_quiet && has_share)
                .map(frame),
            clock.write_since.map(write),
            clock.ending_since.map(drain),
            is_quiet.then_some((clock.active + limits.idle, "nothing happened")),
        ]
        .into_iter()
        .flatten()
        .min_by_key(|(at, _)| *at)
    }

    fn bring_forward(&self, alarm: &mut Pin<Box<Sleep>>) {
        if let Some((at, _)) = self.deadline()
            && at < alarm.deadline()
        {
            alarm.as_mut().reset(at);
        }
    }

    fn rang(&self, alarm: &mut Pin<Box<Sleep>>) -> Result<(), Ended> {
        let now = Instant::now();
        match self.deadline() {
            Some((at, what)) if at <= now => return Err(Ended::Late(what)),
            Some((at, _)) => alarm.as_mut().reset(at),
            None => alarm.as_mut().reset(now + self.shared.limits.idle),
        }
        Ok(())
    }
}

/// Whether more input is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    Wanted,
    Paused,
}

impl NextShare {
    async fn arrived(&mut self) {
        if let Self::Awaited(share) = self {
            *self = Self::Taken(share.await);
        }
    }
}

impl Clock {
    fn wrote(&mut self, outbox: &Outbox) {
        self.active = Instant::now();
        self.write_since = (!outbox.is_empty()).then_some(self.active);
    }
}

#[cfg(test)]
mod tests;
