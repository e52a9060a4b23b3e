//! What nodes ask each other, and how it crosses the link.
//!
//! MessagePack: it carries the keys of aggregation buckets, which JSON cannot, and needs no schema.
//! Fields go by their place, not their name: an answer of many buckets is a fifth of the size.

use std::io;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::join_all;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::order::trim;
use crate::node::search::{
    Cut, Document, Found, Heft, Held, IndexStats, Mapping, Packed, Question, Search, SearchError,
    Wanted, joined,
};
use crate::spec::GroupId;

/// Bytes of one answer: it must not keep the link, nor the thread that serves it, for long.
const ANSWER_BYTES: usize = 4 << 20;
/// Hits that are encoded at once.
const FEW: usize = 100;

type Aggregated = Option<Packed>;

/// The parts of an answer, in the order of the partitions that were asked.
pub(super) type Parts = Vec<Result<Part, SearchError>>;

/// A node's own answer.
pub(super) struct Answered {
    /// Its parts.
    pub(super) parts: Parts,
    /// The right to have it in memory.
    _held: Option<Held>,
}

/// One question about several partitions that the asked node leads.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Ask {
    /// The partitions.
    pub(super) groups: Vec<GroupId>,
    /// What about them.
    pub(super) what: What,
    /// How long the asking node waits.
    pub(super) within: Duration,
    /// Who else is asked the same.
    pub(super) beside: Beside,
}

/// Who else has a part in the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Beside {
    /// Nobody.
    Nobody,
    /// Other nodes.
    Others,
}

/// What is asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum What {
    /// Which records fit.
    Find(Question),
    /// Records as documents.
    Fetch(Wanted),
    /// The kinds of value, those of young records too.
    Mapping,
    /// How far the index is.
    Stats,
    /// The same after what is young has been indexed, as far as there is time.
    Counted,
}

/// One partition's part of an answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Part {
    /// To [`What::Find`].
    Found(Found),
    /// To [`What::Fetch`].
    Documents(Vec<Document>),
    /// To [`What::Mapping`].
    Mapping(Mapping),
    /// To [`What::Stats`] and [`What::Counted`].
    Stats(IndexStats),
}

impl Ask {
    /// What a node's own index answers, in the order of the partitions. What is held is let go
    /// when the answer is.
    pub(super) async fn answered_by(&self, search: &Search) -> Answered {
        let until = Instant::now() + self.within;
        match &self.what {
            What::Find(question) => {
                if let Some(asked) = &question.aggregations {
                    return self.counted(search, (question, asked), until).await;
                }
                let parts = self.each(search, until).await;
                let parts = trimmed(search, parts, (question, until)).await;
                Answered::of(parts.unwrap_or_else(|error| self.refused(&error)))
            }
            _ => Answered::of(self.each(search, until).await),
        }
    }

    async fn each(&self, search: &Search, until: Instant) -> Parts {
        let groups = self.groups.iter();
        join_all(groups.map(|group| self.part(search, *group, until))).await
    }

    fn refused(&self, error: &SearchError) -> Parts {
        self.groups.iter().map(|_| Err(error.clone())).collect()
    }

    /// A question with aggregations: one at a time, of one partition after the other, so that
    /// what is in memory does not grow with them.
    async fn counted(
        &self,
        search: &Search,
        (question, asked): (&Question, &Value),
        until: Instant,
    ) -> Answered {
        let held = match search.hold_counts(until).await {
            Ok(held) => held,
            Err(error) => return Answered::of(self.refused(&error)),
        };
        let parts = self.joined(search, asked, until).await;
        let parts = match parts {
            Ok(parts) => trimmed(search, parts, (question, until)).await,
            Err(error) => Err(error),
        };
        Answered {
            parts: parts.unwrap_or_else(|error| self.refused(&error)),
            _held: Some(held),
        }
    }

    /// The first partition that has a part brings the aggregations of all.
    async fn joined(
        &self,
        search: &Search,
        asked: &Value,
        until: Instant,
    ) -> Result<Parts, SearchError> {
        let mut parts = Parts::new();
        let mut all = None;
        for group in &self.groups {
            let mut part = self.part(search, *group, until).await;
            if let Ok(Part::Found(found)) = &mut part {
                let more = found.aggregations.take();
                all = joint(search, (all, more), (asked, Cut::Room), until).await?;
            }
            parts.push(part);
        }
        let is_whole = self.beside == Beside::Nobody && parts.iter().all(Result::is_ok);
        let cut = if is_whole { Cut::Asked } else { Cut::Told };
        all = joint(search, (all, None), (asked, cut), until).await?;
        if let Some(Part::Found(first)) = parts.iter_mut().find_map(|part| part.as_mut().ok()) {
            first.aggregations = all;
        }
        Ok(parts)
    }

