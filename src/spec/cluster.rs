//! What a cluster is: its identity, its ports and its settings, as stored in its directory.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ClusterId, NodeId, Settings};

/// The service that a port is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// The Kafka protocol.
    Kafka,
    /// The peer link between nodes.
    Raft,
    /// `/metrics`, `/health/live`, `/health/ready`, `/status`.
    Metrics,
    /// The search API.
    Search,
}

impl Service {
    /// Every service, in the order of the port plan.
    pub const ALL: [Self; 4] = [Self::Kafka, Self::Raft, Self::Metrics, Self::Search];
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kafka => "kafka",
            Self::Raft => "raft",
            Self::Metrics => "metrics",
            Self::Search => "search",
        })
    }
}

/// The ports of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ports {
    /// Kafka protocol, on 127.0.0.1 and, where the host has it, `[::1]`.
    pub kafka: u16,
    /// Peer link, on 127.0.0.1 only.
    pub raft: u16,
    /// Metrics and health, loopback.
    pub metrics: u16,
    /// Search API, loopback; `None` when search is off.
    pub search: Option<u16>,
}

impl Ports {
    /// The ports in plan order with what they are for.
    pub fn services(&self) -> impl Iterator<Item = (Service, u16)> {
        [
            Some((Service::Kafka, self.kafka)),
            Some((Service::Raft, self.raft)),
            Some((Service::Metrics, self.metrics)),
            self.search.map(|port| (Service::Search, port)),
        ]
        .into_iter()
        .flatten()
    }
}

/// The ports of all nodes of a cluster, node 1 first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PortPlan(pub Vec<Ports>);

impl PortPlan {
    /// The ports of one node; panics when the node is not of this plan.
    pub fn of(&self, node: NodeId) -> Ports {
        self.0[node.position()]
    }

    /// `127.0.0.1:9092,127.0.0.1:9192,...`: what a Kafka client is given.
    pub fn bootstrap(&self) -> String {
        let addresses: Vec<String> = self
            .0
            .iter()
            .map(|ports| format!("127.0.0.1:{}", ports.kafka))
            .collect();
        addresses.join(",")
    }
}

/// A cluster as it is stored in its directory (`cluster.json`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClusterSpec {
    /// The name by which the user calls it.
    pub name: String,
    /// Its identity; data directories and peers of another are refused.
    pub id: ClusterId,
    /// What every call between nodes carries; 32 random bytes in hex.
    pub secret: String,
    /// The ports of each node; its length is the number of nodes.
    pub ports: PortPlan,
    /// The `--set` values.
    pub settings: Settings,
    /// Whether Raft edges go without relays.
    pub direct: bool,
    /// Whether the directory is removed when the cluster stops.
    pub ephemeral: bool,
}

impl ClusterSpec {
    /// How many nodes the cluster has.
    pub fn nodes(&self) -> usize {
        self.ports.0.len()
    }

    /// All node ids, in order.
    pub fn node_ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (1..=self.nodes() as u64).map(NodeId)
    }
}
