//! Reads of a log: entries for Raft, batches for consumers, offsets, epochs and timestamps.
//!
//! Young entries come from the tail, the others from their segment: rows first, then their bytes in
//! one piece, held against their checksums. Files are read outside of the lock; when entries went
//! meanwhile (a truncation, a purge), the read starts again, so that it never mixes two histories.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

use bytes::{Bytes, BytesMut};

use super::batches;
use super::group::{Front, Group, invalid};
use super::record::EntryKind;
use super::row::Row;
use super::view::Segment;
use super::{LogEntry, LogPosition, Payload, Shared};

/// Rows of one read.
const ROWS_AT_ONCE: u64 = 512;
/// How often a read starts again before it gives up.
const ATTEMPTS: usize = 16;

/// Consecutive entries from one place.
struct Run {
    rows: Vec<Row>,
    bytes: RunBytes,
}

enum RunBytes {
    /// Each entry's payload.
    Each(Vec<Bytes>),
    /// The data of all entries in one piece, and the memberships among them.
    Together(Bytes, BTreeMap<u64, Bytes>),
}

/// Where rows are to be read from.
struct OnDisk {
    segment: Segment,
    /// The first index that is not there.
    end: u64,
    members: BTreeMap<u64, Bytes>,
}

impl Group {
    /// See [`super::GroupLog::read`].
    pub(super) fn read(
        &self,
        shared: &Shared,
        range: Range<u64>,
        max_bytes: usize,
    ) -> io::Result<Vec<LogEntry>> {
        self.steadily(|| {
            let Some(first) = self.front().view.first_index() else {
                return Ok(Vec::new());
            };
            let mut entries = Vec::new();
            let mut next = range.start.max(first);
            let mut left = max_bytes;
            while next < range.end
                && (left > 0 || entries.is_empty())
                && let Some(run) = self.run(shared, next..range.end, left)?
            {
                next += run.rows.len() as u64;
                for entry in run.entries()? {
                    let size = payload_len(&entry.payload);
                    if size > left && !entries.is_empty() {
                        return Ok(entries);
                    }
                    left = left.saturating_sub(size);
                    entries.push(entry);
                }
            }
            Ok(entries)
        })
    }

    /// See [`super::GroupLog::read_batches`].
    pub(super) fn read_batches(
        &self,
        shared: &Shared,
        from: i64,
        below: i64,
        max_bytes: usize,
    ) -> io::Result<Bytes> {
        self.steadily(|| {
            let start = self.log_start();
            if from < start || from >= below.min(self.log_end()) {
                let what = format!("{}: offset {from} is not in {start}..{below}", self.id);
                return Err(invalid(io::ErrorKind::InvalidInput, what));
            }
            let mut next = self.index_of(shared, from)?;
            let mut cut = Cut::new(from..below, max_bytes);
            while !cut.full
                && let Some(run) = self.run(shared, next..u64::MAX, cut.left())?
            {
                next += run.rows.len() as u64;
                cut.take(&self.id, run)?;
            }
            Ok(cut.joined())
        })
    }

    /// See [`super::GroupLog::offset_after`].
    pub(super) fn offset_after(&self, shared: &Shared, index: u64) -> i64 {
        let found = self.steadily(|| {
            let front = self.front();
            let view = &front.view;
            if view.last.is_none_or(|last| last.index <= index) {
                return Ok(view.next_offset);
            }
            if view.first_index().is_none_or(|first| index < first) {
                return Ok(view.log_start);
            }
            drop(front);
            Ok(self.row(shared, index)?.end_offset())
        });
        found.unwrap_or_else(|error| {
            tracing::error!(group = %self.id, index, %error, "no offset of this entry");
            self.log_start()
        })
    }

    /// See [`super::GroupLog::log_start`].
    pub(super) fn log_start(&self) -> i64 {
        self.front().view.log_start
    }

    /// See [`super::GroupLog::log_end`].
    pub(super) fn log_end(&self) -> i64 {
        self.front().view.next_offset
    }

    /// See [`super::GroupLog::epoch_end`].
    pub(super) fn epoch_end(&self, epoch: i32) -> (i32, i64) {
        let view = &self.front().view;
        view.terms.end_of(epoch, view.log_start, view.next_offset)
    }

    /// See [`super::GroupLog::epoch_at`].
    pub(super) fn epoch_at(&self, offset: i64) -> i32 {
        let view = &self.front().view;
        let within = (view.log_start..view.next_offset).contains(&offset);
        within
            .then(|| view.terms.at(offset))
            .flatten()
            .unwrap_or(-1)
    }

