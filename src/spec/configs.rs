//! The tables of topic and broker configs: Kafka's names, types, defaults, and what they take.
//!
//! Says what a config *is*, which value holds and where it comes from. Does not store configs:
//! topic configs live in the metadata group, settings in the spec of the cluster. A key that is
//! accepted for the sake of clients and changes nothing here says so in its documentation.

mod broker_table;
mod topic_table;

use std::collections::BTreeMap;

use super::Settings;

pub use broker_table::BROKER;
pub use topic_table::TOPIC;

/// The most bytes of records that one Fetch answer carries, its first batch apart: smaller than
/// Kafka's 55 MiB, since all consumers of a laptop share the memory for answers.
pub const FETCH_MAX_BYTES: usize = 16 << 20;

/// The type of a config, as `DescribeConfigs` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigType {
    /// `true` or `false`.
    Boolean,
    /// A word.
    String,
    /// A 32-bit number.
    Int,
    /// A 64-bit number.
    Long,
    /// A fraction.
    Double,
    /// Words with commas between them.
    List,
}

impl ConfigType {
    /// The number on the wire (KIP-569).
    pub fn code(self) -> i8 {
        match self {
            Self::Boolean => 1,
            Self::String => 2,
            Self::Int => 3,
            Self::Long => 5,
            Self::Double => 6,
            Self::List => 7,
        }
    }
}

/// Where a value comes from, as `DescribeConfigs` names it (KIP-226).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigSource {
    /// Set on the topic.
    Topic,
    /// Set at run time for all brokers.
    Cluster,
    /// Set with `--set` when the cluster was made.
    Static,
    /// Nobody set it.
    Default,
}

impl ConfigSource {
    /// The number on the wire.
    pub fn code(self) -> i8 {
        match self {
            Self::Topic => 1,
            Self::Cluster => 3,
            Self::Static => 4,
            Self::Default => 5,
        }
    }
}

/// What a config takes.
#[derive(Debug, Clone, Copy)]
enum Takes {
    Boolean,
    OneOf(&'static [&'static str]),
    ListOf(&'static [&'static str]),
    Between(i64, i64),
    Fraction,
    Anything,
}

impl Takes {
    fn accepts(self, value: &str) -> bool {
        match self {
            Self::Boolean => matches!(value, "true" | "false"),
            Self::OneOf(words) => words.contains(&value),
            Self::ListOf(words) => value.split(',').all(|word| words.contains(&word.trim())),
            Self::Between(low, high) => value
                .parse::<i64>()
                .is_ok_and(|number| (low..=high).contains(&number)),
            Self::Fraction => value
                .parse::<f64>()
                .is_ok_and(|number| (0.0..=1.0).contains(&number)),
            Self::Anything => true,
        }
    }

    fn in_words(self) -> String {
        match self {
            Self::Boolean => "true or false".to_owned(),
            Self::OneOf([word]) => format!("{word} (nothing else is supported here)"),
            Self::OneOf(words) => format!("one of {}", words.join(", ")),
            Self::ListOf(words) => format!("a list of {}", words.join(", ")),
            Self::Between(low, i64::MAX) => format!("a number, at least {low}"),
            Self::Between(low, high) => format!("a number from {low} to {high}"),
            Self::Fraction => "a fraction from 0 to 1".to_owned(),
            Self::Anything => "any text".to_owned(),
        }
    }
}

/// What a default depends on.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The settings of the cluster.
    pub settings: &'a Settings,
    /// How many nodes it has.
    pub nodes: usize,
    /// Replicas of the topic in question; of a new topic, for broker configs.
    pub replicas: usize,
}

#[derive(Clone, Copy)]
enum Preset {
    Text(&'static str),
    Computed(fn(&Scope<'_>) -> String),
}

/// One config.
pub struct ConfigKey {
    /// Kafka's name, or ours where Kafka has none.
    pub name: &'static str,
    /// Its type.
    pub kind: ConfigType,
    /// One sentence for people.
    pub documentation: &'static str,
    /// The broker config that gives the default of a topic config.
    pub broker_name: Option<&'static str>,
    takes: Takes,
    default: Preset,
}

impl ConfigKey {
    const fn new(
        name: &'static str,
        (kind, takes): (ConfigType, Takes),
        default: Preset,
        documentation: &'static str,
    ) -> Self {
        Self {
            name,
            kind,
            documentation,
            broker_name: None,
            takes,
            default,
        }
    }

    const fn defaulting_to(mut self, broker_name: &'static str) -> Self {
        self.broker_name = Some(broker_name);
        self
    }

    /// The value that holds when nobody set another, settings included.
    pub fn default_value(&self, scope: &Scope<'_>) -> String {
        match self.default {
            Preset::Text(text) => text.to_owned(),
            Preset::Computed(compute) => compute(scope),
        }
    }

    /// Whether `value` fits; the words say what would.
    pub fn check(&self, value: &str) -> Result<(), String> {
        if self.takes.accepts(value) {
            return Ok(());
        }
        let expected = self.takes.in_words();
        Err(format!("{}={value}: expected {expected}", self.name))
    }
}

impl std::fmt::Debug for ConfigKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConfigKey")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("takes", &self.takes)
            .finish_non_exhaustive()
    }
}

/// A topic config by name.
pub fn topic_key(name: &str) -> Option<&'static ConfigKey> {
    TOPIC.iter().find(|key| key.name == name)
}

