//! Appends, reads and reopening, without faults.

use std::fs;
use std::thread;

use super::*;

/// A membership, a blank, and then `count` entries of two records.
fn grow(log: &GroupLog, count: u64) {
    append(log, vec![member(1, 0), blank(1, 1)]);
    append(log, (2..2 + count).map(|index| data(1, index, 2)).collect());
}

fn header(batch: &[u8]) -> crate::protocol::records::BatchHeader {
    crate::protocol::records::BatchHeader::parse(batch).unwrap()
}

#[test]
fn entries_come_back_as_they_were_patched() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let log = records(&storage, 0);
    grow(&log, 100);
    let before = all(&log);
    assert_eq!(before.len(), 102);
    assert_eq!(log.state().last, Some(at(1, 101)));
    let Payload::Data(last) = &before[101].payload else {
        panic!("an entry of data");
    };
    let stamped = header(last);
    assert_eq!((stamped.base_offset, stamped.leader_epoch), (198, 1));
    for reopen in ["close", "drop"] {
        let dir2 = tempfile::tempdir().unwrap();
        copy(dir.path(), dir2.path());
        let again = open(dir2.path());
        assert_eq!(all(&records(&again, 0)), before, "{reopen}");
        assert_eq!(records(&again, 0).state(), log.state());
        assert_eq!(records(&again, 0).log_end(), 200);
        if reopen == "close" {
            storage.close().unwrap();
        }
    }
    assert_eq!(all(&log), before, "reads outlive the close");
    assert!(log.append(vec![blank(1, 102)], done().0).is_err());
}

#[test]
fn a_kill_loses_nothing_that_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    for life in 0..5_u64 {
        let storage = open(dir.path());
        let log = records(&storage, 0);
        assert_eq!(all(&log), expected, "life {life}");
        if life == 0 {
            grow(&log, 20);
        }
        let next = log.state().last.unwrap().index + 1;
        append(&log, vec![data(life + 1, next, 3)]);
        let (voted, result) = done();
        let vote = SavedVote {
            term: life,
            voted_for: 2,
            committed: true,
        };
        log.save_vote(vote, voted).unwrap();
        result.recv().unwrap().unwrap();
        assert_eq!(log.state().vote, Some(vote));
        expected = all(&log);
    }
}

#[test]
fn a_closed_storage_needs_nothing_of_its_write_ahead_log() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let log = records(&storage, 0);
    grow(&log, 50);
    log.save_committed(Some(at(1, 40))).unwrap();
    let (state, entries) = (log.state(), all(&log));
    storage.close().unwrap();
    drop((storage, log));
    let wal = dir.path().join("wal/wal-0000000000000001.log");
    let mut bytes = fs::read(&wal).unwrap();
    for byte in &mut bytes {
        *byte = !*byte;
    }
    fs::write(&wal, bytes).unwrap();
    let again = open(dir.path());
    let log = records(&again, 0);
    assert_eq!((log.state(), all(&log)), (state, entries));
}

#[test]
fn reads_stop_at_the_bytes_asked_for_but_give_one_entry() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let log = records(&storage, 0);
    grow(&log, 100);
    for from_disk in [false, true] {
        if from_disk {
            evict(&log);
        }
        assert_eq!(log.read(2..50, 1).unwrap().len(), 1);
        assert_eq!(log.read(2..50, 161 * 3).unwrap().len(), 3);
        assert_eq!(log.read(2..50, usize::MAX).unwrap().len(), 48);
        assert_eq!(log.read(0..3, 0).unwrap(), [member(1, 0)]);
        assert_eq!(log.read(500..600, 10).unwrap(), []);
    }
}

/// Makes the log read from its files: reopening empties the tail.
fn evict(log: &GroupLog) {
    settle(log);
    // The flusher has written everything once the row of the last entry is there.
    let last = log.state().last.unwrap().index;
    let view = log.group.front().view.clone();
    let segment = *view.segment_of(last).unwrap();
    let handles = &log.owner.shared.handles;
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while handles
        .rows(log.group.id, &log.group.directory, &segment, last, 1)
        .is_err()
    {
        assert!(std::time::Instant::now() < deadline, "the flusher is stuck");
        thread::yield_now();
    }
    log.group.evict(u64::MAX);
}

