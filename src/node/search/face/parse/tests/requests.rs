//! Whole requests: pages, orders, sources, highlights, counts and aggregations.

use std::time::Duration;

use serde_json::{Value, json};

use super::NOW;
use crate::node::search::face::parse::source::SourceFilter;
use crate::node::search::face::parse::{
    SearchRequest, count_params, count_request, search_params, search_request,
};
use crate::node::search::face::refusal::Refusal;
use crate::node::search::{Field, Order, Query, SortBy, SortKey};

fn asked(body: &Value, line: &str) -> Result<SearchRequest, Refusal> {
    search_request(body, &search_params(line)?, NOW)
}

fn request(body: &Value, line: &str) -> SearchRequest {
    asked(body, line).unwrap_or_else(|refusal| panic!("{body} {line}: {refusal:?}"))
}

fn reason(body: &Value, line: &str) -> String {
    match asked(body, line) {
        Ok(request) => panic!("{body} {line} is taken for {request:?}"),
        Err(refusal) => refusal.reason().to_owned(),
    }
}

#[test]
fn without_a_word_it_is_the_first_ten_of_all() {
    let request = request(&Value::Null, "");
    assert_eq!(request.question.query, Query::All);
    assert_eq!(
        (request.from, request.size, request.question.top),
        (0, 10, 10)
    );
    assert_eq!(request.count_to(), Some(10_000));
    assert_eq!(request.question.count_to, 10_001);
    assert_eq!(request.source, SourceFilter::All);
    assert_eq!(request.deadline, Duration::from_secs(10));
    assert!(request.partial && request.highlight.is_none() && request.question.sort.is_empty());
}

#[test]
fn parameters_win_over_the_body() {
    let body = json!({ "size": 5, "from": 2, "sort": ["a"], "_source": false, "timeout": "1m", "track_total_hits": false });
    let quiet = request(&body, "");
    assert_eq!((quiet.from, quiet.size, quiet.question.top), (2, 5, 7));
    assert_eq!(quiet.source, SourceFilter::Nothing);
    assert_eq!(quiet.deadline, Duration::from_secs(10));
    assert_eq!(quiet.count_to(), None);
    let line =
        "size=3&from=1&sort=b:desc,_doc&_source=x,y&timeout=20ms&track_total_hits=true&pretty&q=";
    let loud = request(&json!({ "size": 5, "from": 2, "sort": ["a"] }), line);
    assert_eq!((loud.from, loud.size), (1, 3));
    let by = |key, order| SortBy { key, order };
    let field = SortKey::Field(Field::Path(String::from("b")));
    assert_eq!(
        loud.question.sort,
        [by(field, Order::Falling), by(SortKey::Place, Order::Rising)]
    );
    assert_eq!(loud.deadline, Duration::from_millis(20));
    assert_eq!(loud.count_to(), Some(u64::MAX));
    assert_eq!(
        request(&Value::Null, "track_total_hits=7").count_to(),
        Some(7)
    );
}

#[test]
fn the_order_by_score_is_the_usual_one() {
    assert!(
        request(&json!({ "sort": "_score" }), "")
            .question
            .sort
            .is_empty()
    );
    assert_eq!(
        request(&json!({ "sort": [{ "_score": "asc" }] }), "")
            .question
            .sort
            .len(),
        1
    );
    let sort = request(
        &json!({ "sort": [{ "a.keyword": { "order": "desc", "missing": "_last" } }, "_score"] }),
        "",
    );
    assert_eq!(sort.question.sort.len(), 2);
}

#[test]
fn a_highlight_marks_the_query() {
    let body = json!({
        "query": { "match": { "a": "x" } },
        "highlight": { "pre_tags": ["<b>"], "post_tags": "</b>", "fragment_size": 20, "fields": { "a": {}, "*": {} } },
    });
    let highlight = request(&body, "").highlight.unwrap();
    assert_eq!(
        (highlight.before.as_str(), highlight.after.as_str()),
        ("<b>", "</b>")
    );
    assert_eq!((highlight.fragment, highlight.fragments), (20, 5));
    assert_eq!(highlight.fields.len(), 2);
    assert!(matches!(highlight.query, Query::Match { .. }));
    let whole = json!({ "highlight": { "number_of_fragments": 0, "fields": [{ "a": {} }] } });
    assert_eq!(request(&whole, "").highlight.unwrap().fragment, 0);
}

#[test]
fn aggregations_take_the_shape_of_the_index() {
    let body = json!({ "aggs": { "days": {
        "date_histogram": { "field": "_timestamp", "calendar_interval": "day" },
        "aggregations": { "top": { "terms": { "field": "user.keyword", "size": 3 } } },
    } } });
    let aggregations = request(&body, "size=0").question.aggregations.unwrap();
    let days = &aggregations["days"];
    assert_eq!(
        days["date_histogram"],
        json!({ "field": "_timestamp", "fixed_interval": "1d" })
    );
    assert_eq!(days["aggs"]["top"]["terms"]["size"], 3);
    assert_eq!(
        request(&json!({ "aggs": {} }), "").question.aggregations,
        None
    );
}

