//! Search: finds committed records by their words.
//!
//! Off the write path and derived from the log: whatever is here can be thrown away and is built
//! again. Only the leader of a partition indexes it and answers for it, so a record is found once.
//!
//! ```text
//!  HTTP ─▶ face: Elasticsearch's words ─▶ Question ─┬▶ Search::find  (partitions led here)
//!                                                   └▶ peer link ─▶ Search::find (led elsewhere)
//!  the best of all ─▶ Wanted ─▶ Search::fetch (the records themselves, from the log)
//! ```
//!
//! [`question`] and [`answer`] are what crosses; they know no wire's shape.

mod answer;
mod collect;
mod deadline;
mod face;
mod fan_out;
mod fetch;
mod highlight;
mod index;
mod query;
mod question;
mod upkeep;
mod workers;
mod young;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub(in crate::node) use self::answer::{
    Document, Found, Hit, IndexStats, Kind, Mapping, Packed, SearchError,
};
use self::collect::{Cut, Where, conclude, gather, joined};
use self::deadline::Deadline;
pub(in crate::node) use self::face::{Face, serve};
pub(in crate::node) use self::fan_out::FanOut;
use self::index::PartitionIndex;
use self::index::moment;
pub(in crate::node) use self::question::{
    Edge, Field, Heft, Highlight, Order, Query, Question, Scalar, SortBy, SortKey, Source, Wanted,
    Words,
};
use self::workers::Workers;
use super::bugs;
use super::cluster::Cluster;
use super::metadata::TopicImage;
use super::partition::{Partition, Serving};
use crate::spec::configs::TopicConfigs;
use crate::spec::{GroupId, Settings, TopicId};

/// Where splits are, in the data directory.
const HOME: &str = "search";
/// Pieces of work for searches of a few hits that run at once; the others wait.
const AT_ONCE: usize = 2;
/// Searches of a few hits that a node has in memory at once, from the question to the text.
const LIGHT_AT_ONCE: usize = 8;
/// Those with aggregations or large pages, and their pieces of work: one thread has it all, since
/// an allocator keeps for each thread what the largest piece of work took.
const HEAVY_AT_ONCE: usize = 1;
/// Questions with aggregations that a node's own partitions answer at once.
const COUNTS_AT_ONCE: usize = 1;
/// How long a search indexes what is not searched yet, before it searches what is.
const CATCH_UP: Duration = Duration::from_millis(500);

/// A node's search; clones share it.
#[derive(Clone)]
pub(in crate::node) struct Search {
    inner: Arc<Inner>,
}

struct Inner {
    cluster: Cluster,
    indexes: Mutex<HashMap<GroupId, Arc<PartitionIndex>>>,
    light: Lane,
    heavy: Lane,
    counting: Arc<Semaphore>,
}

/// Searches of one heft.
struct Lane {
    /// Those that are in memory.
    held: Arc<Semaphore>,
    /// Their work.
    running: Arc<Semaphore>,
    workers: Workers,
}

impl Lane {
    fn new(held: usize, running: usize) -> Self {
        Self {
            held: Arc::new(Semaphore::new(held)),
            running: Arc::new(Semaphore::new(running)),
            workers: Workers::new(running),
        }
    }
}

/// Held for as long as an answer, or a part of one, is in memory.
type Held = OwnedSemaphorePermit;

impl Search {
    /// Starts the node's indexing. Its tasks are the cluster's, its work has a thread of its own.
    pub(in crate::node) fn start(cluster: &Cluster) -> Self {
        let inner = Arc::new(Inner {
            cluster: cluster.clone(),
            indexes: Mutex::default(),
            light: Lane::new(LIGHT_AT_ONCE, AT_ONCE),
            heavy: Lane::new(HEAVY_AT_ONCE, HEAVY_AT_ONCE),
            counting: Arc::new(Semaphore::new(COUNTS_AT_ONCE)),
        });
        cluster.tasks().spawn(upkeep::run(Arc::clone(&inner)));
        Self { inner }
    }

