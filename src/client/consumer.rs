//! A consumer of one topic's partitions, without a group, that its owner drives.
//!
//! Each broker has one connection and one fetch at a time for all the partitions that it leads.
//! When a fetch fails the other brokers are asked in turn who leads, and reading goes on where it
//! was; what failed is told. Records of one partition come in order, partitions in any.

mod place;
mod settings;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::FuturesUnordered;

use super::admin::{self, ClusterView};
use super::bootstrap::{self, BootstrapError};
use super::connection::Connection;
use super::error::{CallError, ErrorCode};
use super::read::{Fetched, Patience, Position, fetch};
use crate::protocol::records::Record;
use crate::spec::NodeId;

pub use settings::{ConsumerSettings, End, Partitions, Start};

const TIMEOUT: Duration = Duration::from_secs(5);
/// A broker without new records is asked again this often.
const LONG_POLL: Duration = Duration::from_millis(500);
const RETRY_PAUSE: Duration = Duration::from_millis(5);

/// What a consumer tells.
#[derive(Debug, Clone)]
pub enum Consumed {
    /// Records of one partition, in order.
    Records {
        /// The partition.
        partition: u32,
        /// The records.
        records: Vec<Record>,
    },
    /// A fetch failed; reading goes on elsewhere.
    Trouble(CallError),
    /// Records were deleted before they could be read.
    Skipped {
        /// The partition.
        partition: u32,
        /// The first one missed.
        from: i64,
        /// The first one kept.
        to: i64,
    },
}

impl Consumed {
    /// The first offset of a partition that it is about.
    fn begins_at(&self, of: u32) -> Option<i64> {
        match self {
            Self::Records { partition, records } if *partition == of => {
                records.first().map(|record| record.offset)
            }
            Self::Skipped {
                partition, from, ..
            } if *partition == of => Some(*from),
            _ => None,
        }
    }
}

/// Why reading cannot begin, or go on.
#[derive(Debug, thiserror::Error)]
pub enum ConsumeError {
    /// No broker to talk to.
    #[error(transparent)]
    Bootstrap(#[from] BootstrapError),
    /// No such topic.
    #[error("there is no topic {0:?}")]
    NoTopic(String),
    /// No such partition.
    #[error("topic {topic:?} has no partition {partition}, but {partitions} partitions from 0 on")]
    NoPartition {
        /// The topic.
        topic: String,
        /// What was asked for.
        partition: u32,
        /// What there is.
        partitions: usize,
    },
    /// A partition could not be read for too long.
    #[error("partition {partition} cannot be read at offset {offset}: {source}")]
    Stuck {
        /// The partition.
        partition: u32,
        /// Where.
        offset: i64,
        /// The last failure.
        source: CallError,
    },
    /// No leader said in time where a partition starts or ends.
    #[error("the offsets of partition {partition} could not be found: {source}")]
    Unplaced {
        /// The partition.
        partition: u32,
        /// The last failure.
        source: CallError,
    },
    /// The broker refuses to say where a partition starts or ends.
    #[error("the offsets of partition {partition} are not known: {source}")]
    Offsets {
        /// The partition.
        partition: u32,
        /// The failure.
        source: CallError,
    },
}

#[derive(Debug)]
struct Reader {
    partition: u32,
    offset: i64,
    end: Option<i64>,
    leader: Option<NodeId>,
    /// A fetch is under way.
    busy: bool,
    good: Instant,
}

impl Reader {
    fn is_done(&self) -> bool {
        self.end.is_some_and(|end| self.offset >= end)
    }

