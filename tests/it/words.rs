//! What the command line says, word for word: help, errors, envelopes.
//!
//! People script against it, so a change must be seen. What differs between two runs is redacted:
//! ports, times, pids, ids and paths.

use std::path::Path;
use std::process::Output;

use assert_cmd::Command;
use insta::{assert_json_snapshot, assert_snapshot};
use regex::Regex;
use serde_json::{Value, json};

use crate::user::User;

/// Every command, and every command of a command.
const COMMANDS: [&str; 36] = [
    "up",
    "down",
    "status",
    "ls",
    "ports",
    "logs",
    "kill",
    "stop",
    "start",
    "restart",
    "pause",
    "resume",
    "net",
    "net partition",
    "net cut",
    "net slow",
    "net heal",
    "faults",
    "env",
    "run",
    "scenario",
    "doctor",
    "bench",
    "topic",
    "topic create",
    "topic list",
    "topic describe",
    "topic delete",
    "produce",
    "consume",
    "search",
    "ui",
    "metrics",
    "verify",
    "completions",
    "node",
];

/// Runs a command in an environment that is the same everywhere.
fn run(home: &Path, words: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chronik-dev"));
    command.env_clear().env("PATH", "/usr/bin:/bin");
    command.env("XDG_DATA_HOME", home.join("data"));
    command.env("XDG_RUNTIME_DIR", home.join("run"));
    command.env("TMPDIR", home.join("tmp")).current_dir(home);
    command.args(words.split_whitespace()).output().unwrap()
}

fn stdout(output: Output) -> String {
    String::from_utf8(output.stdout).unwrap()
}

/// What was typed, what was said and how it ended.
fn told(home: &Path, words: &str) -> String {
    let output = run(home, words);
    let said = String::from_utf8(output.stderr).unwrap();
    let code = output.status.code().unwrap();
    format!(
        "$ chronik-dev {words}\n{}[exit code {code}]\n",
        redacted(home, &said)
    )
}

fn redacted(home: &Path, said: &str) -> String {
    let said = said.replace(home.to_str().unwrap(), "[home]");
    let pairs = [
        (r"process \d+ \([^)]*\)", "process [pid] ([name])"),
        (r"127\.0\.0\.1:\d{4,5}", "127.0.0.1:[port]"),
        (r"\bport \d{4,5}\b", "port [port]"),
        (r"\bbase \d{4,5}\b", "base [port]"),
        (r"\b[0-9a-f]{32}\b", "[id]"),
        (r"os error \d+", "os error [n]"),
    ];
    pairs.into_iter().fold(said, |said, (pattern, word)| {
        let pattern = Regex::new(pattern).unwrap();
        pattern.replace_all(&said, word).into_owned()
    })
}

#[test]
fn help_is_what_it_was() {
    let home = tempfile::tempdir().unwrap();
    let root = [
        stdout(run(home.path(), "-h")),
        stdout(run(home.path(), "--help")),
    ];
    assert_snapshot!("help", root.join("\n=== --help\n\n"));
    for command in COMMANDS {
        let short = stdout(run(home.path(), &format!("{command} -h")));
        let long = stdout(run(home.path(), &format!("{command} --help")));
        let name = format!("help_{}", command.replace(' ', "_"));
        assert_snapshot!(name, format!("{short}\n=== --help\n\n{long}"));
    }
}

#[test]
fn every_command_is_in_the_help_and_in_every_shells_completions() {
    let home = tempfile::tempdir().unwrap();
    let help = stdout(run(home.path(), "-h"));
    let named: Vec<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .map_while(|line| line.split_whitespace().next())
        .collect();
    let known: Vec<&str> = COMMANDS.into_iter().filter(|c| !c.contains(' ')).collect();
    assert_eq!(named, known);
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = stdout(run(home.path(), &format!("completions {shell}")));
        for command in &known {
            assert!(script.contains(command), "{command} is not in {shell}'s");
        }
        assert!(
            !script.contains("supervise"),
            "{shell} offers what is hidden"
        );
    }
}

