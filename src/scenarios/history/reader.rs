//! Reads a history back. A bad file gets an error that names the line, and is never guessed.

use std::io::{self, BufRead, BufReader, Read};

use serde::Deserialize;

use super::writer::Closed;
use super::{Event, EventError, Header, History, VERSION};

/// The longest line: a replica read of a million runs has less.
const MAX_LINE: u64 = 256 << 20;
/// The largest file: it is judged in memory.
const MAX_FILE: u64 = 16 << 30;

/// Why a file is no history.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// It cannot be read.
    #[error("cannot read it: {0}")]
    Read(#[from] io::Error),
    /// It is empty.
    #[error("it is empty")]
    Empty,
    /// Its first line is no header.
    #[error("line 1 is no header of a history: {0}")]
    Header(serde_json::Error),
    /// Another version of chronik-dev wrote it.
    #[error("format version {found}, and this chronik-dev reads {VERSION}")]
    Version {
        /// What the file says.
        found: u32,
    },
    /// A line ends in the middle.
    #[error("line {line} is cut: the file was truncated")]
    Cut {
        /// Which one, from 1.
        line: u64,
    },
    /// A line is longer than any that is written.
    #[error("line {line} is longer than {MAX_LINE} bytes")]
    TooLong {
        /// Which one, from 1.
        line: u64,
    },
    /// The file is larger than what can be judged.
    #[error("it is larger than {MAX_FILE} bytes, at line {line}")]
    TooLarge {
        /// Where it ceases to be read.
        line: u64,
    },
    /// A line is no event.
    #[error("line {line} is no event: {source}")]
    Line {
        /// Which one, from 1.
        line: u64,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A line cannot follow those before it.
    #[error("line {line}: {source}")]
    Event {
        /// Which one, from 1.
        line: u64,
        /// What is wrong with it.
        source: EventError,
    },
    /// Something follows the closing line.
    #[error("line {line} follows the closing line")]
    AfterTheEnd {
        /// Which one, from 1.
        line: u64,
    },
    /// The closing line counts other lines than there are.
    #[error("the closing line {line} counts {counted} lines before it: some are missing or new")]
    Lines {
        /// The closing line's own number.
        line: u64,
        /// What it counts.
        counted: u64,
    },
    /// The bytes are not those that were written.
    #[error(
        "the closing line {line} has checksum {found:08x} where the file has {actual:08x}: \
         it was damaged or edited"
    )]
    Checksum {
        /// The closing line's own number.
        line: u64,
        /// What it says.
        found: u32,
        /// What the bytes have.
        actual: u32,
    },
}

#[derive(Deserialize)]
struct VersionLine {
    header: VersionOnly,
}

#[derive(Deserialize)]
struct VersionOnly {
    version: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderLine {
    header: Header,
}

#[derive(Deserialize)]
struct ClosedLine {
    closed: Closed,
}

/// How the one line that is no event begins.
const CLOSED: &[u8] = b"{\"closed\":";

/// Reads a whole history.
///
/// Without its closing line a history has no end, whatever its last event says: it is one of a
/// scenario that was interrupted, or a file that was cut.
pub fn read_history(file: impl Read) -> Result<History, HistoryError> {
    let mut lines = Lines::new(file);
    let Some(first) = lines.next()? else {
        return Err(HistoryError::Empty);
    };
    let mut history = History::new(header(first)?);
    let mut before = lines.closed;
    while let Some(line) = lines.next()? {
        if line.starts_with(CLOSED) {
            closing(line, before)?;
            return match lines.next()? {
                None => Ok(history),
                Some(_) => Err(HistoryError::AfterTheEnd {
                    line: lines.closed.lines,
                }),
            };
        }
        let event = serde_json::from_slice::<Event>(line);
        let line = lines.closed.lines;
        let event = event.map_err(|source| HistoryError::Line { line, source })?;
        let pushed = history.push(event);
        pushed.map_err(|source| HistoryError::Event { line, source })?;
        before = lines.closed;
    }
    history.end = None;
    Ok(history)
}

fn header(line: &[u8]) -> Result<Header, HistoryError> {
    let version = serde_json::from_slice::<VersionLine>(line).map_err(HistoryError::Header)?;
    let found = version.header.version;
    if found != VERSION {
        return Err(HistoryError::Version { found });
    }
    let line = serde_json::from_slice::<HeaderLine>(line).map_err(HistoryError::Header)?;
    Ok(line.header)
}

fn closing(line: &[u8], before: Closed) -> Result<(), HistoryError> {
    let number = before.lines + 1;
    let said = serde_json::from_slice::<ClosedLine>(line);
    let said = said.map_err(|source| HistoryError::Line {
        line: number,
        source,
    })?;
    if said.closed.lines != before.lines {
        return Err(HistoryError::Lines {
            line: number,
            counted: said.closed.lines,
        });
    }
    if said.closed.crc32c != before.crc32c {
        return Err(HistoryError::Checksum {
            line: number,
            found: said.closed.crc32c,
            actual: before.crc32c,
        });
    }
    Ok(())
}

/// Whole lines of a file, counted and summed as the writer does.
struct Lines<R> {
    file: BufReader<R>,
    line: Vec<u8>,
    closed: Closed,
    bytes: u64,
}

impl<R: Read> Lines<R> {
    fn new(file: R) -> Self {
        Self {
            file: BufReader::with_capacity(256 << 10, file),
            line: Vec::new(),
            closed: Closed {
                lines: 0,
                crc32c: 0,
            },
            bytes: 0,
        }
    }

    /// The next line with its end; `None` behind the last one.
    fn next(&mut self) -> Result<Option<&[u8]>, HistoryError> {
        self.line.clear();
        let limited = &mut (&mut self.file).take(MAX_LINE);
        let read = limited.read_until(b'\n', &mut self.line)? as u64;
        if read == 0 {
            return Ok(None);
        }
        let line = self.closed.lines + 1;
        self.bytes += read;
        if self.bytes > MAX_FILE {
            return Err(HistoryError::TooLarge { line });
        }
        if self.line.last() != Some(&b'\n') {
            return Err(if read == MAX_LINE {
                HistoryError::TooLong { line }
            } else {
                HistoryError::Cut { line }
            });
        }
        self.closed.lines = line;
        self.closed.crc32c = crc32c::crc32c_append(self.closed.crc32c, &self.line);
        Ok(Some(&self.line))
    }
}
