//! One byte direction of one connection: moves bytes, and holds what a fault holds back.
//!
//! Promises: order and content, whatever faults come and go. Every wait may be dropped at any
//! point without the loss of a byte, so a change of fault simply starts another wait. In
//! pass-through there is no timer, and no memory but the thread's one copy buffer.
//!
//! What is small is copied: one read and one write a message, and a read that does not fill the
//! buffer spares the second one that would only say "nothing more". What is large is spliced.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::pending;
use std::io::{self, ErrorKind};
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::task::coop::consume_budget;
use tokio::time::{Instant, sleep_until};

use super::fault::LinkFault;
use super::splice::Pipe;

/// A read that fills this is worth a pipe.
const BUFFER_BYTES: usize = 64 << 10;
/// A pipe that brings less than this is not worth its detour.
const SMALL_BYTES: usize = 16 << 10;
/// What a slow link holds of one direction before its sender has to wait.
const HELD_BYTES: usize = 4 << 20;
/// What holding one piece costs beside its bytes.
const HELD_OVERHEAD: usize = 64;
/// A narrow link hands on this many pieces a second, so that its flow is even.
const PIECES_PER_S: u64 = 50;

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; BUFFER_BYTES].into_boxed_slice());
}

/// The source has ended, and all that it sent has been handed on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SourceEnded;

/// The two sockets of a direction, and who counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends<'a> {
    /// Where bytes come from.
    pub(super) source: &'a TcpStream,
    /// Where they go.
    pub(super) sink: &'a TcpStream,
    /// Bytes that the sink took.
    pub(super) count: &'a AtomicU64,
}

/// One direction; survives every change of fault.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// Bulk on its way; older than what is held.
    pipe: Option<Pipe>,
    held: VecDeque<Held>,
    held_bytes: usize,
    /// When the source's end is due at the sink.
    end: Option<Instant>,
    /// When a narrow link has handed on all that it took.
    busy_until: Option<Instant>,
}

#[derive(Debug)]
struct Held {
    due: Instant,
    bytes: Bytes,
}

/// How a step ended, and so what comes before the next one.
enum Step {
    Moved,
    SourceBlocked,
    SinkBlocked,
    SourceEnded,
    SinkBroken,
}

/// How bytes are held back on their way.
#[derive(Debug, Clone, Copy)]
enum Pace {
    Delay(Duration),
    Rate(NonZeroU64),
}

impl Lane {
    /// Moves bytes under one fault until the source has ended.
    ///
    /// A sink that breaks is waited upon for ever: its end is news that travels the other way,
    /// and the lane of that direction will tell it under that direction's fault.
    pub(super) async fn run(&mut self, ends: Ends<'_>, fault: LinkFault) -> SourceEnded {
        match fault {
            LinkFault::Pass => self.pass(ends).await,
            LinkFault::Delay(delay) => self.hold_back(ends, Pace::Delay(delay)).await,
            LinkFault::Rate(rate) => self.hold_back(ends, Pace::Rate(rate)).await,
            LinkFault::Jam | LinkFault::Drop | LinkFault::Reset => pending().await,
        }
    }

    async fn pass(&mut self, ends: Ends<'_>) -> SourceEnded {
        loop {
            let waited = match self.step(ends) {
                Step::Moved => {
                    consume_budget().await;
                    Ok(())
                }
                Step::SourceBlocked => ends.source.readable().await,
                Step::SinkBlocked => ends.sink.writable().await,
                Step::SourceEnded => return SourceEnded,
                Step::SinkBroken => pending().await,
            };
            if waited.is_err() {
                return SourceEnded;
            }
        }
    }

    /// The next thing to do in pass-through: what is older goes first.
    fn step(&mut self, ends: Ends<'_>) -> Step {
        if let Some(pipe) = self.pipe.as_mut().filter(|pipe| pipe.filled() > 0) {
            let drained = pipe.drain(ends.sink);
            return count(drained, ends);
        }
        if !self.held.is_empty() {
            return self.give(ends);
        }
        if self.end.is_some() {
            return Step::SourceEnded;
        }
        match self.pipe {
            Some(_) => self.splice(ends),
            None => BUFFER.with_borrow_mut(|buffer| self.copy(ends, buffer)),
        }
    }

    fn copy(&mut self, ends: Ends<'_>, buffer: &mut [u8]) -> Step {
        let bytes = match read_some(ends.source, buffer) {
            Ok(0) => return self.ended(),
            Ok(length) => &buffer[..length],
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Step::SourceBlocked,
            Err(_) => return self.ended(),
        };
        let written = match ends.sink.try_write(bytes) {
            Ok(written) => written,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(_) => return Step::SinkBroken,
        };
        ends.count.fetch_add(written as u64, Ordering::Relaxed);
        if written < bytes.len() {
            self.hold(&bytes[written..], Instant::now());
        } else if written == BUFFER_BYTES {
            self.pipe = Pipe::open().ok();
        }
        Step::Moved
    }

