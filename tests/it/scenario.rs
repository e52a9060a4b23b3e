//! Scenarios against real clusters, as users run them.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::user::{User, gone_within, runs, talk};
use crate::wait::until;

/// The nodes of clusters that were built for scenarios, anywhere.
fn temporary(user: &User) -> Vec<String> {
    let entries = std::fs::read_dir(user.path("tmp")).unwrap().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.collect()
}

/// Whether a scenario has a verdict and accuses nobody. A budget is a figure, which a busy machine
/// may miss while it runs tests; no test is timed.
fn keeps_the_laws(scenario: &Value) -> bool {
    let budget = |anomaly: &Value| {
        let what = anomaly["what"].as_str().unwrap_or_default();
        anomaly["law"] == "promises" && what.starts_with("the largest gap is at most")
    };
    let anomalies = scenario["anomalies"].as_array().unwrap();
    let failed_so = scenario["verdict"] == "fail" && !anomalies.is_empty();
    scenario["verdict"] == "pass" || (failed_so && anomalies.iter().all(budget))
}

/// Runs scenarios that must keep the laws, and returns each one's data.
fn lawful(user: &User, words: &[&str]) -> Vec<Value> {
    let (code, mut envelope) = user.json(&[&["scenario"], words].concat());
    let scenarios = envelope["data"]["scenarios"].take();
    let scenarios = scenarios.as_array().unwrap();
    assert!(
        scenarios.iter().all(keeps_the_laws),
        "exit code {code}: {scenarios:#?}"
    );
    assert_eq!(temporary(user), [""; 0], "the cluster is removed");
    scenarios.clone()
}

#[test]
fn a_clean_start_and_a_failover_pass_with_sound_counts() {
    let user = User::new();
    let report = user.path("report");
    let report = report.to_str().unwrap();
    let ran = lawful(
        &user,
        &["clean-startup", "leader-failover", "--report", report],
    );
    assert_eq!(ran.len(), 2);
    for scenario in &ran {
        let formation = scenario["metrics"]["formation_ms"].as_f64();
        assert!(formation.is_some_and(|ms| ms > 0.0), "{scenario:#}");
    }
    let page = std::fs::read_to_string(user.path("report/report.html")).unwrap();
    assert!(page.contains("Machine's synced write, median"), "{page}");
    assert!(page.contains("Machine's load average"), "{page}");
    let counts = &ran[1]["counts"];
    assert!(counts["acked"].as_u64().unwrap() >= 1_500, "{counts}");
    assert_eq!(counts["acked"], counts["read"]);
    for none in ["lost", "duplicated", "reordered"] {
        assert_eq!(counts[none], 0, "{counts}");
    }
    let history = user.path("report/leader-failover/run-1/history.jsonl");
    let again = user.run(&["verify", history.to_str().unwrap()]);
    let code = i32::from(ran[1]["verdict"] != "pass");
    assert_eq!(again.status.code(), Some(code), "{}", talk(&again));
}

#[test]
fn five_nodes_are_judged_as_three_are() {
    let user = User::new();
    let names = ["node-failure-recovery", "network-partition", "quorum-loss"];
    let ran = lawful(&user, &[&names[..], &["--nodes", "5"]].concat());
    assert_eq!(ran.len(), names.len());
}

#[test]
fn a_running_cluster_is_left_healed_and_without_a_trace() {
    let user = User::new();
    user.up(&[]);
    lawful(&user, &["network-partition", "--cluster", "dev"]);
    let status = user.data(&["status"]);
    assert_eq!(status["state"], "ready");
    assert_eq!(status["faults"].as_array().unwrap().len(), 0);
    let topics = user.data(&["topic", "list"]);
    let own = |topic: &Value| topic["internal"] != true;
    let left = topics.as_array().unwrap().iter().filter(|topic| own(topic));
    assert_eq!(left.count(), 0, "{topics}");
    let bootstrap = status["bootstrap"].as_str().unwrap();
    let ran = lawful(&user, &["all", "--bootstrap", bootstrap]);
    let names: Vec<&str> = ran.iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(names, ["clean-startup", "topic-replication"]);
}

#[test]
fn ctrl_c_ends_a_scenario_in_order() {
    let user = User::new();
    let mut running = user.spawn(&["scenario", "pause-leader", "--json"]);
    let sleeping = |line: &std::io::Result<String>| line.as_ref().unwrap().contains("sleep");
    assert!(running.stderr.find(sleeping).is_some(), "the leader sleeps");
    let nodes = nodes_of(&user);
    assert_eq!(nodes.len(), 3);
    running.signal(Signal::SIGINT);
    let envelope: Value = serde_json::from_str(&running.stdout.next().unwrap().unwrap()).unwrap();
    assert_eq!(
        running.child.wait().unwrap().code(),
        Some(130),
        "{envelope}"
    );
    assert_eq!(envelope["status"], "error", "{envelope}");
    assert_eq!(envelope["error"]["code"], "INTERRUPTED", "{envelope}");
    assert_eq!(envelope["data"]["verdict"], "interrupted", "{envelope}");
    gone_within(&nodes, Duration::from_secs(1));
    assert_eq!(temporary(&user), [""; 0]);
}

