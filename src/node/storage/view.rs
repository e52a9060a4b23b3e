//! What a log holds, as a pure value: the bookkeeping that appends, truncations and purges share.
//!
//! Three copies of it live by the same rules: the one that answers calls (ahead of the disk), the
//! one that describes the segments as written (for the checkpoint), and the one that replay
//! rebuilds. Does no I/O and never looks at payloads.
//!
//! A file of a segment is never overwritten and never cut below what a checkpoint describes: after
//! a truncation the next entry opens a new segment, under a number of its own. So a checkpoint can
//! be believed to the byte, whatever happened after it.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::record::{Change, Entry, EntryKind};
use super::terms::Terms;
use super::{LogKind, LogPosition, SavedVote};

/// A segment: a run of entries in one pair of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    /// Its first index.
    pub(super) first: u64,
    /// The number that makes its file names unique.
    pub(super) number: u64,
    /// Its last entry.
    pub(super) last: LogPosition,
    /// Bytes of data.
    pub(super) bytes: u64,
    /// The next offset before its first entry.
    pub(super) base_offset: i64,
    /// The next offset after its last entry.
    pub(super) end_offset: i64,
    /// No timestamp in it is larger; -1 for none. A truncation leaves it too large.
    pub(super) max_timestamp: i64,
}

impl Segment {
    /// How many entries it has.
    pub(super) fn rows(&self) -> u64 {
        self.last.index + 1 - self.first
    }

    /// The path of its data within the group's directory.
    pub(super) fn data_file(&self) -> String {
        format!("{:020}-{:x}.log", self.first, self.number)
    }

    /// The path of its rows within the group's directory.
    pub(super) fn row_file(&self) -> String {
        format!("{:020}-{:x}.idx", self.first, self.number)
    }
}

/// A group's log without its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LogView {
    pub(super) kind: Option<LogKind>,
    pub(super) vote: Option<SavedVote>,
    pub(super) committed: Option<LogPosition>,
    pub(super) purged: Option<LogPosition>,
    pub(super) last: Option<LogPosition>,
    pub(super) log_start: i64,
    pub(super) next_offset: i64,
    pub(super) repair_until: Option<u64>,
    /// The next entry opens a segment, whatever the size of the last one.
    pub(super) must_open: bool,
    pub(super) segments: Vec<Segment>,
    pub(super) terms: Terms,
    /// The membership entries: few and small.
    pub(super) members: BTreeMap<u64, Bytes>,
}

impl LogView {
    /// The index that the next entry must have; any, when there was none yet.
    pub(super) fn next_index(&self) -> Option<u64> {
        self.last.map(|last| last.index + 1)
    }

    /// The first index that can be read, when the log holds entries.
    pub(super) fn first_index(&self) -> Option<u64> {
        let first = self.segments.first()?.first;
        let first = self
            .purged
            .map_or(first, |purged| first.max(purged.index + 1));
        self.last
            .is_some_and(|last| first <= last.index)
            .then_some(first)
    }

    /// Whether the next entry opens a segment.
    pub(super) fn opens_segment(&self, segment_bytes: u64) -> bool {
        let full = |segment: &Segment| segment.bytes >= segment_bytes;
        self.must_open || self.segments.last().is_none_or(full)
    }

    /// The segment of an entry.
    pub(super) fn segment_of(&self, index: u64) -> Option<&Segment> {
        let after = self
            .segments
            .partition_point(|segment| segment.first <= index);
        let segment = self.segments.get(after.checked_sub(1)?)?;
        (index <= segment.last.index).then_some(segment)
    }

    /// Whether a segment that takes no more entries ends here.
    pub(super) fn is_seal(&self, index: u64, segment_bytes: u64) -> bool {
        let ends_here = self
            .segment_of(index)
            .is_some_and(|segment| segment.last.index == index);
        let at_the_end = self.last.is_some_and(|last| last.index == index);
        ends_here && (!at_the_end || self.opens_segment(segment_bytes))
    }

