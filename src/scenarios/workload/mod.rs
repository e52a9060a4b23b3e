//! The clients of a scenario: producers, readers and groups side by side, and observers of what
//! the nodes say.
//!
//! Everything is an operation of its own in the history: there is no hidden retry, and no client
//! shares a connection with another. Load is open-loop, 1,000 records a second for each partition,
//! three of four from an idempotent producer with five requests in flight and one from a plain
//! producer with one. Besides, every replica of a partition has a plain producer that asks nobody
//! else, a few times a second, whoever leads: what a follower, a deposed leader or a lonely
//! survivor answers is asked for, not left to chance. It judges nothing.

mod committed;
mod contents;
mod cursor;
mod lane;
mod leaders;
mod member;
mod observer;
mod outcome;
mod pace;
mod probe;
mod reader;
mod recorder;
mod replica;
mod route;
mod searcher;
mod window;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

use crate::client::CallError;
use crate::client::admin::{Admin, ProducerIdentity};
use crate::scenarios::history::{
    Assignment, ClientId, History, TopicPartition, ValueId, ValueMark, topic_hash,
};
use crate::spec::NodeId;

use cursor::{Cursor, Reader, Source};
use lane::{Goods, Habit, Lane, LaneParts, Producer};
use member::Member;
use observer::Observer;
use pace::{Load, PER_SECOND, Pace};
use route::{ATTEMPT_TIMEOUT, Route};

pub use committed::{Question, ask as ask_committed};
pub use leaders::Leaders;
pub use observer::seen as metadata_seen;
pub use probe::Probe;
pub use recorder::{Glance, Recorder, Sheet};
pub use replica::Replica;
pub use route::Brokers;
pub use searcher::Searcher;

/// Batches that an idempotent producer has under way (KIP-98 allows five).
const IDEMPOTENT_IN_FLIGHT: usize = 5;
/// More than one would let a plain producer's retries overtake each other.
const PLAIN_IN_FLIGHT: usize = 1;
/// Members of each group.
const MEMBERS: usize = 2;
/// Patient producers, each of which has one record under way at a leader that falls asleep.
const PATIENT: usize = 4;
/// Records a second of each of them for each partition.
const PATIENT_RATE: f64 = 20.0;
/// The longest sleep of a leader is 10 s; the broker's own patience is a fifth less.
const PATIENCE: Duration = Duration::from_secs(20);
/// Records a second of each producer that stays with one replica of a partition.
const STAYING_RATE: f64 = 20.0;
/// A lane's connections are numbered from its own thousand.
const CONNECTIONS: u32 = 100_000;
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// What all clients of a scenario share.
#[derive(Debug, Clone)]
pub struct Arena {
    /// Where everything is written down.
    pub recorder: Recorder,
    /// Whom to ask.
    pub brokers: Brokers,
    /// Who leads, as the observers hear.
    pub leaders: Leaders,
    /// The number that all values carry.
    pub run: u64,
}

/// The topic that is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: Arc<str>,
    /// Its number in the history.
    pub number: u32,
    /// How many partitions it has.
    pub partitions: u32,
}

impl Field {
    /// The topic's partitions.
    pub fn all(&self) -> impl Iterator<Item = TopicPartition> + use<> {
        let number = self.number;
        (0..self.partitions).map(move |partition| TopicPartition(number, partition))
    }
}

/// Who takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cast {
    /// Idempotent and plain producers, readers and a group, at the full rate for as long as wanted,
    /// and producers that stay with one replica each.
    Everybody,
    /// Idempotent producers and readers, for so many records in all.
    Exactly(u64),
    /// Some plain producers that wait for an answer for longer than any fault lasts, so that they
    /// hear what a leader says that slept.
    Patient,
}

/// How a producer sends.
#[derive(Debug, Clone, Copy)]
struct Manner {
    identity: Option<ProducerIdentity>,
    size: usize,
    patience: Duration,
    habit: Habit,
}

/// The clients of one topic.
#[derive(Debug)]
pub struct Workload {
    load: watch::Sender<Load>,
    stop: watch::Sender<bool>,
    lanes: JoinSet<()>,
    readers: JoinSet<()>,
}

