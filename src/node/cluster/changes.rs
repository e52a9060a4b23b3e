//! Changes of metadata: decided here, proposed by the metadata leader, seen by all before the
//! answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use kafka_protocol::ResponseError;
use tokio::time::Instant;

use super::placement::Placement;
use super::{Cluster, NewTopic, Refusal};
use crate::node::link::{Lane, LinkError, Service};
use crate::node::metadata::{Command, Outcome, PRODUCER_ID_BLOCK, PartitionImage, TopicImage};
use crate::node::raft::Reply;
use crate::spec::{GroupId, NodeId, TopicId};

/// A proposal on its way to the metadata leader and back.
const PROPOSE_TIMEOUT: Duration = Duration::from_secs(5);

impl Cluster {
    /// Creates topics; each answer comes when every partition has a leader that every live node
    /// knows, at most `timeout` later (then `RequestTimedOut`).
    pub(in crate::node) async fn create_topics(
        &self,
        topics: Vec<NewTopic>,
        timeout: Duration,
        check: Check,
    ) -> Vec<Result<Arc<TopicImage>, Refusal>> {
        let deadline = Instant::now() + timeout;
        join_all(
            topics
                .into_iter()
                .map(|topic| self.create_topic(topic, deadline, check)),
        )
        .await
    }

    async fn create_topic(
        &self,
        topic: NewTopic,
        deadline: Instant,
        check: Check,
    ) -> Result<Arc<TopicImage>, Refusal> {
        let topic = self.assign(topic)?;
        if check == Check::Only {
            return self.would_fit(topic);
        }
        let max_partitions = self.spec().settings.max_partitions();
        let command = Command::CreateTopic {
            topic: topic.clone(),
            max_partitions,
        };
        let outcome = self.propose(&command, deadline).await.map_err(|code| {
            Refusal::new(
                code,
                "the metadata leader did not answer in time; try again",
            )
        })?;
        accepted(&topic, &outcome)?;
        self.await_leaders(&topic, deadline).await?;
        Ok(Arc::new(topic))
    }

    fn would_fit(&self, topic: TopicImage) -> Result<Arc<TopicImage>, Refusal> {
        let mut image = (*self.image()).clone();
        let max_partitions = self.spec().settings.max_partitions();
        let command = Command::CreateTopic {
            topic: topic.clone(),
            max_partitions,
        };
        accepted(&topic, &command.apply(&mut image, 0))?;
        Ok(Arc::new(topic))
    }

    /// Deletes topics by id.
    pub(in crate::node) async fn delete_topics(
        &self,
        topics: Vec<TopicId>,
        timeout: Duration,
    ) -> Vec<Result<(), Refusal>> {
        let deadline = Instant::now() + timeout;
        join_all(topics.into_iter().map(|id| self.delete_topic(id, deadline))).await
    }

    async fn delete_topic(&self, id: TopicId, deadline: Instant) -> Result<(), Refusal> {
        let outcome = self.propose(&Command::DeleteTopic { id }, deadline).await;
        match outcome {
            Ok(Outcome::Done) => self.await_gone(id, deadline).await,
            Ok(_) => Err(Refusal::new(ResponseError::UnknownTopicId, "no such topic")),
            Err(code) => Err(Refusal::new(
                code,
                "the metadata leader did not answer in time; try again",
            )),
        }
    }

    /// A producer id that no other producer of this cluster ever had.
    pub(in crate::node) async fn allocate_producer_id(&self) -> Result<i64, ResponseError> {
        if let Some(id) = self.next_producer_id() {
            return Ok(id);
        }
        let deadline = Instant::now() + PROPOSE_TIMEOUT;
        let outcome = self.propose(&Command::AllocateProducerIds, deadline).await;
        let Ok(Outcome::ProducerIds { first }) = outcome else {
            return Err(ResponseError::CoordinatorNotAvailable);
        };
        // Two callers may both have asked: the later block replaces the rest of the earlier one,
        // which is lost and harms nobody.
        *self.inner.producer_ids.lock().expect("no holder panics") =
            first + 1..first + PRODUCER_ID_BLOCK;
        Ok(first)
    }

    fn next_producer_id(&self) -> Option<i64> {
        self.inner
            .producer_ids
            .lock()
            .expect("no holder panics")
            .next()
    }

    /// Waits until this node has applied all that was committed when it was called (ReadIndex);
    /// for administrative reads that follow a write.
    pub(in crate::node) async fn read_barrier(&self) -> Result<(), ResponseError> {
        let index = self.metadata_read_index().await?;
        let mut image = self.watch_image();
        let applied = image.wait_for(|image| image.applied >= index);
        let applied = tokio::time::timeout(PROPOSE_TIMEOUT, applied).await;
        applied
            .map_err(|_| ResponseError::RequestTimedOut)?
            .map(drop)
            .map_err(|_| ResponseError::RequestTimedOut)
    }

