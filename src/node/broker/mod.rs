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
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use self::connection::Shared;
use self::dispatch::Dispatcher;
use self::handlers::Context;
use self::limits::{Budget, Limits};
use super::cluster::Cluster;
use super::groups::Groups;
use crate::ports;

pub(in crate::node) use stats::{ApiStats, BrokerStats, Counter};

/// The broker of this node.
#[derive(Clone)]
pub(in crate::node) struct Broker {
    cluster: Cluster,
    groups: Groups,
    stats: Arc<BrokerStats>,
}

impl Broker {
    /// The broker over this cluster; nothing runs yet.
    pub(in crate::node) fn new(cluster: Cluster) -> Self {
        Self {
            groups: Groups::new(cluster.clone()),
            cluster,
            stats: Arc::default(),
        }
    }

    /// What it counts.
    pub(in crate::node) fn stats(&self) -> &Arc<BrokerStats> {
        &self.stats
    }

    /// Opens the Kafka port when `open` says so, tells `opened`, and serves until `stopped` does. Ends with the
    /// reason: the port cannot be bound, or what was under way has been answered.
    pub(in crate::node) async fn run(
        self,
        mut open: watch::Receiver<bool>,
        opened: watch::Sender<bool>,
        mut stopped: watch::Receiver<bool>,
    ) -> String {
        let shutdown = CancellationToken::new();
        let serving = async {
            let port = self.cluster.spec().ports.kafka;
            let asked = open.wait_for(|open| *open);
            match shutdown.run_until_cancelled(asked).await {
                Some(Ok(_)) => match ports::bind_loopback(port) {
                    Ok(listeners) => {
                        opened.send_replace(true);
                        self.serve(listeners, shutdown.clone()).await
                    }
                    Err(error) => error.to_string(),
                },
                Some(Err(_)) | None => "stopped before it served".to_owned(),
            }
        };
        let stopping = async {
            // A sender that is gone stops it, too.
            drop(stopped.wait_for(|stopped| *stopped).await);
            shutdown.cancel();
            self.groups.close().await;
        };
        let beside = async {
            tokio::join!(self.groups.run(), stopping);
            std::future::pending::<String>().await
        };
        tokio::select! {
            reason = serving => reason,
            never = beside => never,
        }
    }

    /// Serves on these listeners until `shutdown`.
    async fn serve(&self, listeners: Vec<TcpListener>, shutdown: CancellationToken) -> String {
        let limits = Limits::new(&self.cluster.spec().settings);
        let context = Context {
            cluster: self.cluster.clone(),
            stats: Arc::clone(&self.stats),
            outgoing: Budget::new(limits.budget_bytes),
            shutdown: shutdown.clone(),
        };
        let shared = Shared {
            service: Dispatcher::new(context, self.groups.clone()),
            budget: Budget::new(limits.budget_bytes),
            limits,
            shutdown,
        };
        server::serve(listeners, Arc::new(shared), Arc::clone(&self.stats)).await;
        "stopped".to_owned()
    }
}