    fn is_idle(&self) -> bool {
        !self.busy && !self.is_done()
    }
}

enum Done {
    Fetched {
        node: NodeId,
        partitions: Vec<u32>,
        fetched: Result<(Connection, Vec<Fetched>), CallError>,
    },
    Refreshed(Result<ClusterView, CallError>),
}

type Work = Pin<Box<dyn Future<Output = Done> + Send>>;

/// Reads one topic. Dropping it ends the reading.
pub struct Consumer {
    settings: ConsumerSettings,
    readers: Vec<Reader>,
    addrs: BTreeMap<NodeId, SocketAddr>,
    idle: BTreeMap<NodeId, Connection>,
    turn: usize,
    refreshing: bool,
    work: FuturesUnordered<Work>,
    told: VecDeque<Consumed>,
    last: Option<CallError>,
}

impl Consumer {
    /// Finds the topic, and where reading begins and ends; asks again while leaders move.
    pub async fn open(settings: ConsumerSettings) -> Result<Self, ConsumeError> {
        let (admin, _) = bootstrap::any(&settings.bootstrap, TIMEOUT).await?;
        let unreachable = |error| BootstrapError::Unreachable(vec![error]);
        let view = admin
            .metadata(Some(&[&settings.topic]))
            .await
            .map_err(unreachable)?;
        let mut consumer = Self {
            readers: readers(&settings, &view)?,
            settings,
            addrs: BTreeMap::new(),
            idle: BTreeMap::new(),
            turn: 0,
            refreshing: false,
            work: FuturesUnordered::new(),
            told: VecDeque::new(),
            last: None,
        };
        consumer.learn(&view);
        consumer.place().await?;
        Ok(consumer)
    }

    /// Waits for the next records or the next trouble; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Consumed>, ConsumeError> {
        loop {
            if let Some(told) = self.told.pop_front() {
                return Ok(Some(told));
            }
            self.check_patience()?;
            self.arm();
            match self.work.next().await {
                Some(done) => self.take_in(done),
                None => return Ok(None),
            }
        }
    }

