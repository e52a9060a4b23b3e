//! The accept loop: several listeners, one task per connection, a limit on how many.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{debug, error, info, warn};

use super::connection::{self, Ended, Service, Shared};
use super::stats::BrokerStats;

/// After a failed accept (no more file descriptors, say) the next one waits for a connection to
/// end, at most this long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts and serves until `shared.shutdown`; returns when every connection has ended.
pub(super) async fn serve<S: Service>(
    listeners: Vec<TcpListener>,
    shared: Arc<Shared<S>>,
    stats: Arc<BrokerStats>,
) {
    let mut server = Server {
        shared,
        stats,
        connections: JoinSet::new(),
    };
    server.accept_all(&listeners).await;
    drop(listeners);
    server.drain().await;
}

struct Server<S> {
    shared: Arc<Shared<S>>,
    stats: Arc<BrokerStats>,
    connections: JoinSet<()>,
}

impl<S: Service> Server<S> {
    async fn accept_all(&mut self, listeners: &[TcpListener]) {
        let shutdown = self.shared.shutdown.clone();
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                Some(ended) = self.connections.join_next() => report_panic(ended),
                accepted = accept_any(listeners) => match accepted {
                    Ok((stream, client)) => self.admit(stream, client),
                    Err(error) => self.pause(&error).await,
                },
            }
        }
    }

    fn admit(&mut self, stream: TcpStream, client: SocketAddr) {
        if self.connections.len() >= self.shared.limits.connections {
            self.stats.refused.add(1);
            debug!(%client, "refused: too many connections (--set max.connections)");
            return;
        }
        self.stats.accepted.add(1);
        let (shared, stats) = (Arc::clone(&self.shared), Arc::clone(&self.stats));
        self.connections
            .spawn(serve_one(stream, client, shared, stats));
    }

    async fn pause(&mut self, error: &std::io::Error) {
        warn!(%error, "cannot accept a connection");
        if let Ok(Some(ended)) = timeout(ACCEPT_PAUSE, self.connections.join_next()).await {
            report_panic(ended);
        }
    }

    async fn drain(&mut self) {
        let all_ended = async {
            while let Some(ended) = self.connections.join_next().await {
                report_panic(ended);
            }
        };
        let grace = self.shared.limits.drain + ACCEPT_PAUSE;
        if timeout(grace, all_ended).await.is_err() {
            self.connections.shutdown().await;
        }
    }
}

async fn serve_one<S: Service>(
    mut stream: TcpStream,
    client: SocketAddr,
    shared: Arc<Shared<S>>,
    stats: Arc<BrokerStats>,
) {
    let _open = Open::new(&stats);
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%client, %error, "the connection was gone at once");
        return;
    }
    let ended = connection::run(&mut stream, client, &shared).await;
    match ended {
        Ended::TooLarge(_) | Ended::Rejected(_) | Ended::Late(_) => {
            stats.faulty.add(1);
            info!(%client, reason = %ended, "connection closed");
        }
        Ended::ByClient | Ended::ByShutdown | Ended::Socket(_) => {}
    }
}

/// Counts a connection for as long as it is open.
struct Open<'a>(&'a BrokerStats);

impl<'a> Open<'a> {
    fn new(stats: &'a BrokerStats) -> Self {
        stats.connections.add(1);
        Self(stats)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.connections.subtract(1);
    }
}

async fn accept_any(listeners: &[TcpListener]) -> std::io::Result<(TcpStream, SocketAddr)> {
    std::future::poll_fn(|cx| {
        for listener in listeners {
            if let Poll::Ready(accepted) = listener.poll_accept(cx) {
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    })
    .await
}

fn report_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        error!(%error, "a connection's task panicked");
    }
}
