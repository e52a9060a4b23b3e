//! What nodes ask each other, and how it crosses the link.
//!
//! MessagePack: it carries the keys of aggregation buckets, which JSON cannot, and needs no schema.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::join_all;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::order::trim;
use crate::node::search::{
    Document, Found, IndexStats, Mapping, Question, Search, SearchError, Wanted,
};
use crate::spec::GroupId;

/// One question about several partitions that the asked node leads.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Ask {
    /// The partitions.
    pub(super) groups: Vec<GroupId>,
    /// What about them.
    pub(super) what: What,
    /// How long the asking node waits.
    pub(super) within: Duration,
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
    /// What a node's own index answers, in the order of the partitions.
    pub(super) async fn answered_by(&self, search: &Search) -> Vec<Result<Part, SearchError>> {
        let until = Instant::now() + self.within;
        let each = self
            .groups
            .iter()
            .map(|group| self.part(search, *group, until));
        let mut parts = join_all(each).await;
        if let What::Find(question) = &self.what {
            let found = parts.iter_mut().filter_map(|part| match part {
                Ok(Part::Found(found)) => Some(found),
                _ => None,
            });
            trim(found.collect(), question);
        }
        parts
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

/// A message for the link.
pub(super) fn encode<T: Serialize>(message: &T) -> Result<Bytes, String> {
    let encoded = rmp_serde::to_vec_named(message);
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
            aggregations: Some(
                tantivy::aggregation::intermediate_agg_result::IntermediateAggregationResults::default(),
            ),
            kinds: Mapping::from([(String::from("at"), Kind::Date)]),
            indexed_to: 8,
            high_watermark: 9,
        };
        let sent: Vec<Result<Part, SearchError>> = vec![
            Ok(Part::Found(found)),
            Err(SearchError::Invalid(String::from("why"))),
        ];
        let got: Vec<Result<Part, SearchError>> = decode(&encode(&sent).unwrap()).unwrap();
        assert!(matches!(&got[0], Ok(Part::Found(found)) if found.hits == [hit]));
        assert!(matches!(&got[1], Err(SearchError::Invalid(why)) if why == "why"));
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
