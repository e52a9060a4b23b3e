//! The task of one partition replica: decides whether it serves, who is in sync, and drives the
//! proposer.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use super::Serving;
use super::proposer::{License, Proposer};
use crate::node::bugs;
use crate::node::link::PeerTable;
use crate::node::metadata::TopicImage;
use crate::node::raft::{Announcer, Claim, Claims, Group};
use crate::spec::{Bug, NodeId, Settings};

/// Retention is looked at every this many ticks (seconds).
const RETENTION_TICKS: u64 = 5;

/// What a replica needs of its node.
#[derive(Clone)]
pub(in crate::node) struct Surroundings {
    /// Who leads what.
    pub(in crate::node) claims: Claims,
    /// Tells the others what this node leads.
    pub(in crate::node) announcer: Announcer,
    /// Who is alive.
    pub(in crate::node) peers: watch::Receiver<PeerTable>,
    /// Counts seconds.
    pub(in crate::node) ticks: watch::Receiver<u64>,
    /// The cluster's settings.
    pub(in crate::node) settings: Arc<Settings>,
}

pub(super) struct Replica {
    group: Arc<Group>,
    topic: Arc<TopicImage>,
    blank_term: watch::Receiver<u64>,
    serving: watch::Sender<Serving>,
    around: Surroundings,
    isr: Vec<NodeId>,
    /// The leader's last index at the last tick: who has not reached it within a tick is late.
    mark: u64,
}

impl Replica {
    pub(super) fn new(
        group: Arc<Group>,
        topic: Arc<TopicImage>,
        blank_term: watch::Receiver<u64>,
        serving: watch::Sender<Serving>,
        around: Surroundings,
    ) -> Self {
        Self {
            group,
            topic,
            blank_term,
            serving,
            around,
            isr: Vec::new(),
            mark: 0,
        }
    }

    /// Runs until the group is shut down.
    pub(super) async fn run(mut self, mut proposer: Proposer) {
        let mut standing = self.group.watch_standing();
        let mut peers = self.around.peers.clone();
        let mut ticks = self.around.ticks.clone();
        let mut blank_term = self.blank_term.clone();
        let mut progress = self.group.watch_progress();
        let mut license = None;
        loop {
            let catching_up = self.leads() && self.isr.len() < self.group.voters().len();
            let alive = tokio::select! {
                work = proposer.next(license) => {
                    let Some(work) = work else { break };
                    proposer.work(work, license).await;
                    continue;
                }
                changed = standing.changed() => changed.is_ok(),
                changed = blank_term.changed() => changed.is_ok(),
                changed = peers.changed() => changed.is_ok(),
                changed = ticks.changed() => { self.tick(*ticks.borrow()); changed.is_ok() }
                alive = progress.changed(), if catching_up => alive,
            };
            if !alive {
                break;
            }
            self.refresh();
            let now = self.license();
            if license.is_some() && now.map(|now| now.term) != license.map(|was| was.term) {
                proposer.disown();
            }
            license = now;
        }
        self.step_down();
        proposer.disown();
    }

    /// The term in which this replica leads and may serve: nobody claims a later one. Raft may not
    /// have heard of it, where only the successor is out of reach and nothing is written.
    fn serving_term(&self) -> Option<u64> {
        let standing = self.group.standing();
        if self.around.claims.term(self.group.id()) > standing.term {
            return None;
        }
        let committed =
            *self.blank_term.borrow() == standing.term || bugs::planted(Bug::ServeBeforeOwnCommit);
        (standing.leads && committed).then_some(standing.term)
    }

    fn leads(&self) -> bool {
        matches!(*self.serving.borrow(), Serving::Leader { .. })
    }

    /// What the proposer may do: nothing without leadership, or without a majority in reach.
    fn license(&self) -> Option<License> {
        let term = self.serving_term()?;
        let peers = self.around.peers.borrow();
        let heard = self
            .group
            .voters()
            .iter()
            .filter(|voter| self.hears(&peers, **voter))
            .count();
        let replicas = self.group.voters().len();
        let reaches = heard > replicas / 2 || bugs::planted(Bug::AckWithoutMajority);
        (reaches && !self.isr.is_empty()).then(|| License {
            term,
            isr: self.isr.len(),
            min_isr: self.min_isr(replicas),
        })
    }

