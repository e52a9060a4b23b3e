//! The topics of a scenario: created, settled, deleted.

use std::sync::Arc;
use std::time::Duration;

use super::stage::Stage;
use crate::client::admin::NewTopic;
use crate::client::bootstrap;
use crate::scenarios::halt::{Halt, until};
use crate::scenarios::history::{Event, Topic, TopicDeleted};
use crate::scenarios::workload::Field;

/// Creating a topic on a machine that does much else.
const CREATED_WITHIN: Duration = Duration::from_secs(10);

impl Stage {
    /// Creates a topic of the scenario's own and waits until every node names its leaders and all
    /// replicas are in sync.
    pub async fn topic(
        &mut self,
        suffix: &str,
        partitions: u32,
        configs: &[(&str, &str)],
    ) -> Result<Field, Halt> {
        self.step("creating a topic");
        let name = self.create(suffix, partitions, configs).await?;
        self.settle_topic(name, partitions).await
    }

    /// Creates a topic that no history knows yet, with a replica on every node; its name.
    ///
    /// So any minority of the nodes is one of every partition.
    pub(super) async fn create(
        &self,
        suffix: &str,
        partitions: u32,
        configs: &[(&str, &str)],
    ) -> Result<String, Halt> {
        let name = format!("{}-{suffix}", self.prefix);
        let replicas = self.nodes().len() as u16;
        let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let topic = NewTopic {
            name: name.clone(),
            partitions: Some(partitions),
            replication_factor: Some(replicas),
            configs: configs.iter().map(own).collect(),
        };
        let addrs: Vec<_> = self.arena.brokers.values().copied().collect();
        let controller = bootstrap::controller(&addrs, CREATED_WITHIN).await?;
        controller.create_topic(topic).await?;
        Ok(name)
    }

    async fn settle_topic(&mut self, name: String, partitions: u32) -> Result<Field, Halt> {
        let view = self.in_sync(&name, partitions).await?;
        let topic = view.topic(&name).expect("it was just seen to be in sync");
        let replicas = topic.partitions.iter();
        self.arena.recorder.record(Event::Topic(Topic {
            at: self.now(),
            name: name.clone(),
            partitions: replicas
                .map(|partition| partition.replicas.clone())
                .collect(),
        }));
        let field = Field {
            number: self.fields.len() as u32,
            name: Arc::from(name),
            partitions,
        };
        for (partition, of) in topic.partitions.iter().zip(field.all()) {
            if let Some(leader) = partition.leader {
                self.arena.leaders.told(of, partition.epoch, leader);
            }
        }
        self.fields.push(field.clone());
        Ok(field)
    }

    /// Deletes a topic, and waits until no node lists it.
    pub async fn delete(&mut self, field: &Field) -> Result<(), Halt> {
        self.remove(&field.name).await?;
        let (at, topic) = (self.now(), field.number);
        self.arena
            .recorder
            .record(Event::TopicDeleted(TopicDeleted { at, topic }));
        Ok(())
    }

    /// Deletes a topic by its name, and waits until no node lists it.
    pub(super) async fn remove(&self, name: &str) -> Result<(), Halt> {
        let addrs: Vec<_> = self.arena.brokers.values().copied().collect();
        let controller = bootstrap::controller(&addrs, CREATED_WITHIN).await?;
        controller.delete_topic(name).await?;
        until(
            "no node lists a deleted topic",
            CREATED_WITHIN,
            async || {
                for view in self.views().await? {
                    if view.1.topic(name).is_some() {
                        return Err(format!("{} lists {name}", view.0));
                    }
                }
                Ok(())
            },
        )
        .await
    }

    /// Deletes the scenario's topics, and says what could not be deleted.
    pub(super) async fn delete_all(&self) -> Vec<String> {
        let mut failures = Vec::new();
        let addrs: Vec<_> = self.arena.brokers.values().copied().collect();
        for name in self.topics_left() {
            let deleted = async {
                let controller = bootstrap::controller(&addrs, CREATED_WITHIN).await?;
                controller.delete_topic(&name).await?;
                Ok::<_, Halt>(())
            };
            if let Err(error) = deleted.await {
                failures.push(format!("topic {name} is left: {error}"));
            }
        }
        failures
    }

    fn topics_left(&self) -> Vec<String> {
        let left = self.arena.recorder.look(|history| {
            let topics = (0..).zip(&history.topics);
            let topics = topics.filter(|(number, _)| !history.is_deleted(*number));
            topics.map(|(_, topic)| topic.name.clone()).collect()
        });
        left.unwrap_or_default()
    }
}
