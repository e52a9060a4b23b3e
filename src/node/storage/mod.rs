//! Everything durable of one node: the write-ahead log, the groups' segments, and the disk seam.
//!
//! One write-ahead log per node with one writer thread and one fdatasync per batch over all
//! groups; behind it the bytes go to per-group segment files in the page cache, which are synced
//! lazily before the write-ahead log is recycled. Knows no Raft rules and no cluster: it stores
//! what it is told in the order it is told, and says so only after the sync.
//!
//! ```text
//! call -> group (view, tail) -> queue -> wal (sync) -> done
//!                                          `-> segments (page cache) -> checkpoint (sync)
//! <dir>/checkpoint   <dir>/wal/wal-<n>.log   <dir>/groups/<group>/<first index>-<n>.{log,idx}
//!                                            <dir>/groups/<group>/<index>-<term>.state
//! ```
//! After [`Storage::close`] the checkpoint describes everything and nothing of the write-ahead
//! log is needed: its end is the checkpoint's mark. After a crash, what came after the checkpoint
//! is replayed.

mod batches;
mod checkpoint;
mod disk;
mod engine;
mod group;
mod handles;
mod queue;
mod read;
mod record;
mod recovery;
mod retention;
mod row;
mod run;
mod sealed;
mod segments;
mod states;
mod stats;
mod synced;
mod tail;
mod terms;
mod threads;
mod view;
mod wal;

#[cfg(test)]
mod tests;

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use crate::spec::{GroupId, SyncMode};
use disk::Faults;
pub(in crate::node) use disk::power_cut;
use engine::{Owner, Shared};
use group::Group;
use retention::Limits;
use states::States;
pub(in crate::node) use stats::{SYNC_BOUNDS_US, StorageStats};
use view::LogView;

/// A position in a group's log; the term is unique to its leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::node) struct LogPosition {
    /// Raft term; also Kafka's leader epoch.
    pub(in crate::node) term: u64,
    /// Raft index, from 0 (openraft's first membership entry).
    pub(in crate::node) index: u64,
}

/// A vote as Raft saves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::node) struct SavedVote {
    /// The term.
    pub(in crate::node) term: u64,
    /// For whom.
    pub(in crate::node) voted_for: u64,
    /// Whether a quorum granted it (openraft's committed vote).
    pub(in crate::node) committed: bool,
}

/// What an entry carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::node) enum Payload {
    /// Nothing: the first entry of a term.
    Blank,
    /// Record batches back to back (a records log), or opaque bytes.
    Data(Bytes),
    /// A membership, in the caller's encoding.
    Membership(Bytes),
}

/// One entry of a group's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::node) struct LogEntry {
    /// Where.
    pub(in crate::node) at: LogPosition,
    /// What.
    pub(in crate::node) payload: Payload,
}

/// What a group's `Data` payloads are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::node) enum LogKind {
    /// Kafka record batches: base offsets and leader epochs are patched when they are appended.
    Records,
    /// Bytes of no meaning to storage (the metadata group).
    Opaque,
}

/// Options of a node's storage.
#[derive(Debug, Clone, Copy)]
pub(in crate::node) struct StorageOptions {
    /// When an append counts as stored.
    pub(in crate::node) sync: SyncMode,
    /// Bytes of one write-ahead log file.
    pub(in crate::node) wal_bytes: u64,
    /// Bytes after which a segment is sealed.
    pub(in crate::node) segment_bytes: u64,
}

/// Called once, from the writer thread, after the sync (or with the error that stopped it).
pub(in crate::node) type Done = Box<dyn FnOnce(io::Result<()>) + Send>;

/// What was found damaged when the storage was opened; for the log, `/status` and repair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::node) struct Damage {
    /// The group whose log is set aside.
    pub(in crate::node) group: GroupId,
    /// The file and what is wrong with it, in words.
    pub(in crate::node) what: String,
}

/// What a group's log holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::node) struct GroupState {
    /// The last saved vote.
    pub(in crate::node) vote: Option<SavedVote>,
    /// The last entry, or the last purged one when there is none after it.
    pub(in crate::node) last: Option<LogPosition>,
    /// The last entry that was dropped from the front.
    pub(in crate::node) purged: Option<LogPosition>,
    /// The last saved commit position (never ahead of the truth).
    pub(in crate::node) committed: Option<LogPosition>,
    /// Set while the log is damaged: it must reach this index again before the group may vote.
    pub(in crate::node) repair_until: Option<u64>,
}

/// Why storage cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(in crate::node) enum StorageError {
    /// The directory belongs to another cluster or node, or another process holds it.
    #[error("{0}")]
    Refused(String),
    /// The disk said no.
    #[error("{what}: {source}")]
    Io {
        /// What was being done, with the path.
        what: String,
        /// The system's word.
        source: io::Error,
    },
}

/// How often a wait for room looks again.
const LOOK_AGAIN: std::time::Duration = std::time::Duration::from_millis(50);

