//! The rules of a fetch, from plain values: how much, when it is enough, and what is refused.

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::FetchRequest;
use kafka_protocol::messages::fetch_request::FetchPartition;

use super::super::checks::is_consumer;
use super::Answer;
use crate::node::partition::Offsets;
use crate::protocol::records::BatchHeader;
use crate::spec::configs::FETCH_MAX_BYTES;

/// The first version that carries the replica's state in place of its id (KIP-903).
const REPLICA_STATE: i16 = 15;
/// The epoch of a request that wants no session, or the end of one.
const NO_SESSION: i32 = -1;

/// What was read of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Read {
    /// Whole batches.
    pub(super) records: Bytes,
    /// The replica's offsets right after.
    pub(super) offsets: Offsets,
    /// Where the client's log parts from this one (KIP-595): the epoch and its end.
    pub(super) diverging: Option<(i32, i64)>,
}

impl Read {
    /// What was read.
    pub(super) fn new(records: Bytes, offsets: Offsets) -> Self {
        Self {
            records,
            offsets,
            diverging: None,
        }
    }

    /// Whether there is more to read than was: waiting would gain nothing.
    fn is_cut(&self) -> bool {
        last_end(&self.records).is_some_and(|end| end < self.offsets.high_watermark)
    }
}

/// The offset after the last batch.
fn last_end(mut records: &[u8]) -> Option<i64> {
    let mut end = None;
    while let Ok(header) = BatchHeader::parse(records) {
        end = Some(header.last_offset() + 1);
        records = records.get(header.size()..).unwrap_or_default();
    }
    end
}

/// What is refused as a whole.
pub(super) fn refusal(version: i16, request: &FetchRequest) -> Option<ResponseError> {
    let replica = match version {
        REPLICA_STATE.. => request.replica_state.replica_id,
        _ => request.replica_id,
    };
    if !is_consumer(replica) {
        return Some(ResponseError::ClusterAuthorizationFailed);
    }
    // No session was ever begun here: this one is another node's, or of a life before.
    let continues = request.session_id != 0 && request.session_epoch != NO_SESSION;
    continues.then_some(ResponseError::FetchSessionIdNotFound)
}

/// Where the client's log parts from this one, when it says what it read last (KIP-595).
pub(super) fn diverging(
    asked: &FetchPartition,
    end_of_epoch: impl FnOnce() -> (i32, i64),
) -> Result<Option<(i32, i64)>, ResponseError> {
    if asked.last_fetched_epoch < 0 {
        return Ok(None);
    }
    match end_of_epoch() {
        (_, ..0) => Err(ResponseError::OffsetOutOfRange),
        (epoch, end) if epoch < asked.last_fetched_epoch || end < asked.fetch_offset => {
            Ok(Some((epoch, end)))
        }
        _ => Ok(None),
    }
}

/// Whether the answer should go out now.
pub(super) fn satisfied(request: &FetchRequest, answers: &[Answer]) -> bool {
    let wanted = usize::try_from(request.min_bytes).unwrap_or(0);
    let wanted = wanted.min(Limits::of(request).response);
    let mut bytes = 0;
    for answer in answers {
        match answer {
            Err(_) => return true,
            Ok(read) if read.diverging.is_some() => return true,
            Ok(read) => bytes += read.records.len(),
        }
    }
    bytes >= wanted || answers.iter().flatten().any(Read::is_cut)
}

/// How many bytes of records an answer may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// Over all partitions, the first batch apart.
    pub(super) response: usize,
}

impl Limits {
    /// What the client asks for and the broker allows.
    pub(super) fn of(request: &FetchRequest) -> Self {
        let asked = usize::try_from(request.max_bytes).unwrap_or(0);
        Self {
            response: asked.min(FETCH_MAX_BYTES),
        }
    }
}

/// How much of an answer is used up, partition by partition.
///
/// The first batch of the answer comes whole, however large, so that a consumer always gets on
/// (KIP-74); a later partition whose first batch has no room waits for its turn.
#[derive(Debug)]
pub(super) struct Progress {
    left: usize,
    is_first: bool,
}

impl Progress {
    /// Nothing used yet.
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            left: limits.response,
            is_first: true,
        }
    }

    /// How much to read of a partition; `None` when there is no room.
    pub(super) fn limit(&self, partition_max_bytes: i32) -> Option<usize> {
        let limit = self.room(partition_max_bytes);
        (self.is_first || limit > 0).then_some(limit)
    }

    /// What of the bytes read goes into the answer: a first batch may be larger than the limit.
    pub(super) fn accept(&mut self, records: Bytes, partition_max_bytes: i32) -> Bytes {
        if records.is_empty() {
            return records;
        }
        if !self.is_first && records.len() > self.room(partition_max_bytes) {
            return Bytes::new();
        }
        self.is_first = false;
        self.left = self.left.saturating_sub(records.len());
        records
    }

    fn room(&self, partition_max_bytes: i32) -> usize {
        usize::try_from(partition_max_bytes)
            .unwrap_or(0)
            .min(self.left)
    }
}
