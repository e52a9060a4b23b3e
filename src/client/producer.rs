//! A producer that its owner drives: no task of its own, no channel per record.
//!
//! The owner pushes records and asks for the next event; between the two, what waits is sent.
//! ```text
//! push ─► a lane per partition ─► one request per broker ─► answers ─► events ─► the owner
//! ```
//! Promises: what waits is batched without lingering, at most five requests of a partition are
//! unanswered, a batch is sent again only by the settings' leave and then with the same bytes and
//! sequence numbers (one that is too large for the broker as two, its records numbered as they
//! were), and every attempt that failed is an event. After a failure the other brokers
//! are asked in turn who leads. It does not choose partitions and does not compress.

mod batch;
mod brokers;
mod event;
mod failure;
mod lane;
mod settings;
mod work;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::stream::{FuturesUnordered, StreamExt};
use kafka_protocol::messages::ProduceRequest;
use kafka_protocol::messages::produce_request::PartitionProduceData;

use super::admin::{self, ClusterView, ProducerIdentity, TopicView};
use super::api::Api;
use super::error::{CallError, ClientError};
use crate::spec::NodeId;
use batch::SealedBatch;
use brokers::Brokers;
use lane::{Lane, Leader};
use work::{Done, Seat, Work};

pub use batch::NewRecord;
pub use event::{Acked, AttemptError, Event, Failed, Run, Span};
pub use settings::{Acks, Idempotence, Packing, ProducerSettings};

/// Why a producer could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No broker answered well in time; the last one's reason.
    #[error("no broker answers: {0}")]
    Unreachable(#[source] CallError),
    /// A broker knows the topic, and none gave a producer id: that takes a majority.
    #[error("no majority of the brokers answers: {0}")]
    NoIdentity(#[source] CallError),
    /// The brokers do not know the topic.
    #[error("there is no topic {0:?}")]
    NoTopic(String),
    /// No address to begin with.
    #[error("no bootstrap address was given")]
    NoBootstrap,
}

impl OpenError {
    /// How far an attempt came: nobody there, no answer, no identity.
    fn closeness(&self) -> u8 {
        match self {
            Self::Unreachable(CallError::Client(ClientError::Refused { .. })) => 0,
            Self::Unreachable(_) => 1,
            Self::NoIdentity(_) | Self::NoTopic(_) | Self::NoBootstrap => 2,
        }
    }
}

/// Why a record was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// So much is unacked that nothing more is taken until an event has been seen.
    #[error("too much is unacked")]
    Full,
    /// The topic has no such partition.
    #[error("there is no partition {0}")]
    NoPartition(u32),
}

/// A producer for one topic. Dropping it forgets what is unacked.
pub struct Producer {
    settings: ProducerSettings,
    brokers: Brokers,
    lanes: Vec<Lane>,
    work: FuturesUnordered<Work>,
    events: VecDeque<Event>,
    refreshing: bool,
    identifying: bool,
    unacked: usize,
}

impl Producer {
    /// Asks the bootstrap brokers in turn, until `deadline`, for the topic and an identity.
    pub async fn open(settings: ProducerSettings, deadline: Duration) -> Result<Self, OpenError> {
        let give_up = Instant::now() + deadline;
        let mut brokers = Brokers::new(&settings.bootstrap);
        if settings.bootstrap.is_empty() {
            return Err(OpenError::NoBootstrap);
        }
        let mut closest = None;
        loop {
            let error = match ask(&settings, &mut brokers).await {
                Ok((view, identity)) => return Self::over(settings, brokers, &view, identity),
                Err(error @ OpenError::NoTopic(_)) => return Err(error),
                Err(error) => error,
            };
            // Brokers are asked in turn: what the last one says need not be what is in the way.
            let told = closest.take().into_iter().chain([error]);
            closest = told.max_by_key(OpenError::closeness);
            if Instant::now() >= give_up
                && let Some(error) = closest
            {
                return Err(error);
            }
            tokio::time::sleep(settings.retry_pause).await;
        }
    }

