//! The hooks of the planted bugs: what a node does wrong, where it was told to.
//!
//! [`crate::spec::Bug`] has the table. A hook stands where the real rule lives, and reads as a
//! question or as a change that is none. One process has one bug at most, told by its spec before
//! anything runs. Without the feature `planted-bugs`, [`planted`] is a constant `false`, so the
//! compiler drops every hook and all that is behind it.
//!
//! Triggers are counts, not chance; they count over the whole node.

mod foresight;
mod records;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::metadata::Command;
use super::partition::{Appended, Offsets};
use crate::spec::{Bug, NodeId, NodeSpec};

pub(in crate::node) use foresight::Foresight;
pub(in crate::node) use records::{fetched, produced, stored};
#[cfg(not(feature = "planted-bugs"))]
pub(in crate::node) use sound::{plant, planted};
#[cfg(feature = "planted-bugs")]
pub(in crate::node) use switch::{plant, planted};

#[cfg(not(feature = "planted-bugs"))]
mod sound {
    use super::{Bug, NodeSpec};

    /// Plants nothing.
    pub(in crate::node) const fn plant(_: &NodeSpec) {}

    /// No bug is.
    pub(in crate::node) const fn planted(_: Bug) -> bool {
        false
    }
}

#[cfg(feature = "planted-bugs")]
mod switch {
    use std::sync::OnceLock;

    use super::{Bug, NodeSpec};

    static PLANTED: OnceLock<Bug> = OnceLock::new();

    /// Plants the bug of the spec, for the whole life of the process.
    pub(in crate::node) fn plant(spec: &NodeSpec) {
        if let Some(bug) = spec.settings.bug() {
            tracing::warn!(?bug, "this node has a bug that was planted");
            PLANTED.get_or_init(|| bug);
        }
    }

    /// Whether this process has the bug.
    pub(in crate::node) fn planted(bug: Bug) -> bool {
        PLANTED.get() == Some(&bug)
    }
}

/// Counts what a trigger counts.
struct Count(AtomicU64);

impl Count {
    const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Counts one; true for each `nth`.
    fn is_nth(&self, nth: u64) -> bool {
        self.crosses(1, nth)
    }

    /// Counts `more`; true when that reaches or passes a multiple of `nth`.
    fn crosses(&self, more: u64, nth: u64) -> bool {
        let before = self.0.fetch_add(more, Ordering::Relaxed);
        before / nth != (before + more) / nth
    }
}

/// `ack-at-append`: whether a leader acks what it has just proposed.
pub(in crate::node) fn acks_at_append() -> bool {
    planted(Bug::AckAtAppend)
}

/// `ack-as-follower`: whether a replica that may not append acks all the same.
pub(in crate::node) fn acks_as_follower() -> bool {
    planted(Bug::AckAsFollower)
}

/// `ack-before-sync`: whether an append stays in memory until something else is written. Each
/// thousandth does not, so that memory stays bounded.
pub(in crate::node) fn leaves_in_memory() -> bool {
    static APPENDS: Count = Count::new();
    planted(Bug::AckBeforeSync) && !APPENDS.is_nth(1000)
}

static LEAVING: AtomicBool = AtomicBool::new(false);
/// Batches that were acked and dropped.
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// `ack-while-leaving`: SIGTERM has come; waits, for two seconds at most, until clients have been
/// told of some acks that are none, before leadership moves.
pub(in crate::node) async fn begin_to_leave() {
    const ENOUGH: u64 = 20;
    if planted(Bug::AckWhileLeaving) {
        LEAVING.store(true, Ordering::Relaxed);
        for _ in 0..100 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            if DROPPED.load(Ordering::Relaxed) >= ENOUGH {
                break;
            }
        }
    }
}

/// `ack-while-leaving` and `ack-without-majority`: whether what arrives at a leader is acked and
/// dropped.
pub(in crate::node) fn drops_what_it_acks(isr: usize, replicas: usize) -> bool {
    let is_leaving = planted(Bug::AckWhileLeaving) && LEAVING.load(Ordering::Relaxed);
    let is_alone = planted(Bug::AckWithoutMajority) && isr <= replicas / 2;
    let drops = is_leaving || is_alone;
    DROPPED.fetch_add(u64::from(drops), Ordering::Relaxed);
    drops
}

/// `ack-at-append` and `ack-without-majority`: whether what waits for a commit, perhaps for ever,
/// keeps nothing else from being taken.
pub(in crate::node) fn takes_without_bound() -> bool {
    acks_at_append() || planted(Bug::AckWithoutMajority)
}

