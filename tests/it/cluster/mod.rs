//! A real three-node cluster for one test, driven by the commands that users type.
//!
//! Promises: at most two clusters run at one time, each on ports, in directories and under a name
//! of its own; a dropped one is stopped and wiped, and no process of it is left. After a failure
//! the nodes' logs are kept, and the path is said. It knows nothing of a node's insides.

mod command;
mod life;
mod ports;

use std::net::SocketAddr;
use std::time::Duration;

use chronik_dev::client::admin::{self, Admin, ClusterView, NewTopic};
use chronik_dev::client::{bootstrap, http};
use chronik_dev::spec::{NodeId, NodeStatus};
use chronik_dev::supervisor::{ClusterStatus, NodeView};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::wait::until;
pub(crate) use command::{Ran, Room};
use life::Life;

/// The nodes of every cluster here.
pub(crate) const NODES: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];
/// For one question to one broker.
pub(crate) const SOON: Duration = Duration::from_secs(5);

/// Two cores carry two clusters. At most one test may hold both, or two would wait for ever.
static SLOTS: Semaphore = Semaphore::const_new(2);

/// A running cluster.
pub(crate) struct Cluster {
    life: Life,
    _slot: SemaphorePermit<'static>,
}

/// What becomes of the data when the cluster stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Data {
    /// It goes.
    Ephemeral,
    /// It stays until the cluster is dropped.
    Kept,
}

impl Cluster {
    /// Starts three nodes and returns when all are ready.
    pub(crate) async fn up(data: Data) -> Self {
        Self::up_with(data, &[]).await
    }

    /// The same with settings, each `KEY=VALUE`.
    pub(crate) async fn up_with(data: Data, settings: &[&str]) -> Self {
        let slot = SLOTS
            .acquire()
            .await
            .expect("the semaphore is never closed");
        Self {
            life: Life::begin(data, settings).await,
            _slot: slot,
        }
    }

    /// Runs one command for this cluster, whatever comes of it.
    pub(crate) async fn try_run(&self, words: &str) -> Ran {
        self.life.run(words).await
    }

    /// Runs one command for this cluster, which must succeed; returns the envelope's data.
    pub(crate) async fn run(&self, words: &str) -> serde_json::Value {
        self.try_run(words).await.data()
    }

    /// Stops all nodes and the supervisor.
    pub(crate) async fn down(&self) {
        self.run("down").await;
    }

    /// Starts the stopped cluster again as it was.
    pub(crate) async fn up_again(&self) {
        self.life.up().await.data();
    }

    /// What `status` says.
    pub(crate) async fn status(&self) -> ClusterStatus {
        serde_json::from_value(self.run("status").await).expect("status is as it is documented")
    }

    /// What `status` says of one node.
    pub(crate) async fn node(&self, node: NodeId) -> NodeView {
        self.status().await.nodes.swap_remove(node.position())
    }

    /// What a node says of itself.
    pub(crate) async fn node_status(&self, node: NodeId) -> Result<NodeStatus, String> {
        let addr = local(self.life.ports(node).metrics);
        let answer = http::get(addr, "/status", SOON).await;
        let (code, body) = answer.map_err(|error| error.to_string())?;
        assert_eq!(code, 200, "/status of {node}");
        Ok(serde_json::from_slice(&body).expect("/status is as it is documented"))
    }

    /// All Kafka addresses.
    pub(crate) fn bootstrap(&self) -> Vec<SocketAddr> {
        NODES.map(|node| self.kafka(node)).to_vec()
    }

    /// A node's Kafka address.
    pub(crate) fn kafka(&self, node: NodeId) -> SocketAddr {
        local(self.life.ports(node).kafka)
    }

    /// A node's address for its peers.
    pub(crate) fn raft(&self, node: NodeId) -> SocketAddr {
        local(self.life.ports(node).raft)
    }

    /// A node's address for health, status and metrics.
    pub(crate) fn metrics(&self, node: NodeId) -> SocketAddr {
        local(self.life.ports(node).metrics)
    }