#[test]
fn errors_without_a_cluster_are_what_they_were() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join("foreign")).unwrap();
    std::fs::write(home.path().join("foreign/letter.txt"), "dear").unwrap();
    std::fs::write(home.path().join("bad.json"), "{").unwrap();
    let typed = [
        "status",
        "kill 1",
        "kill node-x",
        "kill 1 --for soon",
        "kill 1 --signal NOPE",
        "topic list",
        "produce orders --acks 2",
        "consume orders --bootstrap 127.0.0.1:1",
        "consume orders --bootstrap nowhere",
        "consume orders --group g --partition 1",
        "search orders failed",
        "net cut 1.3",
        "net slow 1..2 5ms",
        "up --nodes 0",
        "up --cluster a/b",
        "up --set foo",
        "up --set num.partitions=x",
        "up --port-base 40000",
        "up --data-dir foreign",
        "up --data-dir bad.json",
        "run",
        "node --spec nope.json",
        "node --spec bad.json",
        "verify nope",
        "verify bad.json",
        "ui",
        "ui --json",
        "up --ui --cluster orders",
        "up --ui -d",
        "statsu",
    ];
    let told: Vec<String> = typed.iter().map(|words| told(home.path(), words)).collect();
    assert_snapshot!("errors_without_a_cluster", told.join("\n"));
}

#[test]
fn errors_of_a_running_cluster_are_what_they_were() {
    let user = User::new();
    user.up(&[]);
    user.ok(&["topic", "create", "orders"]);
    user.ok(&["pause", "3"]);
    let home = user.path("data").parent().unwrap().to_owned();
    let typed = [
        "kill 9",
        "kill 1 --signal 99",
        "kill leader:orders/9",
        "start 3",
        "resume 1",
        "net partition 1 9",
        "net partition 1 1",
        "up -d --nodes 5",
        "up -d --port-base 9999",
        "up -d --ephemeral",
        "up -d --data-dir elsewhere",
        "up -d --cluster other --data-dir data/chronik-dev/clusters/dev",
        "topic create orders",
        "topic create a/b",
        "topic create many --partitions 99999",
        "topic create wide --replication-factor 9",
        "topic create odd --config no.such.thing=1",
        "topic describe nope",
        "topic delete nope",
        "consume nope",
        "consume nope --group g",
        "search nope failed",
        "search orders failed",
        "consume orders --partition 9",
        "produce nope",
        "produce orders --partition 9",
        "logs 9",
    ];
    let told: Vec<String> = typed.iter().map(|words| told(&home, words)).collect();
    assert_snapshot!("errors_of_a_running_cluster", told.join("\n"));
}

#[test]
fn envelopes_keep_their_keys() {
    let user = User::new();
    let base = user.up(&[])["nodes"][0]["ports"]["kafka"].to_string();
    user.ok(&["down", "--wipe"]);
    let home = user.path("data").parent().unwrap().to_owned();
    let show = |name: &str, words: &[&str]| {
        let (_, mut envelope) = user.json(words);
        redact(&home, &mut envelope);
        assert_json_snapshot!(name, envelope);
    };
    show("json_up", &["up", "-d", "--port-base", &base]);
    show("json_kill", &["kill", "3"]);
    show("json_status_degraded", &["status"]);
    show("json_start", &["start", "3"]);
    show("json_stop", &["stop", "2"]);
    show("json_error", &["up", "-d", "--nodes", "5"]);
}

/// What differs from run to run becomes a word; null stays null.
fn redact(home: &Path, value: &mut Value) {
    let Value::Object(fields) = value else {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| redact(home, item)),
            Value::String(text) => *text = redacted(home, text),
            _ => {}
        }
        return;
    };
    for (key, value) in fields {
        // Whether there was an election depends on who led.
        if key == "election_ms" || (varies(key) && !value.is_null()) {
            *value = json!(format!("[{key}]"));
        } else {
            redact(home, value);
        }
    }
}

/// Who leads, how long it takes and what is numbered differs between two runs.
fn varies(key: &str) -> bool {
    const KEYS: [&str; 16] = [
        "kafka",
        "raft",
        "metrics",
        "search",
        "pid",
        "supervisor_pid",
        "ms",
        "term",
        "applied",
        "role",
        "leader",
        "old_leader",
        "new_leader",
        "cluster_id",
        "waiting_for",
        "load",
    ];
    key.ends_with("_ms") || KEYS.contains(&key)
}