/// The storage of one node. Clones share it; when the last one and the last log of it go without
/// [`Storage::close`], it ends as if the process had been killed.
#[derive(Clone)]
pub(in crate::node) struct Storage {
    owner: Arc<Owner>,
}

impl Storage {
    /// Opens (or makes) the storage in `dir`, replays the write-ahead log and verifies every log.
    pub(in crate::node) fn open(
        dir: &Path,
        options: StorageOptions,
    ) -> Result<(Self, Vec<Damage>), StorageError> {
        Self::open_with(dir, options, Faults::of_directory(dir))
    }

    fn open_with(
        dir: &Path,
        options: StorageOptions,
        faults: Faults,
    ) -> Result<(Self, Vec<Damage>), StorageError> {
        let started = engine::start(dir, options, faults);
        let (owner, damage) = started.map_err(|source| StorageError::Io {
            what: format!("open the storage in {}", dir.display()),
            source,
        })?;
        Ok((Self { owner }, damage))
    }

    /// A group's log, made when there is none.
    pub(in crate::node) fn group(
        &self,
        group: GroupId,
        kind: LogKind,
    ) -> Result<GroupLog, StorageError> {
        let shared = &self.owner.shared;
        let mut groups = shared.groups();
        let known = groups.entry(group).or_insert_with(|| {
            Arc::new(Group::new(group, LogView::default(), 0, States::default()))
        });
        let log = known.clone();
        // Under the lock, so that a removal cannot come between the log and its first record.
        let opened = log.open_as(shared, kind);
        drop(groups);
        opened.map_err(|source| storage_error(format!("open the log of {group}"), source))?;
        Ok(GroupLog {
            owner: self.owner.clone(),
            group: log,
        })
    }

    /// Forgets a group and removes its files.
    pub(in crate::node) fn remove_group(&self, group: GroupId) -> Result<(), StorageError> {
        let shared = &self.owner.shared;
        let mut groups = shared.groups();
        let Some(log) = groups.remove(&group) else {
            return Ok(());
        };
        let removed = log.remove(shared);
        drop(groups);
        removed.map_err(|source| storage_error(format!("remove the log of {group}"), source))
    }

    /// Ends when the disk has failed, with the system's word: the node must stop, loudly.
    pub(in crate::node) async fn failed(&self) -> String {
        let mut failures = self.owner.shared.queue.failures();
        match failures.wait_for(Option::is_some).await {
            Ok(why) => why.clone().unwrap_or_default(),
            // The sender is in what this call holds.
            Err(_) => std::future::pending().await,
        }
    }

    /// Syncs everything, so that nothing of the write-ahead log is needed, and ends the threads.
    pub(in crate::node) fn close(&self) -> Result<(), StorageError> {
        self.owner.shared.queue.close();
        self.owner.join();
        match self.owner.shared.queue.failure() {
            Some(why) => Err(storage_error(
                "close the storage".to_owned(),
                io::Error::other(why),
            )),
            None => Ok(()),
        }
    }

    /// Numbers for `/metrics`.
    pub(in crate::node) fn stats(&self) -> StorageStats {
        self.owner.shared.counters.read()
    }
}

fn storage_error(what: String, source: io::Error) -> StorageError {
    match source.kind() {
        io::ErrorKind::InvalidInput => StorageError::Refused(source.to_string()),
        _ => StorageError::Io { what, source },
    }
}

/// One group's log; clones share it, and keep the storage alive. Appends are visible to reads at once, durable when `done`
/// is called; calls of one group take effect in call order.
#[derive(Clone)]
pub(in crate::node) struct GroupLog {
    owner: Arc<Owner>,
    group: Arc<Group>,
}

impl GroupLog {
    /// What it holds.
    pub(in crate::node) fn state(&self) -> GroupState {
        self.group.state()
    }

    /// Appends entries that continue the log without a gap. In a records log every batch gets
    /// its base offset (the running sum) and the entry's own term as its leader epoch; a batch
    /// that comes with both already set to other values *from a leader* (an epoch other than -1)
    /// is a divergence (`InvalidData`). An error means that nothing was taken and that `done` is
    /// not called.
    pub(in crate::node) fn append(&self, entries: Vec<LogEntry>, done: Done) -> io::Result<()> {
        self.group.append(&self.owner.shared, entries, done)
    }

    /// Waits, without blocking the thread, until the disk has caught up far enough that
    /// [`GroupLog::append`] will not have to wait.
    pub(in crate::node) async fn room(&self) {
        let queue = &self.owner.shared.queue;
        while !queue.has_room() {
            // Room that came between the look and the wait is found at the next look.
            drop(tokio::time::timeout(LOOK_AGAIN, queue.freed()).await);
        }
    }

    /// Saves a vote; durable when `done` is called.
    pub(in crate::node) fn save_vote(&self, vote: SavedVote, done: Done) -> io::Result<()> {
        self.group.save_vote(&self.owner.shared, vote, done)
    }

    /// Marks the log as incomplete until it has reached `until`: durable before anything that is
    /// appended later.
    pub(in crate::node) fn require_repair(&self, until: u64) -> io::Result<()> {
        self.group.require_repair(&self.owner.shared, until)
    }

