//! The cluster at one moment, as plain values that a response is built from.

use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::BrokerId;
use kafka_protocol::protocol::StrBytes;

use crate::node::cluster::{Cluster, Leadership};
use crate::node::metadata::MetadataImage;
use crate::spec::{GroupId, NodeId, NodeSpec};

/// What is advertised to clients, whichever loopback address they came by.
const HOST: &str = "127.0.0.1";
/// No such broker, in Kafka's words.
const NOBODY: BrokerId = BrokerId(-1);

/// Metadata, live brokers and who leads, at one moment.
pub(super) struct View<'a> {
    pub(super) spec: &'a NodeSpec,
    pub(super) image: Arc<MetadataImage>,
    live: Vec<NodeId>,
    controller: Option<NodeId>,
    leadership: Box<dyn Fn(GroupId) -> Leadership + Send + 'a>,
}

/// Where clients find a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) id: BrokerId,
    pub(super) host: StrBytes,
    pub(super) port: i32,
}

/// A partition as clients are told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LeaderView {
    /// The leader, or -1.
    pub(super) leader: BrokerId,
    /// Its epoch; without a leader the last known one, so that it never goes back (KIP-320).
    pub(super) epoch: i32,
    /// In-sync replicas.
    pub(super) isr: Vec<BrokerId>,
    /// `LeaderNotAvailable` without a leader.
    pub(super) error: Option<ResponseError>,
}

impl<'a> View<'a> {
    /// The cluster as this node sees it now.
    pub(super) fn of(cluster: &'a Cluster) -> Self {
        Self::new(
            cluster.spec(),
            cluster.image(),
            (cluster.live_nodes(), cluster.controller()),
            Box::new(|group| cluster.leadership(group)),
        )
    }

    /// A view of these values.
    pub(super) fn new(
        spec: &'a NodeSpec,
        image: Arc<MetadataImage>,
        (live, controller): (Vec<NodeId>, Option<NodeId>),
        leadership: Box<dyn Fn(GroupId) -> Leadership + Send + 'a>,
    ) -> Self {
        Self {
            spec,
            image,
            live,
            controller,
            leadership,
        }
    }

    /// The brokers that are alive.
    pub(super) fn brokers(&self) -> Vec<Endpoint> {
        self.live
            .iter()
            .filter_map(|node| self.endpoint(*node))
            .collect()
    }

    /// Where clients find a node of this cluster.
    pub(super) fn endpoint(&self, node: NodeId) -> Option<Endpoint> {
        endpoint(self.spec, node)
    }

    /// The leader of the metadata group, -1 while there is none alive.
    pub(super) fn controller(&self) -> BrokerId {
        let alive = self.controller.filter(|node| self.is_live(*node));
        alive.map_or(NOBODY, broker_id)
    }

    /// Whether the failure detector holds a node alive.
    pub(super) fn is_live(&self, node: NodeId) -> bool {
        self.live.contains(&node)
    }

    /// Who leads a partition, as clients are told.
    pub(super) fn leader(&self, group: GroupId) -> LeaderView {
        let known = (self.leadership)(group);
        let leader = known.leader.filter(|node| self.is_live(*node));
        LeaderView {
            leader: leader.map_or(NOBODY, broker_id),
            epoch: known.epoch,
            isr: known.isr.into_iter().map(broker_id).collect(),
            error: leader
                .is_none()
                .then_some(ResponseError::LeaderNotAvailable),
        }
    }
}

/// A node's id as clients know it.
pub(super) fn broker_id(node: NodeId) -> BrokerId {
    BrokerId(node.broker_id())
}

/// Where clients find a node of the cluster; `None` for a node that it does not have.
pub(super) fn endpoint(spec: &NodeSpec, node: NodeId) -> Option<Endpoint> {
    let port = spec.kafka_port(node)?;
    Some(Endpoint {
        id: broker_id(node),
        host: StrBytes::from_static_str(HOST),
        port: i32::from(port),
    })
}

/// A leader to name in an error, with where it is (KIP-951): both or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LeaderHint {
    pub(super) epoch: i32,
    pub(super) endpoint: Endpoint,
}

impl LeaderHint {
    /// The hint for clients that asked the wrong node; `None` while nobody is known to lead.
    pub(super) fn of(spec: &NodeSpec, leadership: &Leadership) -> Option<Self> {
        let leader = leadership.leader?;
        Some(Self {
            epoch: leadership.epoch,
            endpoint: endpoint(spec, leader)?,
        })
    }
}
