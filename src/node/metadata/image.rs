//! What the metadata group has agreed on, as an immutable value that readers share.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::spec::{GroupId, NodeId, TopicId};

/// One partition's assignment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::node) struct PartitionImage {
    /// Replicas, the preferred leader first. Fixed at creation.
    pub(in crate::node) replicas: Vec<NodeId>,
    /// The replica that initialises the group; renamed when it does not in time.
    pub(in crate::node) initialiser: NodeId,
}

/// One topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::node) struct TopicImage {
    /// The name that clients use.
    pub(in crate::node) name: String,
    /// The id under which everything is stored.
    pub(in crate::node) id: TopicId,
    /// The metadata index at which it was created.
    pub(in crate::node) created_at: u64,
    /// Partitions by index.
    pub(in crate::node) partitions: Vec<PartitionImage>,
    /// Configs that were set, by Kafka's names; what is absent has the broker's default.
    pub(in crate::node) configs: BTreeMap<String, String>,
}

impl TopicImage {
    /// The Raft group of one partition.
    pub(in crate::node) fn group(&self, partition: u32) -> GroupId {
        GroupId::partition(self.id, partition)
    }

    /// Topics that Kafka keeps for itself and hides from wildcards.
    pub(in crate::node) fn is_internal(&self) -> bool {
        matches!(
            self.name.as_str(),
            "__consumer_offsets" | "__transaction_state"
        )
    }
}

/// The cluster's metadata as of one applied index.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::node) struct MetadataImage {
    /// The last index of the metadata group that is in here.
    pub(in crate::node) applied: u64,
    /// Topics by name.
    pub(in crate::node) topics: BTreeMap<String, Arc<TopicImage>>,
    /// The first producer id that was never handed out.
    pub(in crate::node) next_producer_id: i64,
    /// Broker configs that were set at run time, by Kafka's names.
    pub(in crate::node) broker_configs: BTreeMap<String, String>,
}

impl MetadataImage {
    /// A topic by name.
    pub(in crate::node) fn topic(&self, name: &str) -> Option<&Arc<TopicImage>> {
        self.topics.get(name)
    }

    /// A topic by id.
    pub(in crate::node) fn topic_by_id(&self, id: TopicId) -> Option<&Arc<TopicImage>> {
        self.topics.values().find(|topic| topic.id == id)
    }

    /// Partitions of all topics together.
    pub(in crate::node) fn partition_count(&self) -> usize {
        self.topics
            .values()
            .map(|topic| topic.partitions.len())
            .sum()
    }
}