    fn over(
        settings: ProducerSettings,
        brokers: Brokers,
        view: &ClusterView,
        identity: Option<ProducerIdentity>,
    ) -> Result<Self, OpenError> {
        let topic = whole(view, &settings)?;
        let lane = |_| identity.map_or_else(Lane::unnumbered, Lane::numbered);
        let mut producer = Self {
            lanes: topic.partitions.iter().map(lane).collect(),
            settings,
            brokers,
            work: FuturesUnordered::new(),
            events: VecDeque::new(),
            refreshing: false,
            identifying: false,
            unacked: 0,
        };
        producer.follow(view);
        // The leaders at the start are no news.
        producer.events.clear();
        Ok(producer)
    }

    /// How many partitions the topic has.
    pub fn partitions(&self) -> u32 {
        self.lanes.len() as u32
    }

    /// Takes a record for a partition and returns its number there, counted from 0.
    ///
    /// `at` is when it was meant to be sent; it comes back in [`Acked::runs`].
    pub fn push(
        &mut self,
        partition: u32,
        record: NewRecord<'_>,
        at: Instant,
    ) -> Result<u64, PushError> {
        let lane = self
            .lanes
            .get_mut(partition as usize)
            .ok_or(PushError::NoPartition(partition))?;
        let size = record.size();
        if self.unacked > 0 && self.unacked + size > self.settings.max_unacked {
            return Err(PushError::Full);
        }
        let number = lane
            .push(record, at, self.settings.max_batch)
            .ok_or(PushError::Full)?;
        if self.settings.packing == Packing::OnePerRequest {
            lane.seal();
        }
        self.unacked += size;
        Ok(number)
    }

    /// Whether any record is neither acked nor given up, or that is still to be told.
    pub fn is_busy(&self) -> bool {
        !self.events.is_empty() || self.lanes.iter().any(Lane::is_busy)
    }

    /// Sends what waits and waits for the next event; `None` when there is nothing to wait for.
    ///
    /// Can be dropped while it waits and asked again: nothing is lost.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            // All that has come in goes to the owner before anything is sent, so that what it
            // pushes in return shares the next requests.
            if let Some(Some(done)) = self.work.next().now_or_never() {
                self.take_in(done);
                continue;
            }
            self.flush();
            if !self.events.is_empty() {
                continue;
            }
            let done = self.work.next().await?;
            self.take_in(done);
        }
    }

    /// Sends all that may be sent, and starts what is missing for the rest.
    fn flush(&mut self) {
        let now = Instant::now();
        let mut tried: Vec<NodeId> = Vec::new();
        for index in 0..self.lanes.len() {
            let Some(broker) = self.lanes[index].wants() else {
                continue;
            };
            if !tried.contains(&broker) {
                tried.push(broker);
                self.send_all(broker, now);
            }
        }
        self.start_refresh(now);
        self.start_identify(now);
    }

    fn send_all(&mut self, broker: NodeId, now: Instant) {
        if self.brokers.connection(broker).is_none() {
            self.dial(broker);
            return;
        }
        while self.send_one(broker, now) {}
    }

    fn dial(&mut self, broker: NodeId) {
        if let Some((addr, generation)) = self.brokers.start_dial(broker) {
            let timeout = self.settings.attempt_timeout;
            self.work
                .push(work::dialing((broker, generation), addr, timeout));
        }
    }

    /// Sends one request to a broker; whether there may be more for it.
    fn send_one(&mut self, broker: NodeId, now: Instant) -> bool {
        let Some((connection, generation)) = self.brokers.connection(broker) else {
            return false;
        };
        if !connection.has_room() {
            return false;
        }
        let (seats, data) = load(&mut self.lanes, broker, self.settings.packing, now);
        if seats.is_empty() {
            return false;
        }
        let request = work::request(&self.settings, data);
        let (addr, timeout) = (connection.addr(), self.settings.attempt_timeout);
        let flight = (broker, generation);
        match connection.try_send(ProduceRequest::VERSION, request) {
            Ok(answer) => {
                let landing = work::landing(flight, seats, answer, (addr, timeout));
                self.work.push(landing);
                true
            }
            Err(error) => {
                self.lost(flight, &seats, &error);
                false
            }
        }
    }

    fn start_refresh(&mut self, now: Instant) {
        let wanted = |lane: &Lane| lane.wants_leader() && lane.is_busy();
        self.expire(now);
        if self.refreshing || !self.lanes.iter().any(wanted) {
            return;
        }
        self.refreshing = true;
        let addr = self.brokers.next_to_ask(now);
        let topic = self.settings.topic.clone();
        let after = now + self.settings.retry_pause;
        self.work.push(work::refreshing(addr, topic, after));
    }

    fn start_identify(&mut self, now: Instant) {
        let wanted = self.lanes.iter_mut().any(Lane::wants_identity);
        if self.identifying || !wanted {
            return;
        }
        self.identifying = true;
        let addr = self.brokers.next_to_ask(now);
        let after = now + self.settings.retry_pause;
        self.work.push(work::identifying(addr, after));
    }

    fn take_in(&mut self, done: Done) {
        match done {
            Done::Landed(landed) => self.landed(landed),
            Done::Dialed {
                broker,
                generation,
                addr,
                dialed,
            } => self.dialed((broker, generation), addr, dialed),
            Done::Refreshed { addr, view } => {
                self.refreshing = false;
                match view {
                    Ok(view) => self.follow(&view),
                    Err(error) => self.unreachable(addr, error),
                }
            }
            Done::Identified { addr, identity } => {
                self.identifying = false;
                match identity {
                    Ok(identity) => self.identified(identity),
                    Err(error) => self.unreachable(addr, error),
                }
            }
        }
    }

    fn identified(&mut self, identity: ProducerIdentity) {
        // Sequences are counted per partition, so that all may share it.
        for lane in &mut self.lanes {
            if lane.wants_identity() {
                lane.identify(identity);
            }
        }
    }

    /// Learns leaders from a view.
    fn follow(&mut self, view: &ClusterView) {
        self.brokers.learn(view);
        let at = Instant::now();
        let Some(topic) = view.topic(&self.settings.topic) else {
            return;
        };
        for partition in &topic.partitions {
            let Some(node) = partition.leader.filter(|node| self.brokers.knows(*node)) else {
                continue;
            };
            let epoch = partition.epoch;
            let lane = self.lanes.get_mut(partition.index as usize);
            if lane.is_some_and(|lane| lane.follow(Leader { node, epoch }, at)) {
                self.events.push_back(Event::Moved {
                    partition: partition.index,
                    leader: node,
                    epoch,
                    at,
                });
            }
        }
    }
}

