//! What peers send to this node's groups.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use openraft::raft::{AppendEntriesRequest, VoteRequest, VoteResponse};
use tokio::sync::mpsc;

use super::claims::{self, Claim, Claims};
use super::elections::{self, Words};
use super::group::Group;
use super::host::Host;
use super::types::{Snapshot, Types, Vote};
use super::wire::{self, Malformed, Reader};
use crate::node::identity::Births;
use crate::node::link::{Inbox, Service};
use crate::spec::{GroupId, NodeId};

/// A request for a group that this node is about to start waits this long for it.
const GROUP_WAIT: Duration = Duration::from_millis(500);
/// Words of survivors that may wait for the election task.
const WORDS: usize = 256;
/// The gossip tag of claims.
pub(in crate::node::raft) const CLAIMS_TAG: u8 = 1;

/// Serves requests that are not Raft's own: proposals, waits and searches, for `cluster`.
pub(in crate::node) trait Upstairs: Send + Sync + 'static {
    /// A request of [`Service::Propose`], [`Service::Await`], [`Service::Repair`] or
    /// [`Service::Search`].
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
    births: Births,
}

impl RaftInbox {
    /// The inbox, and the words of survivors for the election task.
    pub(in crate::node) fn new(
        host: Host,
        claims: Claims,
        upstairs: Arc<dyn Upstairs>,
        births: Births,
    ) -> (Self, Survivors) {
        let (words, receiver) = mpsc::channel(WORDS);
        (
            Self {
                host,
                claims,
                words,
                upstairs,
                births,
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
        if matches!(
            service,
            Service::Propose | Service::Await | Service::Repair | Service::Search
        ) {
            return self.upstairs.request(from, service, group, payload);
        }
        let host = self.host.clone();
        let births = self.births.clone();
        async move {
            let found = host.wait(group, GROUP_WAIT).await;
            let group = found.ok_or_else(|| format!("no replica of {group} here"))?;
            serve(&group, &births, service, payload).await
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
            CLAIMS_TAG => self.hear_claims(from, claims::decode(&mut reader)?),
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

impl RaftInbox {
    /// Takes claims. Who claims what another has claimed in a later term does not know: it is
    /// answered as one that looks for a leader.
    fn hear_claims(&self, from: NodeId, claims: Vec<Claim>) {
        let outdated = |claim: &&Claim| claim.term < self.claims.term(claim.group);
        let outdated = claims.iter().filter(outdated);
        let ends: Vec<_> = outdated.map(|claim| (claim.group, None)).collect();
        if !ends.is_empty() {
            // A full queue drops them: the next claim comes in a second.
            drop(self.words.try_send(Words { from, ends }));
        }
        for claim in claims {
            self.claims.take(claim);
        }
    }
}

async fn serve(
    group: &Group,
    births: &Births,
    service: Service,
    payload: Bytes,
) -> Result<Bytes, String> {
    let visit = group.visit().await;
    let visit = visit.ok_or_else(|| format!("the replica of {} here shuts down", group.id()))?;
    let raft = group.raft();
    let words = |error: &dyn std::fmt::Display| error.to_string();
    match service {
        Service::Append => {
            let request = wire::read_append_request(payload).map_err(|e| words(&e))?;
            group.log().room().await;
            begin_repair(group, births, &request).map_err(|e| words(&e))?;
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
            let index = group.read_index_for(&visit).await;
            let index = index.map_err(|e| words(&e))?;
            Ok(Bytes::copy_from_slice(&index.to_be_bytes()))
        }
        Service::Propose | Service::Gossip | Service::Repair | Service::Await | Service::Search => {
            Err("not a request to a group".to_owned())
        }
    }
}

/// A log that is being repaired, or that may have lost all that it held, has no vote: it cannot
/// prove that it never acknowledged what a candidate lacks. Where nobody has anything yet, in the
/// group's first election, everybody has one.
fn may_vote(group: &Group, request: &VoteRequest<Types>) -> bool {
    let first_election = request.last_log_id.is_none_or(|last| last.index() == 0);
    !group.repairing() && (first_election || !group.may_have_lost_all())
}

/// A leader's first word to a log that may have lost all: it has no vote until it has reached
/// everything that can have been committed by then.
fn begin_repair(
    group: &Group,
    births: &Births,
    request: &AppendEntriesRequest<Types>,
) -> io::Result<()> {
    if group.repairing() || !group.may_have_lost_all() {
        return Ok(());
    }
    let known = [request.leader_commit, request.prev_log_id];
    let last = request.entries.last().map(|entry| entry.log_id);
    let until = known
        .into_iter()
        .chain([last])
        .flatten()
        .map(|id| id.index())
        .max();
    // The first membership and the first leader's blank are no proof of a past.
    let committed = request.leader_commit.is_some_and(|id| id.index() > 0);
    let Some(until) = until.filter(|until| committed || *until > 1) else {
        return Ok(());
    };
    if group.id().is_metadata() {
        births.joined_late(until)?;
    }
    group.log().require_repair(until)
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
