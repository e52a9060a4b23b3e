//! Consecutive entries from one place, the tail or a segment, and what is cut from them.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

use bytes::{Bytes, BytesMut};

use super::batches;
use super::group::{Front, invalid};
use super::record::EntryKind;
use super::row::Row;
use super::view::Segment;
use super::{GroupId, LogEntry, Payload};

/// Consecutive entries from one place.
pub(super) struct Run {
    pub(super) rows: Vec<Row>,
    pub(super) bytes: RunBytes,
}

pub(super) enum RunBytes {
    /// Each entry's payload.
    Each(Vec<Bytes>),
    /// The data of all entries in one piece, and the memberships among them.
    Together(Bytes, BTreeMap<u64, Bytes>),
}

/// Where rows are to be read from.
pub(super) struct OnDisk {
    pub(super) segment: Segment,
    /// The first index that is not there.
    pub(super) end: u64,
    pub(super) members: BTreeMap<u64, Bytes>,
}

/// Entries from the start of `range` that are in the tail.
pub(super) fn from_tail(front: &Front, range: Range<u64>, max_bytes: usize) -> Run {
    let mut run = (Vec::new(), Vec::new());
    let mut bytes = 0;
    for index in range {
        let Some(entry) = front.tail.get(index) else {
            break;
        };
        bytes += entry.payload.len();
        if bytes > max_bytes && !run.0.is_empty() {
            break;
        }
        run.0.push(entry.row);
        run.1.push(entry.payload.clone());
    }
    Run {
        rows: run.0,
        bytes: RunBytes::Each(run.1),
    }
}

/// Where the entries from the start of `range` are, when they are in a segment.
pub(super) fn on_disk(front: &Front, range: &Range<u64>) -> Option<OnDisk> {
    let segment = *front.view.segment_of(range.start)?;
    let in_memory = front.tail.first().unwrap_or(u64::MAX);
    let end = range.end.min(segment.last.index + 1).min(in_memory);
    if end <= range.start {
        return None;
    }
    let members = front.view.members.range(range.start..end);
    Some(OnDisk {
        segment,
        end,
        members: members
            .map(|(index, bytes)| (*index, bytes.clone()))
            .collect(),
    })
}

impl Run {
    /// The entries.
    pub(super) fn entries(self) -> io::Result<Vec<LogEntry>> {
        let payloads = match self.bytes {
            RunBytes::Each(payloads) => payloads,
            RunBytes::Together(data, members) => split(&self.rows, &data, &members)?,
        };
        let entry = |(row, bytes): (&Row, Bytes)| LogEntry {
            at: row.at,
            payload: match row.kind {
                EntryKind::Blank => Payload::Blank,
                EntryKind::Data => Payload::Data(bytes),
                EntryKind::Membership => Payload::Membership(bytes),
            },
        };
        Ok(self.rows.iter().zip(payloads).map(entry).collect())
    }

    /// The data, in pieces that end with an entry.
    pub(super) fn data(self) -> Vec<Bytes> {
        match self.bytes {
            RunBytes::Together(data, _) => vec![data],
            RunBytes::Each(payloads) => (self.rows.iter().zip(payloads))
                .filter(|(row, _)| row.kind == EntryKind::Data)
                .map(|(_, payload)| payload)
                .collect(),
        }
    }
}

/// The payloads of rows whose data lies together.
fn split(rows: &[Row], data: &Bytes, members: &BTreeMap<u64, Bytes>) -> io::Result<Vec<Bytes>> {
    let start = rows.first().map_or(0, |row| row.position);
    let payload = |row: &Row| match row.kind {
        EntryKind::Blank => Ok(Bytes::new()),
        EntryKind::Data => {
            let from = (row.position - start) as usize;
            Ok(data.slice(from..from + row.length as usize))
        }
        EntryKind::Membership => member(row, members),
    };
    rows.iter().map(payload).collect()
}

/// The membership of a row.
fn member(row: &Row, members: &BTreeMap<u64, Bytes>) -> io::Result<Bytes> {
    let known = members.get(&row.at.index);
    let known = known.filter(|bytes| crc32c::crc32c(bytes) == row.crc);
    known.cloned().ok_or_else(|| {
        let what = format!(
            "the membership of entry {} is not the one written",
            row.at.index
        );
        invalid(io::ErrorKind::InvalidData, what)
    })
}

/// Bytes of a payload.
pub(super) fn payload_len(payload: &Payload) -> usize {
    match payload {
        Payload::Blank => 0,
        Payload::Data(bytes) | Payload::Membership(bytes) => bytes.len(),
    }
}

/// Batches on their way into one answer.
pub(super) struct Cut {
    offsets: Range<i64>,
    max_bytes: usize,
    taken: usize,
    pieces: Vec<Bytes>,
    /// Whether nothing more fits.
    pub(super) full: bool,
}

impl Cut {
    /// Nothing yet.
    pub(super) fn new(offsets: Range<i64>, max_bytes: usize) -> Self {
        Self {
            offsets,
            max_bytes,
            taken: 0,
            pieces: Vec::new(),
            full: false,
        }
    }

    /// Bytes that still fit.
    pub(super) fn left(&self) -> usize {
        self.max_bytes.saturating_sub(self.taken)
    }

    /// Takes the batches of a run that belong to the answer.
    pub(super) fn take(&mut self, group: GroupId, run: Run) -> io::Result<()> {
        for piece in run.data() {
            let mut part: Option<Range<usize>> = None;
            for batch in batches::walk(&piece) {
                let batch = batch.map_err(|what| {
                    invalid(io::ErrorKind::InvalidData, format!("{group}: {what}"))
                })?;
                if batch.header.last_offset() < self.offsets.start {
                    continue;
                }
                let size = batch.end - batch.start;
                let over = self.taken > 0 && self.taken + size > self.max_bytes;
                if over || batch.header.last_offset() >= self.offsets.end {
                    self.full = true;
                    break;
                }
                self.taken += size;
                part = Some(part.map_or(batch.start, |part| part.start)..batch.end);
            }
            self.pieces.extend(part.map(|part| piece.slice(part)));
            if self.full {
                break;
            }
        }
        self.full |= self.taken >= self.max_bytes;
        Ok(())
    }

    /// One piece as it is; several are copied together.
    pub(super) fn joined(mut self) -> Bytes {
        if self.pieces.len() <= 1 {
            return self.pieces.pop().unwrap_or_default();
        }
        let mut all = BytesMut::with_capacity(self.taken);
        for piece in &self.pieces {
            all.extend_from_slice(piece);
        }
        all.freeze()
    }
}
