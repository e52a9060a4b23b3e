//! `/metrics` of a live cluster in both formats, what a killed leader does to it, `metrics`, and
//! the dashboard that is exported.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use chronik_dev::spec::NodeId;
use regex::Regex;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::cluster::{Cluster, Data, NODES, others};
use crate::load::Loaded;
use crate::wait::until;

/// What DESIGN names, and the process.
const SERVED: [&str; 24] = [
    "chronik_build_info",
    "chronik_candidacies_total",
    "chronik_elections_won_total",
    "chronik_fetched_bytes_total",
    "chronik_leader_changes_total",
    "chronik_metadata_role{role=\"leader\"}",
    "chronik_metadata_term",
    "chronik_partition_high_watermark{partition=\"0\",topic=\"orders\"}",
    "chronik_partition_lag_records{partition=\"0\",topic=\"orders\"}",
    "chronik_partition_log_end_offset{partition=\"0\",topic=\"orders\"}",
    "chronik_partition_role{partition=\"0\",role=\"follower\",topic=\"orders\"}",
    "chronik_partition_role{partition=\"0\",role=\"leader\",topic=\"orders\"}",
    "chronik_partition_role{partition=\"0\",role=\"repairing\",topic=\"orders\"}",
    "chronik_partition_term{partition=\"0\",topic=\"orders\"}",
    "chronik_produced_bytes_total",
    "chronik_request_seconds_bucket{api=\"Produce\",le=\"+Inf\"}",
    "chronik_request_seconds_count{api=\"Fetch\"}",
    "chronik_requests_total{api=\"Metadata\"}",
    "chronik_wal_sync_seconds_bucket{le=\"+Inf\"}",
    "chronik_wal_sync_seconds_sum",
    "process_cpu_seconds_total",
    "process_open_fds",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
];

/// Every sample, by its name with its labels as they are written.
type Samples = BTreeMap<String, f64>;

/// One scrape: the content type and the text.
async fn scrape(addr: SocketAddr, accept: &str) -> (String, String) {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let request = format!(
        "GET /metrics HTTP/1.1\r\nhost: {addr}\r\naccept: {accept}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let kind = head
        .lines()
        .find_map(|line| line.strip_prefix("content-type: "));
    (kind.unwrap().to_owned(), body.to_owned())
}

async fn samples(cluster: &Cluster, node: NodeId) -> Samples {
    let (_, text) = scrape(cluster.metrics(node), "*/*").await;
    read(&text)
}

fn read(text: &str) -> Samples {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        (name.to_owned(), value.parse().unwrap())
    };
    lines.map(sample).collect()
}

/// Over nodes, for metrics that are whole numbers.
fn sum(all: &[Samples], name: &str) -> i64 {
    all.iter().map(|samples| samples[name] as i64).sum()
}

async fn of(cluster: &Cluster, nodes: &[NodeId]) -> Vec<Samples> {
    let mut all = Vec::new();
    for node in nodes {
        all.push(samples(cluster, *node).await);
    }
    all
}

#[tokio::test]
async fn a_killed_leader_moves_the_counters_of_the_survivors() {
    let cluster = Cluster::up(Data::Ephemeral).await;
    let mut orders = Loaded::create(&cluster, "orders", 1).await;
    orders.for_a_moment().await;
    let killed = cluster.leader("orders", 0).await;
    let alive = others(killed);
    everything_is_served(&cluster, killed).await;
    let before = of(&cluster, &alive).await;
    cluster.run("kill leader:orders/0").await;
    until("the survivors count the election", async || {
        let now = of(&cluster, &alive).await;
        let role = "chronik_partition_role{partition=\"0\",role=\"leader\",topic=\"orders\"}";
        let term = "chronik_partition_term{partition=\"0\",topic=\"orders\"}";
        let peer = format!("chronik_peer_alive{{peer=\"{}\"}}", killed.0);
        let grew = |name: &str| {
            let mut pairs = now.iter().zip(&before);
            pairs.all(|(now, before)| now[name] > before[name])
        };
        let won = "chronik_elections_won_total";
        let stood = "chronik_candidacies_total";
        let is_so = grew("chronik_leader_changes_total")
            && grew(term)
            && sum(&now, won) > sum(&before, won)
            && sum(&now, stood) > sum(&before, stood)
            && sum(&now, role) == 1
            && sum(&now, &peer) == 0;
        is_so.then_some(()).ok_or_else(|| format!("{now:?}"))
    })
    .await;
    the_digest_tells_who_is_silent(&cluster, killed).await;
}

