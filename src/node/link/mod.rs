//! The peer link: one gRPC stream per ordered pair of nodes, and the failure detector over it.
//!
//! Carries frames and knows nothing of Raft. A second connection per pair is for bulk (catch-up
//! and snapshots), so that a large batch never delays a ping. Peers are known by the id that
//! their HELLO proves with the cluster's secret, never by their address.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use tokio::sync::watch;

use crate::spec::{BootId, GroupId, NodeId, NodeSpec};

/// What a frame is for; the numbers are the wire's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
pub(in crate::node) enum Service {
    /// AppendEntries of one group. Requests of one group from one peer arrive in order.
    Append = 1,
    /// RequestVote.
    Vote = 2,
    /// Pre-vote.
    PreVote = 3,
    /// TransferLeader.
    Transfer = 4,
    /// A snapshot (bulk connection).
    Snapshot = 5,
    /// A change of metadata, forwarded to the metadata leader.
    Propose = 6,
    /// ReadIndex, asked of a group's leader.
    ReadIndex = 7,
    /// Leader, ISR and log-end gossip (cast).
    Gossip = 8,
    /// A damaged replica asks its leader to send again.
    Repair = 9,
    /// Waits until the asked node knows the leaders of a topic.
    Await = 10,
}

/// Which connection of the pair a call takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::node) enum Lane {
    /// Small and urgent.
    Control,
    /// Large: snapshots and catch-up.
    Bulk,
}

/// Why a call has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::node) enum LinkError {
    /// There is no link to that node now.
    #[error("no link to {0}")]
    Down(NodeId),
    /// No answer in time; it may still have been done.
    #[error("{0} did not answer in time")]
    Timeout(NodeId),
    /// The link broke while the call was under way; it may have been done.
    #[error("the link to {0} broke")]
    Broken(NodeId),
    /// The peer could not handle it, in its words.
    #[error("{0} answered: {1}")]
    Refused(NodeId, String),
}

/// Handles what peers send; one per node.
pub(in crate::node) trait Inbox: Send + Sync + 'static {
    /// A request. Called in arrival order per connection and must not block; the future is
    /// polled apart, its error goes to the caller as [`LinkError::Refused`].
    fn request(
        &self,
        from: NodeId,
        service: Service,
        group: GroupId,
        payload: Bytes,
    ) -> BoxFuture<'static, Result<Bytes, String>>;

    /// A message without an answer, in arrival order. Must not block.
    fn cast(&self, from: NodeId, service: Service, group: GroupId, payload: Bytes);
}

/// One peer as the detector holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::node) struct PeerState {
    /// Our dialled stream stands and its HELLO was answered, and so does the peer's to us.
    pub(in crate::node) linked: bool,
    /// Not (yet) known to be dead.
    pub(in crate::node) alive: bool,
    /// The peer's life, when it ever said HELLO.
    pub(in crate::node) boot: Option<BootId>,
    /// The nodes that the peer heard within dead-after, by its last ping; the peer included.
    pub(in crate::node) hears: BTreeSet<NodeId>,
    /// The peer said that it is leaving.
    pub(in crate::node) leaving: bool,
    /// Why it is not linked, in words.
    pub(in crate::node) reason: Option<String>,
}

/// All peers as the detector holds them; a value, replaced as one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::node) struct PeerTable {
    /// State by peer; every peer of the spec is in it from the start.
    pub(in crate::node) peers: std::collections::BTreeMap<NodeId, PeerState>,
}

/// The links of one node.
#[derive(Clone)]
pub(in crate::node) struct Links {}

impl Links {
    /// Binds the Raft port, dials every peer, pings and judges.
    pub(in crate::node) async fn start(
        _spec: &NodeSpec,
        _boot: BootId,
        _inbox: std::sync::Arc<dyn Inbox>,
    ) -> std::io::Result<Self> {
        todo!("link")
    }

    /// A request and its answer.
    pub(in crate::node) async fn call(
        &self,
        _to: NodeId,
        _lane: Lane,
        _service: Service,
        _group: GroupId,
        _payload: Bytes,
        _timeout: Duration,
    ) -> Result<Bytes, LinkError> {
        todo!("link")
    }

    /// A message without an answer; dropped when there is no link.
    pub(in crate::node) fn cast(
        &self,
        _to: NodeId,
        _service: Service,
        _group: GroupId,
        _payload: Bytes,
    ) {
        todo!("link")
    }

    /// The detector's view, now and when it changes.
    pub(in crate::node) fn peers(&self) -> watch::Receiver<PeerTable> {
        todo!("link")
    }

    /// Milliseconds since a peer's last ping.
    pub(in crate::node) fn heard_ms(&self, _peer: NodeId) -> Option<u64> {
        todo!("link")
    }

    /// Says `leaving` in every ping from now on.
    pub(in crate::node) fn leave(&self) {
        todo!("link")
    }

    /// Closes every connection and ends every task.
    pub(in crate::node) async fn close(&self) {
        todo!("link")
    }
}
