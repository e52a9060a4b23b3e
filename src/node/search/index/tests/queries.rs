//! Each kind of query on each kind of field.

use super::*;
use crate::node::search::question::Edge;

const DOCUMENTS: [&str; 8] = [
    r#"{"user":{"name":"Ada Lovelace","age":36},"ok":true,"at":"2026-01-02T03:04:05.250Z"}"#,
    r#"{"user":{"name":"Alan Turing","age":41},"ok":false,"tags":["logic","Code Breaking"]}"#,
    r#"{"user":{"name":"Ada Byron","age":7.5},"at":"2026-02-01"}"#,
    "a plain line: error 404 at /index.html",
    "another plain line without trouble",
    r#"{"message":"the quick brown fox jumps","level":"warn"}"#,
    r#"{"message":"the quick red fox","level":"WARN","size":9007199254740993}"#,
    r#"["no","object"]"#,
];

fn shelves() -> Shelves {
    Shelves::of(&DOCUMENTS)
}

#[test]
fn words_are_found_in_a_field_and_everywhere() {
    let shelves = shelves();
    assert_eq!(shelves.find(any_of(path("user.name"), "ADA")), [0, 2]);
    assert_eq!(
        shelves.find(any_of(path("user.name"), "ada turing")),
        [0, 1, 2]
    );
    assert_eq!(shelves.find(every_of(path("user.name"), "ada byron")), [2]);
    assert_eq!(shelves.find(any_of(path("message"), "ada")), [0_i64; 0]);
    assert_eq!(
        shelves.find(any_of(Field::Everything, "ada error")),
        [0, 2, 3]
    );
    assert_eq!(shelves.find(any_of(path("message"), "plain")), [3, 4]);
    assert_eq!(shelves.find(any_of(path("tags"), "breaking")), [1]);
    assert_eq!(shelves.find(any_of(Field::Everything, "object")), [7]);
    assert_eq!(shelves.find(any_of(Field::Everything, "41")), [1]);
    assert_eq!(shelves.find(any_of(Field::Everything, "...")), [0_i64; 0]);
    assert_eq!(shelves.find(Query::All).len(), 8);
    assert_eq!(shelves.find(Query::Nothing).len(), 0);
}

#[test]
fn phrases_have_an_order_and_a_slop() {
    let shelves = shelves();
    let phrase = |text: &str, slop| Query::Phrase {
        field: path("message"),
        text: text.to_owned(),
        slop,
    };
    assert_eq!(shelves.find(phrase("quick brown", 0)), [5]);
    assert_eq!(shelves.find(phrase("brown quick", 0)), [0_i64; 0]);
    assert_eq!(shelves.find(phrase("quick fox", 0)), [0_i64; 0]);
    assert_eq!(shelves.find(phrase("quick fox", 1)), [5, 6]);
    assert_eq!(shelves.find(phrase("fox", 0)), [5, 6]);
    let everywhere = Query::Phrase {
        field: Field::Everything,
        text: "plain line".to_owned(),
        slop: 0,
    };
    assert_eq!(shelves.find(everywhere), [3, 4]);
}

#[test]
fn values_are_found_as_they_are() {
    let shelves = shelves();
    assert_eq!(shelves.find(term(path("user.name"), "ada")), [0, 2]);
    assert_eq!(shelves.find(term(path("user.name"), "Ada")), [0_i64; 0]);
    assert_eq!(shelves.find(term(whole("user.name"), "Ada Lovelace")), [0]);
    assert_eq!(
        shelves.find(term(whole("user.name"), "ada lovelace")),
        [0_i64; 0]
    );
    assert_eq!(shelves.find(term(whole("tags"), "Code Breaking")), [1]);
    assert_eq!(shelves.find(term(whole("nowhere"), "x")), [0_i64; 0]);
    assert_eq!(shelves.find(term(path("user.age"), 41)), [1]);
    assert_eq!(
        shelves.find(term(path("user.age"), Scalar::Fraction(36.0))),
        [0]
    );
    assert_eq!(
        shelves.find(term(path("user.age"), Scalar::Fraction(7.5))),
        [2]
    );
    assert_eq!(shelves.find(term(path("user.age"), "41")), [1]);
    assert_eq!(shelves.find(term(path("ok"), Scalar::Truth(false))), [1]);
    assert_eq!(shelves.find(term(path("ok"), "true")), [0]);
    assert_eq!(shelves.find(term(path("size"), 9_007_199_254_740_993)), [6]);
    assert_eq!(
        shelves.find(term(path("size"), 9_007_199_254_740_992)),
        [0_i64; 0]
    );
    let moment = Scalar::Moment(1_767_323_045_250);
    assert_eq!(shelves.find(term(path("at"), moment)), [0]);
    assert_eq!(shelves.find(term(path("at"), "2026-02-01")), [2]);
    let several = Query::Terms {
        field: whole("level"),
        values: vec!["warn".into(), "WARN".into(), "info".into()],
    };
    assert_eq!(shelves.find(several), [5, 6]);
}

