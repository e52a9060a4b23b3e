//! What peers ask of this node beside Raft: proposals, waits, repairs and searches.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::watch;
use uuid::Uuid;

use super::Cluster;
use super::changes::{NOT_STORED, Proposal};
use crate::node::link::Service;
use crate::node::raft::Upstairs;
use crate::spec::{GroupId, NodeId, TopicId};

/// A peer that waits for leaders has a deadline of its own; this bounds a forgotten wait.
const AWAIT_TIMEOUT: Duration = Duration::from_secs(30);

/// A request that comes while the node is being built waits this long for it.
const OPEN_WAIT: Duration = Duration::from_millis(500);

/// Answers what peers ask of this node's index.
pub(in crate::node) trait Questions: Send + Sync + 'static {
    /// A request of [`Service::Search`].
    fn answer(&self, payload: Bytes) -> BoxFuture<'static, Result<Bytes, String>>;
}

/// Serves peers once the node has its cluster; until then they wait for a moment.
#[derive(Clone)]
pub(in crate::node) struct PeerRequests {
    cluster: watch::Sender<Option<Cluster>>,
    questions: watch::Sender<Option<Arc<dyn Questions>>>,
}

impl Default for PeerRequests {
    fn default() -> Self {
        Self {
            cluster: watch::Sender::new(None),
            questions: watch::Sender::new(None),
        }
    }
}

impl PeerRequests {
    /// From here on requests are served.
    pub(in crate::node) fn open(&self, cluster: Cluster) {
        let before = self.cluster.send_replace(Some(cluster));
        assert!(before.is_none(), "a node has one cluster");
    }

    /// From here on searches are answered.
    pub(in crate::node) fn open_questions(&self, questions: Arc<dyn Questions>) {
        self.questions.send_replace(Some(questions));
    }

    fn ask(&self, payload: Bytes) -> BoxFuture<'static, Result<Bytes, String>> {
        match self.questions.borrow().as_ref() {
            Some(questions) => questions.answer(payload),
            None => async { Err(String::from("this node does not search (yet)")) }.boxed(),
        }
    }
}

impl Upstairs for PeerRequests {
    fn request(
        &self,
        from: NodeId,
        service: Service,
        group: GroupId,
        payload: Bytes,
    ) -> BoxFuture<'static, Result<Bytes, String>> {
        if service == Service::Search {
            return self.ask(payload);
        }
        let mut opened = self.cluster.subscribe();
        async move {
            let opened = tokio::time::timeout(OPEN_WAIT, opened.wait_for(Option::is_some)).await;
            let cluster = opened
                .ok()
                .and_then(Result::ok)
                .and_then(|cluster| cluster.clone());
            let cluster = cluster.ok_or_else(|| NOT_STORED.to_owned())?;
            match service {
                Service::Propose => propose(&cluster, payload).await,
                Service::Await => wait_for_leaders(&cluster, &payload).await,
                Service::Repair => repair(&cluster, from, group).await,
                _ => Err("not a request to the node".to_owned()),
            }
        }
        .boxed()
    }
}

async fn propose(cluster: &Cluster, payload: Bytes) -> Result<Bytes, String> {
    match cluster.propose_here(payload).await {
        Ok(outcome) => {
            let answer = serde_json::to_vec(&outcome).expect("an outcome is plain data");
            Ok(answer.into())
        }
        Err(Proposal::NotStored) => Err(NOT_STORED.to_owned()),
        Err(Proposal::Unknown) => Err("the outcome is unknown".to_owned()),
    }
}

async fn wait_for_leaders(cluster: &Cluster, payload: &Bytes) -> Result<Bytes, String> {
    let id = Uuid::from_slice(payload).map_err(|_| "not a topic id".to_owned())?;
    if cluster.leaders_known(TopicId(id), AWAIT_TIMEOUT).await {
        return Ok(Bytes::new());
    }
    Err("not every partition has a leader".to_owned())
}

/// Tells where this node's log of the group ends, and, when this node leads it, sends everything
/// to the asking replica again.
async fn repair(cluster: &Cluster, from: NodeId, group: GroupId) -> Result<Bytes, String> {
    let group = cluster
        .host()
        .get(group)
        .ok_or_else(|| format!("no replica of {group} here"))?;
    if group.standing().leads {
        group.resend(from).await;
    }
    let end = group.log().state().last.map_or(0, |last| last.index + 1);
    Ok(Bytes::copy_from_slice(&end.to_be_bytes()))
}
