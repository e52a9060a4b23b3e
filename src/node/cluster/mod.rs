//! The broker's view of the cluster: metadata, gossip, and the partitions hosted here.
//!
//! Everything that reads answers from local state and never waits for a quorum; what changes
//! metadata goes to the metadata leader over the peer link.

mod changes;
mod control;
mod hosting;
mod placement;
mod readiness;
mod requests;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, RwLock};

use kafka_protocol::ResponseError;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use super::identity::Births;
use super::link::{Links, PeerTable};
use super::metadata::{MetadataImage, TopicImage};
use super::partition::{Partition, Surroundings};
use super::raft::{Announcer, Claims, Host, Signals};
use super::storage::Storage;
use crate::spec::{BootId, GroupId, NodeId, NodeSpec, TopicId};

pub(in crate::node) use changes::Check;
pub(in crate::node) use control::run_control;
pub(in crate::node) use hosting::run_hosting;
pub(in crate::node) use readiness::{Door, Readiness, run_readiness};
pub(in crate::node) use requests::{PeerRequests, Questions};

/// Who leads a partition, as gossip has it; the highest term seen wins and is never undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::node) struct Leadership {
    /// The leader; `None` while there is none or it is known to be dead.
    pub(in crate::node) leader: Option<NodeId>,
    /// The leader epoch (Raft term); the last known one while there is no leader, -1 before any.
    pub(in crate::node) epoch: i32,
    /// In-sync replicas, in replica order.
    pub(in crate::node) isr: Vec<NodeId>,
}

/// A topic to be created.
#[derive(Debug, Clone)]
pub(in crate::node) struct NewTopic {
    /// A valid topic name.
    pub(in crate::node) name: String,
    /// The number of partitions; `None` for the broker's default.
    pub(in crate::node) partitions: Option<u32>,
    /// Replicas of each partition; `None` for the broker's default.
    pub(in crate::node) replication_factor: Option<usize>,
    /// Replicas by partition, when the client chose them; then the two above are `None`.
    pub(in crate::node) assignments: Option<Vec<Vec<NodeId>>>,
    /// Checked topic configs.
    pub(in crate::node) configs: BTreeMap<String, String>,
}

/// A refused change of metadata.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(in crate::node) struct Refusal {
    /// Kafka's error code.
    pub(in crate::node) code: ResponseError,
    /// What is wrong and what would be right, in words for a person.
    pub(in crate::node) message: String,
}

/// The cluster as this node's broker uses it; clones share it.
#[derive(Clone)]
pub(in crate::node) struct Cluster {
    inner: Arc<Inner>,
}

struct Inner {
    spec: NodeSpec,
    boot: BootId,
    storage: Storage,
    links: Links,
    peers: watch::Receiver<PeerTable>,
    host: Host,
    claims: Claims,
    announcer: Announcer,
    image: watch::Receiver<Arc<MetadataImage>>,
    partitions: RwLock<HashMap<GroupId, Arc<Partition>>>,
    around: Surroundings,
    tasks: TaskTracker,
    producer_ids: Mutex<std::ops::Range<i64>>,
    births: Births,
    signals: Signals,
}

/// What a [`Cluster`] is made of; everything runs already but its own tasks.
pub(in crate::node) struct Foundation {
    /// This node's spec.
    pub(in crate::node) spec: NodeSpec,
    /// This life of the node.
    pub(in crate::node) boot: BootId,
    /// The disk.
    pub(in crate::node) storage: Storage,
    /// The way to the peers.
    pub(in crate::node) links: Links,
    /// The groups that run here, the metadata group among them.
    pub(in crate::node) host: Host,
    /// The metadata as it is applied.
    pub(in crate::node) image: watch::Receiver<Arc<MetadataImage>>,
    /// What each replica needs of the node.
    pub(in crate::node) around: Surroundings,
    /// Where the node's tasks run.
    pub(in crate::node) tasks: TaskTracker,
    /// Since when the disk knows what it holds.
    pub(in crate::node) births: Births,
    /// What groups tell the node.
    pub(in crate::node) signals: Signals,
}