fn range(field: Field, lower: Edge, upper: Edge) -> Query {
    Query::Range {
        field,
        lower,
        upper,
    }
}

fn from(value: impl Into<Scalar>) -> Edge {
    Edge::Including(value.into())
}

fn beyond(value: impl Into<Scalar>) -> Edge {
    Edge::Excluding(value.into())
}

#[test]
fn ranges_are_of_numbers_moments_and_text() {
    let shelves = shelves();
    let age = |lower, upper| range(path("user.age"), lower, upper);
    assert_eq!(shelves.find(age(from(36), Edge::Open)), [0, 1]);
    assert_eq!(shelves.find(age(beyond(36), Edge::Open)), [1]);
    assert_eq!(
        shelves.find(age(Edge::Open, beyond(Scalar::Fraction(7.6)))),
        [2]
    );
    assert_eq!(shelves.find(age(from("7"), from("36"))), [0, 2]);
    assert_eq!(shelves.find(age(Edge::Open, Edge::Open)), [0, 1, 2]);
    let at = |lower, upper| range(path("at"), lower, upper);
    assert_eq!(shelves.find(at(from("2026-01-15"), Edge::Open)), [2]);
    assert_eq!(
        shelves.find(at(from(Scalar::Moment(0)), from("2026-01-31T00:00:00Z"))),
        [0]
    );
    let name = |lower, upper| range(whole("user.name"), lower, upper);
    assert_eq!(
        shelves.find(name(from("Ada C"), beyond("Alan Turing"))),
        [0]
    );
    let mixed = age(from(Scalar::Truth(true)), from(1));
    assert!(matches!(shelves.refuses(mixed), SearchError::Invalid(_)));
    let all = range(Field::Everything, from(1), Edge::Open);
    assert!(matches!(shelves.refuses(all), SearchError::Invalid(_)));
}

#[test]
fn digits_are_found_as_numbers_and_as_moments() {
    let shelves = Shelves::of(&[
        r#"{"when":"2024-01-10T12:00:00Z","price":-15.375}"#,
        r#"{"when":1704888000000,"price":15}"#,
        r#"{"when":"2025-06-01","price":2024}"#,
        r#"{"when":"soon"}"#,
    ]);
    let noon = 1_704_888_000_000;
    let range = |lower, upper| range(path("when"), lower, upper);
    let found = shelves.find(range(from(noon), Edge::Open));
    assert_eq!(found, [0, 1, 2]);
    assert_eq!(shelves.find(range(from(noon), from(noon))), [0, 1]);
    assert_eq!(shelves.find(range(beyond(noon), Edge::Open)), [2]);
    assert_eq!(shelves.find(range(from(noon), from(5))), [0_i64; 0]);
    assert_eq!(shelves.find(term(path("when"), noon)), [0, 1]);
    assert_eq!(shelves.find(term(path("price"), 2024)), [2]);
    let phrase = |name: &str, text: &str| Query::Phrase {
        field: path(name),
        text: text.to_owned(),
        slop: 0,
    };
    assert_eq!(shelves.find(phrase("price", "-15.375")), [0]);
    assert_eq!(shelves.find(phrase("when", "2024-01-10T12:00:00Z")), [0]);
    assert_eq!(
        shelves.find(phrase("when", "2024-01-10T13:00:00+01:00")),
        [0]
    );
}

#[test]
fn the_end_of_time_is_said() {
    let shelves = shelves();
    let far = Edge::Including(Scalar::Moment(i64::MAX / 1_000_000 + 1));
    let words = shelves
        .refuses(range(path("at"), far, Edge::Open))
        .to_string();
    assert!(words.contains("2262"), "{words}");
    let truth = Edge::Including(Scalar::Truth(true));
    let words = shelves
        .refuses(range(path("ok"), truth, Edge::Open))
        .to_string();
    assert!(words.contains("have no order"), "{words}");
}

