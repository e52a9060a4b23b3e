//! Reading a partition's records from a replica of the caller's choice.
//!
//! Plain consumer fetches (version 11): any in-sync replica answers them for what is below its own
//! high watermark (KIP-392). Each fetch is one request; [`read_all`] is many, and says so.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use kafka_protocol::messages::FetchRequest;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::PartitionData;

use super::admin::topic_name;
use super::connection::Connection;
use super::error::{CallError, ClientError, ErrorCode};
use crate::protocol::records::{Record, records, split, verify};

/// Bytes that one fetch asks for.
pub(super) const FETCH_BYTES: usize = 4 << 20;
/// Between two fetches of a replica that is not there yet.
const AGAIN_AFTER: Duration = Duration::from_millis(5);

/// From where a fetch of one partition reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The partition.
    pub partition: u32,
    /// The offset of the first record that is wanted.
    pub offset: i64,
}

/// What a replica said of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The partition.
    pub partition: u32,
    /// Why there are no records, when that is an error.
    pub error: Option<ErrorCode>,
    /// Records below this offset are committed, as this replica knows it.
    pub high_watermark: i64,
    /// The first offset kept.
    pub log_start: i64,
    /// The records from the offset that was asked for; control records are left out.
    pub records: Vec<Record>,
    /// The offset to go on from.
    pub next: i64,
}

/// How long a broker may wait for records, and how long we wait for the broker beyond that.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// The broker's wait for the first record.
    pub wait: Duration,
    /// Ours for the answer, beyond that.
    pub grace: Duration,
}

/// One fetch of some partitions of one topic.
pub async fn fetch(
    connection: &Connection,
    topic: &str,
    positions: &[Position],
    patience: Patience,
) -> Result<Vec<Fetched>, CallError> {
    let request = request(topic, positions, patience.wait);
    let timeout = patience.wait + patience.grace;
    let answer = connection.call(request, timeout).await?;
    ErrorCode::check(answer.error_code).map_err(|code| CallError::Broker {
        addr: connection.addr(),
        code,
        message: None,
    })?;
    let found = answer
        .responses
        .into_iter()
        .flat_map(|topic| topic.partitions);
    let mut fetched = Vec::with_capacity(positions.len());
    for data in found {
        let at = positions
            .iter()
            .find(|position| position.partition as i32 == data.partition_index);
        let at = at.ok_or_else(|| {
            ClientError::malformed(connection.addr(), "a partition that was not asked for")
        })?;
        fetched.push(read(connection.addr(), *at, data)?);
    }
    Ok(fetched)
}

fn request(topic: &str, positions: &[Position], wait: Duration) -> FetchRequest {
    let partition = |position: &Position| {
        FetchPartition::default()
            .with_partition(position.partition as i32)
            .with_current_leader_epoch(-1)
            .with_fetch_offset(position.offset)
            .with_partition_max_bytes(FETCH_BYTES as i32)
    };
    let topic = FetchTopic::default()
        .with_topic(topic_name(topic))
        .with_partitions(positions.iter().map(partition).collect());
    FetchRequest::default()
        .with_replica_id((-1).into())
        .with_max_wait_ms(i32::try_from(wait.as_millis()).unwrap_or(i32::MAX))
        .with_min_bytes(1)
        .with_max_bytes((4 * FETCH_BYTES) as i32)
        .with_session_epoch(-1)
        .with_topics(vec![topic])
}

/// The records from `at` on: a broker answers whole batches, also with what lies before.
fn read(addr: SocketAddr, at: Position, data: PartitionData) -> Result<Fetched, ClientError> {
    let malformed = |why| ClientError::malformed(addr, why);
    let mut fetched = Fetched {
        partition: at.partition,
        error: ErrorCode::of(data.error_code),
        high_watermark: data.high_watermark,
        log_start: data.log_start_offset,
        records: Vec::new(),
        next: at.offset,
    };
    for batch in split(data.records.unwrap_or_default()).map_err(malformed)? {
        let header = verify(&batch).map_err(malformed)?;
        // Compaction may have emptied the rest of the batch.
        fetched.next = fetched.next.max(header.last_offset().saturating_add(1));
        if !header.is_control() {
            let wanted = records(&batch).map_err(malformed)?.into_iter();
            fetched
                .records
                .extend(wanted.filter(|record| record.offset >= at.offset));
        }
    }
    Ok(fetched)
}

/// Why a replica was not read to the end.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// A fetch failed for good.
    #[error("offset {offset}: {source}")]
    Fetch {
        /// Where it failed.
        offset: i64,
        /// How.
        source: CallError,
    },
    /// The deadline passed first.
    #[error("{addr} shows records up to offset {reached} only, where {wanted} were due")]
    Short {
        /// Whose log it is.
        addr: SocketAddr,
        /// The offset that could be read up to.
        reached: i64,
        /// The offset that was to be read up to.
        wanted: i64,
    },
}

/// Reads one replica's log of a partition from its start up to the offset `end`, without `end`.
///
/// Asks again while the replica does not show that much yet, until `deadline` has passed; a broken
/// connection or any other error ends it.
pub async fn read_all(
    addr: SocketAddr,
    (topic, partition): (&str, u32),
    end: i64,
    deadline: Duration,
) -> Result<Vec<Record>, ReadError> {
    let give_up = Instant::now() + deadline;
    let failed = |offset, source: CallError| ReadError::Fetch { offset, source };
    let connection = Connection::connect(addr, deadline)
        .await
        .map_err(|error| failed(0, error.into()))?;
    let (mut all, mut offset) = (Vec::new(), 0);
    while offset < end {
        let left = give_up.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let (reached, wanted) = (offset, end);
            return Err(ReadError::Short {
                addr,
                reached,
                wanted,
            });
        }
        let patience = Patience {
            wait: Duration::from_millis(100).min(left),
            grace: left,
        };
        let position = Position { partition, offset };
        let fetched = fetch(&connection, topic, &[position], patience).await;
        let fetched = fetched.map_err(|source| failed(offset, source))?;
        let next = advance(&mut all, offset, fetched, addr);
        let next = next.map_err(|source| failed(offset, source))?;
        if next == offset {
            tokio::time::sleep(AGAIN_AFTER).await;
        }
        offset = next;
    }
    all.retain(|record| record.offset < end);
    Ok(all)
}

/// Takes what was fetched and returns the offset to go on from.
fn advance(
    all: &mut Vec<Record>,
    offset: i64,
    fetched: Vec<Fetched>,
    addr: SocketAddr,
) -> Result<i64, CallError> {
    let Some(fetched) = fetched.into_iter().next() else {
        return Err(ClientError::malformed(addr, "an answer without the partition").into());
    };
    match fetched.error {
        None => {}
        // What was kept starts later.
        Some(ErrorCode::OFFSET_OUT_OF_RANGE) if fetched.log_start > offset => {
            return Ok(fetched.log_start);
        }
        // Not committed yet as this replica knows it, or not yet there at all.
        Some(
            ErrorCode::OFFSET_NOT_AVAILABLE | ErrorCode::NOT_LEADER | ErrorCode::UNKNOWN_TOPIC,
        ) => return Ok(offset),
        Some(code) => {
            let message = None;
            return Err(CallError::Broker {
                addr,
                code,
                message,
            });
        }
    }
    all.extend(fetched.records);
    Ok(fetched.next)
}
