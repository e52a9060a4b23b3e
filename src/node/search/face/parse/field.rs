//! Field names and the values they are compared with.

use serde_json::Value;

use super::object::shown;
use super::{Parsed, moment};
use crate::node::search::face::refusal::Refusal;
use crate::node::search::{Field, Scalar};

/// Characters of a field's name.
const MAX_NAME: usize = 512;
/// What Elasticsearch knows of a document and a log has not.
const UNSERVED: [&str; 9] = [
    "_id", "_index", "_score", "_doc", "_source", "_type", "_routing", "_ignored", "_seq_no",
];

/// The field that a name means.
pub(super) fn field(name: &str) -> Parsed<Field> {
    if name.is_empty() || name.len() > MAX_NAME {
        let reason = format!("a field's name has 1 to {MAX_NAME} bytes");
        return Err(Refusal::parsing(reason));
    }
    Ok(match name {
        "*" | "_all" => Field::Everything,
        "_key" | "_key.keyword" => Field::Key,
        "_partition" => Field::Partition,
        "_offset" => Field::Offset,
        "_timestamp" => Field::Timestamp,
        "@timestamp" => Field::Moment,
        _ if UNSERVED.contains(&name) || name.contains('*') => {
            let reason = format!("field [{}] cannot be searched by", shown(name));
            return Err(Refusal::parsing(reason));
        }
        _ => named(name),
    })
}

fn named(name: &str) -> Field {
    if let Some(header) = name.strip_prefix("_headers.") {
        return Field::Header(header.to_owned());
    }
    match name.strip_suffix(".keyword") {
        Some(path) if !path.is_empty() => Field::Whole(path.to_owned()),
        _ => Field::Path(name.to_owned()),
    }
}

/// A name with a weight behind `^`.
pub(super) fn weighed(name: &str) -> Parsed<(Field, f32)> {
    let Some((name, weight)) = name.split_once('^') else {
        return Ok((field(name)?, 1.0));
    };
    let weight = weight
        .parse()
        .ok()
        .filter(|weight: &f32| weight.is_finite());
    let weight = weight
        .ok_or_else(|| Refusal::parsing(format!("[{}^] is followed by no number", shown(name))))?;
    Ok((field(name)?, weight))
}

/// What `value` means in `field`. A text that reads as a number stays one: the index looks for both.
pub(super) fn values(field: &Field, value: &Value, now_ms: i64) -> Parsed<Vec<Scalar>> {
    match field {
        Field::Timestamp | Field::Moment => {
            let moment = moment::of_value(value, now_ms, moment::Rounding::Down)?;
            Ok(vec![Scalar::Moment(moment)])
        }
        Field::Partition | Field::Offset => whole(value).map(|number| vec![number]),
        Field::Path(_) => scalar(value).map(|value| vec![value]),
        Field::Everything | Field::Key | Field::Header(_) | Field::Whole(_) => text(value),
    }
}

fn whole(value: &Value) -> Parsed<Scalar> {
    super::object::number_of(value)
        .map(Scalar::Whole)
        .ok_or_else(|| Refusal::parsing(format!("[{value}] is not a whole number")))
}

fn text(value: &Value) -> Parsed<Vec<Scalar>> {
    match value {
        Value::String(text) => Ok(vec![Scalar::Text(text.clone())]),
        Value::Number(_) | Value::Bool(_) => Ok(vec![Scalar::Text(value.to_string())]),
        other => Err(super::object::wrong(
            "value",
            "a string, a number or a boolean",
            other,
        )),
    }
}

/// A JSON value as it is.
pub(super) fn scalar(value: &Value) -> Parsed<Scalar> {
    let number = || value.as_i64().map(Scalar::Whole);
    let fraction = || value.as_f64().map(Scalar::Fraction);
    let truth = || value.as_bool().map(Scalar::Truth);
    let text = || value.as_str().map(|text| Scalar::Text(text.to_owned()));
    number()
        .or_else(fraction)
        .or_else(truth)
        .or_else(text)
        .ok_or_else(|| super::object::wrong("value", "a string, a number or a boolean", value))
}

/// What a text means beside itself: `404` a number, `true` a truth value.
pub(super) fn text_as_value(text: &str) -> Option<Scalar> {
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    match text {
        "true" => Some(Scalar::Truth(true)),
        "false" => Some(Scalar::Truth(false)),
        _ if !plain => None,
        _ => {
            let whole = text.parse().ok().map(Scalar::Whole);
            let fraction = || text.parse().ok().filter(|number: &f64| number.is_finite());
            whole.or_else(|| fraction().map(Scalar::Fraction))
        }
    }
}
