//! `_mapping` and `GET|HEAD /{topic}`: the kinds of value that were seen.

use std::sync::Arc;
use std::time::Instant;

use serde_json::{Map, Value, json};

use super::asked::Asked;
use super::parse::{Params, TOPICS};
use super::refusal::Refusal;
use super::topics::{Leniency, resolve, shards};
use super::{Face, SOON, topics};
use crate::node::metadata::TopicImage;
use crate::node::search::{Kind, Mapping};

/// `GET /{topics}/_mapping`.
pub(super) async fn mapping(
    face: &Face,
    names: Option<&str>,
    asked: &Asked,
) -> Result<Value, Refusal> {
    let params = Params::read(asked.line(), &[&TOPICS])?;
    let topics = resolve(face, names, Leniency::of(&params)?)?;
    let mut told = Map::new();
    for topic in &topics {
        let mappings = json!({ "mappings": of_topic(face, topic).await });
        told.insert(topic.name.clone(), mappings);
    }
    Ok(Value::Object(told))
}

/// `GET|HEAD /{topic}`.
pub(super) async fn topic(face: &Face, name: &str, asked: &Asked) -> Result<Value, Refusal> {
    Params::read(asked.line(), &[&TOPICS])?;
    let topic = topics::one(face, name)?;
    let replicas = topic.partitions.first().map_or(1, |one| one.replicas.len());
    let settings = json!({ "index": {
        "number_of_shards": topic.partitions.len().to_string(),
        "number_of_replicas": (replicas - 1).to_string(),
        "uuid": topic.id.to_string(),
        "provided_name": topic.name,
    } });
    Ok(json!({ name: {
        "aliases": {},
        "mappings": of_topic(face, &topic).await,
        "settings": settings,
    } }))
}

async fn of_topic(face: &Face, topic: &Arc<TopicImage>) -> Value {
    let shards = shards(std::slice::from_ref(topic));
    let parts = face.fan.mappings(&shards, Instant::now() + SOON).await;
    let mut all = Mapping::new();
    for (name, kind) in parts.into_iter().flatten().flatten() {
        all.entry(name)
            .and_modify(|known| *known = either(*known, kind))
            .or_insert(kind);
    }
    let mut properties = Map::new();
    for (name, kind) in &all {
        insert(&mut properties, name, kind_of(*kind));
    }
    for (name, kind) in [
        ("_key", "keyword"),
        ("_offset", "long"),
        ("_partition", "long"),
        ("_timestamp", "date"),
    ] {
        properties.insert(name.to_owned(), json!({ "type": kind }));
    }
    json!({ "properties": properties })
}

/// The kind that holds values of two kinds.
fn either(a: Kind, b: Kind) -> Kind {
    match (a, b) {
        _ if a == b => a,
        (Kind::Long | Kind::Double, Kind::Long | Kind::Double) => Kind::Double,
        _ => Kind::Text,
    }
}

fn kind_of(kind: Kind) -> Value {
    match kind {
        Kind::Text => json!({ "type": "text", "fields": { "keyword": { "type": "keyword" } } }),
        Kind::Long => json!({ "type": "long" }),
        Kind::Double => json!({ "type": "double" }),
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Date => json!({ "type": "date" }),
    }
}

/// `user.name` stands in the properties of `user`.
fn insert(properties: &mut Map<String, Value>, name: &str, kind: Value) {
    let (name, rest) = match name.split_once('.') {
        Some((name, rest)) => (name, Some(rest)),
        None => (name, None),
    };
    let at = properties.entry(name).or_insert_with(|| json!({}));
    let Some(at) = at.as_object_mut() else {
        return;
    };
    match (rest, kind) {
        (None, Value::Object(kind)) => at.extend(kind),
        (None, _) => {}
        (Some(rest), kind) => {
            let inner = at.entry("properties").or_insert_with(|| json!({}));
            if let Some(inner) = inner.as_object_mut() {
                insert(inner, rest, kind);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_nest() {
        let mut properties = Map::new();
        for name in ["a", "b.c", "b.d.e"] {
            insert(&mut properties, name, kind_of(Kind::Long));
        }
        let long = json!({ "type": "long" });
        let inner = json!({ "properties": { "c": long, "d": { "properties": { "e": long } } } });
        assert_eq!(Value::Object(properties), json!({ "a": long, "b": inner }));
    }

    #[test]
    fn mixed_kinds_become_wider() {
        assert_eq!(either(Kind::Long, Kind::Double), Kind::Double);
        assert_eq!(either(Kind::Long, Kind::Text), Kind::Text);
        assert_eq!(either(Kind::Date, Kind::Date), Kind::Date);
    }
}
