//! A cluster's life, as a user sees it: started, hurt, mended, stopped, and never left behind.

use std::net::TcpListener;
use std::time::Duration;

#[cfg(target_os = "linux")]
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::user::{User, base, gone_within, nodes_under, pids, runs, talk};

/// The promise: nobody is left this long after the supervisor.
const PROMISE: Duration = Duration::from_secs(1);

fn sigkill(pid: &Value) {
    let pid = i32::try_from(pid.as_i64().unwrap()).unwrap();
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
}

#[test]
fn a_cluster_lives_through_the_death_of_its_leader() {
    let user = User::new();
    let up = user.up(&[]);
    assert_eq!(up["state"], "ready");
    assert_eq!(up["nodes"].as_array().unwrap().len(), 3);
    let leader = up["leader"].as_str().unwrap();

    let killed = user.data(&["kill", "leader"]);
    assert_eq!(killed["old_leader"], leader);
    assert!(killed["new_leader"].is_string(), "{killed}");
    assert!(killed["election_ms"].as_f64().unwrap() > 0.0);
    let status = user.data(&["status"]);
    assert_eq!(status["state"], "degraded");
    assert_eq!(status["faults"][0]["fault"], format!("kill {leader}"));
    assert_eq!(user.run(&["status", "--exit-code"]).status.code(), Some(3));

    user.ok(&["start", leader]);
    let status = user.data(&["status"]);
    assert_eq!(status["state"], "ready", "{status}");
    assert_eq!(status["faults"].as_array().unwrap().len(), 0);
    assert_eq!(status["bootstrap"], up["bootstrap"]);
    let restarts = |node: &Value| node["restarts"].as_u64().unwrap();
    let nodes = status["nodes"].as_array().unwrap();
    assert_eq!(nodes.iter().map(restarts).sum::<u64>(), 1);

    user.ok(&["down"]);
    gone_within(&pids(&status), PROMISE);
    assert_eq!(user.run(&["status"]).status.code(), Some(6));
    assert_eq!(user.run(&["down"]).status.code(), Some(6));
    assert_eq!(user.data(&["ls"])[0]["state"], "stopped");
}

