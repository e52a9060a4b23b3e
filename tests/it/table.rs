//! The judge, judged: which scenario catches which planted bug, by which law, with which seed.
//!
//! A scenario is worth what it catches. Each row is run as a user runs it and must end with exit
//! code 1 within a minute, for the law that the bug breaks. Without a bug the same program accuses
//! nobody. `scenario all` plays each scenario as it is played alone, with the same seed, so a row
//! whose scenario belongs to `all` stands for `all`; two bugs are put through all of it.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use chronik_dev::scenarios::Law;
use chronik_dev::spec::Bug;
use serde_json::Value;

use crate::user::User;

/// A bug, the scenario that must catch it, the law that it breaks there, and the seed.
struct Row(&'static str, &'static str, Law, u64);

/// Each bug has a row, and so has each scenario.
#[rustfmt::skip]
const TABLE: [Row; 25] = [
    Row("ack-at-append", "network-partition", Law::AckedIsDurable, 1),
    Row("ack-before-sync", "metadata-persistence", Law::AckedIsDurable, 1),
    Row("ack-without-majority", "quorum-loss", Law::AckedIsDurable, 1),
    Row("ack-when-deposed", "network-partition", Law::AckedIsDurable, 1),
    Row("ack-when-deposed", "pause-leader", Law::AckedIsDurable, 1),
    Row("ack-as-follower", "network-partition", Law::OneLeaderPerEpoch, 1),
    Row("ack-while-leaving", "graceful-shutdown", Law::AckedIsDurable, 1),
    Row("serve-before-own-commit", "leader-failover", Law::HighWatermark, 1),
    Row("fetch-past-high-watermark", "network-partition", Law::HighWatermark, 1),
    Row("high-watermark-regresses", "node-failure-recovery", Law::HighWatermark, 1),
    Row("fetch-skips-a-batch", "topic-replication", Law::Order, 1),
    Row("dedupe-lost-on-failover", "leader-failover", Law::NoDuplicate, 1),
    Row("offset-off-by-one-after-restart", "metadata-persistence", Law::OneOffsetOneValue, 1),
    Row("offset-off-by-one-after-restart", "rolling-restart", Law::OneOffsetOneValue, 1),
    Row("last-record-dropped", "topic-replication", Law::AckedIsDurable, 1),
    Row("value-corrupted", "topic-replication", Law::NothingFromNowhere, 1),
    Row("wrong-partition", "leader-failover", Law::NothingFromNowhere, 1),
    Row("replica-diverges", "topic-replication", Law::ReplicasConverge, 1),
    Row("group-offset-rewinds", "metadata-persistence", Law::CommittedOffsets, 1),
    Row("topic-lost-on-restart", "metadata-persistence", Law::MetadataAgrees, 1),
    Row("epoch-stays", "leader-failover", Law::OneLeaderPerEpoch, 1),
    Row("metadata-disagrees", "clean-startup", Law::MetadataAgrees, 1),
    Row("index-ahead-of-log", "search-after-failover", Law::SearchFollowsLog, 1),
    Row("index-behind", "search-after-failover", Law::SearchFollowsLog, 1),
    Row("split-dropped", "search-after-failover", Law::SearchFollowsLog, 1),
];

/// Bugs that are put through the whole of `scenario all`: each shows in its last scenarios only.
const THROUGH_ALL: [&str; 2] = ["group-offset-rewinds", "fetch-past-high-watermark"];

/// How long a row may take.
const WITHIN: Duration = Duration::from_mins(1);
/// Scenarios that run side by side.
const SIDE_BY_SIDE: usize = 2;

/// One test of the table at a time: a machine that is too busy makes scenarios miss their budgets.
static TURN: Mutex<()> = Mutex::new(());

fn in_turn<T>(work: impl FnOnce() -> T) -> T {
    // A test that failed leaves nothing half done.
    let turn = TURN.lock();
    let done = work();
    drop(turn);
    done
}

