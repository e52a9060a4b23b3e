//! What aggregations may take, and where their lists of terms are cut.
//!
//! ```text
//!  splits ─▶ partition ─▶ node ── cut to [shard_size] ─▶ who was asked ── cut to [size] ─▶ answer
//!     lists are whole, as far as there is room
//! ```
//! Lists are cut once, where all of a node's partitions are together: so what one node has is
//! counted exactly. A list that has no room is cut before, and its error bound tells so.

use serde_json::{Map, Value, json};
use tantivy::aggregation::intermediate_agg_result::{
    IntermediateAggregationResult as One, IntermediateAggregationResults as All,
    IntermediateBucketResult as Buckets, IntermediateHistogramBucketEntry, IntermediateKey,
    IntermediateMetricResult as Metric, IntermediateTermBucketEntry,
};

/// Bytes that the aggregations of one question may take in one place, before they are cut.
pub(super) const ROOM: usize = 12 << 20;
/// Bytes that they may take after that; what takes more is refused.
pub(super) const MOST: usize = 28 << 20;
/// Terms of a list up to which it is whole where there is room.
const MOST_TERMS: usize = 65_536;
/// Terms that a list has unless its request says.
const TERMS: usize = 10;
/// Buckets of a parent whose number no request says.
const SOME: usize = 16;
/// What a term takes: itself, its key as text, and its place in the index that joins lists.
const TERM: usize = size_of::<(IntermediateKey, IntermediateTermBucketEntry)>() + 24 + 40;
/// What a histogram's bucket takes.
const STEP: usize = size_of::<IntermediateHistogramBucketEntry>();
/// What the sketch of a `cardinality` takes at most.
const SKETCH: usize = 2 << 10;

/// The same request with lists of terms that are cut where the room ends, not before.
pub(super) fn widened(asked: &Value, room: usize) -> Value {
    let Value::Object(named) = asked else {
        return asked.clone();
    };
    let room = room / named.len().max(1);
    let named = named.iter();
    let widened = named.map(|(name, one)| (name.clone(), one_widened(one, room)));
    Value::Object(widened.collect())
}

fn one_widened(one: &Value, room: usize) -> Value {
    let mut one = one.clone();
    let each = TERM + cost(&one["aggs"]);
    let mut parents = SOME;
    if let Some(Value::Object(terms)) = one.get_mut("terms") {
        parents = told(terms);
        let cut = (room / each).clamp(parents, MOST_TERMS.max(parents));
        terms.insert(String::from("segment_size"), json!(cut));
    }
    if let Some(inner) = one.get_mut("aggs") {
        *inner = widened(inner, room / parents);
    }
    one
}

/// How many terms of a list a node tells.
fn told(terms: &Map<String, Value>) -> usize {
    let said = terms.get("segment_size").or_else(|| terms.get("size"));
    let said = said.and_then(Value::as_u64);
    said.map_or(TERMS, |said| usize::try_from(said).unwrap_or(usize::MAX))
        .max(1)
}

/// What aggregations take inside of one bucket, at least.
fn cost(asked: &Value) -> usize {
    let Some(named) = asked.as_object() else {
        return 0;
    };
    let inner = named.iter().map(|(name, one)| {
        let own = if one.get("terms").is_some() {
            TERM + cost(&one["aggs"])
        } else if one.get("cardinality").is_some() {
            SKETCH
        } else {
            0
        };
        name.len() + own
    });
    table(named.len()) + inner.sum::<usize>()
}

/// What a hash table of named results takes.
fn table(names: usize) -> usize {
    if names == 0 {
        return 0;
    }
    let slots = (names * 8).div_ceil(7).next_power_of_two().max(4);
    slots * (size_of::<(String, One)>() + 1)
}

/// About the bytes that results take.
pub(super) fn weight(all: &All) -> usize {
    let (mut names, mut inner) = (0, 0);
    for name in all.keys() {
        names += 1;
        inner += name.len();
        inner += match all.get(name) {
            Some(One::Bucket(Buckets::Terms { buckets })) => {
                let terms = buckets.entries().iter();
                let terms = terms.map(|(key, term)| text(key) + weight(&term.sub_aggregation));
                terms.map(|inner| TERM + inner).sum::<usize>()
            }
            Some(One::Bucket(Buckets::Histogram { buckets, .. })) => {
                let steps = buckets.iter().map(|step| weight(&step.sub_aggregation));
                steps.map(|inner| STEP + inner).sum()
            }
            Some(One::Metric(Metric::Cardinality(_))) => SKETCH,
            _ => 0,
        };
    }
    table(names) + inner
}

fn text(key: &IntermediateKey) -> usize {
    match key {
        // It stands in the index of keys once more.
        IntermediateKey::Str(text) => 2 * text.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(asked: &Value) -> u64 {
        asked["terms"]["segment_size"].as_u64().unwrap()
    }

    #[test]
    fn a_list_is_whole_as_far_as_there_is_room() {
        let asked = json!({ "t": { "terms": { "field": "x", "size": 10, "segment_size": 25 } } });
        assert_eq!(cut(&widened(&asked, ROOM)["t"]), MOST_TERMS as u64);
        let inner =
            json!({ "terms": { "field": "y" }, "aggs": { "m": { "max": { "field": "z" } } } });
        let asked =
            json!({ "t": { "terms": { "field": "x", "size": 10_000 }, "aggs": { "i": inner } } });
        let wide = widened(&asked, ROOM);
        let outer = cut(&wide["t"]);
        assert!((10_000..MOST_TERMS as u64).contains(&outer), "{outer}");
        // Where there is no room at all, as many as are told.
        assert_eq!(cut(&wide["t"]["aggs"]["i"]), TERMS as u64);
        assert_eq!(
            wide["t"]["aggs"]["i"]["aggs"],
            asked["t"]["aggs"]["i"]["aggs"]
        );
    }

    #[test]
    fn what_is_no_request_stays_what_it_is() {
        for wrong in [
            json!(1),
            json!({ "t": 1 }),
            json!({ "t": { "terms": 1, "aggs": [] } }),
        ] {
            assert_eq!(widened(&wrong, ROOM), wrong);
        }
    }
}
