//! One Raft group on this node: openraft's handle with the few verbs that the node needs.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::{ClientWriteError, RaftError};
use openraft::impls::ProgressResponder;
use openraft::metrics::RaftDataMetrics;
use openraft::type_config::alias::WatchReceiverOf;
use openraft::{Raft, ReadPolicy, ServerState};
use tokio::sync::{RwLock, RwLockReadGuard, watch};
use tokio_util::task::TaskTracker;

use super::config::raft_config;
use super::election_stats::{ElectionStats, LastLeader};
use super::machine::{Applier, Machine, Reply, SnapshotTarget};
use super::network::Network;
use super::store::Store;
use super::types::{self, CommittedLeaderId, Data, Types};
use crate::node::link::Links;
use crate::node::storage::{GroupLog, LogPosition};
use crate::spec::{GroupId, NodeId};

/// A group's state as Raft has it; leading in Raft is not yet serving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::node) struct Standing {
    /// The current term.
    pub(in crate::node) term: u64,
    /// The leader of this term, when known.
    pub(in crate::node) leader: Option<NodeId>,
    /// Whether that is this node.
    pub(in crate::node) leads: bool,
}

/// An entry that was committed and applied.
#[derive(Debug, Clone)]
pub(in crate::node) struct Written {
    /// Its index in the group's log.
    pub(in crate::node) index: u64,
    /// What applying it gave.
    pub(in crate::node) reply: Reply,
}

/// Why a proposal was not (known to be) committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::node) enum WriteError {
    /// It was refused before the append; nothing was stored.
    #[error("this node does not lead the group")]
    NotLeader,
    /// Leadership was lost after the append: the entry may or may not survive.
    #[error("leadership was lost while the entry was being replicated")]
    Lost,
}

/// One group on this node.
pub(in crate::node) struct Group {
    id: GroupId,
    me: NodeId,
    voters: Vec<NodeId>,
    raft: Raft<Types, Machine>,
    log: GroupLog,
    target: SnapshotTarget,
    standing: watch::Receiver<Standing>,
    first_term: u64,
    tasks: TaskTracker,
    past: Past,
    closing: Arc<AtomicBool>,
    elections: Arc<ElectionStats>,
    open: RwLock<Open>,
}

/// Whether calls into Raft that may be dropped before their end can still be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Yes,
    No,
}

/// Leave to make such a call; the group is not shut down while it is held.
pub(in crate::node::raft) struct Visit<'a> {
    _held: RwLockReadGuard<'a, Open>,
}

/// Whether a replica may have held entries that its disk does not have any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::node) enum Past {
    /// The group is younger than this disk: an empty log never held anything.
    Known,
    /// The disk joined later than the group was made: an empty log may have lost what it held.
    MayBeLost,
}

/// What a group tells its node beside its state.
#[derive(Clone)]
pub(in crate::node) struct Signals {
    /// Set when a group ended with an error: the node must stop, or it would seem to lead.
    pub(in crate::node) alarm: watch::Sender<Option<String>>,
    /// Counts leaders lost: what the election task looks at at once.
    pub(in crate::node) stir: watch::Sender<u64>,
    /// Counts leaders and elections.
    pub(in crate::node) elections: Arc<ElectionStats>,
}

impl Default for Signals {
    fn default() -> Self {
        Self {
            alarm: watch::Sender::new(None),
            stir: watch::Sender::new(0),
            elections: Arc::default(),
        }
    }
}