    /// Notes how far the group is committed; not synced on its own.
    pub(in crate::node) fn save_committed(&self, committed: Option<LogPosition>) -> io::Result<()> {
        self.group.save_committed(committed);
        self.owner.shared.queue.check()
    }

    /// Drops all entries after `last` (all, when `None`), and rewinds offsets and epochs.
    pub(in crate::node) fn truncate_after(&self, last: Option<LogPosition>) -> io::Result<()> {
        self.group.truncate_after(&self.owner.shared, last)
    }

    /// Drops the entries up to `upto`: marked now, whole sealed segments unlinked in the
    /// background. The log start moves to the first offset that is left.
    pub(in crate::node) fn purge(&self, upto: LogPosition) -> io::Result<()> {
        self.group.purge(&self.owner.shared, upto)
    }

    /// Empties the log and lets it continue after `at` with `next_offset`: a snapshot came.
    pub(in crate::node) fn reset(
        &self,
        at: LogPosition,
        next_offset: i64,
        done: Done,
    ) -> io::Result<()> {
        self.group.reset(&self.owner.shared, at, next_offset, done)
    }

    /// Entries of an index range, in order, at most `max_bytes` of payload but at least one.
    pub(in crate::node) fn read(
        &self,
        range: Range<u64>,
        max_bytes: usize,
    ) -> io::Result<Vec<LogEntry>> {
        self.group.read(&self.owner.shared, range, max_bytes)
    }

    /// The offset after the last record at or before this index: the high watermark when it is
    /// applied.
    pub(in crate::node) fn offset_after(&self, index: u64) -> i64 {
        self.group.offset_after(&self.owner.shared, index)
    }

    /// The first offset kept.
    pub(in crate::node) fn log_start(&self) -> i64 {
        self.group.log_start()
    }

    /// The next offset.
    pub(in crate::node) fn log_end(&self) -> i64 {
        self.group.log_end()
    }

    /// Whole batches from the one that holds `from`, all below `below`; at most `max_bytes`, but
    /// at least one batch. `from` must lie in `log_start..below`.
    pub(in crate::node) fn read_batches(
        &self,
        from: i64,
        below: i64,
        max_bytes: usize,
    ) -> io::Result<Bytes> {
        self.group
            .read_batches(&self.owner.shared, from, below, max_bytes)
    }

    /// Kafka's LeaderEpochFileCache: the latest epoch at or below `epoch` and where it ended.
    pub(in crate::node) fn epoch_end(&self, epoch: i32) -> (i32, i64) {
        self.group.epoch_end(epoch)
    }

    /// The epoch of the record at `offset`; -1 where there is none.
    pub(in crate::node) fn epoch_at(&self, offset: i64) -> i32 {
        self.group.epoch_at(offset)
    }

    /// The base offset of the first batch below `below` whose maximum timestamp is at least this.
    pub(in crate::node) fn batch_with_timestamp(
        &self,
        timestamp: i64,
        below: i64,
    ) -> io::Result<Option<i64>> {
        self.group
            .batch_with_timestamp(&self.owner.shared, timestamp, below)
    }

    /// The base offset of the batch with the largest maximum timestamp below `below`.
    pub(in crate::node) fn batch_with_max_timestamp(&self, below: i64) -> io::Result<Option<i64>> {
        self.group
            .batch_with_max_timestamp(&self.owner.shared, below)
    }

    /// Whether `index` is the last entry of a sealed segment: the place for a state.
    pub(in crate::node) fn is_seal(&self, index: u64) -> bool {
        self.group.is_seal(&self.owner.shared, index)
    }

    /// Stores the state machine's state as of `at`, synced, beside the segment sealed there.
    pub(in crate::node) fn save_state(&self, at: LogPosition, state: &[u8]) -> io::Result<()> {
        let Group {
            states, directory, ..
        } = &*self.group;
        states.save(&self.owner.shared.disk, directory, at, state)
    }

    /// The newest stored state: where a restart continues to apply.
    pub(in crate::node) fn newest_state(&self) -> io::Result<Option<(LogPosition, Bytes)>> {
        let Group {
            states, directory, ..
        } = &*self.group;
        states.newest(&self.owner.shared.disk, directory)
    }

    /// The stored state as of exactly this position.
    pub(in crate::node) fn state_at(&self, at: LogPosition) -> io::Result<Option<Bytes>> {
        let Group {
            states, directory, ..
        } = &*self.group;
        states.at(&self.owner.shared.disk, directory, at)
    }

    /// How far retention lets the front go: the last position of the newest sealed segment that
    /// is too old or too much, committed at or below `committed` and has a state; `None` when
    /// nothing has to go.
    pub(in crate::node) fn retention_point(
        &self,
        now_ms: i64,
        retention_ms: i64,
        retention_bytes: i64,
        committed: u64,
    ) -> Option<LogPosition> {
        let limits = Limits {
            ms: retention_ms,
            bytes: retention_bytes,
        };
        self.group
            .retention_point(&self.owner.shared, now_ms, limits, committed)
    }
}
