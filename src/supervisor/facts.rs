//! What is known of one life of a node: its own reports and what probes found out.

use std::collections::BTreeSet;

use crate::spec::{NodeId, NodeReport};

/// What is known of a node's process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Facts {
    /// Its ports are bound.
    pub(super) bound: bool,
    /// Who it is linked with.
    pub(super) linked: BTreeSet<NodeId>,
    /// The metadata leader that it knows, and the term.
    pub(super) leader: Option<(NodeId, u64)>,
    /// The last metadata index that it applied.
    pub(super) applied: Option<u64>,
    /// Its Kafka port answers.
    pub(super) serving: bool,
    /// It said that it is ready, and has not taken it back.
    pub(super) ready: bool,
    /// Why it is not ready, in its own words.
    pub(super) not_ready: Option<String>,
    /// How many brokers it named when its Metadata was asked last.
    pub(super) brokers: Option<usize>,
    /// `/health/ready` was asked and said yes.
    pub(super) healthy: bool,
    /// Why the last probe found less than it wanted.
    pub(super) probe: Option<String>,
    /// Its last words, and its advice.
    pub(super) fatal: Option<(String, Option<String>)>,
}

impl Facts {
    /// Takes in a report of the node.
    pub(super) fn learn(&mut self, report: NodeReport) {
        match report {
            NodeReport::Bound => self.bound = true,
            NodeReport::Linked { peers } => self.linked = peers.into_iter().collect(),
            NodeReport::MetadataLeader { leader, term } => {
                self.leader = leader.map(|leader| (leader, term));
            }
            NodeReport::Applied { index } => self.applied = Some(index),
            NodeReport::Serving => self.serving = true,
            NodeReport::Ready => {
                self.ready = true;
                self.not_ready = None;
            }
            NodeReport::NotReady { reason } => {
                self.ready = false;
                self.not_ready = Some(reason);
            }
            NodeReport::Leaving => {
                self.ready = false;
                self.not_ready = Some(String::from("leaving"));
            }
            NodeReport::Fatal { error, hint } => self.fatal = Some((error, hint)),
        }
    }
}
