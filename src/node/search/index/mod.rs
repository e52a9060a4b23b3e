//! The index of one partition: splits over ranges of committed offsets.
//!
//! ```text
//!  log start                                              high watermark
//!  |── sealed ──|── sealed ──|─ young ─|─ young ─|─┤ pending |
//!     on disk, ~160,000 records  in memory, few      not indexed yet
//! ```
//! Everything here blocks: it runs on the indexing thread and on those of searches, never on the
//! node's own. Records come from the log below the high watermark only, so a truncation never
//! touches a split. What is missing between the log start and the high watermark, at the end or in
//! the middle, is built from the log.

mod build;
mod directory;
pub(super) mod entry;
mod merge;
pub(super) mod moment;
pub(super) mod schema;
mod shelf;
pub(super) mod split;
#[cfg(test)]
mod tests;
mod whole;

use std::io;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use self::build::{Builder, Depth, Plan};
pub(super) use self::shelf::subdirectories;
use self::shelf::{Level, Shelf};
use self::split::{Refused, Split};
use super::answer::{IndexStats, Mapping, note};
use crate::node::bugs;
use crate::node::storage::GroupLog;
use crate::spec::GroupId;

/// Records that are indexed in memory at once: a fraction of a second's work.
const BITE: u64 = 5_000;
/// Records that are missing from which a split is built on disk at once.
const CHUNK: u64 = 20_000;

