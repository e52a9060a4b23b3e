//! Which coordinator a group has, and the tasks behind them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kafka_protocol::ResponseError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::coordinator::Coordinator;
use super::limits;
use super::placement::{OFFSETS_TOPIC, partition_of};
use super::shard::Shard;
use super::topic::Creation;
use crate::node::cluster::Cluster;
use crate::node::partition::Partition;
use crate::spec::GroupId;

/// The coordinator of a group as requests find it.
pub(super) type Home<L> = Result<Arc<Shard<L>>, ResponseError>;

/// The group coordinators of this node; clones share them.
#[derive(Clone)]
pub(in crate::node) struct Groups {
    inner: Arc<Inner>,
}

struct Inner {
    cluster: Cluster,
    shards: Mutex<HashMap<u32, Hosted>>,
    creation: Creation,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// A partition of `__consumer_offsets` with a replica here.
struct Hosted {
    group: GroupId,
    shard: Arc<Shard<Partition>>,
    stop: CancellationToken,
}

impl Groups {
    /// The coordinators over this cluster; nothing runs before the first request or
    /// [`Groups::run`].
    pub(in crate::node) fn new(cluster: Cluster) -> Self {
        let inner = Inner {
            cluster,
            shards: Mutex::default(),
            creation: Creation::default(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Keeps a coordinator on every hosted partition, so that it loads as soon as it leads, and
    /// does the housekeeping. Runs until [`Groups::close`].
    pub(in crate::node) async fn run(&self) {
        let mut ticks = tokio::time::interval(limits::SWEEP_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut sweep = Sweep::default();
        let sweeping = async {
            loop {
                ticks.tick().await;
                self.host();
                self.sweep(&mut sweep).await;
            }
        };
        self.inner.stop.run_until_cancelled(sweeping).await;
    }

    /// Ends every coordinator: requests that wait are told NOT_COORDINATOR.
    pub(in crate::node) async fn close(&self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    pub(super) fn cluster(&self) -> &Cluster {
        &self.inner.cluster
    }

    pub(super) fn creation(&self) -> &Creation {
        &self.inner.creation
    }

    /// The coordinator of a group, when its partition has a replica here.
    pub(super) fn home(&self, group: &str) -> Home<Partition> {
        let image = self.inner.cluster.image();
        let topic = image
            .topic(OFFSETS_TOPIC)
            .ok_or(ResponseError::NotCoordinator)?;
        let partition = partition_of(group, topic.partitions.len() as u32);
        let known = self.shards().get(&partition).and_then(|hosted| {
            let is_current = hosted.group == topic.group(partition);
            is_current.then(|| Arc::clone(&hosted.shard))
        });
        if let Some(shard) = known {
            return Ok(shard);
        }
        let replica = self
            .inner
            .cluster
            .partition(OFFSETS_TOPIC, partition as i32);
        let replica = replica.map_err(|_| ResponseError::NotCoordinator)?;
        Ok(self.start(partition, replica))
    }

    /// Every coordinator of this node.
    pub(super) fn all(&self) -> Vec<Arc<Shard<Partition>>> {
        self.host();
        let shards = self.shards();
        shards
            .values()
            .map(|hosted| Arc::clone(&hosted.shard))
            .collect()
    }

    fn shards(&self) -> MutexGuard<'_, HashMap<u32, Hosted>> {
        self.inner
            .shards
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a coordinator for each partition that is hosted here, ends those that are not.
    fn host(&self) {
        let hosted: Vec<Arc<Partition>> = self
            .inner
            .cluster
            .hosted()
            .into_iter()
            .filter(|replica| replica.topic() == OFFSETS_TOPIC)
            .collect();
        let groups: Vec<GroupId> = hosted.iter().map(|replica| replica.group()).collect();
        self.shards().retain(|_, shard| {
            let stays = groups.contains(&shard.group);
            if !stays {
                shard.stop.cancel();
            }
            stays
        });
        for replica in hosted {
            let partition = replica.index().cast_unsigned();
            self.start(partition, replica);
        }
    }

    /// The coordinator of a hosted partition, started when there is none.
    fn start(&self, partition: u32, replica: Arc<Partition>) -> Arc<Shard<Partition>> {
        let group = replica.group();
        let mut shards = self.shards();
        if let Some(hosted) = shards.get(&partition) {
            if hosted.group == group {
                return Arc::clone(&hosted.shard);
            }
            hosted.stop.cancel();
        }
        let delay = self
            .inner
            .cluster
            .spec()
            .settings
            .initial_rebalance_delay_ms();
        let shard = Arc::new(Shard::new(replica, Duration::from_millis(delay)));
        let stop = self.inner.stop.child_token();
        self.inner.tasks.spawn(Arc::clone(&shard).run(stop.clone()));
        let hosted = Hosted {
            group,
            shard: Arc::clone(&shard),
            stop,
        };
        shards.insert(partition, hosted);
        shard
    }

    /// Removes the offsets of deleted topics, and now and then those that are too old.
    async fn sweep(&self, sweep: &mut Sweep) {
        let applied = self.inner.cluster.image().applied;
        // An image that lags would make new topics look deleted.
        if sweep.seen != Some(applied) && self.inner.cluster.read_barrier().await.is_ok() {
            let image = self.inner.cluster.image();
            for shard in self.all() {
                shard.tend(|coordinator, _, fx| {
                    coordinator.purge_topics(|topic| image.topic(topic).map(|it| it.id), fx);
                });
            }
            sweep.seen = Some(image.applied);
        }
        if sweep.expired.elapsed() >= limits::EXPIRE_EVERY {
            for shard in self.all() {
                shard.tend(Coordinator::expire_offsets);
            }
            sweep.expired = Instant::now();
        }
    }
}

/// What the housekeeping has done.
struct Sweep {
    /// The metadata that was last held against the offsets.
    seen: Option<u64>,
    /// When old offsets were last removed.
    expired: Instant,
}

impl Default for Sweep {
    fn default() -> Self {
        Self {
            seen: None,
            expired: Instant::now(),
        }
    }
}
