//! Reads of a log: entries for Raft, batches for consumers, offsets, epochs and timestamps.
//!
//! Young entries come from the tail, the others from their segment: rows first, then their bytes in
//! one piece, held against their checksums. Files are read outside of the lock; when entries went
//! meanwhile (a truncation, a purge), the read starts again, so that it never mixes two histories.

use std::io;
use std::ops::Range;

use bytes::Bytes;

use super::batches;
use super::group::{Group, invalid};
use super::row::Row;
use super::run::{Cut, OnDisk, Run, RunBytes, from_tail, on_disk, payload_len};
use super::{LogEntry, Shared};

/// Rows of one read.
const ROWS_AT_ONCE: u64 = 512;
/// How often a read starts again before it gives up.
const ATTEMPTS: usize = 16;

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
                cut.take(self.id, run)?;
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
