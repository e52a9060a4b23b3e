//! `_search` and `_count`: find in each partition, merge, fetch the page.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};
use tantivy::aggregation::agg_result::AggregationResults;

use super::aggregated::Told;
use super::asked::{Asked, Style};
use super::hits::{self, Failures, Hits};
use super::parse::{SearchRequest, count_params, count_request, search_params, search_request};
use super::refusal::Refusal;
use super::topics::{Leniency, resolve, shards};
use super::{Face, now_ms, took};
use crate::node::search::answer::note;
use crate::node::search::fan_out::{Page, Parts, Placed, Shard, merged};
use crate::node::search::{Found, Mapping, SearchError, Wanted, conclude};

/// A count takes no longer.
const COUNT_DEADLINE: Duration = Duration::from_secs(10);
/// A page's documents have this much time at least, when the search itself took all of its own.
const FETCH_TIME: Duration = Duration::from_secs(2);
/// An answer that is there is written in this time, or not at all.
const WRITE_TIME: Duration = Duration::from_secs(10);

/// `GET|POST /{topics}/_search`; the answer is JSON already.
pub(super) async fn search(
    face: &Face,
    names: Option<&str>,
    asked: &Asked,
) -> Result<String, Refusal> {
    let params = search_params(asked.line())?;
    let request = search_request(&asked.json()?, &params, now_ms())?;
    let until = Instant::now() + request.deadline;
    let leniency = Leniency::of(&params)?;
    let wanted = Sought {
        names,
        leniency,
        style: asked.style(),
        status: None,
    };
    answer(face, wanted, request, until).await
}

/// Where a search is, and how its answer is written.
pub(super) struct Sought<'a> {
    /// The topics.
    pub(super) names: Option<&'a str>,
    /// What of topics that are not there.
    pub(super) leniency: Leniency,
    /// How the text looks.
    pub(super) style: Style,
    /// The status, where the answer has it in its text.
    pub(super) status: Option<u16>,
}

/// The answer to one search, as JSON. As many as there is room for are in memory, from here to
/// the text; what grows with an answer is done where it keeps nobody waiting.
pub(super) async fn answer(
    face: &Face,
    sought: Sought<'_>,
    request: SearchRequest,
    until: Instant,
) -> Result<String, Refusal> {
    let begun = Instant::now();
    let topics = resolve(face, sought.names, sought.leniency)?;
    let shards = shards(&topics);
    let held = face.fan.hold(request.question.heft(), until).await;
    let _held = held.map_err(|_| Refusal::busy())?;
    let parts = face.fan.find(&shards, &request.question, until).await;
    let mut failures = Failures::default();
    let found = sorted_out(parts, &mut failures);
    failures.check_question()?;
    let fetch_until = until.max(Instant::now() + FETCH_TIME);
    let request = Arc::new(request);
    let merged = merged_by(face, found, &request, fetch_until).await?;
    let documents = documents(face, &shards, &merged.page, (&request, fetch_until)).await?;
    for (shard, missing) in documents.missing {
        failures.add(shard, missing);
    }
    failures.check(&shards, request.partial)?;
    let opening = Head {
        took: took(begun),
        timed_out: failures.timed_out(),
        shards: failures.shards(&shards),
        status: sought.status,
    };
    let heft = request.question.heft();
    let write = move || {
        let hits = hits::hits(
            &shards,
            merged.page,
            documents.documents,
            (&request, &merged.found),
        );
        let (found, counted) = (merged.found, merged.counted);
        text(
            opening,
            hits,
            (&found, &request, counted.as_ref()),
            sought.style,
        )
    };
    let written = face
        .fan
        .work(heft, Instant::now() + WRITE_TIME, write)
        .await;
    written.map_err(|error| hits::refusal(&error))
}

/// What is known of an answer before its hits.
struct Head {
    took: u64,
    timed_out: bool,
    shards: Value,
    status: Option<u16>,
}

/// Aggregations, and the kinds of their fields.
type Counted = (AggregationResults, Mapping);

/// What all shards found, as one.
struct Merged {
    found: Vec<(usize, Found)>,
    counted: Option<Counted>,
    page: Vec<Placed>,
}

async fn merged_by(
    face: &Face,
    mut found: Vec<(usize, Found)>,
    request: &Arc<SearchRequest>,
    until: Instant,
) -> Result<Merged, Refusal> {
    let (request, heft) = (Arc::clone(request), request.question.heft());
    let merge = move || {
        Ok(Merged {
            counted: counted(&mut found, &request)?,
            page: paged(&mut found, &request),
            found,
        })
    };
    let merged = face.fan.work(heft, until, merge).await;
    merged.map_err(|error| hits::refusal(&error))
}

fn text(
    head: Head,
    hits: Hits,
    (found, request, counted): (&[(usize, Found)], &SearchRequest, Option<&Counted>),
    style: Style,
) -> Result<String, SearchError> {
    #[derive(Serialize)]
    struct Body<'a> {
        took: u64,
        timed_out: bool,
        _shards: Value,
        hits: Hits,
        #[serde(skip_serializing_if = "Option::is_none")]
        aggregations: Option<Told<'a>>,
        _chronik: Value,
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
    }
    let asked = request.question.aggregations.as_ref();
    let told = counted.zip(asked);
    let body = Body {
        took: head.took,
        timed_out: head.timed_out,
        _shards: head.shards,
        hits,
        aggregations: told.map(|((results, kinds), asked)| Told::new(asked, kinds, results)),
        _chronik: lag(found),
        status: head.status,
    };
    let text = style.write(&body);
    text.map_err(|error| SearchError::Failed(error.to_string()))
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

fn counted(
    found: &mut [(usize, Found)],
    request: &SearchRequest,
) -> Result<Option<Counted>, SearchError> {
    let Some(asked) = &request.question.aggregations else {
        return Ok(None);
    };
    let mut kinds = Mapping::new();
    for (path, kind) in found.iter().flat_map(|(_, found)| &found.kinds) {
        note(&mut kinds, path, *kind);
    }
    let parts = found.iter_mut();
    let parts = parts.filter_map(|(_, found)| found.aggregations.take());
    let results = conclude(parts.collect(), asked)?;
    Ok(Some((results, kinds)))
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
        SearchError::Invalid(_)
            | SearchError::TooMuch(_)
            | SearchError::TooManyBuckets(_)
            | SearchError::NotSearchable
    )
}
