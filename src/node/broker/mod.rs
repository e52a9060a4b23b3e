//! The Kafka face of a node: connections, requests, one handler file per API.
//!
//! ```text
//! listener ─▶ connection (frames, order, limits) ─▶ dispatch ─▶ handlers ─▶ cluster, groups
//! ```
//! Promises: answers in request order per connection; appends of one connection reach a
//! partition in the order in which they came; a client's bytes never cost more memory than
//! [`limits`] says; metadata is answered from local state. It holds no cluster state of its own
//! and never waits for a quorum, except where a request changes something.

mod connection;
mod dispatch;
mod handlers;
mod intake;
mod limits;
mod outbox;
mod server;
mod stats;

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::connection::Shared;
use self::dispatch::Dispatcher;
use self::handlers::Context;
use self::limits::{Budget, Limits};
use super::cluster::Cluster;
use super::groups::Groups;

pub(in crate::node) use stats::{ApiStats, BrokerStats, Counter, LATENCY_BOUNDS};

/// Serves Kafka's protocol on these listeners until `shutdown`; returns when what was under way
/// has been answered, or could not be in time.
pub(in crate::node) async fn serve(
    listeners: Vec<TcpListener>,
    cluster: Cluster,
    groups: Groups,
    (stats, shutdown): (Arc<BrokerStats>, CancellationToken),
) {
    let limits = Limits::new(&cluster.spec().settings);
    let context = Context {
        cluster,
        stats: Arc::clone(&stats),
        outgoing: Budget::new(limits.budget_bytes),
        shutdown: shutdown.clone(),
    };
    let shared = Shared {
        service: Dispatcher::new(context, groups),
        budget: Budget::new(limits.budget_bytes),
        limits,
        shutdown,
    };
    server::serve(listeners, Arc::new(shared), stats).await;
}
