//! The `--set KEY=VALUE` values: Kafka's own names where Kafka has one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::defaults;

/// When an append counts as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncMode {
    /// After fdatasync (`storage.sync=always`).
    Always,
    /// When the operating system has it, as in Apache Kafka (`storage.sync=os`).
    Os,
}

/// A `--set` value that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// No such setting.
    #[error("unknown setting {key:?}; known are {known}")]
    Unknown {
        /// What was asked for.
        key: String,
        /// All keys, comma separated.
        known: String,
    },
    /// The value does not fit.
    #[error("{key}={value}: expected {expected}")]
    Value {
        /// The setting.
        key: String,
        /// What was given.
        value: String,
        /// What it takes, in words.
        expected: &'static str,
    },
    /// Not of the form KEY=VALUE.
    #[error("{0:?} is not of the form KEY=VALUE")]
    Form(String),
}

/// Every key with the words that say what it takes.
const KEYS: &[(&str, &str)] = &[
    ("auto.create.topics.enable", "true or false"),
    #[cfg(feature = "planted-bugs")]
    ("bug", BUGS),
    ("default.replication.factor", "a number from 1 to 100"),
    ("group.initial.rebalance.delay.ms", "milliseconds"),
    ("log.retention.bytes", "bytes, or -1"),
    ("log.retention.ms", "milliseconds, or -1"),
    ("log.segment.bytes", "a number of bytes, at least 1048576"),
    ("max.connections", "a number from 1 to 100000"),
    ("max.partitions", "a number from 1 to 100000"),
    ("message.max.bytes", "a number of bytes up to 33554432"),
    ("min.insync.replicas", "a number from 1 to 100"),
    ("num.partitions", "a number from 1 to 1000"),
    ("offsets.topic.num.partitions", "a number from 1 to 50"),
    ("search.default", "true or false"),
    ("storage.sync", "always or os"),
    ("storage.wal.bytes", "a number of bytes, at least 4194304"),
];

/// What `bug` takes: the names of [`super::Bug`].
#[cfg(feature = "planted-bugs")]
const BUGS: &str = "the name of a planted bug: ack-at-append, ack-before-sync, \
    ack-without-majority, ack-when-deposed, ack-as-follower, ack-while-leaving, \
    serve-before-own-commit, fetch-past-high-watermark, high-watermark-regresses, \
    fetch-skips-a-batch, dedupe-lost-on-failover, offset-off-by-one-after-restart, \
    last-record-dropped, value-corrupted, wrong-partition, replica-diverges, \
    group-offset-rewinds, topic-lost-on-restart, epoch-stays, metadata-disagrees, \
    index-ahead-of-log, index-behind or split-dropped";

/// The settings of a cluster; what is not set has the default of [`defaults`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Settings(BTreeMap<String, String>);

impl Settings {
    /// Reads `KEY=VALUE` words; the last one of a key wins.
    pub fn parse<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, SettingError> {
        let mut settings = Self::default();
        for word in words {
            let (key, value) = word
                .split_once('=')
                .ok_or_else(|| SettingError::Form(word.to_owned()))?;
            settings.set(key.trim(), value.trim())?;
        }
        Ok(settings)
    }