    /// Takes a change; what it says must fit what is here. Returns the segments that are gone.
    ///
    /// [`Change::Append`] goes through [`LogView::append`] when its position is wanted.
    pub(super) fn apply(&mut self, change: &Change) -> Result<Vec<Segment>, String> {
        match change {
            Change::Create(kind) => self.kind = Some(*kind),
            Change::Append(entry) => {
                self.append(entry)?;
            }
            Change::Vote(vote) => self.vote = Some(*vote),
            Change::Commit(at) => self.committed = *at,
            Change::Truncate {
                last,
                next_offset,
                segment_bytes,
            } => return self.truncate(*last, *next_offset, *segment_bytes),
            Change::Purge { upto, log_start } => return Ok(self.purge(*upto, *log_start)),
            Change::Reset { at, next_offset } => return Ok(self.reset(*at, *next_offset)),
            Change::RequireRepair { until } => self.repair_until = Some(*until),
            Change::Repaired => self.repair_until = None,
            Change::Remove => return Ok(std::mem::take(self).segments),
        }
        Ok(Vec::new())
    }

    /// Takes an entry and says where its bytes go in its segment.
    pub(super) fn append(&mut self, entry: &Entry) -> Result<u64, String> {
        self.check_append(entry)?;
        if let Some(number) = entry.opens {
            self.segments.push(Segment {
                first: entry.at.index,
                number,
                last: entry.at,
                bytes: 0,
                base_offset: self.next_offset,
                end_offset: self.next_offset,
                max_timestamp: -1,
            });
            self.must_open = false;
        }
        self.next_offset += i64::from(entry.records);
        self.last = Some(entry.at);
        self.terms.append(entry.at, entry.base_offset);
        if entry.kind == EntryKind::Membership {
            self.members.insert(entry.at.index, entry.payload.clone());
        }
        let segment = self.segments.last_mut().ok_or("no segment is open")?;
        let position = segment.bytes;
        segment.bytes += entry.data_len();
        segment.last = entry.at;
        segment.end_offset = self.next_offset;
        segment.max_timestamp = segment.max_timestamp.max(entry.max_timestamp);
        Ok(position)
    }

    fn check_append(&self, entry: &Entry) -> Result<(), String> {
        let at = entry.at;
        if self.next_index().is_some_and(|next| next != at.index) {
            let next = self.next_index().unwrap_or(0);
            return Err(format!("entry {} where {next} is the next", at.index));
        }
        if self.last.is_some_and(|last| last.term > at.term) {
            return Err(format!("entry {} goes back to term {}", at.index, at.term));
        }
        if entry.base_offset != self.next_offset {
            let (found, next) = (entry.base_offset, self.next_offset);
            return Err(format!(
                "entry {} at offset {found} where {next} is the next",
                at.index
            ));
        }
        let open = !self.must_open && !self.segments.is_empty();
        if entry.opens.is_none() && !open {
            return Err(format!("entry {} has no segment to go to", at.index));
        }
        Ok(())
    }

    fn truncate(
        &mut self,
        last: Option<LogPosition>,
        next_offset: i64,
        segment_bytes: u64,
    ) -> Result<Vec<Segment>, String> {
        let last = last.max(self.purged);
        if last > self.last {
            return Err("a truncation to an entry that is not there".to_owned());
        }
        let kept = last.map_or(0, |last| {
            self.segments
                .partition_point(|segment| segment.first <= last.index)
        });
        let gone = self.segments.split_off(kept);
        if let (Some(segment), Some(last)) = (self.segments.last_mut(), last) {
            segment.last = last;
            segment.bytes = segment_bytes;
            segment.end_offset = next_offset;
        }
        self.last = last;
        self.next_offset = next_offset;
        self.must_open = true;
        self.terms.truncate(last.map(|last| last.index));
        let next = last.map_or(0, |last| last.index + 1);
        self.members.split_off(&next);
        Ok(gone)
    }

