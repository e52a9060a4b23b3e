//! One file per API: each turns a decoded request into its response.
//!
//! What can be computed from plain values (the metadata image, who leads, the request) is a pure
//! function there and is tested so; the thin rest asks the cluster and waits. Responses are built
//! for the version of the request, since the encoder refuses a field that a version lacks.

pub(super) mod api_versions;
mod checks;
pub(super) mod create_topics;
pub(super) mod delete_topics;
pub(super) mod describe_cluster;
pub(super) mod describe_configs;
pub(super) mod fetch;
pub(super) mod init_producer_id;
pub(super) mod list_offsets;
pub(super) mod metadata;
pub(super) mod offset_for_leader_epoch;
pub(super) mod produce;
mod view;

#[cfg(test)]
mod fixture;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::limits::Budget;
use super::stats::BrokerStats;
use crate::node::cluster::Cluster;

/// What handlers work with.
#[derive(Clone)]
pub(super) struct Context {
    /// The cluster as this node sees it.
    pub(super) cluster: Cluster,
    /// What is counted.
    pub(super) stats: Arc<BrokerStats>,
    /// Bytes of records on their way to consumers, over all connections.
    pub(super) outgoing: Budget,
    /// Ends long polls.
    pub(super) shutdown: CancellationToken,
}

/// A timeout from the wire in bounds: a client's mistake must not keep a request for ever.
fn bounded_timeout(timeout_ms: i32) -> Duration {
    const LONGEST: Duration = Duration::from_mins(5);
    let millis = u64::try_from(timeout_ms).unwrap_or(0);
    Duration::from_millis(millis).min(LONGEST)
}

/// Text for the wire.
fn text(words: impl Into<String>) -> kafka_protocol::protocol::StrBytes {
    kafka_protocol::protocol::StrBytes::from_string(words.into())
}
