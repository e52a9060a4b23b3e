//! Whom a client asks: one broker until it fails, then the others in turn.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::wire;
use crate::client::{ClientError, Connection};
use crate::spec::NodeId;

/// From a failure to the next attempt.
pub(super) const RETRY_PAUSE: Duration = Duration::from_millis(5);
/// No answer within this time is no answer: a little above the 250 ms after which the survivors
/// of a silent leader elect another.
pub(super) const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(300);
/// A broker that did not answer is passed over for so long, if another can be asked.
const SHUNNED_FOR: Duration = Duration::from_secs(1);

/// The brokers of a cluster.
pub type Brokers = Arc<BTreeMap<NodeId, SocketAddr>>;

/// A connection of this client, with its number in the history.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) connection: Connection,
    pub(super) number: u32,
}

/// One client's way to the broker that serves it.
#[derive(Debug)]
pub(super) struct Route {
    brokers: Brokers,
    at: NodeId,
    lines: BTreeMap<NodeId, Line>,
    silent: BTreeMap<NodeId, Instant>,
    dialled: u32,
    /// Connections of the client's other routes have other numbers.
    base: u32,
}

impl Route {
    /// A route that begins at `first`, or at any broker when there is no such one.
    pub(super) fn new(brokers: Brokers, first: Option<NodeId>, base: u32) -> Self {
        let known = first.filter(|node| brokers.contains_key(node));
        let any = brokers.keys().next().copied().unwrap_or_default();
        Self {
            at: known.unwrap_or(any),
            brokers,
            lines: BTreeMap::new(),
            silent: BTreeMap::new(),
            dialled: 0,
            base,
        }
    }

    /// The broker that is asked now.
    pub(super) fn broker(&self) -> NodeId {
        self.at
    }

    /// The connection to that broker, dialled where there is none. Nothing was asked when this fails.
    pub(super) async fn line(&mut self) -> Result<&Line, ClientError> {
        let at = self.at;
        if self.lines.get(&at).is_some_and(Line::is_broken) {
            self.lines.remove(&at);
        }
        if !self.lines.contains_key(&at) {
            let connection = wire::dial(self.brokers[&at], ATTEMPT_TIMEOUT).await;
            let connection = connection.inspect_err(|error| self.heard(error))?;
            self.dialled += 1;
            let number = self.base + self.dialled;
            self.lines.insert(at, Line { connection, number });
        }
        Ok(&self.lines[&at])
    }

    /// Takes note of an attempt's failure without an answer.
    pub(super) fn heard(&mut self, error: &ClientError) {
        self.lines.remove(&self.at);
        if matches!(error, ClientError::Timeout { .. }) {
            self.silent.insert(self.at, Instant::now());
        }
    }

    /// Goes to the next broker, passing over those that were silent lately.
    pub(super) fn turn(&mut self) {
        self.silent.retain(|_, since| since.elapsed() < SHUNNED_FOR);
        let after = self.brokers.range(self.at..).skip(1);
        let ring = after.chain(self.brokers.range(..self.at));
        let mut nodes = ring.map(|(node, _)| *node);
        let first = nodes.clone().next();
        let awake = nodes.find(|node| !self.silent.contains_key(node));
        self.at = awake.or(first).unwrap_or(self.at);
    }

    /// Goes to a broker that was named; ignores one that is not known.
    pub(super) fn go_to(&mut self, node: NodeId) {
        if self.brokers.contains_key(&node) {
            self.at = node;
        }
    }
}

impl Line {
    fn is_broken(&self) -> bool {
        self.connection.ended().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route() -> Route {
        let addr = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let brokers = [1, 2, 3].map(|id| (NodeId(id), addr(id as u16)));
        Route::new(Arc::new(BTreeMap::from(brokers)), Some(NodeId(2)), 0)
    }

    #[test]
    fn the_others_are_asked_in_turn() {
        let mut route = route();
        let mut seen = Vec::new();
        for _ in 0..4 {
            seen.push(route.broker().0);
            route.turn();
        }
        assert_eq!(seen, [2, 3, 1, 2]);
    }

    #[test]
    fn a_silent_broker_is_passed_over_while_another_is_not() {
        let mut route = route();
        let silence = |route: &mut Route| {
            let addr = SocketAddr::from(([127, 0, 0, 1], 1));
            let after = ATTEMPT_TIMEOUT;
            route.heard(&ClientError::Timeout { addr, after });
            route.turn();
        };
        silence(&mut route);
        route.turn();
        route.turn();
        assert_eq!(route.broker(), NodeId(3));
        silence(&mut route);
        silence(&mut route);
        assert_eq!(route.broker(), NodeId(2), "all are silent: the next one");
    }
}
