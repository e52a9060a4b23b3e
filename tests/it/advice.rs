//! What is advised must work when it is typed, and fit what is wrong.

use std::net::{Ipv4Addr, TcpListener};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::user::{User, base};

/// The commands among an error's hints, as words to type.
fn typed(hint: &str) -> Vec<&str> {
    let words = hint
        .strip_prefix("chronik-dev ")
        .expect("a command of ours");
    words.split_whitespace().collect()
}

fn hints(envelope: &Value) -> Vec<&str> {
    let hints = envelope["error"]["hints"].as_array().unwrap();
    hints.iter().map(|hint| hint.as_str().unwrap()).collect()
}

#[test]
fn nodes_that_are_down_and_a_cluster_that_is_stopped_are_told_apart() {
    let user = User::new();
    user.up(&[]);
    user.ok(&["topic", "create", "orders"]);
    user.ok(&["kill", "all"]);
    let (code, refused) = user.json(&["topic", "list"]);
    assert_eq!(code, 6, "{refused}");
    let advice = hints(&refused);
    let start = advice.iter().find(|hint| hint.contains("start")).unwrap();
    user.ok(&typed(start));
    user.ok(&["topic", "list"]);
    user.ok(&["down"]);
    for words in [
        &["topic", "list"][..],
        &["produce", "orders", "--count", "1"],
    ] {
        let (code, refused) = user.json(words);
        assert_eq!(code, 6, "{refused}");
        let message = refused["error"]["message"].as_str().unwrap();
        assert!(message.contains("is not running"), "{message}");
        assert_eq!(hints(&refused), ["chronik-dev up -d"]);
    }
}

#[test]
fn what_a_running_cluster_does_not_take_is_told_with_what_gives_it() {
    let user = User::new();
    user.up(&[]);
    let wish = ["up", "-d", "--set", "num.partitions=7", "--direct"];
    let (code, met) = user.json(&wish);
    assert_eq!(code, 0, "{met}");
    let warning = met["warnings"][0].as_str().unwrap();
    let advised: Vec<&str> = warning
        .split("; ")
        .nth(1)
        .unwrap()
        .split(", then ")
        .collect();
    for command in advised {
        user.ok(&typed(command));
    }
    user.ok(&["topic", "create", "wide"]);
    let wide = user.data(&["topic", "describe", "wide"]);
    assert_eq!(wide["partitions"].as_array().unwrap().len(), 7);
    let (_, met) = user.json(&wish);
    assert_eq!(met["warnings"], Value::from(Vec::<Value>::new()));
}

#[test]
fn a_stored_cluster_whose_port_is_taken_is_told_how_to_get_it() {
    let user = User::new();
    let up = user.up(&["--nodes", "1"]);
    let base = up["nodes"][0]["ports"]["kafka"].to_string();
    user.ok(&["down"]);
    let other = ["up", "-d", "--cluster", "other", "--nodes", "1"];
    user.ok(&[&other[..], &["--port-base", &base]].concat());
    let (code, refused) = user.json(&["up", "-d"]);
    assert_eq!((code, &refused["error"]["code"]), (5, &"PORT_TAKEN".into()));
    let advice = hints(&refused);
    assert!(
        !advice.iter().any(|hint| hint.contains("--port-base")),
        "{advice:?}"
    );
    let stop = advice.iter().find(|hint| hint.contains("other")).unwrap();
    let (command, _) = stop.split_once(" stops").unwrap();
    user.ok(&typed(command));
    user.ok(&["up", "-d"]);
}

#[test]
fn a_dry_run_looks_at_the_ports_and_starts_nothing() {
    let user = User::new();
    let base = base();
    let port = base.parse().unwrap();
    let holder = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    let asked = ["up", "--dry-run", "--nodes", "1", "--port-base", &base];
    let (code, refused) = user.json(&asked);
    assert_eq!(code, 5, "{refused}");
    assert_eq!(refused["error"]["details"]["port"], port);
    drop(holder);
    user.ok(&asked);
    // Whoever has the default port, it is not planned.
    let default = TcpListener::bind((Ipv4Addr::LOCALHOST, 9092));
    let plan = user.data(&["up", "--dry-run"]);
    assert_ne!(plan["ports"][0]["port"], 9092, "{plan}");
    drop(default);
    assert_eq!(user.data(&["ls"]), Value::from(Vec::<Value>::new()));
}

#[test]
fn a_node_that_died_is_told_with_how_and_what_next() {
    let user = User::new();
    let up = user.up(&[]);
    let pid = i32::try_from(up["nodes"][1]["pid"].as_i64().unwrap()).unwrap();
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    let table = loop {
        let table = user.ok(&["status"]);
        if table.contains("died") {
            break table;
        }
    };
    let told = table.lines().last().unwrap();
    let words = "died: node-2: killed by SIGKILL; chronik-dev logs 2 --errors shows why";
    assert!(told.starts_with(words), "{told}");
    let found = user.data(&["doctor"]);
    let mut findings = found.as_array().unwrap().iter();
    assert!(
        findings.any(|finding| finding["check"] == "nodes"),
        "{found}"
    );
    // What keeps it from starting is told as `up` tells it.
    let data = user.cluster().join("node-2/data");
    std::fs::rename(&data, user.path("aside")).unwrap();
    std::fs::write(&data, "not a directory").unwrap();
    let (code, refused) = user.json(&["start", "2"]);
    assert!(matches!(code, 4 | 5), "{refused}");
    std::fs::remove_file(&data).unwrap();
    std::fs::rename(user.path("aside"), &data).unwrap();
    let (_, start) = told.rsplit_once("chronik-dev").unwrap();
    let (command, _) = start.split_once(" starts").unwrap();
    user.ok(&command.split_whitespace().collect::<Vec<_>>());
}

