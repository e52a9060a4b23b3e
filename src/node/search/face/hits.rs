//! The answer to a search, in Elasticsearch's shape.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::parse::{SearchRequest, SourceFilter};
use super::refusal::{Refusal, of_partition};
use super::search::is_question;
use crate::node::search::fan_out::{Missing, Placed, Shard};
use crate::node::search::{Document, Found, Hit, Scalar, SearchError, Source};

/// Partitions that have no part in an answer.
#[derive(Debug, Default)]
pub(super) struct Failures {
    by_shard: BTreeMap<usize, Missing>,
}

impl Failures {
    /// A shard is missing.
    pub(super) fn add(&mut self, shard: usize, missing: Missing) {
        self.by_shard.insert(shard, missing);
    }

    /// A question that is wrong is wrong for all partitions: no answer but the reason.
    pub(super) fn check_question(&self) -> Result<(), Refusal> {
        let wrong = self.by_shard.values().find_map(|missing| match missing {
            Missing::Refused(_, error) if is_question(error) => Some(error),
            _ => None,
        });
        wrong.map_or(Ok(()), |error| Err(refusal(error)))
    }

    /// No partition at all is no answer; nor are some of them, unless `partial` ones are wanted.
    pub(super) fn check(&self, shards: &[Shard], partial: bool) -> Result<(), Refusal> {
        let failed = self.by_shard.len();
        let Some((shard, missing)) = self.by_shard.first_key_value() else {
            return Ok(());
        };
        if failed < shards.len() && partial {
            return Ok(());
        }
        let (status, kind) = of_missing(missing);
        let shard = &shards[*shard];
        let reason = format!(
            "{failed} of {} partitions did not answer; {}/{}: {missing}",
            shards.len(),
            shard.topic.name,
            shard.partition
        );
        Err(Refusal::new(status, kind, reason))
    }

    /// Whether a partition ran out of time.
    pub(super) fn timed_out(&self) -> bool {
        let mut missing = self.by_shard.values();
        missing.any(|missing| matches!(missing, Missing::Refused(_, SearchError::TimedOut)))
    }

    /// The answer's `_shards`.
    pub(super) fn shards(&self, shards: &[Shard]) -> Value {
        let failed = self.by_shard.len();
        let mut told = json!({
            "total": shards.len(),
            "successful": shards.len() - failed,
            "skipped": 0,
            "failed": failed,
        });
        if failed > 0 {
            let failure = |(shard, missing): (&usize, &Missing)| {
                let (_, kind) = of_missing(missing);
                json!({
                    "shard": shards[*shard].partition,
                    "index": shards[*shard].topic.name,
                    "node": missing.node().map(|node| node.to_string()),
                    "reason": { "type": kind, "reason": missing.to_string() },
                })
            };
            told["failures"] = self.by_shard.iter().map(failure).collect();
        }
        told
    }
}

fn of_missing(missing: &Missing) -> (StatusCode, &'static str) {
    match missing {
        Missing::Refused(_, error) => of_partition(error),
        Missing::NoLeader | Missing::Unreached(..) => of_partition(&SearchError::NotLeader),
    }
}

/// A question that the index refuses.
pub(super) fn refusal(error: &SearchError) -> Refusal {
    let (status, kind) = of_partition(error);
    Refusal::new(status, kind, error.to_string())
}

/// The answer's `hits`.
#[derive(Debug, Serialize)]
pub(super) struct Hits {
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<Value>,
    max_score: Option<f32>,
    #[serde(rename = "hits")]
    listed: Vec<Told>,
}

/// One record as it is told; its document as it was produced.
#[derive(Debug, Serialize)]
pub(super) struct Told {
    /// What is known beside the document.
    #[serde(flatten)]
    pub(super) about: Map<String, Value>,
    /// As much of the document as is wanted.
    #[serde(rename = "_source", skip_serializing_if = "Option::is_none")]
    pub(super) source: Option<Box<RawValue>>,
}

/// The answer's `hits`.
pub(super) fn hits(
    shards: &[Shard],
    page: Vec<Placed>,
    mut documents: BTreeMap<(usize, i64), Document>,
    (request, found): (&SearchRequest, &[(usize, Found)]),
) -> Hits {
    // Of another order the best score is not known.
    let best = page.first().and_then(|placed| placed.hit.score);
    let best = best.filter(|_| request.question.sort.is_empty() && request.from == 0);
    let listed = page.into_iter().filter_map(|placed| {
        // A record that is gone since it was found is no hit.
        let document = documents.remove(&(placed.shard, placed.hit.offset))?;
        Some(hit(&shards[placed.shard], &placed.hit, document, request))
    });
    Hits {
        listed: listed.collect(),
        max_score: best,
        total: request
            .count_to()
            .map(|count_to| total(count_to, found, request)),
    }
}

fn total(count_to: u64, found: &[(usize, Found)], request: &SearchRequest) -> Value {
    let counts = found.iter().map(|(_, found)| found.total);
    let count = counts.fold(0_u64, u64::saturating_add);
    let (value, relation) = if count > count_to {
        (count_to, "gte")
    } else {
        (count, "eq")
    };
    if request.plain_total {
        json!(value)
    } else {
        json!({ "value": value, "relation": relation })
    }
}

fn hit(shard: &Shard, hit: &Hit, document: Document, request: &SearchRequest) -> Told {
    let mut told = record(shard, &document);
    told.insert(String::from("_score"), json!(hit.score));
    if !document.highlight.is_empty() {
        told.insert(String::from("highlight"), json!(document.highlight));
    }
    if !request.question.sort.is_empty() {
        let values = hit.sort.iter().map(|value| value.as_ref().map(plain));
        told.insert(String::from("sort"), values.collect());
    }
    let source = document.source;
    Told {
        about: told,
        source: source.and_then(|source| request.source.apply(source)),
    }
}

/// What is known of a record beside its value.
pub(super) fn record(shard: &Shard, document: &Document) -> Map<String, Value> {
    let mut told = Map::new();
    let mut tell = |name: &str, value: Value| drop(told.insert(name.to_owned(), value));
    tell("_index", json!(shard.topic.name));
    tell(
        "_id",
        json!(format!("{}-{}", shard.partition, document.offset)),
    );
    tell("_partition", json!(shard.partition));
    tell("_offset", json!(document.offset));
    if document.timestamp >= 0 {
        tell("_timestamp", json!(document.timestamp));
    }
    if let Some(key) = &document.key {
        tell("_key", json!(key));
    }
    if !document.headers.is_empty() {
        tell("_headers", headers(&document.headers));
    }
    told
}

/// Headers by name; a name that comes again has a list.
fn headers(headers: &[(String, Option<String>)]) -> Value {
    let mut told: Map<String, Value> = Map::new();
    for (name, value) in headers {
        match told.get_mut(name) {
            None => drop(told.insert(name.clone(), json!(value))),
            Some(Value::Array(values)) => values.push(json!(value)),
            Some(first) => *first = json!([first.take(), value]),
        }
    }
    Value::Object(told)
}

/// A page without documents is not read as if it had them.
pub(super) fn wanted_source(request: &SearchRequest) -> Source {
    match request.source {
        SourceFilter::Nothing => Source::Nothing,
        SourceFilter::All | SourceFilter::Paths { .. } => Source::Whole,
    }
}

fn plain(value: &Scalar) -> Value {
    match value {
        Scalar::Text(text) => json!(text),
        Scalar::Whole(number) | Scalar::Moment(number) => json!(number),
        Scalar::Fraction(number) => json!(number),
        Scalar::Truth(truth) => json!(truth),
    }
}
