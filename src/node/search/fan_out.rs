//! One question to the whole cluster: each partition's leader is asked, over the peer link where
//! it is another node.
//!
//! A leader is asked once for all of its partitions. A partition whose leader is unknown, is
//! deposed while it is asked, or says that it leads no more is asked for once again, of whoever
//! leads then. What is not answered in time is told as missing, and the rest is an answer.

mod message;
mod order;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::{BoxFuture, join_all};
use futures::{FutureExt, StreamExt, stream};

use self::message::{Ask, Beside, Part, What};
use super::{
    Document, Found, Heft, Held, IndexStats, Mapping, Question, Search, SearchError, Wanted,
};
use crate::node::bugs;
use crate::node::cluster::{Cluster, Questions};
use crate::node::link::{Lane, LinkError, Service};
use crate::node::metadata::TopicImage;
use crate::spec::{GroupId, NodeId};

pub(super) use self::order::{Placed, merged};

/// A partition without a leader gets one within this time, or is missing.
const LEADER_WAIT: Duration = Duration::from_millis(500);
/// What one page's documents may weigh.
pub(super) const PAGE_BYTES: usize = 16 << 20;
/// Partitions that are asked for documents at one time.
const FETCHES: usize = 4;
/// Answers up to this are decoded at once.
const SMALL: usize = 16 << 10;
/// An answer that is there is written in this time, or not at all.
const WRITE_WITHIN: Duration = Duration::from_secs(10);

/// One partition of a topic.
#[derive(Debug, Clone)]
pub(super) struct Shard {
    /// The topic.
    pub(super) topic: Arc<TopicImage>,
    /// The partition's index.
    pub(super) partition: u32,
}

impl Shard {
    fn group(&self) -> GroupId {
        self.topic.group(self.partition)
    }
}

/// Why a partition has no part in an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Missing {
    /// Nobody is known to lead it.
    #[error("the partition has no leader that this node knows or reaches")]
    NoLeader,
    /// Its leader could not be asked or did not answer.
    #[error("the leader {0} did not answer: {1}")]
    Unreached(NodeId, String),
    /// Its leader said no.
    #[error("{1}")]
    Refused(NodeId, SearchError),
}

impl Missing {
    /// The node that was asked.
    pub(super) fn node(&self) -> Option<NodeId> {
        match self {
            Self::NoLeader => None,
            Self::Unreached(node, _) | Self::Refused(node, _) => Some(*node),
        }
    }

    /// Whether another leader may do better.
    fn may_pass(&self) -> bool {
        !matches!(self, Self::Refused(_, error) if *error != SearchError::NotLeader)
    }
}

/// What all the shards of one question answered, in their order.
pub(super) type Parts<T> = Vec<Result<T, Missing>>;

/// The documents of one page.
pub(super) struct Page {
    /// Documents by shard and offset.
    pub(super) documents: BTreeMap<(usize, i64), Document>,
    /// Shards whose documents are missing.
    pub(super) missing: Vec<(usize, Missing)>,
}

/// The way to every partition; clones share it.
#[derive(Clone)]
pub(in crate::node) struct FanOut {
    cluster: Cluster,
    search: Search,
}

impl FanOut {
    /// The way to every partition, with this node's own index.
    pub(in crate::node) fn new(cluster: Cluster, search: Search) -> Self {
        Self { cluster, search }
    }

    /// The cluster as this node sees it.
    pub(super) fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Waits until one more search may be in memory.
    pub(super) async fn hold(&self, heft: Heft, until: Instant) -> Result<Held, SearchError> {
        self.search.hold(heft, until).await
    }