    /// See [`super::GroupLog::batch_with_timestamp`].
    pub(super) fn batch_with_timestamp(
        &self,
        shared: &Shared,
        timestamp: i64,
        below: i64,
    ) -> io::Result<Option<i64>> {
        self.steadily(|| {
            let mut found = None;
            self.scan(
                shared,
                below,
                |max| max >= timestamp,
                |row| {
                    if row.max_timestamp >= timestamp && found.is_none() {
                        found = Some(row.at.index);
                    }
                    found.is_some()
                },
            )?;
            let Some(index) = found else {
                return Ok(None);
            };
            let headers = self.headers(shared, index)?;
            let hit = headers
                .iter()
                .find(|header| header.max_timestamp >= timestamp);
            Ok(hit
                .map(|header| header.base_offset)
                .filter(|base| *base < below))
        })
    }

    /// See [`super::GroupLog::batch_with_max_timestamp`].
    pub(super) fn batch_with_max_timestamp(
        &self,
        shared: &Shared,
        below: i64,
    ) -> io::Result<Option<i64>> {
        self.steadily(|| {
            let best = std::cell::Cell::new((-1, None));
            self.scan(
                shared,
                below,
                |max| max > best.get().0,
                |row| {
                    if row.max_timestamp > best.get().0 {
                        best.set((row.max_timestamp, Some(row.at.index)));
                    }
                    false
                },
            )?;
            let (timestamp, Some(index)) = best.get() else {
                return Ok(None);
            };
            let headers = self.headers(shared, index)?;
            let hit = headers
                .iter()
                .find(|header| header.max_timestamp == timestamp);
            Ok(hit
                .map(|header| header.base_offset)
                .filter(|base| *base < below))
        })
    }

    /// See [`super::GroupLog::is_seal`].
    pub(super) fn is_seal(&self, shared: &Shared, index: u64) -> bool {
        self.front().view.is_seal(index, shared.segment_bytes)
    }

    /// See [`super::GroupLog::retention_point`].
    pub(super) fn retention_point(
        &self,
        shared: &Shared,
        now_ms: i64,
        limits: Limits,
        committed: u64,
    ) -> Option<LogPosition> {
        let front = self.front();
        let view = &front.view;
        let purged = view.purged.map(|purged| purged.index);
        let kept = view.segments.iter().filter(|s| Some(s.last.index) > purged);
        let mut bytes: u64 = kept.clone().map(|segment| segment.bytes).sum();
        let mut point = None;
        for segment in kept {
            let goes = limits.too_old(segment, now_ms) || limits.too_much(segment, bytes);
            let sealed = view.is_seal(segment.last.index, shared.segment_bytes);
            if !goes || !sealed || segment.last.index > committed {
                break;
            }
            bytes -= segment.bytes;
            if self.states.has(segment.last) {
                point = Some(segment.last);
            }
        }
        point
    }

    /// Runs a read until no entry went while it ran.
    fn steadily<T>(&self, read: impl Fn() -> io::Result<T>) -> io::Result<T> {
        for _ in 0..ATTEMPTS {
            let before = self.front().generation;
            let result = read();
            if self.front().generation == before {
                return result;
            }
        }
        let what = format!("{}: the log changes faster than it can be read", self.id);
        Err(invalid(io::ErrorKind::Interrupted, what))
    }

    /// Entries from the start of `range`, from the tail or from one segment; `None` at the end.
    fn run(&self, shared: &Shared, range: Range<u64>, max_bytes: usize) -> io::Result<Option<Run>> {
        let front = self.front();
        if front.tail.get(range.start).is_some() {
            return Ok(Some(from_tail(&front, range, max_bytes)));
        }
        let Some(place) = on_disk(&front, &range) else {
            return Ok(None);
        };
        drop(front);
        let mut rows = self.rows(shared, &place, range.start)?;
        let mut bytes = 0;
        let fitting = rows.iter().take_while(|row| {
            bytes += row.length as usize;
            bytes <= max_bytes
        });
        rows.truncate(fitting.count().max(1));
        let data = shared
            .handles
            .data(&self.directory, &place.segment, &rows)?;
        Ok(Some(Run {
            rows,
            bytes: RunBytes::Together(data, place.members),
        }))
    }

    fn rows(&self, shared: &Shared, place: &OnDisk, from: u64) -> io::Result<Vec<Row>> {
        let count = (place.end - from).min(ROWS_AT_ONCE);
        let handles = &shared.handles;
        handles.rows(self.id, &self.directory, &place.segment, from, count)
    }

    fn row(&self, shared: &Shared, index: u64) -> io::Result<Row> {
        let front = self.front();
        if let Some(entry) = front.tail.get(index) {
            return Ok(entry.row);
        }
        let place = on_disk(&front, &(index..index + 1)).ok_or(io::ErrorKind::NotFound)?;
        drop(front);
        let rows = self.rows(shared, &place, index)?;
        rows.first().copied().ok_or(io::ErrorKind::NotFound.into())
    }

