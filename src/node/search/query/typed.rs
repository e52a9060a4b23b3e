//! Values that are no words: numbers, truths and moments.
//!
//! Who asks does not know what kind of value a path has, and it may have several: a text that
//! reads as a number is looked for as one too.

use std::ops::Bound;

use tantivy::DateTime;
use tantivy::columnar::NumericalValue;
use tantivy::query::{Query as Compiled, TermQuery};
use tantivy::schema::{Field, IndexRecordOption, Term};

use super::Result;
use super::leaf::column_range;
use super::target::Place;
use crate::node::search::answer::SearchError;
use crate::node::search::index::moment;
use crate::node::search::question::{Edge, Scalar};

/// A value in the form that it is indexed in.
#[derive(Debug, Clone, Copy)]
pub(super) enum Typed {
    Number(NumericalValue),
    Truth(bool),
    Moment(DateTime),
}

impl Typed {
    fn term(self, place: &Place) -> Term {
        let mut term = place.bare();
        match self {
            Self::Number(number) => match number.normalize() {
                NumericalValue::I64(number) => term.append_type_and_fast_value(number),
                NumericalValue::U64(number) => term.append_type_and_fast_value(number),
                NumericalValue::F64(number) => term.append_type_and_fast_value(number),
            },
            Self::Truth(truth) => term.append_type_and_fast_value(truth),
            Self::Moment(moment) => term.append_type_and_fast_value(moment),
        }
        term
    }

    /// Records that have this value at a path.
    pub(super) fn query(self, place: &Place) -> Box<dyn Compiled> {
        let term = self.term(place);
        match self {
            // Postings have seconds only.
            Self::Moment(_) => column_range(Bound::Included(term.clone()), Bound::Included(term)),
            Self::Number(_) | Self::Truth(_) => {
                Box::new(TermQuery::new(term, IndexRecordOption::Basic))
            }
        }
    }
}

/// What a text may stand for beside itself.
pub(super) fn of_text(text: &str) -> Vec<Typed> {
    let text = text.trim();
    let number = text.parse::<NumericalValue>().ok().filter(is_finite);
    let truth = text.parse().ok().map(Typed::Truth);
    let moment = moment::parse(text).map(Typed::Moment);
    let ms = text.parse().ok().and_then(ms);
    number
        .map(Typed::Number)
        .into_iter()
        .chain(truth)
        .chain(moment.or(ms))
        .collect()
}

/// A whole number as a moment, where the path has those: ms since the epoch. Small ones are years
/// to whoever writes them, and no moments.
fn ms(number: i64) -> Option<Typed> {
    let is_year = number.unsigned_abs() < 10_000;
    time(number).filter(|_| !is_year).map(Typed::Moment)
}

fn is_finite(number: &NumericalValue) -> bool {
    !matches!(number, NumericalValue::F64(number) if !number.is_finite())
}

/// What a value is indexed as.
pub(super) fn of(value: &Scalar) -> Vec<Typed> {
    match value {
        Scalar::Text(text) => of_text(text),
        Scalar::Whole(number) => {
            let own = Typed::Number(NumericalValue::I64(*number));
            std::iter::once(own).chain(ms(*number)).collect()
        }
        Scalar::Fraction(number) if number.is_finite() => {
            vec![Typed::Number(NumericalValue::F64(*number))]
        }
        Scalar::Fraction(_) => Vec::new(),
        Scalar::Truth(truth) => vec![Typed::Truth(*truth)],
        Scalar::Moment(ms) => time(*ms).map(Typed::Moment).into_iter().collect(),
    }
}

/// A value as it is written.
pub(super) fn text(value: &Scalar) -> String {
    match value {
        Scalar::Text(text) => text.clone(),
        Scalar::Whole(number) | Scalar::Moment(number) => number.to_string(),
        Scalar::Fraction(number) => number.to_string(),
        Scalar::Truth(truth) => truth.to_string(),
    }
}

/// A value as a number of the record's own (an offset, a time in ms).
pub(super) fn whole(value: &Scalar) -> Result<i64> {
    let invalid = || SearchError::Invalid(format!("{:?} is no whole number", text(value)));
    match value {
        Scalar::Whole(number) | Scalar::Moment(number) => Ok(*number),
        Scalar::Fraction(number) if number.fract() == 0.0 => Ok(*number as i64),
        Scalar::Text(text) => {
            let moment = || moment::parse(text).map(DateTime::into_timestamp_millis);
            text.trim().parse().ok().or_else(moment).ok_or_else(invalid)
        }
        Scalar::Fraction(_) | Scalar::Truth(_) => Err(invalid()),
    }
}

/// An edge of a range over a number of the record's own.
pub(super) fn edge(edge: &Edge) -> Result<Bound<i64>> {
    Ok(match edge {
        Edge::Open => Bound::Unbounded,
        Edge::Including(value) => Bound::Included(whole(value)?),
        Edge::Excluding(value) => Bound::Excluded(whole(value)?),
    })
}

