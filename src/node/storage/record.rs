//! Changes of a group's log, and their form in the write-ahead log.
//!
//! A record is a fixed head of 96 bytes and, for an entry, its payload; padded to 8 bytes. Head
//! and payload have a checksum each: when a payload is damaged the head still says whose entry was
//! lost. The head's checksum starts from the number of its file, so that what a recycled file held
//! before never parses. Each record carries its group's own running number: a group whose numbers
//! have no gap lost nothing, whatever happened to the others.
//!
//! ```text
//!  0 head crc u32 | 4 payload length u32 | 8 batch seq u64 | 16 group seq u64 | 24 group 20 bytes
//! 44 type u8 | 45 kind u8 | 46 flags u16 | 48 payload crc u32 | 52 records u32
//! 56 index u64 | 64 term u64 | 72 offset i64 | 80 timestamp i64 | 88 extra u64     (little-endian)
//! ```

use bytes::Bytes;

use super::{GroupId, LogKind, LogPosition, SavedVote};

/// Bytes of a record's head.
pub(super) const HEAD: usize = 96;
/// Records start at multiples of this.
pub(super) const ALIGN: usize = 8;

/// What an entry is, without its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryKind {
    /// The first entry of a term.
    Blank,
    /// Batches or opaque bytes: they go to the segment.
    Data,
    /// A membership: it goes to the checkpoint, so that a segment holds nothing but data.
    Membership,
}

/// An entry as the log stores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) at: LogPosition,
    pub(super) kind: EntryKind,
    /// The next offset before it.
    pub(super) base_offset: i64,
    /// How many offsets it takes.
    pub(super) records: u32,
    pub(super) max_timestamp: i64,
    pub(super) crc: u32,
    pub(super) payload: Bytes,
    /// Set when it starts a new segment: the number in its files' names.
    pub(super) opens: Option<u64>,
}

/// A change of one group's log, in the order in which it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// The log exists.
    Create(LogKind),
    /// One more entry.
    Append(Entry),
    /// A vote.
    Vote(SavedVote),
    /// How far the group is committed.
    Commit(Option<LogPosition>),
    /// Entries after this position are gone.
    Truncate {
        last: Option<LogPosition>,
        /// The next offset then.
        next_offset: i64,
        /// Bytes that the segment of `last` keeps.
        segment_bytes: u64,
    },
    /// Entries up to this position are gone.
    Purge { upto: LogPosition, log_start: i64 },
    /// All entries are gone; the log continues after a position.
    Reset { at: LogPosition, next_offset: i64 },
    /// The log may have held entries up to this index and lost them.
    RequireRepair { until: u64 },
    /// The log has grown past what was lost.
    Repaired,
    /// The log does not exist.
    Remove,
}

/// One record of the write-ahead log, its payload apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) group: GroupId,
    /// The group's running number.
    pub(super) group_seq: u64,
    pub(super) change: Change,
}

/// A record's head as it lies in the file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) payload_len: u32,
    pub(super) batch_seq: u64,
    pub(super) group_seq: u64,
    pub(super) group: [u8; GroupId::LEN],
    pub(super) kind: u8,
    pub(super) detail: u8,
    pub(super) flags: u16,
    pub(super) payload_crc: u32,
    pub(super) records: u32,
    pub(super) index: u64,
    pub(super) term: u64,
    pub(super) offset: i64,
    pub(super) timestamp: i64,
    pub(super) extra: u64,
}

/// The type of the head that opens a batch: `records` counts what follows, `extra` its bytes.
pub(super) const BATCH: u8 = 1;
const CREATE: u8 = 2;
const APPEND: u8 = 3;
const VOTE: u8 = 4;
const COMMIT: u8 = 5;
const TRUNCATE: u8 = 6;
const PURGE: u8 = 7;
const RESET: u8 = 8;
const REPAIRED: u8 = 9;
const REMOVE: u8 = 10;
const REQUIRE_REPAIR: u8 = 11;
const LAST: u8 = REQUIRE_REPAIR;

/// A batch that was not synced before it was acknowledged (`storage.sync=os`).
pub(super) const UNSYNCED: u16 = 1;
const SOME: u16 = 2;

impl Head {
    /// The bytes, with the checksum for file `file`.
    pub(super) fn encode(&self, file: u64, into: &mut Vec<u8>) {
        let start = into.len();
        into.extend([0; 4]);
        into.extend(self.payload_len.to_le_bytes());
        into.extend(self.batch_seq.to_le_bytes());
        into.extend(self.group_seq.to_le_bytes());
        into.extend(self.group);
        into.extend([self.kind, self.detail]);
        into.extend(self.flags.to_le_bytes());
        into.extend(self.payload_crc.to_le_bytes());
        into.extend(self.records.to_le_bytes());
        into.extend(self.index.to_le_bytes());
        into.extend(self.term.to_le_bytes());
        into.extend(self.offset.to_le_bytes());
        into.extend(self.timestamp.to_le_bytes());
        into.extend(self.extra.to_le_bytes());
        let crc = head_crc(file, &into[start + 4..]);
        into[start..start + 4].copy_from_slice(&crc.to_le_bytes());
    }

