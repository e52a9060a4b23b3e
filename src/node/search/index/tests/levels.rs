//! Young and sealed splits, restarts, damage, retention.

use std::fs;

use super::*;

/// The directories of the splits on disk.
fn on_disk(shelves: &Shelves) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(shelves.home())
        .map(|entries| entries.map(|entry| entry.unwrap().path()).collect())
        .unwrap_or_default();
    found.sort();
    found
}

/// All records are found, each once, on whatever level it is.
fn is_complete(shelves: &Shelves) {
    let (start, end) = (shelves.log.log_start(), shelves.below());
    assert_eq!(shelves.count(Query::All), (end - start) as u64);
    assert_eq!(shelves.index.indexed_to(end), end);
    for n in [start, start.midpoint(end), end - 1] {
        assert_eq!(shelves.find(term(path("n"), n)), [n]);
    }
}

#[test]
fn few_records_are_indexed_in_memory_and_many_on_disk() {
    let mut shelves = Shelves::new();
    shelves.push_many(3000);
    shelves.settle();
    assert_eq!(on_disk(&shelves).len(), 0);
    is_complete(&shelves);
    shelves.push_many(25_000);
    shelves.settle();
    let levels: Vec<(u64, bool)> = shelves
        .index
        .splits()
        .iter()
        .map(|split| (split.content().records, split.is_sealed()))
        .collect();
    assert_eq!(levels, [(3000, true), (20_000, true), (5000, false)]);
    assert_eq!(on_disk(&shelves).len(), 2);
    is_complete(&shelves);
}

#[test]
fn small_splits_are_joined() {
    let mut shelves = Shelves::new();
    for _ in 0..64 {
        shelves.push_many(10);
        shelves.settle();
    }
    assert!(shelves.index.splits().len() < 16);
    is_complete(&shelves);
    let bytes = shelves.index.young_bytes();
    assert!(bytes > 0);
    assert!(shelves.index.seal_young().unwrap());
    assert_eq!(shelves.index.young_bytes(), 0);
    assert!(!shelves.index.seal_young().unwrap());
    is_complete(&shelves);
    let stats = shelves.index.stats(shelves.below());
    assert_eq!((stats.records, stats.lag, stats.splits), (640, 0, 1));
}

#[test]
fn sealed_splits_are_joined_to_large_ones() {
    let mut shelves = Shelves::new();
    shelves.push_many(340_000);
    shelves.settle();
    let sizes: Vec<u64> = shelves
        .index
        .splits()
        .iter()
        .map(|split| split.content().records)
        .collect();
    assert_eq!(sizes, [160_000, 160_000, 20_000]);
    assert_eq!(on_disk(&shelves).len(), 3);
    is_complete(&shelves);
}

#[test]
fn a_restart_uses_what_is_on_disk_and_indexes_the_rest() {
    let mut shelves = Shelves::new();
    shelves.push_many(41_000);
    shelves.settle();
    let before = on_disk(&shelves);
    shelves.restart();
    assert_eq!(shelves.count(Query::All), 0);
    shelves.settle();
    is_complete(&shelves);
    assert_eq!(on_disk(&shelves), before);
}

#[test]
fn only_committed_records_are_found() {
    let mut shelves = Shelves::new();
    shelves.push_many(2500);
    // A high watermark is between batches; within one, the whole batch waits.
    for below in [1000, 1234] {
        shelves.settle_below(below);
        assert_eq!(shelves.count(Query::All), 1000);
        assert_eq!(shelves.index.indexed_to(2500), 1000);
        assert_eq!(shelves.index.missing(2500), 1500);
    }
    shelves.settle();
    is_complete(&shelves);
}

#[test]
fn a_large_backlog_is_told_and_not_waited_for() {
    let mut shelves = Shelves::new();
    shelves.push_many(25_000);
    let below = shelves.below();
    let long = Instant::now() + Duration::from_mins(1);
    let mut turn = shelves.index.blocking_turn();
    shelves.index.catch_up(&mut turn, below, long);
    let stats = shelves.index.stats(below);
    assert_eq!((stats.records, stats.indexed_to, stats.lag), (0, 0, 25_000));
    // The thread takes a chunk; the rest is little enough for a search.
    assert!(shelves.index.advance(&mut turn, below).unwrap());
    assert_eq!(shelves.index.stats(below).lag, 5000);
    let over = Instant::now();
    shelves.index.catch_up(&mut turn, below, over);
    assert_eq!(shelves.index.stats(below).lag, 5000, "no time, no indexing");
    shelves.index.catch_up(&mut turn, below, long);
    assert_eq!(shelves.index.stats(below).lag, 0);
    drop(turn);
    is_complete(&shelves);
}

