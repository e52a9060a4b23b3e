//! A cluster as one broker describes it.

use std::net::{IpAddr, SocketAddr};

use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{BrokerId, MetadataResponse};

use crate::client::error::ErrorCode;
use crate::spec::{NodeId, TopicId};

/// The answer of Metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterView {
    /// The cluster's id, as text: other brokers' ids are no UUIDs.
    pub cluster_id: Option<String>,
    /// The controller; in our cluster the metadata group's leader.
    pub controller: Option<NodeId>,
    /// All brokers by id.
    pub brokers: Vec<BrokerView>,
    /// The topics that were asked for, by name.
    pub topics: Vec<TopicView>,
}

/// A broker, as it is advertised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerView {
    /// Its id. Other clusters' brokers may have the id 0.
    pub id: NodeId,
    /// The advertised host.
    pub host: String,
    /// The advertised port.
    pub port: u16,
    /// Where to dial it; `None` when the host has no address.
    pub addr: Option<SocketAddr>,
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicView {
    /// Its name.
    pub name: String,
    /// Its id; `None` from brokers that have none.
    pub id: Option<TopicId>,
    /// Whether it is the cluster's own.
    pub internal: bool,
    /// Why the broker does not describe it.
    pub error: Option<ErrorCode>,
    /// Its partitions by index.
    pub partitions: Vec<PartitionView>,
}

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionView {
    /// Its index.
    pub index: u32,
    /// Its leader; `None` while there is none.
    pub leader: Option<NodeId>,
    /// The leader's epoch, -1 when unknown.
    pub epoch: i32,
    /// All replicas, the preferred one first.
    pub replicas: Vec<NodeId>,
    /// The in-sync replicas.
    pub isr: Vec<NodeId>,
    /// Such as LEADER_NOT_AVAILABLE.
    pub error: Option<ErrorCode>,
}

impl ClusterView {
    /// A topic by its name.
    pub fn topic(&self, name: &str) -> Option<&TopicView> {
        self.topics.iter().find(|topic| topic.name == name)
    }

    /// The leader of one partition, where this view names one.
    pub fn leader(&self, topic: &str, partition: u32) -> Option<NodeId> {
        self.topic(topic)?.partition(partition)?.leader
    }

    /// Where to dial a broker.
    pub fn addr(&self, broker: NodeId) -> Option<SocketAddr> {
        let known = self.brokers.iter().find(|known| known.id == broker)?;
        known.addr
    }

    pub(super) async fn from_answer(answer: MetadataResponse) -> Self {
        let mut brokers = Vec::with_capacity(answer.brokers.len());
        for broker in answer.brokers {
            brokers.extend(broker_view(broker).await);
        }
        brokers.sort_by_key(|broker: &BrokerView| broker.id);
        let mut topics: Vec<TopicView> = answer.topics.into_iter().map(topic_view).collect();
        topics.sort_by(|one, other| one.name.cmp(&other.name));
        Self {
            cluster_id: answer.cluster_id.map(|id| id.to_string()),
            controller: node(answer.controller_id),
            brokers,
            topics,
        }
    }
}

impl TopicView {
    /// A partition by its index.
    pub fn partition(&self, index: u32) -> Option<&PartitionView> {
        self.partitions
            .iter()
            .find(|partition| partition.index == index)
    }
}

/// The node behind a broker id of any cluster; `None` for "no broker".
fn node(id: BrokerId) -> Option<NodeId> {
    u64::try_from(id.0).ok().map(NodeId)
}

async fn broker_view(broker: MetadataResponseBroker) -> Option<BrokerView> {
    let id = node(broker.node_id)?;
    let port = u16::try_from(broker.port).ok()?;
    let host = broker.host.to_string();
    let addr = resolve(&host, port).await;
    Some(BrokerView {
        id,
        host,
        port,
        addr,
    })
}

/// The first IPv4 address of a host, or else its first address.
pub(in crate::client) async fn resolve(host: &str, port: u16) -> Option<SocketAddr> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Some(SocketAddr::new(ip, port));
    }
    let found: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await.ok()?.collect();
    let first_v4 = found.iter().find(|addr| addr.is_ipv4());
    first_v4.or_else(|| found.first()).copied()
}

fn topic_view(topic: MetadataResponseTopic) -> TopicView {
    let mut partitions: Vec<PartitionView> = topic
        .partitions
        .into_iter()
        .filter_map(partition_view)
        .collect();
    partitions.sort_by_key(|partition| partition.index);
    TopicView {
        name: topic.name.map(|name| name.to_string()).unwrap_or_default(),
        id: (!topic.topic_id.is_nil()).then_some(TopicId(topic.topic_id)),
        internal: topic.is_internal,
        error: ErrorCode::of(topic.error_code),
        partitions,
    }
}

fn partition_view(partition: MetadataResponsePartition) -> Option<PartitionView> {
    let nodes = |ids: Vec<BrokerId>| ids.into_iter().filter_map(node).collect();
    Some(PartitionView {
        index: u32::try_from(partition.partition_index).ok()?,
        leader: node(partition.leader_id),
        epoch: partition.leader_epoch,
        replicas: nodes(partition.replica_nodes),
        isr: nodes(partition.isr_nodes),
        error: ErrorCode::of(partition.error_code),
    })
}
