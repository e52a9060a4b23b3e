//! Bugs that a node can be told to have, one at a time, so that the judge can be judged.
//!
//! They exist in builds with the feature `planted-bugs` only, by `--set bug=NAME`; no release has
//! the setting, and without it every hook is a constant `false`. The hooks are in `node::bugs`.
//! A bug breaks a law and nothing else: the node neither ends nor hangs by it. `tests/it/table.rs`
//! runs each row and says by which law it is caught.
//!
//! | bug | what a node does | the law that breaks | scenario |
//! |---|---|---|---|
//! | `ack-at-append` | a leader acks when it has proposed, not when that is committed | acked is durable | `network-partition` |
//! | `ack-before-sync` | entries count as stored while they are in memory only | acked is durable | `metadata-persistence` |
//! | `ack-without-majority` | a leader that hears no majority acks and drops | acked is durable: none is acked without a quorum | `quorum-loss` |
//! | `ack-when-deposed` | who loses leadership, or the majority, acks what is under way, and drops but acks what arrives until it hears the new leader | acked is durable | `network-partition`, `pause-leader` |
//! | `ack-as-follower` | a follower acks what it is asked to take, and drops it | one leader per epoch, acked is durable | `network-partition` |
//! | `ack-while-leaving` | after SIGTERM a leader acks and drops | acked is durable | `graceful-shutdown` |
//! | `serve-before-own-commit` | a new leader serves before an entry of its own term is committed and applied | high watermark never regresses, no duplicate | `leader-failover` |
//! | `fetch-past-high-watermark` | readers get what is not committed | high watermark: nothing above it is read; one offset, one value | `network-partition` |
//! | `high-watermark-regresses` | each 50th answer to a fetch tells a high watermark of 10 less | high watermark never regresses | `node-failure-recovery` |
//! | `fetch-skips-a-batch` | each third answer of several batches lacks its second | order: a reader skips | `topic-replication` |
//! | `dedupe-lost-on-failover` | a new leader knows no producer | no duplicate | `leader-failover` |
//! | `offset-off-by-one-after-restart` | a restarted node acks one offset too high | one offset, one value | `metadata-persistence`, `rolling-restart` |
//! | `last-record-dropped` | the batch of each 100th record is stored without its last record | acked is durable | `topic-replication` |
//! | `value-corrupted` | one byte of each 100th record is stored wrong, under a true CRC | nothing from nowhere | `topic-replication` |
//! | `wrong-partition` | the batch of each 100th record goes to another partition that the node leads | nothing from nowhere | `leader-failover` |
//! | `replica-diverges` | a follower stores one byte of each 100th record differently | replicas converge | `topic-replication` |
//! | `group-offset-rewinds` | a coordinator that loads its groups takes each offset for 10 less | committed group offsets never regress | `metadata-persistence` |
//! | `topic-lost-on-restart` | a restarted node does not know the topics from before | metadata agrees, acked is durable | `metadata-persistence` |
//! | `epoch-stays` | the batches of every later leader carry the first epoch too | one leader per epoch | `leader-failover` |
//! | `metadata-disagrees` | the last node tells one replica too few of each partition | metadata agrees | `clean-startup` |
//! | `index-ahead-of-log` | records are indexed, and found, when they are appended | search follows the log | `search-after-failover` |
//! | `index-behind` | the last 10 records of each partition are not indexed | search follows the log | `search-after-failover` |
//! | `split-dropped` | each third part of an index that is built is lost | search follows the log | `search-after-failover` |

/// A planted bug; see the table above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// A leader acks when it has proposed.
    AckAtAppend,
    /// Entries count as stored while they are in memory only.
    AckBeforeSync,
    /// A leader that hears no majority acks and drops.
    AckWithoutMajority,
    /// Who loses leadership acks what is under way.
    AckWhenDeposed,
    /// A follower acks, and drops, what it is asked to take.
    AckAsFollower,
    /// After SIGTERM a leader acks and drops.
    AckWhileLeaving,
    /// A new leader serves before an entry of its own term is committed.
    ServeBeforeOwnCommit,
    /// Readers get what is not committed.
    FetchPastHighWatermark,
    /// The high watermark that is told goes back at times.
    HighWatermarkRegresses,
    /// Some answers lack a batch in their middle.
    FetchSkipsABatch,
    /// A new leader knows no producer.
    DedupeLostOnFailover,
    /// A restarted node acks one offset too high.
    OffsetOffByOneAfterRestart,
    /// Some batches are stored without their last record.
    LastRecordDropped,
    /// Some values are stored wrong, under a true CRC.
    ValueCorrupted,
    /// Some batches go to another partition than the one that is acked.
    WrongPartition,
    /// A follower stores some records differently.
    ReplicaDiverges,
    /// A coordinator that loads its groups takes each offset for less.
    GroupOffsetRewinds,
    /// A restarted node does not know the topics from before.
    TopicLostOnRestart,
    /// The batches of every later leader carry the first epoch.
    EpochStays,
    /// The last node tells of one replica too few.
    MetadataDisagrees,
    /// Records are indexed when they are appended, not when they are committed.
    IndexAheadOfLog,
    /// The last records of each partition are not indexed.
    IndexBehind,
    /// Some parts of an index are lost.
    SplitDropped,
}

impl Bug {
    /// Every bug with its name, in the order of the table.
    pub const ALL: [(Self, &'static str); 23] = [
        (Self::AckAtAppend, "ack-at-append"),
        (Self::AckBeforeSync, "ack-before-sync"),
        (Self::AckWithoutMajority, "ack-without-majority"),
        (Self::AckWhenDeposed, "ack-when-deposed"),
        (Self::AckAsFollower, "ack-as-follower"),
        (Self::AckWhileLeaving, "ack-while-leaving"),
        (Self::ServeBeforeOwnCommit, "serve-before-own-commit"),
        (Self::FetchPastHighWatermark, "fetch-past-high-watermark"),
        (Self::HighWatermarkRegresses, "high-watermark-regresses"),
        (Self::FetchSkipsABatch, "fetch-skips-a-batch"),
        (Self::DedupeLostOnFailover, "dedupe-lost-on-failover"),
        (
            Self::OffsetOffByOneAfterRestart,
            "offset-off-by-one-after-restart",
        ),
        (Self::LastRecordDropped, "last-record-dropped"),
        (Self::ValueCorrupted, "value-corrupted"),
        (Self::WrongPartition, "wrong-partition"),
        (Self::ReplicaDiverges, "replica-diverges"),
        (Self::GroupOffsetRewinds, "group-offset-rewinds"),
        (Self::TopicLostOnRestart, "topic-lost-on-restart"),
        (Self::EpochStays, "epoch-stays"),
        (Self::MetadataDisagrees, "metadata-disagrees"),
        (Self::IndexAheadOfLog, "index-ahead-of-log"),
        (Self::IndexBehind, "index-behind"),
        (Self::SplitDropped, "split-dropped"),
    ];

    /// The bug of a name.
    pub fn named(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, known)| *known == name);
        found.map(|(bug, _)| *bug)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bug_has_one_name_and_its_row_in_the_table() {
        let source = include_str!("bug.rs");
        for (bug, name) in Bug::ALL {
            assert_eq!(Bug::named(name), Some(bug));
            let row = format!("//! | `{name}` |");
            assert_eq!(source.matches(&row).count(), 1, "{name}");
        }
        assert_eq!(Bug::named("no-such-bug"), None);
    }
}
