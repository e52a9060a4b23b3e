//! openraft's network over the peer link: one small object per group and target.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, Stream, StreamExt};
use openraft::errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::RPCOption;
use openraft::network::v2::RaftNetworkV2;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendResult,
    TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::{EmptyNode, RaftNetworkFactory};
use tokio::sync::watch;

use super::config::RPC_TIMEOUT;
use super::types::{Snapshot, Types, Vote};
use super::wire::{self, Malformed};
use crate::node::link::{Lane, LinkError, Links, Service};
use crate::spec::{GroupId, NodeId};

/// Appends of one group that may be under way to one follower.
const PIPELINE: usize = 64;
/// How long a follower may be behind in what it knows to be committed, where nothing else is sent to
/// it: sent alone it costs as much as a record, which on few cores the next record pays for.
const COMMIT_LINGER: Duration = Duration::from_millis(2);
/// A whole snapshot must be taken within this time.
const SNAPSHOT_TIMEOUT: Duration = Duration::from_mins(1);

/// Makes the networks of one group.
#[derive(Clone)]
pub(in crate::node::raft) struct Network {
    links: Links,
    group: GroupId,
    end: watch::Receiver<u64>,
}

impl Network {
    /// The network of a `group` whose log here ends at `end`.
    pub(in crate::node::raft) fn new(
        links: Links,
        group: GroupId,
        end: watch::Receiver<u64>,
    ) -> Self {
        Self { links, group, end }
    }
}

impl RaftNetworkFactory<Types> for Network {
    type Network = PeerNetwork;

    async fn new_client(&mut self, target: u64, _node: &EmptyNode) -> PeerNetwork {
        PeerNetwork {
            links: self.links.clone(),
            group: self.group,
            target: NodeId(target),
            end: self.end.clone(),
        }
    }
}

/// One group's way to one target.
#[derive(Clone)]
pub(in crate::node::raft) struct PeerNetwork {
    links: Links,
    group: GroupId,
    target: NodeId,
    end: watch::Receiver<u64>,
}

impl PeerNetwork {
    async fn call(&self, lane: Lane, service: Service, payload: Bytes) -> Answer<Bytes> {
        let timeout = if lane == Lane::Bulk {
            SNAPSHOT_TIMEOUT
        } else {
            RPC_TIMEOUT
        };
        self.links
            .call(self.target, lane, service, self.group, payload, timeout)
            .await
            .map_err(|error| rpc_error(&error))
    }

    async fn append(
        self,
        request: AppendEntriesRequest<Types>,
    ) -> Answer<StreamAppendResult<Types>> {
        let prev = request.prev_log_id;
        let last = request.entries.last().map(|entry| entry.log_id).or(prev);
        let payload = wire::append_request(request);
        let answer = self.call(Lane::Control, Service::Append, payload).await?;
        let response = wire::read_append_response(answer).map_err(malformed)?;
        Ok(response.into_stream_result(prev, last))
    }
}

/// When the next append is asked for: at once while the log has more than was sent, otherwise after
/// [`COMMIT_LINGER`], so that what is committed travels with the next entries instead of alone.
struct Pace {
    end: watch::Receiver<u64>,
    sent: Option<u64>,
}

impl Pace {
    fn new(end: watch::Receiver<u64>) -> Self {
        Self { end, sent: None }
    }

    fn over<S>(self, input: S) -> impl Stream<Item = AppendEntriesRequest<Types>>
    where
        S: Stream<Item = AppendEntriesRequest<Types>> + Unpin,
    {
        Box::pin(stream::unfold(
            (self, input),
            |(mut pace, mut input)| async move {
                pace.wait().await;
                let request = input.next().await?;
                pace.note(&request);
                Some((request, (pace, input)))
            },
        ))
    }

    async fn wait(&mut self) {
        let Some(sent) = self.sent else { return };
        let more = self.end.wait_for(|end| *end > sent);
        // An end that will not move any more is no reason to wait.
        let _ = tokio::time::timeout(COMMIT_LINGER, more).await;
    }

    fn note(&mut self, request: &AppendEntriesRequest<Types>) {
        let last = request.entries.last().map(|entry| entry.log_id);
        let last = last.or(request.prev_log_id);
        self.sent = Some(last.map_or(0, |last| last.index()));
    }
}

type Answer<T> = Result<T, RPCError<Types>>;

impl RaftNetworkV2<Types> for PeerNetwork {
    type SnapshotData = Bytes;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<Types>,
        _option: RPCOption,
    ) -> Answer<AppendEntriesResponse<Types>> {
        let payload = wire::append_request(request);
        let answer = self.call(Lane::Control, Service::Append, payload).await?;
        wire::read_append_response(answer).map_err(malformed)
    }

    /// Pipelined: requests leave in order without waiting for answers, answers come in order. A
    /// request without entries waits a moment for the next one with some ([`Pace`]).
    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        _option: RPCOption,
    ) -> BoxFuture<'s, Answer<BoxStream<'s, Answer<StreamAppendResult<Types>>>>>
    where
        S: Stream<Item = AppendEntriesRequest<Types>> + Send + Unpin + 'static,
    {
        let network = self.clone();
        let paced = Pace::new(self.end.clone()).over(input);
        Box::pin(async move {
            let answers = paced
                .map(move |request| network.clone().append(request))
                .buffered(PIPELINE);
            let answers: BoxStream<'s, _> = Box::pin(answers);
            Ok(answers)
        })
    }

    /// Every election here was decided by the failure detector, so no lease may refuse it.
    async fn vote(
        &mut self,
        mut request: VoteRequest<Types>,
        _option: RPCOption,
    ) -> Answer<VoteResponse<Types>> {
        request.leadership_transfer = true;
        let answer = self
            .call(Lane::Control, Service::Vote, wire::vote_request(&request))
            .await?;
        wire::read_vote_response(answer).map_err(malformed)
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<Types>,
        _option: RPCOption,
    ) -> Answer<VoteResponse<Types>> {
        let answer = self
            .call(
                Lane::Control,
                Service::PreVote,
                wire::vote_request(&request),
            )
            .await?;
        wire::read_vote_response(answer).map_err(malformed)
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + Send + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        let payload = wire::snapshot_request(&vote, &snapshot.meta, &snapshot.snapshot);
        tokio::select! {
            closed = cancel => Err(StreamingError::Closed(closed)),
            answer = self.call(Lane::Bulk, Service::Snapshot, payload) => {
                Ok(wire::read_snapshot_response(answer?).map_err(malformed)?)
            }
        }
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<Types>,
        _option: RPCOption,
    ) -> Answer<TransferLeaderResponse<Types>> {
        let payload = wire::transfer_request(&request);
        self.call(Lane::Control, Service::Transfer, payload).await?;
        Ok(Ok(()))
    }
}

/// A link that is down is unreachable (openraft backs off); all else may work at once.
fn rpc_error(error: &LinkError) -> RPCError<Types> {
    match error {
        LinkError::Down(_) | LinkError::Broken(_) => RPCError::Unreachable(Unreachable::new(error)),
        LinkError::Timeout(_) | LinkError::Refused(..) => {
            RPCError::Network(NetworkError::new(error))
        }
    }
}

fn malformed(error: Malformed) -> RPCError<Types> {
    RPCError::Network(NetworkError::new(&error))
}
