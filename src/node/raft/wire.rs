//! The payloads of the peer link: Raft's requests and answers as flat big-endian bytes.
//!
//! Entries are slices of the received frame, never copies. Every read is checked: a peer that
//! sends nonsense gets an error, not our memory.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderRequest,
    VoteRequest, VoteResponse,
};

use super::types::{
    self, LogId, SnapshotMeta, StoredMembership, Types, Vote, decode_voters, encode_voters,
};
use crate::node::storage::{LogEntry, LogPosition, Payload, SavedVote};
use crate::spec::GroupId;

/// Bytes that are not what they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed peer message: {0}")]
pub(in crate::node::raft) struct Malformed(pub(in crate::node::raft) &'static str);

type Read<T> = Result<T, Malformed>;

/// A checked reader over a received payload.
pub(in crate::node::raft) struct Reader(Bytes);

impl Reader {
    pub(in crate::node::raft) fn new(bytes: Bytes) -> Self {
        Self(bytes)
    }

    pub(in crate::node::raft) fn u8(&mut self) -> Read<u8> {
        self.0.try_get_u8().map_err(|_| Malformed("too short"))
    }

    pub(in crate::node::raft) fn u32(&mut self) -> Read<u32> {
        self.0.try_get_u32().map_err(|_| Malformed("too short"))
    }

    pub(in crate::node::raft) fn u64(&mut self) -> Read<u64> {
        self.0.try_get_u64().map_err(|_| Malformed("too short"))
    }

    pub(in crate::node::raft) fn bytes(&mut self) -> Read<Bytes> {
        let length = self.u32()? as usize;
        if length > self.0.len() {
            return Err(Malformed("a length beyond the end"));
        }
        Ok(self.0.split_to(length))
    }

    pub(in crate::node::raft) fn group(&mut self) -> Read<GroupId> {
        if self.0.len() < GroupId::LEN {
            return Err(Malformed("too short"));
        }
        let bytes = self.0.split_to(GroupId::LEN);
        Ok(GroupId::from_bytes(&bytes).expect("the length was checked"))
    }

    /// A count of things that take at least `size` bytes each.
    pub(in crate::node::raft) fn count(&mut self, size: usize) -> Read<usize> {
        let count = self.u32()? as usize;
        if count.saturating_mul(size) > self.0.len() {
            return Err(Malformed("a count beyond the end"));
        }
        Ok(count)
    }

    pub(in crate::node::raft) fn flag(&mut self) -> Read<bool> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed("a flag that is neither 0 nor 1")),
        }
    }

    pub(in crate::node::raft) fn position(&mut self) -> Read<LogPosition> {
        Ok(LogPosition {
            term: self.u64()?,
            index: self.u64()?,
        })
    }

    fn log_id(&mut self) -> Read<LogId> {
        self.position().map(types::log_id)
    }

    pub(in crate::node::raft) fn optional<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Read<T>,
    ) -> Read<Option<T>> {
        Ok(if self.flag()? {
            Some(read(self)?)
        } else {
            None
        })
    }

    fn vote(&mut self) -> Read<Vote> {
        let saved = SavedVote {
            term: self.u64()?,
            voted_for: self.u64()?,
            committed: self.flag()?,
        };
        Ok(types::vote(saved))
    }

    fn entry(&mut self) -> Read<LogEntry> {
        let at = self.position()?;
        let payload = match self.u8()? {
            0 => Payload::Blank,
            1 => Payload::Data(self.bytes()?),
            2 => Payload::Membership(self.bytes()?),
            _ => return Err(Malformed("an unknown kind of entry")),
        };
        Ok(LogEntry { at, payload })
    }

    /// The end must be here.
    pub(in crate::node::raft) fn end(self) -> Read<()> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Malformed("bytes after the end"))
        }
    }
}

pub(in crate::node::raft) fn put_position(out: &mut BytesMut, at: LogPosition) {
    out.put_u64(at.term);
    out.put_u64(at.index);
}

pub(in crate::node::raft) fn put_optional<T>(
    out: &mut BytesMut,
    value: Option<T>,
    put: impl FnOnce(&mut BytesMut, T),
) {
    out.put_u8(u8::from(value.is_some()));
    if let Some(value) = value {
        put(out, value);
    }
}

