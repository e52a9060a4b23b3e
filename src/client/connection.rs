//! One TCP connection to one broker, with requests pipelined in order.
//!
//! ```text
//! call/send ──► queue (bounded) ──► write loop ──► socket ──► read loop ──► the caller's Answer
//!                                      └── awaiting (bounded) ──┘
//! ```
//! Promises: answers belong to their requests (order and correlation id are checked), any framing
//! fault ends the connection, and every request then gets that fault as its answer. It never
//! retries and never reconnects; a broken connection stays broken.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufWriter};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::api::Api;
use super::error::ClientError;
use super::wire;
use crate::spec::defaults::MAX_FRAME_BYTES;

/// Requests that may wait to be written, and again as many that may wait for their answer.
const QUEUE: usize = 1024;
/// What a read asks for at least; small answers share one buffer.
const READ_STEP: usize = 64 << 10;
/// A frame's memory is taken in such steps as it arrives, never on the word of its length alone.
const FRAME_STEP: usize = 4 << 20;
/// Small requests are joined up to here; larger ones go to the socket as they are.
const WRITE_BUFFER: usize = 16 << 10;

struct Waiter {
    correlation: i32,
    answer: oneshot::Sender<Bytes>,
}

struct Outgoing {
    frame: Bytes,
    /// `None` for a request without an answer (produce with acks=0).
    waiter: Option<Waiter>,
}

type End = Arc<OnceLock<ClientError>>;

/// A connection; dropping it closes the socket.
#[derive(Debug)]
pub struct Connection {
    addr: SocketAddr,
    queue: mpsc::Sender<Outgoing>,
    correlation: AtomicI32,
    end: End,
    _task: JoinSet<()>,
}

impl Connection {
    /// Connects within `timeout`.
    pub async fn connect(addr: SocketAddr, timeout: Duration) -> Result<Self, ClientError> {
        let connecting = tokio::time::timeout(timeout, TcpStream::connect(addr));
        let stream = connecting
            .await
            .map_err(|_elapsed| ClientError::Timeout {
                addr,
                after: timeout,
            })?
            .and_then(|stream| stream.set_nodelay(true).map(|()| stream))
            .map_err(|source| ClientError::refused(addr, source))?;
        Ok(Self::over(addr, stream))
    }

    fn over(addr: SocketAddr, stream: TcpStream) -> Self {
        let (queue, outgoing) = mpsc::channel(QUEUE);
        let end = End::default();
        let mut task = JoinSet::new();
        task.spawn(carry(addr, stream, outgoing, Arc::clone(&end)));
        Self {
            addr,
            queue,
            correlation: AtomicI32::new(0),
            end,
            _task: task,
        }
    }

    /// The broker's address.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Why the connection ended, once it has.
    pub fn ended(&self) -> Option<&ClientError> {
        self.end.get()
    }

    /// Sends a request in its usual version and waits for the answer, both within `timeout`.
    ///
    /// After a timeout the connection is still whole: a late answer is dropped when it comes.
    pub async fn call<R: Api>(
        &self,
        request: R,
        timeout: Duration,
    ) -> Result<R::Answer, ClientError> {
        self.call_version(R::VERSION, request, timeout).await
    }

    /// [`Connection::call`] in a version of the caller's choice.
    pub async fn call_version<R: Api>(
        &self,
        version: i16,
        request: R,
        timeout: Duration,
    ) -> Result<R::Answer, ClientError> {
        let exchange = async { self.send(version, request).await?.await };
        match tokio::time::timeout(timeout, exchange).await {
            Ok(answer) => answer,
            Err(_elapsed) => Err(ClientError::Timeout {
                addr: self.addr,
                after: timeout,
            }),
        }
    }

    /// Puts a request on the wire behind those before it; waits only for room in the queue.
    pub async fn send<R: Api>(&self, version: i16, request: R) -> Result<Answer<R>, ClientError> {
        let (outgoing, answer) = self.prepare(version, request)?;
        let queued = self.queue.send(outgoing).await;
        queued.map_err(|_closed| self.end_or_closed())?;
        Ok(answer)
    }

    /// [`Connection::send`] for a caller that cannot wait; [`ClientError::Busy`] without room.
    pub fn try_send<R: Api>(&self, version: i16, request: R) -> Result<Answer<R>, ClientError> {
        let (outgoing, answer) = self.prepare(version, request)?;
        self.try_queue(outgoing)?;
        Ok(answer)
    }

    /// Sends a request that has no answer: produce with acks=0.
    pub fn post<R: Api>(&self, version: i16, request: R) -> Result<(), ClientError> {
        let (outgoing, _answer) = self.prepare(version, request)?;
        self.try_queue(Outgoing {
            waiter: None,
            ..outgoing
        })
    }

    /// Whether [`Connection::try_send`] has room for one more.
    pub fn has_room(&self) -> bool {
        self.queue.capacity() > 0
    }

    fn try_queue(&self, outgoing: Outgoing) -> Result<(), ClientError> {
        use mpsc::error::TrySendError::{Closed, Full};
        self.queue.try_send(outgoing).map_err(|error| match error {
            Full(_) => ClientError::Busy { addr: self.addr },
            Closed(_) => self.end_or_closed(),
        })
    }

    fn prepare<R: Api>(
        &self,
        version: i16,
        request: R,
    ) -> Result<(Outgoing, Answer<R>), ClientError> {
        let correlation = self.correlation.fetch_add(1, Ordering::Relaxed);
        let frame = wire::encode(R::KEY, version, correlation, &request.into())?;
        let (answer, answered) = oneshot::channel();
        let waiter = Some(Waiter {
            correlation,
            answer,
        });
        let answer = Answer {
            addr: self.addr,
            version,
            answered,
            end: Arc::clone(&self.end),
            request: std::marker::PhantomData,
        };
        Ok((Outgoing { frame, waiter }, answer))
    }