    /// The metadata leader's commit index, confirmed by a majority.
    pub(in crate::node) async fn metadata_read_index(&self) -> Result<u64, ResponseError> {
        let me = self.spec().node;
        let leader = self.controller().ok_or(ResponseError::RequestTimedOut)?;
        if leader == me {
            let group = self
                .host()
                .get(GroupId::METADATA)
                .ok_or(ResponseError::NotController)?;
            return group
                .read_index()
                .await
                .map_err(|_| ResponseError::NotController);
        }
        let payload = Bytes::new();
        let answer = self
            .call(leader, Service::ReadIndex, payload, PROPOSE_TIMEOUT)
            .await;
        let answer = answer.map_err(|_| ResponseError::RequestTimedOut)?;
        let bytes = answer
            .as_ref()
            .try_into()
            .map_err(|_| ResponseError::RequestTimedOut)?;
        Ok(u64::from_be_bytes(bytes))
    }

    /// Proposes a command on the metadata leader, wherever that is. A leader that is gone is
    /// asked again only when the command was surely not stored; else the outcome is unknown.
    pub(super) async fn propose(
        &self,
        command: &Command,
        deadline: Instant,
    ) -> Result<Outcome, ResponseError> {
        let payload: Bytes = serde_json::to_vec(command)
            .expect("a command is plain data")
            .into();
        let mut leaders = self.watch_leaders();
        loop {
            leaders.mark_unchanged();
            match self.propose_once(&payload, deadline).await {
                Ok(outcome) => return Ok(outcome),
                Err(Proposal::Unknown) => return Err(ResponseError::RequestTimedOut),
                Err(Proposal::NotStored) => {
                    // Who leads may be known here a moment later than there.
                    let pause = (Instant::now() + Duration::from_millis(20)).min(deadline);
                    drop(tokio::time::timeout_at(pause, leaders.changed()).await);
                }
            }
            if Instant::now() >= deadline {
                return Err(ResponseError::RequestTimedOut);
            }
        }
    }

    async fn propose_once(&self, payload: &Bytes, deadline: Instant) -> Result<Outcome, Proposal> {
        let leader = self.controller().ok_or(Proposal::NotStored)?;
        if leader == self.spec().node {
            return self.propose_here(payload.clone()).await;
        }
        let timeout = deadline.saturating_duration_since(Instant::now());
        match self
            .call(leader, Service::Propose, payload.clone(), timeout)
            .await
        {
            Ok(answer) => serde_json::from_slice(&answer).map_err(|_| Proposal::Unknown),
            Err(LinkError::Down(_)) => Err(Proposal::NotStored),
            Err(LinkError::Refused(_, why)) if why == NOT_STORED => Err(Proposal::NotStored),
            Err(_) => Err(Proposal::Unknown),
        }
    }

    /// Proposes on this node, which must lead the metadata group.
    pub(super) async fn propose_here(&self, payload: Bytes) -> Result<Outcome, Proposal> {
        let group = self
            .host()
            .get(GroupId::METADATA)
            .ok_or(Proposal::NotStored)?;
        let standing = group.standing();
        if !standing.leads {
            return Err(Proposal::NotStored);
        }
        let landing = group.propose(payload, standing.term).await;
        let written = landing.map_err(|_| Proposal::Unknown)?.await;
        match written {
            Ok(written) => match written.reply {
                Reply::Metadata(outcome) => Ok(outcome),
                Reply::Nothing | Reply::BaseOffset(_) => Err(Proposal::Unknown),
            },
            Err(crate::node::raft::WriteError::NotLeader) => Err(Proposal::NotStored),
            Err(crate::node::raft::WriteError::Lost) => Err(Proposal::Unknown),
        }
    }

    pub(super) async fn call(
        &self,
        to: NodeId,
        service: Service,
        payload: Bytes,
        timeout: Duration,
    ) -> Result<Bytes, LinkError> {
        let links = &self.inner.links;
        links
            .call(
                to,
                Lane::Control,
                service,
                GroupId::METADATA,
                payload,
                timeout,
            )
            .await
    }

    /// Completes a new topic: id, replicas, initialisers.
    fn assign(&self, topic: NewTopic) -> Result<TopicImage, Refusal> {
        let live = self.live_nodes();
        let replicas = match topic.assignments {
            Some(assignments) => assignments,
            None => self.place(topic.partitions, topic.replication_factor, live.clone())?,
        };
        let partitions = replicas
            .into_iter()
            .map(|replicas| {
                let alive = replicas.iter().find(|node| live.contains(node));
                let initialiser = alive.or(replicas.first()).copied();
                let missing = || {
                    Refusal::new(
                        ResponseError::InvalidReplicaAssignment,
                        "a partition needs a replica",
                    )
                };
                Ok(PartitionImage {
                    initialiser: initialiser.ok_or_else(missing)?,
                    replicas,
                })
            })
            .collect::<Result<_, Refusal>>()?;
        Ok(TopicImage {
            name: topic.name,
            id: TopicId::random(),
            created_at: 0,
            partitions,
            configs: topic.configs,
        })
    }