#[test]
fn records_are_found_by_where_they_are() {
    let shelves = shelves();
    assert_eq!(shelves.find(term(Field::Offset, 3)), [3]);
    assert_eq!(
        shelves.find(range(Field::Offset, beyond(2), from(5))),
        [3, 4, 5]
    );
    assert_eq!(
        shelves.find(range(Field::Offset, from(6), Edge::Open)),
        [6, 7]
    );
    assert_eq!(
        shelves.find(range(Field::Offset, from(6), from(2))),
        [0_i64; 0]
    );
    assert_eq!(shelves.find(term(Field::Partition, 3)).len(), 8);
    assert_eq!(shelves.find(term(Field::Partition, 4)), [0_i64; 0]);
    assert_eq!(
        shelves
            .find(term(Field::Timestamp, Scalar::Moment(1000)))
            .len(),
        8
    );
    assert_eq!(
        shelves.find(range(Field::Timestamp, beyond(1000), Edge::Open)),
        [0_i64; 0]
    );
    let wrong = shelves.refuses(any_of(Field::Offset, "seven"));
    assert!(matches!(wrong, SearchError::Invalid(_)));
}

#[test]
fn keys_and_headers_are_found_as_they_were_sent() {
    let mut shelves = Shelves::new();
    let header = |name: &'static str, value: &'static str| -> Header {
        (Bytes::from(name), Some(Bytes::from(value)))
    };
    let headers = [
        header("trace.id", "Abc-1"),
        header("kind", "x"),
        header("kind", "y"),
    ];
    shelves.push_record(Some(b"Order 17"), Some(b"first"), &headers);
    shelves.push_record(Some(&[0xff, 0xfe]), Some(b"second"), &[]);
    shelves.push_record(Some(b"Order 18"), None, &[header("kind", "z")]);
    shelves.settle();
    assert_eq!(shelves.find(term(Field::Key, "Order 17")), [0]);
    assert_eq!(shelves.find(term(Field::Key, "order 17")), [0_i64; 0]);
    assert_eq!(shelves.find(any_of(Field::Everything, "order")), [0, 2]);
    assert_eq!(shelves.find(any_of(Field::Everything, "abc")), [0]);
    let trace = Field::Header("trace.id".to_owned());
    assert_eq!(shelves.find(term(trace, "Abc-1")), [0]);
    let kind = || Field::Header("kind".to_owned());
    assert_eq!(shelves.find(term(kind(), "y")), [0]);
    assert_eq!(shelves.find(Query::Exists { field: kind() }), [0, 2]);
    assert_eq!(shelves.find(Query::Exists { field: Field::Key }), [0, 2]);
    let prefix = Query::Prefix {
        field: Field::Key,
        prefix: "Order".to_owned(),
    };
    assert_eq!(shelves.find(prefix), [0, 2]);
}

#[test]
fn beginnings_and_patterns_stand_for_words() {
    let shelves = shelves();
    let prefix = |field: Field, prefix: &str| Query::Prefix {
        field,
        prefix: prefix.to_owned(),
    };
    let wildcard = |field: Field, pattern: &str| Query::Wildcard {
        field,
        pattern: pattern.to_owned(),
    };
    let regexp = |field: Field, pattern: &str| Query::Regexp {
        field,
        pattern: pattern.to_owned(),
    };
    assert_eq!(shelves.find(prefix(path("user.name"), "love")), [0]);
    assert_eq!(shelves.find(prefix(path("user.name"), "quick")), [0_i64; 0]);
    assert_eq!(shelves.find(prefix(Field::Everything, "trou")), [4]);
    assert_eq!(shelves.find(prefix(whole("user.name"), "Ada")), [0, 2]);
    assert_eq!(shelves.find(wildcard(path("message"), "qu*k")), [5, 6]);
    assert_eq!(shelves.find(wildcard(path("message"), "?ox")), [5, 6]);
    assert_eq!(
        shelves.find(wildcard(whole("user.name"), "*a* T?ring")),
        [1]
    );
    assert_eq!(shelves.find(regexp(path("message"), "bro..|red")), [5, 6]);
    assert_eq!(shelves.find(regexp(path("message"), "bro")), [0_i64; 0]);
    assert_eq!(shelves.find(regexp(whole("level"), "(?i)warn")), [5, 6]);
    let bad = shelves.refuses(regexp(path("message"), "(("));
    assert!(matches!(bad, SearchError::Invalid(_)));
    let number = shelves.refuses(prefix(Field::Offset, "1"));
    assert!(matches!(number, SearchError::Invalid(_)));
}

