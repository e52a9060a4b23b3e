//! Fetch (1): whole record batches below the high watermark, with a long poll.
//!
//! ```text
//! read every partition ─▶ enough, an error, or late? ─ yes ─▶ answer
//!          ▲                       │ no
//!          └── an offset or a role changed ◀── wait
//! ```
//! Followers serve consumers, too (KIP-392). Every answer is sessionless: session id 0 tells a
//! client to name all its partitions each time (KIP-227). Nothing is transactional yet, so the
//! last stable offset is the high watermark.

mod plan;
mod respond;

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{FuturesUnordered, StreamExt};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::{FetchRequest, FetchResponse};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use self::plan::{Limits, Progress, Read, diverging, refusal, satisfied};
use super::Context;
use super::checks::check_epoch;
use crate::node::broker::limits::{Budget, Share};
use crate::node::bugs;
use crate::node::partition::{Offsets, Partition, Serving};
use crate::spec::{TopicId, defaults};

/// The first version whose clients may read from followers (KIP-392).
const FOLLOWERS: i16 = 11;
/// The first version that names topics by id (KIP-516).
const IDS: i16 = 13;
/// When memory for answers is scarce, an answer gets this much.
const SCARCE: usize = 64 << 10;
/// Who gets none of it within this time, or its own longer wait, is answered without records.
const MEMORY_WAIT: Duration = Duration::from_secs(1);

/// What is known of one partition of the request.
type Answer = Result<Read, ResponseError>;
/// A hosted partition, or why there is none.
type Replica = Result<Arc<Partition>, ResponseError>;

/// Reads, or waits until there is enough to read; with the answer's share of the memory.
pub(in crate::node::broker) async fn handle(
    cx: &Context,
    version: i16,
    request: &FetchRequest,
) -> (FetchResponse, Option<Share>) {
    if let Some(error) = refusal(version, request) {
        return (respond::refused(version, request, error), None);
    }
    let fetch = Fetch {
        cx,
        version,
        request,
        until: Instant::now() + wait_of(request),
    };
    let Some((answers, share)) = fetch.poll().await else {
        return (FetchResponse::default(), None);
    };
    let hint = |topic: &FetchTopic, index| fetch.leader_hint(topic, index);
    let response = respond::respond(version, request, answers, hint);
    let bytes = respond::record_bytes(&response);
    cx.stats.fetched_bytes.add(bytes as u64);
    (response, Some(Budget::shrink(share, bytes)))
}

fn wait_of(request: &FetchRequest) -> Duration {
    let millis = u64::try_from(request.max_wait_ms).unwrap_or(0);
    Duration::from_millis(millis).min(defaults::CONNECTION_IDLE)
}

struct Fetch<'a> {
    cx: &'a Context,
    version: i16,
    request: &'a FetchRequest,
    until: Instant,
}

/// The receivers of one replica, from before it was read.
struct Watch {
    offsets: watch::Receiver<Offsets>,
    serving: watch::Receiver<Serving>,
}

/// How a wait ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Woken {
    /// Something changed: worth another look.
    Changed,
    /// Time is up, a replica is gone, or the node stops: answer with what there is.
    Last,
}

