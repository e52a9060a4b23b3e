//! Aggregations: checked, counted, and brought into the shape that the index reads.

use serde_json::{Map, Value, json};

use super::Parsed;
use super::field::field;
use super::moment;
use super::object::{Object, shown};
use crate::node::search::face::refusal::Refusal;

/// Aggregations inside aggregations.
const MAX_DEPTH: usize = 8;
/// Aggregations of one request.
const MAX_COUNT: usize = 64;
/// Buckets of one `terms`.
const MAX_BUCKETS: usize = 10_000;

/// A kind of aggregation and what it takes beside `field`.
const KINDS: [(&str, &[&str]); 9] = [
    (
        "terms",
        &["size", "order", "min_doc_count", "missing", "shard_size"],
    ),
    (
        "date_histogram",
        &[
            "fixed_interval",
            "calendar_interval",
            "offset",
            "min_doc_count",
            "extended_bounds",
            "hard_bounds",
            "keyed",
        ],
    ),
    (
        "histogram",
        &[
            "interval",
            "offset",
            "min_doc_count",
            "extended_bounds",
            "hard_bounds",
            "keyed",
        ],
    ),
    ("min", &["missing"]),
    ("max", &["missing"]),
    ("avg", &["missing"]),
    ("sum", &["missing"]),
    ("stats", &["missing"]),
    ("value_count", &["missing"]),
];
/// `cardinality` knows a precision that the index has no use for.
const CARDINALITY: [&str; 2] = ["missing", "precision_threshold"];

/// The body's `aggs`.
pub(super) fn aggregations(value: &Value) -> Parsed<Value> {
    let mut count = 0;
    level(value, 1, &mut count)
}

fn level(value: &Value, depth: usize, count: &mut usize) -> Parsed<Value> {
    if depth > MAX_DEPTH {
        let reason = format!("aggregations are nested deeper than {MAX_DEPTH}");
        return Err(Refusal::parsing(reason));
    }
    let mut all = Map::new();
    for (name, value) in Object::open("aggs", value)?.entries() {
        *count += 1;
        if *count > MAX_COUNT {
            let reason = format!("a request has at most {MAX_COUNT} aggregations");
            return Err(Refusal::parsing(reason));
        }
        check_name(name)?;
        all.insert(name.to_owned(), one(value, depth, count)?);
    }
    Ok(Value::Object(all))
}

fn check_name(name: &str) -> Parsed<()> {
    if name.is_empty() || name.len() > 256 || name.contains(['[', ']', '>']) {
        let reason = format!("invalid aggregation name [{}]", shown(name));
        return Err(Refusal::parsing(reason));
    }
    Ok(())
}

fn one(value: &Value, depth: usize, count: &mut usize) -> Parsed<Value> {
    let mut out = Map::new();
    let mut kind = None;
    for (key, value) in Object::open("aggs", value)?.entries() {
        match key {
            "aggs" | "aggregations" => {
                out.insert(String::from("aggs"), level(value, depth + 1, count)?);
            }
            "meta" => return Err(Refusal::parsing("[aggs] [meta] is not served")),
            _ if kind.is_some() => {
                let reason = format!("[aggs] takes one kind, and [{}] is a second", shown(key));
                return Err(Refusal::parsing(reason));
            }
            key => {
                kind = Some(key);
                out.insert(key.to_owned(), body(key, value)?);
            }
        }
    }
    match kind {
        Some(_) => Ok(Value::Object(out)),
        None => Err(Refusal::parsing("[aggs] needs a kind, such as [terms]")),
    }
}

fn body(kind: &str, value: &Value) -> Parsed<Value> {
    let known = match kind {
        "cardinality" => &CARDINALITY[..],
        _ => known(kind)?,
    };
    let object = Object::new(kind, value, &[&["field"][..], known].concat())?;
    let name = object.text("field")?;
    let name = name.ok_or_else(|| Refusal::parsing(format!("[{kind}] needs [field]")))?;
    field(name)?;
    let mut out: Map<String, Value> = object
        .entries()
        .map(|(key, value)| (key.to_owned(), value.clone()))
        .collect();
    match kind {
        "terms" => terms(object, &mut out)?,
        "date_histogram" => date_histogram(object, &mut out)?,
        "histogram" => histogram(object)?,
        "cardinality" => drop(out.remove("precision_threshold")),
        _ => {}
    }
    Ok(Value::Object(out))
}

fn known(kind: &str) -> Parsed<&'static [&'static str]> {
    let served = KINDS.iter().find(|(name, _)| *name == kind);
    served.map(|(_, known)| *known).ok_or_else(|| {
        let names: Vec<&str> = KINDS.iter().map(|(name, _)| *name).collect();
        let names = names.join(", ");
        let reason = format!(
            "unknown aggregation [{}]; served are {names}, cardinality",
            shown(kind)
        );
        Refusal::parsing(reason)
    })
}

fn terms(object: Object, out: &mut Map<String, Value>) -> Parsed<()> {
    let size = object.count("size")?.unwrap_or(10);
    if size == 0 || size > MAX_BUCKETS {
        let reason = format!("[terms.size] is 1 to {MAX_BUCKETS}");
        return Err(Refusal::parsing(reason));
    }
    let shard = object
        .count("shard_size")?
        .unwrap_or(0)
        .max(size * 3 / 2 + 10);
    out.remove("shard_size");
    out.insert(String::from("size"), json!(size));
    // Each node tells more than is asked for, so that the sum names the right ones.
    out.insert(
        String::from("segment_size"),
        json!(shard.min(MAX_BUCKETS * 2)),
    );
    Ok(())
}

fn histogram(object: Object) -> Parsed<()> {
    match object.float("interval")? {
        Some(interval) if interval > 0.0 => Ok(()),
        _ => Err(Refusal::parsing("[histogram] needs an [interval] above 0")),
    }
}

/// Calendar units of one length become that length; months and years have none.
///
/// A week begins on Monday, as ISO 8601 and Elasticsearch have it; the first moment of all was a
/// Thursday.
fn date_histogram(object: Object, out: &mut Map<String, Value>) -> Parsed<()> {
    let (fixed, calendar) = (
        object.text("fixed_interval")?,
        object.text("calendar_interval")?,
    );
    let interval = match (fixed, calendar) {
        (Some(fixed), None) => fixed,
        (None, Some("minute" | "1m")) => "1m",
        (None, Some("hour" | "1h")) => "1h",
        (None, Some("day" | "1d")) => "1d",
        (None, Some("week" | "1w")) if object.text("offset")?.is_none() => {
            out.insert(String::from("offset"), json!("4d"));
            "7d"
        }
        (None, Some(other)) => {
            let reason = format!(
                "[date_histogram.calendar_interval] [{}] is not served; served are minute, hour, \
                 day and (without [offset]) week, and any [fixed_interval]",
                shown(other)
            );
            return Err(Refusal::parsing(reason));
        }
        _ => {
            let reason = "[date_histogram] needs [fixed_interval] or [calendar_interval]";
            return Err(Refusal::parsing(reason));
        }
    };
    let length = moment::length("date_histogram.fixed_interval", interval)?;
    if length.is_none_or(|length| length.as_millis() == 0) {
        return Err(Refusal::parsing(
            "[date_histogram.fixed_interval] is at least 1ms",
        ));
    }
    out.remove("calendar_interval");
    out.insert(String::from("fixed_interval"), json!(interval));
    Ok(())
}
