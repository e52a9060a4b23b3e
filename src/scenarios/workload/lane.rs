//! What one producer sends to one partition.
//!
//! Records become due by the clock; what is due is sealed into a batch as soon as one more may be
//! under way. Each send is one attempt in the history. 5 ms after a failure the batch is sent to
//! the next broker, as another attempt.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use kafka_protocol::messages::{ProduceRequest, ProduceResponse};
use tokio::sync::watch;

use super::outcome;
use super::pace::{Load, Pace};
use super::recorder::Recorder;
use super::route::{ATTEMPT_TIMEOUT, RETRY_PAUSE, Route};
use super::window::{Batch, Turn, Window};
use super::wire;
use crate::client::admin::{Admin, ProducerIdentity};
use crate::client::{Answer, Api, ClientError};
use crate::protocol::records::BatchBuilder;
use crate::scenarios::history::{
    Attempt, ClientId, Event, Identity, Micros, Outcome, Run, TopicPartition, ValueId, ValueMark,
    encode_value,
};
use crate::spec::NodeId;

/// From a failure to the next attempt of a producer that stays.
const STAYING_PAUSE: Duration = Duration::from_millis(25);
/// What has become due is looked at this often.
const TICK: Duration = Duration::from_millis(1);
/// Records of one batch: with the largest values still a small part of what brokers take.
const MAX_BATCH_BYTES: usize = 256 << 10;

/// Whom a producer asks after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Habit {
    /// The next broker, until one serves it.
    Seeks,
    /// The same broker, whoever leads, for as long as the load lasts; what was not acked by then
    /// is brought to the leader.
    Stays(NodeId),
}

/// What all lanes of one producer share.
#[derive(Debug)]
pub(super) struct Producer {
    pub(super) client: ClientId,
    pub(super) attempts: AtomicU64,
}

/// What a lane sends.
#[derive(Debug, Clone)]
pub(super) struct Goods {
    pub(super) topic: Arc<str>,
    pub(super) partition: TopicPartition,
    pub(super) mark: ValueMark,
    pub(super) lane: u32,
    pub(super) size: usize,
    pub(super) pace: Pace,
}

/// An attempt that ended.
struct Landing {
    number: u64,
    first: u64,
    answered: Micros,
    answer: Result<ProduceResponse, ClientError>,
}

type Landings = FuturesUnordered<Pin<Box<dyn Future<Output = Landing> + Send>>>;

/// One lane. It runs until nothing more is due and all is settled.
pub(super) struct Lane {
    pub(super) recorder: Recorder,
    pub(super) producer: Arc<Producer>,
    pub(super) identity: Option<ProducerIdentity>,
    /// How long an attempt may take.
    pub(super) patience: Duration,
    pub(super) habit: Habit,
    pub(super) goods: Goods,
    pub(super) route: Route,
    pub(super) load: watch::Receiver<Load>,
    window: Window,
    landings: Landings,
    /// Attempts without an end so far, by their numbers.
    aloft: BTreeMap<u64, Attempt>,
    sealed: u64,
    sequence: i32,
    again_at: Option<Instant>,
}

/// What a lane is made of.
pub(super) struct LaneParts {
    pub(super) recorder: Recorder,
    pub(super) producer: Arc<Producer>,
    pub(super) identity: Option<ProducerIdentity>,
    /// How long an attempt may take.
    pub(super) patience: Duration,
    pub(super) habit: Habit,
    pub(super) goods: Goods,
    pub(super) route: Route,
    pub(super) load: watch::Receiver<Load>,
}

impl Lane {
    /// A lane with `in_flight` batches under way at most.
    pub(super) fn new(parts: LaneParts, in_flight: usize) -> Self {
        Self {
            recorder: parts.recorder,
            producer: parts.producer,
            identity: parts.identity,
            patience: parts.patience,
            habit: parts.habit,
            goods: parts.goods,
            route: parts.route,
            load: parts.load,
            window: Window::new(in_flight),
            landings: Landings::new(),
            aloft: BTreeMap::new(),
            sealed: 0,
            sequence: 0,
            again_at: None,
        }
    }

