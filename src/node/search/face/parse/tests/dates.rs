//! Texts and numbers that may be moments.

use serde_json::{Value, json};

use super::*;
use crate::node::search::face::parse::moment::{Rounding, of_text};

/// The range between two moments of a field.
fn moments(field: Field, first: &str, last: &str) -> Query {
    let ms = |text: &str| match of_text(text, NOW, Rounding::Down) {
        Ok(ms) => Edge::Including(Scalar::Moment(ms)),
        Err(refusal) => panic!("{text}: {refusal:?}"),
    };
    Query::Range {
        field,
        lower: ms(first),
        upper: ms(last),
    }
}

#[test]
fn a_day_or_a_month_means_all_of_it() {
    let day = |field| moments(field, "2024-01-10", "2024-01-10T23:59:59.999Z");
    assert_eq!(
        parsed(&json!({ "term": { "_timestamp": "2024-01-10" } })),
        day(Field::Timestamp)
    );
    assert_eq!(line("@timestamp:2024-01-10"), day(Field::Moment));
    let both = |own| boolean(vec![], vec![own, day(path("when"))], vec![]);
    assert_eq!(
        parsed(&json!({ "terms": { "when": ["2024-01-10"] } })),
        both(terms(path("when"), &[text("2024-01-10")]))
    );
    assert_eq!(
        line("when:2024-01-10"),
        both(word(path("when"), "2024-01-10"))
    );
    let phrase = Query::Phrase {
        field: path("when"),
        text: String::from("2024-01-10"),
        slop: 0,
    };
    assert_eq!(line("when:\"2024-01-10\""), both(phrase));
    let month = moments(Field::Timestamp, "2024-02", "2024-02-29T23:59:59.999Z");
    assert_eq!(line("_timestamp:2024-02"), month);
    // Exact, beyond what is indexed, and no date.
    for text in ["2024-01-10T00:00:00.000Z", "9999-12-31", "2024-13-01", "x"] {
        let alone = parsed(&json!({ "term": { "when": text } }));
        assert_eq!(alone, terms(path("when"), &[Scalar::Text(text.to_owned())]));
    }
}

#[test]
fn digits_are_numbers_and_moments() {
    let range = |bounds: Value| parsed(&json!({ "range": { "when": bounds } }));
    let numbers = |from, to| Query::Range {
        field: path("when"),
        lower: Edge::Including(Scalar::Whole(from)),
        upper: Edge::Including(Scalar::Whole(to)),
    };
    let both = |own, other| boolean(vec![], vec![own, other], vec![]);
    let years = moments(path("when"), "2024-01-01", "2025-12-31T23:59:59.999Z");
    let expected = both(numbers(2024, 2025), years);
    assert_eq!(range(json!({ "gte": "2024", "lte": "2025" })), expected);
    assert_eq!(line("when:[2024 TO 2025]"), expected);
    assert_eq!(range(json!({ "gte": 2024, "lte": 2025 })), expected);
    // The index sees moments in numbers of more digits by itself.
    let (from, to) = (1_704_888_000_000, 1_704_888_000_001);
    assert_eq!(range(json!({ "gte": from, "lte": to })), numbers(from, to));
    let ms = moments(path("when"), "1970-01-01", "1970-01-01T00:00:00.007Z");
    let Query::Range { upper, .. } = ms else {
        panic!("{ms:?}");
    };
    let ms = Query::Range {
        field: path("when"),
        lower: Edge::Including(Scalar::Moment(5)),
        upper,
    };
    let asked = json!({ "gte": "5", "lte": 7, "format": "epoch_millis" });
    assert_eq!(range(asked), both(numbers(5, 7), ms));
    // A year beyond what is indexed is the end of it; a fraction is a number alone.
    let far = range(json!({ "gte": 2024, "lte": 9999 }));
    let Query::Bool { should, .. } = far else {
        panic!("{far:?}");
    };
    let end = Scalar::Moment(i64::MAX / 1_000_000);
    assert!(matches!(&should[1], Query::Range { upper: Edge::Including(ms), .. } if *ms == end));
    let fraction = range(json!({ "gte": 2024, "lte": 2024.5 }));
    assert!(matches!(fraction, Query::Range { .. }), "{fraction:?}");
}
