//! What a supervisor is asked to run; it crosses the process wall to a detached one as JSON.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ladder::Await;
use super::name::ClusterName;
use crate::spec::{Settings, defaults};

/// Where a cluster lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Home {
    /// In its entry under the data directory.
    Default,
    /// In a directory of the user's choice; absolute.
    Chosen(PathBuf),
    /// In a fresh temporary directory that is removed at the end.
    Ephemeral,
}

/// Which ports a new cluster takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PortWish {
    /// The stored plan, or else the known one, moved up where it is taken.
    Unsaid,
    /// From this base, or not at all.
    Base(u16),
    /// From a random base: a cluster that lives for one command.
    Random,
}

/// Whether nodes have a search port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SearchWish {
    /// As stored; a new cluster has it.
    Unsaid,
    /// It has none.
    Off,
}

/// How Raft links go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Links {
    /// Through relays that can be broken.
    Relayed,
    /// From node to node.
    Direct,
}

/// What to run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LaunchRequest {
    /// The cluster's name.
    pub cluster: ClusterName,
    /// How many nodes; `None`: as stored, or the default.
    pub nodes: Option<u16>,
    /// Where it lives.
    pub home: Home,
    /// Which ports it takes.
    pub ports: PortWish,
    /// Whether it has search.
    pub search: SearchWish,
    /// How its links go.
    pub links: Links,
    /// The `--set` values; they are added to the stored ones.
    pub settings: Settings,
    /// Which nodes READY waits for.
    pub wait: Await,
    /// How long READY may take.
    pub timeout: Duration,
}

impl LaunchRequest {
    /// A stored cluster with all defaults.
    pub fn of(cluster: ClusterName) -> Self {
        Self {
            cluster,
            nodes: None,
            home: Home::Default,
            ports: PortWish::Unsaid,
            search: SearchWish::Unsaid,
            links: Links::Relayed,
            settings: Settings::default(),
            wait: Await::All,
            timeout: defaults::READY_TIMEOUT,
        }
    }

    /// A cluster that lives for one command: a temporary directory and random ports.
    pub fn ephemeral(cluster: ClusterName) -> Self {
        Self {
            home: Home::Ephemeral,
            ports: PortWish::Random,
            ..Self::of(cluster)
        }
    }
}
