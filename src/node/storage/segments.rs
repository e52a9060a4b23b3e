//! The writer of segments and checkpoints: takes what the write-ahead log has made durable.
//!
//! Bytes and rows go to the page cache in the order of the write-ahead log, and only after its
//! sync: a row proves an acknowledged entry. The checkpoint syncs what was written since the last
//! one; only then do files go that it no longer needs. Runs in the flusher's thread, and in
//! replay, where the same code rebuilds what a crash took.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IoSlice};
use std::sync::Arc;

use super::checkpoint::{self, Checkpoint};
use super::disk::{Disk, DiskFile};
use super::group::{Group, directory, invalid};
use super::handles::Handles;
use super::record::{Change, Entry, Record};
use super::row::{ROW, Row};
use super::synced;
use super::view::{LogView, Segment};
use super::wal::{Maker, Mark};
use super::{GroupId, LogPosition};

/// A batch of the write-ahead log, as rows name it.
#[derive(Debug, Clone, Copy)]
pub(super) struct BatchId {
    pub(super) seq: u64,
    /// Whether it was acknowledged without a sync.
    pub(super) unsynced: bool,
}

/// A group's log as its segments hold it.
#[derive(Default)]
pub(super) struct Written {
    pub(super) view: LogView,
    pub(super) group_seq: u64,
    /// Where the newest commit position is.
    pub(super) front: Option<Arc<Group>>,
    /// Segments with bytes that are not synced.
    dirty: BTreeMap<u64, Segment>,
    /// Whether names in its directory are not synced.
    names_dirty: bool,
}

/// All groups' segments.
pub(super) struct Segments {
    disk: Arc<Disk>,
    handles: Arc<Handles>,
    maker: Maker,
    pub(super) groups: BTreeMap<GroupId, Written>,
    /// Files that nothing needs after the next checkpoint.
    garbage: Vec<(GroupId, String)>,
    /// Directories that nothing needs after the next checkpoint.
    removed: BTreeSet<GroupId>,
    directories_dirty: bool,
    /// The oldest file of the write-ahead log that was not retired.
    oldest_wal: u64,
    note: Option<DiskFile>,
}

impl Segments {
    /// No group yet.
    pub(super) fn new(disk: Arc<Disk>, handles: Arc<Handles>, maker: Maker, oldest: u64) -> Self {
        Self {
            disk,
            handles,
            maker,
            groups: BTreeMap::new(),
            garbage: Vec::new(),
            removed: BTreeSet::new(),
            directories_dirty: false,
            oldest_wal: oldest,
            note: None,
        }
    }

    /// Takes one operation's records, which belong to one group.
    pub(super) fn apply(&mut self, records: &[Record], batch: BatchId) -> io::Result<()> {
        let together = |_: &Record, next: &Record| match &next.change {
            Change::Append(entry) => entry.opens.is_none(),
            _ => false,
        };
        for run in records.chunk_by(together) {
            let entries: Vec<&Entry> = run.iter().filter_map(as_entry).collect();
            let Some(first) = run.first() else {
                continue;
            };
            // A run starts with any record and goes on with entries only.
            if !matches!(first.change, Change::Append(_)) {
                self.change(first)?;
            }
            self.append(first.group, &entries, batch)?;
            let last = run
                .last()
                .map_or(first.group_seq, |record| record.group_seq);
            if let Some(written) = self.groups.get_mut(&first.group) {
                written.group_seq = last;
            }
        }
        Ok(())
    }

    /// Notes that a batch was synced, for a start after a kill: see [`synced`].
    pub(super) fn note_synced(&mut self, batch: BatchId) -> io::Result<()> {
        if batch.unsynced {
            return Ok(());
        }
        let note = match self.note.take() {
            Some(note) => note,
            None if self.disk.exists(synced::PATH) => self.disk.file(synced::PATH)?,
            None => self.disk.create(synced::PATH)?,
        };
        note.write_at(&synced::encode(batch.seq), 0)?;
        self.note = Some(note);
        Ok(())
    }

    /// Files of a group that nothing needs after the next checkpoint.
    pub(super) fn discard(&mut self, group: GroupId, names: &[String]) {
        let garbage = names.iter().map(|name| (group, name.clone()));
        self.garbage.extend(garbage);
    }

    fn change(&mut self, record: &Record) -> io::Result<()> {
        let group = record.group;
        let written = self.groups.entry(group).or_default();
        let gone = written.view.apply(&record.change);
        let gone = gone.map_err(|what| invalid(io::ErrorKind::InvalidData, what))?;
        for segment in &gone {
            written.dirty.remove(&segment.number);
        }
        for segment in gone {
            self.discard(group, &[segment.data_file(), segment.row_file()]);
        }
        if record.change == Change::Remove {
            self.groups.remove(&group);
            self.removed.insert(group);
        }
        Ok(())
    }

