//! What all tasks of one node's links share: who we are, the edges, the detector and its table.
//!
//! Every event goes through [`Room::apply`], so that the table is published in the order in
//! which the detector saw things.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use bytes::Bytes;
use prost::Message;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::detector::{Detector, Event, Wake};
use super::edge::Edge;
use super::generated::Ping;
use super::hello::{Identity, Rejection};
use super::{PeerTable, tuning};
use crate::spec::{BootId, NodeId, NodeSpec};

/// The shared state of one node's links.
pub(super) struct Room {
    /// Who this node is.
    pub(super) identity: Identity,
    /// Every other node of the spec.
    pub(super) edges: BTreeMap<NodeId, Edge>,
    /// Counts every task.
    pub(super) tracker: TaskTracker,
    /// Cancelled when the links close.
    pub(super) closing: CancellationToken,
    detector: Mutex<Detector>,
    table: watch::Sender<PeerTable>,
    leaving: AtomicBool,
    pings: AtomicU64,
    last_refusal: Mutex<String>,
}

impl Room {
    /// A room for the peers of a spec, with nothing running.
    pub(super) fn new(spec: &NodeSpec, boot: BootId) -> Self {
        let edges = spec.peers.iter().cloned();
        let edges: BTreeMap<NodeId, Edge> = edges.map(|peer| (peer.id, Edge::new(peer))).collect();
        let detector = Detector::new(edges.keys().copied(), Instant::now());
        Self {
            identity: Identity::new(spec, boot),
            edges,
            tracker: TaskTracker::new(),
            closing: CancellationToken::new(),
            table: watch::Sender::new(detector.table()),
            detector: Mutex::new(detector),
            leaving: AtomicBool::new(false),
            pings: AtomicU64::new(0),
            last_refusal: Mutex::default(),
        }
    }

    /// The detector's view, now and when it changes.
    pub(super) fn watch(&self) -> watch::Receiver<PeerTable> {
        self.table.subscribe()
    }

    /// When the peer was last heard.
    pub(super) fn heard_at(&self, peer: NodeId) -> Option<Instant> {
        self.detector().heard_at(peer)
    }

    /// Says `leaving` from now on.
    pub(super) fn leave(&self) {
        self.leaving.store(true, Ordering::Relaxed);
        self.ping_all(&self.detector());
    }

    /// Takes in one event and does what follows from it; whether it was news for the table.
    pub(super) fn apply(&self, peer: NodeId, event: Event) -> bool {
        let mut detector = self.detector();
        let effects = detector.on(peer, Instant::now(), event);
        if effects.publish {
            self.publish(&detector);
        }
        if effects.ping {
            self.ping_all(&detector);
        }
        drop(detector);
        if effects.redial
            && let Some(edge) = self.edges.get(&peer)
        {
            edge.redial.notify_one();
        }
        effects.publish
    }

    /// Tells of a refused HELLO, once for each run of equal ones: its sender tries again.
    pub(super) fn refused(&self, rejection: &Rejection) {
        let words = rejection.to_string();
        let mut last = self.last_refusal.lock().expect("nothing panics with it");
        if *last != words {
            tracing::warn!(words, "refused a HELLO");
            *last = words;
        }
    }

    /// The one timer of this node's links: pings, counts silence.
    pub(super) async fn keep_time(&self) {
        loop {
            let next = self.wake().next;
            tokio::time::sleep_until(next.into()).await;
        }
    }

    fn wake(&self) -> Wake {
        let mut detector = self.detector();
        let wake = detector.wake(Instant::now());
        if wake.late >= tuning::NOTED_LATENESS {
            let late_ms = wake.late.as_millis();
            tracing::warn!(
                late_ms,
                "this node was kept waiting: its peers may hold it dead"
            );
        }
        if wake.publish {
            self.publish(&detector);
        }
        if wake.ping {
            self.ping_all(&detector);
        }
        wake
    }

    fn detector(&self) -> MutexGuard<'_, Detector> {
        self.detector.lock().expect("the detector does not panic")
    }

    fn publish(&self, detector: &Detector) {
        self.table.send_if_modified(|table| {
            let new = detector.table();
            tell_deaths(table, &new);
            let changed = *table != new;
            *table = new;
            changed
        });
    }

    /// Encodes one ping and gives it to every standing link.
    fn ping_all(&self, detector: &Detector) {
        let ping = Bytes::from(self.ping(detector).encode_to_vec());
        for edge in self.edges.values() {
            if let Some(wire) = edge.control() {
                wire.ping(ping.clone());
            }
        }
    }

    fn ping(&self, detector: &Detector) -> Ping {
        let mut heard = Vec::with_capacity(self.edges.len() + 1);
        heard.extend(detector.heard().map(|id| id.0));
        let me = self.identity.node.0;
        let place = heard.partition_point(|id| *id < me);
        heard.insert(place, me);
        Ping {
            boot: self.identity.boot.0,
            sequence: self.pings.fetch_add(1, Ordering::Relaxed),
            leaving: self.leaving.load(Ordering::Relaxed),
            heard,
        }
    }
}

fn tell_deaths(old: &PeerTable, new: &PeerTable) {
    for (id, state) in &new.peers {
        let was_alive = old.peers.get(id).is_some_and(|old| old.alive);
        match (was_alive, state.alive) {
            (true, false) => {
                let reason = state.reason.as_deref().unwrap_or("no ping in time");
                tracing::info!(peer = %id, reason, "held dead");
            }
            (false, true) => tracing::info!(peer = %id, "held alive"),
            _ => {}
        }
    }
}
