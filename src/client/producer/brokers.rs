//! The brokers of a cluster as one producer knows them: where they are, whom to ask next, and the
//! one connection that it has to each.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::client::admin::ClusterView;
use crate::client::connection::Connection;
use crate::spec::NodeId;

/// A broker that failed is not asked for this long, as long as there is another.
const SUSPICION: Duration = Duration::from_secs(1);

/// The connection to one broker.
#[derive(Debug)]
pub(super) enum Wire {
    Down,
    Dialing,
    Up(Connection),
}

#[derive(Debug)]
struct Broker {
    addr: SocketAddr,
    wire: Wire,
    /// Counts its connections, so that the end of an old one does not end the next.
    generation: u64,
}

#[derive(Debug)]
pub(super) struct Brokers {
    known: BTreeMap<NodeId, Broker>,
    /// All addresses, the one to be asked next in front, each with the time of its last failure.
    turn: Vec<(SocketAddr, Option<Instant>)>,
}

impl Brokers {
    pub(super) fn new(bootstrap: &[SocketAddr]) -> Self {
        Self {
            known: BTreeMap::new(),
            turn: bootstrap.iter().map(|addr| (*addr, None)).collect(),
        }
    }

    /// Learns who is where; a broker that has moved is dialled anew.
    pub(super) fn learn(&mut self, view: &ClusterView) {
        for broker in &view.brokers {
            let Some(addr) = broker.addr else { continue };
            if !self.turn.iter().any(|(other, _)| *other == addr) {
                self.turn.push((addr, None));
            }
            let known = self.known.entry(broker.id).or_insert(Broker {
                addr,
                wire: Wire::Down,
                generation: 0,
            });
            if known.addr != addr {
                (known.addr, known.wire) = (addr, Wire::Down);
                known.generation += 1;
            }
        }
    }

    /// Whom to ask next: the brokers in turn, without those that have just failed.
    pub(super) fn next_to_ask(&mut self, now: Instant) -> SocketAddr {
        let trusted = |(_, failed): &(SocketAddr, Option<Instant>)| {
            failed.is_none_or(|at| now.duration_since(at) > SUSPICION)
        };
        let next = self.turn.iter().position(trusted).unwrap_or(0);
        let asked = self.turn.remove(next);
        self.turn.push(asked);
        asked.0
    }

    /// Takes note that a broker failed.
    pub(super) fn suspect(&mut self, broker: NodeId, now: Instant) {
        if let Some(addr) = self.known.get(&broker).map(|known| known.addr) {
            self.suspect_addr(addr, now);
        }
    }

    /// Takes note that the broker at this address failed.
    pub(super) fn suspect_addr(&mut self, addr: SocketAddr, now: Instant) {
        for (_, failed) in self.turn.iter_mut().filter(|(other, _)| *other == addr) {
            *failed = Some(now);
        }
    }

    /// The connection to a broker, if it stands.
    pub(super) fn connection(&self, broker: NodeId) -> Option<(&Connection, u64)> {
        match self.known.get(&broker) {
            Some(Broker {
                wire: Wire::Up(connection),
                generation,
                ..
            }) => Some((connection, *generation)),
            _ => None,
        }
    }

    /// Whether the broker has to be dialled: then where, and the new connection's number.
    pub(super) fn start_dial(&mut self, broker: NodeId) -> Option<(SocketAddr, u64)> {
        let known = self.known.get_mut(&broker)?;
        if !matches!(known.wire, Wire::Down) {
            return None;
        }
        known.wire = Wire::Dialing;
        known.generation += 1;
        Some((known.addr, known.generation))
    }

    /// Puts a new connection in place, or takes note that there is none.
    pub(super) fn dialed(&mut self, broker: NodeId, generation: u64, wire: Option<Connection>) {
        if let Some(known) = self.known.get_mut(&broker)
            && known.generation == generation
        {
            known.wire = wire.map_or(Wire::Down, Wire::Up);
        }
    }

    /// Closes a connection, unless another one has taken its place.
    pub(super) fn hang_up(&mut self, broker: NodeId, generation: u64) {
        self.dialed(broker, generation, None);
    }

    /// Whether the broker's address is known.
    pub(super) fn knows(&self, broker: NodeId) -> bool {
        self.known.contains_key(&broker)
    }
}
