//! The records of `__consumer_offsets`, in Kafka's own formats.
//!
//! Offsets are written with key version 1 and value version 3, group metadata with key version 2
//! and value version 3; every older value version is read as well. Keys of later kinds (new
//! consumer groups, share groups) are recognised as foreign and left alone.

mod group;
mod offset;
mod wire;

#[cfg(test)]
mod tests;

use bytes::Bytes;

pub(in crate::node::groups) use group::{GroupValue, MemberValue};
pub(in crate::node::groups) use offset::OffsetValue;
use wire::{Reader, Writer};

/// Why a record of the log cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::node::groups) enum RecordError {
    /// It ends too early.
    #[error("record ends before its last field")]
    Short,
    /// A length is negative, or null where null is not allowed.
    #[error("record has an impossible length")]
    Length,
    /// A string is not UTF-8.
    #[error("record has a string that is not UTF-8")]
    Text,
    /// Its version is not known.
    #[error("record has unknown version {0}")]
    Version(i16),
}

/// A keyed record to be appended; no value is a tombstone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::node::groups) struct Entry {
    /// The key.
    pub(in crate::node::groups) key: Bytes,
    /// The value, `None` to remove what the key stands for.
    pub(in crate::node::groups) value: Option<Bytes>,
}

impl Entry {
    /// The bytes of key and value.
    pub(in crate::node::groups) fn len(&self) -> usize {
        self.key.len() + self.value.as_ref().map_or(0, Bytes::len)
    }
}

/// What a record is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::node::groups) enum Key {
    /// A committed offset.
    Offset {
        /// The group.
        group: String,
        /// The topic.
        topic: String,
        /// The partition of that topic.
        partition: i32,
    },
    /// The members of a group and their assignment.
    Group {
        /// The group.
        group: String,
    },
    /// Something of a later kind, with its key version.
    Foreign(i16),
}

/// Key versions of committed offsets.
const OFFSET_KEYS: std::ops::RangeInclusive<i16> = 0..=1;
/// The key version of group metadata.
const GROUP_KEY: i16 = 2;

impl Key {
    /// Reads a key.
    pub(in crate::node::groups) fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut reader = Reader(bytes);
        let version = reader.i16()?;
        if OFFSET_KEYS.contains(&version) {
            return Ok(Self::Offset {
                group: reader.string()?,
                topic: reader.string()?,
                partition: reader.i32()?,
            });
        }
        if version == GROUP_KEY {
            return Ok(Self::Group {
                group: reader.string()?,
            });
        }
        Ok(Self::Foreign(version))
    }
}

/// The topics that a member of a "consumer" group names in its metadata (Kafka's
/// ConsumerProtocolSubscription, of any version: what follows the topics is not read).
pub(in crate::node::groups) fn subscribed_topics(
    metadata: &[u8],
) -> Result<Vec<String>, RecordError> {
    let mut reader = Reader(metadata);
    let version = reader.i16()?;
    if version < 0 {
        return Err(RecordError::Version(version));
    }
    let count = reader.count(size_of::<i16>())?;
    (0..count).map(|_| reader.string()).collect()
}

/// The key of a committed offset.
pub(in crate::node::groups) fn offset_key(group: &str, topic: &str, partition: i32) -> Bytes {
    let mut writer = Writer::versioned(*OFFSET_KEYS.end());
    writer.string(group);
    writer.string(topic);
    writer.i32(partition);
    writer.finish()
}

/// The key of a group's metadata.
pub(in crate::node::groups) fn group_key(group: &str) -> Bytes {
    let mut writer = Writer::versioned(GROUP_KEY);
    writer.string(group);
    writer.finish()
}
