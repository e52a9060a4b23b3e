//! The row that a segment's sidecar (`.idx`) has for each entry.
//!
//! Fixed width, so that an index is found by one read and an offset by binary search, and nothing
//! of it stays in memory. A row names the batch of the write-ahead log that brought it: since rows
//! are written only after that batch was synced, a row proves that the batch was acknowledged.
//!
//! ```text
//!  0 index u64 | 8 term u64 | 16 base offset i64 | 24 position u64 | 32 max timestamp i64
//! 40 batch seq u64 | 48 length u32 | 52 records u32 | 56 payload crc u32 | 60 kind u8, 61 flags u8
//! 64 spare u32 | 68 row crc u32                                                (little-endian)
//! ```

use super::record::{Entry, EntryKind};
use super::{GroupId, LogPosition};

/// Bytes of a row.
pub(super) const ROW: usize = 72;
const CRC_AT: usize = 68;
const UNSYNCED: u8 = 1;

/// Where an entry lies and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) at: LogPosition,
    pub(super) kind: EntryKind,
    pub(super) base_offset: i64,
    pub(super) records: u32,
    pub(super) max_timestamp: i64,
    /// Where its bytes start in the segment.
    pub(super) position: u64,
    /// Bytes of the payload; a membership's are not in the segment.
    pub(super) length: u32,
    pub(super) crc: u32,
    /// The batch of the write-ahead log that brought it.
    pub(super) batch_seq: u64,
    /// Whether that batch was not synced before it was acknowledged.
    pub(super) unsynced: bool,
}

impl Row {
    /// The row of an entry whose bytes start at `position`.
    pub(super) fn new(entry: &Entry, position: u64, batch_seq: u64, unsynced: bool) -> Self {
        Self {
            at: entry.at,
            kind: entry.kind,
            base_offset: entry.base_offset,
            records: entry.records,
            max_timestamp: entry.max_timestamp,
            position,
            length: entry.payload.len() as u32,
            crc: entry.crc,
            batch_seq,
            unsynced,
        }
    }

    /// The offset after its last record.
    pub(super) fn end_offset(&self) -> i64 {
        self.base_offset.saturating_add(i64::from(self.records))
    }

    /// Where its bytes end in the segment.
    pub(super) fn end_position(&self) -> u64 {
        self.position
            .saturating_add(self.kind.data_len(u64::from(self.length)))
    }

    /// Appends the bytes, with a checksum that only this group's files have.
    pub(super) fn encode(&self, group: GroupId, into: &mut Vec<u8>) {
        let start = into.len();
        into.extend(self.at.index.to_le_bytes());
        into.extend(self.at.term.to_le_bytes());
        into.extend(self.base_offset.to_le_bytes());
        into.extend(self.position.to_le_bytes());
        into.extend(self.max_timestamp.to_le_bytes());
        into.extend(self.batch_seq.to_le_bytes());
        into.extend(self.length.to_le_bytes());
        into.extend(self.records.to_le_bytes());
        into.extend(self.crc.to_le_bytes());
        into.extend([self.kind.to_byte(), u8::from(self.unsynced), 0, 0]);
        into.extend([0; 4]);
        let crc = row_crc(group, &into[start..]);
        into.extend(crc.to_le_bytes());
    }

    /// The row in `bytes`; `None` when they are no row of this group.
    pub(super) fn decode(group: GroupId, bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..ROW)?;
        let stored = u32::from_le_bytes(bytes[CRC_AT..].try_into().ok()?);
        if stored != row_crc(group, &bytes[..CRC_AT]) {
            return None;
        }
        let wide = |at: usize| Some(u64::from_le_bytes(bytes[at..at + 8].try_into().ok()?));
        let narrow = |at: usize| Some(u32::from_le_bytes(bytes[at..at + 4].try_into().ok()?));
        Some(Self {
            at: LogPosition {
                term: wide(8)?,
                index: wide(0)?,
            },
            kind: EntryKind::from_byte(bytes[60])?,
            base_offset: wide(16)? as i64,
            records: narrow(52)?,
            max_timestamp: wide(32)? as i64,
            position: wide(24)?,
            length: narrow(48)?,
            crc: narrow(56)?,
            batch_seq: wide(40)?,
            unsynced: bytes[61] & UNSYNCED != 0,
        })
    }
}

fn row_crc(group: GroupId, row: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&group.to_bytes()), row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_belongs_to_its_group_and_to_its_last_bit() {
        let row = Row {
            at: LogPosition { term: 2, index: 7 },
            kind: EntryKind::Data,
            base_offset: 40,
            records: 3,
            max_timestamp: -1,
            position: 1000,
            length: 70,
            crc: 9,
            batch_seq: 12,
            unsynced: true,
        };
        let mut bytes = Vec::new();
        row.encode(GroupId::METADATA, &mut bytes);
        assert_eq!(bytes.len(), ROW);
        assert_eq!(Row::decode(GroupId::METADATA, &bytes), Some(row));
        let other = GroupId {
            partition: 1,
            ..GroupId::METADATA
        };
        assert_eq!(Row::decode(other, &bytes), None);
        for bit in 0..ROW * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Row::decode(GroupId::METADATA, &flipped), None, "bit {bit}");
        }
    }
}
