//! Orders, counts and aggregations.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;

use super::*;
use crate::node::search::answer::Kind;
use crate::node::search::question::{Edge, Order, SortBy, SortKey};

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

/// Texts of random length in which "common" is anywhere, often and many times; "rare" seldom.
fn varied(seed: u64, count: usize) -> Vec<String> {
    let mut random = StdRng::seed_from_u64(seed);
    let one = |_| {
        let words = random.random_range(1..40);
        let word = |_| match random.random_range(0..100) {
            0..40 => "common",
            40 => "rare",
            _ => "other",
        };
        (0..words).map(word).collect::<Vec<_>>().join(" ")
    };
    (0..count).map(one).collect()
}

#[test]
fn what_is_skipped_would_not_have_been_among_the_best() {
    let mut shelves = Shelves::new();
    // Several splits, in memory and on disk, and many ties.
    for (seed, count) in [(1, 21_000), (2, 3000), (3, 40)] {
        for values in varied(seed, count).chunks(1000) {
            let mut batch = BatchBuilder::new();
            for value in values {
                let key = if value.len() % 2 == 0 {
                    "common"
                } else {
                    "rare"
                };
                batch.push(1000, Some(key.as_bytes()), Some(value.as_bytes()), &[]);
            }
            shelves.append(batch.build());
        }
        shelves.settle();
    }
    shelves.push(&["common"; 500]);
    shelves.settle();
    assert!(shelves.index.splits().len() > 2);
    let fields = [Field::Everything, path("message"), Field::Key];
    for (field, word) in fields
        .iter()
        .flat_map(|field| ["common", "rare", "none"].map(|word| (field, word)))
    {
        for top in [1, 10, 64, 1000] {
            let skipping = Question {
                top,
                ..question(any_of(field.clone(), word))
            };
            // An order that is told, if by score, is found by looking at each hit.
            let looking = Question {
                sort: vec![by(SortKey::Score, Order::Falling)],
                ..skipping.clone()
            };
            let (skipping, looking) = (
                shelves.ask(&skipping).unwrap(),
                shelves.ask(&looking).unwrap(),
            );
            let best = |found: &Gathered| -> Vec<_> {
                let hits = found.hits.iter();
                hits.map(|hit| (hit.offset, hit.score)).collect()
            };
            assert_eq!(best(&skipping), best(&looking), "{field:?} {word} {top}");
            assert_eq!(skipping.total, looking.total, "{field:?} {word} {top}");
        }
    }
}

#[test]
fn of_hits_that_score_alike_the_first_are_found_and_all_are_counted() {
    let mut shelves = Shelves::new();
    shelves.push_many(28_000);
    shelves.settle();
    let filter = Query::Bool {
        must: Vec::new(),
        filter: vec![term(path("word"), "w3")],
        should: Vec::new(),
        must_not: vec![term(path("n"), 13)],
        at_least: 0,
    };
    let range = Query::Range {
        field: path("n"),
        lower: Edge::Including(Scalar::Whole(3)),
        upper: Edge::Open,
    };
    let prefix = Query::Prefix {
        field: path("word"),
        prefix: "w".to_owned(),
    };
    for (query, first, total) in [
        (Query::All, [0, 1, 2], 28_000),
        (filter, [3, 23, 33], 2799),
        (range, [3, 4, 5], 27_997),
        (prefix, [0, 1, 2], 28_000),
    ] {
        for count_to in [0, 7, u64::MAX] {
            let question = Question {
                top: 3,
                count_to,
                ..question(query.clone())
            };
            let found = shelves.ask(&question).unwrap();
            assert_eq!(
                (offsets(&found), found.total),
                (first.to_vec(), count_to.min(total)),
                "{query:?}"
            );
            assert!(found.hits.iter().all(|hit| hit.score.is_some()));
        }
    }
}

#[test]
fn a_document_says_when_it_was() {
    let shelves = Shelves::of(&[
        r#"{"@timestamp":"1970-01-01T00:01:00Z","paid":"1970-01-01T00:00:09.5Z"}"#,
        r#"{"@timestamp":"no time"}"#,
        r#"{"@timestamp":30000,"paid":"1970-01-01T00:00:01.5Z"}"#,
        "plain",
    ]);
    let within = |field: &Field, from, to| Query::Range {
        field: field.clone(),
        lower: Edge::Including(Scalar::Moment(from)),
        upper: Edge::Excluding(Scalar::Moment(to)),
    };
    // The records themselves are of the first second.
    assert_eq!(shelves.find(within(&Field::Moment, 0, 2000)), [1, 3]);
    assert_eq!(shelves.find(within(&Field::Moment, 30_000, 60_001)), [0, 2]);
    assert_eq!(
        shelves.find(within(&Field::Timestamp, 0, 2000)),
        [0, 1, 2, 3]
    );
    let sorted = Question {
        sort: vec![by(SortKey::Field(Field::Moment), Order::Falling)],
        ..question(Query::All)
    };
    assert_eq!(offsets(&shelves.ask(&sorted).unwrap()), [0, 2, 1, 3]);
    let asked = Question {
        top: 0,
        aggregations: Some(json!({
            "a": { "max": { "field": "@timestamp" }, "aggs": {} },
            "b": { "stats": { "field": "paid" } },
            "c": { "max": { "field": "_offset" } },
        })),
        ..question(Query::All)
    };
    let kinds = shelves.ask(&asked).unwrap().kinds;
    let kind = |name: &str, kind| (name.to_owned(), kind);
    let expected = [
        kind("@timestamp", Kind::Date),
        kind("_offset", Kind::Double),
        kind("paid", Kind::Date),
    ];
    assert_eq!(kinds, Mapping::from(expected));
}