    fn end_or_closed(&self) -> ClientError {
        end_or_closed(&self.end, self.addr)
    }
}

fn end_or_closed(end: &End, addr: SocketAddr) -> ClientError {
    let given_up = || ClientError::closed(addr, "given up on this side");
    end.get().cloned().unwrap_or_else(given_up)
}

/// The answer to one request, to be awaited.
#[derive(Debug)]
pub struct Answer<R> {
    addr: SocketAddr,
    version: i16,
    answered: oneshot::Receiver<Bytes>,
    end: End,
    request: std::marker::PhantomData<fn(R)>,
}

impl<R: Api> Answer<R> {
    fn decode(&self, frame: Bytes) -> Result<R::Answer, ClientError> {
        let kind = wire::decode(R::KEY, self.version, frame)
            .map_err(|why| ClientError::malformed(self.addr, why))?;
        R::answer(kind).ok_or_else(|| ClientError::malformed(self.addr, "the wrong kind of answer"))
    }
}

impl<R: Api> Future for Answer<R> {
    type Output = Result<R::Answer, ClientError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answered = std::task::ready!(Pin::new(&mut self.answered).poll(context));
        Poll::Ready(match answered {
            Ok(frame) => self.decode(frame),
            Err(_dropped) => Err(end_or_closed(&self.end, self.addr)),
        })
    }
}

/// Both loops in one task; the first fault ends both, and is told before the waiters are dropped.
async fn carry(
    addr: SocketAddr,
    mut stream: TcpStream,
    mut queue: mpsc::Receiver<Outgoing>,
    end: End,
) {
    let (awaiting, mut awaited) = mpsc::channel(QUEUE);
    let (read, write) = stream.split();
    let mut writing = pin!(write_loop(addr, write, &mut queue, awaiting));
    let mut reading = pin!(read_loop(addr, read, &mut awaited));
    let why = tokio::select! {
        why = &mut reading => why,
        why = &mut writing => why,
    };
    // Nobody else sets it: one task per connection.
    let _ = end.set(why);
}

async fn write_loop(
    addr: SocketAddr,
    socket: impl AsyncWrite + Unpin,
    queue: &mut mpsc::Receiver<Outgoing>,
    awaiting: mpsc::Sender<Waiter>,
) -> ClientError {
    let mut socket = BufWriter::with_capacity(WRITE_BUFFER, socket);
    while let Some(outgoing) = queue.recv().await {
        if let Some(waiter) = outgoing.waiter
            && awaiting.send(waiter).await.is_err()
        {
            break;
        }
        let mut written = socket.write_all(&outgoing.frame).await;
        if written.is_ok() && queue.is_empty() {
            written = socket.flush().await;
        }
        if let Err(error) = written {
            return ClientError::closed(addr, &error.to_string());
        }
    }
    ClientError::closed(addr, "given up on this side")
}

async fn read_loop(
    addr: SocketAddr,
    mut socket: impl AsyncRead + Unpin,
    awaited: &mut mpsc::Receiver<Waiter>,
) -> ClientError {
    let mut buffer = BytesMut::new();
    loop {
        match take_frame(&mut buffer).and_then(|frame| deliver(frame, awaited)) {
            Ok(Delivered::Frame) => continue,
            Ok(Delivered::Missing(bytes)) => buffer.reserve(bytes.clamp(READ_STEP, FRAME_STEP)),
            Err(why) => return ClientError::malformed(addr, why),
        }
        match socket.read_buf(&mut buffer).await {
            Ok(0) => return ended(addr, buffer.len()),
            Ok(_) => {}
            Err(error) => return ClientError::closed(addr, &error.to_string()),
        }
    }
}

fn ended(addr: SocketAddr, left_over: usize) -> ClientError {
    match left_over {
        0 => ClientError::closed(addr, "end of stream"),
        _ => ClientError::malformed(addr, format_args!("it ends {left_over} bytes into a frame")),
    }
}

enum Taken {
    Frame(Bytes),
    Missing(usize),
}

enum Delivered {
    Frame,
    Missing(usize),
}

/// The next whole frame without its length, or how much of it is missing.
fn take_frame(buffer: &mut BytesMut) -> Result<Taken, String> {
    let Some(prefix) = buffer.first_chunk::<4>() else {
        return Ok(Taken::Missing(4 - buffer.len()));
    };
    let announced = i32::from_be_bytes(*prefix);
    let length = usize::try_from(announced)
        .ok()
        .filter(|length| (4..=MAX_FRAME_BYTES).contains(length))
        .ok_or_else(|| format!("a frame of {announced} bytes"))?;
    if buffer.len() < 4 + length {
        return Ok(Taken::Missing(4 + length - buffer.len()));
    }
    buffer.advance(4);
    Ok(Taken::Frame(buffer.split_to(length).freeze()))
}

fn deliver(taken: Taken, awaited: &mut mpsc::Receiver<Waiter>) -> Result<Delivered, String> {
    let frame = match taken {
        Taken::Frame(frame) => frame,
        Taken::Missing(bytes) => return Ok(Delivered::Missing(bytes)),
    };
    let waiter = awaited
        .try_recv()
        .map_err(|_none| "an answer that nobody waits for".to_owned())?;
    let correlation = frame.first_chunk::<4>().map(|id| i32::from_be_bytes(*id));
    if correlation != Some(waiter.correlation) {
        let expected = waiter.correlation;
        return Err(format!(
            "correlation id {correlation:?} where {expected} is due"
        ));
    }
    // A caller that no longer waits is not a fault of the connection.
    let _ = waiter.answer.send(frame);
    Ok(Delivered::Frame)
}

#[cfg(test)]
mod tests;
