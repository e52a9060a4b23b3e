//! Reading configurations.

use kafka_protocol::messages::DescribeConfigsRequest;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::DescribeConfigsResourceResult;
use kafka_protocol::protocol::StrBytes;

use super::Admin;
use crate::client::error::CallError;
use crate::spec::NodeId;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigSource {
    /// Set on the topic.
    Topic,
    /// Set on the broker or for all brokers.
    Broker,
    /// Nobody set it.
    Default,
    /// A source that this client has no name for.
    Other(i8),
}

/// One configuration value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigEntry {
    /// Its key.
    pub name: String,
    /// Its value; `None` when the broker keeps it to itself.
    pub value: Option<String>,
    /// Where it comes from.
    pub source: ConfigSource,
}

impl Admin {
    /// All configuration values of a topic, by key.
    pub async fn topic_configs(&self, topic: &str) -> Result<Vec<ConfigEntry>, CallError> {
        self.configs(TOPIC, topic.to_owned()).await
    }

    /// All configuration values of a broker, by key; ask the broker itself.
    pub async fn broker_configs(&self, broker: NodeId) -> Result<Vec<ConfigEntry>, CallError> {
        self.configs(BROKER, broker.0.to_string()).await
    }

    async fn configs(&self, kind: i8, name: String) -> Result<Vec<ConfigEntry>, CallError> {
        let resource = DescribeConfigsResource::default()
            .with_resource_type(kind)
            .with_resource_name(StrBytes::from_string(name))
            .with_configuration_keys(None);
        let request = DescribeConfigsRequest::default().with_resources(vec![resource]);
        let described = self.only(self.call(request).await?.results)?;
        self.check(described.error_code, described.error_message.as_ref())?;
        let mut entries: Vec<ConfigEntry> = described.configs.into_iter().map(entry).collect();
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(entries)
    }
}

fn entry(config: DescribeConfigsResourceResult) -> ConfigEntry {
    ConfigEntry {
        name: config.name.to_string(),
        value: config.value.map(|value| value.to_string()),
        source: match config.config_source {
            1 => ConfigSource::Topic,
            2..=4 => ConfigSource::Broker,
            5 => ConfigSource::Default,
            other => ConfigSource::Other(other),
        },
    }
}
