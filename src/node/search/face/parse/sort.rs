//! The order of hits.

use serde_json::Value;

use super::Parsed;
use super::field::field;
use super::object::{Object, list, shown, wrong};
use crate::node::search::face::refusal::Refusal;
use crate::node::search::{Field, Order, SortBy, SortKey};

/// Keys of one order.
const MAX_KEYS: usize = 8;

/// The body's `sort`: a name, `{"name": "desc"}`, `{"name": {"order": "desc"}}`, or a list of them.
pub(super) fn sort(value: &Value) -> Parsed<Vec<SortBy>> {
    limited(list(value).iter().map(one).collect::<Parsed<_>>()?)
}

fn limited(sort: Vec<SortBy>) -> Parsed<Vec<SortBy>> {
    if sort.len() > MAX_KEYS {
        let reason = format!("[sort] takes at most {MAX_KEYS} keys");
        return Err(Refusal::parsing(reason));
    }
    Ok(sort)
}

/// `?sort=name:desc,other`.
pub(super) fn line(text: &str) -> Parsed<Vec<SortBy>> {
    let key = |part: &str| match part.rsplit_once(':') {
        Some((name, order)) => by(name, Some(order)),
        None => by(part, None),
    };
    limited(text.split(',').map(key).collect::<Parsed<_>>()?)
}

fn one(value: &Value) -> Parsed<SortBy> {
    match value {
        Value::String(name) => by(name, None),
        Value::Object(_) => {
            let (name, value) = Object::open("sort", value)?.single()?;
            match value {
                Value::String(order) => by(name, Some(order)),
                _ => with_options(name, value),
            }
        }
        other => Err(wrong("sort", "a string or an object", other)),
    }
}

fn with_options(name: &str, value: &Value) -> Parsed<SortBy> {
    let object = Object::new("sort", value, &["order", "missing", "unmapped_type"])?;
    // Without a mapping that is fixed, an unknown field is one that no record has.
    object.text("unmapped_type")?;
    match object.text("missing")? {
        None | Some("_last") => by(name, object.text("order")?),
        Some(other) => Err(Refusal::parsing(format!(
            "[sort.missing] [{}] is not served: records without the field come last",
            shown(other)
        ))),
    }
}

fn by(name: &str, order: Option<&str>) -> Parsed<SortBy> {
    let (key, otherwise) = match name {
        "_score" => (SortKey::Score, Order::Falling),
        "_doc" | "_shard_doc" => (SortKey::Place, Order::Rising),
        name => match field(name)? {
            Field::Everything => {
                let reason = format!("[sort] [{}] is no single field", shown(name));
                return Err(Refusal::parsing(reason));
            }
            field => (SortKey::Field(field), Order::Rising),
        },
    };
    let order = match order {
        None => otherwise,
        Some("asc") => Order::Rising,
        Some("desc") => Order::Falling,
        Some(other) => {
            let reason = format!(
                "[sort] order [{}] is neither [asc] nor [desc]",
                shown(other)
            );
            return Err(Refusal::parsing(reason));
        }
    };
    Ok(SortBy { key, order })
}
