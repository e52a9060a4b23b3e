//! What runs behind the facade: the shared parts, the threads, and their start and end.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::thread::{self, JoinHandle};

use super::disk::{Disk, Faults};
use super::group::Group;
use super::handles::Handles;
use super::queue::Queue;
use super::recovery::{self, Recovered};
use super::stats::Counters;
use super::threads::{self, Flusher};
use super::wal::{self, Maker, Wal};
use super::{Damage, GroupId, StorageOptions};

/// What calls and threads share.
pub(super) struct Shared {
    pub(super) disk: Arc<Disk>,
    pub(super) handles: Arc<Handles>,
    pub(super) queue: Queue,
    pub(super) counters: Counters,
    pub(super) segment_bytes: u64,
    numbers: AtomicU64,
    pub(super) groups: Mutex<BTreeMap<GroupId, Arc<Group>>>,
}

/// The threads' end.
pub(super) struct Owner {
    pub(super) shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// Opens what is in `dir` and starts the threads over it.
pub(super) fn start(
    dir: &Path,
    options: StorageOptions,
    faults: Faults,
) -> io::Result<(Arc<Owner>, Vec<Damage>)> {
    let disk = prepare(dir, faults)?;
    let handles = Arc::new(Handles::new(disk.clone()));
    let maker = Maker::new(disk.clone(), options.wal_bytes);
    let mut recovered = recovery::recover(&disk, &handles, &maker, options.sync)?;
    let damage = std::mem::take(&mut recovered.damage);
    let shared = Arc::new(Shared {
        disk,
        handles,
        queue: Queue::default(),
        counters: Counters::default(),
        segment_bytes: options.segment_bytes,
        numbers: AtomicU64::new(recovered.next_number),
        groups: Mutex::new(restored(&mut recovered)),
    });
    if recovered.torn {
        shared.counters.torn_tail();
    }
    let wal = Wal::new(maker, options.sync, recovered.mark);
    let threads = Mutex::new(start_threads(&shared, wal, recovered, options.wal_bytes)?);
    Ok((Arc::new(Owner { shared, threads }), damage))
}

/// Makes the directories, with durable names.
fn prepare(dir: &Path, faults: Faults) -> io::Result<Arc<Disk>> {
    if !dir.is_dir() {
        fs::create_dir_all(dir)?;
        if let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            File::open(parent)?.sync_all()?;
        }
    }
    let disk = Disk::open(dir, faults)?;
    let new_wal = disk.create_dir(wal::DIRECTORY)?;
    let new_groups = disk.create_dir("groups")?;
    if new_wal || new_groups {
        disk.sync_dir("")?;
    }
    Ok(disk)
}

/// The logs that were found, for callers and for the flusher.
fn restored(recovered: &mut Recovered) -> BTreeMap<GroupId, Arc<Group>> {
    let mut groups = BTreeMap::new();
    for (id, written) in &mut recovered.segments.groups {
        let states = recovered.states.remove(id).unwrap_or_default();
        let group = Group::new(*id, written.view.clone(), written.group_seq, states);
        let group = Arc::new(group);
        written.front = Some(group.clone());
        groups.insert(*id, group);
    }
    groups
}

fn start_threads(
    shared: &Arc<Shared>,
    wal: Wal,
    recovered: Recovered,
    checkpoint_bytes: u64,
) -> io::Result<Vec<JoinHandle<()>>> {
    let (to_flusher, stored) = mpsc::channel();
    let (segments, mark) = (recovered.segments, recovered.mark);
    let mut flusher = Flusher::new(shared.clone(), segments, mark, checkpoint_bytes);
    if recovered.replayed {
        flusher = flusher.after_replay();
    }
    let named = |name: &str| thread::Builder::new().name(name.to_owned());
    let flusher = named("segments").spawn(move || flusher.run(&stored))?;
    let shared = shared.clone();
    let writer = named("wal").spawn(move || threads::write(&shared, wal, &to_flusher))?;
    Ok(vec![writer, flusher])
}

impl Shared {
    /// The logs by group.
    pub(super) fn groups(&self) -> MutexGuard<'_, BTreeMap<GroupId, Arc<Group>>> {
        self.groups
            .lock()
            .expect("no thread panics while it holds the groups")
    }

    /// A number that no segment's file has.
    pub(super) fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }
}

impl Owner {
    /// Waits for the threads, unless it is one of them that asks.
    pub(super) fn join(&self) {
        let threads = self
            .threads
            .lock()
            .map(|mut threads| std::mem::take(&mut *threads));
        for thread in threads.unwrap_or_default() {
            if thread.thread().id() != thread::current().id() {
                drop(thread.join());
            }
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.queue.abandon();
        self.join();
    }
}