/// Takes what a broker should get in one request.
fn load(
    lanes: &mut [Lane],
    broker: NodeId,
    packing: Packing,
    now: Instant,
) -> (Vec<Seat>, Vec<PartitionProduceData>) {
    let (mut seats, mut data) = (Vec::new(), Vec::new());
    for (partition, lane) in (0..).zip(lanes) {
        if lane.wants() != Some(broker) {
            continue;
        }
        let Some(batch) = lane.take(now) else {
            continue;
        };
        seats.push(seat(partition, batch));
        data.push(work::partition_data(partition, batch));
        if packing == Packing::OnePerRequest {
            break;
        }
    }
    (seats, data)
}

fn seat(partition: u32, batch: &SealedBatch) -> Seat {
    Seat {
        partition,
        first: batch.first,
    }
}

fn whole<'a>(
    view: &'a ClusterView,
    settings: &ProducerSettings,
) -> Result<&'a TopicView, OpenError> {
    let topic = view.topic(&settings.topic).filter(|topic| is_whole(topic));
    topic.ok_or_else(|| OpenError::NoTopic(settings.topic.clone()))
}

/// Whether the partitions are numbered from 0 without a gap.
fn is_whole(topic: &TopicView) -> bool {
    let indexes = topic.partitions.iter().map(|partition| partition.index);
    !topic.partitions.is_empty() && indexes.eq(0..topic.partitions.len() as u32)
}

/// Asks the next broker for the topic and, if wanted, an identity.
async fn ask(
    settings: &ProducerSettings,
    brokers: &mut Brokers,
) -> Result<(ClusterView, Option<ProducerIdentity>), OpenError> {
    let addr = brokers.next_to_ask(Instant::now());
    let timeout = settings.attempt_timeout;
    let view = admin::metadata(addr, Some(&[&settings.topic]), timeout).await;
    let view = view.map_err(OpenError::Unreachable)?;
    whole(&view, settings)?;
    let identity = match settings.idempotence {
        Idempotence::On => {
            let identity = work::identity(addr, timeout).await;
            Some(identity.map_err(OpenError::NoIdentity)?)
        }
        Idempotence::Off => None,
    };
    Ok((view, identity))
}

#[cfg(test)]
mod tests;
