//! The node's housekeeping: the one clock, the metadata group's claim, peers that come back,
//! groups that nobody initialised, and replicas that need repair.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::Cluster;
use crate::node::link::{Lane, PeerTable, Service};
use crate::node::metadata::Command;
use crate::node::raft::{Claim, Group};
use crate::spec::{BootId, GroupId, NodeId, defaults};

/// A new partition's group that has no leader after this time gets another initialiser.
const INITIALISER_PATIENCE: Duration = Duration::from_millis(500);
/// The longest that one initialiser is waited for.
const MAX_PATIENCE: Duration = Duration::from_secs(30);
/// A repair request that is not answered by then is sent again with the next beat.
const REPAIR_TIMEOUT: Duration = Duration::from_secs(2);

/// Runs until the node leaves. `ticks` is the beat that all replicas listen to; `blank_term` is
/// the last term in which the metadata group committed its first entry.
pub(in crate::node) async fn run_control(
    cluster: Cluster,
    ticks: watch::Sender<u64>,
    blank_term: watch::Receiver<u64>,
) {
    let metadata = cluster
        .host()
        .get(GroupId::METADATA)
        .expect("the metadata group runs first");
    let mut control = Control::new(cluster, metadata, blank_term.clone());
    let mut standing = control.metadata.watch_standing();
    let mut peers = control.cluster.inner.peers.clone();
    let mut blanks = blank_term;
    let mut beat = tokio::time::interval(defaults::BEAT);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let alive = tokio::select! {
            changed = standing.changed() => changed.is_ok(),
            changed = blanks.changed() => changed.is_ok(),
            changed = peers.changed() => changed.is_ok(),
            _ = beat.tick() => {
                ticks.send_modify(|count| *count += 1);
                control.beat();
                true
            }
        };
        if !alive {
            return;
        }
        let table = peers.borrow_and_update().clone();
        control.welcome(&table).await;
        control.claim(&table);
        control.form(&table).await;
    }
}

/// A partition that has had no leader yet.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    since: Instant,
    patience: Duration,
}

struct Control {
    cluster: Cluster,
    metadata: Arc<Group>,
    blank_term: watch::Receiver<u64>,
    /// The lives of the peers that were welcomed.
    welcomed: BTreeMap<NodeId, BootId>,
    claimed: Option<Claim>,
    /// Since when a partition has had no leader at all.
    leaderless: HashMap<GroupId, Waiting>,
    initialised: bool,
}

impl Control {
    fn new(cluster: Cluster, metadata: Arc<Group>, blank_term: watch::Receiver<u64>) -> Self {
        Self {
            cluster,
            metadata,
            blank_term,
            welcomed: BTreeMap::new(),
            claimed: None,
            leaderless: HashMap::new(),
            initialised: false,
        }
    }

    /// Greets peers whose link came up: what this node leads, and what is committed there.
    async fn welcome(&mut self, peers: &PeerTable) {
        for (peer, state) in &peers.peers {
            let Some(boot) = state.boot.filter(|_| state.linked && state.alive) else {
                self.welcomed.remove(peer);
                continue;
            };
            if self.welcomed.insert(*peer, boot) == Some(boot) {
                continue;
            }
            self.cluster.inner.announcer.brief(*peer);
            for group in self.cluster.host().all() {
                group.welcome(*peer).await;
            }
        }
    }

    /// Claims the metadata group once it serves here, and releases it when it does not.
    fn claim(&mut self, peers: &PeerTable) {
        let standing = self.metadata.standing();
        let serves = standing.leads && *self.blank_term.borrow() == standing.term;
        let me = self.cluster.spec().node;
        let alive =
            |node: &NodeId| *node == me || peers.peers.get(node).is_some_and(|peer| peer.alive);
        let claim = if serves {
            Some(Claim {
                group: GroupId::METADATA,
                leader: Some(me),
                boot: self.cluster.boot(),
                term: standing.term,
                isr: self
                    .metadata
                    .voters()
                    .iter()
                    .copied()
                    .filter(alive)
                    .collect(),
                log_end: 0,
            })
        } else {
            None
        };
        if claim == self.claimed {
            return;
        }
        let released = || {
            self.claimed.clone().map(|old| Claim {
                leader: None,
                ..old
            })
        };
        if let Some(news) = claim.clone().or_else(released) {
            self.cluster.inner.announcer.announce(news);
        }
        self.claimed = claim;
    }