    /// Replicas of each partition.
    fn place(
        &self,
        partitions: Option<u32>,
        replication_factor: Option<usize>,
        live: Vec<NodeId>,
    ) -> Result<Vec<Vec<NodeId>>, Refusal> {
        let nodes = self.spec().node_ids();
        let settings = &self.spec().settings;
        let count = partitions.unwrap_or_else(|| settings.num_partitions());
        let factor = replication_factor.unwrap_or_else(|| settings.replication_factor(nodes.len()));
        if factor == 0 || factor > nodes.len() {
            let message = format!(
                "replication factor {factor} does not fit a cluster of {} nodes",
                nodes.len()
            );
            return Err(Refusal::new(
                ResponseError::InvalidReplicationFactor,
                &message,
            ));
        }
        let led = self.preferred_leaders();
        let mut placement = Placement { nodes, live, led };
        Ok((0..count).map(|_| placement.next(factor)).collect())
    }

    /// How many partitions name each node first.
    fn preferred_leaders(&self) -> BTreeMap<NodeId, usize> {
        let mut led = BTreeMap::new();
        for partition in self
            .image()
            .topics
            .values()
            .flat_map(|topic| &topic.partitions)
        {
            if let Some(first) = partition.replicas.first() {
                *led.entry(*first).or_default() += 1;
            }
        }
        led
    }

    /// Waits until every live node knows a leader of every partition of the topic.
    async fn await_leaders(&self, topic: &TopicImage, deadline: Instant) -> Result<(), Refusal> {
        let me = self.spec().node;
        let payload = Bytes::copy_from_slice(topic.id.0.as_bytes());
        let others = self.live_nodes().into_iter().filter(|node| *node != me);
        let timeout = deadline.saturating_duration_since(Instant::now());
        let asked =
            join_all(others.map(|node| self.call(node, Service::Await, payload.clone(), timeout)));
        let (here, there) = tokio::join!(self.leaders_known(topic.id, timeout), asked);
        // A node that died meanwhile has nothing to know any more.
        let unknown = there
            .iter()
            .any(|answer| matches!(answer, Err(LinkError::Timeout(_) | LinkError::Refused(..))));
        if here && !unknown {
            return Ok(());
        }
        let message = "the topic is created, and not every partition has a leader yet";
        Err(Refusal::new(ResponseError::RequestTimedOut, message))
    }

    /// Whether this node comes to know a leader of every partition of the topic in time.
    pub(super) async fn leaders_known(&self, id: TopicId, timeout: Duration) -> bool {
        let mut leaders = self.watch_leaders();
        let mut image = self.watch_image();
        let known = async {
            while !self.all_led(id) {
                let changed = tokio::select! {
                    changed = leaders.changed() => changed.is_ok(),
                    changed = image.changed() => changed.is_ok(),
                };
                if !changed {
                    return false;
                }
            }
            true
        };
        tokio::time::timeout(timeout, known).await.unwrap_or(false)
    }

    fn all_led(&self, id: TopicId) -> bool {
        let image = self.image();
        let Some(topic) = image.topic_by_id(id) else {
            return false;
        };
        let led = |index| self.leadership(topic.group(index)).leader.is_some();
        (0..topic.partitions.len() as u32).all(led)
    }

    async fn await_gone(&self, id: TopicId, deadline: Instant) -> Result<(), Refusal> {
        let mut image = self.watch_image();
        let gone = image.wait_for(|image| image.topic_by_id(id).is_none());
        match tokio::time::timeout_at(deadline, gone).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(Refusal::new(
                ResponseError::RequestTimedOut,
                "the deletion is under way",
            )),
        }
    }
}

/// Whether a creation is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::node) enum Check {
    /// Checked only (`validate_only`).
    Only,
    /// Checked and done.
    AndDo,
}

/// Why a proposal has no outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proposal {
    /// It was surely not stored: it may be proposed again.
    NotStored,
    /// It may have been.
    Unknown,
}

/// How a peer says [`Proposal::NotStored`].
pub(super) const NOT_STORED: &str = "not stored: this node does not lead the metadata group";

impl Refusal {
    pub(in crate::node) fn new(code: ResponseError, message: &str) -> Self {
        Self {
            code,
            message: message.to_owned(),
        }
    }
}

fn accepted(topic: &TopicImage, outcome: &Outcome) -> Result<(), Refusal> {
    match outcome {
        Outcome::Done => Ok(()),
        Outcome::TopicExists => {
            let message = format!("topic {:?} exists already", topic.name);
            Err(Refusal::new(ResponseError::TopicAlreadyExists, &message))
        }
        Outcome::TooManyPartitions { have, max } => {
            let asked = topic.partitions.len();
            let message = format!(
                "the cluster has {have} partitions and accepts {max}: {asked} more do not fit \
                 (start it with --set max.partitions=N for more)"
            );
            Err(Refusal::new(ResponseError::InvalidPartitions, &message))
        }
        Outcome::NoSuchTopic | Outcome::ProducerIds { .. } | Outcome::Unreadable => {
            let message = "the metadata group answered something else";
            Err(Refusal::new(ResponseError::UnknownServerError, message))
        }
    }
}
