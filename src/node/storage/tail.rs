//! The young end of a log in memory: what has not reached its segment, and a little more.
//!
//! Every entry that is not on disk is here, so that a read finds it either here or there. Entries
//! leave from the front, after the flusher has written them, by their group's running number: an
//! entry that replaced a truncated one has a higher number and stays.

use std::collections::VecDeque;

use bytes::Bytes;

use super::row::Row;

/// One entry.
#[derive(Debug, Clone)]
pub(super) struct TailEntry {
    pub(super) row: Row,
    pub(super) payload: Bytes,
    group_seq: u64,
}

/// A run of entries without a gap, up to the last of the log.
#[derive(Debug, Default)]
pub(super) struct Tail(VecDeque<TailEntry>);

impl Tail {
    /// Takes the next entry.
    pub(super) fn push(&mut self, row: Row, payload: Bytes, group_seq: u64) {
        self.0.push_back(TailEntry {
            row,
            payload,
            group_seq,
        });
    }

    /// The first index that is here.
    pub(super) fn first(&self) -> Option<u64> {
        self.0.front().map(|entry| entry.row.at.index)
    }

    /// One entry, when it is here.
    pub(super) fn get(&self, index: u64) -> Option<&TailEntry> {
        let at = index.checked_sub(self.first()?)?;
        self.0.get(at as usize)
    }

    /// The first entry that ends after `offset`, if the tail reaches back that far.
    pub(super) fn with_offset(&self, offset: i64) -> Option<&TailEntry> {
        let first = self.0.front()?;
        if first.row.base_offset > offset {
            return None;
        }
        let at = self
            .0
            .partition_point(|entry| entry.row.end_offset() <= offset);
        self.0.get(at)
    }

    /// Drops the entries after `last`.
    pub(super) fn truncate(&mut self, last: Option<u64>) {
        let keeps = |entry: &TailEntry| last.is_some_and(|last| entry.row.at.index <= last);
        let kept = self.0.partition_point(keeps);
        self.0.truncate(kept);
    }

    /// Drops what the flusher has written, up to a running number.
    pub(super) fn evict(&mut self, group_seq: u64) {
        let written = self.0.partition_point(|entry| entry.group_seq <= group_seq);
        self.0.drain(..written);
        if self.0.is_empty() {
            self.0.shrink_to_fit();
        }
    }
}
