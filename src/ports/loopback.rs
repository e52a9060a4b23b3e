//! Sockets on loopback: probing a port, reserving it, and the listener of the node that owns it.
//!
//! Nothing but 127.0.0.1 and `[::1]` is ever bound.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

use crate::spec::Service;

/// What waits in the kernel until a node accepts it.
const BACKLOG: i32 = 1024;

/// A loopback address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// 127.0.0.1.
    V4,
    /// `[::1]`.
    V6,
}

impl Family {
    /// The loopback address of this family with a port.
    pub fn address(self, port: u16) -> SocketAddr {
        let ip = match self {
            Self::V4 => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Self::V6 => IpAddr::V6(Ipv6Addr::LOCALHOST),
        };
        SocketAddr::new(ip, port)
    }

    fn domain(self) -> Domain {
        match self {
            Self::V4 => Domain::IPV4,
            Self::V6 => Domain::IPV6,
        }
    }
}

/// A listener that could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct BindError {
    /// What was to be bound.
    pub address: SocketAddr,
    /// Why it was not.
    pub source: io::Error,
}

/// The loopback families of this host: 127.0.0.1 always, `[::1]` where it can be bound.
pub fn families() -> &'static [Family] {
    let v6 = socket(Family::V6).and_then(|socket| socket.bind(&Family::V6.address(0).into()));
    match v6 {
        Ok(()) => &[Family::V4, Family::V6],
        Err(_) => &[Family::V4],
    }
}

/// The families that a service binds: the peer link is IPv4 only, the others have both.
pub(super) fn families_of(service: Service, available: &[Family]) -> &[Family] {
    match service {
        Service::Raft => &[Family::V4],
        Service::Kafka | Service::Metrics | Service::Search => available,
    }
}

/// The listener of a node on a port that its launcher has reserved (or that nobody holds).
///
/// Must be called within a tokio runtime. A reserved port can be bound by processes of the
/// launcher's user only.
pub fn bind_listener(port: u16, family: Family) -> Result<TcpListener, BindError> {
    let address = family.address(port);
    listen_as_owner(family, address)
        .and_then(|socket| TcpListener::from_std(socket.into()))
        .map_err(|source| BindError { address, source })
}

/// The listeners of a node on 127.0.0.1 and, where the host has it, `[::1]`, same port.
///
/// With port 0 each family gets a port of its own. Must be called within a tokio runtime.
pub fn bind_loopback(port: u16) -> Result<Vec<TcpListener>, BindError> {
    families()
        .iter()
        .map(|family| bind_listener(port, *family))
        .collect()
}

fn listen_as_owner(family: Family, address: SocketAddr) -> io::Result<Socket> {
    let socket = socket(family)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Whether a stranger could listen here now: binds, listens and closes again.
///
/// SO_REUSEADDR makes connections in TIME_WAIT no obstacle; a listener, or a reservation
/// of another launcher, is one.
pub(super) fn probe(port: u16, family: Family) -> io::Result<()> {
    let socket = socket(family)?;
    socket.set_reuse_address(true)?;
    socket.bind(&family.address(port).into())?;
    socket.listen(1)
}

/// Keeps a port: bound, not listening, so that dials are refused and only SO_REUSEPORT sockets
/// of this user can be bound beside it.
pub(super) fn reserve(port: u16, family: Family) -> io::Result<Socket> {
    let socket = socket(family)?;
    socket.set_reuse_port(true)?;
    match socket.bind(&family.address(port).into()) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => reserve_over(port, family),
        bound => bound.map(|()| socket),
    }
}

/// Reserves over a stopped server's connections in TIME_WAIT, for which SO_REUSEPORT alone
/// would have to wait a minute. SO_REUSEADDR is withdrawn at once: while it is set, strangers who
/// set it too could bind beside us.
fn reserve_over(port: u16, family: Family) -> io::Result<Socket> {
    let socket = socket(family)?;
    socket.set_reuse_port(true)?;
    socket.set_reuse_address(true)?;
    socket.bind(&family.address(port).into())?;
    socket.set_reuse_address(false)?;
    Ok(socket)
}

fn socket(family: Family) -> io::Result<Socket> {
    let socket = Socket::new(family.domain(), Type::STREAM, Some(Protocol::TCP))?;
    if family == Family::V6 {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}