impl Workload {
    /// Readies all clients of a topic; nothing is sent before [`Workload::begin`].
    pub async fn prepare(
        arena: &Arena,
        field: &Field,
        cast: Cast,
        size: usize,
    ) -> Result<Self, CallError> {
        let mut workload = Self {
            load: watch::Sender::new(Load::Off),
            stop: watch::Sender::new(false),
            lanes: JoinSet::new(),
            readers: JoinSet::new(),
        };
        let plain = Manner {
            identity: None,
            size,
            patience: ATTEMPT_TIMEOUT,
            habit: Habit::Seeks,
        };
        let idempotent = Manner {
            identity: Some(identity(arena).await?),
            ..plain
        };
        match cast {
            Cast::Everybody => {
                let rate = f64::from(PER_SECOND);
                let endless = |share| move |_partition| pace(rate * share, u64::MAX);
                workload.add_producer(arena, field, idempotent, endless(0.75));
                workload.add_producer(arena, field, plain, endless(0.25));
                workload.add_staying(arena, field, plain);
                workload.add_group(arena, field);
                workload.add_readers(arena, field);
            }
            Cast::Exactly(total) => {
                let parts = u64::from(field.partitions);
                let share = |partition: u32| {
                    let extra = u64::from(u64::from(partition) < total % parts);
                    pace(f64::from(PER_SECOND), total / parts + extra)
                };
                workload.add_producer(arena, field, idempotent, share);
                workload.add_readers(arena, field);
            }
            Cast::Patient => {
                let patient = Manner {
                    patience: PATIENCE,
                    ..plain
                };
                for _ in 0..PATIENT {
                    let pace = |_partition| pace(PATIENT_RATE, u64::MAX);
                    workload.add_producer(arena, field, patient, pace);
                }
            }
        }
        Ok(workload)
    }

    /// For each node a producer that stays there, for the partitions that it holds.
    fn add_staying(&mut self, arena: &Arena, field: &Field, plain: Manner) {
        for node in arena.brokers.keys() {
            let manner = Manner {
                habit: Habit::Stays(*node),
                ..plain
            };
            self.add_producer(arena, field, manner, |_| pace(STAYING_RATE, u64::MAX));
        }
    }

    fn add_producer(
        &mut self,
        arena: &Arena,
        field: &Field,
        manner: Manner,
        pace: impl Fn(u32) -> Pace,
    ) {
        let producer = Arc::new(Producer {
            client: arena.recorder.next_client(),
            attempts: AtomicU64::new(0),
        });
        let in_flight = match manner.identity {
            Some(_) => IDEMPOTENT_IN_FLIGHT,
            None => PLAIN_IN_FLIGHT,
        };
        for partition in field.all() {
            let first = match manner.habit {
                Habit::Seeks => arena.leaders.of(partition),
                Habit::Stays(node) if !holds(arena, partition, node) => continue,
                Habit::Stays(node) => Some(node),
            };
            let base = partition.1 * CONNECTIONS;
            let parts = LaneParts {
                recorder: arena.recorder.clone(),
                producer: Arc::clone(&producer),
                identity: manner.identity,
                patience: manner.patience,
                habit: manner.habit,
                goods: goods(
                    arena,
                    field,
                    (partition, producer.client),
                    (manner.size, pace(partition.1)),
                ),
                route: Route::new(Arc::clone(&arena.brokers), first, base),
                load: self.load.subscribe(),
            };
            self.lanes.spawn(Lane::new(parts, in_flight).run());
        }
    }

    fn add_readers(&mut self, arena: &Arena, field: &Field) {
        let client = arena.recorder.next_client();
        let sipper = arena.recorder.next_client();
        for partition in field.all() {
            let cursor = || Cursor {
                source: source(arena, field, partition),
                route: Route::new(Arc::clone(&arena.brokers), arena.leaders.of(partition), 0),
                position: 0,
            };
            let reader = Reader {
                client,
                assignment: Assignment::Own(0),
            };
            let stop = || self.stop.subscribe();
            self.readers.spawn(reader::run(cursor(), reader, stop()));
            self.readers.spawn(reader::sip(cursor(), sipper, stop()));
        }
    }

    fn add_group(&mut self, arena: &Arena, field: &Field) {
        let group: Arc<str> = Arc::from(group_of(field));
        for _ in 0..MEMBERS {
            let client = arena.recorder.next_client();
            let source = source(arena, field, TopicPartition(field.number, 0));
            let surroundings = (Arc::clone(&arena.brokers), self.stop.subscribe());
            let member = Member::new(client, Arc::clone(&group), source, surroundings);
            self.readers.spawn(member.run());
        }
    }

    /// Lets records become due from now on.
    pub fn begin(&self) {
        self.load.send_replace(Load::On(Instant::now()));
    }

