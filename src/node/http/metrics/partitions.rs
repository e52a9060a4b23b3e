//! The replicas on this node: their terms, roles, offsets and how far they are behind.

use prometheus::Registry;

use super::node::ROLES;
use super::register;
use crate::node::cluster::Cluster;
use crate::node::partition::Partition;
use crate::spec::PartitionStatus;

const PARTITION: [&str; 2] = ["topic", "partition"];

/// One gauge: its name, its help and where its number comes from.
type PartitionGauge = (&'static str, &'static str, fn(&PartitionStatus) -> i64);

const GAUGES: [PartitionGauge; 5] = [
    (
        "chronik_partition_term",
        "Leader epoch (Raft term) of the partition.",
        |p| p.term as i64,
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
        "Offset below which records are committed, as known here.",
        |p| p.high_watermark,
    ),
    (
        "chronik_partition_in_sync_replicas",
        "In-sync replicas that this node knows.",
        |p| p.isr.len() as i64,
    ),
];

/// All of it.
pub(super) fn register(
    registry: &Registry,
    cluster: &Cluster,
    partitions: &[PartitionStatus],
) -> prometheus::Result<()> {
    for (name, help, number) in GAUGES {
        let gauge = register::gauges(registry, name, help, &PARTITION)?;
        for partition in partitions {
            let index = partition.partition.to_string();
            gauge
                .with_label_values(&[&partition.topic, &index])
                .set(number(partition));
        }
    }
    roles(registry, partitions)?;
    lags(registry, cluster)
}

fn roles(registry: &Registry, partitions: &[PartitionStatus]) -> prometheus::Result<()> {
    let help = "1 for this replica's role.";
    let labels = ["topic", "partition", "role"];
    let roles = register::gauges(registry, "chronik_partition_role", help, &labels)?;
    for partition in partitions {
        let index = partition.partition.to_string();
        for (role, label) in ROLES {
            roles
                .with_label_values(&[&partition.topic, &index, label])
                .set(i64::from(role == partition.role));
        }
    }
    Ok(())
}

fn lags(registry: &Registry, cluster: &Cluster) -> prometheus::Result<()> {
    let help = "Records that this replica is behind its leader's log end, which is told each second \
                and may be older here; absent without a leader.";
    let lags = register::gauges(registry, "chronik_partition_lag_records", help, &PARTITION)?;
    for partition in cluster.hosted() {
        if let Some(lag) = lag(cluster, &partition) {
            let index = partition.group().partition.to_string();
            lags.with_label_values(&[partition.topic(), &index])
                .set(lag);
        }
    }
    Ok(())
}

/// A leader is behind nobody; what a follower has beyond an old word of its leader is no lag.
fn lag(cluster: &Cluster, partition: &Partition) -> Option<i64> {
    let group = partition.group();
    let leader = cluster.leadership(group).leader?;
    if leader == cluster.spec().node {
        return Some(0);
    }
    let claim = cluster.claims().get(group)?;
    Some((claim.log_end - partition.offsets().log_end).max(0))
}
