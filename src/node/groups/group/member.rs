//! One member of a group.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::Ticket;
use crate::node::groups::records::MemberValue;

/// An assignment strategy that a member offers, with what it tells the leader under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::node::groups) struct Protocol {
    /// The strategy's name.
    pub(in crate::node::groups) name: String,
    /// Opaque to the coordinator.
    pub(in crate::node::groups) metadata: Bytes,
}

/// The request that a member waits with, if any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::node::groups) enum Waiting {
    /// None.
    Nothing,
    /// A JoinGroup, for the barrier.
    Join(Ticket),
    /// A SyncGroup, for the leader's assignment.
    Sync(Ticket),
}

/// One member.
#[derive(Debug, Clone)]
pub(in crate::node::groups) struct Member {
    pub(in crate::node::groups) id: String,
    pub(in crate::node::groups) instance: Option<String>,
    pub(in crate::node::groups) client_id: String,
    pub(in crate::node::groups) client_host: String,
    pub(in crate::node::groups) assignment: Bytes,
    pub(super) rebalance_timeout: Duration,
    pub(super) session_timeout: Duration,
    /// In the member's order of preference.
    pub(super) protocols: Vec<Protocol>,
    pub(super) waiting: Waiting,
    /// Its first JoinGroup was not answered yet, so it cannot send heartbeats.
    pub(super) is_new: bool,
    /// When it is given up unless it is heard of.
    pub(super) expires: Instant,
    /// Members that joined earlier have a lower one.
    pub(super) order: u64,
}

impl Member {
    /// A member out of the log; its session starts over.
    pub(super) fn restore(value: MemberValue, protocol: &str, order: u64, at: Instant) -> Self {
        let session_timeout = millis(value.session_timeout_ms);
        Self {
            id: value.id,
            instance: value.instance,
            client_id: value.client_id,
            client_host: value.client_host,
            assignment: value.assignment,
            rebalance_timeout: millis(value.rebalance_timeout_ms),
            session_timeout,
            protocols: vec![Protocol {
                name: protocol.to_owned(),
                metadata: value.subscription,
            }],
            waiting: Waiting::Nothing,
            is_new: false,
            expires: at + session_timeout,
            order,
        }
    }

    /// The member as it is stored.
    pub(super) fn value(&self, protocol: &str, assignment: Bytes) -> MemberValue {
        MemberValue {
            id: self.id.clone(),
            instance: self.instance.clone(),
            client_id: self.client_id.clone(),
            client_host: self.client_host.clone(),
            rebalance_timeout_ms: whole_millis(self.rebalance_timeout),
            session_timeout_ms: whole_millis(self.session_timeout),
            subscription: self.metadata(protocol),
            assignment,
        }
    }

    /// What it tells the leader under a strategy; empty when it does not offer it.
    pub(in crate::node::groups) fn metadata(&self, protocol: &str) -> Bytes {
        self.protocols
            .iter()
            .find(|offered| offered.name == protocol)
            .map(|offered| offered.metadata.clone())
            .unwrap_or_default()
    }

    pub(super) fn supports(&self, protocol: &str) -> bool {
        self.protocols
            .iter()
            .any(|offered| offered.name == protocol)
    }

    pub(super) fn is_joining(&self) -> bool {
        matches!(self.waiting, Waiting::Join(_))
    }

    /// When the member is given up; never while it waits for us, unless nobody may be there.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let waits_for_us = self.waiting != Waiting::Nothing && !self.is_new;
        (!waits_for_us).then_some(self.expires)
    }

    /// Notes that the member was heard of.
    pub(super) fn heard(&mut self, at: Instant) {
        self.expires = at + self.session_timeout;
    }

    /// Bytes of all the metadata that it offers.
    pub(super) fn metadata_len(&self) -> usize {
        self.protocols
            .iter()
            .map(|protocol| protocol.metadata.len())
            .sum()
    }
}

fn millis(wire: i32) -> Duration {
    Duration::from_millis(u64::try_from(wire).unwrap_or(0))
}

fn whole_millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