#[test]
fn nobody_outlives_a_killed_supervisor_and_the_next_up_works() {
    let user = User::new();
    let up = user.up(&[]);
    user.ok(&["pause", "follower"]);
    let paused = user.data(&["status"]);
    let states: Vec<&str> = paused["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|n| n["state"].as_str())
        .collect();
    assert!(states.contains(&"paused"), "{states:?}");
    sigkill(&up["supervisor_pid"]);
    gone_within(&pids(&up), PROMISE);
    assert_eq!(user.run(&["status"]).status.code(), Some(6));
    let again = user.data(&["up", "-d"]);
    assert_eq!(again["cluster_id"], up["cluster_id"]);
    assert_eq!(again["bootstrap"], up["bootstrap"]);
}

#[test]
fn the_foreground_prints_one_stable_line_and_dies_with_its_nodes() {
    let user = User::new();
    let base = base();
    let mut up = user.spawn(&["up", "--port-base", &base]);
    let ready = up.ready();
    let start = "READY cluster=dev nodes=3 leader=node-";
    assert!(ready.starts_with(start), "{ready}");
    assert!(
        ready.contains(&format!(" bootstrap=127.0.0.1:{base},")),
        "{ready}"
    );
    let status = user.data(&["status"]);
    user.ok(&["pause", "any"]);
    up.signal(Signal::SIGKILL);
    gone_within(&pids(&status), PROMISE);
}

#[test]
fn a_node_that_is_run_by_hand_is_a_member_like_any_other() {
    let user = User::new();
    user.up(&[]);
    user.ok(&["stop", "2"]);
    let spec = user.cluster().join("node-2/node.json");
    let mut node = user.spawn(&["node", "--by-hand", "--spec", spec.to_str().unwrap()]);
    let ready = |line: &std::io::Result<String>| line.as_ref().unwrap().contains("ready");
    assert!(node.stdout.find(ready).is_some(), "it is ready");
    // With one of the others gone its vote is needed, and new replicas go to the living.
    user.ok(&["kill", "3"]);
    for factor in ["1", "2", "3"] {
        let name = format!("copies-{factor}");
        user.ok(&["topic", "create", &name, "--replication-factor", factor]);
    }
    user.ok(&["start", "3"]);
    node.signal(Signal::SIGTERM);
    assert_eq!(node.child.wait().unwrap().code(), Some(0));
    user.ok(&["start", "2"]);
}

#[test]
fn a_supervisor_killed_in_the_middle_of_a_start_leaves_nobody() {
    let user = User::new();
    let mut up = user.spawn(&["up", "--port-base", &base()]);
    let spawned = |line: &std::io::Result<String>| line.as_ref().unwrap().contains("spawned");
    assert!(up.stderr.find(spawned).is_some(), "a node was spawned");
    up.signal(Signal::SIGKILL);
    up.child.wait().unwrap();
    gone_within(&nodes_under(&user.cluster()), PROMISE);
    user.ok(&["up", "-d"]);
}

#[test]
fn a_launcher_killed_in_the_middle_of_a_start_takes_its_cluster_along() {
    let user = User::new();
    let mut up = user.spawn(&["up", "-d", "--port-base", &base()]);
    let spawned = |line: &std::io::Result<String>| line.as_ref().unwrap().contains("spawned");
    assert!(up.stderr.find(spawned).is_some(), "a node was spawned");
    up.signal(Signal::SIGKILL);
    up.child.wait().unwrap();
    // It may have been let go of in the same instant; then it runs, and is stopped as such.
    let output = user.run(&["status"]);
    if output.status.code() == Some(6) {
        gone_within(&nodes_under(&user.cluster()), PROMISE);
    }
}

#[test]
fn a_cluster_without_a_majority_is_not_told_to_be_ready() {
    let user = User::new();
    user.up(&[]);
    user.ok(&["kill", "1,2"]);
    let (code, envelope) = user.json(&["up", "-d"]);
    assert_eq!((code, &envelope["error"]["code"]), (3, &"NOT_READY".into()));
    let hints = &envelope["error"]["hints"];
    assert_eq!(hints[0], "chronik-dev start all", "{envelope}");
    assert!(user.ok(&["up", "-d", "--wait", "none"]).contains("READY"));
    user.ok(&["start", "1"]);
    assert!(user.ok(&["up", "-d"]).contains("READY"));
}

#[test]
fn one_ctrl_c_stops_everybody_gracefully() {
    let user = User::new();
    let mut up = user.spawn(&["up", "--port-base", &base()]);
    up.ready();
    let status = user.data(&["status"]);
    up.signal(Signal::SIGINT);
    assert_eq!(up.child.wait().unwrap().code(), Some(0));
    assert!(pids(&status).iter().all(|pid| !runs(*pid)));
    let talk: Vec<String> = up.stderr.by_ref().map(Result::unwrap).collect();
    assert!(
        talk.iter()
            .any(|line| line.contains("still running: node-1")),
        "{talk:?}"
    );
    let graceful = talk
        .iter()
        .filter(|line| line.contains("exit code 0"))
        .count();
    assert_eq!(graceful, 3, "{talk:?}");
    assert!(
        talk.iter().all(|line| !line.contains('\u{1b}')),
        "no control codes: {talk:?}"
    );
}

#[test]
fn a_second_up_of_the_same_name_finds_the_first() {
    let user = User::new();
    let up = user.up(&[]);
    let second = user.data(&["up"]);
    assert_eq!(second["supervisor_pid"], up["supervisor_pid"]);
    let (code, refused) = user.json(&["up", "--nodes", "5"]);
    assert_eq!(
        (code, &refused["error"]["code"]),
        (2, &Value::from("USAGE"))
    );
    assert!(!refused["error"]["hints"].as_array().unwrap().is_empty());
    user.ok(&["down"]);
    assert_eq!(
        user.run(&["up", "-d", "--nodes", "5"]).status.code(),
        Some(2)
    );
}

#[test]
fn a_taken_port_is_named_with_its_holder() {
    let user = User::new();
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    let (code, refused) = user.json(&["up", "--nodes", "1", "--port-base", &port.to_string()]);
    if refused["error"]["code"] == "USAGE" {
        // The system chose a port above the ceiling of plans.
        return;
    }
    assert_eq!(code, 5, "{refused}");
    assert_eq!(refused["error"]["details"]["port"], port);
    assert_eq!(refused["error"]["details"]["service"], "kafka");
    assert_eq!(
        refused["error"]["details"]["holder"]["pid"],
        std::process::id()
    );
    assert_eq!(user.data(&["ls"]), Value::from(Vec::<Value>::new()));
}

#[test]
fn a_start_that_cannot_succeed_names_its_cause_and_leaves_nobody() {
    let user = User::new();
    user.up(&[]);
    user.ok(&["down"]);
    let data = user.cluster().join("node-2/data");
    std::fs::remove_dir_all(&data).unwrap();
    std::fs::write(&data, "not a directory").unwrap();
    let failed = user.run(&["up"]);
    let talk = talk(&failed);
    assert!(matches!(failed.status.code(), Some(4 | 5)), "{talk}");
    assert!(talk.contains("node-2"), "{talk}");
    assert!(nodes_under(&user.cluster()).is_empty());
}

#[test]
fn a_start_that_takes_too_long_says_what_it_waited_for() {
    let user = User::new();
    let (code, late) = user.json(&["up", "--port-base", &base(), "--timeout", "1ms"]);
    assert_eq!(code, 3, "{late}");
    assert_eq!(late["error"]["code"], "NOT_READY");
    let message = late["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("last status: node-1 waits for"),
        "{message}"
    );
    assert!(message.contains("log: "), "{message}");
    assert!(nodes_under(&user.cluster()).is_empty());
}

/// A lock or a pipe of the shell that ran `up -d` is not held until `down`.
#[cfg(target_os = "linux")]
#[test]
fn a_detached_cluster_keeps_no_file_of_its_launcher() {
    let user = User::new();
    let file = tempfile::NamedTempFile::new().unwrap();
    fcntl(file.as_file(), FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
    let status = user.up(&[]);
    let supervisor = i32::try_from(status["supervisor_pid"].as_i64().unwrap()).unwrap();
    let held = |pid: &i32| {
        let files = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
        let mut paths = files.flatten().flat_map(|link| link.path().read_link());
        paths.any(|path| path == file.path())
    };
    let holders: Vec<i32> = pids(&status)
        .into_iter()
        .chain([supervisor])
        .filter(held)
        .collect();
    assert!(holders.is_empty(), "{holders:?} of {status}");
}

#[test]
fn a_damaged_cluster_file_is_set_aside_and_named() {
    let user = User::new();
    user.up(&["--nodes", "1"]);
    user.ok(&["down"]);
    let path = user.cluster().join("cluster.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("dev", "dex")).unwrap();
    let (code, refused) = user.json(&["up", "-d"]);
    assert_eq!(code, 5, "{refused}");
    assert!(
        refused["error"]["message"]
            .as_str()
            .unwrap()
            .contains("cluster.json.bad")
    );
    assert!(user.cluster().join("cluster.json.bad").exists());
    assert!(
        user.cluster().join("node-1").exists(),
        "no data was touched"
    );
    user.ok(&["down", "--wipe"]);
    assert!(!user.cluster().exists());
}

#[test]
fn run_gives_a_command_a_cluster_and_returns_its_code() {
    let user = User::new();
    let output = user.run(&[
        "run",
        "-q",
        "--",
        "sh",
        "-c",
        "echo $BOOTSTRAP_SERVERS; exit 7",
    ]);
    assert_eq!(output.status.code(), Some(7), "{}", talk(&output));
    let bootstrap = String::from_utf8(output.stdout).unwrap();
    assert_eq!(bootstrap.trim().split(',').count(), 3, "{bootstrap}");
    let left: Vec<_> = std::fs::read_dir(user.path("tmp")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(user.data(&["ls"]), Value::from(Vec::<Value>::new()));
}

#[test]
fn what_a_killed_supervisor_of_an_ephemeral_cluster_left_is_swept() {
    let user = User::new();
    let up = user.up(&["--ephemeral", "--nodes", "1"]);
    let directory = std::path::PathBuf::from(up["directory"].as_str().unwrap());
    assert!(
        directory.starts_with(user.path("tmp")),
        "{}",
        directory.display()
    );
    sigkill(&up["supervisor_pid"]);
    gone_within(&pids(&up), PROMISE);
    gone_within(
        &[i32::try_from(up["supervisor_pid"].as_i64().unwrap()).unwrap()],
        PROMISE,
    );
    assert!(directory.exists());
    assert_eq!(user.data(&["ls"]), Value::from(Vec::<Value>::new()));
    assert!(!directory.exists());
}

#[test]
fn links_are_broken_and_healed() {
    let user = User::new();
    user.up(&[]);
    user.ok(&["net", "cut", "1..2", "--for", "30s"]);
    user.ok(&["net", "slow", "1=3", "5ms"]);
    let faults = user.data(&["faults"]);
    assert_eq!(faults[0]["fault"], "cut node-1..node-2");
    assert!(faults[0]["ends_in_ms"].as_f64().unwrap() > 0.0);
    assert_eq!(faults[1]["ends_in_ms"], Value::Null);
    user.ok(&["net", "heal"]);
    assert_eq!(user.data(&["faults"]), Value::from(Vec::<Value>::new()));
    assert_eq!(user.run(&["net", "cut", "1..9"]).status.code(), Some(2));
}

#[test]
fn a_usage_error_has_an_envelope_too() {
    let user = User::new();
    let (code, envelope) = user.json(&["kill", "nobody"]);
    assert_eq!(code, 2);
    assert_eq!(envelope["error"]["code"], "USAGE");
    assert_eq!(envelope["command"], "kill");
}