/// Why the index could not be brought further; what was searched stays searched.
#[derive(Debug, thiserror::Error)]
pub(super) enum IndexError {
    /// The log cannot be read there (any more).
    #[error("the log: {0}")]
    Log(#[from] io::Error),
    /// tantivy says no.
    #[error("the index: {0}")]
    Index(#[from] tantivy::TantivyError),
    /// A split cannot be written.
    #[error("a split: {0}")]
    Split(#[from] Refused),
    /// tantivy ended with a panic, with words of its own in the node's log.
    #[error("the index failed on a record")]
    Panic,
}

/// The index of one partition.
pub(super) struct PartitionIndex {
    group: GroupId,
    log: GroupLog,
    shelf: Mutex<Shelf>,
    /// Held by whoever brings the index further: the records in question are indexed once.
    building: Arc<tokio::sync::Mutex<Stage>>,
    /// Set when a search met what no sound split holds.
    is_doubted: AtomicBool,
    /// Where its splits are.
    home: PathBuf,
}

/// The right to bring an index further.
pub(super) type Turn = tokio::sync::OwnedMutexGuard<Stage>;

/// What is known of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing yet.
    Unread,
    /// The splits on disk are in use.
    Read,
}

impl PartitionIndex {
    /// The index of a partition's log, with its splits in `home`; nothing is read yet.
    pub(super) fn new(group: GroupId, log: GroupLog, home: PathBuf) -> Self {
        Self {
            group,
            log,
            shelf: Mutex::default(),
            building: Arc::new(tokio::sync::Mutex::new(Stage::Unread)),
            is_doubted: AtomicBool::new(false),
            home,
        }
    }

    /// A search ended with a panic: before the next one, what is on disk is held against its
    /// checksums, and the rest is built again.
    pub(super) fn doubt(&self) {
        self.is_doubted.store(true, Ordering::Relaxed);
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        // A shelf is changed by single assignments only.
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The right to bring the index further, when nobody else has it.
    pub(super) async fn turn(&self) -> Turn {
        Arc::clone(&self.building).lock_owned().await
    }

    /// The same, on a thread that may block.
    pub(super) fn blocking_turn(&self) -> Turn {
        Arc::clone(&self.building).blocking_lock_owned()
    }

    /// Whose index it is.
    pub(super) fn group(&self) -> GroupId {
        self.group
    }

    /// The first offset kept in the log.
    pub(super) fn log_start(&self) -> i64 {
        self.log.log_start()
    }

    /// The splits right now.
    pub(super) fn splits(&self) -> Vec<Arc<Split>> {
        self.shelf().splits().to_vec()
    }

    /// The first committed offset that is not searched.
    pub(super) fn indexed_to(&self, below: i64) -> i64 {
        self.shelf().missing(self.log.log_start()..below).start
    }

    /// Committed records that are not searched, as far as they are behind the first of them.
    pub(super) fn missing(&self, below: i64) -> u64 {
        let missing = self.shelf().missing(self.log.log_start()..below);
        u64::try_from(missing.end - missing.start).unwrap_or(0)
    }

    /// Uses the splits on disk, on the first call; drops what is below the log start.
    pub(super) fn ready(&self, turn: &mut Turn, below: i64) {
        if self.is_doubted.swap(false, Ordering::Relaxed) {
            tracing::error!(group = %self.group, "a search met a damaged split: all are checked");
            *self.shelf() = Shelf::default();
            **turn = Stage::Unread;
        }
        if **turn == Stage::Unread {
            let found = shelf::read(&self.home, self.group, |content| {
                content.end <= below && self.log.epoch_at(content.end - 1) == content.epoch
            });
            self.shelf().put(found);
            **turn = Stage::Read;
        }
        let expired = self.shelf().expire(self.log.log_start());
        discard(&expired);
    }

    /// Indexes the next of what is missing: a chunk of it to disk where there is much, otherwise a
    /// bite of it in memory. `false` when nothing is missing.
    pub(super) fn advance(&self, turn: &mut Turn, below: i64) -> Result<bool, IndexError> {
        self.ready(turn, below);
        let missing = self.shelf().missing(self.log.log_start()..below);
        if missing.is_empty() {
            return Ok(false);
        }
        let much = missing.end - missing.start >= CHUNK as i64;
        let split = if much {
            self.guarded(|depth| self.chunk(&missing, depth))
        } else {
            self.guarded(|depth| self.bite(&missing, depth))
        }?;
        if split.content().range().is_empty() {
            return Ok(false);
        }
        let split = if bugs::loses_split() {
            split.emptied()
        } else {
            split
        };
        self.shelf().put(vec![Arc::new(split)]);
        Ok(true)
    }

    /// A record on which the indexer panics costs its split the words, not the node its index.
    fn guarded(
        &self,
        build: impl Fn(Depth) -> Result<Split, IndexError>,
    ) -> Result<Split, IndexError> {
        let attempt = |depth| catch_unwind(AssertUnwindSafe(|| build(depth)));
        if let Ok(split) = attempt(Depth::Full) {
            return split;
        }
        tracing::error!(group = %self.group, "records cannot be indexed: they are found by their offset only");
        attempt(Depth::Bare).unwrap_or(Err(IndexError::Panic))
    }

    fn plan(&self, missing: &Range<i64>, most: u64, depth: Depth) -> Plan {
        let wanted = u64::try_from(missing.end - missing.start).unwrap_or(0);
        Plan {
            partition: self.group.partition,
            from: missing.start,
            most: wanted.min(most),
            depth,
        }
    }

    fn bite(&self, missing: &Range<i64>, depth: Depth) -> Result<Split, IndexError> {
        let mut builder = Builder::in_memory(self.plan(missing, BITE, depth))?;
        builder.fill(&self.log, missing.end)?;
        let (index, content) = builder.finish()?;
        Ok(Split::young(index, content)?)
    }

    fn chunk(&self, missing: &Range<i64>, depth: Depth) -> Result<Split, IndexError> {
        let site = shelf::building_site(&self.home, "chunk")?;
        let mut builder = Builder::on_disk(&site, self.plan(missing, CHUNK, depth))?;
        builder.fill(&self.log, missing.end)?;
        let (_, content) = builder.finish()?;
        Ok(Split::seal((&site, &self.home), self.group, content)?)
    }

    /// Indexes what is missing before a search, for as long as it may take.
    pub(super) fn catch_up(&self, turn: &mut Turn, below: i64, until: Instant) {
        self.ready(turn, below);
        // More than that would take too long: the thread is at it.
        while self.missing(below) < CHUNK && Instant::now() < until {
            match self.advance(turn, below) {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    tracing::warn!(group = %self.group, %error, "not all is indexed before a search");
                    return;
                }
            }
        }
    }

    /// Joins small splits, or young ones to a sealed one. `false` when all is in order.
    pub(super) fn tidy(&self) -> Result<bool, IndexError> {
        let Some((run, level)) = self.shelf().next_run() else {
            return Ok(false);
        };
        let joined = match level {
            Level::Young => merge::in_memory(&run)?,
            Level::Sealed => merge::to_disk(&run, self.group, &self.home)?,
        };
        let replaced = self.shelf().replace(&run, Arc::new(joined));
        discard(&replaced);
        Ok(true)
    }

    /// Takes the young splits to disk, to make room in memory. `false` when there are none.
    pub(super) fn seal_young(&self) -> Result<bool, IndexError> {
        let Some(run) = self.shelf().young_run() else {
            return Ok(false);
        };
        let joined = merge::to_disk(&run, self.group, &self.home)?;
        let replaced = self.shelf().replace(&run, Arc::new(joined));
        discard(&replaced);
        Ok(true)
    }

    /// Drops what is in memory.
    pub(super) fn forget_young(&self) {
        drop(self.shelf().forget_young());
    }

    /// Bytes of the splits in memory.
    pub(super) fn young_bytes(&self) -> u64 {
        let splits = self.splits();
        let young = splits.iter().filter(|split| !split.is_sealed());
        young.map(|split| split.bytes()).sum()
    }

    /// How far it is.
    pub(super) fn stats(&self, below: i64) -> IndexStats {
        let splits = self.splits();
        let sealed = splits.iter().filter(|split| split.is_sealed());
        IndexStats {
            records: splits.iter().map(|split| split.content().records).sum(),
            indexed_to: self.indexed_to(below),
            lag: self.missing(below),
            splits: sealed.clone().count() as u64,
            bytes: sealed.map(|split| split.bytes()).sum(),
        }
    }

    /// The kinds of value that it has seen.
    pub(super) fn mapping(&self) -> Mapping {
        let mut mapping = Mapping::new();
        for split in self.splits() {
            for (path, kind) in &split.content().kinds {
                note(&mut mapping, path, *kind);
            }
        }
        mapping
    }
}

fn discard(splits: &[Arc<Split>]) {
    for split in splits {
        split.discard();
    }
}
