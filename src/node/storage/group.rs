//! One group's log as its callers see it: ahead of the disk, in the order of the calls.
//!
//! A call changes the view and the tail under the group's lock and queues its records under the
//! same lock, so that the order in the write-ahead log is the order in which the log changed. No
//! call waits for the disk while it holds the lock, but for one row when a truncation needs it.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;

use super::batches::{self, Stamped};
use super::queue::{Op, Urgency};
use super::record::{Change, Entry, EntryKind, Record};
use super::row::Row;
use super::states::States;
use super::tail::Tail;
use super::view::LogView;
use super::{
    Done, GroupId, GroupState, LogEntry, LogKind, LogPosition, Payload, SavedVote, Shared,
};
use crate::node::bugs;

/// One group's log.
pub(super) struct Group {
    pub(super) id: GroupId,
    /// Its directory within the storage.
    pub(super) directory: String,
    pub(super) states: States,
    front: Mutex<Front>,
}

/// What the lock protects.
pub(super) struct Front {
    pub(super) view: LogView,
    pub(super) tail: Tail,
    /// Changes when entries go that a reader may be reading.
    pub(super) generation: u64,
    group_seq: u64,
    commit_unrecorded: bool,
    repair_recorded: bool,
    removed: bool,
}

/// The directory of a group.
pub(super) fn directory(id: GroupId) -> String {
    format!("groups/{id}")
}

impl Group {
    /// A log as it was found, or an empty one.
    pub(super) fn new(id: GroupId, view: LogView, group_seq: u64, states: States) -> Self {
        Self {
            id,
            directory: directory(id),
            states,
            front: Mutex::new(Front {
                view,
                tail: Tail::default(),
                generation: 0,
                group_seq,
                commit_unrecorded: false,
                repair_recorded: false,
                removed: false,
            }),
        }
    }