impl Fetch<'_> {
    /// One answer for each partition in the order of the request; `None` when there was no
    /// memory for any in time.
    async fn poll(&self) -> Option<(Vec<Answer>, Share)> {
        let mut woken = if self.until <= Instant::now() {
            Woken::Last
        } else {
            Woken::Changed
        };
        // The first look needs no receivers: most fetches find something.
        let (mut answers, mut share) = self.read(&self.replicas()).await?;
        while woken == Woken::Changed && !satisfied(self.request, &answers) {
            drop((answers, share));
            let replicas = self.replicas();
            let watches = watches(&replicas);
            (answers, share) = self.read(&replicas).await?;
            if satisfied(self.request, &answers) {
                break;
            }
            woken = self.wait(watches).await;
            if woken == Woken::Last {
                drop((answers, share));
                (answers, share) = self.read(&self.replicas()).await?;
            }
        }
        Some((answers, share))
    }

    fn replicas(&self) -> Vec<Replica> {
        let topics = self.request.topics.iter();
        topics
            .flat_map(|topic| topic.partitions.iter().map(move |asked| (topic, asked)))
            .map(|(topic, asked)| self.replica(topic, asked))
            .collect()
    }

    fn replica(&self, topic: &FetchTopic, asked: &FetchPartition) -> Replica {
        let cluster = &self.cx.cluster;
        match self.version {
            IDS.. if topic.topic_id.is_nil() => Err(ResponseError::UnknownTopicId),
            IDS.. => cluster.partition_by_id(TopicId(topic.topic_id), asked.partition),
            _ => cluster.partition(&topic.topic, asked.partition),
        }
    }

    async fn read(&self, replicas: &[Replica]) -> Option<(Vec<Answer>, Share)> {
        let (limits, share) = self.memory().await?;
        let topics = self.request.topics.iter();
        let partitions = topics.flat_map(|topic| &topic.partitions);
        let mut progress = Progress::new(limits);
        let answers = replicas.iter().zip(partitions).map(|(replica, asked)| {
            let replica = replica.as_ref().map_err(|error| *error)?;
            self.read_one(replica, asked, &mut progress)
        });
        Some((answers.collect(), share))
    }

    /// Memory for an answer: as much as was asked for, or a little when there is not enough.
    async fn memory(&self) -> Option<(Limits, Share)> {
        let outgoing = &self.cx.outgoing;
        let full = Limits::of(self.request);
        if let Some(share) = outgoing.try_take(full.response) {
            return Some((full, share));
        }
        let scarce = Limits {
            response: full.response.min(SCARCE),
        };
        let share = outgoing.clone().take(scarce.response);
        let until = self.until.max(Instant::now() + MEMORY_WAIT);
        Some((scarce, timeout_at(until, share).await.ok()?))
    }

    fn read_one(
        &self,
        replica: &Partition,
        asked: &FetchPartition,
        progress: &mut Progress,
    ) -> Answer {
        let serving = replica.serving();
        check_epoch(serving, asked.current_leader_epoch)?;
        if matches!(serving, Serving::Follower { .. }) && self.version < FOLLOWERS {
            return Err(ResponseError::NotLeaderOrFollower);
        }
        let end_of_epoch = || replica.epoch_end(asked.last_fetched_epoch);
        if let Some(diverging) = diverging(asked, end_of_epoch)? {
            return Ok(Read {
                diverging: Some(diverging),
                ..Read::new(Bytes::new(), replica.offsets())
            });
        }
        let limit = progress.limit(asked.partition_max_bytes);
        let records = match limit {
            Some(limit) => bugs::fetched(replica.read(asked.fetch_offset, limit)?),
            None => Bytes::new(),
        };
        let records = progress.accept(records, asked.partition_max_bytes);
        // The offsets after the bytes: a high watermark below them would be a lie.
        Ok(Read::new(records, replica.offsets()))
    }

    async fn wait(&self, mut watches: Vec<Watch>) -> Woken {
        let mut changes = FuturesUnordered::new();
        for watch in &mut watches {
            let (offsets, serving) = (&mut watch.offsets, &mut watch.serving);
            changes.push(async move {
                tokio::select! {
                    moved = offsets.changed() => moved.is_ok(),
                    moved = serving.changed() => moved.is_ok(),
                }
            });
        }
        let mut stopped = pin!(self.cx.shutdown.cancelled());
        let change = std::future::poll_fn(|cx| {
            if stopped.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Woken::Last);
            }
            match changes.poll_next_unpin(cx) {
                Poll::Ready(Some(true)) => Poll::Ready(Woken::Changed),
                Poll::Ready(Some(false)) => Poll::Ready(Woken::Last),
                // Nothing to watch: only the deadline ends the wait.
                Poll::Ready(None) | Poll::Pending => Poll::Pending,
            }
        });
        timeout_at(self.until, change).await.unwrap_or(Woken::Last)
    }

    fn leader_hint(&self, topic: &FetchTopic, index: i32) -> Option<super::view::LeaderHint> {
        if self.version < IDS {
            return self.cx.leader_hint(&topic.topic, index);
        }
        let image = self.cx.cluster.image();
        let name = &image.topic_by_id(TopicId(topic.topic_id))?.name;
        self.cx.leader_hint(name, index)
    }
}

fn watches(replicas: &[Replica]) -> Vec<Watch> {
    let hosted = replicas.iter().filter_map(|replica| replica.as_ref().ok());
    hosted
        .map(|replica| {
            let mut watch = Watch {
                offsets: replica.watch_offsets(),
                serving: replica.watch_serving(),
            };
            watch.offsets.mark_unchanged();
            watch.serving.mark_unchanged();
            watch
        })
        .collect()
}

#[cfg(test)]
mod tests;
