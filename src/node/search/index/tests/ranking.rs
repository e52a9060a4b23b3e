//! Orders, counts and aggregations.

use serde_json::json;

use super::*;
use crate::node::search::collect::conclude;
use crate::node::search::question::{Order, SortBy, SortKey};

fn by(key: SortKey, order: Order) -> SortBy {
    SortBy { key, order }
}

fn offsets(found: &Gathered) -> Vec<i64> {
    found.hits.iter().map(|hit| hit.offset).collect()
}

#[test]
fn the_better_match_comes_first_and_ties_are_in_order() {
    let shelves = Shelves::of(&[
        "fox",
        "fox fox fox",
        "a fox among many other animals",
        "fox",
    ]);
    let found = shelves
        .ask(&question(any_of(Field::Everything, "fox")))
        .unwrap();
    assert_eq!(offsets(&found), [1, 0, 3, 2]);
    assert!(found.hits[0].score > found.hits[1].score);
    assert_eq!(found.hits[1].score, found.hits[2].score);
}

#[test]
fn hits_are_in_the_order_of_a_field_and_those_without_come_last() {
    let mut shelves = Shelves::of(&[r#"{"a":3,"b":"x"}"#, r#"{"a":1.5}"#, r#"{"b":"y"}"#]);
    shelves.push(&[r#"{"a":[0,9],"b":"x"}"#, r#"{"a":"text"}"#]);
    shelves.settle();
    assert_eq!(
        shelves.index.splits().len(),
        2,
        "values are compared between splits"
    );
    let sorted = |sort| {
        let question = Question {
            sort,
            ..question(Query::All)
        };
        shelves.ask(&question).unwrap()
    };
    let a = |order| by(SortKey::Field(path("a")), order);
    let rising = sorted(vec![a(Order::Rising)]);
    assert_eq!(offsets(&rising), [3, 1, 0, 4, 2]);
    let values: Vec<_> = rising.hits.iter().map(|hit| hit.sort[0].clone()).collect();
    assert_eq!(
        values[1..],
        [
            Some(Scalar::Fraction(1.5)),
            Some(Scalar::Fraction(3.0)),
            Some(Scalar::Text("text".to_owned())),
            None,
        ]
    );
    assert!(rising.hits.iter().all(|hit| hit.score.is_none()));
    let falling = sorted(vec![a(Order::Falling)]);
    assert_eq!(offsets(&falling), [4, 3, 0, 1, 2]);
    let b = by(SortKey::Field(whole("b")), Order::Falling);
    let two = sorted(vec![b, by(SortKey::Place, Order::Falling)]);
    assert_eq!(offsets(&two), [2, 3, 0, 4, 1]);
    let text = Question {
        sort: vec![by(SortKey::Field(Field::Everything), Order::Rising)],
        ..question(Query::All)
    };
    assert!(matches!(shelves.ask(&text), Err(SearchError::Invalid(_))));
}

#[test]
fn the_page_is_the_best_of_all_and_the_count_is_capped() {
    let mut shelves = Shelves::new();
    shelves.push_many(12_000);
    shelves.settle();
    let ask = |order, top, count_to| {
        let question = Question {
            query: term(path("word"), "w3"),
            top,
            sort: vec![by(SortKey::Place, order)],
            count_to,
            aggregations: None,
        };
        shelves.ask(&question).unwrap()
    };
    let first = ask(Order::Rising, 3, 100);
    assert_eq!((offsets(&first), first.total), (vec![3, 13, 23], 100));
    let last = ask(Order::Falling, 2, u64::MAX);
    assert_eq!((offsets(&last), last.total), (vec![11_993, 11_983], 1200));
    let none = ask(Order::Rising, 0, 0);
    assert_eq!((none.hits.len(), none.total), (0, 0));
    let n = Question {
        top: 2,
        sort: vec![by(SortKey::Field(path("n")), Order::Falling)],
        ..question(Query::All)
    };
    assert_eq!(offsets(&shelves.ask(&n).unwrap()), [11_999, 11_998]);
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
    let part = || {
        let question = Question {
            aggregations: Some(asked.clone()),
            top: 0,
            ..question(Query::All)
        };
        shelves.ask(&question).unwrap().aggregations.unwrap()
    };
    let all = conclude(vec![part(), part()], &asked).unwrap();
    let buckets = &all["levels"]["buckets"];
    assert_eq!(buckets[0]["key"], "warn");
    assert_eq!(buckets[0]["doc_count"], 4);
    assert_eq!(buckets[0]["ms"]["value"], 25.0);
    assert_eq!(buckets[1]["doc_count"], 2);
    assert_eq!(all["places"]["value"], 3.0);
    assert_eq!(all["times"]["buckets"][0]["doc_count"], 8);
    let none = conclude(Vec::new(), &asked).unwrap();
    assert_eq!(none["levels"]["buckets"], json!([]));
    let wrong = conclude(vec![part()], &json!({"other": {"max": {"field": "ms"}}}));
    assert!(matches!(wrong, Err(SearchError::Failed(_))));
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
        let part = shelves.ask(&question)?.aggregations.unwrap();
        conclude(vec![part], &asked)
    };
    let wrong = ask(json!({"a": {"no_such": {"field": "n"}}}));
    assert!(matches!(wrong, Err(SearchError::Invalid(_))), "{wrong:?}");
    let many = ask(json!({"a": {"histogram": {"field": "n", "interval": 1}}}));
    assert!(matches!(many, Err(SearchError::TooMuch(_))), "{many:?}");
    let mut deep = json!({"a": {"max": {"field": "n"}}});
    for _ in 0..20 {
        deep = json!({"a": {"terms": {"field": "n"}, "aggs": deep}});
    }
    assert!(matches!(ask(deep), Err(SearchError::TooMuch(_))));
}
