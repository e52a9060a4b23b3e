//! `range`, and what is one: `[1 TO 5]`, `>5`, and all of a day or a month.
//!
//! A text or a number may be meant as a number or as a moment, and the parser does not know what a
//! field holds: where both can be meant, both are asked for.

use serde_json::Value;

use super::field::{field, scalar, text_as_value, values};
use super::moment::{self, Rounding};
use super::object::{Object, shown};
use super::query::{any_of, boosted};
use super::{Parsed, Scope};
use crate::node::search::face::refusal::Refusal;
use crate::node::search::{Edge, Field, Query, Scalar};

/// Whether an end of a range is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Included {
    /// It is.
    Yes,
    /// The next value is.
    No,
}

/// One end of a range as it is written; `None` where it is open.
pub(super) type End = Option<(Value, Included)>;

/// What digits alone are on a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Digits {
    /// Four of them are a year, more are ms.
    YearOrMillis,
    /// Ms since the epoch.
    Millis,
}

/// `range`.
pub(super) fn range(body: &Value, scope: &Scope) -> Parsed<Query> {
    const KNOWN: [&str; 6] = ["gte", "gt", "lte", "lt", "boost", "format"];
    let (name, value) = Object::open("range", body)?.single()?;
    let object = Object::new("range", value, &KNOWN)?;
    let digits = digits_of(object.text("format")?)?;
    let end = |inner: &str, outer: &str| match (object.get(inner), object.get(outer)) {
        (None, None) => Ok(None),
        (Some(value), None) => Ok(Some((value.clone(), Included::Yes))),
        (None, Some(value)) => Ok(Some((value.clone(), Included::No))),
        _ => Err(Refusal::parsing(format!(
            "[range] takes [{inner}] or [{outer}], not both"
        ))),
    };
    let ends = [end("gte", "gt")?, end("lte", "lt")?];
    let readings = Readings {
        field: &field(name)?,
        ends,
        digits,
        now_ms: scope.now_ms,
    };
    boosted(readings.query()?, object)
}

/// A range between two ends, in which digits alone may be a year.
pub(super) fn between(field: &Field, ends: [End; 2], scope: &Scope) -> Parsed<Query> {
    let readings = Readings {
        field,
        ends,
        digits: Digits::YearOrMillis,
        now_ms: scope.now_ms,
    };
    readings.query()
}

/// All of what a date names; `None` for what is no date, is exact, or is of a field without dates.
pub(super) fn spanned(field: &Field, value: &Value) -> Option<Query> {
    let has_dates = matches!(field, Field::Path(_) | Field::Timestamp | Field::Moment);
    let (first, last) = moment::span(value.as_str().filter(|_| has_dates)?)?;
    (first < last).then(|| Query::Range {
        field: field.clone(),
        lower: Edge::Including(Scalar::Moment(first)),
        upper: Edge::Including(Scalar::Moment(last)),
    })
}

fn digits_of(format: Option<&str>) -> Parsed<Digits> {
    const SERVED: [&str; 5] = [
        "strict_date_optional_time",
        "date_optional_time",
        "epoch_millis",
        "yyyy-MM-dd",
        "strict_date_time",
    ];
    let unserved = format.and_then(|format| {
        let mut names = format.split("||");
        names.find(|name| !SERVED.contains(name))
    });
    match (unserved, format) {
        (None, Some("epoch_millis")) => Ok(Digits::Millis),
        (None, _) => Ok(Digits::YearOrMillis),
        (Some(name), _) => Err(Refusal::parsing(format!(
            "[range.format] [{}] is not served; served are [{}]",
            shown(name),
            SERVED.join(", ")
        ))),
    }
}

/// What a range may mean.
struct Readings<'a> {
    field: &'a Field,
    ends: [End; 2],
    digits: Digits,
    now_ms: i64,
}

impl Readings<'_> {
    fn query(&self) -> Parsed<Query> {
        let as_written = || self.read(|value, rounding| self.value(value, rounding));
        let is_moment = |(value, _): &(Value, Included)| {
            let text = value.as_str();
            text.is_some_and(moment::is_date)
        };
        let values = || self.ends.iter().flatten();
        if !matches!(self.field, Field::Path(_)) || !values().any(is_moment) {
            let as_written = as_written()?;
            let years = values().any(|(value, _)| self.is_own_reading(value));
            let moments = years.then(|| self.read(|value, rounding| self.in_time(value, rounding)));
            // What is no moment is a number and no more.
            let moments = moments.and_then(Result::ok);
            return Ok(any_of(std::iter::once(as_written).chain(moments).collect()));
        }
        self.moments()
    }

    /// Whether a value of a path means a moment that the index does not see in it.
    fn is_own_reading(&self, value: &Value) -> bool {
        let digits = digits(value);
        let is_year = digits.as_ref().is_some_and(|digits| digits.len() == 4);
        let is_path = matches!(self.field, Field::Path(_));
        is_path && digits.is_some() && (is_year || self.digits == Digits::Millis)
    }

    fn moments(&self) -> Parsed<Query> {
        self.read(|value, rounding| self.moment(value, rounding))
    }

    fn read(&self, scalar: impl Fn(&Value, Rounding) -> Parsed<Scalar>) -> Parsed<Query> {
        // From a day on begins with its first moment, after a day with the moment after its last.
        let edge = |end: &End, within: Rounding, beyond: Rounding| match end {
            None => Ok(Edge::Open),
            Some((value, Included::Yes)) => scalar(value, within).map(Edge::Including),
            Some((value, Included::No)) => scalar(value, beyond).map(Edge::Excluding),
        };
        let [lower, upper] = &self.ends;
        Ok(Query::Range {
            field: self.field.clone(),
            lower: edge(lower, Rounding::Down, Rounding::Up)?,
            upper: edge(upper, Rounding::Up, Rounding::Down)?,
        })
    }

    /// A value as a moment; the last one that is indexed for what is beyond.
    fn in_time(&self, value: &Value, rounding: Rounding) -> Parsed<Scalar> {
        const END: i64 = i64::MAX / 1_000_000;
        Ok(match self.moment(value, rounding)? {
            Scalar::Moment(ms) => Scalar::Moment(ms.clamp(-END, END)),
            other => other,
        })
    }

    /// A value as it is written.
    fn value(&self, value: &Value, rounding: Rounding) -> Parsed<Scalar> {
        match (self.field, value) {
            (Field::Timestamp | Field::Moment, _) => self.moment(value, rounding),
            (Field::Path(_), Value::String(text)) => {
                Ok(text_as_value(text).unwrap_or_else(|| Scalar::Text(text.clone())))
            }
            (Field::Path(_), _) => scalar(value),
            _ => {
                let mut values = values(self.field, value, self.now_ms)?;
                Ok(values.swap_remove(0))
            }
        }
    }

    fn moment(&self, value: &Value, rounding: Rounding) -> Parsed<Scalar> {
        let digits = digits(value);
        let ms = match (self.digits, self.field, digits) {
            (Digits::Millis, _, Some(digits)) => digits.parse().ok(),
            // Of a field that always has a moment a number is one.
            (_, Field::Path(_), Some(year)) if year.len() == 4 => {
                return moment::of_text(&year, self.now_ms, rounding).map(Scalar::Moment);
            }
            _ => None,
        };
        let ms = ms.map_or_else(|| moment::of_value(value, self.now_ms, rounding), Ok);
        ms.map(Scalar::Moment)
    }
}

/// A value that is digits alone.
fn digits(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let unsigned = text.strip_prefix('-').unwrap_or(&text);
    let is_plain = !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then_some(text)
}
