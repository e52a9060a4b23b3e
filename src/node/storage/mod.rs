//! Everything durable of one node: the write-ahead log, the groups' segments, and the disk seam.
//!
//! One write-ahead log per node with one writer thread and one fdatasync per batch over all
//! groups; in the same step the bytes go to per-group segment files in the page cache, which are
//! synced lazily before the write-ahead log is recycled. Knows no Raft rules and no cluster: it
//! stores what it is told in the order it is told, and says so only after the sync.

use std::io;
use std::ops::Range;
use std::path::Path;

use bytes::Bytes;
use tokio::sync::watch;

use crate::spec::{GroupId, SyncMode};

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

/// The storage of one node.
#[derive(Clone)]
pub(in crate::node) struct Storage {}

impl Storage {
    /// Opens (or makes) the storage in `dir`, replays the write-ahead log and verifies every log.
    pub(in crate::node) fn open(
        _dir: &Path,
        _options: StorageOptions,
    ) -> Result<(Self, Vec<Damage>), StorageError> {
        todo!("storage")
    }

    /// The groups that have a log here.
    pub(in crate::node) fn groups(&self) -> Vec<GroupId> {
        todo!("storage")
    }

    /// A group's log, made when there is none.
    pub(in crate::node) fn group(
        &self,
        _group: GroupId,
        _kind: LogKind,
    ) -> Result<GroupLog, StorageError> {
        todo!("storage")
    }

    /// Forgets a group and removes its files.
    pub(in crate::node) fn remove_group(&self, _group: GroupId) -> Result<(), StorageError> {
        todo!("storage")
    }

    /// Ends when the disk has failed, with the system's word: the node must stop, loudly.
    pub(in crate::node) async fn failed(&self) -> String {
        todo!("storage")
    }

    /// Syncs everything, marks the end of the write-ahead log as clean, and ends the writer.
    pub(in crate::node) fn close(&self) -> Result<(), StorageError> {
        todo!("storage")
    }
}

/// One group's log; clones share it. Appends are visible to reads at once, durable when `done`
/// is called; calls of one group take effect in call order.
#[derive(Clone)]
pub(in crate::node) struct GroupLog {}

impl GroupLog {
    /// What it holds.
    pub(in crate::node) fn state(&self) -> GroupState {
        todo!("storage")
    }

    /// Appends entries that continue the log without a gap. In a records log every batch gets
    /// its base offset (the running sum) and the entry's own term as its leader epoch; a batch
    /// that comes with both already set to other values *from a leader* is a divergence.
    pub(in crate::node) fn append(&self, _entries: Vec<LogEntry>, _done: Done) -> io::Result<()> {
        todo!("storage")
    }

    /// Saves a vote; durable when `done` is called.
    pub(in crate::node) fn save_vote(&self, _vote: SavedVote, _done: Done) -> io::Result<()> {
        todo!("storage")
    }

    /// Marks the log as incomplete until it has reached `until`; durable before anything later.
    pub(in crate::node) fn require_repair(&self, _until: u64) -> io::Result<()> {
        todo!("storage")
    }

    /// Notes how far the group is committed; not synced on its own.
    pub(in crate::node) fn save_committed(
        &self,
        _committed: Option<LogPosition>,
    ) -> io::Result<()> {
        todo!("storage")
    }

    /// Drops all entries after `last` (all, when `None`), and rewinds offsets and epochs.
    pub(in crate::node) fn truncate_after(&self, _last: Option<LogPosition>) -> io::Result<()> {
        todo!("storage")
    }

    /// Drops the entries up to `upto`: marked now, whole sealed segments unlinked in the
    /// background. The log start moves to the first offset that is left.
    pub(in crate::node) fn purge(&self, _upto: LogPosition) -> io::Result<()> {
        todo!("storage")
    }

    /// Empties the log and lets it continue after `at` with `next_offset`: a snapshot came.
    pub(in crate::node) fn reset(
        &self,
        _at: LogPosition,
        _next_offset: i64,
        _done: Done,
    ) -> io::Result<()> {
        todo!("storage")
    }

    /// Entries of an index range, in order, at most `max_bytes` of payload but at least one.
    pub(in crate::node) fn read(
        &self,
        _range: Range<u64>,
        _max_bytes: usize,
    ) -> io::Result<Vec<LogEntry>> {
        todo!("storage")
    }

    /// The offset after the last record at or before this index: the high watermark when it is
    /// applied.
    pub(in crate::node) fn offset_after(&self, _index: u64) -> i64 {
        todo!("storage")
    }

    /// The first offset kept.
    pub(in crate::node) fn log_start(&self) -> i64 {
        todo!("storage")
    }

    /// The next offset.
    pub(in crate::node) fn log_end(&self) -> i64 {
        todo!("storage")
    }

    /// Whole batches from the one that holds `from`, all below `below`; at most `max_bytes`, but
    /// at least one batch. `from` must lie in `log_start..below`.
    pub(in crate::node) fn read_batches(
        &self,
        _from: i64,
        _below: i64,
        _max_bytes: usize,
    ) -> io::Result<Bytes> {
        todo!("storage")
    }

    /// Kafka's LeaderEpochFileCache: the latest epoch at or below `epoch` and where it ended.
    pub(in crate::node) fn epoch_end(&self, _epoch: i32) -> (i32, i64) {
        todo!("storage")
    }

    /// The epoch of the record at `offset`; -1 where there is none.
    pub(in crate::node) fn epoch_at(&self, _offset: i64) -> i32 {
        todo!("storage")
    }

    /// The base offset of the first batch below `below` whose maximum timestamp is at least this.
    pub(in crate::node) fn batch_with_timestamp(
        &self,
        _timestamp: i64,
        _below: i64,
    ) -> io::Result<Option<i64>> {
        todo!("storage")
    }

    /// The base offset of the batch with the largest maximum timestamp below `below`.
    pub(in crate::node) fn batch_with_max_timestamp(&self, _below: i64) -> io::Result<Option<i64>> {
        todo!("storage")
    }

    /// Whether `index` is the last entry of a sealed segment: the place for a state.
    pub(in crate::node) fn is_seal(&self, _index: u64) -> bool {
        todo!("storage")
    }

    /// Stores the state machine's state as of `at`, synced, beside the segment sealed there.
    pub(in crate::node) fn save_state(&self, _at: LogPosition, _state: &[u8]) -> io::Result<()> {
        todo!("storage")
    }

    /// The newest stored state: where a restart continues to apply.
    pub(in crate::node) fn newest_state(&self) -> io::Result<Option<(LogPosition, Bytes)>> {
        todo!("storage")
    }

    /// The stored state as of exactly this position.
    pub(in crate::node) fn state_at(&self, _at: LogPosition) -> io::Result<Option<Bytes>> {
        todo!("storage")
    }

    /// How far retention lets the front go: the last position of the newest sealed segment that
    /// is too old or too much, committed at or below `committed` and has a state; `None` when
    /// nothing has to go.
    pub(in crate::node) fn retention_point(
        &self,
        _now_ms: i64,
        _retention_ms: i64,
        _retention_bytes: i64,
        _committed: u64,
    ) -> Option<LogPosition> {
        todo!("storage")
    }

    /// Changes when a segment is sealed (its last position).
    pub(in crate::node) fn watch_seals(&self) -> watch::Receiver<Option<LogPosition>> {
        todo!("storage")
    }
}
