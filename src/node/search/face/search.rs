//! `_search` and `_count`: find in each partition, merge, fetch the page.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};

use super::asked::Asked;
use super::hits::{self, Failures, Hits};
use super::parse::{
    Params, SearchRequest, count_params, count_request, search_params, search_request,
};
use super::refusal::Refusal;
use super::topics::{Leniency, resolve, shards};
use super::{Face, aggregated, now_ms, took};
use crate::node::search::answer::note;
use crate::node::search::fan_out::{Page, Parts, Placed, Shard, merged};
use crate::node::search::{Found, Mapping, SearchError, Wanted, conclude};

/// A count takes no longer.
const COUNT_DEADLINE: Duration = Duration::from_secs(10);
/// A page's documents have this much time at least, when the search itself took all of its own.
const FETCH_TIME: Duration = Duration::from_secs(2);

/// The answer to one search.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    took: u64,
    timed_out: bool,
    _shards: Value,
    hits: Hits,
    #[serde(skip_serializing_if = "Option::is_none")]
    aggregations: Option<Value>,
    _chronik: Value,
    /// Of one search among several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<u16>,
}

/// `GET|POST /{topics}/_search`.
pub(super) async fn search(
    face: &Face,
    names: Option<&str>,
    asked: &Asked,
) -> Result<Answer, Refusal> {
    let params = search_params(asked.line())?;
    let request = search_request(&asked.json()?, &params, now_ms())?;
    let until = Instant::now() + request.deadline;
    answer(face, names, (request, &params), until).await
}

/// The answer to one search.
pub(super) async fn answer(
    face: &Face,
    names: Option<&str>,
    (request, params): (SearchRequest, &Params),
    until: Instant,
) -> Result<Answer, Refusal> {
    let begun = Instant::now();
    let topics = resolve(face, names, Leniency::of(params)?)?;
    let shards = shards(&topics);
    let parts = face.fan.find(&shards, &request.question, until).await;
    let mut failures = Failures::default();
    let mut found = sorted_out(parts, &mut failures);
    failures.check_question()?;
    let aggregations = aggregated(&mut found, &request)?;
    let page = paged(&mut found, &request);
    let fetch_until = until.max(Instant::now() + FETCH_TIME);
    let documents = documents(face, &shards, &page, (&request, fetch_until)).await?;
    for (shard, missing) in documents.missing {
        failures.add(shard, missing);
    }
    failures.check(&shards, request.partial)?;
    Ok(Answer {
        took: took(begun),
        timed_out: failures.timed_out(),
        _shards: failures.shards(&shards),
        hits: hits::hits(&shards, page, documents.documents, (&request, &found)),
        aggregations,
        _chronik: lag(&found),
        status: None,
    })
}

/// What the shards found; what is missing goes to `failures`.
fn sorted_out(parts: Parts<Found>, failures: &mut Failures) -> Vec<(usize, Found)> {
    let mut found = Vec::new();
    for (shard, part) in parts.into_iter().enumerate() {
        match part {
            Ok(part) => found.push((shard, part)),
            Err(missing) => failures.add(shard, missing),
        }
    }
    found
}

fn aggregated(
    found: &mut [(usize, Found)],
    request: &SearchRequest,
) -> Result<Option<Value>, Refusal> {
    let Some(asked) = &request.question.aggregations else {
        return Ok(None);
    };
    let mut kinds = Mapping::new();
    for (path, kind) in found.iter().flat_map(|(_, found)| &found.kinds) {
        note(&mut kinds, path, *kind);
    }
    let parts = found.iter_mut();
    let parts = parts.filter_map(|(_, found)| found.aggregations.take());
    let answer = conclude(parts.collect(), asked);
    let mut answer = answer.map_err(|error| hits::refusal(&error))?;
    aggregated::in_ms(asked, &kinds, &mut answer);
    Ok(Some(answer))
}

fn paged(found: &mut [(usize, Found)], request: &SearchRequest) -> Vec<Placed> {
    let hits = found.iter_mut();
    let hits = hits.map(|(shard, found)| (*shard, std::mem::take(&mut found.hits)));
    let mut best = merged(hits.collect(), &request.question);
    best.drain(..request.from.min(best.len()));
    best.truncate(request.size);
    best
}

async fn documents(
    face: &Face,
    shards: &[Shard],
    page: &[Placed],
    (request, until): (&SearchRequest, Instant),
) -> Result<Page, Refusal> {
    let mut wanted: BTreeMap<usize, Wanted> = BTreeMap::new();
    for placed in page {
        let of_shard = wanted.entry(placed.shard).or_insert_with(|| Wanted {
            offsets: Vec::new(),
            highlight: request.highlight.clone(),
            source: hits::wanted_source(request),
        });
        of_shard.offsets.push(placed.hit.offset);
    }
    let fetched = face.fan.fetch(shards, wanted, until).await;
    fetched.map_err(|error| hits::refusal(&error))
}

/// How much of what is committed was searched.
fn lag(found: &[(usize, Found)]) -> Value {
    let sum = |of: fn(&Found) -> i64| found.iter().map(|(_, found)| of(found)).sum::<i64>();
    let behind = |found: &Found| (found.high_watermark - found.indexed_to).max(0);
    json!({
        "indexed_to": sum(|found| found.indexed_to),
        "high_watermark": sum(|found| found.high_watermark),
        "lag": sum(behind),
    })
}

/// `GET|POST /{topics}/_count`.
pub(super) async fn count(
    face: &Face,
    names: Option<&str>,
    asked: &Asked,
) -> Result<Value, Refusal> {
    let params = count_params(asked.line())?;
    let question = count_request(&asked.json()?, &params, now_ms())?;
    let topics = resolve(face, names, Leniency::of(&params)?)?;
    let shards = shards(&topics);
    let until = Instant::now() + COUNT_DEADLINE;
    let parts = face.fan.find(&shards, &question, until).await;
    let mut failures = Failures::default();
    let found = sorted_out(parts, &mut failures);
    failures.check_question()?;
    failures.check(&shards, true)?;
    let count: u64 = found.iter().map(|(_, found)| found.total).sum();
    Ok(json!({ "count": count, "_shards": failures.shards(&shards), "_chronik": lag(&found) }))
}

/// Whether an error means that the question is wrong, not the partition.
pub(super) fn is_question(error: &SearchError) -> bool {
    matches!(
        error,
        SearchError::Invalid(_) | SearchError::TooMuch(_) | SearchError::NotSearchable
    )
}
