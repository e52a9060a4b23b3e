//! Tells all nodes what this node leads: on change at once, and again each second.

use std::sync::{Arc, Mutex};

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
    /// Claims to be said again with the next [`Announcer::flush`].
    repeats: Arc<Mutex<Vec<Claim>>>,
}

impl Announcer {
    /// The voice of node `me` in this life, to `peers`.
    pub(in crate::node) fn new(
        me: (NodeId, BootId),
        claims: Claims,
        links: Links,
        peers: Vec<NodeId>,
    ) -> Self {
        let repeats = Arc::default();
        Self {
            me: me.0,
            boot: me.1,
            claims,
            links,
            peers: peers.into(),
            repeats,
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

    /// Says a claim again with the next flush.
    pub(in crate::node) fn repeat(&self, claim: Claim) {
        self.claims.take(claim.clone());
        self.repeats.lock().expect("no holder panics").push(claim);
    }

    /// Sends what was collected since the last flush, in one message a peer.
    pub(in crate::node) fn flush(&self) {
        let repeats = std::mem::take(&mut *self.repeats.lock().expect("no holder panics"));
        self.send(&self.peers, &repeats);
    }

    /// Tells a peer that came back everything that this node leads.
    pub(in crate::node) fn brief(&self, peer: NodeId) {
        self.send(&[peer], &self.claims.own(self.me));
    }

    fn send(&self, to: &[NodeId], claims: &[Claim]) {
        if claims.is_empty() {
            return;
        }
        let body = claims::encode(claims);
        let mut payload = BytesMut::with_capacity(1 + body.len());
        payload.put_u8(CLAIMS_TAG);
        payload.put_slice(&body);
        let payload: Bytes = payload.freeze();
        for peer in to {
            self.links
                .cast(*peer, Service::Gossip, GroupId::METADATA, payload.clone());
        }
    }
}
