//! Aggregations over moments, as Elasticsearch tells them: in whole ms, and as text beside.
//!
//! The index has nanoseconds inside. Which of the fields hold moments, each partition tells with
//! its answer.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use crate::node::search::{Kind, Mapping, moment};

const NANOS: f64 = 1e6;

/// The answer to `asked` with its moments in ms, where the kinds of its fields are these.
pub(super) fn in_ms(asked: &Value, kinds: &Mapping, answer: &mut Value) {
    let (Some(asked), Some(answer)) = (asked.as_object(), answer.as_object_mut()) else {
        return;
    };
    for (name, told) in answer.iter_mut() {
        if let Some(asked) = asked.get(name).and_then(Value::as_object) {
            one(asked, kinds, told);
        }
    }
}

fn one(asked: &Map<String, Value>, kinds: &Mapping, told: &mut Value) {
    let kind = asked.iter().find(|(key, _)| *key != "aggs");
    let Some((kind, body)) = kind else {
        return;
    };
    let field = body["field"].as_str().unwrap_or_default();
    if kinds.get(field) == Some(&Kind::Date) {
        match kind.as_str() {
            "min" | "max" | "avg" | "sum" | "stats" => metric(told),
            "date_histogram" => each_bucket(told, |bucket| {
                if let Some(ms) = bucket["key"].as_f64() {
                    tell(bucket, "key", ms as i64);
                }
            }),
            "terms" => each_bucket(told, |bucket| {
                if let Some(moment) = bucket["key"].as_str().and_then(moment::parse) {
                    tell(bucket, "key", moment.into_timestamp_millis());
                }
            }),
            _ => {}
        }
    }
    if let Some(asked) = asked.get("aggs") {
        each_bucket(told, |bucket| in_ms(asked, kinds, bucket));
    }
}

fn metric(told: &mut Value) {
    // Of nothing the sum is 0, which is no moment.
    if told["count"] == 0 {
        return;
    }
    for key in ["value", "min", "max", "avg", "sum"] {
        if let Some(nanos) = told.get(key).and_then(Value::as_f64) {
            tell(told, key, (nanos / NANOS).round() as i64);
        }
    }
}

fn tell(told: &mut Value, key: &str, ms: i64) {
    told[key] = json!(ms);
    if let Some(text) = text(ms) {
        told[format!("{key}_as_string")] = json!(text);
    }
}

/// A moment as Elasticsearch writes it; `None` for one that no calendar has.
fn text(ms: i64) -> Option<String> {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).ok()?;
    let (date, time) = (at.date(), at.time());
    Some(format!(
        "{date}T{:02}:{:02}:{:02}.{:03}Z",
        time.hour(),
        time.minute(),
        time.second(),
        time.millisecond()
    ))
}

/// Buckets stand in a list, or under their names.
fn each_bucket(told: &mut Value, mut change: impl FnMut(&mut Value)) {
    match told.get_mut("buckets") {
        Some(Value::Array(buckets)) => buckets.iter_mut().for_each(&mut change),
        Some(Value::Object(buckets)) => buckets.values_mut().for_each(&mut change),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds() -> Mapping {
        let kind = |name: &str, kind| (name.to_owned(), kind);
        Mapping::from([
            kind("_timestamp", Kind::Date),
            kind("paid.at", Kind::Date),
            kind("amount", Kind::Long),
        ])
    }

    #[test]
    fn moments_are_whole_ms_however_deep() {
        let asked = json!({
            "first": { "min": { "field": "_timestamp" } },
            "least": { "min": { "field": "amount" } },
            "days": {
                "date_histogram": { "field": "paid.at", "fixed_interval": "1d" },
                "aggs": { "last": { "max": { "field": "paid.at" } } },
            },
            "paid": { "terms": { "field": "paid.at" } },
        });
        let mut answer = json!({
            "first": { "value": 1.795_647_968_757e18 },
            "least": { "value": 2.5 },
            "days": { "buckets": [{ "key": 86_400_000.0, "key_as_string": "x", "last": { "value": 1e12 } }] },
            "paid": { "buckets": [{ "key": "1970-01-01T00:00:01.5Z", "doc_count": 1 }] },
        });
        in_ms(&asked, &kinds(), &mut answer);
        let first = json!({ "value": 1_795_647_968_757_i64, "value_as_string": "2026-11-25T23:06:08.757Z" });
        assert_eq!(answer["first"], first);
        assert_eq!(answer["least"], json!({ "value": 2.5 }));
        let expected = json!([{
            "key": 86_400_000,
            "key_as_string": "1970-01-02T00:00:00.000Z",
            "last": { "value": 1_000_000, "value_as_string": "1970-01-01T00:16:40.000Z" },
        }]);
        assert_eq!(answer["days"]["buckets"], expected);
        let expected =
            json!([{ "key": 1500, "key_as_string": "1970-01-01T00:00:01.500Z", "doc_count": 1 }]);
        assert_eq!(answer["paid"]["buckets"], expected);
    }

    #[test]
    fn nothing_found_has_no_moment() {
        let asked = json!({
            "first": { "min": { "field": "_timestamp" } },
            "all": { "stats": { "field": "paid.at" } },
        });
        let nothing = json!({
            "first": { "value": null },
            "all": { "count": 0, "min": null, "max": null, "avg": null, "sum": 0.0 },
        });
        let mut answer = nothing.clone();
        in_ms(&asked, &kinds(), &mut answer);
        assert_eq!(answer, nothing);
    }
}