    /// The head at the start of `bytes`; `None` when there is none of this file.
    pub(super) fn decode(file: u64, bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..HEAD)?;
        let kind = bytes[44];
        if !(BATCH..=LAST).contains(&kind) {
            return None;
        }
        if u32::from_le_bytes(field(bytes, 0)) != head_crc(file, &bytes[4..]) {
            return None;
        }
        Some(Self {
            payload_len: u32::from_le_bytes(field(bytes, 4)),
            batch_seq: u64::from_le_bytes(field(bytes, 8)),
            group_seq: u64::from_le_bytes(field(bytes, 16)),
            group: field(bytes, 24),
            kind,
            detail: bytes[45],
            flags: u16::from_le_bytes(field(bytes, 46)),
            payload_crc: u32::from_le_bytes(field(bytes, 48)),
            records: u32::from_le_bytes(field(bytes, 52)),
            index: u64::from_le_bytes(field(bytes, 56)),
            term: u64::from_le_bytes(field(bytes, 64)),
            offset: i64::from_le_bytes(field(bytes, 72)),
            timestamp: i64::from_le_bytes(field(bytes, 80)),
            extra: u64::from_le_bytes(field(bytes, 88)),
        })
    }

    /// What would be the batch's number, unchecked.
    pub(super) fn batch_seq(bytes: &[u8]) -> Option<u64> {
        bytes
            .get(..HEAD)
            .map(|bytes| u64::from_le_bytes(field(bytes, 8)))
    }

    /// Bytes of the record in the file, padding included.
    pub(super) fn size(&self) -> usize {
        HEAD + padded(self.payload_len as usize)
    }

    fn position(&self) -> LogPosition {
        LogPosition {
            term: self.term,
            index: self.index,
        }
    }

    fn optional_position(&self) -> Option<LogPosition> {
        (self.flags & SOME != 0).then(|| self.position())
    }
}

/// A length with its padding.
pub(super) fn padded(length: usize) -> usize {
    length.next_multiple_of(ALIGN)
}

fn head_crc(file: u64, head: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&file.to_le_bytes()), head)
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[at..at + N]);
    field
}

impl Record {
    /// The head of this record in batch `batch_seq`.
    pub(super) fn head(&self, batch_seq: u64) -> Head {
        let head = Head {
            batch_seq,
            group_seq: self.group_seq,
            group: self.group.to_bytes(),
            ..Head::default()
        };
        match &self.change {
            Change::Create(kind) => Head {
                kind: CREATE,
                detail: u8::from(*kind == LogKind::Opaque),
                ..head
            },
            Change::Append(entry) => entry.head(head),
            Change::Vote(vote) => Head {
                kind: VOTE,
                detail: u8::from(vote.committed),
                index: vote.voted_for,
                term: vote.term,
                ..head
            },
            Change::Commit(at) => at_position(*at, COMMIT, head),
            Change::Truncate {
                last,
                next_offset,
                segment_bytes,
            } => Head {
                offset: *next_offset,
                extra: *segment_bytes,
                ..at_position(*last, TRUNCATE, head)
            },
            Change::Purge { upto, log_start } => Head {
                offset: *log_start,
                ..at_position(Some(*upto), PURGE, head)
            },
            Change::Reset { at, next_offset } => Head {
                offset: *next_offset,
                ..at_position(Some(*at), RESET, head)
            },
            Change::RequireRepair { until } => Head {
                kind: REQUIRE_REPAIR,
                extra: *until,
                ..head
            },
            Change::Repaired => Head {
                kind: REPAIRED,
                ..head
            },
            Change::Remove => Head {
                kind: REMOVE,
                ..head
            },
        }
    }

    /// The record of a head and its payload; `None` for a batch's head or an unknown form.
    pub(super) fn from_head(head: &Head, payload: Bytes) -> Option<Self> {
        let change = match head.kind {
            CREATE if head.detail == 0 => Change::Create(LogKind::Records),
            CREATE => Change::Create(LogKind::Opaque),
            APPEND => Change::Append(Entry::from_head(head, payload)?),
            VOTE => Change::Vote(SavedVote {
                term: head.term,
                voted_for: head.index,
                committed: head.detail != 0,
            }),
            COMMIT => Change::Commit(head.optional_position()),
            TRUNCATE => Change::Truncate {
                last: head.optional_position(),
                next_offset: head.offset,
                segment_bytes: head.extra,
            },
            PURGE => Change::Purge {
                upto: head.position(),
                log_start: head.offset,
            },
            RESET => Change::Reset {
                at: head.position(),
                next_offset: head.offset,
            },
            REQUIRE_REPAIR => Change::RequireRepair { until: head.extra },
            REPAIRED => Change::Repaired,
            REMOVE => Change::Remove,
            _ => return None,
        };
        Some(Self {
            group: GroupId::from_bytes(&head.group)?,
            group_seq: head.group_seq,
            change,
        })
    }

