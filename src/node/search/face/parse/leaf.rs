//! Queries that hold no other query.

use serde_json::Value;

use super::field::{field, scalar, values, weighed};
use super::object::{Object, list, shown, texts, wrong};
use super::query::{all_of, any_of, at_least, boosted, weighted};
use super::range::spanned;
use super::{MAX_PATTERN, Parsed, Scope};
use crate::node::search::face::refusal::Refusal;
use crate::node::search::{Field, Query, Scalar, Words};

/// Values of one `terms` query: as many as the index looks for.
const MAX_VALUES: usize = 4_000;
/// Values of one `ids` query, each of which is several queries.
const MAX_IDS: usize = 800;
/// What compiling a regular expression may take.
const REGEX_BYTES: usize = 1 << 20;

/// `{"FIELD": VALUE}` or `{"FIELD": {short: VALUE, ...}}`.
struct Leaf<'a> {
    name: &'a str,
    value: &'a Value,
    options: Option<Object<'a>>,
}

impl<'a> Leaf<'a> {
    fn read(kind: &'a str, body: &'a Value, short: &str, known: &[&str]) -> Parsed<Self> {
        let (name, value) = Object::open(kind, body)?.single()?;
        if !value.is_object() {
            let options = None;
            return Ok(Self {
                name,
                value,
                options,
            });
        }
        let object = Object::new(kind, value, &[&[short, "boost"][..], known].concat())?;
        let (value, options) = (object.required(short)?, Some(object));
        Ok(Self {
            name,
            value,
            options,
        })
    }

    fn text(&self, kind: &str) -> Parsed<String> {
        match self.value {
            Value::String(text) => Ok(text.clone()),
            Value::Number(_) | Value::Bool(_) => Ok(self.value.to_string()),
            other => Err(wrong(kind, "a string, a number or a boolean", other)),
        }
    }

    fn boosted(&self, query: Query) -> Parsed<Query> {
        match self.options {
            Some(options) => boosted(query, options),
            None => Ok(query),
        }
    }

