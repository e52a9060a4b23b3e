//! The checkpoint: every group's log as its segments hold it, and where the write-ahead log goes on.
//!
//! One file, replaced as a whole after the segments were synced, so that it never describes bytes
//! that a loss of power can take. It holds what segments do not: votes, commit and purge positions,
//! memberships, and the marks of damaged logs.

use std::collections::BTreeMap;

use prost::Message;

use super::sealed;
use super::terms::{TermStart, Terms};
use super::view::{LogView, Segment};
use super::wal::Mark;
use super::{GroupId, LogKind, LogPosition, SavedVote};

/// The file's path.
pub(super) const PATH: &str = "checkpoint";
const MAGIC: [u8; 8] = *b"chrcheck";

/// A checkpoint's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Checkpoint {
    /// Where replay starts.
    pub(super) mark: Mark,
    /// Each group's view and its last running number.
    pub(super) groups: BTreeMap<GroupId, (LogView, u64)>,
}

#[derive(Clone, PartialEq, Message)]
struct FileForm {
    #[prost(uint64, tag = "1")]
    file: u64,
    #[prost(uint64, tag = "2")]
    position: u64,
    #[prost(uint64, tag = "3")]
    seq: u64,
    #[prost(message, repeated, tag = "4")]
    groups: Vec<GroupForm>,
}

#[derive(Clone, PartialEq, Message)]
struct GroupForm {
    #[prost(bytes = "vec", tag = "1")]
    id: Vec<u8>,
    #[prost(uint64, tag = "2")]
    group_seq: u64,
    /// 0 unknown, 1 records, 2 opaque.
    #[prost(uint32, tag = "3")]
    kind: u32,
    #[prost(message, optional, tag = "4")]
    vote: Option<VoteForm>,
    #[prost(message, optional, tag = "5")]
    committed: Option<PositionForm>,
    #[prost(message, optional, tag = "6")]
    purged: Option<PositionForm>,
    #[prost(message, optional, tag = "7")]
    last: Option<PositionForm>,
    #[prost(sint64, tag = "8")]
    log_start: i64,
    #[prost(sint64, tag = "9")]
    next_offset: i64,
    #[prost(uint64, optional, tag = "10")]
    repair_until: Option<u64>,
    #[prost(bool, tag = "11")]
    must_open: bool,
    #[prost(message, repeated, tag = "12")]
    segments: Vec<SegmentForm>,
    #[prost(message, repeated, tag = "13")]
    terms: Vec<TermForm>,
    #[prost(message, repeated, tag = "14")]
    members: Vec<MemberForm>,
}

#[derive(Clone, PartialEq, Message)]
struct VoteForm {
    #[prost(uint64, tag = "1")]
    term: u64,
    #[prost(uint64, tag = "2")]
    voted_for: u64,
    #[prost(bool, tag = "3")]
    committed: bool,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct PositionForm {
    #[prost(uint64, tag = "1")]
    term: u64,
    #[prost(uint64, tag = "2")]
    index: u64,
}

#[derive(Clone, PartialEq, Message)]
struct SegmentForm {
    #[prost(uint64, tag = "1")]
    first: u64,
    #[prost(uint64, tag = "2")]
    number: u64,
    #[prost(message, optional, tag = "3")]
    last: Option<PositionForm>,
    #[prost(uint64, tag = "4")]
    bytes: u64,
    #[prost(sint64, tag = "5")]
    base_offset: i64,
    #[prost(sint64, tag = "6")]
    end_offset: i64,
    #[prost(sint64, tag = "7")]
    max_timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
struct TermForm {
    #[prost(uint64, tag = "1")]
    term: u64,
    #[prost(uint64, tag = "2")]
    index: u64,
    #[prost(sint64, tag = "3")]
    offset: i64,
}

#[derive(Clone, PartialEq, Message)]
struct MemberForm {
    #[prost(uint64, tag = "1")]
    index: u64,
    #[prost(bytes = "bytes", tag = "2")]
    payload: bytes::Bytes,
}

impl Checkpoint {
    /// The bytes of the file.
    pub(super) fn encode<'a>(
        mark: Mark,
        groups: impl Iterator<Item = (GroupId, &'a LogView, u64)>,
    ) -> Vec<u8> {
        let form = FileForm {
            file: mark.file,
            position: mark.position,
            seq: mark.seq,
            groups: groups
                .map(|(id, view, seq)| group_form(id, view, seq))
                .collect(),
        };
        sealed::seal(MAGIC, &form.encode_to_vec())
    }