    /// Sends until nothing more is due and all is settled.
    pub(super) async fn run(mut self) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                biased;
                Some(landing) = self.landings.next() => self.land(landing).await,
                _now = ticks.tick() => {}
            }
            if self.is_over() {
                return;
            }
            self.send_what_may_be_sent().await;
        }
    }

    fn is_over(&self) -> bool {
        let load = *self.load.borrow();
        self.window.is_empty() && self.goods.pace.is_over(load, self.sealed)
    }

    async fn send_what_may_be_sent(&mut self) {
        if self.again_at.is_some_and(|at| Instant::now() < at) {
            return;
        }
        self.again_at = None;
        while self.again_at.is_none() {
            if let Some(batch) = self.window.launch() {
                self.send(batch).await;
            } else if self.window.has_room()
                && let Some(batch) = self.seal()
            {
                self.window.push(batch);
            } else {
                return;
            }
        }
    }

    /// Seals what is due, if anything is.
    fn seal(&mut self) -> Option<Batch> {
        let due = self.goods.pace.due(*self.load.borrow(), Instant::now());
        let most = (MAX_BATCH_BYTES / self.goods.size).max(1) as u64;
        let records = due.saturating_sub(self.sealed).min(most);
        if records == 0 {
            return None;
        }
        let bytes = self.fill(records);
        let batch = Batch::new(bytes, self.sealed, records as u32, self.sequence);
        self.sealed += records;
        self.sequence += records as i32;
        Some(batch)
    }

    fn fill(&self, records: u64) -> Bytes {
        let mut builder = BatchBuilder::new();
        for number in self.sealed..self.sealed + records {
            let mark = ValueMark {
                value: ValueId::of(self.goods.lane, number),
                ..self.goods.mark
            };
            let value = encode_value(&mark, self.goods.size);
            // The value's name as the key lets search find it, and tells a person which it is.
            let key = mark.value.to_string();
            builder.push(now_ms(), Some(key.as_bytes()), Some(&value), &[]);
        }
        match self.identity {
            Some(identity) => builder.producer(identity.id, identity.epoch, self.sequence),
            None => builder,
        }
        .build()
    }

    async fn send(&mut self, batch: Batch) {
        let first = batch.first;
        let broker = self.route.broker();
        let Some((answer, addr, connection, sent)) = self.put_on_the_wire(&batch).await else {
            // Nothing went out: there is no connection, or it is full.
            let turn = self.window.withdraw(first);
            return self.take(turn).await;
        };
        let number = self.producer.attempts.fetch_add(1, Ordering::Relaxed);
        let attempt = self.attempt(&batch, (number, connection), (sent, broker));
        self.aloft.insert(number, attempt);
        let recorder = self.recorder.clone();
        let after = self.patience;
        self.landings.push(Box::pin(async move {
            let answer = tokio::time::timeout(after, answer).await;
            Landing {
                number,
                first,
                answered: recorder.now(),
                answer: answer.unwrap_or(Err(ClientError::Timeout { addr, after })),
            }
        }));
    }

    /// An attempt that has just been sent.
    fn attempt(
        &self,
        batch: &Batch,
        (number, connection): (u64, u32),
        (sent, broker): (Micros, NodeId),
    ) -> Attempt {
        let values = ValueId::of(self.goods.lane, batch.first);
        Attempt {
            client: self.producer.client,
            number,
            connection,
            identity: self.identity.map(|identity| Identity {
                producer: identity.id,
                epoch: identity.epoch,
                sequence: batch.sequence,
            }),
            partition: self.goods.partition,
            values: Run(values, batch.records),
            intended: self.intended(batch.first, sent),
            sent,
            answered: sent,
            broker,
            outcome: Outcome::Unknown {
                code: None,
                why: String::from("the scenario ended before an answer"),
            },
        }
    }

    async fn put_on_the_wire(
        &mut self,
        batch: &Batch,
    ) -> Option<(Answer<ProduceRequest>, SocketAddr, u32, Micros)> {
        let (topic, partition) = (&self.goods.topic, self.goods.partition.1);
        let request = wire::produce(topic, partition, batch.bytes.clone(), self.patience);
        let line = self.route.line().await.ok()?;
        let sent = self.recorder.now();
        let answer = line.connection.try_send(ProduceRequest::VERSION, request);
        Some((answer.ok()?, line.connection.addr(), line.number, sent))
    }

    /// When the record should have been sent. One that was kept from the leader on purpose waited
    /// for nobody.
    fn intended(&self, number: u64, sent: Micros) -> Micros {
        let moment = self.goods.pace.moment(*self.load.borrow(), number);
        match (self.habit, moment) {
            (Habit::Seeks, Some(moment)) => self.recorder.at(moment).min(sent),
            (Habit::Stays(_), _) | (Habit::Seeks, None) => sent,
        }
    }

    async fn land(&mut self, landing: Landing) {
        let (outcome, next) = outcome::judge(&landing.answer);
        if let Some(attempt) = self.aloft.remove(&landing.number) {
            if let Err(error) = &landing.answer
                && attempt.broker == self.route.broker()
            {
                self.route.heard(error);
            }
            self.recorder.record(Event::Produce(Attempt {
                answered: landing.answered,
                outcome,
                ..attempt
            }));
        }
        let turn = self.window.settle(landing.first, next);
        self.take(turn).await;
    }

    async fn take(&mut self, turn: Turn) {
        match turn {
            Turn::None => return,
            Turn::Elsewhere => {}
            Turn::Anew => self.begin_anew().await,
        }
        let stays = matches!(self.habit, Habit::Stays(_));
        if stays && matches!(*self.load.borrow(), Load::On(_)) {
            self.again_at = Some(Instant::now() + STAYING_PAUSE);
        } else {
            self.route.turn();
            self.again_at = Some(Instant::now() + RETRY_PAUSE);
        }
    }

    /// A new identity, with sequence numbers from 0; without one the lane stays as it is.
    async fn begin_anew(&mut self) {
        let Ok(line) = self.route.line().await else {
            return;
        };
        let addr = line.connection.addr();
        let asked = async {
            Admin::connect(addr, ATTEMPT_TIMEOUT)
                .await?
                .init_producer_id()
                .await
        };
        if let Ok(identity) = asked.await {
            (self.identity, self.sequence) = (Some(identity), 0);
        }
    }
}

impl Drop for Lane {
    /// A value without an attempt in the history would be one from nowhere.
    fn drop(&mut self) {
        let answered = self.recorder.now();
        for attempt in std::mem::take(&mut self.aloft).into_values() {
            let attempt = Attempt {
                answered,
                ..attempt
            };
            self.recorder.record(Event::Produce(attempt));
        }
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}
