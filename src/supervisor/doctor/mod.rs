//! What on this machine would spoil a cluster, found before it does.
//!
//! Looks and changes nothing (a scratch file for the disk's sync apart, which is gone at
//! once). Every finding is a fact with its health and, where it is not good, its cure; the command
//! line renders them.

mod disk;
mod finding;

use std::path::PathBuf;

use nix::sys::resource::{Resource, getrlimit};

use super::contested::{ContestedPort, Keep};
use super::directory::{abandoned, find, list};
use super::handle::ClusterHandle;
use super::name::ClusterName;
use super::places::Places;
use super::status::{ClusterStatus, NodeView};
use crate::ports::{self, Family};
use crate::spec::defaults::{MAX_CONNECTIONS, MAX_PARTITIONS, MAX_RELAYED_NODES, MAX_SOCKET_PATH};
use crate::spec::{NodeId, PortPlan};

pub use finding::{Finding, Health};

/// A node has this many files open for each partition, at most.
const FILES_PER_PARTITION: usize = 3;
/// Locks and sockets that a launcher keeps for one node's ports.
const FILES_PER_LEASE: usize = 11;
/// A relay's listener, and for each of two connections two sockets and two pipes.
const FILES_PER_RELAY: usize = 1 + 2 * (2 + 4);
/// Logs, control sockets, the runtime's own.
const FILES_BESIDE: usize = 64;
/// A cluster's name in its socket's path is cut at this length.
const LONGEST_NAME: &str = "abcdefghijklmnopqrstuvwx";

/// Whose port plan is examined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanOf<'a> {
    /// A cluster's that is yet to be made.
    New,
    /// A stored cluster's that does not run.
    Stopped(&'a ClusterName),
    /// A running cluster's: it has its ports itself.
    Running(&'a ClusterName),
}

/// Examines the machine for a cluster with this port plan of at least one node.
pub fn examine(places: &Places, plan: &PortPlan, of: PlanOf<'_>) -> Vec<Finding> {
    let mut findings = vec![open_files(plan.0.len()), ipv6(), sockets(places)];
    match of {
        PlanOf::Running(cluster) => findings.push(Finding::PortsInUse(cluster.clone())),
        PlanOf::New | PlanOf::Stopped(_) => findings.extend(port_plan(places, plan, of)),
    }
    findings.extend(disk::examine(&disks(places)));
    findings.extend(leftovers(places));
    findings
}

/// Every node of a running cluster that died, in all clusters of this user.
pub async fn deaths(places: &Places) -> Vec<Finding> {
    let mut found = Vec::new();
    // What cannot be listed is told of where leftovers are looked for.
    let running = list(places).unwrap_or_default();
    for entry in running.into_iter().filter(|entry| entry.dir.is_locked()) {
        let status = match ClusterHandle::connect(places, &entry.name).await {
            Ok(handle) => handle.status().await,
            Err(trouble) => Err(trouble),
        };
        match status {
            Ok(status) => found.extend(dead_nodes(&entry.name, &status)),
            Err(trouble) => found.push(Finding::Unknown {
                what: "nodes",
                why: trouble.message,
            }),
        }
    }
    found
}

fn dead_nodes(cluster: &ClusterName, status: &ClusterStatus) -> Vec<Finding> {
    let dead = status.nodes.iter().filter(|node| node.died);
    let finding = |node: &NodeView| Finding::NodeDied {
        cluster: cluster.clone(),
        node: node.id,
        how: node.exit.clone().unwrap_or_default(),
    };
    dead.map(finding).collect()
}

/// Where clusters lie: the usual place, and the directories that were chosen.
fn disks(places: &Places) -> Vec<PathBuf> {
    let chosen = list(places).unwrap_or_default();
    let chosen = chosen.iter().map(|entry| entry.dir.path().to_owned());
    std::iter::once(places.clusters()).chain(chosen).collect()
}

fn open_files(nodes: usize) -> Finding {
    match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((soft, hard)) => Finding::OpenFiles {
            soft,
            hard,
            needed: files_needed(nodes) as u64,
        },
        Err(errno) => Finding::Unknown {
            what: "open files",
            why: errno.desc().to_owned(),
        },
    }
}

/// What the hungriest process needs: a node with all its clients, or the supervisor.
fn files_needed(nodes: usize) -> usize {
    let edges = if nodes <= MAX_RELAYED_NODES {
        nodes * (nodes - 1)
    } else {
        0
    };
    let supervisor = FILES_BESIDE + nodes * FILES_PER_LEASE + edges * FILES_PER_RELAY;
    let node = FILES_BESIDE + MAX_CONNECTIONS + MAX_PARTITIONS * FILES_PER_PARTITION;
    supervisor.max(node)
}

