//! `GET /metrics`: the node's numbers in Prometheus' classic text format.
//!
//! The numbers are read where they live when somebody scrapes; nothing is counted twice.

use prometheus::{Encoder, IntGaugeVec, Opts, Registry, TextEncoder};

use super::Inner;
use super::status;
use crate::spec::{NodeStatus, PartitionStatus, Role};

const PARTITION: [&str; 2] = ["topic", "partition"];

/// One partition gauge: its name, its help and where its number comes from.
type PartitionGauge = (&'static str, &'static str, fn(&PartitionStatus) -> i64);

const PARTITION_GAUGES: [PartitionGauge; 6] = [
    (
        "chronik_partition_term",
        "Leader epoch (Raft term) of the partition.",
        |p| p.term as i64,
    ),
    (
        "chronik_partition_is_leader",
        "1 when this node leads the partition.",
        |p| i64::from(p.role == Role::Leader),
    ),
    (
        "chronik_partition_log_start_offset",
        "First offset kept here.",
        |p| p.log_start,
    ),
    (
        "chronik_partition_log_end_offset",
        "Next offset to be appended here.",
        |p| p.log_end,
    ),
    (
        "chronik_partition_high_watermark",
        "Offset below which records are committed.",
        |p| p.high_watermark,
    ),
    (
        "chronik_partition_in_sync_replicas",
        "In-sync replicas that this node knows.",
        |p| p.isr.len() as i64,
    ),
];

/// All metrics as text.
pub(super) fn text(face: &Inner) -> prometheus::Result<Vec<u8>> {
    let status = status::of(face);
    let registry = Registry::new();
    node(&registry, &status)?;
    for (name, help, number) in PARTITION_GAUGES {
        let gauge = vector(&registry, name, help, &PARTITION)?;
        for partition in &status.partitions {
            let index = partition.partition.to_string();
            gauge
                .with_label_values(&[&partition.topic, &index])
                .set(number(partition));
        }
    }
    let mut text = Vec::new();
    TextEncoder::new().encode(&registry.gather(), &mut text)?;
    Ok(text)
}

fn node(registry: &Registry, status: &NodeStatus) -> prometheus::Result<()> {
    let single = |name, help, value| -> prometheus::Result<()> {
        vector(registry, name, help, &[])?
            .with_label_values::<&str>(&[])
            .set(value);
        Ok(())
    };
    single(
        "chronik_ready",
        "1 when the node is ready.",
        i64::from(status.ready),
    )?;
    single(
        "chronik_metadata_term",
        "Term of the metadata group.",
        status.metadata.term as i64,
    )?;
    let applied = status.metadata.applied as i64;
    single(
        "chronik_metadata_applied_index",
        "Last metadata index applied here.",
        applied,
    )?;
    single(
        "chronik_topics",
        "Topics of the cluster.",
        status.metadata.topics as i64,
    )?;
    let linked = vector(
        registry,
        "chronik_peer_linked",
        "1 when the peer is linked.",
        &["peer"],
    )?;
    let alive = vector(
        registry,
        "chronik_peer_alive",
        "1 when the peer is held alive.",
        &["peer"],
    )?;
    for link in &status.links {
        let peer = link.peer.0.to_string();
        linked
            .with_label_values(&[&peer])
            .set(i64::from(link.linked));
        alive.with_label_values(&[&peer]).set(i64::from(link.alive));
    }
    Ok(())
}

fn vector(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> prometheus::Result<IntGaugeVec> {
    let vector = IntGaugeVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(vector.clone()))?;
    Ok(vector)
}
