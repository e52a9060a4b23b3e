//! Tells all nodes what this node leads: on change at once, and again each second.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};

use super::claims::{self, Claim, Claims};
use super::inbox::CLAIMS_TAG;
use crate::node::link::{Links, Service};
use crate::spec::{BootId, GroupId, NodeId};

/// This node's voice; clones share it.
#[derive(Clone)]
pub(in crate::node) struct Announcer {
    me: NodeId,
    boot: BootId,
    claims: Claims,
    links: Links,
    peers: Arc<[NodeId]>,
}

impl Announcer {
    /// The voice of node `me` in this life, to `peers`.
    pub(in crate::node) fn new(
        me: (NodeId, BootId),
        claims: Claims,
        links: Links,
        peers: Vec<NodeId>,
    ) -> Self {
        Self {
            me: me.0,
            boot: me.1,
            claims,
            links,
            peers: peers.into(),
        }
    }

    /// This life of the node.
    pub(in crate::node) fn boot(&self) -> BootId {
        self.boot
    }

    /// Says a claim that changed, at once.
    pub(in crate::node) fn announce(&self, claim: Claim) {
        self.claims.take(claim.clone());
        self.send(&self.peers, &[claim]);
    }

    /// Notes the newest of a claim that did not change, for the next flush.
    pub(in crate::node) fn note(&self, claim: Claim) {
        self.claims.take(claim);
    }

    /// Says everything that this node leads again, in one message a peer.
    pub(in crate::node) fn flush(&self) {
        self.send(&self.peers, &self.claims.own(self.me));
    }

    /// Tells a peer that came back everything that this node leads.
    pub(in crate::node) fn brief(&self, peer: NodeId) {
        self.send(&[peer], &self.claims.own(self.me));
    }

    fn send(&self, to: &[NodeId], claims: &[Claim]) {
        if claims.is_empty() {
            return;
        }
        let payload = claims_message(claims);
        for peer in to {
            self.links
                .cast(*peer, Service::Gossip, GroupId::METADATA, payload.clone());
        }
    }
}

/// Claims as one gossip message.
pub(in crate::node::raft) fn claims_message(claims: &[Claim]) -> Bytes {
    let body = claims::encode(claims);
    let mut payload = BytesMut::with_capacity(1 + body.len());
    payload.put_u8(CLAIMS_TAG);
    payload.put_slice(&body);
    payload.freeze()
}