#[test]
fn consumers_get_whole_batches_from_any_offset() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let log = records(&storage, 0);
    grow(&log, 100);
    append(&log, vec![blank(2, 102), data(2, 103, 2)]);
    for from_disk in [false, true] {
        if from_disk {
            evict(&log);
        }
        for from in 0..202 {
            let bytes = log.read_batches(from, 202, 161 * 5).unwrap();
            assert_eq!(header(&bytes).base_offset, from / 2 * 2);
            let batches = (202 - from / 2 * 2) / 2;
            assert_eq!(bytes.len() as i64, batches.min(5) * 161, "from {from}");
        }
        assert_eq!(
            log.read_batches(0, 202, usize::MAX).unwrap().len(),
            101 * 161
        );
        assert_eq!(log.read_batches(7, 8, 1).unwrap().len(), 161);
        assert_eq!(log.read_batches(0, 10, usize::MAX).unwrap().len(), 5 * 161);
        assert!(log.read_batches(202, 202, 1).is_err());
        assert!(log.read_batches(-1, 202, 1).is_err());
        assert_eq!(log.offset_after(0), 0);
        assert_eq!(log.offset_after(2), 2);
        assert_eq!(log.offset_after(102), 200);
        assert_eq!(log.offset_after(u64::MAX), 202);
    }
    assert_eq!(
        (log.epoch_at(199), log.epoch_at(200), log.epoch_at(202)),
        (1, 2, -1)
    );
    assert_eq!((log.epoch_end(1), log.epoch_end(2)), ((1, 200), (2, 202)));
}

#[test]
fn an_entry_may_hold_many_batches() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let log = records(&storage, 0);
    let three = [batch(3, 5, 10), batch(1, 90, 10), batch(2, 7, 10)].concat();
    let payload = Payload::Data(Bytes::from(three));
    append(
        &log,
        vec![LogEntry {
            at: at(1, 0),
            payload,
        }],
    );
    let middle = log.read_batches(3, 4, 1000).unwrap();
    assert_eq!((header(&middle).base_offset, middle.len()), (3, 71));
    assert_eq!(log.read_batches(0, 6, 150).unwrap().len(), 142);
    assert_eq!(log.batch_with_timestamp(6, 6).unwrap(), Some(3));
    assert_eq!(log.batch_with_max_timestamp(6).unwrap(), Some(3));
    assert_eq!(log.batch_with_timestamp(91, 6).unwrap(), None);
}

#[test]
fn timestamps_are_found_across_segments() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let log = records(&storage, 0);
    assert_eq!(log.batch_with_max_timestamp(0).unwrap(), None);
    grow(&log, 100);
    evict(&log);
    assert_eq!(log.batch_with_timestamp(0, 200).unwrap(), Some(0));
    assert_eq!(log.batch_with_timestamp(1050, 200).unwrap(), Some(96));
    assert_eq!(log.batch_with_timestamp(1050, 96).unwrap(), None);
    assert_eq!(log.batch_with_max_timestamp(200).unwrap(), Some(198));
    assert_eq!(log.batch_with_max_timestamp(100).unwrap(), Some(98));
}

#[test]
fn a_truncation_rewinds_everything_together() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let log = records(&storage, 0);
    grow(&log, 100);
    let before = all(&log);
    log.save_committed(Some(at(1, 50))).unwrap();
    assert!(log.truncate_after(Some(at(1, 49))).is_err(), "committed");
    assert!(log.truncate_after(Some(at(7, 60))).is_err(), "another term");
    evict(&log);
    log.truncate_after(Some(at(1, 60))).unwrap();
    assert_eq!((log.state().last, log.log_end()), (Some(at(1, 60)), 118));
    append(&log, vec![data(3, 61, 1), data(3, 62, 1)]);
    assert_eq!(log.epoch_end(1), (1, 118));
    let after = all(&log);
    assert_eq!(after[..61], before[..61]);
    assert_eq!(after.len(), 63);
    drop((log, storage));
    let storage = open(dir.path());
    assert_eq!(all(&records(&storage, 0)), after);
    storage.close().unwrap();
    drop(storage);
    assert_eq!(all(&records(&open(dir.path()), 0)), after);
}

#[test]
fn a_batch_of_another_history_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let log = records(&storage, 0);
    append(&log, vec![data(1, 0, 2), data(1, 1, 2)]);
    let stamped = log.read(1..2, 1).unwrap();
    let follower = records(&storage, 1);
    append(&follower, vec![data(1, 0, 2)]);
    append(&follower, stamped.clone());
    let other = records(&storage, 2);
    append(&other, vec![data(1, 0, 3)]);
    let (done, _) = done();
    let error = other.append(stamped, done).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    let text = error.to_string();
    assert!(
        text.contains("base offset 2") && text.contains("log has 3"),
        "{text}"
    );
    assert_eq!(
        other.state().last,
        Some(at(1, 0)),
        "nothing of it was taken"
    );
}

