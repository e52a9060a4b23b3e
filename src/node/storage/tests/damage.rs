//! Damaged files: detected, named, set aside and repaired; never a wrong entry, never a panic.

use std::path::PathBuf;

use proptest::prelude::*;

use super::model::Model;
use std::fs;

use super::*;

const GROUPS: u32 = 3;

/// How a storage came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// By [`Storage::close`].
    Closed,
    /// As if its process had been killed.
    Killed,
}

/// A storage that is not running, and what its logs held.
struct Old {
    dir: tempfile::TempDir,
    models: Vec<Model>,
}

/// Three logs with some segments, and more in the write-ahead log when it was killed.
fn old(ended: Ended, entries: u64) -> Old {
    let dir = ram_dir();
    let storage = open(dir.path());
    let logs: Vec<GroupLog> = (0..GROUPS).map(|n| records(&storage, n)).collect();
    for log in &logs {
        append(log, vec![member(1, 0), blank(1, 1)]);
    }
    for index in 2..entries {
        // Other counts, so that no two logs have the same bytes.
        for (log, count) in logs.iter().zip(2..) {
            append(log, vec![data(1, index, count)]);
        }
        if index % 20 == 0 {
            vote(&logs[0], index);
        }
    }
    vote(&logs[1], 500);
    let models = logs.iter().map(Model::of).collect();
    if ended == Ended::Closed {
        storage.close().unwrap();
    }
    Old { dir, models }
}

fn vote(log: &GroupLog, term: u64) {
    let (done, result) = done();
    let vote = SavedVote {
        term,
        voted_for: 1,
        committed: false,
    };
    log.save_vote(vote, done).unwrap();
    result.recv().unwrap().unwrap();
}

impl Old {
    fn reopen(&self) -> (Storage, Vec<Damage>) {
        Storage::open(self.dir.path(), OPTIONS).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The files of a group, by the end of their names, in order.
    fn files(&self, n: u32, end: &str) -> Vec<PathBuf> {
        let directory = self.path(&group::directory(group_id(n)));
        let mut files: Vec<PathBuf> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.to_str().unwrap().ends_with(end))
            .collect();
        files.sort();
        files
    }

    /// Every log is as it was, or named as damaged and waiting for repair.
    fn judge(&self) -> Vec<GroupId> {
        let (storage, damage) = self.reopen();
        let damaged: Vec<GroupId> = damage.iter().map(|damage| damage.group).collect();
        for n in 0..GROUPS {
            let model = &self.models[n as usize];
            let log = records(&storage, n);
            let state = log.state();
            if state.repair_until.is_none() {
                assert_eq!(&Model::of(&log), model, "log {n}, {damage:?}");
                continue;
            }
            assert!(
                damaged.contains(&group_id(n)),
                "log {n} is damaged and not named"
            );
            assert_eq!(
                (all(&log), state.last),
                (vec![], None),
                "log {n} starts again"
            );
            let last = model.entries.last().unwrap().at.index;
            assert!(
                state.repair_until >= Some(last),
                "log {n}: {state:?}, {damage:?}"
            );
        }
        damaged
    }
}

