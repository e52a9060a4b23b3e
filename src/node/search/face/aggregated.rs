//! Aggregations over times, as Elasticsearch tells them: in whole ms.
//!
//! The index has nanoseconds inside. Which fields are times in documents, only the index knows;
//! the record's own time is told here.

use serde_json::{Map, Value, json};

const NANOS: f64 = 1e6;

/// The answer to `asked` with its times in ms.
pub(super) fn in_ms(asked: &Value, answer: &mut Value) {
    let (Some(asked), Some(answer)) = (asked.as_object(), answer.as_object_mut()) else {
        return;
    };
    for (name, told) in answer.iter_mut() {
        if let Some(asked) = asked.get(name).and_then(Value::as_object) {
            one(asked, told);
        }
    }
}

fn one(asked: &Map<String, Value>, told: &mut Value) {
    let kind = asked.iter().find(|(key, _)| *key != "aggs");
    match kind.map(|(kind, body)| (kind.as_str(), body["field"] == "_timestamp")) {
        Some(("min" | "max" | "avg" | "stats", true)) => {
            for key in ["value", "min", "max", "avg"] {
                if let Some(nanos) = told.get(key).and_then(Value::as_f64) {
                    told[key] = json!((nanos / NANOS).round() as i64);
                }
            }
        }
        Some(("date_histogram", _)) => each_bucket(told, |bucket| {
            if let Some(ms) = bucket.get("key").and_then(Value::as_f64) {
                bucket["key"] = json!(ms as i64);
            }
        }),
        _ => {}
    }
    if let Some(asked) = asked.get("aggs") {
        each_bucket(told, |bucket| in_ms(asked, bucket));
    }
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

    #[test]
    fn times_are_whole_ms_however_deep() {
        let asked = json!({
            "first": { "min": { "field": "_timestamp" } },
            "least": { "min": { "field": "amount" } },
            "days": {
                "date_histogram": { "field": "_timestamp", "fixed_interval": "1d" },
                "aggs": { "last": { "max": { "field": "_timestamp" } } },
            },
        });
        let mut answer = json!({
            "first": { "value": 1.795_647_968_757e18 },
            "least": { "value": 2.5 },
            "days": { "buckets": [{ "key": 86_400_000.0, "last": { "value": 1e12 } }] },
        });
        in_ms(&asked, &mut answer);
        assert_eq!(answer["first"]["value"], 1_795_647_968_757_i64);
        assert_eq!(answer["least"]["value"], 2.5);
        let expected = json!([{ "key": 86_400_000, "last": { "value": 1_000_000 } }]);
        assert_eq!(answer["days"]["buckets"], expected);
    }

    #[test]
    fn nothing_found_has_no_time() {
        let asked = json!({ "first": { "min": { "field": "_timestamp" } } });
        let mut answer = json!({ "first": { "value": null } });
        in_ms(&asked, &mut answer);
        assert_eq!(answer, json!({ "first": { "value": null } }));
    }
}
