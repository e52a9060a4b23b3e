//! FindCoordinator, versions 0 to 6.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::{BrokerId, FindCoordinatorRequest, FindCoordinatorResponse};
use kafka_protocol::protocol::StrBytes;

use super::check::text;
use crate::node::cluster::Refusal;
use crate::node::groups::placement::partition_of;
use crate::node::groups::{Groups, limits};
use crate::node::metadata::TopicImage;
use crate::spec::NodeId;

/// The first version with several keys.
const BATCHED: i16 = 4;
/// Key types.
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
/// Every node of a cluster listens on this address.
const HOST: &str = "127.0.0.1";

/// Where a coordinator is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) node: NodeId,
    pub(super) port: u16,
}

type Found = Result<Place, Refusal>;

impl Groups {
    /// Finds the coordinators of groups; `__consumer_offsets` is created when it is missing.
    pub(in crate::node) async fn find_coordinator(
        &self,
        version: i16,
        request: FindCoordinatorRequest,
    ) -> FindCoordinatorResponse {
        let keys = if version >= BATCHED {
            request.coordinator_keys
        } else {
            vec![request.key]
        };
        let found = match request.key_type {
            GROUP => self.find_groups(&keys).await,
            TRANSACTION => Ok(vec![Ok(self.refuser()); keys.len()]),
            _ => Err(refusal(
                ResponseError::InvalidRequest,
                "the key type is neither a group nor a transaction",
            )),
        };
        let found = found.unwrap_or_else(|refusal| vec![Err(refusal); keys.len()]);
        response(version, keys, found)
    }

    /// Who tells a transactional producer that there are no transactions: this node's
    /// InitProducerId does, at once. An error here would be retried until the client's time-out.
    fn refuser(&self) -> Place {
        let spec = self.cluster().spec();
        let (node, port) = (spec.node, spec.ports.kafka);
        Place { node, port }
    }

    /// The leaders of the groups' partitions, waiting a while for those that have none.
    async fn find_groups(&self, keys: &[StrBytes]) -> Result<Vec<Found>, Refusal> {
        let topic = self.creation().topic(self.cluster()).await;
        let topic = topic.map_err(|cause| Refusal {
            code: ResponseError::CoordinatorNotAvailable,
            ..cause
        })?;
        let mut leaders = self.cluster().watch_leaders();
        let wait = tokio::time::sleep(limits::LEADER_WAIT);
        tokio::pin!(wait);
        loop {
            leaders.borrow_and_update();
            let found: Vec<Found> = keys.iter().map(|key| self.place(&topic, key)).collect();
            if found.iter().all(Result::is_ok) {
                return Ok(found);
            }
            tokio::select! {
                Ok(()) = leaders.changed() => {}
                () = &mut wait => return Ok(found),
            }
        }
    }

    fn place(&self, topic: &TopicImage, key: &str) -> Found {
        let partition = partition_of(key, topic.partitions.len() as u32);
        let cluster = self.cluster();
        let leader = cluster.leadership(topic.group(partition)).leader;
        let place = leader.and_then(|node| {
            let port = cluster.spec().kafka_port(node)?;
            Some(Place { node, port })
        });
        place.ok_or_else(|| {
            refusal(
                ResponseError::CoordinatorNotAvailable,
                "the coordinator's partition has no leader",
            )
        })
    }
}

fn refusal(code: ResponseError, message: &str) -> Refusal {
    let message = message.to_owned();
    Refusal { code, message }
}

pub(super) fn response(
    version: i16,
    keys: Vec<StrBytes>,
    found: Vec<Found>,
) -> FindCoordinatorResponse {
    let mut coordinators = keys
        .into_iter()
        .zip(found)
        .map(|(key, found)| coordinator(found).with_key(key));
    let response = FindCoordinatorResponse::default().with_error_message(None);
    if version >= BATCHED {
        return response.with_coordinators(coordinators.collect());
    }
    let only = coordinators
        .next()
        .expect("a request of an old version has one key");
    response
        .with_error_code(only.error_code)
        .with_error_message(only.error_message)
        .with_node_id(only.node_id)
        .with_host(only.host)
        .with_port(only.port)
}

fn coordinator(found: Found) -> Coordinator {
    match found {
        Ok(place) => Coordinator::default()
            .with_node_id(BrokerId(place.node.broker_id()))
            .with_host(StrBytes::from_static_str(HOST))
            .with_port(i32::from(place.port))
            .with_error_message(None),
        Err(refusal) => Coordinator::default()
            .with_node_id(BrokerId(-1))
            .with_port(-1)
            .with_error_code(refusal.code.code())
            .with_error_message(Some(text(refusal.message))),
    }
}