pub(in crate::node::raft) fn put_bytes(out: &mut BytesMut, bytes: &[u8]) {
    out.put_u32(u32::try_from(bytes.len()).expect("a payload fits in a frame"));
    out.put_slice(bytes);
}

fn put_log_id(out: &mut BytesMut, id: Option<LogId>) {
    put_optional(out, id.as_ref().map(types::position), put_position);
}

fn put_vote(out: &mut BytesMut, vote: &Vote) {
    let saved = types::saved_vote(vote);
    out.put_u64(saved.term);
    out.put_u64(saved.voted_for);
    out.put_u8(u8::from(saved.committed));
}

fn put_entry(out: &mut BytesMut, entry: &LogEntry) {
    put_position(out, entry.at);
    match &entry.payload {
        Payload::Blank => out.put_u8(0),
        Payload::Data(bytes) => {
            out.put_u8(1);
            put_bytes(out, bytes);
        }
        Payload::Membership(bytes) => {
            out.put_u8(2);
            put_bytes(out, bytes);
        }
    }
}

/// Bytes that an entry takes beside its payload, at most.
const ENTRY_HEAD: usize = 21;

pub(in crate::node::raft) fn append_request(request: AppendEntriesRequest<Types>) -> Bytes {
    let entries: Vec<LogEntry> = request.entries.into_iter().map(types::log_entry).collect();
    let data: usize = entries
        .iter()
        .map(|entry| ENTRY_HEAD + payload_len(&entry.payload))
        .sum();
    let mut out = BytesMut::with_capacity(64 + data);
    put_vote(&mut out, &request.vote);
    put_log_id(&mut out, request.prev_log_id);
    put_log_id(&mut out, request.leader_commit);
    out.put_u32(entries.len() as u32);
    for entry in &entries {
        put_entry(&mut out, entry);
    }
    out.freeze()
}

fn payload_len(payload: &Payload) -> usize {
    match payload {
        Payload::Blank => 0,
        Payload::Data(bytes) | Payload::Membership(bytes) => bytes.len(),
    }
}

pub(in crate::node::raft) fn read_append_request(
    bytes: Bytes,
) -> Read<AppendEntriesRequest<Types>> {
    let mut reader = Reader::new(bytes);
    let vote = reader.vote()?;
    let prev_log_id = reader.optional(Reader::log_id)?;
    let leader_commit = reader.optional(Reader::log_id)?;
    let count = reader.count(17)?;
    let entries = (0..count)
        .map(|_| types::raft_entry(reader.entry()?).ok_or(Malformed("an unreadable membership")))
        .collect::<Read<Vec<_>>>()?;
    reader.end()?;
    Ok(AppendEntriesRequest {
        vote,
        prev_log_id,
        entries,
        leader_commit,
    })
}

pub(in crate::node::raft) fn append_response(response: &AppendEntriesResponse<Types>) -> Bytes {
    let mut out = BytesMut::with_capacity(24);
    match response {
        AppendEntriesResponse::Success => out.put_u8(0),
        AppendEntriesResponse::PartialSuccess(id) => {
            out.put_u8(1);
            put_log_id(&mut out, *id);
        }
        AppendEntriesResponse::Conflict => out.put_u8(2),
        AppendEntriesResponse::HigherVote(vote) => {
            out.put_u8(3);
            put_vote(&mut out, vote);
        }
    }
    out.freeze()
}

pub(in crate::node::raft) fn read_append_response(
    bytes: Bytes,
) -> Read<AppendEntriesResponse<Types>> {
    let mut reader = Reader::new(bytes);
    let response = match reader.u8()? {
        0 => AppendEntriesResponse::Success,
        1 => AppendEntriesResponse::PartialSuccess(reader.optional(Reader::log_id)?),
        2 => AppendEntriesResponse::Conflict,
        3 => AppendEntriesResponse::HigherVote(reader.vote()?),
        _ => return Err(Malformed("an unknown append answer")),
    };
    reader.end()?;
    Ok(response)
}