    fn append(&mut self, group: GroupId, entries: &[&Entry], batch: BatchId) -> io::Result<()> {
        let Some(first) = entries.first() else {
            return Ok(());
        };
        let written = self.groups.entry(group).or_default();
        let mut rows = Vec::with_capacity(entries.len() * ROW);
        let mut data = Vec::with_capacity(entries.len());
        let mut start = None;
        for entry in entries {
            let position = written.view.append(entry);
            let position = position.map_err(|what| invalid(io::ErrorKind::InvalidData, what))?;
            Row::new(entry, position, batch.seq, batch.unsynced).encode(group, &mut rows);
            if entry.data_len() > 0 {
                data.push(IoSlice::new(&entry.payload));
            }
            start.get_or_insert(position);
        }
        let Some(segment) = written.view.segments.last().copied() else {
            return Ok(());
        };
        written.dirty.insert(segment.number, segment);
        let row_at = (first.at.index - segment.first) * ROW as u64;
        let opens = first.opens.is_some();
        written.names_dirty |= opens;
        let directory = directory(group);
        if opens {
            // A state may have made it, and not synced its name yet.
            self.disk.create_dir(&directory)?;
            self.directories_dirty |= written.view.segments.len() == 1;
        }
        let file = |name: String| {
            let path = format!("{directory}/{name}");
            if opens {
                self.handles.create(&path)
            } else {
                self.handles.get(&path)
            }
        };
        let (data_file, row_file) = (file(segment.data_file())?, file(segment.row_file())?);
        if !data.is_empty() {
            data_file.write_all_at(&mut data, start.unwrap_or(0))?;
        }
        row_file.write_at(&rows, row_at)
    }

    /// Syncs what was written, describes it as of `mark`, and lets go of what came before.
    pub(super) fn checkpoint(&mut self, mark: Mark) -> io::Result<()> {
        for (id, written) in &mut self.groups {
            written.sync(&self.disk, &self.handles, &directory(*id))?;
        }
        if std::mem::take(&mut self.directories_dirty) {
            self.disk.sync_dir("groups")?;
        }
        let groups = self.groups.iter();
        let groups = groups.map(|(id, written)| (*id, &written.view, written.group_seq));
        self.disk
            .replace(checkpoint::PATH, &Checkpoint::encode(mark, groups))?;
        self.clean()?;
        for number in self.oldest_wal..mark.file {
            self.maker.retire(number)?;
        }
        self.oldest_wal = self.oldest_wal.max(mark.file);
        Ok(())
    }

    /// Removes what no checkpoint describes any more.
    fn clean(&mut self) -> io::Result<()> {
        for (group, name) in std::mem::take(&mut self.garbage) {
            let directory = directory(group);
            let path = format!("{directory}/{name}");
            self.handles.forget(&path);
            match self
                .groups
                .get(&group)
                .and_then(|written| written.front.as_ref())
            {
                Some(front) => front.states.discard(&self.disk, &directory, &name)?,
                None => self.disk.remove(&path)?,
            }
        }
        for group in std::mem::take(&mut self.removed) {
            if !self.groups.contains_key(&group) {
                let directory = directory(group);
                self.handles.forget_directory(&directory);
                self.disk.remove_dir(&directory)?;
            }
        }
        Ok(())
    }
}

impl Written {
    /// A log as it was found.
    pub(super) fn found(view: LogView, group_seq: u64) -> Self {
        Self {
            view,
            group_seq,
            ..Self::default()
        }
    }

    fn sync(&mut self, disk: &Disk, handles: &Handles, directory: &str) -> io::Result<()> {
        for segment in std::mem::take(&mut self.dirty).values() {
            handles
                .get(&format!("{directory}/{}", segment.data_file()))?
                .sync()?;
            handles
                .get(&format!("{directory}/{}", segment.row_file()))?
                .sync()?;
        }
        if std::mem::take(&mut self.names_dirty) {
            disk.sync_dir(directory)?;
        }
        if let Some(front) = &self.front {
            let committed = front.front().view.committed;
            self.view.committed = committed_here(committed, self.view.last);
        }
        Ok(())
    }
}

/// A commit position as far as the log reaches: what it covers of a shorter log is committed too.
pub(super) fn committed_here(
    committed: Option<LogPosition>,
    last: Option<LogPosition>,
) -> Option<LogPosition> {
    committed.min(last)
}

fn as_entry(record: &Record) -> Option<&Entry> {
    match &record.change {
        Change::Append(entry) => Some(entry),
        _ => None,
    }
}
