//! Nothing that is sent makes the parsers panic, recurse without an end or take long.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{NOW, refused};
use crate::node::search::face::parse::lucene;
use crate::node::search::face::parse::query::query;
use crate::node::search::face::parse::{Params, Scope, search_params, search_request};

fn nested(depth: usize) -> Value {
    (0..depth).fold(
        json!({ "match_all": {} }),
        |inner, _| json!({ "bool": { "must": inner } }),
    )
}

fn line(
    text: &str,
) -> Result<crate::node::search::Query, crate::node::search::face::refusal::Refusal> {
    lucene::line(text, None, None, &mut Scope::at(NOW))
}

#[test]
fn depth_is_bounded() {
    assert!(query(&nested(63), &mut Scope::at(NOW)).is_ok());
    assert!(refused(&nested(64)).contains("deeper than 64"));
    let parens = |count: usize| format!("{}a{}", "(".repeat(count), ")".repeat(count));
    assert!(line(&parens(63)).is_ok());
    for text in [
        parens(64),
        parens(1000),
        "(".repeat(1000),
        "a:(".repeat(1000),
    ] {
        let refused = line(&text).unwrap_err();
        assert!(
            refused.reason().contains("deeper than 64"),
            "{}",
            refused.reason()
        );
    }
}

#[test]
fn clauses_are_bounded() {
    let clauses = |count: usize| {
        let all = json!({ "match_all": {} });
        json!({ "bool": { "should": vec![all; count] } })
    };
    assert!(query(&clauses(1023), &mut Scope::at(NOW)).is_ok());
    assert!(refused(&clauses(1024)).contains("more than 1024 clauses"));
    let refused = line(&"a ".repeat(1024)).unwrap_err();
    assert!(refused.reason().contains("more than 1024 clauses"));
}

#[test]
fn size_is_bounded() {
    let refused = line(&"a".repeat(17 << 10)).unwrap_err();
    assert!(refused.reason().contains("at most 16384 bytes"));
    assert!(Params::read(&"a".repeat(65 << 10), &[&["a"]]).is_err());
    let wide = json!({ "wildcard": { "a": "*".repeat(1001) } });
    assert!(super::refused(&wide).contains("at most 1000 characters"));
}

#[test]
fn expressions_that_explode_are_refused() {
    for pattern in [
        "(a{1000}){1000}",
        "((a{100}){100}){100}",
        &"(".repeat(500),
        "(?i)\\w{900}",
    ] {
        let reason = refused(&json!({ "regexp": { "a": pattern } }));
        assert!(reason.contains("[regexp]"), "{reason}");
    }
}

/// JSON as a query might have it, wrong as often as right.
fn anything() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec![
        "bool",
        "must",
        "should",
        "match",
        "term",
        "terms",
        "range",
        "gte",
        "lt",
        "query",
        "value",
        "query_string",
        "ids",
        "values",
        "exists",
        "field",
        "regexp",
        "prefix",
        "wildcard",
        "boost",
        "dis_max",
        "queries",
        "minimum_should_match",
        "message",
        "_offset",
        "_timestamp",
        "size",
        "from",
        "sort",
        "highlight",
        "fields",
        "aggs",
        "max",
        "date_histogram",
        "_source",
        "wat",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        prop::sample::select(vec![
            "now-1d/d",
            "2026-01-01||+1M",
            "75%",
            "a AND (b",
            "1-2",
            "desc",
            "*"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 48, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..3).prop_map(|fields| {
                Value::Object(
                    fields
                        .into_iter()
                        .map(|(name, value)| (name.to_owned(), value))
                        .collect(),
                )
            }),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_is_a_query_or_an_error(text in any::<String>()) {
        drop(line(&text));
    }

    #[test]
    fn any_soup_of_operators_is_a_query_or_an_error(
        parts in prop::collection::vec(prop::sample::select(vec![
            "a", "x:", "(", ")", "[", "]", "{", "}", " ", "TO", "AND", "OR", "NOT", "&&", "||", "!",
            "+", "-", "\"", "/", "\\", "*", "?", "~", "^", "2", ">", "<", "=", "_exists_:", "é", "now",
        ]), 0..40)
    ) {
        drop(line(&parts.concat()));
    }

    #[test]
    fn any_json_is_a_query_or_an_error(value in anything()) {
        drop(query(&value, &mut Scope::at(NOW)));
        let params = search_params("").expect("no parameters are parameters");
        drop(search_request(&value, &params, NOW));
    }

    #[test]
    fn any_bytes_are_parameters_or_an_error(line in any::<String>()) {
        if let Ok(params) = search_params(&line) {
            drop(search_request(&Value::Null, &params, NOW));
        }
    }
}