    /// Lets no more records become due, and waits until all are settled; `false` when the
    /// deadline passes first.
    pub async fn ebb(&mut self, deadline: tokio::time::Instant) -> bool {
        self.load.send_modify(|load| {
            if let Load::On(since) = *load {
                *load = Load::Ebbing(since, Instant::now());
            }
        });
        let settled = async {
            while let Some(ended) = self.lanes.join_next().await {
                pass_on(ended);
            }
        };
        let settled = tokio::time::timeout_at(deadline, settled).await.is_ok();
        self.lanes.shutdown().await;
        settled
    }

    /// Ends all clients; what is under way is recorded as unknown.
    pub async fn end(mut self) {
        self.lanes.shutdown().await;
        self.stop.send_replace(true);
        let left = async {
            while let Some(ended) = self.readers.join_next().await {
                pass_on(ended);
            }
        };
        // Each wait of a reader is shorter.
        if tokio::time::timeout(ANSWER_WITHIN, left).await.is_err() {
            self.readers.shutdown().await;
        }
    }
}

/// Observers of all nodes, until they are dropped.
#[derive(Debug)]
pub struct Observers {
    _tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
}

impl Observers {
    /// Begins to ask every node.
    pub fn start(arena: &Arena) -> Self {
        let stop = watch::Sender::new(false);
        let mut tasks = JoinSet::new();
        for (node, addr) in arena.brokers.iter() {
            let observer = Observer {
                recorder: arena.recorder.clone(),
                leaders: arena.leaders.clone(),
                node: *node,
                addr: *addr,
            };
            tasks.spawn(observer.run(stop.subscribe()));
        }
        Self {
            _tasks: tasks,
            stop,
        }
    }

    /// Asks no more.
    pub fn end(self) {
        self.stop.send_replace(true);
    }
}

/// One searcher for each node, until they are ended.
#[derive(Debug)]
pub struct Searchers {
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
}

impl Searchers {
    /// Begins to ask every node's search in passing.
    pub fn start(searchers: Vec<Searcher>) -> Self {
        let stop = watch::Sender::new(false);
        let mut tasks = JoinSet::new();
        for searcher in searchers {
            tasks.spawn(searcher.run(stop.subscribe()));
        }
        Self { tasks, stop }
    }

    /// Asks no more, and waits until nothing more is recorded.
    pub async fn end(self) {
        self.stop.send_replace(true);
        drop(self.tasks.join_all().await);
    }
}

/// The group that reads a topic.
pub fn group_of(field: &Field) -> String {
    format!("{}-readers", field.name)
}

fn pace(per_second: f64, most: u64) -> Pace {
    Pace { per_second, most }
}

fn holds(arena: &Arena, partition: TopicPartition, node: NodeId) -> bool {
    let holds = |history: &History| history.replicas_of(partition).contains(&node);
    arena.recorder.look(holds).unwrap_or(false)
}

fn goods(
    arena: &Arena,
    field: &Field,
    (partition, producer): (TopicPartition, ClientId),
    (size, pace): (usize, Pace),
) -> Goods {
    let lane = arena.recorder.next_lane();
    Goods {
        topic: Arc::clone(&field.name),
        partition,
        mark: ValueMark {
            run: arena.run,
            topic: topic_hash(&field.name),
            partition: partition.1,
            producer,
            value: ValueId::of(lane, 0),
        },
        lane,
        size,
        pace,
    }
}

fn source(arena: &Arena, field: &Field, partition: TopicPartition) -> Source {
    Source {
        recorder: arena.recorder.clone(),
        topic: Arc::clone(&field.name),
        partition,
        run: arena.run,
        leaders: arena.leaders.clone(),
    }
}

/// A new identity from the first broker that gives one.
async fn identity(arena: &Arena) -> Result<ProducerIdentity, CallError> {
    let mut last = None;
    for addr in arena.brokers.values() {
        match identity_from(*addr).await {
            Ok(identity) => return Ok(identity),
            Err(error) => last = Some(error),
        }
    }
    Err(last.expect("a cluster has a broker"))
}

async fn identity_from(addr: SocketAddr) -> Result<ProducerIdentity, CallError> {
    let admin = Admin::connect(addr, ANSWER_WITHIN).await?;
    admin.init_producer_id().await
}

/// A client that panicked is a bug of ours: it ends the scenario.
fn pass_on(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        std::panic::resume_unwind(error.into_panic());
    }
}

/// The nodes of a cluster by their addresses.
pub fn brokers(nodes: impl IntoIterator<Item = (NodeId, SocketAddr)>) -> Brokers {
    Arc::new(nodes.into_iter().collect())
}
