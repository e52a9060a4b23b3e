//! Changes of metadata: what is proposed, how it is applied, and what the proposer learns.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::image::{MetadataImage, TopicImage};
use crate::spec::{NodeId, TopicId};

/// Producer ids that a node gets at a time.
pub(in crate::node) const PRODUCER_ID_BLOCK: i64 = 1000;

/// A change of metadata, decided by the metadata leader and applied by every node alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub(in crate::node) enum Command {
    /// A new topic, complete with its id and assignment.
    CreateTopic {
        /// The topic.
        topic: TopicImage,
        /// Partitions that the cluster may have with it.
        max_partitions: usize,
    },
    /// The end of a topic.
    DeleteTopic {
        /// Its id.
        id: TopicId,
    },
    /// A block of [`PRODUCER_ID_BLOCK`] producer ids.
    AllocateProducerIds,
    /// Another replica shall initialise a partition's group: the one named did not.
    SetInitialiser {
        /// The topic.
        topic: TopicId,
        /// The partition.
        partition: u32,
        /// The replica that shall.
        node: NodeId,
    },
    /// Nothing: proves that the group commits (the last rung of readiness).
    Noop,
}

/// What became of a [`Command`]; the same on every node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub(in crate::node) enum Outcome {
    /// Done.
    Done,
    /// A topic of that name exists.
    TopicExists,
    /// No such topic.
    NoSuchTopic,
    /// The cluster would have more partitions than it accepts.
    TooManyPartitions {
        /// What it has.
        have: usize,
        /// What it accepts.
        max: usize,
    },
    /// The first id of the block.
    ProducerIds {
        /// The first id; [`PRODUCER_ID_BLOCK`] ids from here are the proposer's.
        first: i64,
    },
    /// The entry could not be read: a bug of ours, and the same on every node.
    Unreadable,
}

impl Command {
    /// Applies the change, which lies at index `at` of the metadata log, to `image`.
    pub(in crate::node) fn apply(self, image: &mut MetadataImage, at: u64) -> Outcome {
        match self {
            Self::CreateTopic {
                mut topic,
                max_partitions,
            } => {
                topic.created_at = at;
                create(image, topic, max_partitions)
            }
            Self::DeleteTopic { id } => delete(image, id),
            Self::AllocateProducerIds => {
                let first = image.next_producer_id;
                image.next_producer_id += PRODUCER_ID_BLOCK;
                Outcome::ProducerIds { first }
            }
            Self::SetInitialiser {
                topic,
                partition,
                node,
            } => set_initialiser(image, topic, partition, node),
            Self::Noop => Outcome::Done,
        }
    }
}

fn create(image: &mut MetadataImage, topic: TopicImage, max: usize) -> Outcome {
    if let Some(existing) = image.topic(&topic.name) {
        // The same creation, proposed twice because its first outcome was unknown.
        return if existing.id == topic.id {
            Outcome::Done
        } else {
            Outcome::TopicExists
        };
    }
    let have = image.partition_count();
    if have + topic.partitions.len() > max {
        return Outcome::TooManyPartitions { have, max };
    }
    image.topics.insert(topic.name.clone(), Arc::new(topic));
    Outcome::Done
}

fn delete(image: &mut MetadataImage, id: TopicId) -> Outcome {
    let name = image.topic_by_id(id).map(|topic| topic.name.clone());
    let Some(name) = name else {
        return Outcome::NoSuchTopic;
    };
    image.topics.remove(&name);
    Outcome::Done
}

fn set_initialiser(
    image: &mut MetadataImage,
    id: TopicId,
    partition: u32,
    node: NodeId,
) -> Outcome {
    let topic = image.topics.values_mut().find(|topic| topic.id == id);
    let Some(topic) = topic else {
        return Outcome::NoSuchTopic;
    };
    match Arc::make_mut(topic).partitions.get_mut(partition as usize) {
        Some(partition) => {
            partition.initialiser = node;
            Outcome::Done
        }
        None => Outcome::NoSuchTopic,
    }
}

#[cfg(test)]
mod tests {
    use super::super::image::PartitionImage;
    use super::*;

    fn topic(name: &str, partitions: usize) -> TopicImage {
        let replicas = vec![NodeId(1), NodeId(2)];
        let partition = PartitionImage {
            replicas,
            initialiser: NodeId(1),
        };
        TopicImage {
            name: name.to_owned(),
            id: TopicId::random(),
            partitions: vec![partition; partitions],
            created_at: 0,
            configs: [].into(),
        }
    }

    fn create_topic(image: &mut MetadataImage, topic: TopicImage) -> Outcome {
        Command::CreateTopic {
            topic,
            max_partitions: 4,
        }
        .apply(image, 7)
    }

    #[test]
    fn a_name_is_given_once_and_free_after_deletion() {
        let mut image = MetadataImage::default();
        let orders = topic("orders", 2);
        assert_eq!(create_topic(&mut image, orders.clone()), Outcome::Done);
        assert_eq!(
            create_topic(&mut image, topic("orders", 1)),
            Outcome::TopicExists
        );
        let delete = Command::DeleteTopic { id: orders.id };
        assert_eq!(delete.clone().apply(&mut image, 7), Outcome::Done);
        assert_eq!(delete.apply(&mut image, 7), Outcome::NoSuchTopic);
        assert_eq!(create_topic(&mut image, topic("orders", 1)), Outcome::Done);
    }

    #[test]
    fn the_partition_limit_counts_all_topics() {
        let mut image = MetadataImage::default();
        assert_eq!(create_topic(&mut image, topic("a", 3)), Outcome::Done);
        let refused = create_topic(&mut image, topic("b", 2));
        assert_eq!(refused, Outcome::TooManyPartitions { have: 3, max: 4 });
    }

    #[test]
    fn producer_id_blocks_never_overlap() {
        let mut image = MetadataImage::default();
        let first = Command::AllocateProducerIds.apply(&mut image, 7);
        let second = Command::AllocateProducerIds.apply(&mut image, 7);
        assert_eq!(first, Outcome::ProducerIds { first: 0 });
        assert_eq!(
            second,
            Outcome::ProducerIds {
                first: PRODUCER_ID_BLOCK
            }
        );
    }
}