    /// The content of the file, or what is wrong with it.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let body = sealed::unseal(MAGIC, bytes)?;
        let form = FileForm::decode(body).map_err(|error| error.to_string())?;
        let mut groups = BTreeMap::new();
        for group in form.groups {
            let id = GroupId::from_bytes(&group.id).ok_or("a group id of the wrong length")?;
            let group_seq = group.group_seq;
            groups.insert(id, (view(group)?, group_seq));
        }
        Ok(Self {
            mark: Mark {
                file: form.file,
                position: form.position,
                seq: form.seq,
            },
            groups,
        })
    }
}

fn group_form(id: GroupId, view: &LogView, group_seq: u64) -> GroupForm {
    let members = view.members.iter().map(|(index, payload)| MemberForm {
        index: *index,
        payload: payload.clone(),
    });
    GroupForm {
        id: id.to_bytes().to_vec(),
        group_seq,
        kind: match view.kind {
            None => 0,
            Some(LogKind::Records) => 1,
            Some(LogKind::Opaque) => 2,
        },
        vote: view.vote.map(|vote| VoteForm {
            term: vote.term,
            voted_for: vote.voted_for,
            committed: vote.committed,
        }),
        committed: view.committed.map(Into::into),
        purged: view.purged.map(Into::into),
        last: view.last.map(Into::into),
        log_start: view.log_start,
        next_offset: view.next_offset,
        repair_until: view.repair_until,
        must_open: view.must_open,
        segments: view.segments.iter().map(segment_form).collect(),
        terms: view.terms.0.iter().map(term_form).collect(),
        members: members.collect(),
    }
}

fn segment_form(segment: &Segment) -> SegmentForm {
    SegmentForm {
        first: segment.first,
        number: segment.number,
        last: Some(segment.last.into()),
        bytes: segment.bytes,
        base_offset: segment.base_offset,
        end_offset: segment.end_offset,
        max_timestamp: segment.max_timestamp,
    }
}

fn term_form(start: &TermStart) -> TermForm {
    TermForm {
        term: start.term,
        index: start.index,
        offset: start.offset,
    }
}

fn view(form: GroupForm) -> Result<LogView, String> {
    let terms = form.terms.iter().map(|start| TermStart {
        term: start.term,
        index: start.index,
        offset: start.offset,
    });
    Ok(LogView {
        kind: match form.kind {
            0 => None,
            1 => Some(LogKind::Records),
            2 => Some(LogKind::Opaque),
            unknown => return Err(format!("log kind {unknown}")),
        },
        vote: form.vote.map(|vote| SavedVote {
            term: vote.term,
            voted_for: vote.voted_for,
            committed: vote.committed,
        }),
        committed: form.committed.map(Into::into),
        purged: form.purged.map(Into::into),
        last: form.last.map(Into::into),
        log_start: form.log_start,
        next_offset: form.next_offset,
        repair_until: form.repair_until,
        must_open: form.must_open,
        segments: form
            .segments
            .iter()
            .map(segment)
            .collect::<Result<_, _>>()?,
        terms: Terms(terms.collect()),
        members: form
            .members
            .into_iter()
            .map(|m| (m.index, m.payload))
            .collect(),
    })
}

fn segment(form: &SegmentForm) -> Result<Segment, String> {
    let last: LogPosition = form.last.ok_or("a segment without an end")?.into();
    if last.index < form.first {
        return Err("a segment that ends before it starts".to_owned());
    }
    Ok(Segment {
        first: form.first,
        number: form.number,
        last,
        bytes: form.bytes,
        base_offset: form.base_offset,
        end_offset: form.end_offset,
        max_timestamp: form.max_timestamp,
    })
}

impl From<LogPosition> for PositionForm {
    fn from(at: LogPosition) -> Self {
        Self {
            term: at.term,
            index: at.index,
        }
    }
}

impl From<PositionForm> for LogPosition {
    fn from(at: PositionForm) -> Self {
        Self {
            term: at.term,
            index: at.index,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_survives_its_bytes() {
        let at = LogPosition { term: 3, index: 9 };
        let view = LogView {
            kind: Some(LogKind::Opaque),
            vote: Some(SavedVote {
                term: 4,
                voted_for: 2,
                committed: false,
            }),
            committed: Some(at),
            purged: Some(LogPosition { term: 0, index: 0 }),
            last: Some(at),
            log_start: 4,
            next_offset: 12,
            repair_until: Some(0),
            must_open: true,
            segments: vec![Segment {
                first: 1,
                number: 7,
                last: at,
                bytes: 100,
                base_offset: 4,
                end_offset: 12,
                max_timestamp: -1,
            }],
            terms: Terms(vec![TermStart {
                term: 3,
                index: 1,
                offset: 4,
            }]),
            members: BTreeMap::from([(1, bytes::Bytes::from_static(b"members"))]),
        };
        let bytes = Checkpoint::encode(Mark::ORIGIN, [(GroupId::METADATA, &view, 5)].into_iter());
        let read = Checkpoint::decode(&bytes).unwrap();
        assert_eq!(read.mark, Mark::ORIGIN);
        assert_eq!(
            read.groups,
            BTreeMap::from([(GroupId::METADATA, (view, 5))])
        );
    }
}