#[test]
fn gaps_and_older_terms_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let log = records(&storage, 0);
    append(&log, vec![blank(2, 0)]);
    for bad in [blank(2, 0), blank(2, 2), blank(1, 1)] {
        let (done, _) = done();
        assert!(log.append(vec![bad], done).is_err());
    }
    let (done, _) = done();
    let garbage = Payload::Data(Bytes::from_static(b"no batch"));
    let bad = LogEntry {
        at: at(2, 1),
        payload: garbage,
    };
    assert!(log.append(vec![bad], done).is_err());
    assert_eq!(log.state().last, Some(at(2, 0)));
}

#[test]
fn an_opaque_log_keeps_any_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let log = storage.group(GroupId::METADATA, LogKind::Opaque).unwrap();
    let entries: Vec<LogEntry> = (0..200)
        .map(|index| LogEntry {
            at: at(1, index),
            payload: Payload::Data(Bytes::from(vec![index as u8; index as usize])),
        })
        .collect();
    append(&log, entries.clone());
    assert_eq!(all(&log), entries);
    assert_eq!(log.log_end(), 0);
    drop((log, storage));
    let storage = open(dir.path());
    let refused = storage.group(GroupId::METADATA, LogKind::Records);
    assert!(matches!(refused, Err(StorageError::Refused(_))));
    let log = storage.group(GroupId::METADATA, LogKind::Opaque).unwrap();
    assert_eq!(all(&log), entries);
}

#[test]
fn retention_drops_whole_segments_that_have_a_state() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let log = records(&storage, 0);
    append(&log, vec![member(1, 0), blank(1, 1)]);
    for index in 2..102 {
        append(&log, vec![data(1, index, 2)]);
    }
    let sealed: Vec<LogPosition> = (0..102)
        .filter(|index| log.is_seal(*index))
        .map(|index| at(1, index))
        .collect();
    assert_eq!(
        sealed[0],
        at(1, 27),
        "26 batches of 161 bytes are the first past 4096"
    );
    assert!(log.is_seal(27) && !log.is_seal(26));
    assert_eq!(log.retention_point(5000, 10, -1, 101), None, "no state yet");
    log.save_state(sealed[0], b"state one").unwrap();
    log.save_state(sealed[1], b"state two").unwrap();
    assert_eq!(log.retention_point(5000, 10, -1, 101), Some(sealed[1]));
    assert_eq!(log.retention_point(5000, 10, -1, 30), Some(sealed[0]));
    assert_eq!(log.retention_point(1028, 0, -1, 101), Some(sealed[0]));
    assert_eq!(
        log.retention_point(0, -1, 100 * 161 - 26 * 161, 101),
        Some(sealed[0])
    );
    assert_eq!(log.retention_point(0, -1, -1, 101), None);
    log.purge(sealed[0]).unwrap();
    assert_eq!((log.log_start(), log.state().purged), (52, Some(sealed[0])));
    assert_eq!(log.read(0..u64::MAX, 1).unwrap()[0].at, at(1, 28));
    assert_eq!(log.state_at(sealed[0]).unwrap().unwrap(), &b"state one"[..]);
    log.purge(sealed[1]).unwrap();
    assert_eq!(log.state_at(sealed[0]).unwrap(), None);
    storage.close().unwrap();
    drop((log, storage));
    let files = fs::read_dir(dir.path().join(group::directory(group_id(0))))
        .unwrap()
        .count();
    assert_eq!(files, 2 * 2 + 1, "two segments and one state are left");
    let storage = open(dir.path());
    let log = records(&storage, 0);
    assert_eq!(log.log_start(), 104);
    let newest = log.newest_state().unwrap().unwrap();
    assert_eq!(newest, (sealed[1], Bytes::from_static(b"state two")));
    assert!(log.read_batches(103, 200, 1).is_err());
    assert_eq!(log.read_batches(104, 200, 1).unwrap().len(), 161);
}

#[test]
fn a_reset_continues_after_a_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let log = records(&storage, 0);
    grow(&log, 50);
    log.save_state(at(5, 900), b"snapshot").unwrap();
    let (reset, result) = done();
    log.reset(at(5, 900), 1234, reset).unwrap();
    result.recv().unwrap().unwrap();
    append(&log, vec![data(6, 901, 2)]);
    for reopened in [false, true] {
        let storage = if reopened {
            open(dir.path())
        } else {
            storage.clone()
        };
        let log = records(&storage, 0);
        assert_eq!(log.state().purged, Some(at(5, 900)));
        assert_eq!((log.log_start(), log.log_end()), (1234, 1236));
        assert_eq!(all(&log).len(), 1);
        assert_eq!(log.read_batches(1234, 1236, 1).unwrap().len(), 161);
        assert_eq!(log.newest_state().unwrap().unwrap().0, at(5, 900));
    }
}

