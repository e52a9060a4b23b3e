//! Aggregations as Elasticsearch tells them: moments in whole ms and as text beside, counts as
//! whole numbers.
//!
//! The index has nanoseconds inside. Which of the fields hold moments, each partition tells with
//! its answer. Written bucket by bucket: an answer of many is in memory once, not once more as JSON.

use serde::ser::{Error, SerializeMap};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use tantivy::aggregation::agg_result::{
    AggregationResult, AggregationResults, BucketEntries, BucketEntry, BucketResult,
};
use time::OffsetDateTime;

use crate::node::search::{Kind, Mapping, moment};

const NANOS: f64 = 1e6;

/// The answer to what was asked, where the kinds of its fields are these.
#[derive(Clone, Copy)]
pub(super) struct Told<'a> {
    asked: &'a Value,
    kinds: &'a Mapping,
    results: &'a AggregationResults,
}

/// One aggregation.
struct One<'a> {
    asked: Asked<'a>,
    result: &'a AggregationResult,
}

/// How one was asked for.
#[derive(Clone, Copy)]
struct Asked<'a> {
    kind: &'a str,
    body: &'a Value,
    is_moment: bool,
    inner: &'a Value,
    kinds: &'a Mapping,
}

/// One bucket.
struct Bucket<'a> {
    asked: Asked<'a>,
    entry: &'a BucketEntry,
}

impl<'a> Told<'a> {
    /// The results of what was `asked`.
    pub(super) fn new(
        asked: &'a Value,
        kinds: &'a Mapping,
        results: &'a AggregationResults,
    ) -> Self {
        Self {
            asked,
            kinds,
            results,
        }
    }

    fn write<M: SerializeMap>(self, map: &mut M) -> Result<(), M::Error> {
        let mut results: Vec<_> = self.results.0.iter().collect();
        results.sort_unstable_by_key(|(name, _)| *name);
        for (name, result) in results {
            let asked = Asked::read(&self.asked[name], self.kinds);
            map.serialize_entry(name, &One { asked, result })?;
        }
        Ok(())
    }
}

impl Serialize for Told<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.write(&mut map)?;
        map.end()
    }
}

impl<'a> Asked<'a> {
    fn read(asked: &'a Value, kinds: &'a Mapping) -> Self {
        let mut parts = asked.as_object().into_iter().flatten();
        let kind = parts.find(|(key, _)| *key != "aggs");
        let (kind, body) = kind.map_or(("", &Value::Null), |(kind, body)| (kind.as_str(), body));
        let field = body["field"].as_str().unwrap_or_default();
        Self {
            kind,
            body,
            is_moment: kinds.get(field) == Some(&Kind::Date),
            inner: &asked["aggs"],
            kinds,
        }
    }

    fn bucket(self, entry: &'a BucketEntry) -> Bucket<'a> {
        Bucket { asked: self, entry }
    }

    /// In the order of keys no count is too small.
    fn is_by_key(self) -> bool {
        let order = self.body["order"].as_object();
        order.is_some_and(|order| order.keys().all(|key| key == "_key"))
    }
}

impl Serialize for One<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let asked = self.asked;
        let mut map = match self.result {
            AggregationResult::MetricResult(metric) => {
                let mut told = serde_json::to_value(metric).map_err(S::Error::custom)?;
                asked.metric(&mut told);
                return told.serialize(serializer);
            }
            AggregationResult::BucketResult(_) => serializer.serialize_map(None)?,
        };
        match self.result {
            AggregationResult::BucketResult(BucketResult::Terms {
                buckets,
                sum_other_doc_count,
                doc_count_error_upper_bound,
            }) => {
                let error = doc_count_error_upper_bound.filter(|_| !asked.is_by_key());
                map.serialize_entry("doc_count_error_upper_bound", &error.unwrap_or(0))?;
                map.serialize_entry("sum_other_doc_count", sum_other_doc_count)?;
                map.serialize_entry("buckets", &List(asked, buckets))?;
            }
            AggregationResult::BucketResult(BucketResult::Histogram { buckets }) => match buckets {
                BucketEntries::Vec(buckets) => {
                    map.serialize_entry("buckets", &List(asked, buckets))?;
                }
                BucketEntries::HashMap(buckets) => {
                    let named = buckets.iter().map(|(name, entry)| (name.as_str(), entry));
                    map.serialize_entry("buckets", &Named(asked, named.collect()))?;
                }
            },
            _ => return Err(S::Error::custom("an aggregation that is not served")),
        }
        map.end()
    }
}

struct List<'a>(Asked<'a>, &'a [BucketEntry]);

impl Serialize for List<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.1.iter().map(|entry| self.0.bucket(entry)))
    }
}

struct Named<'a>(Asked<'a>, Vec<(&'a str, &'a BucketEntry)>);

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut named = self.1.clone();
        named.sort_by(|(_, a), (_, b)| a.key.cmp(&b.key));
        let named = named.into_iter();
        serializer.collect_map(named.map(|(name, entry)| (name, self.0.bucket(entry))))
    }
}

impl Serialize for Bucket<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (asked, entry) = (self.asked, self.entry);
        let mut told = json!({ "key": entry.key, "doc_count": entry.doc_count });
        if let Some(text) = &entry.key_as_string {
            told["key_as_string"] = json!(text);
        }
        asked.key(&mut told);
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in told.as_object().into_iter().flatten() {
            map.serialize_entry(name, value)?;
        }
        Told::new(asked.inner, asked.kinds, &entry.sub_aggregation).write(&mut map)?;
        map.end()
    }
}

