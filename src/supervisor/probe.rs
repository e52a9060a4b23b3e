//! What the supervisor asks nodes as any client could: Metadata, `/health/ready`, `/status`.
//!
//! Probes of a starting node repeat with a few milliseconds between until they find what they
//! want; the caller ends them with the node's life or with its own deadline.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::actor::Event;
use super::node_task::Life;
use super::status::{ClusterStatus, NodeLoad};
use crate::client::admin::{Admin, ClusterView};
use crate::client::http;
use crate::spec::{NodeId, NodeStatus, Ports};

/// One question of a probe waits this long for its answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// Between two questions of a probe.
const ASK_AGAIN: Duration = Duration::from_millis(5);
/// `status` does not wait longer for a silent node.
const STATUS_WITHIN: Duration = Duration::from_millis(500);

/// Asks a node's Metadata until it names `wanted` brokers.
pub(super) async fn brokers(life: Life, ports: Ports, wanted: usize, events: mpsc::Sender<Event>) {
    loop {
        let found = count_brokers(ports).await;
        let enough = found.as_ref().is_ok_and(|brokers| *brokers >= wanted);
        let heard = events.send(Event::Brokers { life, found }).await;
        if enough || heard.is_err() {
            return;
        }
        sleep(ASK_AGAIN).await;
    }
}

async fn count_brokers(ports: Ports) -> Result<usize, String> {
    let view = metadata(ports.kafka, &[]).await?;
    Ok(view.brokers.len())
}

/// One Metadata answer of the broker on `port`, about these topics.
pub(super) async fn metadata(port: u16, topics: &[&str]) -> Result<ClusterView, String> {
    let admin = Admin::connect(loopback(port), ANSWER_WITHIN).await;
    let admin = admin.map_err(|error| error.to_string())?;
    let view = admin.metadata(Some(topics)).await;
    view.map_err(|error| error.to_string())
}

/// Asks a node's `/health/ready` until it says yes.
pub(super) async fn health(life: Life, ports: Ports, events: mpsc::Sender<Event>) {
    loop {
        let found = ask_health(ports).await;
        let healthy = found.is_ok();
        let heard = events.send(Event::Health { life, found }).await;
        if healthy || heard.is_err() {
            return;
        }
        sleep(ASK_AGAIN).await;
    }
}

async fn ask_health(ports: Ports) -> Result<(), String> {
    match http::get(loopback(ports.metrics), "/health/ready", ANSWER_WITHIN).await {
        Ok((200, _)) => Ok(()),
        Ok((_, body)) => Err(String::from_utf8_lossy(&body).trim().to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Fills in what only the nodes know; nodes that do not answer in time stay blank.
pub(super) async fn fill_in(status: &mut ClusterStatus) {
    let running = status.nodes.iter().filter(|node| {
        node.pid.is_some() && matches!(node.state.as_str(), "ready" | "starting" | "stopping")
    });
    let asked = running.map(|node| ask_status(node.ports));
    let answers: Vec<NodeStatus> = join_all(asked).await.into_iter().flatten().collect();
    for answer in &answers {
        let load = load(answer, &answers);
        if let Some(node) = status.nodes.iter_mut().find(|node| node.id == answer.node) {
            node.load = Some(load);
        }
    }
}

async fn ask_status(ports: Ports) -> Option<NodeStatus> {
    let answer = http::get(loopback(ports.metrics), "/status", STATUS_WITHIN).await;
    let (code, body) = answer.ok()?;
    (code == 200).then(|| serde_json::from_slice(&body).ok())?
}

fn load(node: &NodeStatus, all: &[NodeStatus]) -> NodeLoad {
    let mine = |leader: Option<NodeId>| leader == Some(node.node);
    let lags = node.partitions.iter().map(|partition| {
        let leader = all
            .iter()
            .find(|other| Some(other.node) == partition.leader)?;
        let there = leader.partitions.iter().find(|there| {
            there.topic_id == partition.topic_id && there.partition == partition.partition
        })?;
        u64::try_from((there.log_end - partition.log_end).max(0)).ok()
    });
    NodeLoad {
        partitions: node.partitions.len(),
        led: node.partitions.iter().filter(|p| mine(p.leader)).count(),
        lag: lags.sum(),
        uptime_ms: node.uptime_ms,
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}