/// Damages a split in the middle, restarts, and looks whether all is found again.
fn heals_from(damage: impl Fn(&std::path::Path)) {
    let mut shelves = Shelves::new();
    shelves.push_many(61_000);
    shelves.settle();
    let splits = on_disk(&shelves);
    assert_eq!(splits.len(), 3);
    damage(&splits[1]);
    shelves.restart();
    shelves.settle();
    is_complete(&shelves);
    let again = on_disk(&shelves);
    assert_eq!(again, splits, "the bad split is gone, and is built again");
    shelves.restart();
    shelves.settle();
    is_complete(&shelves);
}

/// The file of a split with this ending.
fn file(split: &std::path::Path, ending: &str) -> PathBuf {
    let mut files = fs::read_dir(split)
        .unwrap()
        .map(|file| file.unwrap().path());
    files
        .find(|file| file.to_string_lossy().ends_with(ending))
        .unwrap()
}

#[test]
fn a_flipped_bit_is_noticed() {
    for ending in [".idx", ".term", ".pos", ".fast", ".fieldnorm"] {
        heals_from(|split| {
            let file = file(split, ending);
            let mut bytes = fs::read(&file).unwrap();
            let middle = bytes.len() / 3;
            bytes[middle] ^= 4;
            fs::write(&file, bytes).unwrap();
        });
    }
}

#[test]
fn a_missing_file_is_noticed() {
    heals_from(|split| fs::remove_file(file(split, ".fast")).unwrap());
    heals_from(|split| fs::remove_file(file(split, "meta.json")).unwrap());
    heals_from(|split| fs::remove_file(file(split, "manifest")).unwrap());
}

#[test]
fn a_cut_file_is_noticed() {
    for ending in ["manifest", "meta.json", ".term", ".store"] {
        heals_from(|split| {
            let file = file(split, ending);
            let bytes = fs::read(&file).unwrap();
            fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
        });
    }
}

#[test]
fn a_file_that_is_cut_while_it_is_open_is_an_error() {
    for ending in [".idx", ".fast"] {
        let mut shelves = Shelves::new();
        shelves.push_many(20_000);
        shelves.settle();
        shelves.restart();
        shelves.settle();
        let splits = on_disk(&shelves);
        let cut = fs::File::options()
            .write(true)
            .open(file(&splits[0], ending));
        cut.unwrap().set_len(10).unwrap();
        let failed = shelves.refuses(term(path("word"), "w3"));
        assert!(
            matches!(failed, SearchError::Unreadable(_)),
            "{ending}: {failed}"
        );
        shelves.index.doubt();
        shelves.settle();
        is_complete(&shelves);
    }
}

#[test]
fn a_split_that_is_removed_is_still_searched_by_who_has_it() {
    let mut shelves = Shelves::new();
    shelves.push_many(20_000);
    shelves.settle();
    fs::remove_dir_all(&on_disk(&shelves)[0]).unwrap();
    is_complete(&shelves);
}

