//! What the disk did.

use prometheus::Registry;

use super::register;
use crate::node::storage::StorageStats;

/// The write-ahead log's counters; its sync latency is a histogram of its own.
pub(super) fn register(registry: &Registry, storage: &StorageStats) -> prometheus::Result<()> {
    for (name, help, value) in [
        (
            "chronik_wal_bytes_total",
            "Bytes written to the write-ahead log.",
            storage.wal_bytes,
        ),
        (
            "chronik_wal_records_total",
            "Records written to the write-ahead log.",
            storage.records,
        ),
        (
            "chronik_wal_batches_total",
            "Batches of the write-ahead log, one sync each.",
            storage.batches,
        ),
        (
            "chronik_checkpoints_total",
            "Checkpoints of the storage.",
            storage.checkpoints,
        ),
        (
            "chronik_torn_tails_total",
            "Unfinished batches dropped at open.",
            storage.torn_tails,
        ),
    ] {
        register::total(registry, name, help, value)?;
    }
    Ok(())
}