    /// What a partition that this node leads has for a question, until `until` at most. What is
    /// committed now and not indexed is indexed first, as far as there is time.
    pub(in crate::node) async fn find(
        &self,
        group: GroupId,
        question: Question,
        until: Instant,
    ) -> Result<Found, SearchError> {
        let (partition, index) = self.inner.led(group)?;
        let below = committed(&partition).ok_or(SearchError::NotLeader)?;
        let (deadline, heft) = (Deadline::at(until), question.heft());
        let catch_up = until.min(Instant::now() + CATCH_UP);
        let turn = tokio::time::timeout_at(catch_up.into(), index.turn()).await;
        let work = move || {
            if let Ok(mut turn) = turn {
                index.catch_up(&mut turn, below, catch_up);
            }
            let search = || found(&index, &question, (below, deadline));
            let found = catch_unwind(AssertUnwindSafe(search)).unwrap_or_else(|_| {
                let what = "it is damaged: what is on disk is read again";
                Err(SearchError::Unreadable(what.to_owned()))
            });
            if let Err(SearchError::Unreadable(_)) = found {
                index.doubt();
            }
            found
        };
        self.inner.blocking(heft, until, work).await
    }

    /// The records at these offsets, in the order of `wanted`; without those that are not there
    /// (any more). At most 1 MiB of them: a caller that lacks some at the end asks again.
    pub(in crate::node) async fn fetch(
        &self,
        group: GroupId,
        wanted: Wanted,
    ) -> Result<Vec<Document>, SearchError> {
        let (partition, _) = self.inner.led(group)?;
        let below = committed(&partition).ok_or(SearchError::NotLeader)?;
        let until = Instant::now() + FETCH_WITHIN;
        let work = move || fetch::fetch(partition.raft().log(), below, &wanted);
        self.inner.blocking(Heft::Light, until, work).await
    }

    /// Waits until one more search may be in memory.
    async fn hold(&self, heft: Heft, until: Instant) -> Result<Held, SearchError> {
        turn(&self.inner.lane(heft).held, until).await
    }

    /// Waits until one more question with aggregations may be answered from this node's index.
    async fn hold_counts(&self, until: Instant) -> Result<Held, SearchError> {
        turn(&self.inner.counting, until).await
    }

    /// Does what grows with an answer where it keeps nobody waiting.
    async fn work<T: Send + 'static>(
        &self,
        heft: Heft,
        until: Instant,
        work: impl FnOnce() -> Result<T, SearchError> + Send + 'static,
    ) -> Result<T, SearchError> {
        self.inner.blocking(heft, until, work).await
    }

    /// The kinds of value that were seen in a partition; empty where it is not led here.
    pub(in crate::node) fn mapping(&self, group: GroupId) -> Mapping {
        match self.inner.led(group) {
            Ok((_, index)) => index.mapping(),
            Err(_) => Mapping::new(),
        }
    }

    /// How far a partition's index is; `None` where it is not led here, or not searchable.
    pub(in crate::node) fn stats(&self, group: GroupId) -> Option<IndexStats> {
        let (partition, index) = self.inner.led(group).ok()?;
        Some(index.stats(committed(&partition)?))
    }

    /// Committed records that are not searched yet: topic, partition and how many, for each
    /// searchable partition that this node leads.
    pub(in crate::node) fn lags(&self) -> Vec<(String, u32, u64)> {
        let groups: Vec<GroupId> = self.inner.indexes().keys().copied().collect();
        let lag = |group: GroupId| {
            let (partition, index) = self.inner.led(group).ok()?;
            let lag = index.stats(committed(&partition)?).lag;
            Some((partition.topic().to_owned(), group.partition, lag))
        };
        groups.into_iter().filter_map(lag).collect()
    }
}

/// How long a fetch waits for its turn.
const FETCH_WITHIN: Duration = Duration::from_secs(10);

/// Up to where a partition can be searched; `None` when this node does not lead it.
fn committed(partition: &Partition) -> Option<i64> {
    match partition.serving() {
        Serving::Leader { .. } => Some(bugs::searchable(&partition.offsets())),
        Serving::Follower { .. } => None,
    }
}

fn found(
    index: &PartitionIndex,
    question: &Question,
    (below, deadline): (i64, Deadline),
) -> Result<Found, SearchError> {
    let splits = index.splits();
    let place = Where {
        splits: &splits,
        partition: index.group().partition,
        log_start: index.log_start(),
    };
    let gathered = gather(&place, question, deadline)?;
    let packed = gathered.aggregations.as_ref().map(Packed::of);
    Ok(Found {
        total: gathered.total,
        hits: gathered.hits,
        aggregations: packed.transpose()?,
        kinds: gathered.kinds,
        indexed_to: index.indexed_to(below),
        high_watermark: below,
    })
}

