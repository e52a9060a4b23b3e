//! A record's document as it was produced, on one line: numbers and the order of fields stay.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde_json::Value;
use serde_json::value::RawValue;

use super::hits::{CLOSE, OPEN};

/// Objects and arrays within each other that are looked into for matches.
const DEEPEST: usize = 128;

/// Texts with their matches marked, by path.
type Marks = BTreeMap<String, Vec<String>>;

/// The same JSON without the blanks between.
pub(super) fn compact(document: &RawValue) -> Box<RawValue> {
    let text = document.get();
    let mut out = String::with_capacity(text.len());
    let (mut in_text, mut escaped) = (false, false);
    for c in text.chars() {
        let is_blank = !in_text && c.is_ascii_whitespace();
        if !is_blank {
            out.push(c);
        }
        in_text ^= c == '"' && !escaped;
        escaped = in_text && c == '\\' && !escaped;
    }
    RawValue::from_string(out).unwrap_or_else(|_| document.to_owned())
}

/// The document with its marks: the text of a plain one, else JSON.
pub(super) fn marked(document: &RawValue, marks: &Marks) -> String {
    plain(document, marks).unwrap_or_else(|| written("", document, (marks, DEEPEST)))
}

/// The text of a document that has nothing but a message.
fn plain(document: &RawValue, marks: &Marks) -> Option<String> {
    let fields: BTreeMap<String, &RawValue> = serde_json::from_str(document.get()).ok()?;
    let message = fields.get("message").filter(|_| fields.len() == 1)?;
    let text = serde_json::from_str(message.get()).ok()?;
    Some(with_marks("message", text, marks))
}

fn written(path: &str, value: &RawValue, (marks, deeper): (&Marks, usize)) -> String {
    let text = value.get();
    let below = (marks, deeper.saturating_sub(1));
    match text.as_bytes().first() {
        Some(b'{') if deeper > 0 => fields(path, text, below),
        Some(b'[') if deeper > 0 => values(path, text, below),
        Some(b'"') => serde_json::from_str(text).ok().map(|own| {
            let marked = with_marks(path, own, marks);
            Value::from(marked).to_string()
        }),
        _ => None,
    }
    .unwrap_or_else(|| compact(value).get().to_owned())
}

fn fields(path: &str, text: &str, below: (&Marks, usize)) -> Option<String> {
    let fields: IndexMap<String, &RawValue> = serde_json::from_str(text).ok()?;
    let field = |(name, value): (&String, &&RawValue)| {
        let path = match path {
            "" => name.clone(),
            path => format!("{path}.{name}"),
        };
        let value = written(&path, value, below);
        format!("{}:{value}", Value::from(name.as_str()))
    };
    let fields: Vec<String> = fields.iter().map(field).collect();
    Some(format!("{{{}}}", fields.join(",")))
}

fn values(path: &str, text: &str, below: (&Marks, usize)) -> Option<String> {
    let values: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    let values = values.into_iter();
    let values: Vec<String> = values.map(|value| written(path, value, below)).collect();
    Some(format!("[{}]", values.join(",")))
}

/// A text with its matches, if it has some.
fn with_marks(path: &str, text: String, marks: &Marks) -> String {
    let is_same = |marked: &&String| {
        let bare = marked.chars().filter(|c| *c != OPEN && *c != CLOSE);
        bare.eq(text.chars().filter(|c| *c != OPEN && *c != CLOSE))
    };
    let marked = marks
        .get(path)
        .and_then(|marked| marked.iter().find(is_same));
    marked.cloned().unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn numbers_and_order_stay() {
        let document = raw(
            "{ \"z\": -943305.0469559873,\n \"a b\": [ 1.0, 123456789012345678901234567890 ], \"q\": \"x \\\" y\" }",
        );
        let line =
            r#"{"z":-943305.0469559873,"a b":[1.0,123456789012345678901234567890],"q":"x \" y"}"#;
        assert_eq!(compact(&document).get(), line);
        assert_eq!(marked(&document, &Marks::new()), line);
        assert_eq!(marked(&raw("null"), &Marks::new()), "null");
    }

    #[test]
    fn matches_are_marked_where_they_are() {
        let marks =
            |path: &str, text: &str| Marks::from([(path.to_owned(), vec![text.to_owned()])]);
        let document = raw(r#"{"a":{"b":["one two","two"]},"c":"two"}"#);
        assert_eq!(
            marked(&document, &marks("a.b", "one \u{e000}two\u{e001}")),
            "{\"a\":{\"b\":[\"one \u{e000}two\u{e001}\",\"two\"]},\"c\":\"two\"}"
        );
        let plain = raw(r#"{"message":"one two"}"#);
        assert_eq!(
            marked(&plain, &marks("message", "\u{e000}one\u{e001} two")),
            "\u{e000}one\u{e001} two"
        );
    }

    #[test]
    fn depth_is_bounded() {
        let deep = format!("{}1 {}", "[ ".repeat(5000), "]".repeat(5000));
        let line = marked(&raw(&deep), &Marks::new());
        assert_eq!(line.len(), 10_001);
    }
}