pub(in crate::node::raft) fn vote_request(request: &VoteRequest<Types>) -> Bytes {
    let mut out = BytesMut::with_capacity(40);
    put_vote(&mut out, &request.vote);
    put_log_id(&mut out, request.last_log_id);
    out.put_u8(u8::from(request.leadership_transfer));
    out.freeze()
}

pub(in crate::node::raft) fn read_vote_request(bytes: Bytes) -> Read<VoteRequest<Types>> {
    let mut reader = Reader::new(bytes);
    let mut request = VoteRequest::new(reader.vote()?, reader.optional(Reader::log_id)?);
    request.leadership_transfer = reader.flag()?;
    reader.end()?;
    Ok(request)
}

pub(in crate::node::raft) fn vote_response(response: &VoteResponse<Types>) -> Bytes {
    let mut out = BytesMut::with_capacity(40);
    put_vote(&mut out, &response.vote);
    put_log_id(&mut out, response.last_log_id);
    out.put_u8(u8::from(response.vote_granted));
    out.freeze()
}

pub(in crate::node::raft) fn read_vote_response(bytes: Bytes) -> Read<VoteResponse<Types>> {
    let mut reader = Reader::new(bytes);
    let (vote, last) = (reader.vote()?, reader.optional(Reader::log_id)?);
    let response = VoteResponse::new(vote, last, reader.flag()?);
    reader.end()?;
    Ok(response)
}

pub(in crate::node::raft) fn transfer_request(request: &TransferLeaderRequest<Types>) -> Bytes {
    let mut out = BytesMut::with_capacity(48);
    put_vote(&mut out, request.from_leader());
    out.put_u64(*request.to_node_id());
    put_log_id(&mut out, request.last_log_id().copied());
    out.freeze()
}

pub(in crate::node::raft) fn read_transfer_request(
    bytes: Bytes,
) -> Read<TransferLeaderRequest<Types>> {
    let mut reader = Reader::new(bytes);
    let (vote, to) = (reader.vote()?, reader.u64()?);
    let request = TransferLeaderRequest::new(vote, to, reader.optional(Reader::log_id)?);
    reader.end()?;
    Ok(request)
}

/// A snapshot with the vote of the leader that sends it.
pub(in crate::node::raft) fn snapshot_request(
    vote: &Vote,
    meta: &SnapshotMeta,
    data: &[u8],
) -> Bytes {
    let mut out = BytesMut::with_capacity(128 + data.len());
    put_vote(&mut out, vote);
    put_meta(&mut out, meta);
    put_bytes(&mut out, data);
    out.freeze()
}

pub(in crate::node::raft) fn read_snapshot_request(
    bytes: Bytes,
) -> Read<(Vote, SnapshotMeta, Bytes)> {
    let mut reader = Reader::new(bytes);
    let content = (reader.vote()?, read_meta(&mut reader)?, reader.bytes()?);
    reader.end()?;
    Ok(content)
}

pub(in crate::node::raft) fn put_meta(out: &mut BytesMut, meta: &SnapshotMeta) {
    put_log_id(out, meta.last_log_id);
    put_log_id(out, *meta.last_membership.log_id());
    put_bytes(out, &encode_voters(meta.last_membership.membership()));
}

pub(in crate::node::raft) fn read_meta(reader: &mut Reader) -> Read<SnapshotMeta> {
    let last_log_id = reader.optional(Reader::log_id)?;
    let membership_at = reader.optional(Reader::log_id)?;
    let voters = decode_voters(&reader.bytes()?).ok_or(Malformed("an unreadable membership"))?;
    let last_membership = StoredMembership::new(membership_at, voters);
    Ok(SnapshotMeta {
        last_log_id,
        last_membership,
    })
}

pub(in crate::node::raft) fn snapshot_response(response: &SnapshotResponse<Types>) -> Bytes {
    let mut out = BytesMut::with_capacity(17);
    put_vote(&mut out, &response.vote);
    out.freeze()
}

pub(in crate::node::raft) fn read_snapshot_response(bytes: Bytes) -> Read<SnapshotResponse<Types>> {
    let mut reader = Reader::new(bytes);
    let response = SnapshotResponse::new(reader.vote()?);
    reader.end()?;
    Ok(response)
}
