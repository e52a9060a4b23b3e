//! The control socket: how commands meet a running supervisor.
//!
//! JSON lines over a Unix socket that only this user can reach. Each answer names the cluster, so
//! that nobody mistakes one for another; there is no pid file. A request line is bounded, and so
//! is the number of connections.

mod act;
mod election;
pub(super) mod server;

pub use election::leader_for;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::event::ClusterEvent;
use super::relay::Fault;
use super::selector::Selector;
use super::status::ClusterStatus;
use super::trouble::Trouble;
use crate::spec::NodeId;

/// What can be done to nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// SIGKILL, or the signal that was named.
    Kill,
    /// SIGTERM, and SIGKILL after the grace.
    Stop,
    /// A new process.
    Start,
    /// Stop, then start.
    Restart,
    /// SIGSTOP.
    Pause,
    /// SIGCONT.
    Resume,
}

/// What is to be done to which nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// What.
    pub verb: Verb,
    /// To whom.
    pub select: Selector,
    /// After this long it is undone.
    pub lasting: Option<Duration>,
    /// The signal of `kill`, instead of SIGKILL.
    pub signal: Option<i32>,
}

/// What an action did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Acted {
    /// To whom.
    pub nodes: Vec<NodeId>,
    /// Milliseconds until the nodes were as asked: reaped, stopped, ready.
    pub took_ms: f64,
    /// Who led the metadata group, or the partition of the selector, before.
    pub old_leader: Option<String>,
    /// Who leads it after.
    pub new_leader: Option<String>,
    /// Milliseconds from the signal to the first answer of a survivor that names another leader;
    /// `None` when the leader was not touched or no other was named in time.
    pub election_ms: Option<f64>,
    /// What did not go as one could expect.
    pub warnings: Vec<String>,
}

/// A line from a client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "request", content = "with", rename_all = "snake_case")]
pub(super) enum Request {
    /// The cluster as it is.
    Status,
    /// Do something to nodes.
    Act(Action),
    /// Break links.
    Break {
        /// What.
        fault: Fault,
        /// How long.
        lasting: Option<Duration>,
    },
    /// Heal all links.
    Heal,
    /// Stop everything and exit; answered when nobody runs any more.
    Down,
    /// Answer when the cluster is ready.
    WaitReady {
        /// How long it may take.
        timeout: Duration,
    },
    /// Answer with every event from now on.
    Subscribe,
    /// Mend everything when this connection ends before it is released.
    Guard,
    /// The guard's end: what is broken now stays so.
    Release,
}

/// A line to a client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Answer {
    /// Who answers.
    pub(super) cluster: String,
    /// And from which directory.
    pub(super) directory: String,
    /// What.
    pub(super) body: Body,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Body {
    /// To `Status` and `WaitReady`.
    Status(Box<ClusterStatus>),
    /// To `Act`.
    Acted(Acted),
    /// It is done.
    Done,
    /// To `Subscribe`, one each.
    Event(Box<ClusterEvent>),
    /// It did not work.
    Trouble(Trouble),
}