    async fn part(
        &self,
        search: &Search,
        group: GroupId,
        until: Instant,
    ) -> Result<Part, SearchError> {
        match &self.what {
            What::Find(question) => {
                let found = search.find(group, question.clone(), until).await;
                found.map(Part::Found)
            }
            What::Fetch(wanted) => {
                let fetched = search.fetch(group, wanted.clone());
                let fetched = tokio::time::timeout_at(until.into(), fetched).await;
                fetched
                    .unwrap_or(Err(SearchError::TimedOut))
                    .map(Part::Documents)
            }
            What::Mapping => {
                search.catch_up(group, until).await;
                Ok(Part::Mapping(search.mapping(group)))
            }
            What::Stats => stats(search, group),
            What::Counted => {
                search.catch_up(group, until).await;
                stats(search, group)
            }
        }
    }
}

fn stats(search: &Search, group: GroupId) -> Result<Part, SearchError> {
    let stats = search.stats(group).map(Part::Stats);
    stats.ok_or(SearchError::NotLeader)
}

/// Two parts as one. What neither joins nor cuts is done at once.
async fn joint(
    search: &Search,
    (all, more): (Aggregated, Aggregated),
    (asked, cut): (&Value, Cut),
    until: Instant,
) -> Result<Aggregated, SearchError> {
    if cut == Cut::Room && (all.is_none() || more.is_none()) {
        return Ok(all.or(more));
    }
    let parts = all.into_iter().chain(more).collect();
    let asked = asked.clone();
    search
        .work(Heft::Heavy, until, move || joined(parts, &asked, cut))
        .await
}

/// The parts without the hits that cannot be among the best of them together.
async fn trimmed(
    search: &Search,
    mut parts: Parts,
    (question, until): (&Question, Instant),
) -> Result<Parts, SearchError> {
    let hits = parts.iter().flatten().map(|part| match part {
        Part::Found(found) => found.hits.len(),
        _ => 0,
    });
    if hits.sum::<usize>() <= question.top {
        return Ok(parts);
    }
    let question = question.clone();
    let work = move || {
        let found = parts.iter_mut().filter_map(|part| match part {
            Ok(Part::Found(found)) => Some(found),
            _ => None,
        });
        trim(found.collect(), &question);
        Ok(parts)
    };
    search.work(Heft::Light, until, work).await
}

impl Answered {
    fn of(parts: Parts) -> Self {
        Self { parts, _held: None }
    }

    /// The message for the link. One that is too large says so instead.
    pub(super) async fn encoded(self, search: &Search, until: Instant) -> Result<Bytes, String> {
        if self.is_small() {
            return encode(&self.parts);
        }
        let encoded = search.work(Heft::Light, until, move || Ok(self.capped()));
        encoded.await.map_err(|error| error.to_string())?
    }

    fn is_small(&self) -> bool {
        self.parts.iter().flatten().all(|part| match part {
            Part::Found(found) => found.aggregations.is_none() && found.hits.len() <= FEW,
            Part::Documents(documents) => documents.len() <= 1,
            Part::Mapping(_) | Part::Stats(_) => true,
        })
    }

    fn capped(self) -> Result<Bytes, String> {
        let mut capped = Capped(Vec::new());
        if rmp_serde::encode::write(&mut capped, &self.parts).is_ok() {
            return Ok(Bytes::from(capped.0));
        }
        let what = format!(
            "what a node has for this is larger than {} MiB: take a smaller [size]",
            ANSWER_BYTES >> 20
        );
        let parts = self.parts.into_iter();
        let refused: Parts = parts
            .map(|part| part.and(Err(SearchError::TooMuch(what.clone()))))
            .collect();
        encode(&refused)
    }
}

/// Bytes up to a number of them.
struct Capped(Vec<u8>);

impl io::Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > ANSWER_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A message for the link.
pub(super) fn encode<T: Serialize>(message: &T) -> Result<Bytes, String> {
    let encoded = rmp_serde::to_vec(message);
    encoded.map(Bytes::from).map_err(|error| error.to_string())
}

