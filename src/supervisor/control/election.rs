//! Who led a group before, and when a survivor first names somebody else.
//!
//! The metadata group's leader is in the nodes' own reports; a partition's is asked of the
//! survivors with Metadata, as any client would.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};

use super::Verb;
use crate::spec::{NodeId, Ports};
use crate::supervisor::probe;
use crate::supervisor::selector::Selector;
use crate::supervisor::status::{ClusterStatus, NodeView};

/// A quorum that has not named a leader by then will need more than patience.
const ELECTED_WITHIN: Duration = Duration::from_secs(10);
/// Between two questions to the survivors.
const ASK_AGAIN: Duration = Duration::from_millis(5);

/// Who leads the group that a selector is about: a partition, or else the metadata group.
pub async fn leader_for(selector: &Selector, status: &ClusterStatus) -> Option<NodeId> {
    Group::of(selector).leader(status).await
}

/// The group whose leader is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Group {
    /// The metadata group.
    Metadata,
    /// One partition.
    Partition { topic: String, partition: u32 },
}

impl Group {
    /// The group that a selector is about.
    pub(super) fn of(selector: &Selector) -> Self {
        match selector {
            Selector::PartitionLeader { topic, partition } => Self::Partition {
                topic: topic.clone(),
                partition: *partition,
            },
            _ => Self::Metadata,
        }
    }

    /// Its leader now.
    pub(super) async fn leader(&self, status: &ClusterStatus) -> Option<NodeId> {
        match self {
            Self::Metadata => metadata_leader(status),
            Self::Partition { topic, partition } => {
                for ports in answering(status, &[]) {
                    if let Some(leader) = ask(ports, topic, *partition).await {
                        return Some(leader);
                    }
                }
                None
            }
        }
    }
}

fn metadata_leader(status: &ClusterStatus) -> Option<NodeId> {
    status.leader.as_ref()?.parse().ok()
}

/// The ports of nodes that can be asked and were not touched.
fn answering<'a>(
    status: &'a ClusterStatus,
    touched: &'a [NodeId],
) -> impl Iterator<Item = Ports> + 'a {
    let answers = |node: &&NodeView| {
        matches!(node.state.as_str(), "ready" | "starting") && !touched.contains(&node.id)
    };
    status.nodes.iter().filter(answers).map(|node| node.ports)
}

async fn ask(ports: Ports, topic: &str, partition: u32) -> Option<NodeId> {
    let view = probe::metadata(ports.kafka, &[topic]).await.ok()?;
    let found = view.topics.iter().find(|found| found.name == topic)?;
    let partition = found
        .partitions
        .iter()
        .find(|found| found.index == partition)?;
    partition.leader
}

/// An election that is watched, or not expected at all.
#[derive(Debug)]
pub(super) struct Election {
    group: Group,
    old: Option<NodeId>,
    touched: Vec<NodeId>,
    expected: bool,
}

/// How it went.
#[derive(Debug, Default)]
pub(super) struct Elected {
    /// Who leads now.
    pub(super) leader: Option<NodeId>,
    /// How long after the beginning another leader was named.
    pub(super) after: Option<Duration>,
    /// When none was named in time.
    pub(super) warning: Option<String>,
}

impl Election {
    /// One is expected when the leader is touched and a majority is left.
    pub(super) fn expected(
        group: Group,
        old: Option<NodeId>,
        verb: Verb,
        touched: &[NodeId],
        status: &ClusterStatus,
    ) -> Self {
        let deposes = matches!(verb, Verb::Kill | Verb::Stop | Verb::Restart | Verb::Pause);
        let majority = status.nodes.len() / 2 + 1;
        // A rolling restart touches one node at a time.
        let survivors = match verb {
            Verb::Restart => status.nodes.len() - 1,
            _ => answering(status, touched).count(),
        };
        let led = old.is_some_and(|old| touched.contains(&old));
        Self {
            group,
            old,
            expected: deposes && led && survivors >= majority,
            touched: touched.to_vec(),
        }
    }

    /// Waits for a new leader, if one is expected; else says who leads.
    pub(super) async fn watch(
        self,
        mut view: watch::Receiver<Arc<ClusterStatus>>,
        began: Instant,
    ) -> Elected {
        if !self.expected {
            let leader = self.old.filter(|old| !self.touched.contains(old));
            return Elected {
                leader,
                ..Elected::default()
            };
        }
        let found = timeout_at(began + ELECTED_WITHIN, self.next(&mut view)).await;
        match found.ok().flatten() {
            Some(leader) => Elected {
                leader: Some(leader),
                after: Some(began.elapsed()),
                warning: None,
            },
            None => Elected {
                warning: Some(String::from("no survivor has named a new leader")),
                ..Elected::default()
            },
        }
    }

    async fn next(&self, view: &mut watch::Receiver<Arc<ClusterStatus>>) -> Option<NodeId> {
        let other = |leader: Option<NodeId>| leader.filter(|leader| Some(*leader) != self.old);
        let Group::Partition { topic, partition } = &self.group else {
            let found = view
                .wait_for(|status| other(metadata_leader(status)).is_some())
                .await;
            return found.ok().and_then(|status| metadata_leader(&status));
        };
        loop {
            let status = Arc::clone(&view.borrow());
            for ports in answering(&status, &self.touched) {
                if let Some(leader) = other(ask(ports, topic, *partition).await) {
                    return Some(leader);
                }
            }
            sleep(ASK_AGAIN).await;
        }
    }
}