impl Group {
    /// Starts (or restarts) the group from its log.
    pub(in crate::node) async fn start(
        id: GroupId,
        members: Members,
        log: GroupLog,
        applier: Box<dyn Applier>,
        around: Around<'_>,
    ) -> io::Result<Arc<Self>> {
        // openraft's metrics begin at term 0 and learn of the stored vote later.
        let first_term = log.state().vote.map_or(0, |vote| vote.term);
        let target = SnapshotTarget::default();
        let machine = Machine::open(log.clone(), applier, Arc::clone(&target)).await?;
        let store = Store::new(log.clone());
        let network = Network::new(around.links.clone(), id, store.end());
        let raft = Raft::new(members.me.0, raft_config(), network, store, machine).await;
        let raft = raft.map_err(|fatal| io::Error::other(format!("{id}: {fatal}")))?;
        let closing = Arc::new(AtomicBool::new(false));
        let end = End {
            id,
            closing: Arc::clone(&closing),
            signals: around.signals.clone(),
        };
        let standing = follow(&raft, members.me, end, around.tasks);
        let Members { me, voters, past } = members;
        Ok(Arc::new(Self {
            id,
            me,
            voters,
            raft,
            log,
            target,
            standing,
            first_term,
            tasks: around.tasks.clone(),
            past,
            closing,
            elections: Arc::clone(&around.signals.elections),
            open: RwLock::new(Open::Yes),
        }))
    }

    /// The group's id.
    pub(in crate::node) fn id(&self) -> GroupId {
        self.id
    }

    /// The nodes that vote in this group, the preferred leader first.
    pub(in crate::node) fn voters(&self) -> &[NodeId] {
        &self.voters
    }

    /// The group's log.
    pub(in crate::node) fn log(&self) -> &GroupLog {
        &self.log
    }

    /// Who leads, as Raft has it.
    pub(in crate::node) fn standing(&self) -> Standing {
        *self.standing.borrow()
    }

    /// The term that the log had when this process started: leaders up to it are hearsay.
    pub(in crate::node) fn first_term(&self) -> u64 {
        self.first_term
    }

    /// [`Group::standing`] as it changes.
    pub(in crate::node) fn watch_standing(&self) -> watch::Receiver<Standing> {
        self.standing.clone()
    }

    /// Whether the log is damaged and being fetched again: no vote, no candidacy.
    pub(in crate::node) fn repairing(&self) -> bool {
        self.log.state().repair_until.is_some()
    }

    /// Whether the log is empty where it may once have held entries: then it proves nothing.
    /// The first membership, which every initialiser writes alike, counts as empty.
    pub(in crate::node) fn may_have_lost_all(&self) -> bool {
        self.past == Past::MayBeLost && self.is_empty()
    }

    /// Whether the log holds nothing but the first membership.
    pub(in crate::node) fn is_empty(&self) -> bool {
        self.log.state().last.is_none_or(|last| last.index == 0)
    }

    /// Makes all voters members and stands at once; on one node, once in the group's life.
    pub(in crate::node) async fn initialize(&self) {
        let ids: BTreeSet<u64> = self.voters.iter().map(|voter| voter.0).collect();
        match self.raft.initialize(ids).await {
            Ok(()) => {
                self.elections.stood();
                tracing::info!(group = %self.id, "initialised");
            }
            Err(error) => tracing::debug!(group = %self.id, %error, "not initialised here"),
        }
    }

    /// Stands for election now.
    pub(in crate::node) async fn stand(&self) {
        self.elections.stood();
        if let Err(fatal) = self.raft.trigger().elect(false).await {
            tracing::warn!(group = %self.id, error = %fatal, "cannot stand");
        }
    }

    /// Proposes an entry in `term`; the order of calls is the order in the log. The future that
    /// comes back ends when the entry is applied, or known not to be.
    pub(in crate::node) async fn propose(
        &self,
        data: Bytes,
        term: u64,
    ) -> Result<impl Future<Output = Result<Written, WriteError>> + use<>, WriteError> {
        let (responder, waiting) = ProgressResponder::complete_only();
        let sent = self
            .raft
            .write(Data(data))
            .with_leader(CommittedLeaderId::new(term))
            .responder(responder)
            .await;
        sent.map_err(|_| WriteError::Lost)?;
        Ok(async move {
            let result = waiting.await.map_err(|_| WriteError::Lost)?;
            let response = result.map_err(|error| match error {
                ClientWriteError::ForwardToLeader(_) => WriteError::NotLeader,
                // Truncated or purged before it was applied here: it may be committed elsewhere.
                _ => WriteError::Lost,
            })?;
            Ok(Written {
                index: response.log_id.index(),
                reply: response.data,
            })
        })
    }

