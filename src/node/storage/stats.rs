//! Numbers for `/metrics`: how long a sync takes and how much was written.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the sync latency's buckets, in microseconds; one more bucket has the rest.
pub(in crate::node) const SYNC_BOUNDS_US: [u64; 11] = [
    100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 51_200, 204_800, 819_200,
];

/// What a storage has done since it was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::node) struct StorageStats {
    /// Syncs of the write-ahead log by latency, not cumulated.
    pub(in crate::node) syncs: [u64; SYNC_BOUNDS_US.len() + 1],
    /// Microseconds of all syncs.
    pub(in crate::node) sync_us: u64,
    /// Bytes written to the write-ahead log.
    pub(in crate::node) wal_bytes: u64,
    /// Records written to the write-ahead log.
    pub(in crate::node) records: u64,
    /// Batches of the write-ahead log.
    pub(in crate::node) batches: u64,
    /// Checkpoints.
    pub(in crate::node) checkpoints: u64,
    /// Unfinished batches dropped at the end of the write-ahead log when it was opened.
    pub(in crate::node) torn_tails: u64,
}

/// The counters behind [`StorageStats`].
#[derive(Default)]
pub(super) struct Counters {
    syncs: [AtomicU64; SYNC_BOUNDS_US.len() + 1],
    sync_us: AtomicU64,
    wal_bytes: AtomicU64,
    records: AtomicU64,
    batches: AtomicU64,
    checkpoints: AtomicU64,
    torn_tails: AtomicU64,
}

impl Counters {
    /// A batch was written.
    pub(super) fn batch(&self, records: u64, bytes: u64) {
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.records.fetch_add(records, Ordering::Relaxed);
        self.wal_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The write-ahead log was synced.
    pub(super) fn sync(&self, took: Duration) {
        let us = took.as_micros() as u64;
        let bucket = SYNC_BOUNDS_US.partition_point(|bound| *bound < us);
        self.syncs[bucket].fetch_add(1, Ordering::Relaxed);
        self.sync_us.fetch_add(us, Ordering::Relaxed);
    }

    /// A checkpoint was written.
    pub(super) fn checkpoint(&self) {
        self.checkpoints.fetch_add(1, Ordering::Relaxed);
    }

    /// An unfinished batch was dropped.
    pub(super) fn torn_tail(&self) {
        self.torn_tails.fetch_add(1, Ordering::Relaxed);
    }

    /// The numbers now.
    pub(super) fn read(&self) -> StorageStats {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        StorageStats {
            syncs: std::array::from_fn(|bucket| of(&self.syncs[bucket])),
            sync_us: of(&self.sync_us),
            wal_bytes: of(&self.wal_bytes),
            records: of(&self.records),
            batches: of(&self.batches),
            checkpoints: of(&self.checkpoints),
            torn_tails: of(&self.torn_tails),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sync_falls_into_its_bucket() {
        let counters = Counters::default();
        counters.sync(Duration::from_micros(150));
        counters.sync(Duration::from_secs(5));
        let stats = counters.read();
        assert_eq!(stats.syncs[1], 1);
        assert_eq!(stats.syncs[SYNC_BOUNDS_US.len()], 1);
        assert_eq!(stats.sync_us, 5_000_150);
    }
}