async fn everything_is_served(cluster: &Cluster, leader: NodeId) {
    for node in NODES {
        let found = samples(cluster, node).await;
        for name in SERVED {
            assert!(
                found.keys().any(|key| key.starts_with(name)),
                "{node}: {name}"
            );
        }
        let search = found.keys().find(|key| key.contains("search"));
        assert_eq!(search, None, "there is no search to tell of");
    }
    let led = samples(cluster, leader).await;
    assert!(led["chronik_produced_bytes_total"] > 0.0);
    assert!(led["chronik_request_seconds_count{api=\"Produce\"}"] > 0.0);
    assert!(led["chronik_wal_sync_seconds_count"] > 0.0);
    let lag = "chronik_partition_lag_records{partition=\"0\",topic=\"orders\"}";
    assert_eq!(sum(&[led], lag), 0, "a leader is behind nobody");
}

async fn the_digest_tells_who_is_silent(cluster: &Cluster, killed: NodeId) {
    let ran = cluster.try_run("metrics --over 100ms").await;
    let warnings = ran.envelope["warnings"].as_array().unwrap().len();
    assert_eq!(warnings, 1, "{ran}");
    let data = ran.data();
    let nodes = data["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), NODES.len());
    for node in nodes {
        let silent = node["id"].as_u64() == Some(killed.0);
        let state = if silent { "silent" } else { "ready" };
        assert_eq!(node["state"], state, "{node}");
        assert_eq!(node["memory_bytes"].as_f64().is_some(), !silent, "{node}");
    }
    let led: u64 = nodes.iter().filter_map(|node| node["led"].as_u64()).sum();
    assert!(led >= 1, "{data}");
    let ran = cluster
        .try_run(&format!("metrics {killed} --over 10ms"))
        .await;
    assert_eq!(ran.code, Some(6), "{ran}");
    assert_eq!(ran.error_code(), "NO_ANSWER");
}

#[tokio::test]
async fn both_formats_have_the_same_samples_and_the_dashboard_asks_for_nothing_else() {
    let cluster = Cluster::up(Data::Ephemeral).await;
    cluster.create_topic("orders", 1).await;
    let mut served = BTreeSet::new();
    for node in NODES {
        let addr = cluster.metrics(node);
        let (kind, classic) = scrape(addr, "text/plain").await;
        assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
        let (kind, open) = scrape(addr, "application/openmetrics-text;version=1.0.0").await;
        assert!(kind.starts_with("application/openmetrics-text; version=1.0.0"));
        assert!(open.ends_with("\n# EOF\n") && !classic.contains("# EOF"));
        assert_eq!(names(&classic), names(&open));
        served.extend(names(&classic));
    }
    assert_eq!(unknown(&exported(&cluster).await, &served), [""; 0]);
    let invented = [String::from(
        "sum by (x) (rate(chronik_invented{a=\"b\"}[1m])) > 0",
    )];
    assert_eq!(unknown(&invented, &served), ["chronik_invented"]);
}

/// The names of all samples.
fn names(text: &str) -> BTreeSet<String> {
    let samples = read(text).into_keys();
    let name = |sample: String| sample.split('{').next().unwrap_or_default().to_owned();
    samples.map(name).collect()
}

/// Every expression of the exported dashboard.
async fn exported(cluster: &Cluster) -> Vec<String> {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().to_str().unwrap();
    let data = cluster.run(&format!("metrics --export {directory}")).await;
    for node in NODES {
        let target = cluster.metrics(node).to_string();
        assert_eq!(data["targets"][node.position()], target);
    }
    let dashboard = std::fs::read(home.path().join("grafana/chronik-dev.json")).unwrap();
    let dashboard: Value = serde_json::from_slice(&dashboard).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().unwrap());
    targets
        .map(|target| target["expr"].as_str().unwrap().to_owned())
        .collect()
}

/// The metrics in expressions that are not served: what is left of PromQL's words after selectors,
/// ranges, groupings, functions and numbers.
fn unknown(expressions: &[String], served: &BTreeSet<String>) -> Vec<String> {
    let aside = Regex::new(r"\{[^}]*\}|\[[^\]]*\]|\b(by|on|without)\s*\([^)]*\)").unwrap();
    let word = Regex::new(r"[a-zA-Z_][a-zA-Z0-9_]*(\s*\()?").unwrap();
    let mut unknown = Vec::new();
    let mut metrics = 0;
    for expression in expressions {
        let bare = aside.replace_all(expression, "");
        let words = word.find_iter(&bare).map(|found| found.as_str());
        for name in words.filter(|word| !word.ends_with('(')) {
            metrics += 1;
            if !served.contains(name) {
                unknown.push(name.to_owned());
            }
        }
    }
    assert!(
        metrics >= expressions.len(),
        "each expression names a metric"
    );
    unknown
}