fn flip(path: &Path, byte: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[byte] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

/// Where in a file of the write-ahead log the last entry of a log has its payload.
fn position_of(path: &Path, payload: &[u8]) -> usize {
    let bytes = fs::read(path).unwrap();
    bytes
        .windows(payload.len())
        .rposition(|window| window == payload)
        .unwrap()
}

#[test]
fn one_bit_in_a_segment_sets_its_group_aside() {
    for ended in [Ended::Closed, Ended::Killed] {
        for end in [".log", ".idx"] {
            let old = old(ended, 100);
            flip(&old.files(1, end)[0], 77);
            assert_eq!(old.judge(), [group_id(1)], "{ended:?} {end}");
            let bad = old.path(&format!("{}.bad-1", group::directory(group_id(1))));
            assert!(bad.is_dir(), "its files are kept");
            assert_eq!(old.reopen().1, [], "it is reported once");
        }
    }
}

#[test]
fn a_segment_that_was_cut_or_lost_sets_its_group_aside() {
    for end in [".log", ".idx"] {
        let cut = old(Ended::Closed, 100);
        let path = cut.files(2, end).pop().unwrap();
        let length = fs::metadata(&path).unwrap().len();
        fs::OpenOptions::new()
            .write(true)
            .open(path)
            .unwrap()
            .set_len(length - 1)
            .unwrap();
        assert_eq!(cut.judge(), [group_id(2)]);
        let lost = old(Ended::Closed, 100);
        fs::remove_file(&lost.files(0, end)[1]).unwrap();
        assert_eq!(lost.judge(), [group_id(0)]);
    }
}

#[test]
fn a_damaged_group_keeps_its_vote_and_its_mark_until_it_is_repaired() {
    let old = old(Ended::Killed, 100);
    flip(&old.files(1, ".log")[0], 5);
    let (storage, _) = old.reopen();
    let log = records(&storage, 1);
    assert_eq!(log.state().repair_until, Some(99));
    assert_eq!(log.state().vote, old.models[1].vote);
    append(&log, old.models[1].entries[..50].to_vec());
    assert_eq!(log.state().repair_until, Some(99));
    drop((log, storage));
    let (storage, damage) = old.reopen();
    assert_eq!(damage, []);
    let log = records(&storage, 1);
    assert_eq!(log.state().repair_until, Some(99), "the mark is durable");
    append(&log, old.models[1].entries[50..].to_vec());
    assert_eq!(log.state().repair_until, None);
    drop((log, storage));
    let (storage, _) = old.reopen();
    let log = records(&storage, 1);
    assert_eq!(log.state().repair_until, None, "so is its end");
    assert_eq!(Model::of(&log), old.models[1]);
}

#[test]
fn one_bit_in_the_write_ahead_log_of_a_killed_storage_is_found() {
    for back in [1, 40] {
        let old = old(Ended::Killed, 90);
        let entries = &old.models[0].entries;
        let Payload::Data(payload) = &entries[entries.len() - back].payload else {
            panic!("an entry of data");
        };
        let mut wal = fs::read_dir(old.path("wal"))
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let (path, at) = wal
            .find_map(|path| {
                let bytes = fs::read(&path).unwrap();
                let mut windows = bytes.windows(payload.len());
                windows
                    .rposition(|window| window == payload)
                    .map(|at| (path, at))
            })
            .unwrap();
        assert_eq!(at, position_of(&path, payload));
        let damaged_payload = copy_of(&old);
        flip(&damaged_payload.path(&name_in_wal(&path)), at + 70);
        let named = damaged_payload.judge();
        assert!(
            named.is_empty() || named == [group_id(0)],
            "{back} back: {named:?}"
        );
        assert_eq!(
            named.len(),
            usize::from(is_replayed(&old, &path)),
            "{back} back"
        );
    }
}

fn name_in_wal(path: &Path) -> String {
    format!("wal/{}", path.file_name().unwrap().to_str().unwrap())
}

/// Whether the checkpoint leaves this file to replay.
fn is_replayed(old: &Old, path: &Path) -> bool {
    let number = wal::number(path.file_name().unwrap().to_str().unwrap()).unwrap();
    let checkpoint = fs::read(old.path("checkpoint"));
    let mark = checkpoint
        .ok()
        .map(|bytes| checkpoint::Checkpoint::decode(&bytes).unwrap().mark);
    mark.is_none_or(|mark| mark.file <= number)
}

fn copy_of(old: &Old) -> Old {
    let dir = ram_dir();
    copy(old.dir.path(), dir.path());
    Old {
        dir,
        models: old.models.clone(),
    }
}

#[test]
fn every_bit_of_a_record_in_the_write_ahead_log_matters_and_is_found() {
    let old = old(Ended::Killed, 12);
    let wal = "wal/wal-0000000000000001.log";
    let Payload::Data(payload) = &old.models[0].entries[6].payload else {
        panic!("an entry of data");
    };
    let at = position_of(&old.path(wal), payload);
    let batch = at - 2 * record::HEAD;
    for byte in (batch..batch + 2 * record::HEAD + 161).step_by(13) {
        let flipped = copy_of(&old);
        flip(&flipped.path(wal), byte);
        let named = flipped.judge();
        let only_the_batch_head = byte < batch + record::HEAD;
        assert_eq!(
            named.contains(&group_id(0)),
            !only_the_batch_head,
            "byte {}",
            byte - batch
        );
        assert!(
            !named.contains(&group_id(1)),
            "its later records prove it whole"
        );
    }
}

#[test]
fn the_last_batch_of_a_killed_storage_is_proven_by_its_row() {
    let old = old(Ended::Killed, 12);
    let (storage, _) = old.reopen();
    append(&records(&storage, 2), vec![data(1, 12, 1)]);
    let mut models = old.models.clone();
    models[2] = Model::of(&records(&storage, 2));
    drop(storage);
    let old = Old {
        dir: old.dir,
        models,
    };
    let wal = "wal/wal-0000000000000001.log";
    let Payload::Data(payload) = &old.models[2].entries[12].payload else {
        panic!("an entry of data");
    };
    flip(&old.path(wal), position_of(&old.path(wal), payload) + 3);
    assert_eq!(
        old.judge(),
        [group_id(2)],
        "its head still says whose it was"
    );
}

#[test]
fn a_vote_at_the_very_end_is_not_taken_for_a_torn_tail() {
    let old = old(Ended::Killed, 12);
    let wal = old.path("wal/wal-0000000000000001.log");
    let end = fs::read(&wal)
        .unwrap()
        .iter()
        .rposition(|byte| *byte != 0)
        .unwrap();
    // The last record is the vote of log 1: behind its head is nothing.
    flip(&wal, end);
    assert!(old.judge().contains(&group_id(1)));
}

#[test]
fn a_lost_write_ahead_log_sets_everything_aside() {
    let old = old(Ended::Killed, 40);
    fs::remove_dir_all(old.path("wal")).unwrap();
    assert_eq!(old.judge().len(), GROUPS as usize);
}

#[test]
fn a_damaged_checkpoint_is_replaced_by_a_whole_write_ahead_log() {
    let whole = old(Ended::Killed, 12);
    fs::write(whole.path("checkpoint"), b"nonsense").unwrap();
    assert_eq!(whole.judge(), []);
    assert!(whole.path("checkpoint.bad-1").exists());
    let long = old(Ended::Killed, 600);
    assert!(
        !long.path("wal/wal-0000000000000001.log").exists(),
        "recycled by now"
    );
    flip(&long.path("checkpoint"), 40);
    assert_eq!(long.judge().len(), GROUPS as usize);
}

#[test]
fn a_damaged_state_matters_when_entries_are_gone() {
    let dir = ram_dir();
    let storage = open(dir.path());
    let (kept, purged) = (records(&storage, 0), records(&storage, 1));
    for log in [&kept, &purged] {
        append(log, (0..100).map(|index| data(1, index, 1)).collect());
        log.save_state(at(1, 25), b"state").unwrap();
    }
    purged.purge(at(1, 25)).unwrap();
    storage.close().unwrap();
    drop((kept, purged, storage));
    let name = "00000000000000000025-0000000000000001.state";
    for n in 0..2 {
        flip(
            &dir.path().join(group::directory(group_id(n))).join(name),
            41,
        );
    }
    let (storage, damage) = Storage::open(dir.path(), OPTIONS).unwrap();
    assert_eq!(damage.len(), 2);
    assert!(
        damage.iter().all(|damage| damage.what.contains(name)),
        "{damage:?}"
    );
    assert_eq!(all(&records(&storage, 0)).len(), 100);
    assert_eq!(records(&storage, 1).state().repair_until, Some(99));
}

/// What is done to one file.
#[derive(Debug, Clone)]
enum Harm {
    Flip,
    Cut,
    Garbage,
    Zeros,
    Remove,
}

fn harm(path: &Path, harm: &Harm, place: f64) {
    let mut bytes = fs::read(path).unwrap();
    let at = (bytes.len() as f64 * place) as usize;
    let end = bytes.len().min(at + 512);
    match harm {
        Harm::Flip if at < end => bytes[at] ^= 0x04,
        Harm::Cut => bytes.truncate(at),
        Harm::Garbage => bytes[at..end]
            .iter_mut()
            .for_each(|byte| *byte = byte.wrapping_mul(31) ^ 0xa5),
        Harm::Zeros => bytes[at..end].fill(0),
        Harm::Flip => {}
        Harm::Remove => return fs::remove_file(path).unwrap(),
    }
    fs::write(path, bytes).unwrap();
}

fn every_file(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(every_file(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// One file of each class is harmed anywhere: each log is whole, or named.
    #[test]
    fn no_harm_to_one_file_goes_unnoticed(
        file in any::<prop::sample::Index>(),
        place in 0.0..1.0_f64,
        kind in prop_oneof![
            4 => Just(Harm::Flip), 1 => Just(Harm::Cut), 2 => Just(Harm::Garbage),
            2 => Just(Harm::Zeros), 1 => Just(Harm::Remove),
        ],
        ended in prop_oneof![Just(Ended::Closed), Just(Ended::Killed)],
        entries in prop_oneof![Just(12_u64), Just(60), Just(250)],
    ) {
        let old = old(ended, entries);
        let files = every_file(old.dir.path());
        harm(&files[file.index(files.len())], &kind, place);
        old.judge();
        // What was set aside stays so, and what is whole stays whole.
        let (storage, damage) = old.reopen();
        prop_assert_eq!(damage, []);
        for n in 0..GROUPS {
            let log = records(&storage, n);
            if log.state().repair_until.is_none() {
                prop_assert_eq!(&Model::of(&log), &old.models[n as usize]);
            }
        }
    }

    /// Several files full of nonsense: no panic, and no entry that nobody wrote.
    #[test]
    fn nonsense_everywhere_is_survived(
        harms in proptest::collection::vec(
            (any::<prop::sample::Index>(), 0.0..1.0_f64, prop_oneof![
                Just(Harm::Flip), Just(Harm::Cut), Just(Harm::Garbage), Just(Harm::Zeros),
            ]),
            1..6,
        ),
        ended in prop_oneof![Just(Ended::Closed), Just(Ended::Killed)],
    ) {
        let old = old(ended, 60);
        let files = every_file(old.dir.path());
        for (file, place, kind) in &harms {
            harm(&files[file.index(files.len())], kind, *place);
        }
        let (storage, _) = old.reopen();
        for n in 0..GROUPS {
            let log = records(&storage, n);
            let known = &old.models[n as usize].entries;
            for entry in all(&log) {
                prop_assert_eq!(&entry, &known[entry.at.index as usize]);
            }
        }
    }
}