/// The laws that scenarios saw broken.
fn broken(envelope: &Value) -> BTreeSet<&str> {
    let scenarios = envelope["data"]["scenarios"].as_array();
    let scenarios = scenarios.into_iter().flatten();
    let anomalies = scenarios.filter_map(|one| one["anomalies"].as_array());
    let laws = anomalies.flatten().filter_map(|it| it["law"].as_str());
    laws.collect()
}

/// Runs a row; says what came of it, as an error unless it is what the table says.
fn caught(Row(bug, scenario, law, seed): &Row) -> Result<String, String> {
    let (set, seed) = (format!("bug={bug}"), seed.to_string());
    let began = Instant::now();
    let words = ["scenario", scenario, "--seed", &seed, "--set", &set];
    let (code, envelope) = User::new().json(&words);
    let (took, broken) = (began.elapsed(), broken(&envelope));
    let seconds = took.as_secs_f64();
    let line = format!("{bug} in {scenario}: exit {code} after {seconds:.1} s, {broken:?}");
    let told = envelope["error"]["code"] == "SCENARIO_FAILED";
    if code == 1 && told && took < WITHIN && broken.contains(law.name()) {
        return Ok(line);
    }
    Err(format!("{line}, where {law:?} was expected"))
}

/// Runs rows, a few at a time.
fn run_all(rows: &[Row]) -> Vec<Result<String, String>> {
    let waiting = Mutex::new(rows.iter());
    let next = || waiting.lock().unwrap().next();
    let work = || std::iter::from_fn(next).map(caught).collect::<Vec<_>>();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..SIDE_BY_SIDE).map(|_| scope.spawn(work)).collect();
        let ended = workers.into_iter().map(|worker| worker.join().unwrap());
        ended.flatten().collect()
    })
}

/// The scenarios' names.
fn listed() -> BTreeSet<String> {
    let listed = User::new().data(&["scenario", "--list"]);
    let names = listed.as_array().unwrap().iter();
    names
        .map(|one| one["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn each_bug_is_caught_by_its_scenario_for_the_law_that_it_breaks() {
    let results = in_turn(|| run_all(&TABLE));
    let failed = results.iter().any(Result::is_err);
    assert!(!failed, "{results:#?}");
}

#[test]
fn without_a_bug_nobody_is_accused() {
    let names = listed();
    let mut words = vec!["scenario", "--seed", "1"];
    words.extend(names.iter().map(String::as_str));
    let (code, envelope) = in_turn(|| User::new().json(&words));
    assert_eq!(broken(&envelope), BTreeSet::new(), "{envelope:#}");
    assert_eq!(code, 0, "{envelope:#}");
}

#[test]
fn all_together_never_pass_with_a_bug() {
    for bug in THROUGH_ALL {
        let set = format!("bug={bug}");
        let words = ["scenario", "all", "--seed", "1", "--set", &set];
        let (code, envelope) = in_turn(|| User::new().json(&words));
        assert_eq!(code, 1, "{bug}: {envelope:#}");
        let row = TABLE.iter().find(|row| row.0 == bug).unwrap();
        let broken = broken(&envelope);
        assert!(broken.contains(row.2.name()), "{bug}: {broken:?}");
    }
}

#[test]
fn each_bug_and_each_scenario_has_its_row() {
    let bugs: BTreeSet<&str> = TABLE.iter().map(|row| row.0).collect();
    let known: BTreeSet<&str> = Bug::ALL.iter().map(|(_, name)| *name).collect();
    assert_eq!(bugs, known);
    let scenarios: BTreeSet<String> = TABLE.iter().map(|row| row.1.to_owned()).collect();
    assert_eq!(scenarios, listed());
}

#[test]
fn the_table_of_the_bugs_names_the_same_scenarios() {
    let source = include_str!("../../src/spec/bug.rs");
    for (_, bug) in Bug::ALL {
        let row = format!("//! | `{bug}` |");
        let row = source.lines().find(|line| line.starts_with(&row)).unwrap();
        let told = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let rows = TABLE.iter().filter(|row| row.0 == bug);
        let scenarios: Vec<String> = rows.map(|row| format!("`{}`", row.1)).collect();
        assert_eq!(told, scenarios.join(", "), "{bug}");
    }
}
