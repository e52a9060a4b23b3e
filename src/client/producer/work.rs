//! What a producer waits for: answers, connections, metadata, identities. Each is one future that
//! ends by its own deadline.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::{Duration, Instant};

use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{ProduceRequest, ProduceResponse};

use super::batch::SealedBatch;
use super::settings::{Acks, ProducerSettings};
use crate::client::admin::{self, Admin, ClusterView, ProducerIdentity, topic_name};
use crate::client::connection::{Answer, Connection};
use crate::client::error::{CallError, ClientError};
use crate::spec::NodeId;

/// Metadata and identities are small and local: a broker that is slower than this is passed over.
const ASK_TIMEOUT: Duration = Duration::from_millis(250);

/// Where a batch is, while it flies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seat {
    pub(super) partition: u32,
    pub(super) first: u64,
}

/// A produce request that has its answer, or will get none.
#[derive(Debug)]
pub(super) struct Landed {
    pub(super) broker: NodeId,
    pub(super) generation: u64,
    pub(super) seats: Vec<Seat>,
    pub(super) answer: Result<ProduceResponse, ClientError>,
}

/// Something that was waited for.
#[derive(Debug)]
pub(super) enum Done {
    Landed(Landed),
    Dialed {
        broker: NodeId,
        generation: u64,
        addr: SocketAddr,
        dialed: Result<Connection, ClientError>,
    },
    Refreshed {
        addr: SocketAddr,
        view: Result<ClusterView, CallError>,
    },
    Identified {
        addr: SocketAddr,
        identity: Result<ProducerIdentity, CallError>,
    },
}

pub(super) type Work = Pin<Box<dyn Future<Output = Done> + Send>>;

/// A produce request over several partitions of one topic.
pub(super) fn request(
    settings: &ProducerSettings,
    partitions: Vec<PartitionProduceData>,
) -> ProduceRequest {
    let topic = TopicProduceData::default()
        .with_name(topic_name(&settings.topic))
        .with_partition_data(partitions);
    // The broker gives up first: its own error says more than our deadline.
    let timeout = settings.attempt_timeout.as_millis() * 4 / 5;
    ProduceRequest::default()
        .with_acks(match settings.acks {
            Acks::All => -1,
            Acks::One => 1,
        })
        .with_timeout_ms(i32::try_from(timeout).unwrap_or(i32::MAX))
        .with_topic_data(vec![topic])
}

pub(super) fn partition_data(partition: u32, batch: &SealedBatch) -> PartitionProduceData {
    PartitionProduceData::default()
        .with_index(partition as i32)
        .with_records(Some(batch.bytes.clone()))
}

/// Waits for the answer to a produce request.
pub(super) fn landing(
    (broker, generation): (NodeId, u64),
    seats: Vec<Seat>,
    answer: Answer<ProduceRequest>,
    (addr, timeout): (SocketAddr, Duration),
) -> Work {
    Box::pin(async move {
        let answer = match tokio::time::timeout(timeout, answer).await {
            Ok(answer) => answer,
            Err(_elapsed) => Err(ClientError::Timeout {
                addr,
                after: timeout,
            }),
        };
        Done::Landed(Landed {
            broker,
            generation,
            seats,
            answer,
        })
    })
}

/// Dials a broker, and greets it as every Kafka client does: brokers take no large frame from a
/// stranger.
pub(super) fn dialing(
    (broker, generation): (NodeId, u64),
    addr: SocketAddr,
    timeout: Duration,
) -> Work {
    Box::pin(async move {
        Done::Dialed {
            broker,
            generation,
            addr,
            dialed: greeted(addr, timeout).await,
        }
    })
}

async fn greeted(addr: SocketAddr, timeout: Duration) -> Result<Connection, ClientError> {
    let connection = Connection::connect(addr, timeout).await?;
    // Which versions it serves is its own business here; that it answers is the point.
    connection.call(admin::greeting(), timeout).await?;
    Ok(connection)
}

/// Asks one broker who leads, `after` a pause.
pub(super) fn refreshing(addr: SocketAddr, topic: String, after: Instant) -> Work {
    Box::pin(async move {
        tokio::time::sleep_until(after.into()).await;
        let view = admin::metadata(addr, Some(&[&topic]), ASK_TIMEOUT).await;
        Done::Refreshed { addr, view }
    })
}

/// Asks one broker for a new identity, `after` a pause.
pub(super) fn identifying(addr: SocketAddr, after: Instant) -> Work {
    Box::pin(async move {
        tokio::time::sleep_until(after.into()).await;
        let identity = identity(addr, ASK_TIMEOUT).await;
        Done::Identified { addr, identity }
    })
}

/// A new identity from one broker.
pub(super) async fn identity(
    addr: SocketAddr,
    timeout: Duration,
) -> Result<ProducerIdentity, CallError> {
    Admin::connect(addr, timeout)
        .await?
        .init_producer_id()
        .await
}
