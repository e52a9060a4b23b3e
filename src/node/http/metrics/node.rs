//! The node itself: its build, its readiness, the metadata group, its peers, its elections.

use prometheus::Registry;

use super::register;
use crate::node::http::Inner;
use crate::spec::{GroupId, LinkStatus, NodeStatus, Role};

/// Every role with its label.
pub(super) const ROLES: [(Role, &str); 3] = [
    (Role::Leader, "leader"),
    (Role::Follower, "follower"),
    (Role::Repairing, "repairing"),
];

/// All of it.
pub(super) fn register(
    registry: &Registry,
    face: &Inner,
    status: &NodeStatus,
) -> prometheus::Result<()> {
    build(registry)?;
    for (name, help, value) in [
        (
            "chronik_ready",
            "1 when the node is ready.",
            u64::from(status.ready),
        ),
        (
            "chronik_metadata_term",
            "Term of the metadata group.",
            status.metadata.term,
        ),
        (
            "chronik_metadata_applied_index",
            "Last metadata index applied here.",
            status.metadata.applied,
        ),
        (
            "chronik_topics",
            "Topics of the cluster.",
            status.metadata.topics as u64,
        ),
    ] {
        register::gauge(registry, name, help, value as f64)?;
    }
    metadata_role(registry, face, status)?;
    peers(registry, &status.links)?;
    elections(registry, face)
}

fn build(registry: &Registry) -> prometheus::Result<()> {
    let help = "1, with what this program is.";
    let labels = ["version", "profile", "os", "arch"];
    let profile = if cfg!(debug_assertions) {
        "debug"
    } else {
        "release"
    };
    let version = env!("CARGO_PKG_VERSION");
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    let info = register::gauges(registry, "chronik_build_info", help, &labels)?;
    info.with_label_values(&[version, profile, os, arch]).set(1);
    Ok(())
}

fn metadata_role(registry: &Registry, face: &Inner, status: &NodeStatus) -> prometheus::Result<()> {
    let group = face.cluster.host().get(GroupId::METADATA);
    let mine = if group.is_some_and(|group| group.repairing()) {
        Role::Repairing
    } else if status.metadata.leader == Some(status.node) {
        Role::Leader
    } else {
        Role::Follower
    };
    let help = "1 for this node's role in the metadata group.";
    let roles = register::gauges(registry, "chronik_metadata_role", help, &["role"])?;
    for (role, label) in ROLES {
        roles
            .with_label_values(&[label])
            .set(i64::from(role == mine));
    }
    Ok(())
}

fn peers(registry: &Registry, links: &[LinkStatus]) -> prometheus::Result<()> {
    let help = "1 when the peer is linked.";
    let linked = register::gauges(registry, "chronik_peer_linked", help, &["peer"])?;
    let help = "1 when the peer is held alive.";
    let alive = register::gauges(registry, "chronik_peer_alive", help, &["peer"])?;
    for link in links {
        let peer = link.peer.0.to_string();
        linked
            .with_label_values(&[&peer])
            .set(i64::from(link.linked));
        alive.with_label_values(&[&peer]).set(i64::from(link.alive));
    }
    Ok(())
}

fn elections(registry: &Registry, face: &Inner) -> prometheus::Result<()> {
    let counted = &face.cluster.signals().elections;
    for (name, help, value) in [
        (
            "chronik_leader_changes_total",
            "Leaders that the groups of this node learned of, the first of each since its start too.",
            counted.leaders(),
        ),
        (
            "chronik_candidacies_total",
            "Times that this node stood for a group by its own decision; a handover is none.",
            counted.candidacies(),
        ),
        (
            "chronik_elections_won_total",
            "Elections that made this node a leader, those of a handover too.",
            counted.won(),
        ),
    ] {
        register::total(registry, name, help, value)?;
    }
    Ok(())
}
