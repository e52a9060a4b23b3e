//! `_cluster/health`: Elasticsearch's three colours, from what this node has heard.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::asked::Asked;
use super::parse::{Params, TOPICS, length, shown};
use super::refusal::Refusal;
use super::topics::{Leniency, resolve};
use super::{Face, by};
use crate::node::cluster::Cluster;
use crate::node::metadata::TopicImage;

/// A wait for a colour ends by then, whatever is asked for.
const MOST: Duration = Duration::from_mins(1);
/// And by then, when nothing is said.
const USUAL: Duration = Duration::from_secs(30);

/// How well a topic, or all of them, can be served; the worse is the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Health {
    /// Every replica is in sync.
    Green,
    /// Every partition is led.
    Yellow,
    /// A partition has no leader.
    Red,
}

impl Health {
    /// Its word.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Yellow => "yellow",
            Self::Red => "red",
        }
    }
}

/// How many partitions and replicas there are and serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Count {
    partitions: usize,
    led: usize,
    replicas: usize,
    in_sync: usize,
}

impl Count {
    fn of<'a>(cluster: &Cluster, topics: impl Iterator<Item = &'a Arc<TopicImage>>) -> Self {
        let mut count = Self {
            partitions: 0,
            led: 0,
            replicas: 0,
            in_sync: 0,
        };
        for topic in topics {
            for (index, partition) in topic.partitions.iter().enumerate() {
                let leadership = cluster.leadership(topic.group(index as u32));
                count.partitions += 1;
                count.replicas += partition.replicas.len();
                if leadership.leader.is_some() {
                    count.led += 1;
                    count.in_sync += leadership.isr.len();
                }
            }
        }
        count
    }

    fn health(self) -> Health {
        if self.led < self.partitions {
            Health::Red
        } else if self.in_sync < self.replicas {
            Health::Yellow
        } else {
            Health::Green
        }
    }
}

/// One topic's health.
pub(super) fn of_topic(cluster: &Cluster, topic: &Arc<TopicImage>) -> Health {
    Count::of(cluster, std::iter::once(topic)).health()
}

/// `GET /_cluster/health`, with `wait_for_status` and `timeout`.
pub(super) async fn health(
    face: &Face,
    names: Option<&str>,
    asked: &Asked,
) -> Result<(StatusCode, Value), Refusal> {
    let params = Params::read(
        asked.line(),
        &[&["wait_for_status", "timeout", "level", "local"], &TOPICS],
    )?;
    let wanted = wanted(&params)?;
    let until = Instant::now() + limit(&params)?;
    if !matches!(params.get("level"), None | Some("cluster")) {
        return Err(Refusal::argument("[level] is [cluster] and nothing else"));
    }
    let count = || -> Result<Count, Refusal> {
        let cluster = face.fan.cluster();
        if names.is_none() {
            return Ok(Count::of(cluster, cluster.image().topics.values()));
        }
        let topics = resolve(face, names, Leniency::of(&params)?)?;
        Ok(Count::of(cluster, topics.iter()))
    };
    count()?;
    let reached = async {
        let mut claims = face.fan.cluster().watch_leaders();
        let mut peers = face.fan.cluster().links().peers();
        while count().is_ok_and(|count| count.health() > wanted) {
            tokio::select! {
                changed = claims.changed() => if changed.is_err() { return },
                changed = peers.changed() => if changed.is_err() { return },
            }
        }
    };
    let reached = by(until, reached).await.is_some();
    let told = told(face.fan.cluster(), count()?, reached);
    let status = if reached {
        StatusCode::OK
    } else {
        StatusCode::REQUEST_TIMEOUT
    };
    Ok((status, told))
}

fn wanted(params: &Params) -> Result<Health, Refusal> {
    match params.get("wait_for_status") {
        None | Some("red") => Ok(Health::Red),
        Some("yellow") => Ok(Health::Yellow),
        Some("green") => Ok(Health::Green),
        Some(other) => Err(Refusal::argument(format!(
            "[wait_for_status] is green, yellow or red, not [{}]",
            shown(other)
        ))),
    }
}

fn limit(params: &Params) -> Result<Duration, Refusal> {
    let said = params
        .get("timeout")
        .map_or(Ok(Some(USUAL)), |text| length("timeout", text))?;
    Ok(said.unwrap_or(MOST).min(MOST))
}

fn told(cluster: &Cluster, count: Count, reached: bool) -> Value {
    let nodes = cluster.live_nodes().len();
    let active = if count.replicas == 0 {
        100.0
    } else {
        count.in_sync as f64 * 100.0 / count.replicas as f64
    };
    json!({
        "cluster_name": cluster.spec().cluster_name,
        "status": count.health().word(),
        "timed_out": !reached,
        "number_of_nodes": nodes,
        "number_of_data_nodes": nodes,
        "active_primary_shards": count.led,
        "active_shards": count.in_sync,
        "relocating_shards": 0,
        "initializing_shards": 0,
        "unassigned_shards": count.replicas - count.in_sync.min(count.replicas),
        "delayed_unassigned_shards": 0,
        "number_of_pending_tasks": 0,
        "number_of_in_flight_fetch": 0,
        "task_max_waiting_in_queue_millis": 0,
        "active_shards_percent_as_number": active,
    })
}
