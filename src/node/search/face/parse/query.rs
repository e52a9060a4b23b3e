//! The query DSL: one key names the query, its value the rest.

use serde_json::Value;

use super::object::{Object, list, shown, wrong};
use super::{Parsed, Scope, leaf, lucene, range};
use crate::node::search::Query;
use crate::node::search::face::refusal::Refusal;

/// What is served, for the error that names what is not.
const SERVED: &str = "match, match_phrase, multi_match, term, terms, range, prefix, wildcard, regexp, \
                      exists, ids, bool, constant_score, dis_max, query_string, match_all, match_none";

/// A query of the DSL.
pub(super) fn query(value: &Value, scope: &mut Scope) -> Parsed<Query> {
    nested(value, scope, 1)
}

fn nested(value: &Value, scope: &mut Scope, depth: usize) -> Parsed<Query> {
    scope.enter(depth)?;
    let (kind, body) = Object::open("query", value)?.single()?;
    match kind {
        "bool" => boolean(body, scope, depth),
        "constant_score" => constant(body, scope, depth),
        "dis_max" => best(body, scope, depth),
        "query_string" => lucene::query_string(body, scope, depth),
        "match_all" => {
            let object = Object::new(kind, body, &["boost"])?;
            boosted(Query::All, object)
        }
        "match_none" => Object::new(kind, body, &["boost"]).map(|_| Query::Nothing),
        "match" => leaf::matching(body),
        "match_phrase" => leaf::phrase(body),
        "multi_match" => leaf::multi_match(body, scope),
        "term" => leaf::term(body, scope),
        "terms" => leaf::terms(body, scope),
        "range" => range::range(body, scope),
        "prefix" => leaf::prefix(body),
        "wildcard" => leaf::wildcard(body),
        "regexp" => leaf::regexp(body),
        "exists" => leaf::exists(body),
        "ids" => leaf::ids(body, scope),
        _ => Err(Refusal::parsing(format!(
            "unknown query [{}]; served are {SERVED}",
            shown(kind)
        ))),
    }
}

/// The query with the object's `boost`, if it has one.
pub(super) fn boosted(query: Query, object: Object) -> Parsed<Query> {
    match object.float("boost")? {
        None => Ok(query),
        Some(by) => Ok(weighted(query, by as f32)),
    }
}

/// The query with its score multiplied.
pub(super) fn weighted(query: Query, by: f32) -> Query {
    // Exactly 1 is what is written where no weight is meant.
    if by.to_bits() == 1.0_f32.to_bits() {
        return query;
    }
    Query::Boosted {
        query: Box::new(query),
        by,
    }
}

fn boolean(body: &Value, scope: &mut Scope, depth: usize) -> Parsed<Query> {
    const KNOWN: [&str; 6] = [
        "must",
        "filter",
        "should",
        "must_not",
        "minimum_should_match",
        "boost",
    ];
    let object = Object::new("bool", body, &KNOWN)?;
    let mut clauses = |key: &str| -> Parsed<Vec<Query>> {
        let values = object.get(key).map_or(&[][..], list);
        values
            .iter()
            .map(|value| nested(value, scope, depth + 1))
            .collect()
    };
    let (must, filter) = (clauses("must")?, clauses("filter")?);
    let (should, must_not) = (clauses("should")?, clauses("must_not")?);
    let otherwise = usize::from(must.is_empty() && filter.is_empty() && !should.is_empty());
    let at_least = match object.get("minimum_should_match") {
        None => otherwise,
        Some(value) => at_least(value, should.len())?,
    };
    let all = [&must, &filter, &should, &must_not];
    let query = if all.iter().all(|clauses| clauses.is_empty()) {
        Query::All
    } else {
        Query::Bool {
            must,
            filter,
            should,
            must_not,
            at_least,
        }
    };
    boosted(query, object)
}

/// `2`, `-1`, `"75%"` or `"-25%"` of `count` clauses.
pub(super) fn at_least(value: &Value, count: usize) -> Parsed<usize> {
    let parsed = match value {
        Value::Number(number) => number.as_i64().map(|number| from_number(number, count)),
        Value::String(text) => from_text(text, count),
        other => return Err(wrong("minimum_should_match", "a number or a string", other)),
    };
    parsed.ok_or_else(|| {
        let text = shown(&value.to_string());
        let reason = format!("[minimum_should_match] {text}: such as 2, -1, \"75%\" or \"-25%\"");
        Refusal::parsing(reason)
    })
}

fn from_number(number: i64, count: usize) -> usize {
    let count = count as i64;
    let wanted = if number < 0 {
        count.saturating_add(number)
    } else {
        number
    };
    // More than there are: nothing matches.
    wanted.clamp(0, count + 1) as usize
}

fn from_text(text: &str, count: usize) -> Option<usize> {
    let Some(percent) = text.strip_suffix('%') else {
        return Some(from_number(text.parse().ok()?, count));
    };
    let percent: i64 = percent.parse().ok().filter(|p| (-100..=100).contains(p))?;
    let share = (count as i64 * percent.abs() / 100) as usize;
    Some(if percent < 0 { count - share } else { share })
}

fn constant(body: &Value, scope: &mut Scope, depth: usize) -> Parsed<Query> {
    let object = Object::new("constant_score", body, &["filter", "boost"])?;
    let filter = nested(object.required("filter")?, scope, depth + 1)?;
    // Every record scores 1; the filter chooses and scores nothing.
    let query = Query::Bool {
        must: vec![Query::All],
        filter: vec![filter],
        should: Vec::new(),
        must_not: Vec::new(),
        at_least: 0,
    };
    boosted(query, object)
}

fn best(body: &Value, scope: &mut Scope, depth: usize) -> Parsed<Query> {
    let object = Object::new("dis_max", body, &["queries", "boost"])?;
    let queries = list(object.required("queries")?);
    let queries: Parsed<Vec<Query>> = queries
        .iter()
        .map(|value| nested(value, scope, depth + 1))
        .collect();
    let queries = queries?;
    if queries.is_empty() {
        return Err(Refusal::parsing("[dis_max] needs a query in [queries]"));
    }
    boosted(Query::Best(queries), object)
}

/// Any of several queries; the one itself where it is alone.
pub(super) fn any_of(mut queries: Vec<Query>) -> Query {
    match queries.len() {
        0 => Query::Nothing,
        1 => queries.remove(0),
        _ => Query::Bool {
            must: Vec::new(),
            filter: Vec::new(),
            should: queries,
            must_not: Vec::new(),
            at_least: 1,
        },
    }
}

/// All of several queries, none of them scored.
pub(super) fn all_of(filter: Vec<Query>) -> Query {
    Query::Bool {
        must: Vec::new(),
        filter,
        should: Vec::new(),
        must_not: Vec::new(),
        at_least: 0,
    }
}