    /// Leave to call Raft from a task that may be dropped; `None` once the group shuts down.
    ///
    /// The first call that finds openraft's core ended joins it, and when that call is dropped
    /// meanwhile the next one panics. So no such call may be under way while the core ends.
    pub(in crate::node::raft) async fn visit(&self) -> Option<Visit<'_>> {
        let open = self.open.read().await;
        (*open == Open::Yes).then_some(Visit { _held: open })
    }

    /// The index that a read must have seen applied, confirmed by a majority (ReadIndex).
    pub(in crate::node) async fn read_index(&self) -> Result<u64, WriteError> {
        let visit = self.visit().await.ok_or(WriteError::Lost)?;
        self.read_index_for(&visit).await
    }

    /// [`Group::read_index`] for a visitor, who must not ask for leave twice.
    pub(in crate::node::raft) async fn read_index_for(
        &self,
        _visit: &Visit<'_>,
    ) -> Result<u64, WriteError> {
        let asked = self.raft.get_read_log_id(ReadPolicy::ReadIndex);
        let answer = tokio::time::timeout(super::config::RPC_TIMEOUT, asked).await;
        match answer.map_err(|_| WriteError::Lost)? {
            Ok((read, _)) => Ok(read.log_id().index()),
            Err(RaftError::APIError(_)) => Err(WriteError::NotLeader),
            Err(RaftError::Fatal(_)) => Err(WriteError::Lost),
        }
    }

    /// How far each follower's log is known to match; empty when this node does not lead.
    pub(in crate::node) fn matched(&self) -> BTreeMap<NodeId, u64> {
        let metrics = self.raft.data_metrics();
        let metrics = metrics.borrow_watched();
        let replication = metrics.replication.iter().flatten();
        replication
            .map(|(node, id)| (NodeId(*node), id.as_ref().map_or(0, openraft::LogId::index)))
            .collect()
    }

    /// Follows how far replication has come.
    pub(in crate::node) fn watch_progress(&self) -> Progress {
        let mut metrics = self.raft.data_metrics();
        // What a new receiver has not seen yet is not news.
        metrics.borrow_and_update();
        Progress(metrics)
    }

    /// The last index that is known here to be committed.
    pub(in crate::node) fn committed(&self) -> u64 {
        let metrics = self.raft.data_metrics();
        let metrics = metrics.borrow_watched();
        metrics
            .local_committed
            .as_ref()
            .map_or(0, openraft::LogId::index)
    }

    /// The last index that is applied here.
    pub(in crate::node) fn applied(&self) -> u64 {
        let metrics = self.raft.data_metrics();
        let metrics = metrics.borrow_watched();
        metrics
            .last_applied
            .as_ref()
            .map_or(0, openraft::LogId::index)
    }

    /// Waits until `replicas` replicas, this leader included, have the entry at `index`.
    pub(in crate::node) async fn wait_matched(&self, index: u64, replicas: usize) {
        let mut metrics = self.raft.data_metrics();
        loop {
            metrics.borrow_and_update();
            let matched = self.matched();
            let others = matched
                .iter()
                .filter(|(node, at)| **node != self.me && **at >= index);
            if 1 + others.count() >= replicas || metrics.changed().await.is_err() {
                return;
            }
        }
    }

    /// A peer came back: try it at once instead of after the backoff, and tell it what is
    /// committed, which a restarted follower does not know.
    pub(in crate::node) async fn welcome(&self, peer: NodeId) {
        if self.standing().leads {
            // A group that is shutting down welcomes nobody.
            drop(self.raft.trigger().reset_backoff([peer.0]).await);
            drop(self.raft.trigger().heartbeat().await);
        }
    }

    /// Sends everything again to a replica whose log was set aside or lost.
    pub(in crate::node) async fn resend(&self, peer: NodeId) {
        drop(self.raft.trigger().allow_next_revert(&peer.0, true).await);
        self.welcome(peer).await;
    }

    /// Hands leadership to a follower that is linked and caught up.
    pub(in crate::node) async fn transfer(&self, to: NodeId) {
        drop(self.raft.trigger().transfer_leader(to.0).await);
    }

    /// Drops the log's front up to a sealed segment's end that has a stored state.
    pub(in crate::node) async fn purge(&self, upto: LogPosition) {
        *self.target.lock().expect("no holder panics") = Some(upto);
        drop(self.raft.trigger().snapshot().await);
        let mut snapshot = self.raft.watch_snapshot_progress();
        let target = Some(types::log_id(upto));
        let reached = snapshot.wait_until_ge(&target);
        if tokio::time::timeout(super::config::RPC_TIMEOUT, reached)
            .await
            .is_ok()
        {
            drop(self.raft.trigger().purge_log(upto.index).await);
        }
    }

    /// Runs a task that belongs to this node's groups.
    pub(in crate::node) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Ends the group's tasks, once no visitor is left; its files stay.
    pub(in crate::node) async fn shutdown(&self) {
        self.closing.store(true, Ordering::Relaxed);
        *self.open.write().await = Open::No;
        if let Err(error) = self.raft.shutdown().await {
            tracing::warn!(group = %self.id, %error, "did not shut down cleanly");
        }
    }

    /// The node that this replica is on.
    pub(in crate::node) fn me(&self) -> NodeId {
        self.me
    }

    pub(in crate::node::raft) fn raft(&self) -> &Raft<Types, Machine> {
        &self.raft
    }
}