    /// The bytes that follow the head.
    pub(super) fn payload(&self) -> &[u8] {
        match &self.change {
            Change::Append(entry) => &entry.payload,
            _ => &[],
        }
    }
}

fn at_position(at: Option<LogPosition>, kind: u8, head: Head) -> Head {
    let position = at.unwrap_or(LogPosition { term: 0, index: 0 });
    Head {
        kind,
        flags: if at.is_some() { SOME } else { 0 },
        index: position.index,
        term: position.term,
        ..head
    }
}

impl Entry {
    fn head(&self, head: Head) -> Head {
        Head {
            kind: APPEND,
            detail: self.kind.to_byte(),
            flags: if self.opens.is_some() { SOME } else { 0 },
            payload_len: self.payload.len() as u32,
            payload_crc: self.crc,
            records: self.records,
            index: self.at.index,
            term: self.at.term,
            offset: self.base_offset,
            timestamp: self.max_timestamp,
            extra: self.opens.unwrap_or(0),
            ..head
        }
    }

    fn from_head(head: &Head, payload: Bytes) -> Option<Self> {
        Some(Self {
            at: head.position(),
            kind: EntryKind::from_byte(head.detail)?,
            base_offset: head.offset,
            records: head.records,
            max_timestamp: head.timestamp,
            crc: head.payload_crc,
            payload,
            opens: (head.flags & SOME != 0).then_some(head.extra),
        })
    }

    /// Bytes that it takes in its segment.
    pub(super) fn data_len(&self) -> u64 {
        self.kind.data_len(self.payload.len() as u64)
    }
}

impl EntryKind {
    /// The byte in heads and rows.
    pub(super) fn to_byte(self) -> u8 {
        match self {
            Self::Blank => 0,
            Self::Data => 1,
            Self::Membership => 2,
        }
    }

    /// The reverse of [`EntryKind::to_byte`].
    pub(super) fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Blank),
            1 => Some(Self::Data),
            2 => Some(Self::Membership),
            _ => None,
        }
    }

    /// How many of a payload's bytes go to the segment.
    pub(super) fn data_len(self, payload: u64) -> u64 {
        if self == Self::Data { payload } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes() -> Vec<Change> {
        let at = LogPosition { term: 3, index: 8 };
        let payload = Bytes::from_static(b"payload");
        vec![
            Change::Create(LogKind::Opaque),
            Change::Append(Entry {
                at,
                kind: EntryKind::Data,
                base_offset: 5,
                records: 2,
                max_timestamp: -1,
                crc: crc32c::crc32c(&payload),
                payload,
                opens: Some(9),
            }),
            Change::Vote(SavedVote {
                term: 4,
                voted_for: 2,
                committed: true,
            }),
            Change::Commit(None),
            Change::Truncate {
                last: Some(at),
                next_offset: 7,
                segment_bytes: 99,
            },
            Change::Purge {
                upto: at,
                log_start: 7,
            },
            Change::Reset { at, next_offset: 7 },
            Change::RequireRepair { until: 7 },
            Change::Repaired,
            Change::Remove,
        ]
    }

    #[test]
    fn every_change_survives_its_record() {
        for change in changes() {
            let record = Record {
                group: GroupId::METADATA,
                group_seq: 17,
                change,
            };
            let mut bytes = Vec::new();
            record.head(5).encode(3, &mut bytes);
            assert_eq!(bytes.len(), HEAD);
            let head = Head::decode(3, &bytes).unwrap();
            assert_eq!(head.batch_seq, 5);
            let payload = Bytes::copy_from_slice(record.payload());
            assert_eq!(Record::from_head(&head, payload), Some(record));
        }
    }

    #[test]
    fn a_head_belongs_to_its_file_and_to_its_last_bit() {
        let mut bytes = Vec::new();
        Head {
            kind: BATCH,
            ..Head::default()
        }
        .encode(3, &mut bytes);
        assert!(Head::decode(3, &bytes).is_some());
        assert_eq!(Head::decode(4, &bytes), None);
        assert_eq!(Head::decode(3, &bytes[..HEAD - 1]), None);
        for bit in 0..HEAD * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Head::decode(3, &flipped), None, "bit {bit}");
        }
    }
}
