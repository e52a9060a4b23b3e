//! One connection through a relay: the dial, two lanes, and an end that both sides feel at once.
//!
//! 1. Both directions must be open, or held bytes would find a stranger at heal: a dial through a
//!    cut waits, as it would on a real network, and is not seen by the dialled node.
//! 2. The dialled node is dialled; when it refuses, the accepted connection is reset.
//! 3. Bytes move until either side ends; then the other is reset. Nothing stays half open:
//!    a dead node must not look alive.
//!
//! Both sockets linger for zero seconds, so whichever way this task ends, they end in a reset.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::Interest;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::edge::EdgeState;
use super::fault::{Direction, LinkFault};
use super::lane::{Ends, Lane};
use super::traffic::Counters;

/// A dial on loopback is answered at once, unless the dialled node's backlog is full.
const DIAL_DEADLINE: Duration = Duration::from_secs(5);

/// The edge that a connection belongs to, as it sees it.
#[derive(Debug, Clone)]
pub(super) struct Route {
    pub(super) upstream: SocketAddr,
    pub(super) state: watch::Receiver<EdgeState>,
    /// The edge's resets when the connection began.
    pub(super) born: u64,
}

/// Carries one accepted connection to its end.
pub(super) async fn carry(client: TcpStream, mut route: Route, counters: &Counters) {
    route.born = route.state.borrow_and_update().resets;
    let interrupted = route.clone();
    tokio::select! {
        biased;
        () = reset_is_due(interrupted) => {}
        _ended = live(client, route, counters) => {}
    }
}

/// Waits until a fault ends all connections that are as old as this one.
async fn reset_is_due(mut route: Route) {
    let due = |state: &EdgeState| state.ends(route.born);
    // The sender is gone: so is the relay.
    let _relay_ended = route.state.wait_for(due).await;
}

async fn live(client: TcpStream, mut route: Route, counters: &Counters) -> io::Result<()> {
    let client = cross(client, &mut route.state).await?;
    let server = timeout(DIAL_DEADLINE, dial(route.upstream)?).await??;
    exchange(&client, &server, route, counters).await;
    Ok(())
}

/// Makes every end of an accepted connection a reset.
pub(super) fn prepare(client: &TcpStream) -> io::Result<()> {
    client.set_zero_linger()?;
    client.set_nodelay(true)
}

fn dial(upstream: SocketAddr) -> io::Result<impl Future<Output = io::Result<TcpStream>>> {
    let socket = TcpSocket::new_v4()?;
    // Before it connects: the other side may have accepted when this side still waits.
    socket.set_zero_linger()?;
    socket.set_nodelay(true)?;
    Ok(socket.connect(upstream))
}

/// Waits until the way is open both ways; an error when the dialling node gave up meanwhile.
async fn cross(client: TcpStream, state: &mut watch::Receiver<EdgeState>) -> io::Result<TcpStream> {
    let now = *state.borrow_and_update();
    if now.forward == LinkFault::Pass && now.backward == LinkFault::Pass {
        return Ok(client);
    }
    tokio::select! {
        gone = closed(&client) => return Err(gone),
        () = async {
            way_through(state, Direction::Forward).await;
            way_through(state, Direction::Backward).await;
        } => {}
    }
    // `closed` has used up the socket's readiness: registered anew, it is told again.
    TcpStream::from_std(client.into_std()?)
}

async fn way_through(state: &mut watch::Receiver<EdgeState>, direction: Direction) {
    loop {
        let fault = state.borrow_and_update().of(direction);
        let late = async {
            match fault {
                LinkFault::Pass | LinkFault::Rate(_) => {}
                LinkFault::Delay(delay) => sleep(delay).await,
                LinkFault::Jam | LinkFault::Drop | LinkFault::Reset => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = late => return,
            changed = state.changed() => if changed.is_err() { return },
        }
    }
}

/// Waits for the other side to close, without reading.
async fn closed(socket: &TcpStream) -> io::Error {
    loop {
        match socket.ready(Interest::READABLE).await {
            Ok(ready) if ready.is_read_closed() => return ErrorKind::ConnectionReset.into(),
            Err(error) => return error,
            Ok(_) => {}
        }
        // There are bytes, and they stay: forget that, until the socket has other news.
        let _forgotten = socket.try_io(Interest::READABLE, || -> io::Result<()> {
            Err(ErrorKind::WouldBlock.into())
        });
    }
}

async fn exchange(client: &TcpStream, server: &TcpStream, mut route: Route, counters: &Counters) {
    let there = Ends {
        source: client,
        sink: server,
        count: counters.bytes(Direction::Forward),
    };
    let back = Ends {
        source: server,
        sink: client,
        count: counters.bytes(Direction::Backward),
    };
    let (mut forward, mut backward) = (Lane::default(), Lane::default());
    loop {
        let now = *route.state.borrow_and_update();
        // This may hear of a heal before [`reset_is_due`] does, and what a fault has dropped must
        // not pass in between.
        if now.ends(route.born) {
            return;
        }
        tokio::select! {
            biased;
            changed = route.state.changed() => if changed.is_err() { return },
            _ended = forward.run(there, now.forward) => return,
            _ended = backward.run(back, now.backward) => return,
        }
    }
}