fn is_searchable(topic: &TopicImage, settings: &Settings) -> bool {
    !topic.is_internal() && TopicConfigs::new(&topic.configs, settings).is_searchable()
}

impl Inner {
    fn indexes(&self) -> MutexGuard<'_, HashMap<GroupId, Arc<PartitionIndex>>> {
        self.indexes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A partition that this node leads, and its index. Who hears no majority leads no more: what
    /// it has not heard of may be committed, and it would call its answer complete.
    fn led(&self, group: GroupId) -> Result<(Arc<Partition>, Arc<PartitionIndex>), SearchError> {
        let index = i32::try_from(group.partition).map_err(|_| SearchError::NotLeader)?;
        let partition = self.cluster.partition_by_id(group.topic, index);
        let partition = partition.map_err(|_| SearchError::NotLeader)?;
        if !self.is_searchable(group) {
            return Err(SearchError::NotSearchable);
        }
        committed(&partition).ok_or(SearchError::NotLeader)?;
        let hears_most = self.cluster.hears_most_of(partition.raft().voters());
        if !hears_most && !bugs::searches_alone() {
            return Err(SearchError::NotLeader);
        }
        let index = self.index_of(&mut self.indexes(), &partition);
        Ok((partition, index))
    }

    fn searchable_topics(&self) -> HashSet<TopicId> {
        let image = self.cluster.image();
        let settings = &self.cluster.spec().settings;
        let topics = image.topics.values();
        topics
            .filter(|topic| is_searchable(topic, settings))
            .map(|topic| topic.id)
            .collect()
    }

    fn is_searchable(&self, group: GroupId) -> bool {
        let image = self.cluster.image();
        let settings = &self.cluster.spec().settings;
        let topic = image.topic_by_id(group.topic);
        topic.is_some_and(|topic| is_searchable(topic, settings))
    }

    fn index_of(
        &self,
        indexes: &mut HashMap<GroupId, Arc<PartitionIndex>>,
        partition: &Partition,
    ) -> Arc<PartitionIndex> {
        let group = partition.group();
        let index = indexes.entry(group).or_insert_with(|| {
            let topic = group.topic.to_string();
            let home = self.cluster.spec().data_dir.join(HOME).join(topic);
            let home = home.join(group.partition.to_string());
            let log = partition.raft().log().clone();
            Arc::new(PartitionIndex::new(group, log, home))
        });
        Arc::clone(index)
    }

    /// The partitions to index, and their indexes. Those that are followed keep what is on disk,
    /// since they may be led again; all others are forgotten.
    fn bring_in_line(&self) -> Vec<(Arc<Partition>, Arc<PartitionIndex>)> {
        let hosted = self.cluster.hosted().into_iter();
        let hosted: BTreeMap<GroupId, Arc<Partition>> = hosted
            .filter(|partition| self.is_searchable(partition.group()))
            .map(|partition| (partition.group(), partition))
            .collect();
        let mut indexes = self.indexes();
        indexes.retain(|group, _| hosted.contains_key(group));
        let mut led = Vec::new();
        for (group, partition) in hosted {
            if committed(&partition).is_some() {
                let index = self.index_of(&mut indexes, &partition);
                led.push((partition, index));
            } else if let Some(index) = indexes.get(&group) {
                index.forget_young();
            }
        }
        led
    }

    fn lane(&self, heft: Heft) -> &Lane {
        match heft {
            Heft::Light => &self.light,
            Heft::Heavy => &self.heavy,
        }
    }

    /// Runs what blocks, when it is its turn.
    async fn blocking<T: Send + 'static>(
        &self,
        heft: Heft,
        until: Instant,
        work: impl FnOnce() -> Result<T, SearchError> + Send + 'static,
    ) -> Result<T, SearchError> {
        let lane = self.lane(heft);
        let turn = turn(&lane.running, until).await?;
        let work = move || {
            // Who asked may be gone, the work is not.
            let _turn = turn;
            work()
        };
        lane.workers.run(work).await
    }
}

async fn turn(of: &Arc<Semaphore>, until: Instant) -> Result<Held, SearchError> {
    let turn = tokio::time::timeout_at(until.into(), Arc::clone(of).acquire_owned()).await;
    turn.map_err(|_| SearchError::TimedOut)?
        .map_err(|error| SearchError::Failed(error.to_string()))
}
