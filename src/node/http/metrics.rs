//! `GET /metrics`: the node's numbers in Prometheus' classic text format.
//!
//! The numbers are read where they live when somebody scrapes; nothing is counted twice.

mod histogram;

use prometheus::{Encoder, IntCounter, IntGaugeVec, Opts, Registry, TextEncoder};

use super::Inner;
use super::status;
use crate::node::broker::BrokerStats;
use crate::node::storage::StorageStats;
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
    partitions(&registry, &status)?;
    broker(&registry, &face.broker)?;
    let storage = face.cluster.storage().stats();
    totals(&registry, &storage)?;
    let mut families = registry.gather();
    families.push(histogram::syncs(&storage));
    families.push(histogram::requests(&face.broker));
    families.sort_by(|a, b| a.name().cmp(b.name()));
    let mut text = Vec::new();
    TextEncoder::new().encode(&families, &mut text)?;
    Ok(text)
}

fn partitions(registry: &Registry, status: &NodeStatus) -> prometheus::Result<()> {
    for (name, help, number) in PARTITION_GAUGES {
        let gauge = vector(registry, name, help, &PARTITION)?;
        for partition in &status.partitions {
            let index = partition.partition.to_string();
            gauge
                .with_label_values(&[&partition.topic, &index])
                .set(number(partition));
        }
    }
    Ok(())
}

fn node(registry: &Registry, status: &NodeStatus) -> prometheus::Result<()> {
    single(
        registry,
        "chronik_ready",
        "1 when the node is ready.",
        i64::from(status.ready),
    )?;
    let term = status.metadata.term as i64;
    single(
        registry,
        "chronik_metadata_term",
        "Term of the metadata group.",
        term,
    )?;
    let applied = status.metadata.applied as i64;
    single(
        registry,
        "chronik_metadata_applied_index",
        "Last metadata index applied here.",
        applied,
    )?;
    let topics = status.metadata.topics as i64;
    single(registry, "chronik_topics", "Topics of the cluster.", topics)?;
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

fn broker(registry: &Registry, stats: &BrokerStats) -> prometheus::Result<()> {
    let connections = stats.connections.get() as i64;
    single(
        registry,
        "chronik_connections",
        "Kafka connections now.",
        connections,
    )?;
    for (name, help, counter) in [
        (
            "chronik_connections_accepted_total",
            "Kafka connections accepted.",
            &stats.accepted,
        ),
        (
            "chronik_connections_refused_total",
            "Kafka connections refused: too many.",
            &stats.refused,
        ),
        (
            "chronik_connections_faulty_total",
            "Kafka connections closed for what they sent.",
            &stats.faulty,
        ),
        (
            "chronik_request_bytes_total",
            "Bytes of Kafka requests.",
            &stats.bytes_in,
        ),
        (
            "chronik_response_bytes_total",
            "Bytes of Kafka answers.",
            &stats.bytes_out,
        ),
        (
            "chronik_produced_bytes_total",
            "Bytes of record batches appended.",
            &stats.produced_bytes,
        ),
        (
            "chronik_produced_batches_total",
            "Record batches appended.",
            &stats.produced_batches,
        ),
        (
            "chronik_fetched_bytes_total",
            "Bytes of record batches sent to consumers.",
            &stats.fetched_bytes,
        ),
    ] {
        total(registry, name, help, counter.get())?;
    }
    Ok(())
}

fn totals(registry: &Registry, storage: &StorageStats) -> prometheus::Result<()> {
    for (name, help, value) in [
        (
            "chronik_wal_bytes_total",
            "Bytes written to the write-ahead log.",
            storage.wal_bytes,
        ),
        (
            "chronik_wal_records_total",
            "Records written to the write-ahead log.",
            storage.records,
        ),
        (
            "chronik_wal_batches_total",
            "Batches of the write-ahead log, one sync each.",
            storage.batches,
        ),
        (
            "chronik_checkpoints_total",
            "Checkpoints of the storage.",
            storage.checkpoints,
        ),
        (
            "chronik_torn_tails_total",
            "Unfinished batches dropped at open.",
            storage.torn_tails,
        ),
    ] {
        total(registry, name, help, value)?;
    }
    Ok(())
}

fn single(registry: &Registry, name: &str, help: &str, value: i64) -> prometheus::Result<()> {
    vector(registry, name, help, &[])?
        .with_label_values::<&str>(&[])
        .set(value);
    Ok(())
}

fn total(registry: &Registry, name: &str, help: &str, value: u64) -> prometheus::Result<()> {
    let counter = IntCounter::new(name, help)?;
    counter.inc_by(value);
    registry.register(Box::new(counter))
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
