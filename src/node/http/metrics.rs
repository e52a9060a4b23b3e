//! `GET /metrics`: the node's numbers in Prometheus' classic text format, or as OpenMetrics.
//!
//! The numbers are read where they live when somebody scrapes; nothing is counted twice, and a
//! number that is not known here is left out, never 0.

mod broker;
mod format;
mod histogram;
mod node;
mod openmetrics;
mod partitions;
mod process;
mod register;
mod search;
mod storage;
#[cfg(test)]
mod tests;

use prometheus::proto::MetricFamily;
use prometheus::{Registry, TextEncoder};

use super::Inner;
use super::status;

pub(super) use format::Format;
pub(in crate::node) use search::{SearchLag, SearchLags};

/// All metrics in one of the formats.
pub(super) fn text(face: &Inner, format: Format) -> prometheus::Result<String> {
    let families = families(face)?;
    match format {
        Format::Classic => TextEncoder::new().encode_to_string(&families),
        Format::OpenMetrics => Ok(openmetrics::encode(&families)),
    }
}

/// All families by name; one without a sample is not among them.
fn families(face: &Inner) -> prometheus::Result<Vec<MetricFamily>> {
    let registry = Registry::new();
    let status = status::of(face);
    let storage = face.cluster.storage().stats();
    node::register(&registry, face, &status)?;
    partitions::register(&registry, &face.cluster, &status.partitions)?;
    broker::register(&registry, &face.broker)?;
    storage::register(&registry, &storage)?;
    process::register(&registry)?;
    if let Some(lags) = &face.search {
        search::register(&registry, &lags())?;
    }
    let mut families = registry.gather();
    families.push(histogram::syncs(&storage));
    families.push(histogram::requests(&face.broker));
    families.sort_by(|a, b| a.name().cmp(b.name()));
    Ok(families)
}