/// The reverse of [`encode`].
pub(super) fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T, String> {
    rmp_serde::from_slice(payload).map_err(|error| format!("not a message of search: {error}"))
}

/// About the bytes of a document in an answer.
pub(super) fn weight(document: &Document) -> usize {
    let headers = document.headers.iter();
    let headers = headers.map(|(name, value)| name.len() + value.as_ref().map_or(0, String::len));
    let marks = document.highlight.values().flatten().map(String::len);
    let key = document.key.as_ref().map_or(0, String::len);
    let source = document.source.as_ref().map_or(0, String::len);
    64 + key + headers.sum::<usize>() + marks.sum::<usize>() + source
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tantivy::aggregation::intermediate_agg_result::IntermediateAggregationResults;

    use super::*;
    use crate::node::search::{Hit, Kind, Query, Scalar, SortBy, SortKey};
    use crate::spec::TopicId;

    fn ask() -> Ask {
        Ask {
            groups: vec![GroupId::partition(TopicId::random(), 3)],
            what: What::Find(Question {
                query: Query::All,
                top: 10,
                sort: vec![SortBy {
                    key: SortKey::Place,
                    order: crate::node::search::Order::Falling,
                }],
                count_to: u64::MAX,
                aggregations: Some(serde_json::json!({ "a": { "max": { "field": "x" } } })),
            }),
            within: Duration::from_millis(1500),
            beside: Beside::Others,
        }
    }

    #[test]
    fn a_question_survives_the_link() {
        let sent = ask();
        let got: Ask = decode(&encode(&sent).unwrap()).unwrap();
        assert_eq!(got.groups, sent.groups);
        assert_eq!(got.within, sent.within);
        let (What::Find(got), What::Find(sent)) = (got.what, sent.what) else {
            panic!("another question");
        };
        assert_eq!(got, sent);
    }

    #[test]
    fn an_answer_survives_the_link() {
        let hit = Hit {
            offset: 7,
            score: Some(1.5),
            sort: vec![None, Some(Scalar::Text(String::from("x")))],
        };
        let found = Found {
            total: 1,
            hits: vec![hit.clone()],
            aggregations: Some(Packed::of(&IntermediateAggregationResults::default()).unwrap()),
            kinds: Mapping::from([(String::from("at"), Kind::Date)]),
            indexed_to: 8,
            high_watermark: 9,
        };
        let sent: Vec<Result<Part, SearchError>> = vec![
            Ok(Part::Found(found)),
            Err(SearchError::Invalid(String::from("why"))),
        ];
        let got: Vec<Result<Part, SearchError>> = decode(&encode(&sent).unwrap()).unwrap();
        let packed = |part: &Result<Part, SearchError>| match part {
            Ok(Part::Found(found)) => found.aggregations.clone(),
            _ => None,
        };
        assert!(packed(&got[0]).is_some_and(|part| part.open().is_ok()));
        assert_eq!(packed(&got[0]), packed(&sent[0]));
        assert!(matches!(&got[0], Ok(Part::Found(found)) if found.hits == [hit]));
        assert!(matches!(&got[1], Err(SearchError::Invalid(why)) if why == "why"));
    }

    #[test]
    fn an_answer_that_is_too_large_says_so() {
        let sort = vec![Some(Scalar::Text("x".repeat(1 << 20)))];
        let hit = |offset| Hit {
            offset,
            score: None,
            sort: sort.clone(),
        };
        let found = Found {
            total: 5,
            hits: (0..5).map(hit).collect(),
            aggregations: None,
            kinds: Mapping::new(),
            indexed_to: 0,
            high_watermark: 0,
        };
        let parts = vec![Ok(Part::Found(found)), Err(SearchError::NotLeader)];
        let bytes = Answered::of(parts).capped().unwrap();
        let got: Parts = decode(&bytes).unwrap();
        assert!(matches!(&got[0], Err(SearchError::TooMuch(why)) if why.contains("4 MiB")));
        assert!(matches!(&got[1], Err(SearchError::NotLeader)));
    }

    proptest! {
        #[test]
        fn garbage_is_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            // Whatever comes of it, it comes back.
            drop(decode::<Ask>(&bytes));
            drop(decode::<Vec<Result<Part, SearchError>>>(&bytes));
        }
    }
}
