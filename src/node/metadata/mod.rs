//! The metadata group: topics, configs, partition assignment and producer-id blocks.
//!
//! Leaders, ISR and live brokers are *not* here: they are gossip (`node::cluster`), because they
//! change with every failure and must never wait for a quorum.

mod image;

pub(in crate::node) use image::{MetadataImage, PartitionImage, TopicImage};