    /// First formation: the first node initialises the metadata group when every node hears
    /// every other, so that nothing is ever created with an incomplete peer list.
    async fn form(&mut self, peers: &PeerTable) {
        let nodes = self.cluster.spec().node_ids();
        let first = nodes.first() == Some(&self.cluster.spec().node);
        let formed = self.metadata.repairing()
            || self.metadata.log().state().last.is_some()
            || self.cluster.leadership(GroupId::METADATA).epoch >= 0;
        if !first || self.initialised || formed {
            return;
        }
        let complete = peers.peers.values().all(|peer| {
            peer.linked && peer.alive && nodes.iter().all(|node| peer.hears.contains(node))
        });
        if complete && self.nobody_is_formed().await {
            self.initialised = true;
            self.metadata.initialize().await;
        }
    }

    /// Whether no peer has a metadata log: where one has, this node lost its own.
    async fn nobody_is_formed(&self) -> bool {
        let peers = self.cluster.spec().peers.iter();
        let links = &self.cluster.inner.links;
        let asked = peers.map(|peer| {
            let payload = bytes::Bytes::new();
            let id = GroupId::METADATA;
            links.call(
                peer.id,
                Lane::Control,
                Service::Repair,
                id,
                payload,
                REPAIR_TIMEOUT,
            )
        });
        let ends = futures::future::join_all(asked).await;
        ends.iter().all(|end| {
            end.as_ref()
                .is_ok_and(|end| end.iter().all(|byte| *byte == 0))
        })
    }

    fn beat(&mut self) {
        self.cluster.inner.announcer.flush();
        self.rename_initialisers();
        self.ask_for_repairs();
    }

    /// The metadata leader names another replica where the named one did not initialise.
    fn rename_initialisers(&mut self) {
        if self.claimed.is_none() {
            self.leaderless.clear();
            return;
        }
        let image = self.cluster.image();
        let live = self.cluster.live_nodes();
        let mut leaderless = HashMap::new();
        for topic in image.topics.values() {
            for (index, partition) in (0..).zip(&topic.partitions) {
                let group = topic.group(index);
                if self.cluster.leadership(group).epoch >= 0 {
                    continue;
                }
                let fresh = Waiting {
                    since: Instant::now(),
                    patience: INITIALISER_PATIENCE,
                };
                let mut waiting = *self.leaderless.get(&group).unwrap_or(&fresh);
                let is_over = waiting.since.elapsed() >= waiting.patience;
                if is_over {
                    // The next one gets longer: metadata is no place to insist.
                    let patience = (waiting.patience * 2).min(MAX_PATIENCE);
                    waiting = Waiting {
                        since: Instant::now(),
                        patience,
                    };
                }
                leaderless.insert(group, waiting);
                if !is_over {
                    continue;
                }
                let mut others = partition.replicas.iter();
                let other =
                    others.find(|node| live.contains(node) && **node != partition.initialiser);
                if let Some(node) = other.copied() {
                    let command = Command::SetInitialiser {
                        topic: topic.id,
                        partition: index,
                        node,
                    };
                    self.propose(command);
                }
            }
        }
        self.leaderless = leaderless;
    }

    fn propose(&self, command: Command) {
        let cluster = self.cluster.clone();
        self.cluster.inner.tasks.spawn(async move {
            let deadline = tokio::time::Instant::now() + REPAIR_TIMEOUT;
            if let Err(code) = cluster.propose(&command, deadline).await {
                tracing::warn!(?command, ?code, "not done; tried again with a later beat");
            }
        });
    }

    /// Damaged replicas ask their leaders to send everything again, until they have it.
    fn ask_for_repairs(&self) {
        for group in self.cluster.host().all() {
            let leader = self.cluster.leadership(group.id()).leader;
            let Some(leader) = leader.filter(|_| group.repairing()) else {
                continue;
            };
            let links = self.cluster.inner.links.clone();
            let id = group.id();
            self.cluster.inner.tasks.spawn(async move {
                let payload = bytes::Bytes::new();
                let answer = links
                    .call(
                        leader,
                        Lane::Control,
                        Service::Repair,
                        id,
                        payload,
                        REPAIR_TIMEOUT,
                    )
                    .await;
                if let Err(error) = answer {
                    tracing::info!(group = %id, %leader, %error, "asked for a repair in vain");
                }
            });
        }
    }
}
