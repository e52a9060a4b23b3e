//! The relay of one edge: a listener that the dialling node is told, and what comes in there.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::debug;

use super::connection::{Route, carry, prepare};
use super::fault::{Direction, LinkFault};
use super::traffic::{Counters, Traffic};
use crate::spec::NodeId;

/// Connections of one edge; a node has two, and more only while it redials through a cut.
const MAX_CONNECTIONS: usize = 128;
/// After an accept that failed (too many open files, say) the next one waits this long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What is wrong with an edge now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EdgeState {
    pub(super) forward: LinkFault,
    pub(super) backward: LinkFault,
    /// Counts the moments at which all connections were reset.
    pub(super) resets: u64,
}

impl EdgeState {
    const WHOLE: Self = Self {
        forward: LinkFault::Pass,
        backward: LinkFault::Pass,
        resets: 0,
    };

    pub(super) fn of(&self, direction: Direction) -> LinkFault {
        match direction {
            Direction::Forward => self.forward,
            Direction::Backward => self.backward,
        }
    }

    pub(super) fn has(&self, fault: LinkFault) -> bool {
        self.forward == fault || self.backward == fault
    }

    /// Whether a connection that began after `born` resets is to end.
    pub(super) fn ends(&self, born: u64) -> bool {
        self.resets != born || self.has(LinkFault::Reset)
    }

    /// The state under other faults; bytes that were dropped are missing for good, so the end
    /// of a drop resets what lived through it.
    fn under(self, forward: LinkFault, backward: LinkFault) -> Self {
        let healed = |before, after| before == LinkFault::Drop && after != LinkFault::Drop;
        let mut next = Self {
            forward,
            backward,
            resets: self.resets,
        };
        let began = next.has(LinkFault::Reset) && !self.has(LinkFault::Reset);
        if began || healed(self.forward, forward) || healed(self.backward, backward) {
            next.resets += 1;
        }
        next
    }
}

/// The relay of the edge from the node that dials to the node that is dialled.
#[derive(Debug)]
pub(super) struct Relay {
    address: SocketAddr,
    counters: Arc<Counters>,
    _tasks: JoinSet<()>,
}

/// Breaks and heals a relay from afar.
#[derive(Debug)]
pub(super) struct Switch(watch::Sender<EdgeState>);

impl Relay {
    /// Listens on a port of the kernel's choice. Must be called within a tokio runtime.
    pub(super) fn start(
        from: NodeId,
        to: NodeId,
        upstream: SocketAddr,
    ) -> io::Result<(Self, Switch)> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let address = listener.local_addr()?;
        debug!(%from, %to, %address, %upstream, "relay listens");
        let (switch, state) = watch::channel(EdgeState::WHOLE);
        let counters = Arc::new(Counters::default());
        let mut tasks = JoinSet::new();
        let route = Route {
            upstream,
            state,
            born: 0,
        };
        tasks.spawn(serve(listener, route, Arc::clone(&counters)));
        let relay = Self {
            address,
            counters,
            _tasks: tasks,
        };
        Ok((relay, Switch(switch)))
    }

    /// What the dialling node must dial.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What has passed.
    pub(super) fn traffic(&self) -> Traffic {
        self.counters.read()
    }
}

impl Switch {
    /// Puts both directions under these faults, for existing and new connections, at once.
    pub(super) fn set(&self, forward: LinkFault, backward: LinkFault) {
        self.0.send_if_modified(|state| {
            let next = state.under(forward, backward);
            std::mem::replace(state, next) != next
        });
    }
}

async fn serve(listener: TcpListener, route: Route, counters: Arc<Counters>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = accept(&listener) => {
                if connections.len() < MAX_CONNECTIONS {
                    connections.spawn(connect(accepted, route.clone(), Arc::clone(&counters)));
                }
            }
            Some(_ended) = connections.join_next() => {}
        }
    }
}

/// The next connection, made such that every end of it is a reset.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            // The options are refused to a connection that has ended already.
            Ok((client, _)) if prepare(&client).is_ok() => return client,
            Ok(_) => {}
            Err(error) => {
                debug!(%error, "relay cannot accept");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connect(client: TcpStream, route: Route, counters: Arc<Counters>) {
    counters.connection_accepted();
    carry(client, route, &counters).await;
    counters.connection_ended();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_a_drop_and_a_reset_reset() {
        use LinkFault::{Drop, Jam, Pass, Reset};
        let whole = EdgeState::WHOLE;
        let dropped = whole.under(Drop, Pass);
        assert_eq!(dropped.resets, 0);
        assert_eq!(dropped.under(Drop, Drop).resets, 0);
        assert_eq!(dropped.under(Jam, Pass).resets, 1);
        assert_eq!(dropped.under(Pass, Drop).resets, 1);
        assert_eq!(whole.under(Jam, Jam).under(Pass, Pass).resets, 0);
        let reset = whole.under(Reset, Reset);
        assert_eq!(reset.resets, 1);
        assert_eq!(reset.under(Pass, Pass).resets, 1);
    }
}
