//! Produce (0): appends one batch to each partition of a request.
//!
//! ```text
//! start: validate, put each append into its partition's queue   (in arrival order, at once)
//! then:  wait for all of them, answer
//! ```
//! The appends are polled once before `start` returns: that enqueues them, so requests of one
//! connection reach a partition in the order in which they came, however many are in flight.
//! Topics are never created here. `UnknownServerError` is never an answer, since a Java client
//! duplicates records after it.

mod check;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::{BoxFuture, Either, Ready, join_all, ready};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::{
    BatchIndexAndErrorMessage, LeaderIdAndEpoch, NodeEndpoint, PartitionProduceResponse,
    TopicProduceResponse,
};
use kafka_protocol::messages::{ProduceRequest, ProduceResponse, TopicName};
use tokio::task::unconstrained;

use self::check::{Law, Refused};
use super::view::LeaderHint;
use super::{Context, bounded_timeout, text};
use crate::node::bugs;
use crate::node::metadata::{MetadataImage, TopicImage};
use crate::node::partition::{Acks, Appended, Partition};
use crate::protocol::topic::valid_name;
use crate::spec::configs::TopicConfigs;

/// The first version with record errors and messages (KIP-467).
const MESSAGES: i16 = 8;
/// The first version that names the leader to a client that asked another (KIP-951).
const LEADERS: i16 = 10;
/// The client id under which Apache Kafka, too, lets people write to internal topics.
const ADMIN_CLIENT: &str = "__admin_client";

/// What became of one partition's batch.
type Outcome = Result<Appended, Refused>;
/// A partition's outcome, or the way to it.
type Pending = Either<BoxFuture<'static, Outcome>, Ready<Outcome>>;

/// The outcomes of a request's partitions, by topic, in the order of the request.
type Outcomes = Vec<(TopicName, Vec<(i32, Outcome)>)>;

/// A request whose appends are enqueued.
pub(in crate::node::broker) struct Started {
    version: i16,
    acks: i16,
    topics: Vec<(TopicName, Vec<i32>)>,
    /// One for each partition of each topic.
    pending: Vec<Pending>,
}

/// Validates a request and enqueues its appends, in order.
pub(in crate::node::broker) fn start(
    cx: &Context,
    version: i16,
    client_id: Option<&str>,
    request: ProduceRequest,
) -> Started {
    let image = cx.cluster.image();
    let starter = Starter {
        cx,
        image: &image,
        law: Law {
            version,
            transactional: request.transactional_id.is_some(),
            now_ms: now_ms(),
        },
        acks: acks(request.acks),
        timeout: bounded_timeout(request.timeout_ms),
        is_admin: client_id == Some(ADMIN_CLIENT),
    };
    let mut enqueued = Started {
        version,
        acks: request.acks,
        topics: Vec::with_capacity(request.topic_data.len()),
        pending: Vec::new(),
    };
    for topic in request.topic_data {
        starter.topic(topic, &mut enqueued);
    }
    enqueued
}

impl Started {
    /// Waits for every append. `None` with acks=0 when all is well; the error that such a client
    /// can only be told by closing its connection, when not.
    pub(in crate::node::broker) async fn finish(
        self,
        cx: &Context,
    ) -> Result<Option<ProduceResponse>, ResponseError> {
        let (version, acks) = (self.version, self.acks);
        let outcomes = self.outcomes().await;
        cx.count(&outcomes);
        if acks != 0 {
            return Ok(Some(respond(version, &outcomes, |topic, partition| {
                cx.leader_hint(topic, partition)
            })));
        }
        let mut every = outcomes.iter().flat_map(|(_, partitions)| partitions);
        match every.find_map(|(_, outcome)| outcome.as_ref().err()) {
            None => Ok(None),
            Some(refused) => Err(refused.code),
        }
    }

    async fn outcomes(self) -> Outcomes {
        let mut outcomes = join_all(self.pending).await.into_iter();
        let topics = self.topics.into_iter().map(|(name, indexes)| {
            let count = indexes.len();
            let found = indexes.into_iter().zip(outcomes.by_ref().take(count));
            (name, found.collect())
        });
        topics.collect()
    }
}

impl Context {
    fn count(&self, outcomes: &Outcomes) {
        let every = outcomes.iter().flat_map(|(_, partitions)| partitions);
        let appended = every.filter(|(_, outcome)| outcome.is_ok()).count();
        self.stats.produced_batches.add(appended as u64);
    }

    /// Who leads a partition that this node does not.
    pub(super) fn leader_hint(&self, topic: &str, partition: i32) -> Option<LeaderHint> {
        let image = self.cluster.image();
        let index = u32::try_from(partition).ok()?;
        let leadership = self.cluster.leadership(image.topic(topic)?.group(index));
        LeaderHint::of(self.cluster.spec(), &leadership)
    }
}

struct Starter<'a> {
    cx: &'a Context,
    image: &'a MetadataImage,
    law: Law,
    acks: Result<Acks, ResponseError>,
    timeout: std::time::Duration,
    is_admin: bool,
}