fn time(ms: i64) -> Option<DateTime> {
    let fits = ms.checked_mul(1_000_000).is_some();
    fits.then(|| DateTime::from_timestamp_millis(ms))
}

/// Records whose time is between two.
pub(super) fn time_range(field: Field, lower: Bound<i64>, upper: Bound<i64>) -> Box<dyn Compiled> {
    const ENDS: i64 = i64::MAX / 1_000_000;
    let term = |ms: i64| {
        let time = DateTime::from_timestamp_millis(ms.clamp(-ENDS, ENDS));
        Term::from_field_date(field, time)
    };
    column_range(lower.map(term), upper.map(term))
}

/// The ranges of columns that a range over a path means: text by text, numbers by number and so
/// on; a text that reads as another kind means that kind too.
pub(super) fn ranges(
    place: &Place,
    lower: &Edge,
    upper: &Edge,
) -> Result<Vec<(Bound<Term>, Bound<Term>)>> {
    let kinds: [fn(&Scalar) -> Option<Range>; 3] = [as_text, as_number, as_moment];
    let mut ranges = Vec::new();
    for kind in kinds {
        if let (Some(lower), Some(upper)) = (bound(lower, kind), bound(upper, kind)) {
            ranges.push(of_one_kind(place, lower, upper));
        }
    }
    if ranges.is_empty() {
        return Err(SearchError::Invalid(no_range(lower, upper).to_owned()));
    }
    Ok(ranges)
}

/// What is wrong with a range that means none of the kinds.
fn no_range(lower: &Edge, upper: &Edge) -> &'static str {
    let values = [lower, upper].map(|edge| match edge {
        Edge::Open => None,
        Edge::Including(value) | Edge::Excluding(value) => Some(value),
    });
    let mut given = values.into_iter().flatten();
    if given.any(|value| matches!(value, Scalar::Moment(ms) if time(*ms).is_none())) {
        return "dates are indexed from 1677-09-22 to 2262-04-11: an end of the range is beyond";
    }
    match values {
        [Some(_), Some(_)] => "the ends of a range are of different kinds, or true and false",
        _ => "true and false have no order: no range begins or ends with them",
    }
}

/// A value that ranges know.
#[derive(Debug, Clone)]
enum Range {
    Text(String),
    Number(NumericalValue),
    Moment(DateTime),
}

fn as_text(value: &Scalar) -> Option<Range> {
    match value {
        Scalar::Text(text) => Some(Range::Text(text.clone())),
        _ => None,
    }
}

fn as_number(value: &Scalar) -> Option<Range> {
    of(value).into_iter().find_map(|value| match value {
        Typed::Number(number) => Some(Range::Number(number)),
        Typed::Truth(_) | Typed::Moment(_) => None,
    })
}

fn as_moment(value: &Scalar) -> Option<Range> {
    of(value).into_iter().find_map(|value| match value {
        Typed::Moment(moment) => Some(Range::Moment(moment)),
        Typed::Number(_) | Typed::Truth(_) => None,
    })
}

/// `None` when the value is of another kind.
fn bound(edge: &Edge, kind: fn(&Scalar) -> Option<Range>) -> Option<Bound<Range>> {
    match edge {
        Edge::Open => Some(Bound::Unbounded),
        Edge::Including(value) => kind(value).map(Bound::Included),
        Edge::Excluding(value) => kind(value).map(Bound::Excluded),
    }
}

fn of_one_kind(
    place: &Place,
    lower: Bound<Range>,
    upper: Bound<Range>,
) -> (Bound<Term>, Bound<Term>) {
    let is_fraction = |bound: &Bound<Range>| {
        let number = |value: &Range| matches!(value, Range::Number(NumericalValue::F64(_)));
        matches!(bound, Bound::Included(value) | Bound::Excluded(value) if number(value))
    };
    // Both ends are of one type for tantivy.
    let fraction = is_fraction(&lower) || is_fraction(&upper);
    let term = |value: Range| {
        let mut term = place.bare();
        match value {
            Range::Text(text) => term.append_type_and_str(&text),
            Range::Moment(moment) => term.append_type_and_fast_value(moment),
            Range::Number(number) => match (number, fraction) {
                (NumericalValue::I64(number), false) => term.append_type_and_fast_value(number),
                (number, _) => term.append_type_and_fast_value(fractional(number)),
            },
        }
        term
    };
    (lower.map(term), upper.map(term))
}

fn fractional(number: NumericalValue) -> f64 {
    match number {
        NumericalValue::I64(number) => number as f64,
        NumericalValue::U64(number) => number as f64,
        NumericalValue::F64(number) => number,
    }
}