    /// A node's address for searches.
    pub(crate) fn search(&self, node: NodeId) -> SocketAddr {
        local(self.life.ports(node).search.expect("search is on"))
    }

    /// Creates a topic on all nodes, and waits until all replicas are in sync.
    pub(crate) async fn create_topic(&self, name: &str, partitions: u32) {
        let topic = NewTopic {
            name: name.to_owned(),
            partitions: Some(partitions),
            replication_factor: Some(3),
            configs: Vec::new(),
        };
        self.create(topic).await;
        self.in_sync(name).await;
    }

    /// Creates a topic.
    pub(crate) async fn create(&self, topic: NewTopic) {
        let created = self.controller().await.create_topic(topic).await;
        created.expect("the controller creates a topic");
    }

    /// The broker that creates topics.
    pub(crate) async fn controller(&self) -> Admin {
        let controller = bootstrap::controller(&self.bootstrap(), SOON).await;
        controller.expect("a whole cluster has a controller")
    }

    /// What one broker says of the cluster and all its topics.
    pub(crate) async fn view(&self, node: NodeId) -> Result<ClusterView, String> {
        let view = admin::metadata(self.kafka(node), None, SOON).await;
        view.map_err(|error| error.to_string())
    }

    /// The leader of a partition, once the broker `asked` names one other than `old`.
    pub(crate) async fn leader_other_than(
        &self,
        old: Option<NodeId>,
        (topic, partition): (&str, u32),
        asked: &[NodeId],
    ) -> NodeId {
        until("another leader", async || {
            let mut seen = Vec::new();
            for node in asked {
                let view = self.view(*node).await?;
                match view.leader(topic, partition) {
                    Some(leader) if Some(leader) != old => return Ok(leader),
                    leader => seen.push((*node, leader)),
                }
            }
            Err(format!("{topic}/{partition} is led by {seen:?}"))
        })
        .await
    }

    /// The leader of a partition as the first node names it.
    pub(crate) async fn leader(&self, topic: &str, partition: u32) -> NodeId {
        let of = (topic, partition);
        self.leader_other_than(None, of, &NODES).await
    }

    /// Waits until every broker names the same leaders and all replicas of a topic as in sync.
    pub(crate) async fn in_sync(&self, topic: &str) {
        until("all replicas are in sync", async || {
            let first = self.view(NODES[0]).await?;
            for node in NODES {
                let view = self.view(node).await?;
                let known = view.topic(topic).ok_or("no such topic yet")?;
                let whole = known.error.is_none()
                    && (known.partitions.iter())
                        .all(|partition| partition.leader.is_some() && partition.isr.len() == 3);
                let partitions = &known.partitions;
                if !whole || partitions.is_empty() {
                    return Err(format!("{node} says {partitions:?}"));
                }
                if first.topic(topic) != Some(known) {
                    return Err(format!(
                        "{node} says {known:?}, node-1 {:?}",
                        first.topic(topic)
                    ));
                }
            }
            Ok(())
        })
        .await;
    }

    /// Waits until nothing is broken on purpose.
    pub(crate) async fn healed(&self) {
        until("no fault is left", async || {
            let faults = self.status().await.faults;
            if faults.is_empty() {
                Ok(())
            } else {
                Err(format!("{faults:?}"))
            }
        })
        .await;
    }

    /// A node's log, or nothing before its first line.
    pub(crate) fn log(&self, node: NodeId) -> String {
        self.life.log(node)
    }

    /// No node of this cluster has panicked.
    pub(crate) fn nobody_panicked(&self) {
        for node in NODES {
            let log = self.log(node);
            let panic = log.lines().find(|line| line.contains("panicked"));
            assert_eq!(panic, None, "{node} panicked");
        }
    }
}

/// The nodes besides one.
pub(crate) fn others(node: NodeId) -> Vec<NodeId> {
    NODES.into_iter().filter(|other| *other != node).collect()
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}