    /// The entry that holds the record at `offset`, which lies in the log.
    fn index_of(&self, shared: &Shared, offset: i64) -> io::Result<u64> {
        let front = self.front();
        if let Some(entry) = front.tail.with_offset(offset) {
            return Ok(entry.row.at.index);
        }
        let after = front
            .view
            .segments
            .partition_point(|s| s.base_offset <= offset);
        let segment = after
            .checked_sub(1)
            .and_then(|at| front.view.segments.get(at));
        let segment = *segment.ok_or(io::ErrorKind::NotFound)?;
        let end = front
            .tail
            .first()
            .unwrap_or(u64::MAX)
            .min(segment.last.index + 1);
        drop(front);
        let (mut low, mut high) = (segment.first, end);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.row(shared, middle)?.end_offset() <= offset {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    /// Looks at the rows of the segments whose largest timestamp is wanted, in order, until one
    /// is the last.
    fn scan(
        &self,
        shared: &Shared,
        below: i64,
        wanted: impl Fn(i64) -> bool,
        mut is_last: impl FnMut(&Row) -> bool,
    ) -> io::Result<()> {
        let (first, segments) = {
            let view = &self.front().view;
            (
                view.first_index().unwrap_or(u64::MAX),
                view.segments.clone(),
            )
        };
        for segment in segments
            .iter()
            .filter(|segment| segment.base_offset < below)
        {
            let mut next = segment.first.max(first);
            while wanted(segment.max_timestamp) && next <= segment.last.index {
                let rows = self.rows_anywhere(shared, next..segment.last.index + 1)?;
                for row in &rows {
                    if row.base_offset >= below || is_last(row) {
                        return Ok(());
                    }
                }
                next += rows.len() as u64;
            }
        }
        Ok(())
    }

    /// Rows from the start of `range`, from the tail or from one segment; at least one.
    fn rows_anywhere(&self, shared: &Shared, range: Range<u64>) -> io::Result<Vec<Row>> {
        let front = self.front();
        if let Some(entry) = front.tail.get(range.start) {
            return Ok(vec![entry.row]);
        }
        let place = on_disk(&front, &range).ok_or(io::ErrorKind::NotFound)?;
        drop(front);
        self.rows(shared, &place, range.start)
    }

    fn headers(
        &self,
        shared: &Shared,
        index: u64,
    ) -> io::Result<Vec<crate::protocol::records::BatchHeader>> {
        let Some(run) = self.run(shared, index..index + 1, 0)? else {
            return Ok(Vec::new());
        };
        let mut headers = Vec::new();
        for piece in run.data() {
            for batch in batches::walk(&piece) {
                let batch = batch.map_err(|what| invalid(io::ErrorKind::InvalidData, what))?;
                headers.push(batch.header);
            }
        }
        Ok(headers)
    }
}

/// How long and how much a log keeps; negative for no limit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) ms: i64,
    pub(super) bytes: i64,
}

impl Limits {
    /// A segment without a timestamp has no age.
    fn too_old(self, segment: &Segment, now_ms: i64) -> bool {
        let expires = segment.max_timestamp.saturating_add(self.ms);
        self.ms >= 0 && segment.max_timestamp >= 0 && expires < now_ms
    }

    fn too_much(self, segment: &Segment, kept: u64) -> bool {
        u64::try_from(self.bytes).is_ok_and(|limit| kept.saturating_sub(segment.bytes) >= limit)
    }
}

fn from_tail(front: &Front, range: Range<u64>, max_bytes: usize) -> Run {
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

fn on_disk(front: &Front, range: &Range<u64>) -> Option<OnDisk> {
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
    fn entries(self) -> io::Result<Vec<LogEntry>> {
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
    fn data(self) -> Vec<Bytes> {
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

fn payload_len(payload: &Payload) -> usize {
    match payload {
        Payload::Blank => 0,
        Payload::Data(bytes) | Payload::Membership(bytes) => bytes.len(),
    }
}

/// Batches on their way into one answer.
struct Cut {
    offsets: Range<i64>,
    max_bytes: usize,
    taken: usize,
    pieces: Vec<Bytes>,
    full: bool,
}

impl Cut {
    fn new(offsets: Range<i64>, max_bytes: usize) -> Self {
        Self {
            offsets,
            max_bytes,
            taken: 0,
            pieces: Vec::new(),
            full: false,
        }
    }

    fn left(&self) -> usize {
        self.max_bytes.saturating_sub(self.taken)
    }

    fn take(&mut self, group: &super::GroupId, run: Run) -> io::Result<()> {
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
    fn joined(mut self) -> Bytes {
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
