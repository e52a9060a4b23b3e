//! From a frame to its handler, and from the handler's response to a frame.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use kafka_protocol::messages::{ApiKey, ProduceRequest, RequestKind, ResponseKind};

use super::connection::{Lane, Reply, Service};
use super::handlers::{self, Context};
use super::limits::Share;
use super::outbox::Answer;
use crate::node::groups::{Client, Groups};
use crate::protocol::frame::{self, FrameError, Request, RequestHead};

/// Decodes requests, has them handled and encodes the responses.
pub(super) struct Dispatcher {
    context: Context,
    groups: Groups,
}

impl Dispatcher {
    /// A dispatcher to these handlers.
    pub(super) fn new(context: Context, groups: Groups) -> Self {
        Self { context, groups }
    }
}

impl Service for Dispatcher {
    fn lane(&self, frame: &[u8]) -> Lane {
        match frame::peek(frame) {
            Ok(head) if head.api_key == ApiKey::Produce as i16 => Lane::Pipelined,
            _ => Lane::Alone,
        }
    }

    fn start(&self, client: SocketAddr, frame: Bytes) -> Result<BoxFuture<'static, Reply>, String> {
        let task = Task {
            context: self.context.clone(),
            groups: self.groups.clone(),
            client,
            since: Instant::now(),
        };
        self.context.stats.bytes_in.add(frame.len() as u64);
        match frame::decode_request(frame) {
            Ok(request) => Ok(task.begin(request)),
            Err(FrameError::UnsupportedVersion(head)) if is_api_versions(head) => {
                Ok(async move { task.too_new(head) }.boxed())
            }
            Err(error) => Err(describe(&error)),
        }
    }
}

fn is_api_versions(head: RequestHead) -> bool {
    head.api_key == ApiKey::ApiVersions as i16
}

/// The error with its cause, for the log.
fn describe(error: &FrameError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// One request's way through the handlers.
struct Task {
    context: Context,
    groups: Groups,
    client: SocketAddr,
    since: Instant,
}

impl Task {
    fn begin(self, request: Request) -> BoxFuture<'static, Reply> {
        let Request {
            head,
            client_id,
            body,
        } = request;
        match body {
            RequestKind::Produce(body) => self.produce(head, client_id.as_deref(), body),
            RequestKind::Fetch(body) => async move {
                let (response, share) =
                    handlers::fetch::handle(&self.context, head.api_version, &body).await;
                self.answered(head, &ResponseKind::Fetch(response), share)
            }
            .boxed(),
            body => async move {
                let client_id = client_id.unwrap_or_default();
                match self.handle(head.api_version, &client_id, body).await {
                    Some(response) => self.answered(head, &response, None),
                    None => Reply::Close(format!("api key {} has no handler", head.api_key)),
                }
            }
            .boxed(),
        }
    }

    /// The appends are enqueued before this returns; see [`handlers::produce`].
    fn produce(
        self,
        head: RequestHead,
        client_id: Option<&str>,
        body: ProduceRequest,
    ) -> BoxFuture<'static, Reply> {
        let version = head.api_version;
        let started = handlers::produce::start(&self.context, version, client_id, body);
        async move {
            match started.finish(&self.context).await {
                Ok(Some(response)) => self.answered(head, &ResponseKind::Produce(response), None),
                Ok(None) => {
                    self.done(head);
                    Reply::Nothing
                }
                Err(error) => Reply::Close(format!("acks=0 and the append failed: {error}")),
            }
        }
        .boxed()
    }

    /// `None` for an API that is in the table of served ones and not here: a bug of ours.
    async fn handle(
        &self,
        version: i16,
        client_id: &str,
        request: RequestKind,
    ) -> Option<ResponseKind> {
        let cx = &self.context;
        Some(match request {
            RequestKind::ApiVersions(request) => {
                handlers::api_versions::handle(version, &request).into()
            }
            RequestKind::Metadata(request) => handlers::metadata::handle(cx, version, &request)
                .await
                .into(),
            RequestKind::ListOffsets(request) => {
                handlers::list_offsets::handle(cx, version, &request).into()
            }
            RequestKind::CreateTopics(request) => {
                handlers::create_topics::handle(cx, version, &request)
                    .await
                    .into()
            }
            RequestKind::DeleteTopics(request) => {
                handlers::delete_topics::handle(cx, version, &request)
                    .await
                    .into()
            }
            RequestKind::InitProducerId(request) => {
                handlers::init_producer_id::handle(cx, &request)
                    .await
                    .into()
            }
            RequestKind::OffsetForLeaderEpoch(request) => {
                handlers::offset_for_leader_epoch::handle(cx, &request).into()
            }
            RequestKind::DescribeConfigs(request) => {
                handlers::describe_configs::handle(cx, version, &request)
                    .await
                    .into()
            }
            RequestKind::DescribeCluster(request) => {
                handlers::describe_cluster::handle(cx, &request).into()
            }
            request => return self.group(version, client_id, request).await,
        })
    }

    async fn group(
        &self,
        version: i16,
        client_id: &str,
        request: RequestKind,
    ) -> Option<ResponseKind> {
        let groups = &self.groups;
        Some(match request {
            RequestKind::FindCoordinator(request) => {
                groups.find_coordinator(version, request).await.into()
            }
            RequestKind::JoinGroup(request) => {
                let host = self.client.ip().to_string();
                let client = Client {
                    id: client_id,
                    host: &host,
                };
                groups.join_group(version, client, request).await.into()
            }
            RequestKind::SyncGroup(request) => groups.sync_group(request).await.into(),
            RequestKind::Heartbeat(request) => groups.heartbeat(request).await.into(),
            RequestKind::LeaveGroup(request) => groups.leave_group(version, request).await.into(),
            RequestKind::OffsetCommit(request) => groups.offset_commit(request).await.into(),
            RequestKind::OffsetFetch(request) => groups.offset_fetch(version, request).await.into(),
            RequestKind::DescribeGroups(request) => {
                groups.describe_groups(version, request).await.into()
            }
            RequestKind::ListGroups(request) => groups.list_groups(request).await.into(),
            RequestKind::DeleteGroups(request) => groups.delete_groups(request).await.into(),
            RequestKind::OffsetDelete(request) => groups.offset_delete(request).await.into(),
            _ => return None,
        })
    }

    /// ApiVersions of a version that nobody here knows (KIP-511).
    fn too_new(&self, head: RequestHead) -> Reply {
        let head = RequestHead {
            api_version: 0,
            ..head
        };
        let response = handlers::api_versions::too_new();
        self.answered(head, &ResponseKind::ApiVersions(response), None)
    }

    fn answered(&self, head: RequestHead, response: &ResponseKind, share: Option<Share>) -> Reply {
        match frame::encode_response(&head, response) {
            Ok(bytes) => {
                self.done(head);
                self.context.stats.bytes_out.add(bytes.len() as u64);
                Reply::Answer(Answer::new(bytes, share))
            }
            Err(error) => {
                let why = describe(&error);
                tracing::error!(api = head.api_key, version = head.api_version, why, "bug");
                Reply::Close(why)
            }
        }
    }

    fn done(&self, head: RequestHead) {
        if let Some(api) = self.context.stats.api(head.api_key) {
            api.answered(self.since.elapsed());
        }
    }
}

/// Keeps the trait object `Send` and the dispatcher shareable, whatever is added to it.
const _: () = {
    const fn is_shared<T: Send + Sync + 'static>() {}
    is_shared::<Arc<Dispatcher>>();
};
