//! Newtypes for everything that has an identity.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A node's number, from 1; also its Kafka broker id and its Raft id in every group.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct NodeId(pub u64);

impl NodeId {
    /// The Kafka broker id of this node.
    pub fn broker_id(self) -> i32 {
        self.0 as i32
    }

    /// The node behind a Kafka broker id; `None` for ids that no node can have.
    pub fn from_broker_id(id: i32) -> Option<Self> {
        u64::try_from(id).ok().filter(|id| *id > 0).map(Self)
    }

    /// The zero-based position of this node in per-node lists.
    pub fn position(self) -> usize {
        self.0 as usize - 1
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node-{}", self.0)
    }
}

impl FromStr for NodeId {
    type Err = std::num::ParseIntError;

    /// Accepts `2` and `node-2`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.strip_prefix("node-").unwrap_or(text).parse().map(Self)
    }
}

/// The cluster's identity, made once when its directory is made (KIP-78).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClusterId(pub Uuid);

impl ClusterId {
    /// A new random id.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.simple())
    }
}

/// One life of a node process: a restarted node has a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BootId(pub u64);

/// A topic's identity (KIP-516); survives nothing but the topic itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TopicId(pub Uuid);

impl TopicId {
    /// A new random id, never the zero id that Kafka reserves.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl fmt::Display for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.simple())
    }
}

/// A Raft group: the metadata group, or one partition of one topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GroupId {
    /// The topic; the zero id for the metadata group.
    pub topic: TopicId,
    /// The partition's index, 0 for the metadata group.
    pub partition: u32,
}

impl GroupId {
    /// The group that holds the cluster's metadata.
    pub const METADATA: Self = Self {
        topic: TopicId(Uuid::nil()),
        partition: 0,
    };
    /// Bytes of [`GroupId::to_bytes`].
    pub const LEN: usize = 20;

    /// The group of one partition.
    pub fn partition(topic: TopicId, partition: u32) -> Self {
        assert!(
            !topic.0.is_nil(),
            "the zero topic id names the metadata group"
        );
        Self { topic, partition }
    }

    /// Whether this is the metadata group.
    pub fn is_metadata(self) -> bool {
        self.topic.0.is_nil()
    }

    /// Wire and file form: 16 bytes of topic id, 4 of the partition, big-endian.
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..16].copy_from_slice(self.topic.0.as_bytes());
        bytes[16..].copy_from_slice(&self.partition.to_be_bytes());
        bytes
    }

    /// The reverse of [`GroupId::to_bytes`]; `None` when the length is wrong.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::LEN] = bytes.try_into().ok()?;
        let topic = Uuid::from_slice(&bytes[..16]).ok()?;
        let partition = u32::from_be_bytes(bytes[16..].try_into().ok()?);
        Some(Self {
            topic: TopicId(topic),
            partition,
        })
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_metadata() {
            return f.write_str("metadata");
        }
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_id_survives_its_bytes() {
        let group = GroupId::partition(TopicId::random(), 7);
        assert_eq!(GroupId::from_bytes(&group.to_bytes()), Some(group));
        assert_eq!(GroupId::from_bytes(&group.to_bytes()[1..]), None);
        assert!(GroupId::METADATA.is_metadata());
    }

    #[test]
    fn node_id_reads_both_spellings() {
        assert_eq!("2".parse(), Ok(NodeId(2)));
        assert_eq!("node-2".parse(), Ok(NodeId(2)));
        assert!("node-x".parse::<NodeId>().is_err());
        assert_eq!(NodeId::from_broker_id(-1), None);
    }
}
