//! Each query of the DSL, each refusal by name, and hostile input.

mod dates;
mod hostile;
mod requests;

use serde_json::{Value, json};

use super::Scope;
use super::query::query;
use crate::node::search::{Edge, Field, Query, Scalar, Words};

/// 2026-03-31T10:20:30.500Z
const NOW: i64 = 1_774_952_430_500;
const DAY: i64 = 86_400_000;

fn parsed(value: &Value) -> Query {
    query(value, &mut Scope::at(NOW)).unwrap_or_else(|refusal| panic!("{value}: {refusal:?}"))
}

fn refused(value: &Value) -> String {
    match query(value, &mut Scope::at(NOW)) {
        Ok(parsed) => panic!("{value} is taken for {parsed:?}"),
        Err(refusal) => refusal.reason().to_owned(),
    }
}

fn line(text: &str) -> Query {
    super::lucene::line(text, None, None, &mut Scope::at(NOW))
        .unwrap_or_else(|refusal| panic!("{text}: {refusal:?}"))
}

fn path(name: &str) -> Field {
    Field::Path(name.to_owned())
}

fn words(field: Field, text: &str) -> Query {
    Query::Match {
        field,
        text: text.to_owned(),
        words: Words::Any,
    }
}

fn word(field: Field, text: &str) -> Query {
    Query::Match {
        field,
        text: text.to_owned(),
        words: Words::Every,
    }
}

fn terms(field: Field, values: &[Scalar]) -> Query {
    Query::Terms {
        field,
        values: values.to_vec(),
    }
}

fn text(text: &str) -> Scalar {
    Scalar::Text(text.to_owned())
}

fn boolean(must: Vec<Query>, should: Vec<Query>, must_not: Vec<Query>) -> Query {
    let at_least = usize::from(must.is_empty());
    Query::Bool {
        must,
        filter: Vec::new(),
        should,
        must_not,
        at_least,
    }
}