impl Starter<'_> {
    fn topic(&self, data: TopicProduceData, started: &mut Started) {
        let topic = self.find(&data.name);
        let mut indexes = Vec::with_capacity(data.partition_data.len());
        for partition in data.partition_data {
            indexes.push(partition.index);
            started.pending.push(match topic {
                Ok(topic) => self.partition(topic, partition),
                Err(code) => refused(code.into()),
            });
        }
        started.topics.push((data.name, indexes));
    }

    fn find(&self, name: &str) -> Result<&TopicImage, ResponseError> {
        match self.image.topic(name) {
            Some(topic) if topic.is_internal() && !self.is_admin => {
                Err(ResponseError::InvalidTopicException)
            }
            Some(topic) => Ok(topic),
            None if valid_name(name).is_err() => Err(ResponseError::InvalidTopicException),
            None => Err(ResponseError::UnknownTopicOrPartition),
        }
    }

    fn partition(&self, topic: &TopicImage, data: PartitionProduceData) -> Pending {
        match self.checked(topic, data) {
            Ok((partition, acks, batch)) => self.enqueue(partition, acks, batch),
            Err(why) => refused(why),
        }
    }

    fn checked(
        &self,
        topic: &TopicImage,
        data: PartitionProduceData,
    ) -> Result<(Arc<Partition>, Acks, Bytes), Refused> {
        let acks = self.acks?;
        let partition = self.cx.cluster.partition(&topic.name, data.index)?;
        let configs = TopicConfigs::new(&topic.configs, &self.cx.cluster.spec().settings);
        let batch = data.records.unwrap_or_default();
        let batch = self.law.check(batch, configs)?;
        let (partition, batch) = bugs::produced(&self.cx.cluster, partition, batch);
        Ok((partition, acks, batch))
    }

    /// The first poll puts the append into the partition's queue. It must not be stopped by the
    /// scheduler's budget, or a later request could overtake it.
    fn enqueue(&self, partition: Arc<Partition>, acks: Acks, batch: Bytes) -> Pending {
        let timeout = self.timeout;
        let stats = Arc::clone(&self.cx.stats);
        let append = async move {
            let bytes = batch.len() as u64;
            let appended = partition.append(batch, acks, timeout).await;
            let appended = appended.map_err(|error| Refused::from(honest(error)))?;
            stats.produced_bytes.add(bytes);
            Ok(bugs::acked(appended))
        };
        let mut append: BoxFuture<'static, Outcome> = unconstrained(append).boxed();
        match (&mut append).now_or_never() {
            Some(outcome) => Either::Right(ready(outcome)),
            None => Either::Left(append),
        }
    }
}

fn refused(why: Refused) -> Pending {
    Either::Right(ready(Err(why)))
}

fn acks(wire: i16) -> Result<Acks, ResponseError> {
    match wire {
        0 | 1 => Ok(Acks::Leader),
        -1 => Ok(Acks::All),
        _ => Err(ResponseError::InvalidRequiredAcks),
    }
}

/// An append that was lost is said to be lost with its leader: every client then tries again.
fn honest(error: ResponseError) -> ResponseError {
    match error {
        ResponseError::UnknownServerError => ResponseError::NotLeaderOrFollower,
        known => known,
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}

fn respond(
    version: i16,
    outcomes: &Outcomes,
    leader: impl Fn(&str, i32) -> Option<LeaderHint>,
) -> ProduceResponse {
    let mut endpoints = BTreeMap::new();
    let mut responses = Vec::with_capacity(outcomes.len());
    for (name, partitions) in outcomes {
        let entries = partitions.iter().map(|(index, outcome)| {
            let mut response = entry(version, *index, outcome);
            let lost = response.error_code == ResponseError::NotLeaderOrFollower.code();
            if version >= LEADERS
                && lost
                && let Some(hint) = leader(name, *index)
            {
                response.current_leader = LeaderIdAndEpoch::default()
                    .with_leader_id(hint.endpoint.id)
                    .with_leader_epoch(hint.epoch);
                endpoints.insert(hint.endpoint.id, hint.endpoint);
            }
            response
        });
        responses.push(
            TopicProduceResponse::default()
                .with_name(name.clone())
                .with_partition_responses(entries.collect()),
        );
    }
    let endpoints = endpoints.into_values().map(|endpoint| {
        NodeEndpoint::default()
            .with_node_id(endpoint.id)
            .with_host(endpoint.host)
            .with_port(endpoint.port)
    });
    ProduceResponse::default()
        .with_responses(responses)
        .with_node_endpoints(endpoints.collect())
}

fn entry(version: i16, index: i32, outcome: &Outcome) -> PartitionProduceResponse {
    let entry = PartitionProduceResponse::default().with_index(index);
    match outcome {
        Ok(appended) => entry
            .with_base_offset(appended.base_offset)
            .with_log_append_time_ms(appended.log_append_time)
            .with_log_start_offset(appended.log_start),
        Err(refused) if version < MESSAGES => entry
            .with_error_code(refused.code.code())
            .with_base_offset(-1),
        Err(refused) => entry
            .with_error_code(refused.code.code())
            .with_base_offset(-1)
            .with_error_message(refused.message.as_deref().map(text))
            .with_record_errors(refused.record.map(record_error).into_iter().collect()),
    }
}

fn record_error(index: i32) -> BatchIndexAndErrorMessage {
    BatchIndexAndErrorMessage::default().with_batch_index(index)
}

/// A batch of its own: a small slice of a large read buffer would keep all of that alive for as
/// long as the log keeps the batch in memory.
fn detached(batch: Bytes) -> Bytes {
    const WORTH_A_COPY: usize = 16 << 10;
    match batch.len() {
        ..WORTH_A_COPY => Bytes::copy_from_slice(&batch),
        _ => batch,
    }
}

#[cfg(test)]
mod tests;
