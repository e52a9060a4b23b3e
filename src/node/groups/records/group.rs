//! The value of a group's metadata (Kafka's GroupMetadataValue): a finished generation.

use bytes::Bytes;

use super::RecordError;
use super::wire::{Reader, Writer};

/// The version that is written; it is the first with static members.
const WRITTEN: i16 = 3;
/// The least that a member takes in any version: three strings, a timeout and two byte strings.
const LEAST_MEMBER: usize = 18;

/// A group as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::node::groups) struct GroupValue {
    /// "consumer", "connect" and so on; empty when no member ever joined.
    pub(in crate::node::groups) protocol_type: String,
    /// The generation.
    pub(in crate::node::groups) generation: i32,
    /// The strategy that was chosen; none while the group is empty.
    pub(in crate::node::groups) protocol: Option<String>,
    /// The member that assigns; none while the group is empty.
    pub(in crate::node::groups) leader: Option<String>,
    /// Since when the group is in this state, in ms since the epoch; -1 when unknown.
    pub(in crate::node::groups) since: i64,
    /// The members.
    pub(in crate::node::groups) members: Vec<MemberValue>,
}

/// A member as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::node::groups) struct MemberValue {
    /// Its id.
    pub(in crate::node::groups) id: String,
    /// Its instance id, for a static member.
    pub(in crate::node::groups) instance: Option<String>,
    /// The client id of its JoinGroup.
    pub(in crate::node::groups) client_id: String,
    /// Where it connected from.
    pub(in crate::node::groups) client_host: String,
    /// How long it may take to rejoin, in ms.
    pub(in crate::node::groups) rebalance_timeout_ms: i32,
    /// How long it may be silent, in ms.
    pub(in crate::node::groups) session_timeout_ms: i32,
    /// Its metadata for the chosen strategy.
    pub(in crate::node::groups) subscription: Bytes,
    /// What it was assigned.
    pub(in crate::node::groups) assignment: Bytes,
}

impl GroupValue {
    /// The stored form.
    pub(in crate::node::groups) fn encode(&self) -> Bytes {
        let mut writer = Writer::versioned(WRITTEN);
        writer.string(&self.protocol_type);
        writer.i32(self.generation);
        writer.nullable_string(self.protocol.as_deref());
        writer.nullable_string(self.leader.as_deref());
        writer.i64(self.since);
        let count = i32::try_from(self.members.len()).expect("a group has few members");
        writer.i32(count);
        for member in &self.members {
            member.encode(&mut writer);
        }
        writer.finish()
    }

    /// Reads versions 0 to 3.
    pub(in crate::node::groups) fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut reader = Reader(bytes);
        let version = reader.i16()?;
        if !(0..=WRITTEN).contains(&version) {
            return Err(RecordError::Version(version));
        }
        let protocol_type = reader.string()?;
        let generation = reader.i32()?;
        let protocol = reader.nullable_string()?;
        let leader = reader.nullable_string()?;
        let since = if version >= 2 { reader.i64()? } else { -1 };
        let count = reader.count(LEAST_MEMBER)?;
        let members = (0..count)
            .map(|_| MemberValue::decode(&mut reader, version))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            protocol_type,
            generation,
            protocol,
            leader,
            since,
            members,
        })
    }
}

impl MemberValue {
    fn encode(&self, writer: &mut Writer) {
        writer.string(&self.id);
        writer.nullable_string(self.instance.as_deref());
        writer.string(&self.client_id);
        writer.string(&self.client_host);
        writer.i32(self.rebalance_timeout_ms);
        writer.i32(self.session_timeout_ms);
        writer.bytes(&self.subscription);
        writer.bytes(&self.assignment);
    }

    fn decode(reader: &mut Reader<'_>, version: i16) -> Result<Self, RecordError> {
        let id = reader.string()?;
        let instance = if version >= 3 {
            reader.nullable_string()?
        } else {
            None
        };
        let client_id = reader.string()?;
        let client_host = reader.string()?;
        let rebalance = if version >= 1 {
            Some(reader.i32()?)
        } else {
            None
        };
        let session_timeout_ms = reader.i32()?;
        Ok(Self {
            id,
            instance,
            client_id,
            client_host,
            rebalance_timeout_ms: rebalance.unwrap_or(session_timeout_ms),
            session_timeout_ms,
            subscription: Bytes::copy_from_slice(reader.bytes()?),
            assignment: Bytes::copy_from_slice(reader.bytes()?),
        })
    }
}