#[test]
fn fields_have_names_of_their_own() {
    let field = |name: &str| match parsed(&json!({ "exists": { "field": name } })) {
        Query::Exists { field } => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(field("user.name"), path("user.name"));
    assert_eq!(field("user.keyword"), Field::Whole(String::from("user")));
    assert_eq!(field("_key"), Field::Key);
    assert_eq!(
        field("_headers.trace.id"),
        Field::Header(String::from("trace.id"))
    );
    assert_eq!(field("_partition"), Field::Partition);
    assert_eq!(field("_offset"), Field::Offset);
    assert_eq!(field("_timestamp"), Field::Timestamp);
    assert_eq!(field("@timestamp"), Field::Moment);
    assert_eq!(parsed(&json!({ "exists": { "field": "*" } })), Query::All);
    for name in ["", "_id", "_source", "user.*"] {
        assert!(
            query(&json!({ "exists": { "field": name } }), &mut Scope::at(NOW)).is_err(),
            "{name}"
        );
    }
}

#[test]
fn words_are_matched() {
    assert_eq!(
        parsed(&json!({ "match": { "message": "a b" } })),
        words(path("message"), "a b")
    );
    assert_eq!(
        parsed(&json!({ "match": { "message": { "query": "a b", "operator": "AND" } } })),
        word(path("message"), "a b")
    );
    assert_eq!(
        parsed(&json!({ "match": { "status": 404 } })),
        terms(path("status"), &[Scalar::Whole(404)])
    );
    assert_eq!(
        parsed(&json!({ "match": { "_offset": "404" } })),
        terms(Field::Offset, &[Scalar::Whole(404)])
    );
    assert_eq!(
        parsed(&json!({ "match_phrase": { "message": { "query": "a b", "slop": 2 } } })),
        Query::Phrase {
            field: path("message"),
            text: String::from("a b"),
            slop: 2
        }
    );
    let phrase = |field| Query::Phrase {
        field,
        text: String::from("a b"),
        slop: 0,
    };
    assert_eq!(
        parsed(
            &json!({ "multi_match": { "query": "a b", "fields": ["x", "y"], "type": "phrase" } })
        ),
        Query::Best(vec![phrase(path("x")), phrase(path("y"))])
    );
    assert_eq!(
        parsed(&json!({ "multi_match": { "query": "a" } })),
        words(Field::Everything, "a")
    );
    let heavy = Query::Boosted {
        query: Box::new(words(path("x"), "a")),
        by: 2.0,
    };
    assert_eq!(
        parsed(&json!({ "multi_match": { "query": "a", "fields": ["x^2", "y"] } })),
        Query::Best(vec![heavy, words(path("y"), "a")])
    );
}

#[test]
fn values_are_compared() {
    assert_eq!(
        parsed(&json!({ "term": { "a": "x" } })),
        terms(path("a"), &[text("x")])
    );
    assert_eq!(
        parsed(&json!({ "term": { "a": { "value": 1.5, "boost": 2 } } })),
        Query::Boosted {
            query: Box::new(terms(path("a"), &[Scalar::Fraction(1.5)])),
            by: 2.0
        }
    );
    assert_eq!(
        parsed(&json!({ "term": { "a": "7" } })),
        terms(path("a"), &[text("7")])
    );
    assert_eq!(
        parsed(&json!({ "term": { "a.keyword": "7" } })),
        terms(Field::Whole(String::from("a")), &[text("7")])
    );
    assert_eq!(
        parsed(&json!({ "terms": { "_partition": [0, "2"], "boost": 1 } })),
        terms(Field::Partition, &[Scalar::Whole(0), Scalar::Whole(2)])
    );
    assert_eq!(
        parsed(&json!({ "term": { "ok": true } })),
        terms(path("ok"), &[Scalar::Truth(true)])
    );
    assert_eq!(parsed(&json!({ "terms": { "a": [] } })), Query::Nothing);
}

#[test]
fn ranges_round_as_they_are_meant() {
    let day = |day: i64| Scalar::Moment(day * DAY);
    let range = |bounds: Value| parsed(&json!({ "range": { "_timestamp": bounds } }));
    let expected = |lower, upper| Query::Range {
        field: Field::Timestamp,
        lower,
        upper,
    };
    assert_eq!(
        range(json!({ "gte": "1970-01-02", "lt": "1970-01-03" })),
        expected(Edge::Including(day(1)), Edge::Excluding(day(2)))
    );
    assert_eq!(
        range(json!({ "gt": "1970-01-02", "lte": "1970-01-03" })),
        expected(
            Edge::Excluding(Scalar::Moment(2 * DAY - 1)),
            Edge::Including(Scalar::Moment(3 * DAY - 1))
        )
    );
    assert_eq!(
        range(json!({ "gte": "now-1h" })),
        expected(Edge::Including(Scalar::Moment(NOW - 3_600_000)), Edge::Open)
    );
    assert_eq!(
        range(json!({ "gte": 5 })),
        expected(Edge::Including(Scalar::Moment(5)), Edge::Open)
    );
    let range = |bounds: Value| parsed(&json!({ "range": { "a": bounds } }));
    let expected = |lower| Query::Range {
        field: path("a"),
        lower: Edge::Including(lower),
        upper: Edge::Open,
    };
    assert_eq!(range(json!({ "gte": 5 })), expected(Scalar::Whole(5)));
    assert_eq!(range(json!({ "gte": "5" })), expected(Scalar::Whole(5)));
    assert_eq!(range(json!({ "gte": "m" })), expected(text("m")));
    assert_eq!(
        range(json!({ "gte": "now" })),
        expected(Scalar::Moment(NOW))
    );
    assert_eq!(range(json!({ "gte": "1970-01-02" })), expected(day(1)));
}

#[test]
fn patterns_are_in_the_case_of_the_index() {
    assert_eq!(
        parsed(&json!({ "prefix": { "a": "Ab" } })),
        Query::Prefix {
            field: path("a"),
            prefix: String::from("ab")
        }
    );
    assert_eq!(
        parsed(&json!({ "prefix": { "a.keyword": { "value": "Ab" } } })),
        Query::Prefix {
            field: Field::Whole(String::from("a")),
            prefix: String::from("Ab")
        }
    );
    assert_eq!(
        parsed(&json!({ "wildcard": { "a": "W?b-*" } })),
        Query::Wildcard {
            field: path("a"),
            pattern: String::from("w?b-*")
        }
    );
    assert_eq!(
        parsed(&json!({ "regexp": { "a": "ab+c" } })),
        Query::Regexp {
            field: path("a"),
            pattern: String::from("ab+c")
        }
    );
}

#[test]
fn combinations_nest() {
    let all = json!({ "match_all": {} });
    let expected = |at_least| Query::Bool {
        must: vec![Query::All],
        filter: vec![Query::Nothing],
        should: vec![Query::All, Query::All, Query::All, Query::All],
        must_not: vec![Query::Nothing],
        at_least,
    };
    let none = json!({ "match_none": {} });
    let asked = |minimum: Value| {
        json!({ "bool": {
            "must": all, "filter": [none], "should": [all, all, all, all], "must_not": none,
            "minimum_should_match": minimum,
        } })
    };
    for (minimum, at_least) in [
        (json!(2), 2),
        (json!(-1), 3),
        (json!("75%"), 3),
        (json!("-25%"), 3),
        (json!("1"), 1),
        (json!(9), 5),
        (json!(-9), 0),
        (Value::Null, 0),
    ] {
        assert_eq!(
            parsed(&asked(minimum.clone())),
            expected(at_least),
            "{minimum}"
        );
    }
    let should = parsed(&json!({ "bool": { "should": [all] } }));
    assert!(matches!(should, Query::Bool { at_least: 1, .. }));
    assert_eq!(parsed(&json!({ "bool": {} })), Query::All);
    assert_eq!(
        parsed(&json!({ "dis_max": { "queries": [all, none] } })),
        Query::Best(vec![Query::All, Query::Nothing])
    );
    let constant = parsed(&json!({ "constant_score": { "filter": none, "boost": 3 } }));
    assert!(matches!(constant, Query::Boosted { by, .. } if by > 2.9));
}

#[test]
fn ids_are_places() {
    let one = parsed(&json!({ "ids": { "values": ["1-20", "nonsense", "1--2"] } }));
    let Query::Bool { filter, .. } = one else {
        panic!("{one:?}");
    };
    assert_eq!(
        filter,
        [
            terms(Field::Partition, &[Scalar::Whole(1)]),
            terms(Field::Offset, &[Scalar::Whole(20)])
        ]
    );
    assert_eq!(parsed(&json!({ "ids": { "values": [] } })), Query::Nothing);
}

#[test]
fn a_line_is_read_as_lucene_reads_it() {
    let everywhere = |text: &str| word(Field::Everything, text);
    let (a, b, c) = (everywhere("a"), everywhere("b"), everywhere("c"));
    assert_eq!(line("a"), a);
    assert_eq!(
        line("a b"),
        boolean(vec![], vec![a.clone(), b.clone()], vec![])
    );
    assert_eq!(line("a OR b"), line("a || b"));
    assert_eq!(
        line("a AND b"),
        boolean(vec![a.clone(), b.clone()], vec![], vec![])
    );
    assert_eq!(line("a AND b"), line("a && b"));
    assert_eq!(
        line("+a -b"),
        boolean(vec![a.clone()], vec![], vec![b.clone()])
    );
    assert_eq!(
        line("a AND NOT b"),
        boolean(vec![a.clone()], vec![], vec![b.clone()])
    );
    assert_eq!(
        line("NOT b"),
        boolean(vec![Query::All], vec![], vec![b.clone()])
    );
    let inner = boolean(vec![], vec![b, c], vec![]);
    assert_eq!(
        line("a AND (b OR c)"),
        boolean(vec![a.clone(), inner], vec![], vec![])
    );
    assert_eq!(
        line("a^2"),
        Query::Boosted {
            query: Box::new(a),
            by: 2.0
        }
    );
    assert_eq!(line("it's"), everywhere("it's"));
    assert_eq!(line("x:a"), word(path("x"), "a"));
    assert_eq!(
        line("x:(a b)"),
        boolean(
            vec![],
            vec![word(path("x"), "a"), word(path("x"), "b")],
            vec![]
        )
    );
    assert_eq!(line("t:10\\:30"), word(path("t"), "10:30"));
    assert_eq!(line("*"), Query::All);
    assert_eq!(line("*:*"), Query::All);
    assert_eq!(line("x:*"), Query::Exists { field: path("x") });
    assert_eq!(line("_exists_:x"), Query::Exists { field: path("x") });
    assert_eq!(line(""), Query::Nothing);
}

#[test]
fn a_line_has_phrases_patterns_and_ranges() {
    let phrase = |slop| Query::Phrase {
        field: Field::Everything,
        text: String::from("a \"b"),
        slop,
    };
    assert_eq!(line("\"a \\\"b\"~3"), phrase(3));
    assert_eq!(line("\"a \\\"b\""), phrase(0));
    assert_eq!(
        line("x:Ab*"),
        Query::Prefix {
            field: path("x"),
            prefix: String::from("ab")
        }
    );
    assert_eq!(
        line("x:a?b*"),
        Query::Wildcard {
            field: path("x"),
            pattern: String::from("a?b*")
        }
    );
    assert_eq!(line("x:a\\*"), word(path("x"), "a*"));
    assert_eq!(
        line("x:/a\\/b/"),
        Query::Regexp {
            field: path("x"),
            pattern: String::from("a/b")
        }
    );
    let range = |lower, upper| Query::Range {
        field: path("x"),
        lower,
        upper,
    };
    let whole = Scalar::Whole;
    assert_eq!(
        line("x:[1 TO 5}"),
        range(Edge::Including(whole(1)), Edge::Excluding(whole(5)))
    );
    assert_eq!(
        line("x:{* TO 5]"),
        range(Edge::Open, Edge::Including(whole(5)))
    );
    assert_eq!(line("x:>5"), range(Edge::Excluding(whole(5)), Edge::Open));
    assert_eq!(line("x:<=5"), range(Edge::Open, Edge::Including(whole(5))));
    let since = Query::Range {
        field: Field::Timestamp,
        lower: Edge::Including(Scalar::Moment(NOW - DAY)),
        upper: Edge::Open,
    };
    assert_eq!(line("_timestamp:[now-1d TO *]"), since);
}

#[test]
fn a_default_operator_and_fields_can_be_said() {
    let asked = json!({ "query_string": { "query": "a b", "fields": ["x", "y"], "default_operator": "and" } });
    let best = |text| Query::Best(vec![word(path("x"), text), word(path("y"), text)]);
    assert_eq!(
        parsed(&asked),
        boolean(vec![best("a"), best("b")], vec![], vec![])
    );
    let asked = json!({ "query_string": { "query": "a OR b", "default_field": "x", "default_operator": "and" } });
    let either = boolean(
        vec![],
        vec![word(path("x"), "a"), word(path("x"), "b")],
        vec![],
    );
    assert_eq!(parsed(&asked), either);
}

/// A query, and what its refusal says.
const WRONG: &str = r#"
{"wat": {}} => unknown query [wat]
{} => [query] is empty
{"match": {}, "term": {}} => is a second
[] => [query] must be an object
{"match": {"a": {"query": "x", "wat": 1}}} => unknown key [wat]
{"match": {"a": {"query": "x", "operator": "xor"}}} => operator [xor]
{"match": {"a": []}} => [match] must be
{"match_phrase": {"a": {"query": "x", "slop": -1}}} => match_phrase.slop
{"match_phrase": {"a": {"query": "x", "slop": 9999}}} => [slop]
{"multi_match": {"fields": ["a"]}} => needs [query]
{"multi_match": {"query": "x", "type": "cross_fields"}} => [cross_fields]
{"multi_match": {"query": "x", "fields": ["a^b"]}} => [a^]
{"term": {"a": null}} => must be a string
{"term": {"_offset": "x"}} => not a whole number
{"terms": {"a": "x"}} => [terms] must be an array
{"terms": {"a": [], "b": []}} => [terms] takes one field
{"range": {"a": {"gte": 1, "gt": 1}}} => [gte] or [gt]
{"range": {"a": {"from": 1}}} => unknown key [from]
{"range": {"a": {"gte": 1, "format": "yyyy"}}} => [yyyy]
{"range": {"_timestamp": {"gte": "soon"}}} => failed to parse date [soon]
{"regexp": {"a": "("}} => no regular expression
{"exists": {}} => needs [field]
{"ids": {}} => needs [values]
{"bool": {"musts": []}} => unknown key [musts]
{"bool": {"minimum_should_match": "x%"}} => minimum_should_match
{"bool": {"must": [1]}} => [query] must be an object
{"dis_max": {"queries": []}} => [dis_max] needs
{"constant_score": {}} => needs [filter]
{"query_string": {}} => needs [query]
{"query_string": {"query": "a~"}} => [a~]
{"query_string": {"query": "(a"}} => [)] is missing before the end
{"query_string": {"query": "a)"}} => is too much
{"query_string": {"query": "\"a"}} => a closing ["]
{"query_string": {"query": "a AND"}} => a word is missing
{"query_string": {"query": "x:[1 5]"}} => TO is missing
{"query_string": {"query": "x:"}} => a word is missing
{"query_string": {"query": "a^x"}} => a number (boost)
{"query_string": {"query": "_id:x"}} => [_id]
"#;

#[test]
fn what_is_wrong_is_named() {
    for line in WRONG.lines().filter(|line| !line.is_empty()) {
        let (value, named) = line.split_once(" => ").unwrap();
        let reason = refused(&serde_json::from_str(value).unwrap());
        assert!(reason.contains(named), "{line}: {reason}");
    }
}
