//! The directory.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::scenarios::judge::Verdict;
use crate::spec::NodeId;

/// A cluster's leftovers: a history, a log and a data directory.
fn leftovers(dir: &std::path::Path) -> Artifacts {
    let data = dir.join("data-1");
    fs::create_dir_all(data.join("wal")).unwrap();
    fs::write(data.join("wal/0.log"), "bytes").unwrap();
    fs::write(dir.join("node.log"), "ready").unwrap();
    fs::write(dir.join("history.jsonl"), "{}").unwrap();
    Artifacts {
        history: Some(dir.join("history.jsonl")),
        logs: vec![
            (NodeId(1), dir.join("node.log")),
            (NodeId(2), dir.join("missing.log")),
        ],
        data: vec![(NodeId(1), data)],
    }
}

#[test]
fn a_directory_holds_all_that_was_found_out() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("report");
    let mut scenario = samples::judged(Plot::good(), Verdict::Failed);
    let artifacts = leftovers(temporary.path());
    keep(&dir, 1, &mut scenario.runs[0], &artifacts).unwrap();
    let report = samples::report(vec![scenario]);
    write(&dir, &report).unwrap();
    write(&dir, &report).unwrap();
    let run = dir.join("leader-failover/run-1");
    for file in ["logs/node-1.log", "history.jsonl", "data/node-1/wal/0.log"] {
        assert!(run.join(file).is_file(), "{file}");
    }
    assert!(!run.join("logs/node-2.log").exists());
    let mut names: Vec<_> = fs::read_dir(&dir)
        .unwrap()
        .map(|one| one.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "history.jsonl",
            "junit.xml",
            "leader-failover",
            "report.html",
            "report.json"
        ]
    );
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&dir), mode(&dir.join("report.html"))), (0o700, 0o600));
    let told: serde_json::Value =
        serde_json::from_slice(&fs::read(dir.join("report.json")).unwrap()).unwrap();
    assert_eq!(told["scenarios"][0]["report"], run.to_str().unwrap());
}

#[test]
fn data_is_kept_only_of_a_run_that_did_not_pass() {
    let temporary = tempfile::tempdir().unwrap();
    let mut scenario = samples::judged(Plot::good(), Verdict::Passed);
    let artifacts = leftovers(temporary.path());
    keep(temporary.path(), 1, &mut scenario.runs[0], &artifacts).unwrap();
    let kept = scenario.kept().unwrap();
    assert!(kept.join("history.jsonl").is_file() && !kept.join("data").exists());
}

#[test]
fn what_cannot_be_copied_is_named() {
    let temporary = tempfile::tempdir().unwrap();
    let mut scenario = samples::judged(Plot::good(), Verdict::Passed);
    let artifacts = Artifacts {
        history: Some(temporary.path().join("gone")),
        ..Artifacts::default()
    };
    let refused = keep(temporary.path(), 1, &mut scenario.runs[0], &artifacts).unwrap_err();
    assert!(refused.to_string().contains("gone"), "{refused}");
}