#[test]
fn a_removed_group_is_gone_and_can_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let (first, second) = (records(&storage, 0), records(&storage, 1));
    grow(&first, 10);
    grow(&second, 10);
    storage.remove_group(group_id(0)).unwrap();
    let (refused, _) = done();
    assert!(first.append(vec![blank(1, 12)], refused).is_err());
    settle(&second);
    let again = records(&storage, 0);
    append(&again, vec![data(9, 0, 1)]);
    drop((first, second, again, storage));
    for _ in 0..2 {
        let storage = open(dir.path());
        assert_eq!(all(&records(&storage, 0)).len(), 1);
        assert_eq!(all(&records(&storage, 1)).len(), 12);
        storage.close().unwrap();
    }
}

#[test]
fn the_write_ahead_log_runs_through_many_files() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let logs: Vec<GroupLog> = (0..3).map(|n| records(&storage, n)).collect();
    for log in &logs {
        append(log, vec![member(1, 0)]);
    }
    for index in 1..300 {
        for log in &logs {
            log.append(vec![data(1, index, 2)], done().0).unwrap();
        }
    }
    let large = LogEntry {
        at: at(1, 300),
        payload: Payload::Data(batch(1, 5, 300_000)),
    };
    append(&logs[0], vec![large]);
    settle(&logs[2]);
    let before: Vec<_> = logs.iter().map(all).collect();
    drop((logs, storage));
    let storage = open(dir.path());
    let after: Vec<_> = (0..3).map(|n| all(&records(&storage, n))).collect();
    assert!(before == after);
    storage.close().unwrap();
    let files = fs::read_dir(dir.path().join("wal")).unwrap().count();
    assert!(files <= 5, "{files} files are left of the write-ahead log");
}

#[test]
fn an_error_of_the_disk_reaches_whoever_waits_and_is_final() {
    use crate::node::storage::disk::{Action, Plan};
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).close().unwrap();
    let plan = Plan {
        fail: Some((Action::Sync, 2, nix::libc::EIO)),
        ..Plan::default()
    };
    let storage = open_faulty(dir.path(), Faults::planned(plan)).unwrap();
    let log = records(&storage, 0);
    let results: Vec<_> = (0..40)
        .filter_map(|index| {
            let (done, result) = done();
            log.append(vec![data(1, index, 1)], done)
                .ok()
                .map(|()| result)
        })
        .map(|result| result.recv().unwrap())
        .collect();
    let good = results.iter().take_while(|result| result.is_ok()).count();
    assert!(good < 40 && results[good..].iter().all(Result::is_err));
    let (refused, _) = done();
    assert!(log.append(vec![blank(9, 0)], refused).is_err());
    assert!(storage.close().is_err());
    drop((log, storage));
    let kept = all(&records(&open(dir.path()), 0)).len();
    assert!(kept >= good, "{kept} of {good}");
}

#[test]
fn a_state_is_checked_when_it_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let log = records(&storage, 0);
    grow(&log, 10);
    assert_eq!(log.newest_state().unwrap(), None);
    log.save_state(at(1, 5), b"older").unwrap();
    log.save_state(at(1, 9), b"newer").unwrap();
    let path = dir.path().join(&log.group.directory);
    let name = "00000000000000000009-0000000000000001.state";
    let mut bytes = fs::read(path.join(name)).unwrap();
    bytes[30] ^= 1;
    fs::write(path.join(name), bytes).unwrap();
    let error = log.newest_state().unwrap_err().to_string();
    assert!(error.contains(name) && error.contains(".bad"), "{error}");
    assert_eq!(log.newest_state().unwrap().unwrap().0, at(1, 5));
    assert_eq!(log.state_at(at(1, 9)).unwrap(), None);
    assert!(path.join(format!("{name}.bad")).exists());
}

#[test]
fn the_numbers_count() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    grow(&records(&storage, 0), 10);
    let stats = storage.stats();
    assert_eq!(stats.batches, 2);
    assert_eq!(stats.syncs.iter().sum::<u64>(), 2);
    assert_eq!(stats.records, 13, "twelve entries and the log itself");
}
