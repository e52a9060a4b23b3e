//! `clean-startup`: N nodes from nothing, or a cluster as it is met.
//!
//! Every broker lists all brokers; one node leads the metadata; a topic of the scenario's own, with
//! a replica on every node, takes a write with acks=all and gives it back on every replica; metrics
//! answer. The topic is deleted before topics are counted.

use std::time::Duration;

use super::PARTITIONS;
use crate::client::http;
use crate::scenarios::halt::{Halt, until};
use crate::scenarios::metrics::FORMED;
use crate::scenarios::runner::{PROGRESS_WITHIN, Stage};
use crate::scenarios::workload::Cast;
use crate::spec::NodeStatus;

/// Records that are written.
pub(super) const RECORDS: u64 = 30;
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

pub(super) async fn play(stage: &mut Stage) -> Result<(), Halt> {
    stage.step("asking every broker");
    until(
        "every broker lists all brokers",
        PROGRESS_WITHIN,
        async || everybody_is_listed(stage).await,
    )
    .await?;
    until("one node leads the metadata", PROGRESS_WITHIN, async || {
        one_leads(stage).await
    })
    .await?;

    let hello = stage.topic("hello", PARTITIONS, &[]).await?;
    stage.load(&hello, Cast::Exactly(RECORDS)).await?;
    stage.all_acked(RECORDS).await?;
    stage.all_read(&hello, RECORDS).await?;
    stage.settle().await;
    stage.all_healed();
    stage.read_replicas(&hello).await?;
    stage.promise(
        "every replica gives back what was written",
        given_back(stage),
    );

    until("metrics answer", PROGRESS_WITHIN, async || {
        metrics_answer(stage).await
    })
    .await?;
    stage.milestone(FORMED, None);
    stage.promise("every node is there, listed, and serves", Ok(()));
    stage.delete(&hello).await?;
    stage.all_healed();
    stage.read_metadata().await
}

/// Every replica holds every record, and all of them the same.
fn given_back(stage: &Stage) -> Result<(), String> {
    let read = stage.arena.recorder.look(|history| {
        let replicas = history.replicas.iter();
        let told = replicas.map(|copy| (copy.partition, copy.node, copy.clone()));
        told.collect::<Vec<_>>()
    });
    let read = read.unwrap_or_default();
    let first = read.iter().map(|(_, node, _)| *node).min();
    let wanted: u64 = first.map_or(0, |first| {
        let own = read.iter().filter(|(_, node, _)| *node == first);
        own.map(|(_, _, copy)| copy.records.count()).sum()
    });
    if wanted != RECORDS {
        return Err(format!("{wanted} of {RECORDS} records were read"));
    }
    let differs = read.iter().find(|(partition, _, copy)| {
        let mut others = read.iter().filter(|(other, _, _)| other == partition);
        !copy.is_complete() || others.any(|(_, _, other)| other.hash != copy.hash)
    });
    differs.map_or(Ok(()), |(partition, node, copy)| {
        let why = copy.unread.as_deref().unwrap_or("its log is another");
        Err(format!("{node}, partition {}: {why}", partition.1))
    })
}

async fn everybody_is_listed(stage: &Stage) -> Result<(), String> {
    let nodes = stage.nodes();
    for (node, view) in stage.views().await? {
        let listed: Vec<_> = view.brokers.iter().map(|broker| broker.id).collect();
        if listed != nodes {
            return Err(format!("{node} lists {listed:?}"));
        }
    }
    Ok(())
}

/// Our own nodes say who leads; any other broker may name itself the controller (KIP-590).
async fn one_leads(stage: &Stage) -> Result<(), String> {
    let mut leaders = Vec::new();
    for (node, addr) in stage.metrics() {
        let answer = http::get(*addr, "/status", ANSWER_WITHIN).await;
        let (_, body) = answer.map_err(|error| format!("{node}: {error}"))?;
        let status: NodeStatus =
            serde_json::from_slice(&body).map_err(|error| format!("{node}: {error}"))?;
        leaders.push((*node, status.metadata.leader));
    }
    let first = leaders.first().map(|(_, leader)| *leader);
    let agree = leaders
        .iter()
        .all(|(_, leader)| leader.is_some() && Some(*leader) == first);
    if agree {
        return Ok(());
    }
    Err(format!("the nodes name {leaders:?}"))
}

async fn metrics_answer(stage: &Stage) -> Result<(), String> {
    for (node, addr) in stage.metrics() {
        let answer = http::get(*addr, "/metrics", ANSWER_WITHIN).await;
        let (code, body) = answer.map_err(|error| format!("{node}: {error}"))?;
        if code != 200 || body.is_empty() {
            return Err(format!("{node} answers {code} with {} bytes", body.len()));
        }
    }
    Ok(())
}
