//! openraft's type configuration, and conversions to storage's own types.

use std::collections::BTreeSet;
use std::fmt;

use bytes::Bytes;
use openraft::impls::leader_id_std;
use openraft::{EmptyNode, EntryPayload, Membership};

use crate::node::raft::machine::Reply;
use crate::node::storage::{LogEntry, LogPosition, Payload, SavedVote};

/// What one entry carries: record batches back to back, or a metadata command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::node::raft) struct Data(pub(in crate::node::raft) Bytes);

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

openraft::declare_raft_types!(
    /// All groups share these types; a term has one leader, so it is Kafka's leader epoch.
    pub(in crate::node::raft) Types:
        D = Data,
        R = Reply,
        NodeId = u64,
        Node = EmptyNode,
        LeaderId = leader_id_std::LeaderId<u64, u64>,
);

pub(in crate::node::raft) type LogId = openraft::type_config::alias::LogIdOf<Types>;
pub(in crate::node::raft) type Vote = openraft::type_config::alias::VoteOf<Types>;
pub(in crate::node::raft) type Entry = openraft::type_config::alias::EntryOf<Types>;
pub(in crate::node::raft) type StoredMembership =
    openraft::type_config::alias::StoredMembershipOf<Types>;
pub(in crate::node::raft) type SnapshotMeta = openraft::type_config::alias::SnapshotMetaOf<Types>;
pub(in crate::node::raft) type Snapshot = openraft::type_config::alias::SnapshotOf<Types, Bytes>;
pub(in crate::node::raft) type CommittedLeaderId =
    openraft::type_config::alias::CommittedLeaderIdOf<Types>;
pub(in crate::node::raft) type Voters = Membership<u64, EmptyNode>;

/// A storage position as openraft's log id.
pub(in crate::node::raft) fn log_id(at: LogPosition) -> LogId {
    LogId::new(CommittedLeaderId::new(at.term), at.index)
}

/// openraft's log id as a storage position.
pub(in crate::node::raft) fn position(id: &LogId) -> LogPosition {
    LogPosition {
        term: **id.committed_leader_id(),
        index: id.index(),
    }
}

/// A saved vote as openraft's.
pub(in crate::node::raft) fn vote(saved: SavedVote) -> Vote {
    let mut vote = Vote::new(saved.term, saved.voted_for);
    vote.committed = saved.committed;
    vote
}

/// openraft's vote for storage.
pub(in crate::node::raft) fn saved_vote(vote: &Vote) -> SavedVote {
    SavedVote {
        term: vote.leader_id.term,
        voted_for: vote.leader_id.voted_for,
        committed: vote.committed,
    }
}

/// An openraft entry for storage and for the wire.
pub(in crate::node::raft) fn log_entry(entry: Entry) -> LogEntry {
    let at = position(&entry.log_id);
    let payload = match entry.payload {
        EntryPayload::Blank => Payload::Blank,
        EntryPayload::Normal(Data(bytes)) => Payload::Data(bytes),
        EntryPayload::Membership(voters) => Payload::Membership(encode_voters(&voters)),
    };
    LogEntry { at, payload }
}

/// A stored or received entry as openraft's; `None` when its membership cannot be read.
pub(in crate::node::raft) fn raft_entry(entry: LogEntry) -> Option<Entry> {
    let payload = match entry.payload {
        Payload::Blank => EntryPayload::Blank,
        Payload::Data(bytes) => EntryPayload::Normal(Data(bytes)),
        Payload::Membership(bytes) => EntryPayload::Membership(decode_voters(&bytes)?),
    };
    Some(Entry {
        log_id: log_id(entry.at),
        payload,
    })
}

/// Configs of a membership: a count, then per config a count and the ids; all u64 big-endian.
pub(in crate::node::raft) fn encode_voters(voters: &Voters) -> Bytes {
    let mut words = vec![voters.get_joint_config().len() as u64];
    for config in voters.get_joint_config() {
        words.push(config.len() as u64);
        words.extend(config);
    }
    words.into_iter().flat_map(u64::to_be_bytes).collect()
}

/// The reverse of [`encode_voters`].
pub(in crate::node::raft) fn decode_voters(bytes: &[u8]) -> Option<Voters> {
    let mut words = bytes
        .chunks(8)
        .map(|chunk| chunk.try_into().map(u64::from_be_bytes));
    let mut next = || words.next()?.ok();
    let configs = next()?;
    let mut joint = Vec::new();
    for _ in 0..configs {
        let size = next()?;
        let ids: Option<BTreeSet<u64>> = (0..size).map(|_| next()).collect();
        joint.push(ids?);
    }
    Some(Voters::new_with_defaults(joint, []))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn voters_survive_their_bytes() {
        let joint = vec![BTreeSet::from([1, 2, 3]), BTreeSet::from([2, 3, 4])];
        let voters = Voters::new_with_defaults(joint, []);
        assert_eq!(decode_voters(&encode_voters(&voters)), Some(voters));
    }

    #[test]
    fn hostile_voters_are_refused() {
        assert_eq!(decode_voters(&[]), None);
        assert_eq!(decode_voters(&u64::MAX.to_be_bytes()), None);
        assert_eq!(decode_voters(&[1, 2, 3]), None);
    }

    #[test]
    fn positions_and_votes_survive_the_crossing() {
        let at = LogPosition { term: 7, index: 9 };
        assert_eq!(position(&log_id(at)), at);
        let saved = SavedVote {
            term: 3,
            voted_for: 2,
            committed: true,
        };
        assert_eq!(saved_vote(&vote(saved)), saved);
    }
}
