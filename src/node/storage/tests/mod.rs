//! The storage as its callers see it: real files in a directory of the test's own.

mod damage;
mod log;
mod model;
mod power;

use std::fs;
use std::path::Path;
use std::sync::mpsc;

use bytes::Bytes;

use super::batches::tests::batch;
use super::disk::Faults;

use super::*;
use crate::spec::TopicId;

pub(super) const OPTIONS: StorageOptions = StorageOptions {
    sync: SyncMode::Always,
    wal_bytes: 64 << 10,
    segment_bytes: 4096,
};

/// A directory in memory where the system has one: what is lost there is decided by the ledger,
/// not by the disk, and its syncs cost nothing.
pub(super) fn ram_dir() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

/// A group of its own for each number.
pub(super) fn group_id(n: u32) -> GroupId {
    GroupId::partition(TopicId(uuid::Uuid::from_u128(7)), n)
}

pub(super) fn at(term: u64, index: u64) -> LogPosition {
    LogPosition { term, index }
}

pub(super) fn open(dir: &Path) -> Storage {
    let (storage, damage) = Storage::open(dir, OPTIONS).unwrap();
    assert_eq!(damage, []);
    storage
}

pub(super) fn records(storage: &Storage, n: u32) -> GroupLog {
    storage.group(group_id(n), LogKind::Records).unwrap()
}

/// An entry of one batch.
pub(super) fn data(term: u64, index: u64, records: i32) -> LogEntry {
    let bytes = batch(records, 1000 + index as i64, 100);
    LogEntry {
        at: at(term, index),
        payload: Payload::Data(bytes),
    }
}

pub(super) fn blank(term: u64, index: u64) -> LogEntry {
    LogEntry {
        at: at(term, index),
        payload: Payload::Blank,
    }
}

pub(super) fn member(term: u64, index: u64) -> LogEntry {
    LogEntry {
        at: at(term, index),
        payload: Payload::Membership(Bytes::from(format!("members of {index}"))),
    }
}

/// A callback and what it was called with.
pub(super) fn done() -> (Done, mpsc::Receiver<io::Result<()>>) {
    let (sender, receiver) = mpsc::channel();
    (Box::new(move |result| drop(sender.send(result))), receiver)
}

/// Appends and waits for the sync.
pub(super) fn append(log: &GroupLog, entries: Vec<LogEntry>) {
    let (done, result) = done();
    log.append(entries, done).unwrap();
    result.recv().unwrap().unwrap();
}

/// All entries.
pub(super) fn all(log: &GroupLog) -> Vec<LogEntry> {
    log.read(0..u64::MAX, usize::MAX).unwrap()
}

/// Waits until all that was appended so far is synced.
pub(super) fn settle(log: &GroupLog) {
    append(log, Vec::new());
}

/// A storage whose disk goes wrong as planned.
pub(super) fn open_faulty(dir: &Path, faults: Faults) -> Result<Storage, StorageError> {
    Storage::open_with(dir, OPTIONS, faults).map(|(storage, _)| storage)
}

/// Copies a directory as a killed process would leave it.
pub(super) fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
