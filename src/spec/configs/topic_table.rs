//! The topic configs: what `CreateTopics` accepts and `DescribeConfigs` lists.

use super::ConfigType::{Boolean, Double, Int, List, Long, String};
use super::Preset::{Computed, Text};
use super::{ConfigKey, Takes};

const INT_MAX: i64 = i32::MAX as i64;
const ANY_LONG: Takes = Takes::Between(0, i64::MAX);
const LONG_OR_NONE: Takes = Takes::Between(-1, i64::MAX);
const FOREVER: &str = "9223372036854775807";

/// Every topic config, by name.
pub const TOPIC: &[ConfigKey] = &[
    ConfigKey::new(
        "cleanup.policy",
        (List, Takes::ListOf(&["delete", "compact"])),
        Text("delete"),
        "What becomes of old records: delete by retention, compact to the last of each key, or both.",
    )
    .defaulting_to("log.cleanup.policy"),
    ConfigKey::new(
        "compression.type",
        (String, Takes::OneOf(&["producer"])),
        Text("producer"),
        "Batches are kept as the producer compressed them.",
    )
    .defaulting_to("compression.type"),
    ConfigKey::new(
        "delete.retention.ms",
        (Long, ANY_LONG),
        Text("86400000"),
        "How long compaction keeps the tombstone of a deleted key.",
    )
    .defaulting_to("log.cleaner.delete.retention.ms"),
    ConfigKey::new(
        "file.delete.delay.ms",
        (Long, ANY_LONG),
        Text("60000"),
        "Accepted for the sake of clients; files are removed as soon as nobody reads them.",
    ),
    ConfigKey::new(
        "flush.messages",
        (Long, Takes::Between(1, i64::MAX)),
        Text(FOREVER),
        "Accepted for the sake of clients; storage.sync says when a record is synced.",
    ),
    ConfigKey::new(
        "flush.ms",
        (Long, ANY_LONG),
        Text(FOREVER),
        "Accepted for the sake of clients; storage.sync says when a record is synced.",
    ),
    ConfigKey::new(
        "index.interval.bytes",
        (Int, Takes::Between(0, INT_MAX)),
        Text("4096"),
        "Accepted for the sake of clients; the spacing of the index is the storage's own.",
    ),
    ConfigKey::new(
        "max.compaction.lag.ms",
        (Long, Takes::Between(1, i64::MAX)),
        Text(FOREVER),
        "The longest time that a record may stay out of compaction.",
    ),
    ConfigKey::new(
        "max.message.bytes",
        (Int, Takes::Between(0, 33_554_432)),
        Computed(|scope| scope.settings.message_max_bytes().to_string()),
        "The largest record batch in bytes.",
    )
    .defaulting_to("message.max.bytes"),
    ConfigKey::new(
        "message.timestamp.after.max.ms",
        (Long, ANY_LONG),
        Text("3600000"),
        "How far in the future a record's timestamp may lie.",
    ),
    ConfigKey::new(
        "message.timestamp.before.max.ms",
        (Long, ANY_LONG),
        Text(FOREVER),
        "How far in the past a record's timestamp may lie.",
    ),
    ConfigKey::new(
        "message.timestamp.type",
        (String, Takes::OneOf(&["CreateTime", "LogAppendTime"])),
        Text("CreateTime"),
        "Whether records carry the producer's time or the broker's.",
    )
    .defaulting_to("log.message.timestamp.type"),
    ConfigKey::new(
        "min.cleanable.dirty.ratio",
        (Double, Takes::Fraction),
        Text("0.5"),
        "How much of the log must be uncompacted before compaction runs.",
    ),
    ConfigKey::new(
        "min.compaction.lag.ms",
        (Long, ANY_LONG),
        Text("0"),
        "The time that a record stays out of compaction at least.",
    ),
    ConfigKey::new(
        "min.insync.replicas",
        (Int, Takes::Between(1, 100)),
        Computed(|scope| scope.settings.min_insync_replicas(scope.replicas).to_string()),
        "Replicas that must have a record before acks=all is answered.",
    )
    .defaulting_to("min.insync.replicas"),
    ConfigKey::new(
        "preallocate",
        (Boolean, Takes::Boolean),
        Text("false"),
        "Accepted for the sake of clients; the write-ahead log is always zero-filled ahead.",
    ),
    ConfigKey::new(
        "remote.storage.enable",
        (Boolean, Takes::OneOf(&["false"])),
        Text("false"),
        "There is no tiered storage.",
    ),
    ConfigKey::new(
        "retention.bytes",
        (Long, LONG_OR_NONE),
        Computed(|scope| scope.settings.retention_bytes().to_string()),
        "Bytes that each partition keeps; -1 is without a limit.",
    )
    .defaulting_to("log.retention.bytes"),
    ConfigKey::new(
        "retention.ms",
        (Long, LONG_OR_NONE),
        Computed(|scope| scope.settings.retention_ms().to_string()),
        "Milliseconds that a record is kept; -1 is for ever.",
    )
    .defaulting_to("log.retention.ms"),
    ConfigKey::new(
        "searchable.enabled",
        (Boolean, Takes::Boolean),
        Computed(|scope| scope.settings.search_default().to_string()),
        "Whether the topic's records can be searched.",
    )
    .defaulting_to("search.default"),
    ConfigKey::new(
        "segment.bytes",
        (Int, Takes::Between(14, INT_MAX)),
        Computed(|scope| scope.settings.segment_bytes().to_string()),
        "Accepted for the sake of clients; log.segment.bytes holds for every topic.",
    )
    .defaulting_to("log.segment.bytes"),
    ConfigKey::new(
        "segment.index.bytes",
        (Int, Takes::Between(4, INT_MAX)),
        Text("10485760"),
        "Accepted for the sake of clients; the size of the index is the storage's own.",
    ),
    ConfigKey::new(
        "segment.jitter.ms",
        (Long, ANY_LONG),
        Text("0"),
        "Accepted for the sake of clients; segments are sealed by size.",
    ),
    ConfigKey::new(
        "segment.ms",
        (Long, Takes::Between(1, i64::MAX)),
        Text("604800000"),
        "Accepted for the sake of clients; segments are sealed by size.",
    ),
    ConfigKey::new(
        "unclean.leader.election.enable",
        (Boolean, Takes::OneOf(&["false"])),
        Text("false"),
        "Raft never elects a leader that lacks a committed record.",
    ),
];
