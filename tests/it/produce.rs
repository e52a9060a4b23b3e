//! One record to one broker of the test's choice: no leader is looked for, nothing is retried.

use std::net::SocketAddr;
use std::time::Duration;

use chronik_dev::client::Connection;
use chronik_dev::protocol::records::BatchBuilder;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{ProduceRequest, TopicName};
use kafka_protocol::protocol::StrBytes;

/// The idempotent producer of [`numbered`].
const PRODUCER: i64 = 4_000_000;

/// Appends one record at acks=all; the offset, or why there is none.
pub(crate) async fn one(
    addr: SocketAddr,
    of: (&str, u32),
    value: &[u8],
    timeout: Duration,
) -> Result<i64, String> {
    Box::pin(put(addr, of, (BatchBuilder::new(), value), timeout)).await
}

/// The same of an idempotent producer: the record with this sequence number.
pub(crate) async fn numbered(
    addr: SocketAddr,
    of: (&str, u32),
    sequence: i32,
    timeout: Duration,
) -> Result<i64, String> {
    let batch = BatchBuilder::new().producer(PRODUCER, 0, sequence);
    Box::pin(put(addr, of, (batch, b"numbered"), timeout)).await
}

async fn put(
    addr: SocketAddr,
    of: (&str, u32),
    what: (BatchBuilder, &[u8]),
    timeout: Duration,
) -> Result<i64, String> {
    let words = |error: chronik_dev::client::ClientError| error.to_string();
    let connection = Connection::connect(addr, timeout).await.map_err(words)?;
    let answer = connection.call(request(of, what, timeout), timeout).await;
    let mut topics = answer.map_err(words)?.responses;
    let answered = topics
        .pop()
        .and_then(|mut topic| topic.partition_responses.pop());
    let answered = answered.ok_or("an answer about nothing")?;
    match answered.error_code {
        0 => Ok(answered.base_offset),
        code => Err(format!("error {code}")),
    }
}

fn request(
    (topic, partition): (&str, u32),
    (mut batch, value): (BatchBuilder, &[u8]),
    timeout: Duration,
) -> ProduceRequest {
    batch.push(0, None, Some(value), &[]);
    let data = PartitionProduceData::default()
        .with_index(partition as i32)
        .with_records(Some(batch.build()));
    let name = TopicName(StrBytes::from_string(topic.to_owned()));
    let topic = TopicProduceData::default()
        .with_name(name)
        .with_partition_data(vec![data]);
    ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(i32::try_from(timeout.as_millis() / 2).unwrap_or(i32::MAX))
        .with_topic_data(vec![topic])
}