#[test]
fn a_watch_off_a_terminal_is_one_picture_and_a_line_for_each_change() {
    let user = User::new();
    user.up(&[]);
    let mut watch = user.spawn(&["status", "-w"]);
    let head = watch.stdout.next().unwrap().unwrap();
    assert!(head.contains("cluster dev"), "{head}");
    user.ok(&["stop", "2"]);
    user.ok(&["down"]);
    let lines: Vec<String> = watch.stdout.by_ref().map(Result::unwrap).collect();
    let pictures = lines.iter().filter(|line| line.contains("cluster dev"));
    assert_eq!(pictures.count(), 0, "{lines:#?}");
    let exits = lines
        .iter()
        .filter(|line| line.contains("node-2: ○ exited"));
    assert_eq!(exits.count(), 1, "{lines:#?}");
    assert_eq!(watch.child.wait().unwrap().code(), Some(0));
}

#[test]
fn messages_that_are_too_large_together_are_sent_apart() {
    let user = User::new();
    user.up(&["--nodes", "1"]);
    let limit = ["--config", "max.message.bytes=1000"];
    user.ok(&[
        &["topic", "create", "small", "--partitions", "1"][..],
        &limit,
    ]
    .concat());
    user.ok(&["produce", "small", "--count", "500", "--size", "20"]);
    let large = ["produce", "small", "--count", "1", "--size", "2000"];
    let (code, refused) = user.json(&large);
    assert_eq!(
        (code, &refused["error"]["code"]),
        (1, &"NOT_DELIVERED".into())
    );
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.contains("max.message.bytes = 1000"), "{message}");
    assert!(message.contains("0 messages acked before it"), "{message}");
    let read = user.ok(&["consume", "small", "--from-beginning"]);
    assert_eq!(read.lines().count(), 500);
}

#[test]
fn a_line_that_is_too_long_does_not_take_those_before_it_along() {
    let user = User::new();
    user.up(&["--nodes", "1"]);
    user.ok(&["topic", "create", "lines", "--partitions", "3"]);
    let mut input = "good\n".repeat(500).into_bytes();
    input.resize(input.len() + 1_500_000, b'x');
    let output = user.run_with(&["produce", "lines"], &input);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("line 501 has 1500000 bytes"), "{said}");
    assert!(said.contains("500 messages acked before it"), "{said}");
}

#[test]
fn a_file_that_cannot_be_written_is_told_before_anything_runs() {
    let user = User::new();
    let nowhere = user.path("nowhere/x.xml");
    let words = ["scenario", "all", "--junit", nowhere.to_str().unwrap()];
    let (code, refused) = user.json(&words);
    assert_eq!((code, &refused["error"]["code"]), (5, &"SYSTEM".into()));
    assert_eq!(refused["data"], Value::Null, "nothing ran");
}

#[test]
fn the_log_of_a_cluster_that_is_gone_is_found_and_removed() {
    let user = User::new();
    user.up(&["--nodes", "1"]);
    let logs = user.path("data/chronik-dev/supervisors");
    std::fs::write(logs.join("dev.log"), "a word").unwrap();
    user.ok(&["down", "--wipe"]);
    assert_eq!(std::fs::read_dir(&logs).unwrap().count(), 0);
    std::fs::write(logs.join("old.log"), "a word").unwrap();
    let found = user.data(&["doctor"]);
    let mut findings = found.as_array().unwrap().iter();
    let lone = findings
        .find(|finding| finding["check"] == "leftovers")
        .unwrap();
    user.ok(&typed(lone["cure"].as_str().unwrap()));
    assert_eq!(std::fs::read_dir(&logs).unwrap().count(), 0);
    assert_eq!(user.run(&["down", "--wipe"]).status.code(), Some(6));
}

#[test]
fn what_no_majority_changes_is_not_blamed_on_one() {
    let user = User::new();
    user.up(&["--nodes", "1"]);
    user.ok(&["topic", "create", "orders"]);
    user.ok(&["produce", "orders", "--count", "1"]);
    let one = ["consume", "orders", "--from-beginning", "--max", "1"];
    user.ok(&[&one[..], &["--group", "g"]].concat());
    let (code, refused) = user.json(&["topic", "delete", "__consumer_offsets"]);
    assert_eq!(code, 5, "{refused}");
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.contains("(42)"), "{message}");
    assert_eq!(hints(&refused), [""; 0]);
}
