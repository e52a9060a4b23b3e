//! `/_ui`: one page that searches and shows the cluster, and the data behind it.
//!
//! The page is in the binary, loads nothing from elsewhere, and may do nothing but talk to the
//! node that served it. What comes from records is inserted as text.

use std::sync::Arc;
use std::time::Instant;

use axum::http::{HeaderName, header};
use axum::response::{Html, IntoResponse, Response};
use serde_json::{Value, json};

use super::topics::{is_searchable, shards};
use super::{Face, SOON};
use crate::node::cluster::Cluster;
use crate::node::metadata::TopicImage;
use crate::node::search::IndexStats;

const HTML: &str = include_str!("ui/page.html");
const CSS: &str = include_str!("ui/page.css");
const SCRIPT: &str = include_str!("ui/page.js");

/// Only what stands in the page itself runs, and it reaches nothing but this port.
fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; \
         connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
}

/// The page.
pub(super) async fn page() -> Response {
    let nonce = format!("{:032x}", rand::random::<u128>());
    let html = HTML
        .replace("{{nonce}}", &nonce)
        .replace("{{css}}", CSS)
        .replace("{{script}}", SCRIPT);
    let headers: [(HeaderName, String); 4] = [
        (header::CONTENT_SECURITY_POLICY, policy(&nonce)),
        (header::X_CONTENT_TYPE_OPTIONS, String::from("nosniff")),
        (header::REFERRER_POLICY, String::from("no-referrer")),
        (header::CACHE_CONTROL, String::from("no-store")),
    ];
    (headers, Html(html)).into_response()
}

/// What the page shows of the cluster, as this node sees it.
pub(super) async fn cluster(face: &Face) -> Value {
    let cluster = face.fan.cluster();
    let node = face.node.status();
    let image = cluster.image();
    let topics: Vec<Arc<TopicImage>> = image.topics.values().cloned().collect();
    let searchable: Vec<Arc<TopicImage>> = topics
        .iter()
        .filter(|topic| !topic.is_internal() && is_searchable(cluster, topic))
        .cloned()
        .collect();
    let asked = shards(&searchable);
    let stats = face.fan.stats(&asked, Instant::now() + SOON).await;
    let stats_of = |topic: &TopicImage, partition: u32| {
        let mut both = asked.iter().zip(&stats);
        let (_, stats) =
            both.find(|(shard, _)| shard.topic.id == topic.id && shard.partition == partition)?;
        stats.as_ref().ok().copied()
    };
    let topics: Vec<Value> = topics
        .iter()
        .map(|topic| {
            let partitions = 0..topic.partitions.len() as u32;
            let partitions =
                partitions.map(|index| partition(cluster, topic, index, stats_of(topic, index)));
            json!({
                "name": topic.name,
                "internal": topic.is_internal(),
                "searchable": searchable.iter().any(|one| one.id == topic.id),
                "partitions": partitions.collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "cluster": cluster.spec().cluster_name,
        "node": node.node.0,
        "ready": node.ready,
        "waiting_for": node.not_ready_reason,
        "leaving": node.leaving,
        "uptime_ms": node.uptime_ms,
        "controller": node.metadata.leader,
        "term": node.metadata.term,
        "nodes": nodes(cluster),
        "topics": topics,
    })
}

fn partition(
    cluster: &Cluster,
    topic: &TopicImage,
    index: u32,
    stats: Option<IndexStats>,
) -> Value {
    let group = topic.group(index);
    let leadership = cluster.leadership(group);
    let log_end = cluster.claims().get(group).map(|claim| claim.log_end);
    json!({
        "partition": index,
        "leader": leadership.leader,
        "epoch": leadership.epoch,
        "isr": leadership.isr,
        "replicas": topic.partitions[index as usize].replicas,
        "log_end": log_end,
        "records": stats.map(|stats| stats.records),
        "lag": stats.map(|stats| stats.lag),
    })
}

/// Every node as this one holds it.
fn nodes(cluster: &Cluster) -> Vec<Value> {
    let me = cluster.spec().node;
    let peers = cluster.links().peers();
    let peers = peers.borrow();
    cluster
        .spec()
        .node_ids()
        .into_iter()
        .map(|id| match peers.peers.get(&id) {
            None => json!({ "id": id, "self": id == me, "alive": true, "linked": true }),
            Some(peer) => json!({
                "id": id,
                "self": false,
                "alive": peer.alive,
                "linked": peer.linked,
                "leaving": peer.leaving,
                "hears": peer.hears,
                "heard_ms": cluster.links().heard_ms(id),
                "reason": peer.reason,
            }),
        })
        .collect()
}
