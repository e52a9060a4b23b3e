//! Tables for people: aligned columns without borders, state as a shape and a word.

use serde_json::{Value, json};

use super::{Style, Table, Tone};
use crate::cli::context::Context;
use crate::spec::{NodeId, PortPlan, Role};
use crate::supervisor::{ClusterState, ClusterStatus, FaultView, NodeView, command, escape};

/// A cluster: a headline, its nodes, its faults.
pub(in crate::cli) fn status(context: &Context, status: &ClusterStatus) -> String {
    let style = context.stdout;
    let leader = match (&status.leader, status.term) {
        (Some(leader), Some(term)) => format!("leader {leader} (term {term})"),
        _ => String::from("no leader"),
    };
    let links = if status.direct { ", links direct" } else { "" };
    let kind = if status.ephemeral { ", ephemeral" } else { "" };
    let mut parts = vec![format!(
        "{} cluster {}, {leader}, {}/{} nodes ready{links}{kind}\nbootstrap {}",
        paint(cluster_state(status.state), style),
        status.cluster,
        status.ready_nodes(),
        status.nodes.len(),
        status.bootstrap
    )];
    parts.push(nodes(status, style));
    let faults = status.faults.iter().map(|fault| {
        let ends = ends(&status.cluster, fault);
        format!("{} {} ({ends})", style.yellow("broken:"), fault.fault)
    });
    parts.extend(faults);
    let waiting = status.nodes.iter().filter_map(|node| {
        let on = escape(node.waiting_for.as_ref()?);
        Some(format!("{} waits for {on}", node.name))
    });
    parts.extend(waiting);
    let dead = status.nodes.iter().filter(|node| node.died);
    parts.extend(dead.map(|node| death(&status.cluster, node, style)));
    parts.join("\n")
}

/// How a node died, and the next step.
fn death(cluster: &str, node: &NodeView, style: Style) -> String {
    let how = node.exit.as_deref().unwrap_or("nobody saw how");
    let logs = command(cluster, &format!("logs {} --errors", node.id.0));
    let start = command(cluster, &format!("start {}", node.id.0));
    let died = style.red("died:");
    format!(
        "{died} {}: {how}; {logs} shows why, {start} starts it again",
        node.name
    )
}

/// When a fault ends, or what ends it.
pub(in crate::cli) fn ends(cluster: &str, fault: &FaultView) -> String {
    fault.ends_in_ms.map_or_else(
        || format!("until {}", cure(cluster, fault)),
        |ms| format!("for another {:.1} s", ms / 1e3),
    )
}

/// The command that ends a fault.
pub(in crate::cli) fn cure(cluster: &str, fault: &FaultView) -> String {
    let node = fault.fault.split_once(' ').map(|(_, node)| node);
    let words = match (fault.fault.split(' ').next(), node) {
        (Some("kill" | "stop"), Some(node)) => format!("start {node}"),
        (Some("pause"), Some(node)) => format!("resume {node}"),
        _ => String::from("net heal"),
    };
    command(cluster, &words)
}

/// What is asked for most stands first: a narrow terminal cuts the last columns.
fn nodes(status: &ClusterStatus, style: Style) -> String {
    let mut table = Table::new(&[
        "NODE", "STATE", "ROLE", "TERM", "LAG", "LED", "KAFKA", "METRICS", "SEARCH", "PID", "RAFT",
        "APPLIED", "RESTARTS",
    ]);
    for node in &status.nodes {
        let load = node.load.as_ref();
        table.add_row([
            node.name.clone(),
            paint(node_state(node), style),
            role(node.role),
            or_dash(node.term),
            or_dash(load.and_then(|load| load.lag)),
            load.map_or_else(dash, |load| format!("{}/{}", load.led, load.partitions)),
            node.ports.kafka.to_string(),
            node.ports.metrics.to_string(),
            or_dash(node.ports.search),
            or_dash(node.pid),
            node.ports.raft.to_string(),
            or_dash(node.applied),
            node.restarts.to_string(),
        ]);
    }
    table.shown(style)
}

fn paint((tone, text): (Tone, &str), style: Style) -> String {
    style.tone(tone, text)
}

/// A cluster's state: a shape and a word.
pub(in crate::cli) fn cluster_state(state: ClusterState) -> (Tone, &'static str) {
    match state {
        ClusterState::Ready => (Tone::Good, "● ready"),
        ClusterState::Starting => (Tone::News, "◌ starting"),
        ClusterState::Degraded => (Tone::Doubt, "◐ degraded"),
        ClusterState::Stopping => (Tone::Doubt, "◌ stopping"),
    }
}

/// A node's state: a shape and a word.
pub(in crate::cli) fn node_state(node: &NodeView) -> (Tone, &'static str) {
    match node.state.as_str() {
        "ready" if node.is_ready() => (Tone::Good, "● ready"),
        "ready" => (Tone::Doubt, "◐ not ready"),
        "starting" => (Tone::News, "◌ starting"),
        "paused" => (Tone::Doubt, "‖ paused"),
        "exited" if node.died => (Tone::Bad, "✗ died"),
        "exited" => (Tone::Quiet, "○ exited"),
        "stopping" => (Tone::Plain, "○ stopping"),
        _ => (Tone::Plain, "○ idle"),
    }
}

/// A node's part in the metadata group.
pub(in crate::cli) fn role(role: Option<Role>) -> String {
    let word = role.map(|role| match role {
        Role::Leader => "leader",
        Role::Follower => "follower",
        Role::Repairing => "repairing",
    });
    word.map_or_else(dash, ToOwned::to_owned)
}

/// The value, or a dash where there is none.
pub(in crate::cli) fn or_dash<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(dash, |value| value.to_string())
}

fn dash() -> String {
    String::from("-")
}

/// The ports of a plan that is not in use.
pub(in crate::cli) fn plan(_: &Context, plan: &PortPlan) -> String {
    let mut table = Table::new(&["NODE", "KAFKA", "RAFT", "METRICS", "SEARCH"]);
    for (position, ports) in plan.0.iter().enumerate() {
        table.add_row([
            NodeId(position as u64 + 1).to_string(),
            ports.kafka.to_string(),
            ports.raft.to_string(),
            ports.metrics.to_string(),
            or_dash(ports.search),
        ]);
    }
    table.text()
}

/// The same for programs: an array with one object for each port.
pub(in crate::cli) fn planned(plan: &PortPlan) -> Value {
    let rows = plan.0.iter().enumerate().flat_map(|(position, ports)| {
        let node = position + 1;
        ports
            .services()
            .map(move |(service, port)| json!({ "node": node, "service": service, "port": port }))
            .collect::<Vec<_>>()
    });
    rows.collect()
}
