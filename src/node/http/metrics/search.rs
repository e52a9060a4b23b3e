//! How far search is behind what is committed.

use std::sync::Arc;

use prometheus::Registry;

use super::register;

/// Asks search for its partitions on this node when somebody scrapes.
pub(in crate::node) type SearchLags = Arc<dyn Fn() -> Vec<SearchLag> + Send + Sync>;

/// One searchable partition on this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::node) struct SearchLag {
    /// The topic's name.
    pub(in crate::node) topic: String,
    /// The partition's index.
    pub(in crate::node) partition: u32,
    /// Committed records that a search does not find yet.
    pub(in crate::node) records: u64,
}

/// One gauge for each partition.
pub(super) fn register(registry: &Registry, lags: &[SearchLag]) -> prometheus::Result<()> {
    let help = "Committed records that a search here does not find yet.";
    let labels = ["topic", "partition"];
    let gauges = register::gauges(registry, "chronik_search_lag_records", help, &labels)?;
    for lag in lags {
        let index = lag.partition.to_string();
        let gauge = gauges.with_label_values(&[&lag.topic, &index]);
        gauge.set(i64::try_from(lag.records).unwrap_or(i64::MAX));
    }
    Ok(())
}
