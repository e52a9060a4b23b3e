//! The value of a committed offset (Kafka's OffsetCommitValue).

use bytes::Bytes;

use super::RecordError;
use super::wire::{Reader, Writer};

/// The version that is written; it is the first with the leader epoch.
const WRITTEN: i16 = 3;

/// A committed offset as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::node::groups) struct OffsetValue {
    /// The offset to continue from.
    pub(in crate::node::groups) offset: i64,
    /// The epoch of the last consumed record, -1 when unknown.
    pub(in crate::node::groups) leader_epoch: i32,
    /// What the client wants to remember with it.
    pub(in crate::node::groups) metadata: String,
    /// When it was committed, in ms since the epoch.
    pub(in crate::node::groups) committed_at: i64,
    /// When it expires; only version 1 has it, and it is not written any more.
    pub(in crate::node::groups) expires_at: Option<i64>,
}

impl OffsetValue {
    /// The stored form.
    pub(in crate::node::groups) fn encode(&self) -> Bytes {
        let mut writer = Writer::versioned(WRITTEN);
        writer.i64(self.offset);
        writer.i32(self.leader_epoch);
        writer.string(&self.metadata);
        writer.i64(self.committed_at);
        writer.finish()
    }

    /// Reads versions 0 to 3.
    pub(in crate::node::groups) fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut reader = Reader(bytes);
        let version = reader.i16()?;
        if !(0..=WRITTEN).contains(&version) {
            return Err(RecordError::Version(version));
        }
        let offset = reader.i64()?;
        let leader_epoch = if version >= 3 { reader.i32()? } else { -1 };
        let metadata = reader.string()?;
        let committed_at = reader.i64()?;
        let expires_at = if version == 1 { reader.i64()? } else { -1 };
        Ok(Self {
            offset,
            leader_epoch,
            metadata,
            committed_at,
            expires_at: (expires_at != -1).then_some(expires_at),
        })
    }
}