    fn option<T>(&self, read: impl Fn(Object<'a>) -> Parsed<Option<T>>) -> Parsed<Option<T>> {
        self.options.map_or(Ok(None), read)
    }
}

/// `match`.
pub(super) fn matching(body: &Value) -> Parsed<Query> {
    let leaf = Leaf::read("match", body, "query", &["operator"])?;
    let words = words(leaf.option(|options| options.text("operator"))?)?;
    let field = field(leaf.name)?;
    let query = match leaf.value {
        Value::Number(_) | Value::Bool(_) if matches!(field, Field::Path(_)) => Query::Terms {
            values: vec![scalar(leaf.value)?],
            field,
        },
        _ => in_field(&field, leaf.text("match")?, words)?,
    };
    leaf.boosted(query)
}

/// The value of `operator` or `default_operator`.
pub(super) fn words(operator: Option<&str>) -> Parsed<Words> {
    match operator {
        None => Ok(Words::Any),
        Some(operator) if operator.eq_ignore_ascii_case("or") => Ok(Words::Any),
        Some(operator) if operator.eq_ignore_ascii_case("and") => Ok(Words::Every),
        Some(other) => Err(Refusal::parsing(format!(
            "operator [{}] is neither [and] nor [or]",
            shown(other)
        ))),
    }
}

/// Words in a field. The index looks for `404` and `true` as values too.
pub(super) fn in_field(field: &Field, text: String, words: Words) -> Parsed<Query> {
    let field = field.clone();
    let value = Value::String(text);
    match field {
        // Such a field has values and no words; `now` means nothing to a whole match.
        Field::Partition | Field::Offset | Field::Timestamp | Field::Moment => {
            exactly(&field, &[&value], 0)
        }
        _ => {
            let span = spanned(&field, &value);
            let text = plain(value);
            let query = Query::Match { field, text, words };
            Ok(any_of(std::iter::once(query).chain(span).collect()))
        }
    }
}

fn plain(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// Records with one of these values. A date means all that it names: the whole day or month.
fn exactly(field: &Field, asked: &[&Value], now_ms: i64) -> Parsed<Query> {
    let (mut all, mut spans) = (Vec::new(), Vec::new());
    for value in asked {
        let span = spanned(field, value);
        if span.is_none() || matches!(field, Field::Path(_)) {
            all.extend(values(field, value, now_ms)?);
        }
        spans.extend(span);
    }
    let terms = (!all.is_empty()).then(|| Query::Terms {
        field: field.clone(),
        values: all,
    });
    Ok(any_of(terms.into_iter().chain(spans).collect()))
}

/// Words beside each other in a field; of a date all that it names.
pub(super) fn phrased(field: &Field, text: String, slop: u32) -> Parsed<Query> {
    match field {
        Field::Partition | Field::Offset | Field::Timestamp | Field::Moment => {
            in_field(field, text, Words::Any)
        }
        Field::Whole(_) => Ok(Query::Terms {
            values: vec![Scalar::Text(text)],
            field: field.clone(),
        }),
        _ => {
            let value = Value::String(text);
            let span = spanned(field, &value);
            let query = Query::Phrase {
                field: field.clone(),
                text: plain(value),
                slop,
            };
            Ok(any_of(std::iter::once(query).chain(span).collect()))
        }
    }
}

/// `match_phrase`.
pub(super) fn phrase(body: &Value) -> Parsed<Query> {
    let leaf = Leaf::read("match_phrase", body, "query", &["slop"])?;
    let slop = leaf.option(|options| options.count("slop"))?.unwrap_or(0);
    let text = leaf.text("match_phrase")?;
    leaf.boosted(phrased(&field(leaf.name)?, text, moves(slop)?)?)
}

/// How far the words of a phrase may move.
pub(super) fn moves(slop: usize) -> Parsed<u32> {
    const MOST: usize = 1_000;
    if slop > MOST {
        return Err(Refusal::parsing(format!("[slop] is at most {MOST}")));
    }
    Ok(slop as u32)
}

/// `multi_match`.
pub(super) fn multi_match(body: &Value, scope: &mut Scope) -> Parsed<Query> {
    const KNOWN: [&str; 6] = ["query", "fields", "type", "operator", "slop", "boost"];
    let object = Object::new("multi_match", body, &KNOWN)?;
    let text = match object.required("query")? {
        Value::String(text) => text.clone(),
        number @ (Value::Number(_) | Value::Bool(_)) => number.to_string(),
        other => return Err(wrong("multi_match.query", "a string", other)),
    };
    let fields = match object.get("fields") {
        None => vec![String::from("*")],
        Some(fields) => texts("multi_match.fields", fields)?,
    };
    let words = words(object.text("operator")?)?;
    let slop = moves(object.count("slop")?.unwrap_or(0))?;
    let kind = object.text("type")?.unwrap_or("best_fields");
    let mut queries = Vec::new();
    for name in &fields {
        scope.enter(1)?;
        let (field, weight) = weighed(name)?;
        let text = text.clone();
        let query = match kind {
            "phrase" => phrased(&field, text, slop)?,
            "best_fields" | "most_fields" => in_field(&field, text, words)?,
            other => {
                let reason = format!("[multi_match.type] [{}] is not served", shown(other));
                return Err(Refusal::parsing(reason));
            }
        };
        queries.push(weighted(query, weight));
    }
    let query = match (queries.len(), kind) {
        (0 | 1, _) | (_, "most_fields") => any_of(queries),
        _ => Query::Best(queries),
    };
    boosted(query, object)
}

/// `term`.
pub(super) fn term(body: &Value, scope: &Scope) -> Parsed<Query> {
    let leaf = Leaf::read("term", body, "value", &[])?;
    let field = field(leaf.name)?;
    leaf.boosted(exactly(&field, &[leaf.value], scope.now_ms)?)
}

/// `terms`.
pub(super) fn terms(body: &Value, scope: &Scope) -> Parsed<Query> {
    let object = Object::open("terms", body)?;
    let mut named = object.entries().filter(|(key, _)| *key != "boost");
    let (Some((name, asked)), None) = (named.next(), named.next()) else {
        return Err(Refusal::parsing("[terms] takes one field and [boost]"));
    };
    let Value::Array(asked) = asked else {
        return Err(wrong("terms", "an array", asked));
    };
    limited("terms", asked.len(), MAX_VALUES)?;
    let asked: Vec<&Value> = asked.iter().collect();
    boosted(exactly(&field(name)?, &asked, scope.now_ms)?, object)
}

fn limited(kind: &str, count: usize, most: usize) -> Parsed<()> {
    if count > most {
        let reason = format!("[{kind}] takes at most {most} values");
        return Err(Refusal::parsing(reason));
    }
    Ok(())
}

fn pattern(leaf: &Leaf, kind: &str) -> Parsed<String> {
    let text = leaf.text(kind)?;
    check_pattern(kind, &text)?;
    Ok(text)
}

/// Patterns are short.
pub(super) fn check_pattern(kind: &str, text: &str) -> Parsed<()> {
    if text.chars().nth(MAX_PATTERN).is_some() {
        let reason = format!("[{kind}] takes at most {MAX_PATTERN} characters");
        return Err(Refusal::parsing(reason));
    }
    Ok(())
}

/// Words are indexed in lower case; whole values, keys and headers as they are.
pub(super) fn as_indexed(field: &Field, text: String) -> String {
    match field {
        Field::Whole(_) | Field::Key | Field::Header(_) => text,
        _ => text.to_lowercase(),
    }
}

/// `prefix`.
pub(super) fn prefix(body: &Value) -> Parsed<Query> {
    let leaf = Leaf::read("prefix", body, "value", &[])?;
    let field = field(leaf.name)?;
    let prefix = as_indexed(&field, pattern(&leaf, "prefix")?);
    leaf.boosted(Query::Prefix { field, prefix })
}

/// `wildcard`.
pub(super) fn wildcard(body: &Value) -> Parsed<Query> {
    let leaf = Leaf::read("wildcard", body, "value", &[])?;
    let field = field(leaf.name)?;
    let pattern = as_indexed(&field, pattern(&leaf, "wildcard")?);
    leaf.boosted(Query::Wildcard { field, pattern })
}

/// `regexp`.
pub(super) fn regexp(body: &Value) -> Parsed<Query> {
    let leaf = Leaf::read("regexp", body, "value", &[])?;
    let field = field(leaf.name)?;
    let pattern = checked_regex(leaf.text("regexp")?)?;
    leaf.boosted(Query::Regexp { field, pattern })
}

/// A regular expression that compiles into little.
pub(super) fn checked_regex(pattern: String) -> Parsed<String> {
    check_pattern("regexp", &pattern)?;
    let compiled = regex::RegexBuilder::new(&pattern)
        .size_limit(REGEX_BYTES)
        .dfa_size_limit(REGEX_BYTES)
        .nest_limit(50)
        .build();
    match compiled {
        Ok(_) => Ok(pattern),
        Err(regex::Error::CompiledTooBig(_)) => Err(Refusal::parsing(format!(
            "[regexp] [{}] would take more than {REGEX_BYTES} bytes",
            shown(&pattern)
        ))),
        Err(_) => Err(Refusal::parsing(format!(
            "[regexp] [{}] is no regular expression",
            shown(&pattern)
        ))),
    }
}

/// `exists`.
pub(super) fn exists(body: &Value) -> Parsed<Query> {
    let object = Object::new("exists", body, &["field", "boost"])?;
    let name = object.text("field")?;
    let name = name.ok_or_else(|| Refusal::parsing("[exists] needs [field]"))?;
    boosted(there(name)?, object)
}

/// Records that have the field.
pub(super) fn there(name: &str) -> Parsed<Query> {
    match field(name)? {
        Field::Everything => Ok(Query::All),
        field => Ok(Query::Exists { field }),
    }
}

/// `ids`: `PARTITION-OFFSET`.
pub(super) fn ids(body: &Value, scope: &mut Scope) -> Parsed<Query> {
    let object = Object::new("ids", body, &["values", "boost"])?;
    let values = list(object.required("values")?);
    limited("ids", values.len(), MAX_IDS)?;
    let mut queries = Vec::new();
    for value in values {
        scope.enter(1)?;
        let Value::String(id) = value else {
            return Err(wrong("ids.values", "an array of strings", value));
        };
        // An id of another shape is an id of no record.
        queries.extend(place(id).map(one_record));
    }
    boosted(any_of(queries), object)
}

/// The partition and the offset that an id means.
pub(in crate::node::search::face) fn place(id: &str) -> Option<(u32, i64)> {
    let (partition, offset) = id.split_once('-')?;
    let offset = offset.parse().ok().filter(|offset| *offset >= 0)?;
    Some((partition.parse().ok()?, offset))
}

fn one_record((partition, offset): (u32, i64)) -> Query {
    let exactly = |field, number| Query::Terms {
        field,
        values: vec![Scalar::Whole(number)],
    };
    all_of(vec![
        exactly(Field::Partition, i64::from(partition)),
        exactly(Field::Offset, offset),
    ])
}

/// `minimum_should_match` of a flat list of clauses.
pub(super) fn share(value: Option<&Value>, count: usize, otherwise: usize) -> Parsed<usize> {
    value.map_or(Ok(otherwise), |value| at_least(value, count))
}
