//! `highlight`: the words of the query, marked.

use serde_json::Value;

use super::Parsed;
use super::field::field;
use super::object::{Object, list, shown, texts, wrong};
use crate::node::search::face::refusal::Refusal;
use crate::node::search::{Field, Highlight, Query};

/// Fields of one highlight.
const MAX_FIELDS: usize = 64;
/// Bytes of a mark.
const MAX_MARK: usize = 256;
/// Characters of a fragment, and fragments of a field.
const MOST: usize = 100_000;
/// What can be said for all fields or for one of them.
const OPTIONS: [&str; 6] = [
    "pre_tags",
    "post_tags",
    "fragment_size",
    "number_of_fragments",
    "require_field_match",
    "type",
];

/// How matches are marked.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Marks {
    before: String,
    after: String,
    fragment: usize,
    fragments: usize,
}

/// The body's `highlight`, of a query.
pub(super) fn highlight(value: &Value, query: &Query) -> Parsed<Highlight> {
    let object = Object::new("highlight", value, &[&OPTIONS[..], &["fields"]].concat())?;
    let marks = marks(
        object,
        Marks {
            before: String::from("<em>"),
            after: String::from("</em>"),
            fragment: 100,
            fragments: 5,
        },
    )?;
    let fields = fields(object.required("fields")?)?;
    let (fields, marks) = alike(fields, marks)?;
    // No fragments means the whole text.
    let fragment = if marks.fragments == 0 {
        0
    } else {
        marks.fragment
    };
    Ok(Highlight {
        query: query.clone(),
        fields,
        before: marks.before,
        after: marks.after,
        fragment,
        fragments: marks.fragments.max(1),
    })
}

fn marks(object: Object, otherwise: Marks) -> Parsed<Marks> {
    let mark = |key: &str, otherwise: String| -> Parsed<String> {
        let Some(value) = object.get(key) else {
            return Ok(otherwise);
        };
        let mark = texts(key, value)?.into_iter().next();
        match mark.filter(|mark| mark.len() <= MAX_MARK) {
            Some(mark) => Ok(mark),
            None => Err(Refusal::parsing(format!(
                "[highlight.{key}] takes a text of at most {MAX_MARK} bytes"
            ))),
        }
    };
    let count = |key: &str, otherwise: usize| -> Parsed<usize> {
        let count = object.count(key)?.unwrap_or(otherwise);
        if count > MOST {
            let reason = format!("[highlight.{key}] is at most {MOST}");
            return Err(Refusal::parsing(reason));
        }
        Ok(count)
    };
    object.flag("require_field_match")?;
    match object.text("type")? {
        None | Some("unified" | "plain") => {}
        Some(other) => {
            let reason = format!("[highlight.type] [{}] is not served", shown(other));
            return Err(Refusal::parsing(reason));
        }
    }
    Ok(Marks {
        before: mark("pre_tags", otherwise.before)?,
        after: mark("post_tags", otherwise.after)?,
        fragment: count("fragment_size", otherwise.fragment)?,
        fragments: count("number_of_fragments", otherwise.fragments)?,
    })
}

/// `{"a": {}, "b": {}}`, or a list of such objects, in order.
fn fields(value: &Value) -> Parsed<Vec<(Field, &Value)>> {
    let mut fields = Vec::new();
    for part in list(value) {
        if !part.is_object() {
            return Err(wrong("highlight.fields", "an object", part));
        }
        for (name, options) in Object::open("highlight.fields", part)?.entries() {
            fields.push((field(name)?, options));
        }
    }
    if fields.is_empty() || fields.len() > MAX_FIELDS {
        let reason = format!("[highlight.fields] takes 1 to {MAX_FIELDS} fields");
        return Err(Refusal::parsing(reason));
    }
    Ok(fields)
}

/// One way of marking for all fields: what is said for one must be said for each.
fn alike(fields: Vec<(Field, &Value)>, otherwise: Marks) -> Parsed<(Vec<Field>, Marks)> {
    let mut said: Option<Marks> = None;
    let mut names = Vec::new();
    for (field, options) in fields {
        let object = Object::new("highlight.fields", options, &OPTIONS)?;
        let marks = marks(object, otherwise.clone())?;
        if said.as_ref().is_some_and(|said| *said != marks) {
            let reason = "[highlight.fields] cannot differ in their options";
            return Err(Refusal::parsing(reason));
        }
        said = Some(marks);
        names.push(field);
    }
    Ok((names, said.unwrap_or(otherwise)))
}