#[test]
fn a_field_exists_where_it_has_a_value() {
    let long = format!(
        r#"{{"text":{{"long":"{}"}},"nothing":null}}"#,
        "long ".repeat(100)
    );
    let mut shelves = shelves();
    shelves.push(&[&long]);
    shelves.settle();
    let exists = |field: Field| Query::Exists { field };
    assert_eq!(shelves.find(exists(path("user"))), [0, 1, 2]);
    assert_eq!(shelves.find(exists(path("at"))), [0, 2]);
    assert_eq!(shelves.find(exists(path("text.long"))), [8]);
    assert_eq!(shelves.find(exists(path("text"))), [8]);
    assert_eq!(shelves.find(exists(path("nothing"))), [0_i64; 0]);
    assert_eq!(shelves.find(exists(Field::Everything)).len(), 9);
}

#[test]
fn queries_are_combined() {
    let shelves = shelves();
    let ada = || any_of(path("user.name"), "ada");
    let byron = || any_of(path("user.name"), "byron");
    let quick = || any_of(path("message"), "quick");
    let all = |must: Vec<Query>, should: Vec<Query>, must_not: Vec<Query>, at_least| Query::Bool {
        must,
        filter: Vec::new(),
        should,
        must_not,
        at_least,
    };
    assert_eq!(
        shelves.find(all(vec![ada()], vec![], vec![byron()], 0)),
        [0]
    );
    assert_eq!(
        shelves.find(all(vec![], vec![ada(), quick()], vec![], 1)),
        [0, 2, 5, 6]
    );
    assert_eq!(
        shelves.find(all(vec![], vec![ada(), byron()], vec![], 2)),
        [2]
    );
    assert_eq!(
        shelves.find(all(vec![], vec![ada()], vec![], 2)),
        [0_i64; 0]
    );
    assert_eq!(
        shelves.find(all(vec![ada()], vec![quick()], vec![], 0)),
        [0, 2]
    );
    assert_eq!(
        shelves.find(all(vec![], vec![], vec![ada()], 0)),
        [1, 3, 4, 5, 6, 7]
    );
    assert_eq!(shelves.find(all(vec![], vec![], vec![], 0)).len(), 8);
    let filter = Query::Bool {
        must: Vec::new(),
        filter: vec![ada()],
        should: Vec::new(),
        must_not: Vec::new(),
        at_least: 0,
    };
    assert_eq!(shelves.find(filter.clone()), [0, 2]);
    let found = shelves.ask(&question(filter)).unwrap();
    assert!(found.hits.iter().all(|hit| hit.score == Some(0.0)));
    assert_eq!(
        shelves.find(Query::Best(vec![ada(), quick()])),
        [0, 2, 5, 6]
    );
    let boosted = Query::Boosted {
        query: Box::new(ada()),
        by: 2.0,
    };
    let best = |query| {
        shelves.ask(&question(query)).unwrap().hits[0]
            .score
            .unwrap()
    };
    assert!((best(boosted) - 2.0 * best(ada())).abs() < 0.001);
}

#[test]
fn what_takes_too_much_is_refused() {
    let mut shelves = shelves();
    let mut deep = Query::All;
    for _ in 0..100 {
        deep = Query::Best(vec![deep]);
    }
    assert!(matches!(shelves.refuses(deep), SearchError::TooMuch(_)));
    let wide = Query::Best(vec![Query::All; 5000]);
    assert!(matches!(shelves.refuses(wide), SearchError::TooMuch(_)));
    let pattern = |pattern: String| Query::Regexp {
        field: path("message"),
        pattern,
    };
    let large = pattern("(a{1000}){1000}".to_owned());
    assert!(matches!(shelves.refuses(large), SearchError::TooMuch(_)));
    let long = pattern("a".repeat(2000));
    assert!(matches!(shelves.refuses(long), SearchError::TooMuch(_)));
    let words: Vec<String> = (0..22_000).map(|n| format!("many{n}")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    shelves.push(&words);
    shelves.settle();
    let many = Query::Prefix {
        field: path("message"),
        prefix: "many".to_owned(),
    };
    assert!(matches!(shelves.refuses(many), SearchError::TooMuch(_)));
    let top = Question {
        top: 10_001,
        ..question(Query::All)
    };
    assert!(matches!(shelves.ask(&top), Err(SearchError::TooMuch(_))));
}

#[test]
fn a_search_ends_at_its_deadline() {
    let mut shelves = Shelves::new();
    shelves.push_many(5000);
    shelves.settle();
    let late = shelves.ask_until(&question(Query::All), Instant::now());
    assert_eq!(late.err(), Some(SearchError::TimedOut));
}