/// Replication as it moves on.
pub(in crate::node) struct Progress(WatchReceiverOf<Types, RaftDataMetrics<Types>>);

impl Progress {
    /// Waits for the next move; `false` when the group is gone.
    pub(in crate::node) async fn changed(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }
}

/// Who is in a group, seen from one of them.
#[derive(Debug, Clone)]
pub(in crate::node) struct Members {
    /// This node.
    pub(in crate::node) me: NodeId,
    /// All voters, the preferred leader first.
    pub(in crate::node) voters: Vec<NodeId>,
    /// Whether this replica may have lost entries.
    pub(in crate::node) past: Past,
}

/// What a group needs of its node.
pub(in crate::node) struct Around<'a> {
    /// The way to the peers.
    pub(in crate::node) links: &'a Links,
    /// What it tells the node.
    pub(in crate::node) signals: &'a Signals,
    /// Where its tasks run.
    pub(in crate::node) tasks: &'a TaskTracker,
}

/// What happens when the group's core ends.
struct End {
    id: GroupId,
    closing: Arc<AtomicBool>,
    signals: Signals,
}

impl End {
    /// A core that ended unasked has met an error: without it the node is a leader that does
    /// nothing and a voter that says nothing.
    fn came(&self) {
        if !self.closing.load(Ordering::Relaxed) {
            let what = format!("the Raft core of {} ended with an error", self.id);
            self.signals.alarm.send_replace(Some(what));
        }
    }
}

/// Follows openraft's metrics with a small value that wakes only those who care.
fn follow(
    raft: &Raft<Types, Machine>,
    me: NodeId,
    end: End,
    tasks: &TaskTracker,
) -> watch::Receiver<Standing> {
    let mut metrics = raft.server_metrics();
    let (sender, receiver) = watch::channel(standing_of(&metrics.borrow_watched(), me));
    let mut last = LastLeader::default();
    last.see(*receiver.borrow(), me, &end.signals.elections);
    tasks.spawn(async move {
        while metrics.changed().await.is_ok() {
            let now = standing_of(&metrics.borrow_watched(), me);
            last.see(now, me, &end.signals.elections);
            sender.send_if_modified(|seen| std::mem::replace(seen, now) != now);
            if now.leader.is_none() {
                end.signals.stir.send_modify(|count| *count += 1);
            }
        }
        sender.send_modify(|last| {
            *last = Standing {
                leads: false,
                leader: None,
                ..*last
            }
        });
        end.came();
    });
    receiver
}

fn standing_of(metrics: &openraft::metrics::RaftServerMetrics<Types>, me: NodeId) -> Standing {
    Standing {
        term: metrics.vote.leader_id.term,
        leader: metrics.current_leader.map(NodeId),
        leads: metrics.state == ServerState::Leader && metrics.current_leader == Some(me.0),
    }
}
