//! A whole `_search` or `_count` request.

use std::time::Duration;

use serde_json::Value;

use super::aggregations::aggregations;
use super::highlight::highlight;
use super::object::{Object, wrong};
use super::params::{Params, TOPICS};
use super::query::query;
use super::source::SourceFilter;
use super::{Parsed, Scope, lucene, moment, sort};
use crate::node::search::face::refusal::Refusal;
use crate::node::search::{Highlight, Query, Question, SortKey};

/// Hits that a page may reach.
const MAX_WINDOW: usize = 10_000;
/// Hits of a page unless it says.
const SIZE: usize = 10;
/// Hits are counted exactly up to here unless the request says.
const COUNT_TO: u64 = 10_000;
/// No search takes longer.
const DEADLINE: Duration = Duration::from_secs(10);

/// What the body of a search takes.
const BODY: [&str; 14] = [
    "query",
    "from",
    "size",
    "sort",
    "_source",
    "highlight",
    "track_total_hits",
    "track_scores",
    "aggs",
    "aggregations",
    "timeout",
    "explain",
    "version",
    "profile",
];
/// Parameters that say the same as the body.
const SAID: [&str; 12] = [
    "q",
    "df",
    "default_operator",
    "from",
    "size",
    "sort",
    "_source",
    "_source_includes",
    "_source_excludes",
    "track_total_hits",
    "timeout",
    "allow_partial_search_results",
];
/// Hints about the work, which change no answer, and shapes of the answer.
const HINTS: [&str; 9] = [
    "preference",
    "request_cache",
    "batched_reduce_size",
    "ccs_minimize_roundtrips",
    "max_concurrent_shard_requests",
    "pre_filter_shard_size",
    "search_type",
    "rest_total_hits_as_int",
    "lenient",
];

/// A search: the question, and what is answered of the hits.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::node::search::face) struct SearchRequest {
    /// What is asked of each partition.
    pub(in crate::node::search::face) question: Question,
    /// Hits before the page.
    pub(in crate::node::search::face) from: usize,
    /// Hits of the page.
    pub(in crate::node::search::face) size: usize,
    /// Parts of the documents.
    pub(in crate::node::search::face) source: SourceFilter,
    /// Marks in the documents.
    pub(in crate::node::search::face) highlight: Option<Highlight>,
    /// How long it may take.
    pub(in crate::node::search::face) deadline: Duration,
    /// Whether an answer without some partitions is one.
    pub(in crate::node::search::face) partial: bool,
    /// Whether the total is a number and no object.
    pub(in crate::node::search::face) plain_total: bool,
}

impl SearchRequest {
    /// Hits are counted exactly up to here; `None` when they are not counted.
    pub(in crate::node::search::face) fn count_to(&self) -> Option<u64> {
        match self.question.count_to {
            0 => None,
            u64::MAX => Some(u64::MAX),
            // One more is counted, to know whether there are more.
            count => Some(count - 1),
        }
    }
}

/// The parameters of a search.
pub(in crate::node::search::face) fn search_params(line: &str) -> Parsed<Params> {
    Params::read(line, &[&SAID, &HINTS, &TOPICS])
}

/// A search of a body (null for none) and parameters, which win.
pub(in crate::node::search::face) fn search_request(
    body: &Value,
    params: &Params,
    now_ms: i64,
) -> Parsed<SearchRequest> {
    let empty = Value::Object(serde_json::Map::new());
    let body = if body.is_null() { &empty } else { body };
    let object = Object::new("search", body, &BODY)?;
    refuse_extras(object)?;
    check_search_type(params)?;
    let mut scope = Scope::at(now_ms);
    let query = asked(object, params, &mut scope)?;
    let from = params.count("from")?.or(object.count("from")?).unwrap_or(0);
    let size = params
        .count("size")?
        .or(object.count("size")?)
        .unwrap_or(SIZE);
    check_window(from, size)?;
    let highlight = match object.get("highlight") {
        None => None,
        Some(value) => Some(highlight(value, &query)?),
    };
    let question = Question {
        query,
        top: from + size,
        sort: order(object, params)?,
        count_to: count_to(object, params)?,
        aggregations: asked_aggregations(object)?,
    };
    Ok(SearchRequest {
        question,
        from,
        size,
        source: source(object, params)?,
        highlight,
        deadline: deadline(object, params)?,
        partial: params.flag("allow_partial_search_results", true)?,
        plain_total: params.flag("rest_total_hits_as_int", false)?,
    })
}

fn refuse_extras(object: Object) -> Parsed<()> {
    for key in ["explain", "version", "profile"] {
        if object.flag(key)? == Some(true) {
            return Err(Refusal::argument(format!("[{key}] is not served")));
        }
    }
    object.flag("track_scores").map(drop)
}