impl Cluster {
    /// The view over a node that has its metadata group.
    pub(in crate::node) fn new(base: Foundation) -> Self {
        let Foundation {
            spec,
            boot,
            storage,
            links,
            host,
            image,
            around,
            tasks,
            births,
            signals,
        } = base;
        let peers = links.peers();
        let (claims, announcer) = (around.claims.clone(), around.announcer.clone());
        let (partitions, producer_ids) = (RwLock::default(), Mutex::new(0..0));
        let inner = Inner {
            spec,
            boot,
            storage,
            links,
            peers,
            host,
            claims,
            announcer,
            image,
            partitions,
            around,
            tasks,
            producer_ids,
            births,
            signals,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// This node's spec.
    pub(in crate::node) fn spec(&self) -> &NodeSpec {
        &self.inner.spec
    }

    /// This life of the node.
    pub(in crate::node) fn boot(&self) -> BootId {
        self.inner.boot
    }

    /// The peer links, for `/status`.
    pub(in crate::node) fn links(&self) -> &Links {
        &self.inner.links
    }

    /// The groups that run here.
    pub(in crate::node) fn host(&self) -> &Host {
        &self.inner.host
    }

    /// Where the node's tasks run.
    pub(in crate::node) fn tasks(&self) -> &TaskTracker {
        &self.inner.tasks
    }

    /// Who claims to lead what.
    pub(in crate::node) fn claims(&self) -> &Claims {
        &self.inner.claims
    }

    /// What the groups here tell the node.
    pub(in crate::node) fn signals(&self) -> &Signals {
        &self.inner.signals
    }

    /// The disk.
    pub(in crate::node) fn storage(&self) -> &Storage {
        &self.inner.storage
    }

    /// The newest metadata applied here.
    pub(in crate::node) fn image(&self) -> Arc<MetadataImage> {
        Arc::clone(&self.inner.image.borrow())
    }

    /// Changes when metadata is applied.
    pub(in crate::node) fn watch_image(&self) -> watch::Receiver<Arc<MetadataImage>> {
        self.inner.image.clone()
    }

    /// Changes when a leader, a term or an ISR does.
    pub(in crate::node) fn watch_leaders(&self) -> watch::Receiver<u64> {
        self.inner.claims.watch()
    }

    /// Nodes held alive by the failure detector, this one included, in order.
    pub(in crate::node) fn live_nodes(&self) -> Vec<NodeId> {
        let peers = self.inner.peers.borrow();
        let alive = peers
            .peers
            .iter()
            .filter(|(_, peer)| peer.alive)
            .map(|(id, _)| *id);
        let mut live: Vec<NodeId> = alive.chain([self.inner.spec.node]).collect();
        live.sort_unstable();
        live
    }

    /// Whether this node hears most of them, itself included: a leader that does not may have been
    /// followed by another.
    pub(in crate::node) fn hears_most_of(&self, voters: &[NodeId]) -> bool {
        let live = self.live_nodes();
        let heard = voters.iter().filter(|voter| live.contains(voter)).count();
        heard > voters.len() / 2
    }

    /// The leader of the metadata group, when known.
    pub(in crate::node) fn controller(&self) -> Option<NodeId> {
        self.leadership(GroupId::METADATA).leader
    }

    /// Who leads a partition.
    pub(in crate::node) fn leadership(&self, group: GroupId) -> Leadership {
        let Some(claim) = self.inner.claims.get(group) else {
            return Leadership {
                leader: None,
                epoch: -1,
                isr: Vec::new(),
            };
        };
        let me = (self.inner.spec.node, self.inner.boot);
        let stands = claim.stands(me, &self.inner.peers.borrow());
        let leader = claim.leader.filter(|_| stands);
        Leadership {
            leader,
            epoch: claim.term as i32,
            isr: claim.isr,
        }
    }

    /// The replica of a partition on this node.
    ///
    /// `UnknownTopicOrPartition` when metadata has no such partition; `NotLeaderOrFollower` when
    /// it exists and this node has no replica, or does not host it yet.
    pub(in crate::node) fn partition(
        &self,
        topic: &str,
        partition: i32,
    ) -> Result<Arc<Partition>, ResponseError> {
        let image = self.image();
        let topic = image
            .topic(topic)
            .ok_or(ResponseError::UnknownTopicOrPartition)?;
        self.hosted_partition(topic, partition)
    }

    /// The same, by the topic's id (`UnknownTopicId` when metadata has no such topic).
    pub(in crate::node) fn partition_by_id(
        &self,
        topic: TopicId,
        partition: i32,
    ) -> Result<Arc<Partition>, ResponseError> {
        let image = self.image();
        let topic = image
            .topic_by_id(topic)
            .ok_or(ResponseError::UnknownTopicId)?;
        self.hosted_partition(topic, partition)
    }

    fn hosted_partition(
        &self,
        topic: &TopicImage,
        partition: i32,
    ) -> Result<Arc<Partition>, ResponseError> {
        let index = u32::try_from(partition).ok();
        let index = index.filter(|index| (*index as usize) < topic.partitions.len());
        let index = index.ok_or(ResponseError::UnknownTopicOrPartition)?;
        let partitions = self.inner.partitions.read().expect("no holder panics");
        partitions
            .get(&topic.group(index))
            .cloned()
            .ok_or(ResponseError::NotLeaderOrFollower)
    }

    /// Every partition hosted here.
    pub(in crate::node) fn hosted(&self) -> Vec<Arc<Partition>> {
        self.inner
            .partitions
            .read()
            .expect("no holder panics")
            .values()
            .cloned()
            .collect()
    }
}