#[test]
fn a_week_begins_on_monday() {
    let histogram = json!({ "field": "_timestamp", "calendar_interval": "week" });
    let mut weekly = json!({ "aggs": { "weeks": { "date_histogram": histogram } } });
    let aggregations = request(&weekly, "").question.aggregations.unwrap();
    assert_eq!(
        aggregations["weeks"]["date_histogram"],
        json!({ "field": "_timestamp", "fixed_interval": "7d", "offset": "4d" })
    );
    weekly["aggs"]["weeks"]["date_histogram"]["offset"] = json!("1h");
    assert!(reason(&weekly, "").contains("[week] is not served"));
}

/// A body, the parameters, and what the refusal says.
const WRONG: &str = r#"
{"wat": 1} =>  => unknown key [wat]
[] =>  => [search] must be an object
{"size": 10000, "from": 1} =>  => Result window is too large
{"size": -1} =>  => search.size
{"size": "x"} =>  => search.size
{"explain": true} =>  => [explain]
{"sort": [1]} =>  => [sort] must be
{"sort": [{"a": "up"}]} =>  => order [up]
{"sort": [{"a": {"missing": "_first"}}]} =>  => [_first]
{"sort": [{"a": {"mode": "max"}}]} =>  => unknown key [mode]
{"sort": ["a", "a", "a", "a", "a", "a", "a", "a", "a"]} =>  => at most 8
{"_source": 1} =>  => [_source] must be
{"_source": {"wat": []}} =>  => unknown key [wat]
{"track_total_hits": "x"} =>  => track_total_hits
{"timeout": "soon"} =>  => [timeout] [soon]
{"highlight": {}} =>  => needs [fields]
{"highlight": {"fields": {}}} =>  => 1 to 64
{"highlight": {"fields": {"a": {"fragment_size": 1}, "b": {}}}} =>  => cannot differ
{"highlight": {"type": "fvh", "fields": {"a": {}}}} =>  => [fvh]
{"highlight": {"encoder": "html", "fields": {"a": {}}}} =>  => [encoder]
{"aggs": {"a": {}}} =>  => needs a kind
{"aggs": {"a": {"wat": {}}}} =>  => unknown aggregation [wat]
{"aggs": {"a": {"max": {}}}} =>  => [max] needs [field]
{"aggs": {"a": {"max": {"field": "a", "wat": 1}}}} =>  => unknown key [wat]
{"aggs": {"a": {"terms": {"field": "a", "size": 0}}}} =>  => [terms.size]
{"aggs": {"a": {"histogram": {"field": "a", "interval": 0}}}} =>  => [interval]
{"aggs": {"a": {"date_histogram": {"field": "a"}}}} =>  => [fixed_interval]
{"aggs": {"a": {"date_histogram": {"field": "a", "calendar_interval": "month"}}}} =>  => [month]
{"aggs": {"a": {"date_histogram": {"field": "a", "fixed_interval": "0s"}}}} =>  => at least 1ms
{"aggs": {"a[": {"max": {"field": "a"}}}} =>  => name [a[]
{"query": {"match_all": {}}} => q=x => [q] and [query]
null => wat=1 => unrecognized parameter: [wat]
null => size=x => [size]
null => rest_total_hits_as_int=maybe => [rest_total_hits_as_int]
null => search_type=dfs_query_then_fetch => [search_type]
"#;

#[test]
fn what_is_wrong_in_a_request_is_named() {
    for line in WRONG.lines().filter(|line| !line.is_empty()) {
        let parts: Vec<&str> = line.split(" => ").collect();
        let body = serde_json::from_str(parts[0]).unwrap();
        let reason = reason(&body, parts[1]);
        assert!(reason.contains(parts[2]), "{line}: {reason}");
    }
}

#[test]
fn aggregations_are_bounded() {
    let nested = (0..9).fold(
        json!({ "m": { "max": { "field": "a" } } }),
        |inner, _| json!({ "t": { "terms": { "field": "a" }, "aggs": inner } }),
    );
    let deep = reason(&json!({ "aggs": nested }), "");
    assert!(deep.contains("deeper than 8"), "{deep}");
    let many: serde_json::Map<String, Value> = (0..65)
        .map(|n| (n.to_string(), json!({ "max": { "field": "a" } })))
        .collect();
    let many = reason(&json!({ "aggs": many }), "");
    assert!(many.contains("at most 64"), "{many}");
}

#[test]
fn a_count_counts_all() {
    let question = count_request(&Value::Null, &count_params("q=a").unwrap(), NOW).unwrap();
    assert_eq!((question.top, question.count_to), (0, u64::MAX));
    assert!(matches!(question.query, Query::Match { .. }));
    let refused = count_request(&json!({ "size": 1 }), &count_params("").unwrap(), NOW);
    assert!(refused.unwrap_err().reason().contains("unknown key [size]"));
}