/// A broker config by name.
pub fn broker_key(name: &str) -> Option<&'static ConfigKey> {
    BROKER.iter().find(|key| key.name == name)
}

/// Whether a topic may have this config; the words say what would be right (`INVALID_CONFIG`).
pub fn check_topic_config(name: &str, value: &str) -> Result<(), String> {
    let Some(key) = topic_key(name) else {
        let known: Vec<&str> = TOPIC.iter().map(|key| key.name).collect();
        let known = known.join(", ");
        return Err(format!("unknown topic config {name:?}; known are {known}"));
    };
    key.check(value)
}

/// One value and where it is from; the first of a list holds, the rest would if it were unset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigValue {
    /// The name under which it is set there.
    pub name: &'static str,
    /// The value.
    pub value: String,
    /// Where it is from.
    pub source: ConfigSource,
}

/// The places where configs are set, nearest first.
#[derive(Debug, Clone, Copy)]
pub struct Layers<'a> {
    /// What the topic sets; `None` for broker configs.
    pub topic: Option<&'a BTreeMap<String, String>>,
    /// What is set at run time for all brokers.
    pub cluster: &'a BTreeMap<String, String>,
    /// What the defaults depend on.
    pub scope: Scope<'a>,
}

impl Layers<'_> {
    /// Every value that a key has, the one that holds first; never empty.
    pub fn values(&self, key: &ConfigKey) -> Vec<ConfigValue> {
        let broker_name = match self.topic {
            Some(_) => key.broker_name,
            None => Some(key.name),
        };
        let topic = self.topic.and_then(|configs| configs.get(key.name));
        let cluster = broker_name.and_then(|name| self.cluster.get(name));
        let at = |name: &'static str, value: &String, source| ConfigValue {
            name,
            value: value.clone(),
            source,
        };
        let outer = broker_name.unwrap_or(key.name);
        let mut values = Vec::with_capacity(3);
        values.extend(topic.map(|value| at(key.name, value, ConfigSource::Topic)));
        values.extend(cluster.map(|value| at(outer, value, ConfigSource::Cluster)));
        values.push(self.bottom(key, outer));
        values
    }

    fn bottom(&self, key: &ConfigKey, name: &'static str) -> ConfigValue {
        let is_set = self.scope.settings.iter().any(|(set, _)| set == name);
        ConfigValue {
            name,
            value: key.default_value(&self.scope),
            source: if is_set {
                ConfigSource::Static
            } else {
                ConfigSource::Default
            },
        }
    }
}

/// A topic's configs as the node uses them.
#[derive(Debug, Clone, Copy)]
pub struct TopicConfigs<'a> {
    configs: &'a BTreeMap<String, String>,
    settings: &'a Settings,
}

impl<'a> TopicConfigs<'a> {
    /// The configs that a topic sets, over the settings of its cluster.
    pub fn new(configs: &'a BTreeMap<String, String>, settings: &'a Settings) -> Self {
        Self { configs, settings }
    }

    fn number<T: std::str::FromStr>(&self, name: &str, default: T) -> T {
        self.configs
            .get(name)
            .and_then(|value| value.parse().ok())
            .unwrap_or(default)
    }

    /// The largest record batch in bytes.
    pub fn max_message_bytes(&self) -> usize {
        self.number("max.message.bytes", self.settings.message_max_bytes())
    }

    /// Whether only the last record of each key is kept, so that every record needs a key.
    pub fn is_compacted(&self) -> bool {
        self.configs
            .get("cleanup.policy")
            .is_some_and(|policy| policy.split(',').any(|word| word.trim() == "compact"))
    }

    /// Whether old records are dropped by time and size.
    pub fn is_deleted(&self) -> bool {
        self.configs
            .get("cleanup.policy")
            .is_none_or(|policy| policy.split(',').any(|word| word.trim() == "delete"))
    }

    /// Whether the broker's time replaces the producer's.
    pub fn is_log_append_time(&self) -> bool {
        self.configs
            .get("message.timestamp.type")
            .is_some_and(|value| value == "LogAppendTime")
    }

    /// How far in the past a record's timestamp may lie, in ms.
    pub fn timestamp_before_max_ms(&self) -> i64 {
        self.number("message.timestamp.before.max.ms", i64::MAX)
    }

    /// How far in the future a record's timestamp may lie, in ms.
    pub fn timestamp_after_max_ms(&self) -> i64 {
        self.number("message.timestamp.after.max.ms", 3_600_000)
    }

    /// Milliseconds that a record is kept; -1 is for ever.
    pub fn retention_ms(&self) -> i64 {
        self.number("retention.ms", self.settings.retention_ms())
    }

    /// Bytes that a partition keeps; -1 is without a limit.
    pub fn retention_bytes(&self) -> i64 {
        self.number("retention.bytes", self.settings.retention_bytes())
    }

    /// Replicas that must have an acks=all record, of a topic with `replicas`.
    pub fn min_insync_replicas(&self, replicas: usize) -> usize {
        let default = self.settings.min_insync_replicas(replicas);
        self.number("min.insync.replicas", default)
    }

    /// Whether records can be searched.
    pub fn is_searchable(&self) -> bool {
        self.configs
            .get("searchable.enabled")
            .map_or(self.settings.search_default(), |value| value == "true")
    }
}

#[cfg(test)]
mod tests;
