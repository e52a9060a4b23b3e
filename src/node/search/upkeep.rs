//! Keeping the indexes of the partitions that this node leads, on a thread of its own.
//!
//! ```text
//!  every second, and when leaders or topics change:
//!  task ─▶ the led, searchable partitions ─▶ thread (low priority): index, join, seal
//! ```
//! The thread takes one bounded step of one partition after the other, so that no partition waits
//! for another's backlog, and no search waits long for its turn at the same index.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::Inner;
use super::index::{IndexError, PartitionIndex, split, subdirectories};
use super::workers::yield_to_others;
use crate::node::partition::Partition;
use crate::spec::TopicId;

/// How often the log is looked at for records that nobody has searched for yet.
const TICK: Duration = Duration::from_secs(1);
/// Bytes of splits in memory, of the whole node; what is more goes to disk.
const YOUNG_BYTES: u64 = 24 << 20;

/// A partition and its index.
type Led = (Arc<Partition>, Arc<PartitionIndex>);

/// What the thread is given: a newer one takes the place of one that it is at.
struct Round {
    led: Vec<Led>,
    /// The topics whose splits stay; `None` while that is not certain.
    topics: Option<HashSet<TopicId>>,
}

/// Follows what this node leads until it leaves.
pub(super) async fn run(inner: Arc<Inner>) {
    let (rounds, thread) = sync_channel(1);
    let home = inner.cluster.spec().data_dir.join(super::HOME);
    let started = std::thread::Builder::new()
        .name("search-index".to_owned())
        .spawn(move || work(&thread, &home));
    if let Err(error) = started {
        tracing::error!(%error, "no thread for search: only what searches index is found");
    }
    follow(&inner, &rounds).await;
}

async fn follow(inner: &Inner, rounds: &SyncSender<Round>) {
    let mut image = inner.cluster.watch_image();
    let mut leaders = inner.cluster.watch_leaders();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Metadata that has been the same for a tick; splits of topics that it lacks are removed once.
    let (mut seen, mut swept) = (0, 0);
    loop {
        let led = inner.bring_in_line();
        let applied = image.borrow_and_update().applied;
        let is_calm = applied > 0 && applied == seen && applied != swept;
        let topics = is_calm.then(|| inner.searchable_topics());
        let has_work = !led.is_empty() || applied != swept;
        if has_work && rounds.try_send(Round { led, topics }).is_ok() && is_calm {
            swept = applied;
        }
        let alive = tokio::select! {
            changed = image.changed() => changed.is_ok(),
            changed = leaders.changed() => changed.is_ok(),
            _ = ticks.tick(), if has_work => {
                seen = applied;
                true
            }
        };
        if !alive {
            return;
        }
    }
}

/// Works through rounds until the node leaves.
fn work(rounds: &Receiver<Round>, home: &Path) {
    yield_to_others();
    while let Ok(mut round) = rounds.recv() {
        let mut all = round.led.clone();
        loop {
            if let Some(topics) = round.topics.take() {
                sweep(home, &topics);
            }
            round
                .led
                .retain(|(partition, index)| match step(partition, index) {
                    Ok(went_on) => went_on,
                    Err(error) => {
                        complain(partition, &error);
                        false
                    }
                });
            make_room(&all);
            // What came meanwhile is not kept waiting by a partition with much to do.
            match rounds.try_recv() {
                Ok(newer) => {
                    round = newer;
                    all.clone_from(&round.led);
                }
                Err(_) if round.led.is_empty() => break,
                Err(_) => {}
            }
        }
    }
}

/// Removes the splits of topics that are gone or not searchable any more.
fn sweep(home: &Path, topics: &HashSet<TopicId>) {
    let known: HashSet<String> = topics.iter().map(TopicId::to_string).collect();
    for topic in subdirectories(home) {
        let name = topic.file_name().map(|name| name.to_string_lossy());
        if name.is_some_and(|name| known.contains(&*name)) {
            continue;
        }
        if let Err(error) = split::remove(&topic) {
            tracing::warn!(%error, "the splits of a topic that is gone stay on disk");
        }
    }
}

/// One step; `false` when there was nothing to do.
fn step(partition: &Arc<Partition>, index: &PartitionIndex) -> Result<bool, IndexError> {
    let Some(below) = super::committed(partition) else {
        return Ok(false);
    };
    let mut turn = index.blocking_turn();
    let advanced = index.advance(&mut turn, below)?;
    drop(turn);
    Ok(index.tidy()? || advanced)
}

fn make_room(led: &[Led]) {
    let bytes = |(_, index): &Led| index.young_bytes();
    if led.iter().map(bytes).sum::<u64>() <= YOUNG_BYTES {
        return;
    }
    if let Some((partition, index)) = led.iter().max_by_key(|led| bytes(led))
        && let Err(error) = index.seal_young()
    {
        complain(partition, &error);
    }
}

fn complain(partition: &Partition, error: &IndexError) {
    let (topic, index) = (partition.topic(), partition.index());
    tracing::warn!(topic, partition = index, %error, "indexing pauses");
}