impl Asked<'_> {
    fn key(self, bucket: &mut Value) {
        if !self.is_moment {
            return;
        }
        let ms = match self.kind {
            "date_histogram" => bucket["key"].as_f64().map(|ms| ms as i64),
            "terms" => {
                let moment = bucket["key"].as_str().and_then(moment::parse);
                moment.map(tantivy::DateTime::into_timestamp_millis)
            }
            _ => None,
        };
        if let Some(ms) = ms {
            tell(bucket, "key", ms);
        }
    }

    fn metric(self, told: &mut Value) {
        match self.kind {
            "min" | "max" | "avg" | "sum" | "stats" if self.is_moment => in_ms(told),
            "cardinality" | "value_count" => {
                if let Some(count) = told["value"].as_f64() {
                    told["value"] = json!(count.round() as u64);
                }
            }
            _ => {}
        }
    }
}

fn in_ms(told: &mut Value) {
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

#[cfg(test)]
mod tests {
    use tantivy::aggregation::Key;
    use tantivy::aggregation::agg_result::MetricResult;
    use tantivy::aggregation::metric::{SingleMetricResult, Stats};

    use super::*;

    fn kinds() -> Mapping {
        let kind = |name: &str, kind| (name.to_owned(), kind);
        Mapping::from([
            kind("_timestamp", Kind::Date),
            kind("paid.at", Kind::Date),
            kind("amount", Kind::Long),
        ])
    }

    fn all<const N: usize>(named: [(&str, AggregationResult); N]) -> AggregationResults {
        let named = named.into_iter();
        AggregationResults(named.map(|(name, one)| (name.to_owned(), one)).collect())
    }

    fn value(value: f64) -> AggregationResult {
        AggregationResult::MetricResult(MetricResult::Max(value.into()))
    }

    fn bucket(key: Key, text: Option<&str>, inner: AggregationResults) -> BucketEntry {
        BucketEntry {
            key_as_string: text.map(str::to_owned),
            key,
            doc_count: 1,
            sub_aggregation: inner,
        }
    }

    fn list(buckets: Vec<BucketEntry>) -> AggregationResult {
        let buckets = BucketEntries::Vec(buckets);
        AggregationResult::BucketResult(BucketResult::Histogram { buckets })
    }

    fn terms(buckets: Vec<BucketEntry>) -> AggregationResult {
        AggregationResult::BucketResult(BucketResult::Terms {
            buckets,
            sum_other_doc_count: 4,
            doc_count_error_upper_bound: Some(3),
        })
    }

    fn told(asked: &Value, results: &AggregationResults) -> Value {
        serde_json::to_value(Told::new(asked, &kinds(), results)).unwrap()
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
        let last = all([("last", value(1e12))]);
        let paid = Key::Str(String::from("1970-01-01T00:00:01.5Z"));
        let answer = told(
            &asked,
            &all([
                ("first", value(1.795_647_968_757e18)),
                ("least", value(2.5)),
                (
                    "days",
                    list(vec![bucket(Key::F64(8.64e7), Some("x"), last)]),
                ),
                ("paid", terms(vec![bucket(paid, None, all([]))])),
            ]),
        );
        let first = json!({ "value": 1_795_647_968_757_i64, "value_as_string": "2026-11-25T23:06:08.757Z" });
        assert_eq!(answer["first"], first);
        assert_eq!(answer["least"], json!({ "value": 2.5 }));
        let expected = json!([{
            "key": 86_400_000,
            "key_as_string": "1970-01-02T00:00:00.000Z",
            "doc_count": 1,
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
        let nothing = json!({ "count": 0, "min": null, "max": null, "avg": null, "sum": 0.0 });
        let stats: Stats = serde_json::from_value(nothing.clone()).unwrap();
        let stats = AggregationResult::MetricResult(MetricResult::Stats(stats));
        let none: SingleMetricResult = serde_json::from_value(json!({ "value": null })).unwrap();
        let none = AggregationResult::MetricResult(MetricResult::Min(none));
        let answer = told(&asked, &all([("first", none), ("all", stats)]));
        assert_eq!(
            answer,
            json!({ "first": { "value": null }, "all": nothing })
        );
    }

    #[test]
    fn counts_are_whole_and_keyed_buckets_in_the_order_of_their_keys() {
        let asked = json!({
            "kinds": { "cardinality": { "field": "amount" } },
            "values": { "value_count": { "field": "amount" } },
            "most": { "max": { "field": "amount" } },
            "steps": { "histogram": { "field": "amount", "interval": 5, "keyed": true } },
            "by_key": { "terms": { "field": "amount", "order": { "_key": "asc" } } },
            "by_count": { "terms": { "field": "amount" } },
        });
        let step = |key: f64| (key.to_string(), bucket(Key::F64(key), None, all([])));
        let buckets = BucketEntries::HashMap([10.0, 5.0].map(step).into_iter().collect());
        let steps = AggregationResult::BucketResult(BucketResult::Histogram { buckets });
        let results = all([
            ("kinds", value(2999.6)),
            ("values", value(7.0)),
            ("most", value(7.0)),
            ("steps", steps),
            ("by_key", terms(Vec::new())),
            ("by_count", terms(Vec::new())),
        ]);
        let text = serde_json::to_string(&Told::new(&asked, &kinds(), &results)).unwrap();
        assert!(text.contains(r#""kinds":{"value":3000}"#), "{text}");
        assert!(text.contains(r#""values":{"value":7}"#), "{text}");
        assert!(text.contains(r#""most":{"value":7.0}"#), "{text}");
        assert!(text.find(r#""5":{"#) < text.find(r#""10":{"#), "{text}");
        let told = told(&asked, &results);
        assert_eq!(told["by_key"]["doc_count_error_upper_bound"], 0);
        assert_eq!(told["by_count"]["doc_count_error_upper_bound"], 3);
        assert_eq!(told["by_count"]["sum_other_doc_count"], 4);
    }
}