#[test]
fn a_foreign_split_and_a_building_site_are_removed() {
    let mut shelves = Shelves::new();
    shelves.push_many(61_000);
    shelves.settle();
    let splits = on_disk(&shelves);
    let manifest = splits[1].join("manifest");
    let other = GroupId::partition(group().topic, 4).topic.to_string();
    assert_eq!(other, group().topic.to_string());
    let mut other = PartitionIndex::new(
        GroupId::partition(group().topic, 4),
        shelves.log.clone(),
        shelves.home().join("other"),
    );
    let mut turn = other.blocking_turn();
    other.advance(&mut turn, shelves.below()).unwrap();
    drop(turn);
    let foreign = fs::read_dir(shelves.home().join("other"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    fs::remove_dir_all(&splits[0]).unwrap();
    fs::rename(foreign.path(), &splits[0]).unwrap();
    fs::create_dir(shelves.home().join("building-chunk")).unwrap();
    fs::write(shelves.home().join("building-chunk").join("half"), "x").unwrap();
    other = PartitionIndex::new(group(), shelves.log.clone(), shelves.home());
    shelves.index = other;
    shelves.settle();
    is_complete(&shelves);
    assert_eq!(on_disk(&shelves), splits);
    assert!(manifest.exists());
}

#[test]
fn of_overlapping_splits_the_longer_is_used() {
    let mut shelves = Shelves::new();
    shelves.push_many(160_000);
    let mut turn = shelves.index.blocking_turn();
    while shelves.index.advance(&mut turn, shelves.below()).unwrap() {}
    drop(turn);
    let aside = shelves.directory.path().join("aside");
    let small = on_disk(&shelves);
    assert_eq!(small.len(), 8);
    fs::create_dir(&aside).unwrap();
    let copy = aside.join("one");
    fs::create_dir(&copy).unwrap();
    for file in fs::read_dir(&small[2]).unwrap() {
        let file = file.unwrap().path();
        fs::copy(&file, copy.join(file.file_name().unwrap())).unwrap();
    }
    while shelves.index.tidy().unwrap() {}
    fs::rename(&copy, &small[2]).unwrap();
    assert_eq!(on_disk(&shelves).len(), 2);
    shelves.restart();
    shelves.settle();
    is_complete(&shelves);
    assert_eq!(on_disk(&shelves).len(), 1);
}

#[test]
fn splits_of_another_history_are_built_again() {
    let mut shelves = Shelves::new();
    shelves.push_many(20_000);
    shelves.push_many(20_000);
    shelves.settle();
    assert_eq!(on_disk(&shelves).len(), 2);
    // What was committed is lost with the disks of a majority, and others took its place.
    let last = shelves.log.state().last.unwrap();
    let kept = LogPosition {
        term: 1,
        index: last.index - 20,
    };
    shelves.log.truncate_after(Some(kept)).unwrap();
    shelves.term = 2;
    for _ in 0..20 {
        shelves.push(&["another history"; 1000]);
    }
    shelves.restart();
    shelves.settle();
    assert_eq!(shelves.count(Query::All), 40_000);
    assert_eq!(shelves.count(any_of(Field::Everything, "history")), 20_000);
    assert_eq!(shelves.find(term(path("n"), 25_000)), [0_i64; 0]);
}

#[test]
fn what_retention_dropped_is_not_found() {
    let mut shelves = Shelves::new();
    shelves.push_many(65_000);
    shelves.settle();
    assert_eq!(on_disk(&shelves).len(), 3);
    let middle = LogPosition { term: 1, index: 24 };
    shelves.log.purge(middle).unwrap();
    assert_eq!(shelves.log.log_start(), 25_000);
    assert_eq!(shelves.count(Query::All), 40_000);
    assert_eq!(shelves.find(term(path("n"), 20_500)), [0_i64; 0]);
    assert_eq!(shelves.read(&[20_500, 25_000]).len(), 1);
    shelves.settle();
    assert_eq!(
        on_disk(&shelves).len(),
        2,
        "the split below the log start is gone"
    );
    is_complete(&shelves);
}

#[test]
fn young_splits_of_a_deposed_leader_are_forgotten_and_come_back() {
    let mut shelves = Shelves::new();
    shelves.push_many(22_000);
    shelves.settle();
    shelves.index.forget_young();
    assert_eq!(shelves.count(Query::All), 20_000);
    shelves.settle();
    is_complete(&shelves);
}

#[test]
fn a_gap_is_filled() {
    let mut shelves = Shelves::new();
    shelves.push_many(61_000);
    shelves.settle();
    let splits = on_disk(&shelves);
    fs::remove_dir_all(&splits[0]).unwrap();
    shelves.restart();
    let mut turn = shelves.index.blocking_turn();
    shelves.index.ready(&mut turn, shelves.below());
    assert_eq!(shelves.index.indexed_to(shelves.below()), 0);
    assert_eq!(shelves.count(Query::All), 40_000);
    drop(turn);
    shelves.settle();
    is_complete(&shelves);
}