    /// Sets one value after checking it.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), SettingError> {
        let Some((_, expected)) = KEYS.iter().find(|(known, _)| *known == key) else {
            let known: Vec<&str> = KEYS.iter().map(|(key, _)| *key).collect();
            return Err(SettingError::Unknown {
                key: key.to_owned(),
                known: known.join(", "),
            });
        };
        if !fits(key, value) {
            let (key, value) = (key.to_owned(), value.to_owned());
            return Err(SettingError::Value {
                key,
                value,
                expected,
            });
        }
        self.0.insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    /// The values that were set, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    fn number<T: std::str::FromStr>(&self, key: &str, default: T) -> T {
        self.0
            .get(key)
            .and_then(|value| value.parse().ok())
            .unwrap_or(default)
    }

    fn flag(&self, key: &str, default: bool) -> bool {
        self.0.get(key).map_or(default, |value| value == "true")
    }

    /// Partitions of an auto-created topic.
    pub fn num_partitions(&self) -> u32 {
        self.number("num.partitions", defaults::NUM_PARTITIONS)
    }

    /// Replicas of a new topic in a cluster of `nodes`.
    pub fn replication_factor(&self, nodes: usize) -> usize {
        let default = defaults::REPLICATION_FACTOR.min(nodes);
        self.number("default.replication.factor", default)
    }

    /// Replicas that must have an acks=all record, for a topic with `replicas`.
    pub fn min_insync_replicas(&self, replicas: usize) -> usize {
        self.number(
            "min.insync.replicas",
            defaults::MIN_INSYNC_REPLICAS.min(replicas),
        )
    }

    /// Partitions of `__consumer_offsets`.
    pub fn offsets_partitions(&self) -> u32 {
        self.number("offsets.topic.num.partitions", defaults::OFFSETS_PARTITIONS)
    }

    /// Whether Metadata requests create topics.
    pub fn auto_create_topics(&self) -> bool {
        self.flag("auto.create.topics.enable", true)
    }

    /// Whether new topics are searchable.
    pub fn search_default(&self) -> bool {
        self.flag("search.default", false)
    }

    /// Milliseconds that an empty group waits for more members; 0 in a development cluster.
    pub fn initial_rebalance_delay_ms(&self) -> u64 {
        self.number("group.initial.rebalance.delay.ms", 0)
    }

    /// Milliseconds that a record is kept; -1 is for ever.
    pub fn retention_ms(&self) -> i64 {
        self.number("log.retention.ms", defaults::RETENTION_MS)
    }

    /// Bytes that a partition keeps; -1 is without a limit.
    pub fn retention_bytes(&self) -> i64 {
        self.number("log.retention.bytes", -1)
    }

    /// Bytes after which a partition's segment is sealed.
    pub fn segment_bytes(&self) -> u64 {
        self.number("log.segment.bytes", defaults::SEGMENT_BYTES)
    }

    /// Largest record batch in bytes.
    pub fn message_max_bytes(&self) -> usize {
        self.number("message.max.bytes", defaults::MESSAGE_MAX_BYTES)
    }

    /// Kafka connections that a node accepts.
    pub fn max_connections(&self) -> usize {
        self.number("max.connections", defaults::MAX_CONNECTIONS)
    }

    /// Partitions that a cluster accepts.
    pub fn max_partitions(&self) -> usize {
        self.number("max.partitions", defaults::MAX_PARTITIONS)
    }

    /// When an append counts as stored.
    pub fn sync(&self) -> SyncMode {
        match self.0.get("storage.sync").map(String::as_str) {
            Some("os") => SyncMode::Os,
            _ => SyncMode::Always,
        }
    }

    /// The bug that every node of the cluster has.
    #[cfg(feature = "planted-bugs")]
    pub fn bug(&self) -> Option<super::Bug> {
        super::Bug::named(self.0.get("bug")?)
    }

    /// Bytes of one write-ahead log file.
    pub fn wal_bytes(&self) -> u64 {
        self.number("storage.wal.bytes", defaults::WAL_BYTES)
    }
}

fn fits(key: &str, value: &str) -> bool {
    let between = |low: i64, high: i64| {
        value
            .parse::<i64>()
            .is_ok_and(|number| (low..=high).contains(&number))
    };
    match key {
        "auto.create.topics.enable" | "search.default" => matches!(value, "true" | "false"),
        #[cfg(feature = "planted-bugs")]
        "bug" => super::Bug::named(value).is_some(),
        "storage.sync" => matches!(value, "always" | "os"),
        "default.replication.factor" | "min.insync.replicas" => between(1, 100),
        "num.partitions" => between(1, 1000),
        "offsets.topic.num.partitions" => between(1, 50),
        "max.connections" | "max.partitions" => between(1, 100_000),
        "message.max.bytes" => between(1024, 33_554_432),
        "log.segment.bytes" => between(1 << 20, 1 << 40),
        "storage.wal.bytes" => between(4 << 20, 1 << 40),
        "group.initial.rebalance.delay.ms" => between(0, i64::from(i32::MAX)),
        _ => between(-1, i64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_of_a_key_wins() {
        let settings = Settings::parse(["num.partitions=4", "num.partitions=5"]).unwrap();
        assert_eq!(settings.num_partitions(), 5);
    }

    #[test]
    fn a_value_that_does_not_fit_says_what_would() {
        let error = Settings::parse(["storage.sync=maybe"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "storage.sync=maybe: expected always or os"
        );
        assert!(matches!(
            Settings::parse(["nope=1"]),
            Err(SettingError::Unknown { .. })
        ));
        assert!(matches!(
            Settings::parse(["nope"]),
            Err(SettingError::Form(_))
        ));
    }

    #[test]
    fn defaults_follow_the_size_of_the_cluster() {
        let settings = Settings::default();
        assert_eq!(settings.replication_factor(1), 1);
        assert_eq!(settings.replication_factor(9), 3);
        assert_eq!(settings.min_insync_replicas(1), 1);
        assert_eq!(settings.min_insync_replicas(3), 2);
    }

    #[test]
    fn every_key_accepts_something() {
        for (key, _) in KEYS {
            let accepted = ["true", "always", "1", "4194304", "ack-at-append"]
                .iter()
                .any(|value| fits(key, value));
            assert!(accepted, "{key} accepts none of the samples");
        }
    }

    #[cfg(feature = "planted-bugs")]
    #[test]
    fn a_bug_is_planted_by_its_name_and_an_unknown_one_is_told_all() {
        for (bug, name) in crate::spec::Bug::ALL {
            let settings = Settings::parse([format!("bug={name}").as_str()]).unwrap();
            assert_eq!(settings.bug(), Some(bug));
            let words = Settings::parse(["bug=nope"]).unwrap_err().to_string();
            assert!(words.contains(name), "{words}");
        }
        assert_eq!(Settings::default().bug(), None);
    }

    #[cfg(not(feature = "planted-bugs"))]
    #[test]
    fn a_build_without_the_feature_knows_no_bugs() {
        let words = Settings::parse(["bug=ack-at-append"]).unwrap_err();
        assert!(matches!(words, SettingError::Unknown { .. }), "{words}");
    }
}