    /// Segments but the last go when all their entries do.
    fn purge(&mut self, upto: LogPosition, log_start: i64) -> Vec<Segment> {
        if self.purged.is_some_and(|purged| purged.index >= upto.index) {
            return Vec::new();
        }
        self.purged = Some(upto);
        self.log_start = log_start;
        self.terms.purge(upto.index);
        self.members = self.members.split_off(&(upto.index + 1));
        let sealed = self.segments.len().saturating_sub(1);
        let gone = self.segments[..sealed].partition_point(|s| s.last.index <= upto.index);
        self.segments.drain(..gone).collect()
    }

    fn reset(&mut self, at: LogPosition, next_offset: i64) -> Vec<Segment> {
        self.purged = Some(at);
        self.last = Some(at);
        // A snapshot holds committed entries only.
        self.committed = Some(at);
        self.log_start = next_offset;
        self.next_offset = next_offset;
        self.must_open = true;
        self.terms.reset(at, next_offset);
        self.members.clear();
        std::mem::take(&mut self.segments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(index: u64) -> LogPosition {
        LogPosition { term: 1, index }
    }

    fn grow(view: &mut LogView, entries: u64) {
        for _ in 0..entries {
            let index = view.next_index().unwrap_or(0);
            let entry = Entry {
                at: at(index),
                kind: EntryKind::Data,
                base_offset: view.next_offset,
                records: 2,
                max_timestamp: index as i64,
                crc: 0,
                payload: Bytes::from_static(&[0; 10]),
                opens: view.opens_segment(30).then_some(index),
            };
            view.append(&entry).unwrap();
        }
    }

    #[test]
    fn segments_are_sealed_when_they_are_full() {
        let mut view = LogView::default();
        grow(&mut view, 7);
        let firsts: Vec<u64> = view.segments.iter().map(|segment| segment.first).collect();
        assert_eq!(firsts, [0, 3, 6]);
        assert!(view.is_seal(2, 30) && view.is_seal(5, 30));
        assert!(!view.is_seal(4, 30) && !view.is_seal(6, 30));
        assert_eq!(view.segment_of(4).unwrap().first, 3);
        assert_eq!(view.segment_of(7), None);
        assert_eq!(view.next_offset, 14);
    }

    #[test]
    fn a_truncation_rewinds_and_opens_a_new_segment() {
        let mut view = LogView::default();
        grow(&mut view, 7);
        let gone = view.truncate(Some(at(3)), 8, 10).unwrap();
        assert_eq!(gone.len(), 1);
        assert_eq!((view.last, view.next_offset), (Some(at(3)), 8));
        grow(&mut view, 1);
        assert_eq!(view.segments.len(), 3);
        assert_eq!(view.segments[2].first, 4);
        assert!(view.is_seal(3, 30));
        assert!(view.truncate(Some(at(9)), 0, 0).is_err());
    }

    #[test]
    fn a_purge_drops_whole_segments_and_keeps_the_last() {
        let mut view = LogView::default();
        grow(&mut view, 7);
        assert_eq!(view.purge(at(4), 10).len(), 1);
        assert_eq!(view.first_index(), Some(5));
        assert_eq!(view.purge(at(6), 14).len(), 1);
        assert_eq!((view.first_index(), view.segments.len()), (None, 1));
        grow(&mut view, 1);
        assert_eq!(view.first_index(), Some(7));
    }

    #[test]
    fn an_entry_that_does_not_fit_is_refused() {
        let mut view = LogView::default();
        grow(&mut view, 2);
        let mut entry = Entry {
            at: at(5),
            kind: EntryKind::Blank,
            base_offset: 4,
            records: 0,
            max_timestamp: -1,
            crc: 0,
            payload: Bytes::new(),
            opens: None,
        };
        assert!(view.append(&entry).is_err());
        entry.at = at(2);
        entry.base_offset = 5;
        assert!(view.append(&entry).is_err());
        entry.base_offset = 4;
        assert_eq!(view.append(&entry), Ok(20));
    }
}