    /// The view and the tail.
    pub(super) fn front(&self) -> MutexGuard<'_, Front> {
        self.front
            .lock()
            .expect("no thread panics while it holds a log")
    }

    /// See [`super::GroupLog::state`].
    pub(super) fn state(&self) -> GroupState {
        let view = &self.front().view;
        GroupState {
            vote: view.vote,
            last: view.last,
            purged: view.purged,
            committed: view.committed,
            repair_until: view.repair_until,
        }
    }

    /// Takes the kind of a new log; an old one must have it already.
    pub(super) fn open_as(self: &Arc<Self>, shared: &Shared, kind: LogKind) -> io::Result<()> {
        let mut front = self.front();
        match front.view.kind {
            Some(known) if known == kind => Ok(()),
            Some(known) if front.view.last.is_some() => {
                let what = format!("{}: a log of {known:?}, not of {kind:?}", self.id);
                Err(invalid(io::ErrorKind::InvalidInput, what))
            }
            _ => {
                front.view.kind = Some(kind);
                let op = self.op(&mut front, vec![Change::Create(kind)], None);
                shared.queue.push(op, Urgency::Later)
            }
        }
    }

    /// See [`super::GroupLog::append`].
    pub(super) fn append(
        self: &Arc<Self>,
        shared: &Shared,
        entries: Vec<LogEntry>,
        done: Done,
    ) -> io::Result<()> {
        shared.queue.admit()?;
        let mut front = self.front();
        front.check(self.id)?;
        let stamped = front.stamp(self.id, entries)?;
        let mut op = self.op(&mut front, Vec::new(), Some(done));
        for entry in stamped {
            let record = front.take(shared, self.id, entry)?;
            op.records.push(record);
        }
        if front.is_repaired() {
            front.repair_recorded = true;
            op.records.push(front.record(self.id, Change::Repaired));
        }
        let urgency = if bugs::leaves_in_memory() {
            Urgency::Later
        } else {
            Urgency::Now
        };
        shared.queue.push(op, urgency)
    }

    /// See [`super::GroupLog::save_vote`].
    pub(super) fn save_vote(
        self: &Arc<Self>,
        shared: &Shared,
        vote: SavedVote,
        done: Done,
    ) -> io::Result<()> {
        let mut front = self.front();
        front.check(self.id)?;
        front.view.vote = Some(vote);
        let op = self.op(&mut front, vec![Change::Vote(vote)], Some(done));
        shared.queue.push(op, Urgency::Now)
    }

    /// See [`super::GroupLog::require_repair`].
    pub(super) fn require_repair(self: &Arc<Self>, shared: &Shared, until: u64) -> io::Result<()> {
        let mut front = self.front();
        front.check(self.id)?;
        let change = Change::RequireRepair { until };
        front.change(&change)?;
        front.repair_recorded = false;
        let op = self.op(&mut front, vec![change], None);
        shared.queue.push(op, Urgency::Later)
    }

    /// See [`super::GroupLog::save_committed`].
    pub(super) fn save_committed(&self, committed: Option<LogPosition>) {
        let mut front = self.front();
        front.commit_unrecorded |= front.view.committed != committed;
        front.view.committed = committed;
    }

    /// See [`super::GroupLog::truncate_after`].
    pub(super) fn truncate_after(
        self: &Arc<Self>,
        shared: &Shared,
        last: Option<LogPosition>,
    ) -> io::Result<()> {
        let mut front = self.front();
        front.check(self.id)?;
        let last = last.max(front.view.purged);
        let index = |at: Option<LogPosition>| at.map(|at| at.index);
        if index(front.view.last) <= index(last) {
            return Ok(());
        }
        if index(front.view.committed) > index(last) {
            let what = format!("{}: a truncation of committed entries", self.id);
            return Err(invalid(io::ErrorKind::InvalidInput, what));
        }
        let (next_offset, segment_bytes) = self.end_at(shared, &front, last)?;
        let change = Change::Truncate {
            last,
            next_offset,
            segment_bytes,
        };
        front.change(&change)?;
        front.tail.truncate(last.map(|last| last.index));
        let op = self.op(&mut front, vec![change], None);
        shared.queue.push(op, Urgency::Now)
    }

    /// The next offset after `last`, and where its segment ends there.
    fn end_at(
        &self,
        shared: &Shared,
        front: &Front,
        last: Option<LogPosition>,
    ) -> io::Result<(i64, u64)> {
        let Some(last) = last else {
            return Ok((0, 0));
        };
        if front.view.segment_of(last.index).is_none() {
            return Ok((front.view.log_start, 0));
        }
        let row = self.row_in(shared, front, last.index)?;
        if row.at != last {
            let what = format!("{}: entry {} has term {}", self.id, last.index, row.at.term);
            return Err(invalid(io::ErrorKind::InvalidInput, what));
        }
        Ok((row.end_offset(), row.end_position()))
    }

    /// The row of an entry, from the tail or from the disk.
    pub(super) fn row_in(&self, shared: &Shared, front: &Front, index: u64) -> io::Result<Row> {
        if let Some(entry) = front.tail.get(index) {
            return Ok(entry.row);
        }
        let segment = front
            .view
            .segment_of(index)
            .ok_or(io::ErrorKind::NotFound)?;
        let rows = shared
            .handles
            .rows(self.id, &self.directory, segment, index, 1)?;
        rows.first().copied().ok_or(io::ErrorKind::NotFound.into())
    }

    /// See [`super::GroupLog::purge`].
    pub(super) fn purge(self: &Arc<Self>, shared: &Shared, upto: LogPosition) -> io::Result<()> {
        let mut front = self.front();
        front.check(self.id)?;
        if front.view.purged >= Some(upto) {
            return Ok(());
        }
        if front.view.last < Some(upto) {
            let what = format!("{}: a purge past the end needs a reset", self.id);
            return Err(invalid(io::ErrorKind::InvalidInput, what));
        }
        let (log_start, _) = self.end_at(shared, &front, Some(upto))?;
        let change = Change::Purge { upto, log_start };
        front.change(&change)?;
        let mut op = self.op(&mut front, vec![change], None);
        op.garbage = self.states.drop_before(upto.index);
        shared.queue.push(op, Urgency::Now)
    }

    /// See [`super::GroupLog::reset`].
    pub(super) fn reset(
        self: &Arc<Self>,
        shared: &Shared,
        at: LogPosition,
        next_offset: i64,
        done: Done,
    ) -> io::Result<()> {
        let mut front = self.front();
        front.check(self.id)?;
        let change = Change::Reset { at, next_offset };
        front.change(&change)?;
        front.tail.truncate(None);
        let mut changes = vec![change];
        if front.is_repaired() {
            front.repair_recorded = true;
            changes.push(Change::Repaired);
        }
        let mut op = self.op(&mut front, changes, Some(done));
        op.garbage = self.states.drop_all_but(at);
        shared.queue.push(op, Urgency::Now)
    }

    /// Ends the log: every later call is refused.
    pub(super) fn remove(self: &Arc<Self>, shared: &Shared) -> io::Result<()> {
        let mut front = self.front();
        front.check(self.id)?;
        front.removed = true;
        front.generation += 1;
        let mut op = self.op(&mut front, vec![Change::Remove], None);
        op.garbage = self.states.drop_before(u64::MAX);
        shared.queue.push(op, Urgency::Now)
    }

    /// The mark of a repaired log is durably gone.
    pub(super) fn repaired(&self) {
        self.front().view.repair_until = None;
    }

    /// Lets go of entries that are on disk.
    pub(super) fn evict(&self, group_seq: u64) {
        self.front().tail.evict(group_seq);
    }

    /// An operation with the records of these changes, and the commit position when it moved.
    fn op(self: &Arc<Self>, front: &mut Front, changes: Vec<Change>, done: Option<Done>) -> Op {
        let commit = std::mem::take(&mut front.commit_unrecorded);
        let commit = commit.then_some(Change::Commit(front.view.committed));
        let all = changes.into_iter().chain(commit);
        Op {
            group: self.clone(),
            records: all.map(|change| front.record(self.id, change)).collect(),
            done,
            garbage: Vec::new(),
        }
    }
}

