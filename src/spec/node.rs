//! What a node is told by its parent: the spec file behind `chronik-dev node --spec FILE`.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{ClusterId, NodeId, Ports, Settings};

/// Another node of the same cluster, as this node reaches it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Who it is; proven by its HELLO, never by its address.
    pub id: NodeId,
    /// Where to dial it: a relay of the supervisor, or its Raft port.
    pub dial: SocketAddr,
    /// Its Kafka port, as advertised to clients.
    pub kafka_port: u16,
}

/// Everything that one node process needs to know before its first step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeSpec {
    /// The cluster's name, for logs and messages.
    pub cluster_name: String,
    /// The cluster's identity; a data directory of another is refused.
    pub cluster_id: ClusterId,
    /// The per-cluster secret that peers present to each other.
    pub secret: String,
    /// This node.
    pub node: NodeId,
    /// The process that must be this node's parent; a node with another parent leaves at once.
    /// `None` when the node is run by hand, under a debugger say.
    pub parent_pid: Option<u32>,
    /// What this node binds.
    pub ports: Ports,
    /// All *other* nodes; complete before the first start.
    pub peers: Vec<Peer>,
    /// Where this node keeps its data; absolute.
    pub data_dir: PathBuf,
    /// The cluster's settings.
    pub settings: Settings,
}

impl NodeSpec {
    /// All nodes of the cluster, this one included, in order.
    pub fn node_ids(&self) -> Vec<NodeId> {
        let mut ids: Vec<NodeId> = self.peers.iter().map(|peer| peer.id).collect();
        ids.push(self.node);
        ids.sort_unstable();
        ids
    }

    /// Nodes that make a majority of the cluster.
    pub fn majority(&self) -> usize {
        self.node_ids().len() / 2 + 1
    }

    /// The advertised Kafka port of a node of this cluster.
    pub fn kafka_port(&self, node: NodeId) -> Option<u16> {
        if node == self.node {
            return Some(self.ports.kafka);
        }
        self.peers
            .iter()
            .find(|peer| peer.id == node)
            .map(|peer| peer.kafka_port)
    }
}
