//! Aggregations.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;

use super::*;
use crate::node::search::answer::Packed;
use crate::node::search::collect::{Cut, conclude, joined};

fn concluded(parts: Vec<Packed>, asked: &Value) -> Result<Value, SearchError> {
    conclude(parts, asked).map(|all| serde_json::to_value(all).unwrap())
}

fn part(shelves: &Shelves, asked: &Value) -> Packed {
    let question = Question {
        aggregations: Some(asked.clone()),
        top: 0,
        ..question(Query::All)
    };
    Packed::of(&shelves.ask(&question).unwrap().aggregations.unwrap()).unwrap()
}

/// The keys and counts of a list of terms.
fn buckets(all: &Value) -> Vec<(String, u64)> {
    let buckets = all["t"]["buckets"].as_array().unwrap();
    let told = |bucket: &Value| {
        let key = bucket["key"].as_str().unwrap().to_owned();
        (key, bucket["doc_count"].as_u64().unwrap())
    };
    buckets.iter().map(told).collect()
}

/// Words of which some are everywhere, most are of one batch, and each batch has others.
struct Talk {
    shelves: Shelves,
    counts: BTreeMap<String, u64>,
}

impl Talk {
    /// As many splits as batches: none is joined to another.
    fn of(batches: usize) -> Self {
        let mut random = StdRng::seed_from_u64(5);
        let mut talk = Self {
            shelves: Shelves::new(),
            counts: BTreeMap::new(),
        };
        for batch in 0..batches {
            let one = |n: usize| match n % 5 {
                0 => format!("local {batch} {}", n % 40),
                1 => String::from("steady"),
                _ => format!("word {}", random.random_range(0..1000_u32).isqrt()),
            };
            let words: Vec<String> = (0..500).map(one).collect();
            let values = words.iter().map(|word| format!(r#"{{"w":"{word}"}}"#));
            let values: Vec<String> = values.collect();
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            talk.shelves.push(&values);
            let mut turn = talk.shelves.index.blocking_turn();
            let below = talk.shelves.below();
            while talk.shelves.index.advance(&mut turn, below).unwrap() {}
            for word in words {
                *talk.counts.entry(word).or_default() += 1;
            }
        }
        assert_eq!(talk.shelves.index.splits().len(), batches);
        talk
    }

    /// By falling count, then by the word.
    fn best(&self, size: usize) -> Vec<(String, u64)> {
        let mut counts: Vec<_> = self.counts.clone().into_iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        counts.truncate(size);
        counts
    }
}

#[test]
fn terms_over_many_splits_are_counted_exactly() {
    let talk = Talk::of(20);
    let total: u64 = talk.counts.values().sum();
    for size in [1, 3, 10, 40, 200] {
        let terms =
            json!({ "field": "w.keyword", "size": size, "segment_size": size * 3 / 2 + 10 });
        let asked = json!({ "t": { "terms": terms } });
        let all = concluded(vec![part(&talk.shelves, &asked)], &asked).unwrap();
        let best = talk.best(size);
        assert_eq!(buckets(&all), best, "{size}");
        assert_eq!(all["t"]["doc_count_error_upper_bound"], 0, "{size}");
        let told: u64 = best.iter().map(|(_, count)| count).sum();
        assert_eq!(all["t"]["sum_other_doc_count"], total - told, "{size}");
    }
    // The same when they are one.
    let asked = json!({ "t": { "terms": { "field": "w.keyword", "size": 10 } } });
    let before = concluded(vec![part(&talk.shelves, &asked)], &asked).unwrap();
    talk.shelves.settle();
    assert!(talk.shelves.index.splits().len() < 20);
    let after = concluded(vec![part(&talk.shelves, &asked)], &asked).unwrap();
    assert_eq!(before, after);
}

#[test]
fn a_least_count_is_that_of_all_splits_together() {
    let talk = Talk::of(12);
    let terms = json!({ "field": "w.keyword", "size": 500, "min_doc_count": 60 });
    let asked = json!({ "t": { "terms": terms } });
    let all = concluded(vec![part(&talk.shelves, &asked)], &asked).unwrap();
    let mut many = talk.best(usize::MAX);
    many.retain(|(_, count)| *count >= 60);
    assert!(many.len() > 10, "{many:?}");
    assert_eq!(buckets(&all), many);
}

#[test]
fn lists_within_others_are_counted_exactly() {
    let talk = Talk::of(12);
    let inner = json!({ "terms": { "field": "w.keyword", "size": 3, "segment_size": 14 } });
    let asked = json!({ "p": { "terms": { "field": "_partition" }, "aggs": { "t": inner } } });
    let all = concluded(vec![part(&talk.shelves, &asked)], &asked).unwrap();
    assert_eq!(buckets(&all["p"]["buckets"][0]), talk.best(3));
}

/// What each of several nodes tells is cut, and the bound covers what was cut off.
#[test]
fn between_nodes_the_error_is_told() {
    let talk = Talk::of(12);
    let terms = json!({ "field": "w.keyword", "size": 5, "segment_size": 6 });
    let asked = json!({ "t": { "terms": terms } });
    let told = || {
        let whole = part(&talk.shelves, &asked);
        joined(vec![whole], &asked, Cut::Told).unwrap().unwrap()
    };
    let two = concluded(vec![told(), told()], &asked).unwrap();
    let bound = two["t"]["doc_count_error_upper_bound"].as_u64().unwrap();
    let seventh = talk.best(7)[6].1;
    assert_eq!(bound, 2 * seventh);
    let expected = talk.best(5).into_iter();
    let expected: Vec<_> = expected.map(|(word, count)| (word, 2 * count)).collect();
    assert_eq!(buckets(&two), expected);
    // One node alone has nothing to cut but the answer.
    let whole = part(&talk.shelves, &asked);
    let alone = joined(vec![whole], &asked, Cut::Asked).unwrap().unwrap();
    let alone = concluded(vec![alone], &asked).unwrap();
    assert_eq!(alone["t"]["doc_count_error_upper_bound"], 0);
    assert_eq!(buckets(&alone), talk.best(5));
}

#[test]
fn every_kind_of_part_survives_the_link() {
    let talk = Talk::of(2);
    let asked = json!({
        "t": { "terms": { "field": "w.keyword" }, "aggs": { "m": { "avg": { "field": "_offset" } } } },
        "c": { "cardinality": { "field": "w.keyword" } },
        "v": { "value_count": { "field": "w.keyword" } },
        "s": { "stats": { "field": "_offset" } },
        "x": { "max": { "field": "no such" } },
        "n": { "sum": { "field": "_offset" } },
        "l": { "min": { "field": "_offset" } },
        "h": { "histogram": { "field": "_offset", "interval": 100 } },
        "d": { "date_histogram": { "field": "_timestamp", "fixed_interval": "1s" } },
        "p": { "terms": { "field": "_timestamp" } },
    });
    let sent = part(&talk.shelves, &asked);
    let bytes = rmp_serde::to_vec(&sent).unwrap();
    let got: Packed = rmp_serde::from_slice(&bytes).unwrap();
    assert_eq!(got, sent);
    let opened = got.clone().open().unwrap();
    // The order of tables is not kept, what they tell is.
    let again = Packed::of(&opened).unwrap();
    let told = concluded(vec![got], &asked).unwrap();
    assert_eq!(concluded(vec![again], &asked).unwrap(), told);
    let users = told["c"]["value"].as_f64().unwrap();
    let words = talk.counts.len() as f64;
    assert!((users - words).abs() < words * 0.1, "{users} of {words}");
    assert_eq!(told["s"]["count"], 1000);
    let garbage: Packed = rmp_serde::from_slice(&[0xc4, 1, 7]).unwrap();
    assert!(matches!(
        concluded(vec![garbage], &asked),
        Err(SearchError::Failed(_))
    ));
}

#[test]
fn aggregations_are_joined_over_splits_and_partitions() {
    let mut shelves = Shelves::of(&[r#"{"level":"warn","ms":10}"#, r#"{"level":"info","ms":20}"#]);
    shelves.push(&[r#"{"level":"warn","ms":40}"#, "no level"]);
    shelves.settle();
    let asked = json!({
        "levels": {"terms": {"field": "level.keyword"}, "aggs": {"ms": {"avg": {"field": "ms"}}}},
        "places": {"max": {"field": "_offset"}},
        "times": {"date_histogram": {"field": "@timestamp", "fixed_interval": "1s"}},
    });
    let part = || part(&shelves, &asked);
    let all = concluded(vec![part(), part()], &asked).unwrap();
    let buckets = &all["levels"]["buckets"];
    assert_eq!(buckets[0]["key"], "warn");
    assert_eq!(buckets[0]["doc_count"], 4);
    assert_eq!(buckets[0]["ms"]["value"], 25.0);
    assert_eq!(buckets[1]["doc_count"], 2);
    assert_eq!(all["places"]["value"], 3.0);
    assert_eq!(all["times"]["buckets"][0]["doc_count"], 8);
    let none = concluded(Vec::new(), &asked).unwrap();
    assert_eq!(none["levels"]["buckets"], json!([]));
    let wrong = conclude(vec![part()], &json!({"other": {"max": {"field": "ms"}}}));
    assert!(matches!(wrong, Err(SearchError::Failed(_))));
}

/// As the request for weeks is brought into the index's shape.
#[test]
fn weeks_of_seven_days_from_the_fourth_begin_on_monday() {
    let shelves = Shelves::of(&[
        r#"{"at":"2026-11-22T23:59:59Z"}"#,
        r#"{"at":"2026-11-23T00:00:00Z"}"#,
        r#"{"at":"2026-11-29T23:59:59Z"}"#,
    ]);
    shelves.settle();
    let weeks = json!({ "field": "at", "fixed_interval": "7d", "offset": "4d" });
    let asked = json!({ "weeks": { "date_histogram": weeks } });
    let all = concluded(vec![part(&shelves, &asked)], &asked).unwrap();
    let buckets = all["weeks"]["buckets"].as_array().unwrap();
    let told = |n: usize| (&buckets[n]["key_as_string"], &buckets[n]["doc_count"]);
    assert_eq!(told(0), (&json!("2026-11-16T00:00:00Z"), &json!(1)));
    assert_eq!(told(1), (&json!("2026-11-23T00:00:00Z"), &json!(2)));
}

#[test]
fn wrong_and_huge_aggregations_are_refused() {
    let mut shelves = Shelves::new();
    shelves.push_many(70_000);
    shelves.settle();
    let ask = |asked: Value| {
        let question = Question {
            aggregations: Some(asked.clone()),
            top: 0,
            ..question(Query::All)
        };
        let part = Packed::of(&shelves.ask(&question)?.aggregations.unwrap())?;
        concluded(vec![part], &asked)
    };
    let wrong = ask(json!({"a": {"no_such": {"field": "n"}}}));
    assert!(matches!(wrong, Err(SearchError::Invalid(_))), "{wrong:?}");
    let many = ask(json!({"a": {"histogram": {"field": "n", "interval": 1}}}));
    assert!(
        matches!(many, Err(SearchError::TooManyBuckets(_))),
        "{many:?}"
    );
    // All of them are among the best of one level, and each has ten within.
    let inner = json!({"terms": {"field": "n"}, "aggs": {"c": {"cardinality": {"field": "word"}}}});
    let nested = json!({"a": {"terms": {"field": "n", "size": 70_000}, "aggs": {"b": inner}}});
    let nested = ask(nested);
    assert!(
        matches!(nested, Err(SearchError::TooManyBuckets(_))),
        "{nested:?}"
    );
    assert!(ask(json!({"a": {"max": {"field": "n"}}})).is_ok());
    let mut deep = json!({"a": {"max": {"field": "n"}}});
    for _ in 0..20 {
        deep = json!({"a": {"terms": {"field": "n"}, "aggs": deep}});
    }
    assert!(matches!(ask(deep), Err(SearchError::TooMuch(_))));
}
