//! Creating and deleting topics.

use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::{CreateTopicsRequest, DeleteTopicsRequest};
use kafka_protocol::protocol::StrBytes;

use super::{Admin, topic_name};
use crate::client::error::CallError;
use crate::spec::TopicId;

/// A topic to be created.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// Its partitions; the broker's default when `None` (KIP-464).
    pub partitions: Option<u32>,
    /// Replicas of each partition; the broker's default when `None`.
    pub replication_factor: Option<u16>,
    /// Configuration values.
    pub configs: Vec<(String, String)>,
}

impl NewTopic {
    fn into_request(self) -> CreatableTopic {
        // A number that the wire has no room for is one that every broker refuses.
        let partitions = |count| i32::try_from(count).unwrap_or(i32::MAX);
        let replicas = |count| i16::try_from(count).unwrap_or(i16::MAX);
        CreatableTopic::default()
            .with_name(topic_name(&self.name))
            .with_num_partitions(self.partitions.map_or(-1, partitions))
            .with_replication_factor(self.replication_factor.map_or(-1, replicas))
            .with_configs(self.configs.into_iter().map(config).collect())
    }
}

fn config((name, value): (String, String)) -> CreatableTopicConfig {
    CreatableTopicConfig::default()
        .with_name(StrBytes::from_string(name))
        .with_value(Some(StrBytes::from_string(value)))
}

impl Admin {
    /// Creates one topic, and returns its id where the broker has ids.
    pub async fn create_topic(&self, topic: NewTopic) -> Result<Option<TopicId>, CallError> {
        let request = CreateTopicsRequest::default()
            .with_topics(vec![topic.into_request()])
            .with_timeout_ms(self.timeout_ms());
        let created = self.only(self.call(request).await?.topics)?;
        self.check(created.error_code, created.error_message.as_ref())?;
        Ok((!created.topic_id.is_nil()).then_some(TopicId(created.topic_id)))
    }

    /// Deletes one topic.
    pub async fn delete_topic(&self, name: &str) -> Result<(), CallError> {
        let request = DeleteTopicsRequest::default()
            .with_topic_names(vec![topic_name(name)])
            .with_timeout_ms(self.timeout_ms());
        let deleted = self.only(self.call(request).await?.responses)?;
        self.check(deleted.error_code, deleted.error_message.as_ref())
    }
}