impl Front {
    fn check(&self, id: GroupId) -> io::Result<()> {
        if self.removed {
            return Err(invalid(
                io::ErrorKind::NotFound,
                format!("{id} was removed"),
            ));
        }
        Ok(())
    }

    fn record(&mut self, group: GroupId, change: Change) -> Record {
        self.group_seq += 1;
        Record {
            group,
            group_seq: self.group_seq,
            change,
        }
    }

    /// Takes a change after which readers must look again.
    fn change(&mut self, change: &Change) -> io::Result<()> {
        self.generation += 1;
        let gone = self.view.apply(change);
        gone.map_err(|what| invalid(io::ErrorKind::InvalidInput, what))?;
        Ok(())
    }

    fn is_repaired(&self) -> bool {
        let last = self.view.last.map(|last| last.index);
        !self.repair_recorded
            && self
                .view
                .repair_until
                .is_some_and(|until| last >= Some(until))
    }

    /// Checks that entries continue the log, and gives batches their offsets. Changes nothing.
    fn stamp(&self, id: GroupId, entries: Vec<LogEntry>) -> io::Result<Vec<Entry>> {
        let mut last = self.view.last;
        let mut next_offset = self.view.next_offset;
        let mut stamped = Vec::with_capacity(entries.len());
        for entry in entries {
            let at = entry.at;
            let fits = last.is_none_or(|last| at.index == last.index + 1 && at.term >= last.term);
            if !fits {
                let what = format!("{id}: entry {at:?} does not follow {last:?}");
                return Err(invalid(io::ErrorKind::InvalidInput, what));
            }
            let entry = self.stamp_one(id, entry, next_offset)?;
            last = Some(at);
            next_offset += i64::from(entry.records);
            stamped.push(entry);
        }
        Ok(stamped)
    }

    fn stamp_one(&self, id: GroupId, entry: LogEntry, next_offset: i64) -> io::Result<Entry> {
        let opaque = |payload: Bytes| Stamped {
            payload,
            records: 0,
            max_timestamp: -1,
        };
        let (kind, stamped) = match entry.payload {
            Payload::Blank => (EntryKind::Blank, opaque(Bytes::new())),
            Payload::Membership(bytes) => (EntryKind::Membership, opaque(bytes)),
            Payload::Data(bytes) if self.view.kind == Some(LogKind::Opaque) => {
                (EntryKind::Data, opaque(bytes))
            }
            Payload::Data(bytes) => {
                let stamped = batches::stamp(bytes, id, entry.at, next_offset)
                    .map_err(|what| invalid(io::ErrorKind::InvalidData, what))?;
                (EntryKind::Data, stamped)
            }
        };
        if u32::try_from(stamped.payload.len()).is_err() {
            let what = format!("{id}: entry {} is too large", entry.at.index);
            return Err(invalid(io::ErrorKind::InvalidInput, what));
        }
        Ok(Entry {
            at: entry.at,
            kind,
            base_offset: next_offset,
            records: stamped.records,
            max_timestamp: stamped.max_timestamp,
            crc: crc32c::crc32c(&stamped.payload),
            payload: stamped.payload,
            opens: None,
        })
    }

    /// Puts a stamped entry at the end.
    fn take(&mut self, shared: &Shared, id: GroupId, mut entry: Entry) -> io::Result<Record> {
        let opens = self.view.opens_segment(shared.segment_bytes);
        entry.opens = opens.then(|| shared.next_number());
        let position = self.view.append(&entry);
        let position = position.map_err(|what| invalid(io::ErrorKind::InvalidInput, what))?;
        let row = Row::new(&entry, position, 0, false);
        let payload = entry.payload.clone();
        let record = self.record(id, Change::Append(entry));
        self.tail.push(row, payload, record.group_seq);
        Ok(record)
    }
}

/// An error of this room's own words.
pub(super) fn invalid(kind: io::ErrorKind, what: String) -> io::Error {
    io::Error::new(kind, what)
}
