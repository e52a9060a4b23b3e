//! Writes a history as it grows.
//!
//! Only whole lines reach the file, so that what a killed scenario leaves can be read.

use std::io::{self, Write};

use serde::Serialize;

use super::{Event, EventError, Header, History};

/// Bytes that are kept back before they are written.
const BUFFER: usize = 256 << 10;

/// The line that says that everything was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
pub(super) struct Closed {
    /// The lines before it.
    pub(super) lines: u64,
    /// The checksum of all bytes before it.
    pub(super) crc32c: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Frame<'a> {
    Header(&'a Header),
    Closed(Closed),
}

/// Appends events to a file.
#[derive(Debug)]
pub struct HistoryWriter<W: Write> {
    out: W,
    pending: Vec<u8>,
    written: Closed,
}

impl<W: Write> HistoryWriter<W> {
    /// Begins a file with its header.
    pub fn new(out: W, header: &Header) -> io::Result<Self> {
        let mut writer = Self {
            out,
            pending: Vec::with_capacity(BUFFER),
            written: Closed {
                lines: 0,
                crc32c: 0,
            },
        };
        writer.line(&Frame::Header(header))?;
        writer.flush()?;
        Ok(writer)
    }

    /// Appends one event.
    pub fn write(&mut self, event: &Event) -> io::Result<()> {
        self.line(event)?;
        if self.pending.len() >= BUFFER {
            self.flush()?;
        }
        Ok(())
    }

    /// Hands on what was kept back.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.write_all(&self.pending)?;
        self.pending.clear();
        self.out.flush()
    }

    /// Says that this is all, and gives the file back.
    pub fn close(mut self) -> io::Result<W> {
        let closed = self.written;
        self.line(&Frame::Closed(closed))?;
        self.flush()?;
        Ok(self.out)
    }

    fn line<T: Serialize>(&mut self, line: &T) -> io::Result<()> {
        let start = self.pending.len();
        serde_json::to_writer(&mut self.pending, line)?;
        self.pending.push(b'\n');
        self.written.lines += 1;
        self.written.crc32c = crc32c::crc32c_append(self.written.crc32c, &self.pending[start..]);
        Ok(())
    }
}

/// A history in memory and in its file at once.
#[derive(Debug)]
pub struct Recording<W: Write> {
    history: History,
    writer: HistoryWriter<W>,
}

/// Why an event was not recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// It cannot be part of this history.
    #[error(transparent)]
    Event(#[from] EventError),
    /// The file cannot be written.
    #[error("cannot write the history: {0}")]
    Write(#[from] io::Error),
}

impl<W: Write> Recording<W> {
    /// Begins with a header; give [`io::sink`] where no file is wanted.
    pub fn new(out: W, header: Header) -> io::Result<Self> {
        Ok(Self {
            writer: HistoryWriter::new(out, &header)?,
            history: History::new(header),
        })
    }

    /// Records one event.
    pub fn record(&mut self, event: Event) -> Result<(), RecordingError> {
        super::check::check(&self.history, &event)?;
        self.writer.write(&event)?;
        self.history.push(event)?;
        Ok(())
    }

    /// What is recorded so far.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Closes the file and gives the history.
    pub fn finish(self) -> Result<History, RecordingError> {
        self.writer.close()?;
        Ok(self.history)
    }
}
