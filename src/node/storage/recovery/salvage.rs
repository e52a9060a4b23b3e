//! Judging the end of the write-ahead log, and saving what can be proven whole behind damage.
//!
//! A torn tail is at most one unfinished batch that nobody was told of: the writer never went on
//! after it, and neither a row nor a note was written for it. Anything else is damage. Then each log is judged on its
//! own: it is whole when its running numbers have no gap and at least one of its records lies behind
//! the last place where something is missing. All others may have lost an entry or a vote.

use std::collections::BTreeMap;
use std::io;

use super::scan::Found;
use super::{GroupId, Recovery};
use crate::node::storage::record::{BATCH, HEAD, Record, UNSYNCED};
use crate::node::storage::segments::BatchId;
use crate::node::storage::wal::{Mark, START};
use crate::spec::SyncMode;

/// More batches than the files of a write-ahead log can hold behind their last checkpoint.
const MAX_AHEAD: u64 = 1 << 26;

/// Where the whole batches end, and what is known about that.
pub(super) struct End {
    pub(super) mark: Mark,
    /// Whether the write-ahead log reached as far as the checkpoint at all.
    pub(super) reachable: bool,
    /// Whether the last whole batch was acknowledged without a sync; `None` without one.
    pub(super) unsynced: Option<bool>,
    /// The setting, for when no batch tells.
    pub(super) sync: SyncMode,
}

impl Recovery {
    /// Decides between a torn tail and damage. Returns where the write-ahead log goes on.
    pub(super) fn judge(&mut self, end: &End) -> io::Result<Mark> {
        let newest = end.mark.seq.saturating_add(MAX_AHEAD);
        let found = self.reader.behind(end.mark, newest)?;
        let proven = self.proven;
        let flags = found.iter().find(|found| found.head.kind == BATCH);
        let unsynced = (end.unsynced)
            .or(flags.map(|found| found.head.flags & UNSYNCED != 0))
            .unwrap_or(end.sync == SyncMode::Os);
        let went_on = found
            .iter()
            .any(|found| found.head.batch_seq > end.mark.seq + 1);
        let damaged = !end.reachable || (!unsynced && (went_on || proven > end.mark.seq));
        if damaged {
            return self.salvage(end, &found, proven);
        }
        self.torn = !found.is_empty();
        Ok(end.mark)
    }

    fn salvage(&mut self, end: &End, found: &[Found], proven: u64) -> io::Result<Mark> {
        let mut trail = Trail::new(end.mark);
        let mut loss = (!end.reachable).then_some(0);
        let mut missing_records = 1;
        let mut whole: BTreeMap<GroupId, usize> = BTreeMap::new();
        for (at, found) in found.iter().enumerate() {
            if let Some(missing) = trail.step(found) {
                loss = Some(at);
                missing_records += missing;
            }
            if let Some(group) = self.save(found)? {
                whole.insert(group, at);
            }
        }
        if proven > trail.seq || (proven == trail.seq && trail.unfinished()) {
            loss = Some(found.len());
        }
        if let Some(loss) = loss {
            self.lost_track = true;
            self.fail_unproven(&whole, loss, missing_records);
        }
        Ok(self.fresh_mark(trail.seq.max(proven)))
    }

    /// Takes one record behind the damage; its group, when that has every record up to it.
    fn save(&mut self, found: &Found) -> io::Result<Option<GroupId>> {
        let payload = found.payload.clone().unwrap_or_default();
        let Some(record) = Record::from_head(&found.head, payload) else {
            return Ok(None);
        };
        let group = record.group;
        if found.payload.is_none() {
            let at = format!("wal file {} at {}", found.file, found.position);
            self.fail(group, format!("{at}: the payload of a record is damaged"));
        }
        let batch = BatchId {
            seq: found.head.batch_seq,
            unsynced: false,
        };
        Ok(self.take(&[record], batch)?.then_some(group))
    }

    /// Gives up every log without a record behind the last loss. The mark for repair allows for
    /// what may be lost.
    fn fail_unproven(&mut self, whole: &BTreeMap<GroupId, usize>, loss: usize, missing: u64) {
        let proven = |id: &GroupId| whole.get(id).is_some_and(|at| *at >= loss);
        let unproven: Vec<GroupId> = self
            .segments
            .groups
            .keys()
            .copied()
            .filter(|id| !proven(id))
            .collect();
        for id in unproven {
            self.fail(
                id,
                "the write-ahead log is damaged and may have held more of it".to_owned(),
            );
            if let Some(failed) = self.failed.get_mut(&id) {
                failed.index = Some(
                    failed
                        .index
                        .map_or(0, |index| index.saturating_add(missing)),
                );
            }
        }
    }
}

/// Follows the heads and notices where bytes between them are unexplained.
struct Trail {
    file: u64,
    position: u64,
    seq: u64,
    /// Records of the current batch that are still to come, when its head was seen.
    left: Option<u32>,
}

impl Trail {
    fn new(mark: Mark) -> Self {
        Self {
            file: mark.file,
            position: mark.position,
            seq: mark.seq,
            left: Some(0),
        }
    }

    fn unfinished(&self) -> bool {
        self.left.is_none_or(|left| left > 0)
    }

    /// Goes to a head. How many records may be missing before it, at least one, if any may.
    fn step(&mut self, found: &Found) -> Option<u64> {
        let head = &found.head;
        let opens = head.kind == BATCH;
        let here = found.file == self.file && found.position == self.position;
        let follows = if opens {
            head.batch_seq == self.seq + 1
        } else {
            head.batch_seq == self.seq
        };
        let at_an_end = self.left.is_none_or(|left| left == 0);
        let next_file = found.file > self.file && found.position == START;
        let head_lost = found.file == self.file
            && found.position == self.position + HEAD as u64
            && !opens
            && head.batch_seq == self.seq + 1;
        let explained = (here && follows && (at_an_end == opens || self.left.is_none()))
            || (next_file && opens && follows && self.left == Some(0))
            || (head_lost && at_an_end);
        let missing = u64::from(self.left.unwrap_or(1).max(1));
        self.file = found.file;
        self.position = found.position + head.size() as u64;
        self.left = match (opens, explained) {
            (true, _) => Some(head.records),
            (false, true) if head.batch_seq == self.seq => self.left.map(|l| l.saturating_sub(1)),
            (false, _) => None,
        };
        self.seq = self.seq.max(head.batch_seq);
        (!explained).then_some(missing)
    }
}
