//! `consume --group`: members share partitions, hand them over, and go on where the group was.

use std::collections::BTreeSet;
use std::io::{BufReader, Lines};
use std::process::ChildStderr;

use nix::sys::signal::Signal;

use crate::user::{Foreground, User};

const PARTITIONS: usize = 4;
/// Records of one go, spread evenly.
const GO: usize = 400;

type Place = (u32, u64);

fn member(user: &User) -> Foreground {
    let words = ["consume", "t", "--group", "g", "--from-beginning"];
    user.spawn(&[&words[..], &["--format", "{partition} {offset}"]].concat())
}

fn produce(user: &User, count: usize) {
    user.ok(&["produce", "t", "--count", &count.to_string()]);
}

/// Waits until a member says that it has so many partitions.
fn has_share(stderr: &mut Lines<BufReader<ChildStderr>>, partitions: usize) {
    let mut said = String::new();
    for line in stderr {
        let line = line.unwrap();
        if line.starts_with("group g, generation") {
            let share = line.rsplit_once("partition").map_or("", |(_, share)| share);
            let numbers = share.split(|c: char| !c.is_ascii_digit());
            if numbers.filter(|number| !number.is_empty()).count() == partitions {
                return;
            }
        }
        said = said + &line + "\n";
    }
    panic!("no share of {partitions} partitions: {said}");
}

fn place(line: &str) -> Place {
    let (partition, offset) = line.split_once(' ').unwrap();
    (partition.parse().unwrap(), offset.parse().unwrap())
}

/// The next records that a member prints.
fn printed(member: &mut Foreground, count: usize) -> BTreeSet<Place> {
    let lines = member.stdout.by_ref().take(count);
    let places: Vec<Place> = lines.map(|line| place(&line.unwrap())).collect();
    assert_eq!(places.len(), count, "the member ended early");
    let distinct: BTreeSet<Place> = places.iter().copied().collect();
    assert_eq!(distinct.len(), count, "a record was printed twice");
    distinct
}

/// All places of the records from one offset to before another, in each partition.
fn places(from: u64, to: u64) -> BTreeSet<Place> {
    let partitions = 0..PARTITIONS as u32;
    let of = |partition| (from..to).map(move |offset| (partition, offset));
    partitions.flat_map(of).collect()
}

#[test]
fn members_share_take_over_and_go_on_where_the_group_was() {
    let user = User::new();
    user.up(&["--set", "group.initial.rebalance.delay.ms=0"]);
    let partitions = PARTITIONS.to_string();
    user.ok(&["topic", "create", "t", "--partitions", &partitions]);
    produce(&user, GO);

    let mut first = member(&user);
    has_share(&mut first.stderr, PARTITIONS);
    assert_eq!(printed(&mut first, GO), places(0, 100));
    let mut second = member(&user);
    has_share(&mut second.stderr, PARTITIONS / 2);
    has_share(&mut first.stderr, PARTITIONS / 2);

    // Each has two partitions, and what the first had printed before was committed.
    produce(&user, GO);
    let mine = printed(&mut first, GO / 2);
    let yours = printed(&mut second, GO / 2);
    assert!(mine.is_disjoint(&yours), "{mine:?} and {yours:?}");
    assert_eq!(&mine | &yours, places(100, 200));

    // Killed: the group misses it after its session, and the other takes over.
    first.signal(Signal::SIGKILL);
    first.child.wait().unwrap();
    produce(&user, GO);
    has_share(&mut second.stderr, PARTITIONS);
    let mut missing = places(200, 300);
    while !missing.is_empty() {
        let place = place(&second.stdout.next().unwrap().unwrap());
        // What the killed one had not committed may come again.
        assert!(place.1 >= 100, "{place:?} was committed long ago");
        missing.remove(&place);
    }

    second.signal(Signal::SIGINT);
    assert_eq!(second.child.wait().unwrap().code(), Some(0));
    produce(&user, PARTITIONS);
    let words = ["consume", "t", "--group", "g", "--max", &partitions];
    let data = user.data(&words);
    let read = data["messages"].as_array().unwrap();
    assert!(
        read.iter().all(|message| message["offset"] == 300),
        "{data}"
    );
    assert_eq!(data["positions"].as_array().unwrap().len(), PARTITIONS);
}

#[test]
fn a_group_survives_its_coordinator() {
    let user = User::new();
    user.up(&["--set", "group.initial.rebalance.delay.ms=0"]);
    user.ok(&[
        "topic",
        "create",
        "t",
        "--partitions",
        &PARTITIONS.to_string(),
    ]);
    produce(&user, GO);
    let mut reader = member(&user);
    assert_eq!(printed(&mut reader, GO), places(0, 100));
    // The leader of the group's own partition is any node: each is killed once.
    for node in ["1", "2", "3"] {
        user.ok(&["kill", node]);
        user.ok(&["start", node]);
    }
    produce(&user, GO);
    // It remembers what it has printed, committed or not.
    assert_eq!(printed(&mut reader, GO), places(100, 200));
    reader.signal(Signal::SIGINT);
    assert_eq!(reader.child.wait().unwrap().code(), Some(0));
}