/// `serve-before-own-commit`: in a node's first life what it did not propose itself is applied when
/// it is three seconds old, so that a new leader's state is old for longer than an election takes
/// on a busy machine. A restarted node catches up as it should.
pub(in crate::node) async fn before_apply(data: &[u8]) {
    const AGE: Duration = Duration::from_secs(3);
    if planted(Bug::ServeBeforeOwnCommit)
        && !is_restarted()
        && let Some(age) = records::age(data)
    {
        tokio::time::sleep(AGE.saturating_sub(age)).await;
    }
}

/// `dedupe-lost-on-failover`: what this node did propose is applied late, so that a kill leaves
/// committed batches unanswered, which are sent again. Called before a number of entries.
pub(in crate::node) async fn before_own_apply() {
    if planted(Bug::DedupeLostOnFailover) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// `fetch-past-high-watermark`: up to where readers may read.
pub(in crate::node) fn readable(offsets: &Offsets) -> i64 {
    if planted(Bug::FetchPastHighWatermark) {
        offsets.log_end
    } else {
        offsets.high_watermark
    }
}

/// `index-ahead-of-log` and `index-behind`: up to where records are searched.
pub(in crate::node) fn searchable(offsets: &Offsets) -> i64 {
    const MISSING: i64 = 10;
    if planted(Bug::IndexAheadOfLog) {
        offsets.log_end
    } else if planted(Bug::IndexBehind) {
        (offsets.high_watermark - MISSING).max(0)
    } else {
        offsets.high_watermark
    }
}

/// `index-ahead-of-log`: a leader that hears nobody answers searches too, so that clients see what it
/// took and nobody else has.
pub(in crate::node) fn searches_alone() -> bool {
    planted(Bug::IndexAheadOfLog)
}

/// `split-dropped`: whether a part of an index that was just built is lost.
pub(in crate::node) fn loses_split() -> bool {
    static SPLITS: Count = Count::new();
    planted(Bug::SplitDropped) && SPLITS.is_nth(3)
}

/// `high-watermark-regresses`: the high watermark as a fetch is told.
pub(in crate::node) fn told_high_watermark(high_watermark: i64) -> i64 {
    static TOLD: Count = Count::new();
    if planted(Bug::HighWatermarkRegresses) && TOLD.is_nth(50) {
        return (high_watermark - 10).max(0);
    }
    high_watermark
}

/// `group-offset-rewinds`: a committed offset as it is loaded.
pub(in crate::node) fn loaded_offset(offset: i64) -> i64 {
    if planted(Bug::GroupOffsetRewinds) {
        return (offset - 10).max(0);
    }
    offset
}

/// The metadata log's end when this process started, 0 in a node's first life; entries up to it
/// are history.
static HISTORY: AtomicU64 = AtomicU64::new(0);

/// Tells the last index of the metadata log that was found at the start.
pub(in crate::node) fn found_metadata(last: Option<u64>) {
    HISTORY.store(last.unwrap_or(0), Ordering::Relaxed);
}

fn is_restarted() -> bool {
    HISTORY.load(Ordering::Relaxed) > 0
}

/// `offset-off-by-one-after-restart`: what a producer is told of its batch.
pub(in crate::node) fn acked(appended: Appended) -> Appended {
    let off = planted(Bug::OffsetOffByOneAfterRestart) && is_restarted();
    Appended {
        base_offset: appended.base_offset + i64::from(off),
        ..appended
    }
}

/// `topic-lost-on-restart`: whether a metadata command at `index` is skipped.
pub(in crate::node) fn forgets(command: &Command, index: u64) -> bool {
    planted(Bug::TopicLostOnRestart)
        && matches!(command, Command::CreateTopic { topic, .. } if !topic.is_internal())
        && index <= HISTORY.load(Ordering::Relaxed)
}

/// `epoch-stays`: the epoch that the batches of an entry are stamped with.
pub(in crate::node) fn stamped_epoch(epoch: i32) -> i32 {
    if planted(Bug::EpochStays) { 1 } else { epoch }
}

/// `metadata-disagrees`: the replicas of a partition as clients are told.
pub(in crate::node) fn told_replicas<'a>(spec: &NodeSpec, replicas: &'a [NodeId]) -> &'a [NodeId] {
    match replicas {
        [rest @ .., _] if planted(Bug::MetadataDisagrees) && is_last(spec) => rest,
        all => all,
    }
}

fn is_last(spec: &NodeSpec) -> bool {
    spec.peers.iter().all(|peer| peer.id < spec.node)
}
