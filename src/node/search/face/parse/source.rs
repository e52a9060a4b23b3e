//! `_source`: which parts of the documents are wanted.

use indexmap::IndexMap;
use serde_json::Value;
use serde_json::value::RawValue;

use super::Parsed;
use super::object::{Object, texts, wrong};
use crate::node::search::face::refusal::Refusal;

/// Patterns of one filter.
const MAX_PATTERNS: usize = 100;

/// The parts of a document that are answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::node::search::face) enum SourceFilter {
    /// All of it.
    All,
    /// None of it.
    Nothing,
    /// The paths that fit one of `includes` (all of them, when there is none) and none of
    /// `excludes`.
    Paths {
        /// Patterns.
        includes: Vec<String>,
        /// Patterns.
        excludes: Vec<String>,
    },
}

impl SourceFilter {
    /// The body's `_source`.
    pub(super) fn read(value: &Value) -> Parsed<Self> {
        match value {
            Value::Bool(true) => Ok(Self::All),
            Value::Bool(false) => Ok(Self::Nothing),
            Value::String(_) | Value::Array(_) => Self::paths(texts("_source", value)?, Vec::new()),
            Value::Object(_) => Self::object(value),
            other => Err(wrong(
                "_source",
                "a boolean, a string, an array or an object",
                other,
            )),
        }
    }

    fn object(value: &Value) -> Parsed<Self> {
        const KNOWN: [&str; 4] = ["includes", "excludes", "include", "exclude"];
        let object = Object::new("_source", value, &KNOWN)?;
        let patterns = |long: &str, short: &str| match object.get(long).or(object.get(short)) {
            None => Ok(Vec::new()),
            Some(value) => texts("_source", value),
        };
        let includes = patterns("includes", "include")?;
        Self::paths(includes, patterns("excludes", "exclude")?)
    }

    /// The filter of lists of patterns.
    pub(super) fn paths(includes: Vec<String>, excludes: Vec<String>) -> Parsed<Self> {
        if includes.len() + excludes.len() > MAX_PATTERNS {
            let reason = format!("[_source] takes at most {MAX_PATTERNS} patterns");
            return Err(Refusal::parsing(reason));
        }
        Ok(if includes.is_empty() && excludes.is_empty() {
            Self::All
        } else {
            Self::Paths { includes, excludes }
        })
    }

    /// What is answered of a document's JSON text; `None` for none of it. What is kept is as it
    /// was written, numbers and order too.
    pub(in crate::node::search::face) fn apply(&self, source: String) -> Option<Box<RawValue>> {
        let source = RawValue::from_string(source).ok()?;
        match self {
            Self::All => Some(source),
            Self::Nothing => None,
            Self::Paths { includes, excludes } => {
                let wanted = Wanted { includes, excludes };
                let parts = wanted.parts("", &source, includes.is_empty());
                let parts = parts.unwrap_or_else(|| String::from("{}"));
                RawValue::from_string(parts).ok()
            }
        }
    }
}

struct Wanted<'a> {
    includes: &'a [String],
    excludes: &'a [String],
}

impl Wanted<'_> {
    /// The parts of a value below `path`; `included` when a pattern has taken all of it.
    fn parts(&self, path: &str, value: &RawValue, included: bool) -> Option<String> {
        let text = value.get();
        if included && self.excludes.is_empty() {
            return Some(text.to_owned());
        }
        match text.as_bytes().first() {
            Some(b'{') => {
                let fields: IndexMap<String, &RawValue> = serde_json::from_str(text).ok()?;
                let fields = fields.iter();
                let kept =
                    fields.filter_map(|(name, value)| self.field(path, name, value, included));
                let kept: Vec<String> = kept.collect();
                (included || !kept.is_empty()).then(|| format!("{{{}}}", kept.join(",")))
            }
            Some(b'[') => {
                let values: Vec<&RawValue> = serde_json::from_str(text).ok()?;
                let values = values.into_iter();
                let kept = values.filter_map(|value| self.parts(path, value, included));
                let kept: Vec<String> = kept.collect();
                (included || !kept.is_empty()).then(|| format!("[{}]", kept.join(",")))
            }
            _ => included.then(|| text.to_owned()),
        }
    }

    fn field(&self, path: &str, name: &str, value: &RawValue, included: bool) -> Option<String> {
        let path = match path {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        };
        if self.excludes.iter().any(|pattern| fits(pattern, &path)) {
            return None;
        }
        let included = included || self.includes.iter().any(|pattern| fits(pattern, &path));
        let value = self.parts(&path, value, included)?;
        Some(format!("{}:{value}", Value::from(name)))
    }
}

/// Whether `text` fits a pattern in which `*` is any run of characters.
pub(in crate::node::search::face) fn fits(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    // The last part ends the text; each before it is found as early as it can be.
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match text.find(part) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filtered(filter: &Value) -> Option<Value> {
        let source = json!({
            "user": { "name": "ann", "id": 7, "tags": [{ "a": 1, "b": 2 }] },
            "message": "hi",
        });
        let parts = SourceFilter::read(filter)
            .unwrap()
            .apply(source.to_string());
        parts.map(|parts| serde_json::from_str(parts.get()).unwrap())
    }

    #[test]
    fn what_is_kept_is_as_it_was_written() {
        let source = r#"{ "z": -943305.0469559873, "b": { "y": 1.0, "x": 1e400, "w": "\u00fc" },
            "a": [ 123456789012345678901234567890, { "c": 1, "d": 2.50 } ] }"#;
        let kept = |filter: &Value| {
            let parts = SourceFilter::read(filter).unwrap().apply(source.to_owned());
            parts.map(|parts| parts.get().to_owned()).unwrap()
        };
        assert_eq!(kept(&json!(true)), source);
        assert_eq!(
            kept(&json!({ "excludes": ["a.c", "b.w"] })),
            r#"{"z":-943305.0469559873,"b":{"y":1.0,"x":1e400},"a":[123456789012345678901234567890,{"d":2.50}]}"#
        );
        assert_eq!(
            kept(&json!(["b.y", "z"])),
            r#"{"z":-943305.0469559873,"b":{"y":1.0}}"#
        );
        assert!(SourceFilter::All.apply(String::from("{")).is_none());
    }

    #[test]
    fn parts_are_chosen_by_path() {
        assert_eq!(filtered(&json!(false)), None);
        assert_eq!(
            filtered(&json!("message")),
            Some(json!({ "message": "hi" }))
        );
        assert_eq!(
            filtered(&json!(["user.name", "nope"])),
            Some(json!({ "user": { "name": "ann" } }))
        );
        assert_eq!(
            filtered(&json!({ "includes": "user", "excludes": ["user.tags.b", "*.name"] })),
            Some(json!({ "user": { "id": 7, "tags": [{ "a": 1 }] } }))
        );
        assert_eq!(
            filtered(&json!({ "excludes": "user*" })),
            Some(json!({ "message": "hi" }))
        );
        assert_eq!(filtered(&json!("nope")), Some(json!({})));
    }

    #[test]
    fn patterns_fit_whole_texts() {
        for (pattern, text) in [
            ("*", ""),
            ("a*", "a"),
            ("a*c", "abc"),
            ("*b*", "abc"),
            ("a**c", "ac"),
        ] {
            assert!(fits(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("a", "ab"), ("a*c", "ab"), ("aa*aa", "aaa"), ("*b", "abc")] {
            assert!(!fits(pattern, text), "{pattern} {text}");
        }
    }
}