/// Kills `scenario NAME` with SIGKILL once it has said `step`, at which a fault is at work.
///
/// Its processes, be they paused or cut off, are gone within a second, and the next command that
/// looks for clusters removes what lies around.
fn is_killed_in(scenario: &str, step: &str, fault: &str) {
    let user = User::new();
    let mut running = user.spawn(&["scenario", scenario]);
    let said = |line: &std::io::Result<String>| line.as_ref().unwrap().contains(step);
    assert!(
        running.stderr.find(said).is_some(),
        "{scenario} says {step:?}"
    );
    // Looking takes a while on a busy machine: the scenario waits.
    running.signal(Signal::SIGSTOP);
    let faults = user.data(&["faults", "--cluster", &only_cluster(&user)]);
    assert!(
        faults.to_string().contains(fault),
        "no {fault} is at work: {faults}"
    );
    let own = running.child.id().cast_signed();
    let mut left = processes_of(&user);
    left.retain(|pid| *pid != own);
    assert!(!left.is_empty(), "some nodes run");
    running.signal(Signal::SIGKILL);
    running.child.wait().unwrap();
    gone_within(&left, Duration::from_secs(1));
    assert_eq!(processes_of(&user), [0; 0], "nothing was started since");
    let listed = user.data(&["ls"]);
    assert_eq!(listed.as_array().map(Vec::len), Some(0), "{listed}");
    assert_eq!(temporary(&user), [""; 0], "the directory is gone");
    lawful(&user, &["clean-startup"]);
}

#[test]
fn a_scenario_killed_while_a_node_is_paused_leaves_nothing() {
    is_killed_in("pause-leader", "load while it sleeps", "pause");
}

#[test]
fn a_scenario_killed_while_links_are_cut_leaves_nothing() {
    is_killed_in("network-partition", "load on the majority", "partition");
}

#[test]
fn a_scenario_killed_while_nodes_are_down_leaves_nothing() {
    is_killed_in("quorum-loss", "writing without a quorum", "kill");
}

/// Kills `scenario NAME --cluster dev` while a fault is at work: the supervisor mends it, long
/// before the minute is over after which the fault would have ended by itself.
async fn is_killed_on_a_running_cluster_in(scenario: &str, step: &str) {
    let user = User::new();
    user.up(&[]);
    let mut running = user.spawn(&["scenario", scenario, "--cluster", "dev"]);
    let said = |line: &std::io::Result<String>| line.as_ref().unwrap().contains(step);
    assert!(running.stderr.find(said).is_some(), "{scenario}: {step:?}");
    running.signal(Signal::SIGKILL);
    let killed = Instant::now();
    running.child.wait().unwrap();
    until("the cluster is whole again", async || {
        let status = user.data(&["status"]);
        let nodes = status["nodes"].as_array().unwrap();
        let whole = nodes.iter().all(|node| node["state"] == "ready")
            && status["faults"].as_array().unwrap().is_empty();
        whole.then_some(()).ok_or(status.to_string())
    })
    .await;
    assert!(killed.elapsed() < Duration::from_secs(45), "it was mended");
}

#[tokio::test]
async fn a_running_cluster_is_mended_when_its_scenario_is_killed() {
    is_killed_on_a_running_cluster_in("network-partition", "load on the majority").await;
    is_killed_on_a_running_cluster_in("pause-leader", "load while it sleeps").await;
    is_killed_on_a_running_cluster_in("quorum-loss", "writing without a quorum").await;
}

/// The cluster that runs, by its name.
fn only_cluster(user: &User) -> String {
    let listed = user.data(&["ls"]);
    let names = listed.as_array().unwrap().iter();
    let names: Vec<&str> = names.filter_map(|one| one["cluster"].as_str()).collect();
    assert_eq!(names.len(), 1, "{listed}");
    names[0].to_owned()
}

/// Every process that was started with this user's directories.
fn processes_of(user: &User) -> Vec<i32> {
    let home = user.path("tmp");
    let home = home.to_str().unwrap();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let ours = |pid: &i32| {
        let told = ["environ", "cmdline"].map(|file| std::fs::read(format!("/proc/{pid}/{file}")));
        let mut told = told.iter().flatten();
        told.any(|bytes| String::from_utf8_lossy(bytes).contains(home))
    };
    pids.filter(ours).filter(|pid| runs(*pid)).collect()
}

/// The pids of the nodes of this user's scenario.
fn nodes_of(user: &User) -> Vec<i32> {
    crate::user::nodes_under(&user.path("tmp"))
}

#[test]
fn what_makes_no_sense_is_refused() {
    let user = User::new();
    let code = |words: &[&str]| user.run(&[&["scenario"], words].concat()).status.code();
    assert_eq!(code(&[]), Some(2));
    assert_eq!(code(&["no-such-scenario"]), Some(2));
    assert_eq!(code(&["leader-failover", "--nodes", "1"]), Some(2));
    assert_eq!(code(&["clean-startup", "--set", "nothing=1"]), Some(2));
    let foreign = ["--bootstrap", "127.0.0.1:1"];
    assert_eq!(
        code(&[&["leader-failover"], &foreign[..]].concat()),
        Some(6)
    );
    assert_eq!(code(&["clean-startup", "--cluster", "none"]), Some(6));
    let listed = user.data(&["scenario", "--list"]);
    assert_eq!(listed.as_array().unwrap().len(), 11);
}
