//! The requests of the workload, each sent once: nothing here is tried again.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    ApiVersionsRequest, FetchRequest, FetchResponse, ProduceRequest, ProduceResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use crate::client::{ClientError, Connection};

/// Bytes that one fetch asks for.
pub(super) const FETCH_BYTES: i32 = 4 << 20;

/// A topic's name as the wire has it.
pub(super) fn topic_name(topic: &str) -> TopicName {
    TopicName(StrBytes::from_string(topic.to_owned()))
}

/// Connects and greets as every Kafka client does: brokers take no large frame from a stranger.
pub(super) async fn dial(addr: SocketAddr, timeout: Duration) -> Result<Connection, ClientError> {
    let connection = Connection::connect(addr, timeout).await?;
    let greeting = ApiVersionsRequest::default()
        .with_client_software_name(StrBytes::from_static_str("chronik-dev"))
        .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")));
    connection.call(greeting, timeout).await?;
    Ok(connection)
}

/// One batch for one partition, with acks=all.
pub(super) fn produce(
    topic: &str,
    partition: u32,
    batch: Bytes,
    timeout: Duration,
) -> ProduceRequest {
    let data = PartitionProduceData::default()
        .with_index(partition as i32)
        .with_records(Some(batch));
    let topic = TopicProduceData::default()
        .with_name(topic_name(topic))
        .with_partition_data(vec![data]);
    // The broker gives up first: its own error says more than our deadline.
    let timeout = i32::try_from(timeout.as_millis() * 4 / 5).unwrap_or(i32::MAX);
    ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(timeout)
        .with_topic_data(vec![topic])
}

/// The error code and the base offset of the one partition of a produce answer.
pub(super) fn produced(answer: &ProduceResponse) -> Option<(i16, i64)> {
    let topic = answer.responses.first()?;
    let partition = topic.partition_responses.first()?;
    Some((partition.error_code, partition.base_offset))
}

/// How a fetch waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Appetite {
    /// The broker waits until it has so many bytes,
    pub(super) bytes: i32,
    /// or for so long.
    pub(super) wait: Duration,
    /// It answers with so many bytes, or one batch.
    pub(super) most: i32,
}

/// A consumer's fetch of one partition from `offset` on.
pub(super) fn fetch(topic: &str, partition: u32, offset: i64, appetite: Appetite) -> FetchRequest {
    let partition = FetchPartition::default()
        .with_partition(partition as i32)
        .with_current_leader_epoch(-1)
        .with_fetch_offset(offset)
        .with_partition_max_bytes(appetite.most);
    let topic = FetchTopic::default()
        .with_topic(topic_name(topic))
        .with_partitions(vec![partition]);
    FetchRequest::default()
        .with_replica_id((-1).into())
        .with_max_wait_ms(i32::try_from(appetite.wait.as_millis()).unwrap_or(i32::MAX))
        .with_min_bytes(appetite.bytes)
        .with_max_bytes(appetite.most)
        .with_session_epoch(-1)
        .with_topics(vec![topic])
}

/// The one partition of a fetch answer, or the error of all of it.
pub(super) fn fetched(answer: FetchResponse) -> Result<PartitionData, i16> {
    if answer.error_code != 0 {
        return Err(answer.error_code);
    }
    let topic = answer.responses.into_iter().next();
    let data = topic.and_then(|topic| topic.partitions.into_iter().next());
    match data {
        Some(data) if data.error_code == 0 => Ok(data),
        Some(data) => Err(data.error_code),
        // Kafka's own client takes an answer without the partition for this error.
        None => Err(-1),
    }
}
