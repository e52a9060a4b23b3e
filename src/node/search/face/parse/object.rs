//! One JSON object of a request, of which every key must be known.

use serde_json::{Map, Value};

use super::Parsed;
use crate::node::search::face::refusal::Refusal;

/// An object at a place that errors name.
#[derive(Debug, Clone, Copy)]
pub(in crate::node::search::face) struct Object<'a> {
    place: &'a str,
    fields: &'a Map<String, Value>,
}

impl<'a> Object<'a> {
    /// The object `value`; any key that is not in `known` is refused.
    pub(in crate::node::search::face) fn new(
        place: &'a str,
        value: &'a Value,
        known: &[&str],
    ) -> Parsed<Self> {
        let object = Self::open(place, value)?;
        let unknown = object
            .fields
            .keys()
            .find(|key| !known.contains(&key.as_str()));
        match unknown {
            None => Ok(object),
            Some(key) => Err(Refusal::parsing(format!(
                "[{place}] unknown key [{}]; known are [{}]",
                shown(key),
                known.join(", ")
            ))),
        }
    }

    /// The object `value`, whatever its keys.
    pub(in crate::node::search::face) fn open(place: &'a str, value: &'a Value) -> Parsed<Self> {
        match value {
            Value::Object(fields) => Ok(Self { place, fields }),
            other => Err(wrong(place, "an object", other)),
        }
    }

    /// Its keys and values.
    pub(in crate::node::search::face) fn entries(
        &self,
    ) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a> {
        self.fields.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Its one key with the value.
    pub(super) fn single(&self) -> Parsed<(&'a str, &'a Value)> {
        let mut entries = self.entries();
        match (entries.next(), entries.next()) {
            (Some(entry), None) => Ok(entry),
            (None, _) => Err(Refusal::parsing(format!("[{}] is empty", self.place))),
            (_, Some((second, _))) => Err(Refusal::parsing(format!(
                "[{}] takes one key, and [{}] is a second",
                self.place,
                shown(second)
            ))),
        }
    }

    /// A value, whatever it is.
    pub(in crate::node::search::face) fn get(&self, key: &str) -> Option<&'a Value> {
        self.fields.get(key).filter(|value| !value.is_null())
    }

    /// A value that must be there.
    pub(in crate::node::search::face) fn required(&self, key: &str) -> Parsed<&'a Value> {
        self.get(key)
            .ok_or_else(|| Refusal::parsing(format!("[{}] needs [{key}]", self.place)))
    }

    /// A text.
    pub(in crate::node::search::face) fn text(&self, key: &str) -> Parsed<Option<&'a str>> {
        self.as_kind(key, "a string", Value::as_str)
    }

    /// A count.
    pub(super) fn count(&self, key: &str) -> Parsed<Option<usize>> {
        let count = |value: &Value| number_of(value)?.try_into().ok();
        self.as_kind(key, "a whole number from 0", count)
    }

    /// A number with or without a fraction.
    pub(super) fn float(&self, key: &str) -> Parsed<Option<f64>> {
        self.as_kind(key, "a number", Value::as_f64)
    }

    /// A truth value.
    pub(in crate::node::search::face) fn flag(&self, key: &str) -> Parsed<Option<bool>> {
        let flag = |value: &Value| match value {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        self.as_kind(key, "true or false", flag)
    }

    fn as_kind<T>(
        &self,
        key: &str,
        expected: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Parsed<Option<T>> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let place = format!("{}.{key}", self.place);
        read(value)
            .map(Some)
            .ok_or_else(|| wrong(&place, expected, value))
    }
}

/// A whole number, also as text, as Elasticsearch takes it.
pub(super) fn number_of(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// `place` holds something of another kind.
pub(super) fn wrong(place: &str, expected: &str, value: &Value) -> Refusal {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    Refusal::parsing(format!("[{place}] must be {expected}, not {kind}"))
}

/// A stranger's text for an error: short and on one line.
pub(in crate::node::search::face) fn shown(text: &str) -> String {
    const MOST: usize = 100;
    let mut shown: String = text.chars().take(MOST).flat_map(visible).collect();
    if text.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    shown
}

fn visible(c: char) -> Vec<char> {
    if c.is_control() {
        c.escape_default().collect()
    } else {
        vec![c]
    }
}

/// One value or a list of them.
pub(super) fn list(value: &Value) -> &[Value] {
    match value {
        Value::Array(values) => values,
        single => std::slice::from_ref(single),
    }
}

/// One text or a list of them.
pub(in crate::node::search::face) fn texts(place: &str, value: &Value) -> Parsed<Vec<String>> {
    list(value)
        .iter()
        .map(|value| match value {
            Value::String(text) => Ok(text.clone()),
            other => Err(wrong(place, "a string or an array of strings", other)),
        })
        .collect()
}
