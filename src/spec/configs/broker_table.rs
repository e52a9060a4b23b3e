//! The broker configs: read-only, set with `--set` when a cluster is made.

use super::ConfigType::{Boolean, Double, Int, List, Long, String};
use super::Preset::{Computed, Text};
use super::{ConfigKey, FETCH_MAX_BYTES, Takes};
use crate::spec::{SyncMode, defaults};

/// Every broker config that is the same on all nodes, by name.
///
/// What differs between nodes (`broker.id`, `listeners`, ...) is added by `DescribeConfigs`.
pub const BROKER: &[ConfigKey] = &[
    boolean(
        "auto.create.topics.enable",
        Computed(|scope| scope.settings.auto_create_topics().to_string()),
        "Whether Metadata requests create the topics that they name.",
    ),
    string(
        "compression.type",
        Text("producer"),
        "Batches are kept as the producer compressed them.",
    ),
    long(
        "connections.max.idle.ms",
        Computed(|_| defaults::CONNECTION_IDLE.as_millis().to_string()),
        "An idle connection is closed after this time.",
    ),
    int(
        "default.replication.factor",
        Computed(|scope| scope.settings.replication_factor(scope.nodes).to_string()),
        "Replicas of a topic that is created without a number of its own.",
    ),
    boolean(
        "delete.topic.enable",
        Text("true"),
        "Whether topics can be deleted.",
    ),
    int(
        "fetch.max.bytes",
        Computed(|_| FETCH_MAX_BYTES.to_string()),
        "The most bytes of records that one Fetch answer carries, its first batch apart.",
    ),
    int(
        "group.initial.rebalance.delay.ms",
        Computed(|scope| scope.settings.initial_rebalance_delay_ms().to_string()),
        "How long an empty group waits for more members before its first rebalance.",
    ),
    int(
        "group.max.session.timeout.ms",
        Text("1800000"),
        "The longest session timeout that a group's member may ask for.",
    ),
    int(
        "group.min.session.timeout.ms",
        Text("6000"),
        "The shortest session timeout that a group's member may ask for.",
    ),
    long(
        "log.cleaner.delete.retention.ms",
        Text("86400000"),
        "How long compaction keeps the tombstone of a deleted key.",
    ),
    ConfigKey::new(
        "log.cleanup.policy",
        (List, Takes::ListOf(&["delete", "compact"])),
        Text("delete"),
        "What becomes of old records of topics that do not say.",
    ),
    string(
        "log.message.timestamp.type",
        Text("CreateTime"),
        "Whether records carry the producer's time or the broker's.",
    ),
    long(
        "log.retention.bytes",
        Computed(|scope| scope.settings.retention_bytes().to_string()),
        "Bytes that each partition keeps; -1 is without a limit.",
    ),
    long(
        "log.retention.ms",
        Computed(|scope| scope.settings.retention_ms().to_string()),
        "Milliseconds that a record is kept; -1 is for ever.",
    ),
    long(
        "log.segment.bytes",
        Computed(|scope| scope.settings.segment_bytes().to_string()),
        "Bytes after which a partition's segment is sealed.",
    ),
    int(
        "max.connections",
        Computed(|scope| scope.settings.max_connections().to_string()),
        "Kafka connections that a node accepts.",
    ),
    int(
        "max.partitions",
        Computed(|scope| scope.settings.max_partitions().to_string()),
        "Partitions that the cluster accepts.",
    ),
    int(
        "message.max.bytes",
        Computed(|scope| scope.settings.message_max_bytes().to_string()),
        "The largest record batch in bytes.",
    ),
    int(
        "min.insync.replicas",
        Computed(|scope| {
            scope
                .settings
                .min_insync_replicas(scope.replicas)
                .to_string()
        }),
        "Replicas that must have a record before acks=all is answered.",
    ),
    int(
        "num.partitions",
        Computed(|scope| scope.settings.num_partitions().to_string()),
        "Partitions of a topic that is created without a number of its own.",
    ),
    int(
        "offsets.topic.num.partitions",
        Computed(|scope| scope.settings.offsets_partitions().to_string()),
        "Partitions of __consumer_offsets.",
    ),
    int(
        "offsets.topic.replication.factor",
        Computed(|scope| scope.settings.replication_factor(scope.nodes).to_string()),
        "Replicas of __consumer_offsets.",
    ),
    boolean(
        "search.default",
        Computed(|scope| scope.settings.search_default().to_string()),
        "Whether topics can be searched that do not say.",
    ),
    int(
        "socket.request.max.bytes",
        Computed(|_| defaults::MAX_FRAME_BYTES.to_string()),
        "The largest request in bytes.",
    ),
    string(
        "storage.sync",
        Computed(|scope| match scope.settings.sync() {
            SyncMode::Always => "always".to_owned(),
            SyncMode::Os => "os".to_owned(),
        }),
        "When an append counts as stored: after fdatasync, or when the system has it.",
    ),
    long(
        "storage.wal.bytes",
        Computed(|scope| scope.settings.wal_bytes().to_string()),
        "Bytes of one write-ahead log file.",
    ),
    ConfigKey::new(
        "log.cleaner.min.cleanable.ratio",
        (Double, Takes::Fraction),
        Text("0.5"),
        "How much of a log must be uncompacted before compaction runs.",
    ),
    boolean(
        "unclean.leader.election.enable",
        Text("false"),
        "Raft never elects a leader that lacks a committed record.",
    ),
];

const fn boolean(name: &'static str, default: super::Preset, doc: &'static str) -> ConfigKey {
    ConfigKey::new(name, (Boolean, Takes::Boolean), default, doc)
}

const fn string(name: &'static str, default: super::Preset, doc: &'static str) -> ConfigKey {
    ConfigKey::new(name, (String, Takes::Anything), default, doc)
}

const fn int(name: &'static str, default: super::Preset, doc: &'static str) -> ConfigKey {
    ConfigKey::new(
        name,
        (Int, Takes::Between(-1, i32::MAX as i64)),
        default,
        doc,
    )
}

const fn long(name: &'static str, default: super::Preset, doc: &'static str) -> ConfigKey {
    ConfigKey::new(name, (Long, Takes::Between(-1, i64::MAX)), default, doc)
}