    fn splice(&mut self, ends: Ends<'_>) -> Step {
        let pipe = self.pipe.as_mut().expect("called with a pipe");
        match pipe.fill(ends.source) {
            Ok(0) => self.ended(),
            Ok(taken) => {
                let drained = count(pipe.drain(ends.sink), ends);
                if taken < SMALL_BYTES && pipe.filled() == 0 {
                    self.pipe = None;
                }
                drained
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Step::SourceBlocked,
            Err(_) => self.ended(),
        }
    }

    fn ended(&mut self) -> Step {
        self.end = Some(Instant::now());
        Step::SourceEnded
    }

    /// Hands on the oldest piece that is held, whenever it is due.
    fn give(&mut self, ends: Ends<'_>) -> Step {
        let Some(first) = self.held.front_mut() else {
            return Step::Moved;
        };
        let written = ends.sink.try_write(&first.bytes);
        if let Ok(length) = written {
            first.bytes.advance(length);
            self.held_bytes -= length;
            if first.bytes.is_empty() {
                self.held.pop_front();
                self.held_bytes -= HELD_OVERHEAD;
            }
        }
        count(written, ends)
    }

    fn hold(&mut self, bytes: &[u8], due: Instant) {
        self.held_bytes += bytes.len() + HELD_OVERHEAD;
        self.held.push_back(Held {
            due,
            bytes: Bytes::copy_from_slice(bytes),
        });
    }

    async fn hold_back(&mut self, ends: Ends<'_>, pace: Pace) -> SourceEnded {
        self.unload_pipe();
        loop {
            let given = self.give_due(ends);
            if matches!(given, Step::SinkBroken) {
                pending::<()>().await;
            }
            let blocked = matches!(given, Step::SinkBlocked);
            let next = self.held.front().map(|first| first.due).or(self.end);
            if self.held.is_empty() && next.is_some_and(|due| due <= Instant::now()) {
                return SourceEnded;
            }
            let alarm = sleep_until(next.unwrap_or_else(Instant::now));
            let waited = tokio::select! {
                biased;
                writable = ends.sink.writable(), if blocked => writable,
                () = alarm, if next.is_some() && !blocked => Ok(()),
                readable = ends.source.readable(), if self.has_room(pace) => {
                    self.take(ends.source, pace);
                    readable
                }
            };
            if waited.is_err() {
                return SourceEnded;
            }
            consume_budget().await;
        }
    }

    fn give_due(&mut self, ends: Ends<'_>) -> Step {
        let now = Instant::now();
        while self.held.front().is_some_and(|first| first.due <= now) {
            match self.give(ends) {
                Step::Moved => {}
                other => return other,
            }
        }
        Step::Moved
    }

    fn has_room(&self, pace: Pace) -> bool {
        self.end.is_none()
            && match pace {
                Pace::Delay(_) => self.held_bytes < HELD_BYTES,
                Pace::Rate(_) => self.held.is_empty(),
            }
    }

    fn take(&mut self, source: &TcpStream, pace: Pace) {
        BUFFER.with_borrow_mut(|buffer| {
            let piece = &mut buffer[..pace.piece()];
            match read_some(source, piece) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Ok(0) | Err(_) => self.end = Some(self.due(0, pace)),
                Ok(length) => {
                    let due = self.due(length, pace);
                    self.hold(&piece[..length], due);
                }
            }
        });
    }

    fn due(&mut self, length: usize, pace: Pace) -> Instant {
        let now = Instant::now();
        match pace {
            Pace::Delay(delay) => now + delay,
            Pace::Rate(rate) => {
                let start = self.busy_until.map_or(now, |busy| busy.max(now));
                let due = start + Duration::from_secs_f64(length as f64 / rate.get() as f64);
                self.busy_until = Some(due);
                due
            }
        }
    }

    /// Bulk that was on its way when the fault came is not late: it is due now.
    fn unload_pipe(&mut self) {
        let Some(pipe) = self.pipe.take() else { return };
        if pipe.filled() == 0 {
            return;
        }
        let content = pipe
            .into_content()
            .expect("a pipe holds what was put into it");
        self.hold(&content, Instant::now());
    }
}

impl Pace {
    /// The most that is read at once, in bytes.
    fn piece(self) -> usize {
        match self {
            Self::Delay(_) => BUFFER_BYTES,
            Self::Rate(rate) => (rate.get() / PIECES_PER_S).clamp(1, BUFFER_BYTES as u64) as usize,
        }
    }
}

fn count(moved: io::Result<usize>, ends: Ends<'_>) -> Step {
    match moved {
        Ok(length) => {
            ends.count.fetch_add(length as u64, Ordering::Relaxed);
            Step::Moved
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => Step::SinkBlocked,
        Err(_) => Step::SinkBroken,
    }
}

/// Reads what is there; 0 at the end. A read that does not fill the buffer has emptied the
/// socket, which is remembered, so that the next one waits without another system call.
fn read_some(source: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    let mut taken = None;
    let outcome = source.try_io(Interest::READABLE, || {
        let length = nix::unistd::read(source, buffer)?;
        taken = Some(length);
        if length > 0 && length < buffer.len() {
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(())
    });
    match (taken, outcome) {
        (Some(length), _) => Ok(length),
        (None, Err(error)) => Err(error),
        (None, Ok(())) => unreachable!("a read that went well has a length"),
    }
}