fn ipv6() -> Finding {
    if ports::families().contains(&Family::V6) {
        Finding::Ipv6
    } else {
        Finding::NoIpv6
    }
}

fn sockets(places: &Places) -> Finding {
    let path = match places.socket(LONGEST_NAME, std::path::Path::new("/")) {
        Ok(path) => path,
        Err(error) => {
            return Finding::NoSocket {
                why: error.to_string(),
            };
        }
    };
    match &places.runtime {
        Some(runtime) if !path.starts_with(runtime) => Finding::SocketElsewhere {
            wanted: runtime.clone(),
            limit: MAX_SOCKET_PATH,
            used: path.parent().unwrap_or(&path).to_owned(),
        },
        _ => Finding::Socket(path.parent().unwrap_or(&path).to_owned()),
    }
}

fn port_plan(places: &Places, plan: &PortPlan, of: PlanOf<'_>) -> Vec<Finding> {
    let keep = match of {
        PlanOf::Stopped(name) | PlanOf::Running(name) => Keep::Stored(name.clone()),
        PlanOf::New => Keep::Chosen,
    };
    let contested = |taken| Finding::PortTaken(ContestedPort::new(places, keep.clone(), taken));
    let unknown = |why: String| vec![Finding::Unknown { what: "ports", why }];
    let locks = match Places::port_locks() {
        Ok(locks) => locks,
        Err(error) => return unknown(error.to_string()),
    };
    match ports::survey(&locks, plan) {
        Ok(taken) if taken.is_empty() => vec![Finding::PortsFree {
            nodes: plan.0.len(),
            base: plan.of(NodeId(1)).kafka,
        }],
        Ok(taken) => taken.into_iter().map(contested).collect(),
        Err(error) => unknown(error.to_string()),
    }
}

fn leftovers(places: &Places) -> Vec<Finding> {
    match abandoned(places) {
        Ok(found) => {
            let clusters = found.into_iter().map(|(name, claimed)| Finding::Leftover {
                name,
                path: claimed.dir().path().to_owned(),
            });
            let mut all: Vec<Finding> = clusters.chain(lone_logs(places)).collect();
            if all.is_empty() {
                all.push(Finding::NoLeftovers);
            }
            all
        }
        Err(error) => vec![Finding::Unknown {
            what: "leftovers",
            why: error.to_string(),
        }],
    }
}

/// Logs of supervisors whose cluster is gone.
fn lone_logs(places: &Places) -> Vec<Finding> {
    // Without the directory there is no log.
    let Ok(entries) = std::fs::read_dir(places.supervisor_logs()) else {
        return Vec::new();
    };
    let lone = |path: PathBuf| {
        let name: ClusterName = path.file_stem()?.to_str()?.parse().ok()?;
        let gone = find(places, &name).is_none();
        gone.then_some(Finding::LoneLog { name, path })
    };
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    found.sort();
    found.into_iter().filter_map(lone).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::{PlanPolicy, SearchPorts};

    #[test]
    fn the_larger_of_supervisor_and_node_sets_the_need() {
        assert_eq!(files_needed(1), files_needed(3));
        assert!(files_needed(16) > 240 * 5);
        assert!(files_needed(17) > MAX_CONNECTIONS);
    }

    #[test]
    fn an_examination_looks_at_everything_and_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        let places = Places {
            data_home: root.path().join("data"),
            runtime: Some(root.path().to_owned()),
            temp: root.path().to_owned(),
        };
        let locks = Places::port_locks().unwrap();
        let free = ports::acquire(&locks, 1, SearchPorts::On, PlanPolicy::Random).unwrap();
        let plan = free.lease.plan().clone();
        drop(free);
        let findings = examine(&places, &plan, PlanOf::New);
        let checks: std::collections::BTreeSet<&str> =
            findings.iter().map(Finding::check).collect();
        let expected = [
            "disk space",
            "disk sync",
            "ipv6",
            "leftovers",
            "open files",
            "ports",
            "sockets",
        ];
        assert!(checks.into_iter().eq(expected), "{findings:?}");
        assert!(!root.path().join("data").exists());
    }

    #[test]
    fn a_log_without_a_cluster_is_a_leftover() {
        let root = tempfile::tempdir().unwrap();
        let places = Places {
            data_home: root.path().join("data"),
            runtime: Some(root.path().to_owned()),
            temp: root.path().to_owned(),
        };
        let name = "gone".parse().unwrap();
        drop(places.open_supervisor_log(&name).unwrap());
        let path = places.supervisor_log(&name);
        assert_eq!(leftovers(&places), [Finding::LoneLog { name, path }]);
    }
}
