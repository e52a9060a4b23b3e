//! The peer link: one gRPC stream per ordered pair of nodes, and the failure detector over it.
//!
//! Carries frames and knows nothing of Raft. A second connection per pair is for bulk (catch-up
//! and snapshots), so that a large batch never delays a ping. Peers are known by the id that
//! their HELLO proves with the cluster's secret, never by their address.

mod acceptor;
mod crew;
mod detector;
mod dial;
mod dialler;
mod edge;
mod frame;
mod generated;
mod hello;
mod outbox;
mod room;
mod session;
mod tuning;
mod wire;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use tokio::sync::watch;

use self::edge::Edge;
use self::room::Room;
use crate::ports::{self, Family};
use crate::spec::{BootId, GroupId, NodeId, NodeSpec};

/// Aborted tasks end at their next wake-up; one that does not is not waited for.
const CLOSE_DEADLINE: Duration = Duration::from_secs(1);

/// What a frame is for; the numbers are the wire's. A new one joins the list in `frame`.
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
    /// A search in the partitions that the asked node leads (bulk connection).
    Search = 11,
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
///
/// A payload is a slice of the batch that it came in (up to 1 MiB, or its own size): copy what
/// is kept for long.
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

/// The links of one node; they close when the last clone is dropped.
#[derive(Clone)]
pub(in crate::node) struct Links {
    handle: Arc<Handle>,
}

/// Outside of the tasks, so that dropping it ends them.
struct Handle {
    room: Arc<Room>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.room.closing.cancel();
    }
}

impl Links {
    /// Binds the Raft port, dials every peer, pings and judges.
    #[expect(
        clippy::unused_async,
        reason = "it needs a runtime to run in, and says so"
    )]
    pub(in crate::node) async fn start(
        spec: &NodeSpec,
        boot: BootId,
        inbox: Arc<dyn Inbox>,
    ) -> std::io::Result<Self> {
        let listener = ports::bind_listener(spec.ports.raft, Family::V4)
            .map_err(|error| std::io::Error::new(error.source.kind(), error))?;
        let room = Arc::new(Room::new(spec, boot));
        let links = Self {
            handle: Arc::new(Handle {
                room: Arc::clone(&room),
            }),
        };
        links.run(acceptor::accept(Arc::clone(&room), inbox, listener));
        for id in room.edges.keys().copied() {
            links.run(dialler::keep_control(Arc::clone(&room), id));
            links.run(dialler::keep_bulk(Arc::clone(&room), id));
        }
        links.run(async move { room.keep_time().await });
        Ok(links)
    }

    /// A request and its answer.
    pub(in crate::node) async fn call(
        &self,
        to: NodeId,
        lane: Lane,
        service: Service,
        group: GroupId,
        payload: Bytes,
        timeout: Duration,
    ) -> Result<Bytes, LinkError> {
        let edge = self.room().edges.get(&to).ok_or(LinkError::Down(to))?;
        let answer = async {
            let wire = edge.wire(lane).await?;
            wire.call(service, group, payload).await
        };
        tokio::time::timeout(timeout, answer)
            .await
            .unwrap_or(Err(LinkError::Timeout(to)))
    }

    /// A message without an answer; dropped when there is no link.
    pub(in crate::node) fn cast(
        &self,
        to: NodeId,
        service: Service,
        group: GroupId,
        payload: Bytes,
    ) {
        let edge = self.room().edges.get(&to);
        if let Some(wire) = edge.and_then(Edge::control) {
            wire.cast(service, group, payload);
        }
    }

    /// The detector's view, now and when it changes.
    pub(in crate::node) fn peers(&self) -> watch::Receiver<PeerTable> {
        self.room().watch()
    }

    /// Milliseconds since a peer's last ping.
    pub(in crate::node) fn heard_ms(&self, peer: NodeId) -> Option<u64> {
        let heard_at = self.room().heard_at(peer)?;
        Some(heard_at.elapsed().as_millis() as u64)
    }

    /// Says `leaving` in every ping from now on.
    pub(in crate::node) fn leave(&self) {
        self.room().leave();
    }

    /// Closes every connection and ends every task.
    pub(in crate::node) async fn close(&self) {
        let room = self.room();
        room.closing.cancel();
        room.tracker.close();
        if tokio::time::timeout(CLOSE_DEADLINE, room.tracker.wait())
            .await
            .is_err()
        {
            tracing::warn!(tasks = room.tracker.len(), "link tasks did not end in time");
        }
    }

    fn room(&self) -> &Room {
        &self.handle.room
    }

    /// Runs one of the room's tasks until the links close.
    fn run(&self, task: impl Future<Output = ()> + Send + 'static) {
        let closing = self.room().closing.clone();
        self.room().tracker.spawn(async move {
            closing.run_until_cancelled(task).await;
        });
    }
}

#[cfg(test)]
mod tests;
