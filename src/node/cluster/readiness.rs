//! Whether this node may serve, and why not; said to the parent line by line.

use std::time::Duration;

use tokio::sync::watch;

use super::Cluster;
use crate::node::report::report;
use crate::spec::{GroupId, NodeId, NodeReport};

/// A ReadIndex that found no leader is asked again after this long, or when leaders change.
const ASK_AGAIN: Duration = Duration::from_millis(20);

/// The answer of `/health/ready`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::node) enum Readiness {
    /// Yes.
    Ready,
    /// No, and what it waits for, in words for a person.
    NotReady(String),
}

/// The Kafka port: asked to open, and open.
pub(in crate::node) struct Door {
    /// Set when clients may come in.
    pub(in crate::node) open: watch::Sender<bool>,
    /// Set by the broker when the port is bound.
    pub(in crate::node) opened: watch::Receiver<bool>,
}

/// Follows the node's way up and tells it: links, metadata leader, applied index; opens the
/// door when Kafka clients may come in, and keeps `ready` true to the facts from then on.
pub(in crate::node) async fn run_readiness(
    cluster: Cluster,
    mut door: Door,
    ready: watch::Sender<Readiness>,
) {
    let mut peers = cluster.inner.peers.clone();
    let mut leaders = cluster.watch_leaders();
    let mut image = cluster.watch_image();
    let mut caught_up = false;
    let mut told = Told::default();
    loop {
        told.tell(&cluster);
        if !caught_up && cluster.waits_for().is_none() {
            caught_up = cluster.read_barrier().await.is_ok();
            told.tell(&cluster);
        }
        let now = match cluster.waits_for() {
            Some(reason) => Readiness::NotReady(reason),
            None if caught_up => Readiness::Ready,
            None => {
                Readiness::NotReady("to apply what the metadata leader has committed".to_owned())
            }
        };
        if now == Readiness::Ready && !*door.opened.borrow() {
            door.open.send_replace(true);
            // A port that cannot be bound ends the node.
            if door.opened.wait_for(|opened| *opened).await.is_err() {
                return;
            }
            report(&NodeReport::Serving);
        }
        publish(&ready, now);
        let again = tokio::time::sleep(ASK_AGAIN);
        let alive = tokio::select! {
            changed = peers.changed() => changed.is_ok(),
            changed = leaders.changed() => changed.is_ok(),
            changed = image.changed() => changed.is_ok(),
            () = again, if !caught_up => true,
        };
        if !alive {
            return;
        }
    }
}

fn publish(ready: &watch::Sender<Readiness>, now: Readiness) {
    if *ready.borrow() == now {
        return;
    }
    report(&match &now {
        Readiness::Ready => NodeReport::Ready,
        Readiness::NotReady(reason) => NodeReport::NotReady {
            reason: reason.clone(),
        },
    });
    ready.send_replace(now);
}

/// What the parent was told last.
#[derive(Default)]
struct Told {
    linked: Option<Vec<NodeId>>,
    leader: Option<(Option<NodeId>, i32)>,
    applied: u64,
}

impl Told {
    fn tell(&mut self, cluster: &Cluster) {
        let linked = cluster.linked();
        if self.linked.as_ref() != Some(&linked) {
            report(&NodeReport::Linked {
                peers: linked.clone(),
            });
            self.linked = Some(linked);
        }
        let metadata = cluster.leadership(GroupId::METADATA);
        let leader = (metadata.leader, metadata.epoch);
        if self.leader != Some(leader) {
            let term = u64::try_from(leader.1).unwrap_or(0);
            report(&NodeReport::MetadataLeader {
                leader: leader.0,
                term,
            });
            self.leader = Some(leader);
        }
        let applied = cluster.image().applied;
        if applied > self.applied {
            report(&NodeReport::Applied { index: applied });
            self.applied = applied;
        }
    }
}

impl Cluster {
    /// Peers that are linked both ways, in order.
    pub(in crate::node) fn linked(&self) -> Vec<NodeId> {
        let peers = self.inner.peers.borrow();
        peers
            .peers
            .iter()
            .filter(|(_, peer)| peer.linked)
            .map(|(id, _)| *id)
            .collect()
    }

    /// What this node waits for before it may serve; `None` when for nothing.
    ///
    /// A link may stand and be cut: who is not heard over it is no help.
    fn waits_for(&self) -> Option<String> {
        let (linked, live) = (self.linked(), self.live_nodes());
        let peers = self.spec().peers.iter().map(|peer| peer.id);
        let (heard, missing): (Vec<NodeId>, Vec<NodeId>) =
            peers.partition(|id| linked.contains(id) && live.contains(id));
        if heard.len() + 1 < self.spec().majority() {
            let all = self.spec().peers.len();
            let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
            let missing = missing.join(", ");
            return Some(format!("{missing} ({}/{all} peers heard)", heard.len()));
        }
        if self.controller().is_none() {
            return Some("a metadata leader".to_owned());
        }
        None
    }
}
