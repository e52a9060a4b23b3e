//! `GET /{topic}/_doc/{partition}-{offset}`.

use std::collections::BTreeMap;
use std::time::Instant;

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::asked::Asked;
use super::hits::{self, Failures, Told};
use super::parse::{Params, SearchRequest, place, search_request};
use super::refusal::Refusal;
use super::{Face, SOON, now_ms, topics};
use crate::node::search::fan_out::Shard;
use crate::node::search::{Document, Wanted};

/// One record, or that it is not there.
pub(super) async fn document(
    face: &Face,
    (topic, id): (&str, &str),
    asked: &Asked,
) -> Result<(StatusCode, Told), Refusal> {
    const KNOWN: [&str; 6] = [
        "_source",
        "_source_includes",
        "_source_excludes",
        "preference",
        "realtime",
        "refresh",
    ];
    let params = Params::read(asked.line(), &[&KNOWN])?;
    let request = search_request(&Value::Null, &params, now_ms())?;
    let topic = topics::one(face, topic)?;
    let found =
        match place(id).filter(|(partition, _)| (*partition as usize) < topic.partitions.len()) {
            None => None,
            Some((partition, offset)) => {
                let shard = Shard {
                    topic: topic.clone(),
                    partition,
                };
                let document = fetch(face, &shard, (offset, &request)).await?;
                document.map(|document| told(&shard, document, &request))
            }
        };
    Ok(if let Some(found) = found {
        (StatusCode::OK, found)
    } else {
        let absent = [
            ("_index", json!(topic.name)),
            ("_id", json!(id)),
            ("found", json!(false)),
        ];
        let absent = absent.map(|(name, value)| (name.to_owned(), value));
        let about = Map::from_iter(absent);
        (
            StatusCode::NOT_FOUND,
            Told {
                about,
                source: None,
            },
        )
    })
}

async fn fetch(
    face: &Face,
    shard: &Shard,
    (offset, request): (i64, &SearchRequest),
) -> Result<Option<Document>, Refusal> {
    let wanted = Wanted {
        offsets: vec![offset],
        highlight: None,
        source: hits::wanted_source(request),
    };
    let shards = std::slice::from_ref(shard);
    let until = Instant::now() + SOON;
    let page = face
        .fan
        .fetch(shards, BTreeMap::from([(0, wanted)]), until)
        .await;
    let mut page = page.map_err(|error| hits::refusal(&error))?;
    let mut failures = Failures::default();
    for (index, missing) in page.missing {
        failures.add(index, missing);
    }
    failures.check(shards, false)?;
    Ok(page.documents.remove(&(0, offset)))
}

fn told(shard: &Shard, document: Document, request: &SearchRequest) -> Told {
    let mut told = hits::record(shard, &document);
    let mut tell = |name: &str, value: Value| drop(told.insert(name.to_owned(), value));
    tell("_version", json!(1));
    tell("_seq_no", json!(document.offset));
    tell("_primary_term", json!(1));
    tell("found", json!(true));
    let source = document.source;
    Told {
        about: told,
        source: source.and_then(|source| request.source.apply(source)),
    }
}