    /// Does what grows with an answer where it keeps nobody waiting.
    pub(super) async fn work<T: Send + 'static>(
        &self,
        heft: Heft,
        until: Instant,
        work: impl FnOnce() -> Result<T, SearchError> + Send + 'static,
    ) -> Result<T, SearchError> {
        self.search.work(heft, until, work).await
    }

    /// Asks a question of each shard.
    pub(super) async fn find(
        &self,
        shards: &[Shard],
        question: &Question,
        until: Instant,
    ) -> Parts<Found> {
        let what = What::Find(question.clone());
        let parts = self.ask(shards, what, until).await;
        only(parts, |part| match part {
            Part::Found(found) => Some(found),
            _ => None,
        })
    }

    /// The kinds of value that each shard has seen.
    pub(super) async fn mappings(&self, shards: &[Shard], until: Instant) -> Parts<Mapping> {
        let parts = self.ask(shards, What::Mapping, until).await;
        only(parts, |part| match part {
            Part::Mapping(mapping) => Some(mapping),
            _ => None,
        })
    }

    /// How far each shard's index is.
    pub(super) async fn stats(&self, shards: &[Shard], until: Instant) -> Parts<IndexStats> {
        self.told(shards, What::Stats, until).await
    }

    /// The same, of an index that a search would see: with what is young.
    pub(super) async fn counted(&self, shards: &[Shard], until: Instant) -> Parts<IndexStats> {
        self.told(shards, What::Counted, until).await
    }

    async fn told(&self, shards: &[Shard], what: What, until: Instant) -> Parts<IndexStats> {
        let parts = self.ask(shards, what, until).await;
        only(parts, |part| match part {
            Part::Stats(stats) => Some(stats),
            _ => None,
        })
    }

    /// The documents of a page; `TooMuch` when they weigh more than [`PAGE_BYTES`].
    pub(super) async fn fetch(
        &self,
        shards: &[Shard],
        wanted: BTreeMap<usize, Wanted>,
        until: Instant,
    ) -> Result<Page, SearchError> {
        let mut page = Page {
            documents: BTreeMap::new(),
            missing: Vec::new(),
        };
        let one = |(index, wanted): (usize, Wanted)| async move {
            let documents = self.documents(&shards[index], wanted, until).await;
            (index, documents)
        };
        let mut all = stream::iter(wanted).map(one).buffer_unordered(FETCHES);
        let mut weight = 0;
        while let Some((index, documents)) = all.next().await {
            match documents {
                Err(Missing::Refused(_, error @ SearchError::TooMuch(_))) => return Err(error),
                Err(missing) => page.missing.push((index, missing)),
                Ok(documents) => {
                    weight += documents.iter().map(message::weight).sum::<usize>();
                    fits_a_page(weight)?;
                    let placed = documents
                        .into_iter()
                        .map(|document| ((index, document.offset), document));
                    page.documents.extend(placed);
                }
            }
        }
        Ok(page)
    }

    /// The documents of one shard. An answer is bounded, so one that ends early is asked again
    /// for the rest.
    async fn documents(
        &self,
        shard: &Shard,
        mut wanted: Wanted,
        until: Instant,
    ) -> Result<Vec<Document>, Missing> {
        let (mut all, mut weight) = (Vec::new(), 0);
        while !wanted.offsets.is_empty() {
            let what = What::Fetch(wanted.clone());
            let parts = self.ask(std::slice::from_ref(shard), what, until).await;
            let mut parts = only(parts, |part| match part {
                Part::Documents(documents) => Some(documents),
                _ => None,
            });
            let more = parts.pop().unwrap_or(Err(Missing::NoLeader))?;
            let Some(last) = more.last().map(|document| document.offset) else {
                break;
            };
            weight += more.iter().map(message::weight).sum::<usize>();
            let leader = self.cluster.spec().node;
            fits_a_page(weight).map_err(|error| Missing::Refused(leader, error))?;
            let seen = wanted.offsets.iter().position(|offset| *offset == last);
            wanted
                .offsets
                .drain(..=seen.unwrap_or(wanted.offsets.len() - 1));
            all.extend(more);
        }
        Ok(all)
    }

    /// Asks each shard's leader, and for those that did not answer whoever leads next.
    async fn ask(&self, shards: &[Shard], what: What, until: Instant) -> Parts<Part> {
        let mut parts = self.round(shards, &what, until, Beside::Nobody).await;
        let again: Vec<usize> = (0..parts.len())
            .filter(|index| parts[*index].as_ref().is_err_and(Missing::may_pass))
            .collect();
        if again.is_empty() || Instant::now() >= until {
            return parts;
        }
        let shards: Vec<Shard> = again.iter().map(|index| shards[*index].clone()).collect();
        self.led(&shards, until.min(Instant::now() + LEADER_WAIT))
            .await;
        let second = self.round(&shards, &what, until, Beside::Others).await;
        for (index, part) in again.into_iter().zip(second) {
            parts[index] = part;
        }
        parts
    }

    /// Waits until each shard has a leader.
    async fn led(&self, shards: &[Shard], until: Instant) {
        let mut claims = self.cluster.watch_leaders();
        let mut peers = self.cluster.links().peers();
        let all_led = async {
            while shards.iter().any(|shard| self.leader(shard).is_none()) {
                tokio::select! {
                    changed = claims.changed() => if changed.is_err() { return },
                    changed = peers.changed() => if changed.is_err() { return },
                }
            }
        };
        drop(tokio::time::timeout_at(until.into(), all_led).await);
    }

    /// Who answers for it: its leader, unless that is a node that hears no majority.
    fn leader(&self, shard: &Shard) -> Option<NodeId> {
        let leader = self.cluster.leadership(shard.group()).leader?;
        let partition = shard.topic.partitions.get(shard.partition as usize)?;
        let cut_off = leader == self.cluster.spec().node
            && !self.cluster.hears_most_of(&partition.replicas)
            && !bugs::searches_alone();
        (!cut_off).then_some(leader)
    }

    /// Asks the leaders of now; `beside` is who has a part when one of them leads all the shards.
    async fn round(
        &self,
        shards: &[Shard],
        what: &What,
        until: Instant,
        beside: Beside,
    ) -> Parts<Part> {
        let mut parts: Parts<Part> = shards.iter().map(|_| Err(Missing::NoLeader)).collect();
        let mut by_leader: BTreeMap<NodeId, Vec<usize>> = BTreeMap::new();
        for (index, shard) in shards.iter().enumerate() {
            if let Some(leader) = self.leader(shard) {
                by_leader.entry(leader).or_default().push(index);
            }
        }
        let is_alone = by_leader.values().any(|led| led.len() == shards.len());
        let beside = if is_alone { beside } else { Beside::Others };
        let calls = by_leader.into_iter().map(|(leader, indexes)| async move {
            let asked: Vec<Shard> = indexes.iter().map(|index| shards[*index].clone()).collect();
            let ask = Ask {
                groups: asked.iter().map(Shard::group).collect(),
                what: what.clone(),
                within: until.saturating_duration_since(Instant::now()),
                beside,
            };
            let answers = self.ask_node(leader, &asked, ask).await;
            (indexes, answers)
        });
        for (indexes, answers) in join_all(calls).await {
            for (index, answer) in indexes.into_iter().zip(answers) {
                parts[index] = answer;
            }
        }
        parts
    }

    async fn ask_node(&self, node: NodeId, shards: &[Shard], ask: Ask) -> Parts<Part> {
        let answer = if node == self.cluster.spec().node {
            Ok(ask.answered_by(&self.search).await.parts)
        } else {
            tokio::select! {
                answer = self.call(node, &ask) => answer,
                () = self.deposed(node, shards) => Err(String::from("it was deposed meanwhile")),
            }
        };
        match answer {
            Ok(answers) if answers.len() == shards.len() => {
                let refused = |error| Missing::Refused(node, error);
                answers
                    .into_iter()
                    .map(|part| part.map_err(refused))
                    .collect()
            }
            Ok(_) => unreached(node, shards, "its answer has another length"),
            Err(words) => unreached(node, shards, &words),
        }
    }

    async fn call(
        &self,
        node: NodeId,
        ask: &Ask,
    ) -> Result<Vec<Result<Part, SearchError>>, String> {
        let payload = message::encode(ask)?;
        let answer = self.cluster.links().call(
            node,
            Lane::Bulk,
            Service::Search,
            GroupId::METADATA,
            payload,
            ask.within,
        );
        match answer.await {
            Ok(answer) if answer.len() <= SMALL => message::decode(&answer),
            Ok(answer) => {
                let until = Instant::now() + ask.within;
                let decode = move || Ok(message::decode(&answer));
                let decoded = self.work(Heft::Light, until, decode);
                decoded.await.map_err(|error| error.to_string())?
            }
            Err(LinkError::Refused(_, words)) => Err(words),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Ends when a node leads none of the shards (any more).
    async fn deposed(&self, node: NodeId, shards: &[Shard]) {
        let mut claims = self.cluster.watch_leaders();
        let mut peers = self.cluster.links().peers();
        while shards.iter().any(|shard| self.leader(shard) == Some(node)) {
            let changed = tokio::select! {
                changed = claims.changed() => changed,
                changed = peers.changed() => changed,
            };
            if changed.is_err() {
                return;
            }
        }
    }
}

fn unreached(node: NodeId, shards: &[Shard], words: &str) -> Parts<Part> {
    let missing = |_| Err(Missing::Unreached(node, words.to_owned()));
    shards.iter().map(missing).collect()
}

/// Answers hold the part that was asked for; another one is as good as none.
fn only<T>(parts: Parts<Part>, take: impl Fn(Part) -> Option<T>) -> Parts<T> {
    let one = |part: Result<Part, Missing>| take(part?).ok_or(Missing::NoLeader);
    parts.into_iter().map(one).collect()
}

fn fits_a_page(weight: usize) -> Result<(), SearchError> {
    if weight > PAGE_BYTES {
        let words = format!(
            "the documents of this page are larger than {} MiB: take a smaller [size], or less of \
             [_source]",
            PAGE_BYTES >> 20
        );
        return Err(SearchError::TooMuch(words));
    }
    Ok(())
}

/// What peers ask of this node's index.
impl Questions for Search {
    fn answer(&self, payload: Bytes) -> BoxFuture<'static, Result<Bytes, String>> {
        let search = self.clone();
        async move {
            let ask: Ask = message::decode(&payload)?;
            let answered = ask.answered_by(&search).await;
            let until = Instant::now() + WRITE_WITHIN;
            answered.encoded(&search, until).await
        }
        .boxed()
    }
}
