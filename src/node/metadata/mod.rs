//! The metadata group: topics, configs, partition assignment and producer-id blocks.
//!
//! Leaders, ISR and live brokers are *not* here: they are gossip (`node::raft::claims`), because
//! they change with every failure and must never wait for a quorum.

mod applier;
mod command;
mod image;

pub(in crate::node) use applier::MetadataApplier;
pub(in crate::node) use command::{Command, Outcome, PRODUCER_ID_BLOCK};
pub(in crate::node) use image::{MetadataImage, PartitionImage, TopicImage};
