//! What peers send to this node's groups.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use openraft::raft::{AppendEntriesRequest, VoteRequest, VoteResponse};
use tokio::sync::mpsc;

use super::claims::{self, Claims};
use super::elections::{self, Words};
use super::group::Group;
use super::host::Host;
use super::types::{Snapshot, Types, Vote};
use super::wire::{self, Malformed, Reader};
use crate::node::link::{Inbox, Service};
use crate::spec::{GroupId, NodeId};

/// A request for a group that this node is about to start waits this long for it.
const GROUP_WAIT: Duration = Duration::from_millis(500);
/// Words of survivors that may wait for the election task.
const WORDS: usize = 256;
/// The gossip tag of claims.
pub(in crate::node::raft) const CLAIMS_TAG: u8 = 1;

/// Serves requests that are not Raft's own: proposals and waits, for `cluster`.
pub(in crate::node) trait Upstairs: Send + Sync + 'static {
    /// A request of [`Service::Propose`], [`Service::Await`] or [`Service::Repair`].
    fn request(
        &self,
        from: NodeId,
        service: Service,
        group: GroupId,
        payload: Bytes,
    ) -> BoxFuture<'static, Result<Bytes, String>>;
}

/// The peer link's way into the groups.
pub(in crate::node) struct RaftInbox {
    host: Host,
    claims: Claims,
    words: mpsc::Sender<Words>,
    upstairs: Arc<dyn Upstairs>,
}

impl RaftInbox {
    /// The inbox, and the words of survivors for the election task.
    pub(in crate::node) fn new(
        host: Host,
        claims: Claims,
        upstairs: Arc<dyn Upstairs>,
    ) -> (Self, Survivors) {
        let (words, receiver) = mpsc::channel(WORDS);
        (
            Self {
                host,
                claims,
                words,
                upstairs,
            },
            Survivors(receiver),
        )
    }
}

/// The words of survivors as they come in.
pub(in crate::node) struct Survivors(pub(in crate::node::raft) mpsc::Receiver<Words>);

impl Inbox for RaftInbox {
    fn request(
        &self,
        from: NodeId,
        service: Service,
        group: GroupId,
        payload: Bytes,
    ) -> BoxFuture<'static, Result<Bytes, String>> {
        if matches!(service, Service::Propose | Service::Await | Service::Repair) {
            return self.upstairs.request(from, service, group, payload);
        }
        let host = self.host.clone();
        async move {
            let found = host.wait(group, GROUP_WAIT).await;
            let group = found.ok_or_else(|| format!("no replica of {group} here"))?;
            serve(&group, service, payload).await
        }
        .boxed()
    }

    fn cast(&self, from: NodeId, service: Service, _group: GroupId, payload: Bytes) {
        if service != Service::Gossip {
            return;
        }
        if let Err(error) = self.gossip(from, payload) {
            tracing::warn!(%from, %error, "gossip dropped");
        }
    }
}

impl RaftInbox {
    fn gossip(&self, from: NodeId, payload: Bytes) -> Result<(), Malformed> {
        let mut reader = Reader::new(payload);
        match reader.u8()? {
            CLAIMS_TAG => {
                let claims = claims::decode(&mut reader)?;
                claims.into_iter().for_each(|claim| self.claims.take(claim));
            }
            elections::TAG => {
                let words = elections::decode(from, &mut reader)?;
                // A full queue drops them: the exchange has a deadline.
                drop(self.words.try_send(words));
            }
            _ => return Err(Malformed("an unknown kind of gossip")),
        }
        reader.end()
    }
}

async fn serve(group: &Group, service: Service, payload: Bytes) -> Result<Bytes, String> {
    let raft = group.raft();
    let words = |error: &dyn std::fmt::Display| error.to_string();
    match service {
        Service::Append => {
            let request = wire::read_append_request(payload).map_err(|e| words(&e))?;
            begin_repair(group, &request).map_err(|e| words(&e))?;
            let response = raft.append_entries(request).await.map_err(|e| words(&e))?;
            Ok(wire::append_response(&response))
        }
        Service::Vote | Service::PreVote => {
            let request = wire::read_vote_request(payload).map_err(|e| words(&e))?;
            if !may_vote(group, &request) {
                return Ok(wire::vote_response(&refusal(group, &request.vote)));
            }
            let response = if service == Service::Vote {
                raft.vote(request).await
            } else {
                raft.pre_vote(request).await
            };
            Ok(wire::vote_response(&response.map_err(|e| words(&e))?))
        }
        Service::Transfer => {
            let request = wire::read_transfer_request(payload).map_err(|e| words(&e))?;
            if group.repairing() {
                return Err("the log here is being repaired".to_owned());
            }
            let answer = raft
                .handle_transfer_leader(request)
                .await
                .map_err(|e| words(&e))?;
            answer.map(|()| Bytes::new()).map_err(|e| words(&e))
        }
        Service::Snapshot => {
            let (vote, meta, snapshot) =
                wire::read_snapshot_request(payload).map_err(|e| words(&e))?;
            let snapshot = Snapshot { meta, snapshot };
            let response = raft.install_full_snapshot(vote, snapshot).await;
            Ok(wire::snapshot_response(&response.map_err(|e| words(&e))?))
        }
        Service::ReadIndex => {
            let index = group.read_index().await.map_err(|e| words(&e))?;
            Ok(Bytes::copy_from_slice(&index.to_be_bytes()))
        }
        Service::Propose | Service::Gossip | Service::Repair | Service::Await => {
            Err("not a request to a group".to_owned())
        }
    }
}

/// An empty log has a vote in the group's first election only: later on it cannot tell whether it
/// never held anything or lost it with its disk. A damaged log has none at all.
fn may_vote(group: &Group, request: &VoteRequest<Types>) -> bool {
    let log = group.log().state();
    let first_election = request.last_log_id.is_none_or(|last| last.index() == 0);
    log.repair_until.is_none() && (log.last.is_some() || first_election)
}

/// A leader's first word to an empty log: what is committed by then may have been held here
/// before, so there is no vote until the log has reached it.
fn begin_repair(group: &Group, request: &AppendEntriesRequest<Types>) -> io::Result<()> {
    let committed = request
        .leader_commit
        .as_ref()
        .map_or(0, openraft::LogId::index);
    if committed > 0 && group.log().state().last.is_none() {
        group.log().require_repair(committed)?;
    }
    Ok(())
}

/// A replica without a vote says no.
fn refusal(group: &Group, asked: &Vote) -> VoteResponse<Types> {
    let own = group.log().state().vote.map(super::types::vote);
    VoteResponse::new(
        own.unwrap_or_else(|| Vote::new(asked.leader_id.term.saturating_sub(1), 0)),
        None,
        false,
    )
}