    /// How far each partition has been told: the offset of its next record.
    pub fn positions(&self) -> impl Iterator<Item = (u32, i64)> + '_ {
        let untold = |partition| self.told.iter().find_map(|told| told.begins_at(partition));
        let position = move |reader: &Reader| untold(reader.partition).unwrap_or(reader.offset);
        let readers = self.readers.iter();
        readers.map(move |reader| (reader.partition, position(reader)))
    }

    fn next_to_ask(&mut self) -> SocketAddr {
        let addrs: Vec<SocketAddr> = self.addrs.values().copied().collect();
        let asked = if addrs.is_empty() {
            &self.settings.bootstrap
        } else {
            &addrs
        };
        self.turn = (self.turn + 1) % asked.len();
        asked[self.turn]
    }

    fn check_patience(&self) -> Result<(), ConsumeError> {
        let patience = self.settings.give_up_after;
        let waiting = |reader: &&Reader| !reader.is_done() && reader.good.elapsed() > patience;
        match (self.readers.iter().find(waiting), &self.last) {
            (Some(reader), Some(last)) => Err(ConsumeError::Stuck {
                partition: reader.partition,
                offset: reader.offset,
                source: last.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// Starts a fetch at each leader that has none, and asks for the leaders that are not known.
    fn arm(&mut self) {
        let mut wanted: BTreeMap<NodeId, Vec<Position>> = BTreeMap::new();
        let mut lost = false;
        for reader in self.readers.iter_mut().filter(|reader| reader.is_idle()) {
            match reader.leader.filter(|node| self.addrs.contains_key(node)) {
                Some(node) => wanted.entry(node).or_default().push(Position {
                    partition: reader.partition,
                    offset: reader.offset,
                }),
                None => lost = true,
            }
        }
        for (node, positions) in wanted {
            // A second fetch at the same broker would have to wait behind the first.
            if !self.is_fetching(node) {
                self.start_fetch(node, positions);
            }
        }
        if lost && !self.refreshing {
            self.start_refresh();
        }
    }

    fn is_fetching(&self, node: NodeId) -> bool {
        self.readers
            .iter()
            .any(|reader| reader.busy && reader.leader == Some(node))
    }

    fn start_fetch(&mut self, node: NodeId, positions: Vec<Position>) {
        let partitions: Vec<u32> = positions.iter().map(|at| at.partition).collect();
        for reader in &mut self.readers {
            reader.busy |= partitions.contains(&reader.partition);
        }
        let (addr, idle) = (self.addrs[&node], self.idle.remove(&node));
        let topic = self.settings.topic.clone();
        self.work.push(Box::pin(async move {
            Done::Fetched {
                node,
                partitions,
                fetched: fetch_from(addr, idle, &topic, &positions).await,
            }
        }));
    }

    fn start_refresh(&mut self) {
        self.refreshing = true;
        let (addr, topic) = (self.next_to_ask(), self.settings.topic.clone());
        self.work.push(Box::pin(async move {
            tokio::time::sleep(RETRY_PAUSE).await;
            Done::Refreshed(admin::metadata(addr, Some(&[&topic]), TIMEOUT).await)
        }));
    }

    fn take_in(&mut self, done: Done) {
        match done {
            Done::Refreshed(view) => {
                self.refreshing = false;
                match view {
                    Ok(view) => self.learn(&view),
                    Err(error) => self.trouble(error),
                }
            }
            Done::Fetched {
                node,
                partitions,
                fetched,
            } => {
                for reader in &mut self.readers {
                    reader.busy &= !partitions.contains(&reader.partition);
                }
                match fetched {
                    Ok((connection, fetched)) => {
                        for fetched in fetched {
                            self.take_fetched(&connection, fetched);
                        }
                        self.idle.insert(node, connection);
                    }
                    Err(error) => {
                        self.forget_leader(&partitions);
                        self.trouble(error);
                    }
                }
            }
        }
    }

    fn take_fetched(&mut self, connection: &Connection, fetched: Fetched) {
        let partition = fetched.partition;
        let found = self
            .readers
            .iter_mut()
            .find(|reader| reader.partition == partition);
        let Some(reader) = found else { return };
        match fetched.error {
            None => reader.good = Instant::now(),
            Some(ErrorCode::OFFSET_OUT_OF_RANGE) if fetched.log_start > reader.offset => {
                let (from, to) = (reader.offset, fetched.log_start);
                reader.offset = to;
                self.told.push_back(Consumed::Skipped {
                    partition,
                    from,
                    to,
                });
                return;
            }
            Some(code) => {
                let (addr, message) = (connection.addr(), None);
                self.forget_leader(&[partition]);
                return self.trouble(CallError::Broker {
                    addr,
                    code,
                    message,
                });
            }
        }
        reader.offset = fetched.next;
        let end = reader.end.unwrap_or(i64::MAX);
        let mut records = fetched.records;
        records.retain(|record| record.offset < end);
        if !records.is_empty() {
            self.told
                .push_back(Consumed::Records { partition, records });
        }
    }

    fn forget_leader(&mut self, partitions: &[u32]) {
        for reader in &mut self.readers {
            if partitions.contains(&reader.partition) {
                reader.leader = None;
            }
        }
    }

    fn trouble(&mut self, error: CallError) {
        self.last = Some(error.clone());
        self.told.push_back(Consumed::Trouble(error));
    }

    fn learn(&mut self, view: &ClusterView) {
        for broker in &view.brokers {
            if let Some(addr) = broker.addr
                && self.addrs.insert(broker.id, addr) != Some(addr)
            {
                self.idle.remove(&broker.id);
            }
        }
        for reader in self.readers.iter_mut().filter(|reader| !reader.busy) {
            let leader = view.leader(&self.settings.topic, reader.partition);
            reader.leader = leader.or(reader.leader);
        }
    }
}

fn readers(settings: &ConsumerSettings, view: &ClusterView) -> Result<Vec<Reader>, ConsumeError> {
    let topic = view
        .topic(&settings.topic)
        .filter(|topic| !topic.partitions.is_empty());
    let topic = topic.ok_or_else(|| ConsumeError::NoTopic(settings.topic.clone()))?;
    let wanted = |partition: &u32| settings.partitions.has(*partition);
    let indexes = topic.partitions.iter().map(|partition| partition.index);
    let readers: Vec<Reader> = indexes.filter(wanted).map(reader).collect();
    match settings.partitions {
        Partitions::One(partition) if readers.is_empty() => Err(ConsumeError::NoPartition {
            topic: settings.topic.clone(),
            partition,
            partitions: topic.partitions.len(),
        }),
        _ => Ok(readers),
    }
}

fn reader(partition: u32) -> Reader {
    Reader {
        partition,
        offset: 0,
        end: None,
        leader: None,
        busy: false,
        good: Instant::now(),
    }
}

async fn fetch_from(
    addr: SocketAddr,
    idle: Option<Connection>,
    topic: &str,
    positions: &[Position],
) -> Result<(Connection, Vec<Fetched>), CallError> {
    let connection = match idle {
        Some(connection) => connection,
        None => Connection::connect(addr, TIMEOUT).await?,
    };
    let patience = Patience {
        wait: LONG_POLL,
        grace: TIMEOUT,
    };
    let fetched = fetch(&connection, topic, positions, patience).await?;
    Ok((connection, fetched))
}

#[cfg(test)]
mod tests;