fn check_search_type(params: &Params) -> Parsed<()> {
    match params.get("search_type") {
        None | Some("query_then_fetch") => Ok(()),
        Some(_) => Err(Refusal::argument(
            "[search_type] is [query_then_fetch] and nothing else",
        )),
    }
}

fn check_window(from: usize, size: usize) -> Parsed<()> {
    match from.checked_add(size) {
        Some(window) if window <= MAX_WINDOW => Ok(()),
        _ => Err(Refusal::argument(format!(
            "Result window is too large, from + size must be less than or equal to: [{MAX_WINDOW}] \
             but was [{}]; a range on _offset or _timestamp goes further",
            from.saturating_add(size)
        ))),
    }
}

fn asked(object: Object, params: &Params, scope: &mut Scope) -> Parsed<Query> {
    match (params.get("q"), object.get("query")) {
        (Some(_), Some(_)) => Err(Refusal::argument("[q] and [query] cannot both be given")),
        (Some(line), None) => {
            let (field, operator) = (params.get("df"), params.get("default_operator"));
            lucene::line(line, field, operator, scope)
        }
        (None, Some(value)) => query(value, scope),
        (None, None) => Ok(Query::All),
    }
}

/// An order that is by falling score alone is the one without any.
fn order(object: Object, params: &Params) -> Parsed<Vec<crate::node::search::SortBy>> {
    let sort = match (params.get("sort"), object.get("sort")) {
        (Some(line), _) => sort::line(line)?,
        (None, Some(value)) => sort::sort(value)?,
        (None, None) => Vec::new(),
    };
    let by_score = |sort: &crate::node::search::SortBy| {
        sort.key == SortKey::Score && sort.order == crate::node::search::Order::Falling
    };
    match sort.as_slice() {
        [only] if by_score(only) => Ok(Vec::new()),
        _ => Ok(sort),
    }
}

fn count_to(object: Object, params: &Params) -> Parsed<u64> {
    let said = match params.get("track_total_hits") {
        Some("") => Some(Value::Bool(true)),
        Some(text) => Some(serde_json::from_str(text).unwrap_or(Value::Null)),
        None => object.get("track_total_hits").cloned(),
    };
    let count = match said {
        None => COUNT_TO,
        Some(Value::Bool(true)) => return Ok(u64::MAX),
        Some(Value::Bool(false)) => return Ok(0),
        Some(value) => {
            let count = value.as_u64();
            count.ok_or_else(|| wrong("track_total_hits", "a boolean or a number", &value))?
        }
    };
    Ok(count.saturating_add(1))
}

fn asked_aggregations(object: Object) -> Parsed<Option<Value>> {
    match (object.get("aggs"), object.get("aggregations")) {
        (Some(_), Some(_)) => Err(Refusal::parsing("[aggs] and [aggregations] are one")),
        (Some(value), None) | (None, Some(value)) => {
            let checked = aggregations(value)?;
            let empty = checked.as_object().is_some_and(serde_json::Map::is_empty);
            Ok((!empty).then_some(checked))
        }
        (None, None) => Ok(None),
    }
}

fn source(object: Object, params: &Params) -> Parsed<SourceFilter> {
    let (includes, excludes) = (
        params.list("_source_includes"),
        params.list("_source_excludes"),
    );
    match params.get("_source") {
        Some("true") => Ok(SourceFilter::All),
        Some("false") => Ok(SourceFilter::Nothing),
        Some(_) => SourceFilter::paths(params.list("_source"), excludes),
        None if !includes.is_empty() || !excludes.is_empty() => {
            SourceFilter::paths(includes, excludes)
        }
        None => match object.get("_source") {
            None => Ok(SourceFilter::All),
            Some(value) => SourceFilter::read(value),
        },
    }
}

fn deadline(object: Object, params: &Params) -> Parsed<Duration> {
    let said = match params.get("timeout") {
        Some(text) => moment::length("timeout", text)?,
        None => match object.text("timeout")? {
            Some(text) => moment::length("timeout", text)?,
            None => None,
        },
    };
    Ok(said.map_or(DEADLINE, |said| said.min(DEADLINE)))
}

/// The parameters of a count.
pub(in crate::node::search::face) fn count_params(line: &str) -> Parsed<Params> {
    const KNOWN: [&str; 5] = ["q", "df", "default_operator", "preference", "lenient"];
    Params::read(line, &[&KNOWN, &TOPICS])
}

/// A count of a body (null for none) and parameters.
pub(in crate::node::search::face) fn count_request(
    body: &Value,
    params: &Params,
    now_ms: i64,
) -> Parsed<Question> {
    let empty = Value::Object(serde_json::Map::new());
    let body = if body.is_null() { &empty } else { body };
    let object = Object::new("count", body, &["query"])?;
    let query = asked(object, params, &mut Scope::at(now_ms))?;
    Ok(Question {
        query,
        top: 0,
        sort: Vec::new(),
        count_to: u64::MAX,
        aggregations: None,
    })
}