    fn min_isr(&self, replicas: usize) -> usize {
        let own = self.topic.configs.get("min.insync.replicas");
        let own = own.and_then(|value| value.parse().ok());
        own.unwrap_or_else(|| self.around.settings.min_insync_replicas(replicas))
    }

    fn hears(&self, peers: &PeerTable, voter: NodeId) -> bool {
        voter == self.group.me() || peers.peers.get(&voter).is_some_and(|peer| peer.alive)
    }

    /// Brings `serving`, the ISR and this node's claim up to date.
    fn refresh(&mut self) {
        let was = self.leads();
        let Some(term) = self.serving_term() else {
            if was {
                self.step_down();
            }
            return;
        };
        if !was {
            self.begin();
        }
        let isr = self.current_isr();
        let now = Serving::Leader { epoch: term as i32 };
        if *self.serving.borrow() == now && isr == self.isr {
            return;
        }
        self.isr = isr;
        self.serving.send_replace(now);
        self.around.announcer.announce(self.claim(term));
    }

    fn claim(&self, term: u64) -> Claim {
        Claim {
            group: self.group.id(),
            leader: Some(self.group.me()),
            boot: self.around.announcer.boot(),
            term,
            isr: self.isr.clone(),
            log_end: self.group.log().log_end(),
        }
    }

    /// A new leader takes every live replica for in sync until it knows better: it has heard of
    /// none of them yet, and an ISR of its own would refuse what can be committed.
    fn begin(&mut self) {
        self.mark = 0;
        let peers = self.around.peers.borrow();
        let live = self
            .group
            .voters()
            .iter()
            .copied()
            .filter(|voter| self.hears(&peers, *voter));
        self.isr = live.collect();
    }

    fn step_down(&mut self) {
        let Serving::Leader { epoch } = *self.serving.borrow() else {
            return;
        };
        self.serving.send_replace(Serving::Follower {
            leader: None,
            epoch,
        });
        let released = Claim {
            leader: None,
            ..self.claim(epoch as u64)
        };
        self.around.announcer.announce(released);
        self.isr.clear();
    }

    /// Live replicas that had the log's end of the last tick; who is out must have reached all
    /// that is committed to come in.
    fn current_isr(&self) -> Vec<NodeId> {
        let peers = self.around.peers.borrow();
        let matched = self.group.matched();
        let committed = self.group.committed();
        let in_sync = |voter: &NodeId| {
            if *voter == self.group.me() {
                return true;
            }
            let at = matched.get(voter).copied().unwrap_or(0);
            let enough = if self.isr.contains(voter) {
                self.mark.min(committed)
            } else {
                committed
            };
            self.hears(&peers, *voter) && at >= enough
        };
        self.group
            .voters()
            .iter()
            .copied()
            .filter(in_sync)
            .collect()
    }

    /// Once a second: says the claim again with the newest log end, and looks at retention.
    fn tick(&mut self, count: u64) {
        if let (true, Some(term)) = (self.leads(), self.serving_term()) {
            self.around.announcer.note(self.claim(term));
        }
        self.mark = self.group.log().state().last.map_or(0, |last| last.index);
        if count.is_multiple_of(RETENTION_TICKS) && !self.topic.is_internal() {
            self.retain();
        }
    }

    fn retain(&self) {
        let policy = self.topic.configs.get("cleanup.policy");
        if policy.is_some_and(|policy| !policy.contains("delete")) {
            return;
        }
        let settings = &self.around.settings;
        let own = |key: &str| {
            self.topic
                .configs
                .get(key)
                .and_then(|value| value.parse().ok())
        };
        let retention_ms = own("retention.ms").unwrap_or_else(|| settings.retention_ms());
        let retention_bytes = own("retention.bytes").unwrap_or_else(|| settings.retention_bytes());
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now_ms = now.map_or(0, |since| since.as_millis() as i64);
        let committed = self.group.applied();
        let log = self.group.log();
        let point = log.retention_point(now_ms, retention_ms, retention_bytes, committed);
        if let Some(upto) = point {
            let group = Arc::clone(&self.group);
            self.group.spawn(async move { group.purge(upto).await });
        }
    }
}
