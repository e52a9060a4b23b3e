//! The fixed header of a record batch.
//!
//! Parsing believes nothing but its own 61 bytes: whether the checksum and the count are true is
//! for [`super::validate_for_append`] and for the reader to find out.

use super::RecordError;

/// Bytes of a batch before its first record.
pub const HEADER_LEN: usize = 61;

/// Bytes before those that the batch length counts.
pub(super) const LENGTH_END: usize = 12;
pub(super) const LEADER_EPOCH_AT: usize = 12;
const MAGIC_AT: usize = 16;
pub(super) const CRC_AT: usize = 17;
/// The first byte that the checksum covers.
pub(super) const CRC_FROM: usize = 21;
pub(super) const ATTRIBUTES_AT: usize = 21;
pub(super) const MAX_TIMESTAMP_AT: usize = 35;

const CODEC_MASK: i16 = 0b111;
pub(super) const APPEND_TIME_BIT: i16 = 1 << 3;
pub(super) const TRANSACTIONAL_BIT: i16 = 1 << 4;
pub(super) const CONTROL_BIT: i16 = 1 << 5;

/// How a batch's records are compressed, as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not at all.
    None,
    /// RFC 1952.
    Gzip,
    /// Raw, or in the framing of Java's snappy streams.
    Snappy,
    /// The LZ4 frame format.
    Lz4,
    /// RFC 8878 (Produce version 7 and later).
    Zstd,
}

impl Compression {
    /// The codec of its number in the attributes.
    pub(super) fn from_attributes(attributes: i16) -> Result<Self, RecordError> {
        match attributes & CODEC_MASK {
            0 => Ok(Self::None),
            1 => Ok(Self::Gzip),
            2 => Ok(Self::Snappy),
            3 => Ok(Self::Lz4),
            4 => Ok(Self::Zstd),
            unknown => Err(RecordError::UnsupportedCompression(unknown as u8)),
        }
    }

    /// The codec's number in the attributes.
    pub(super) fn attributes(self) -> i16 {
        self as i16
    }
}

/// Whose clock the timestamps of a batch come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer's.
    CreateTime,
    /// The broker's: every record has the batch's max timestamp.
    LogAppendTime,
}

/// The header of one record batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    /// The offset of the first record (0 from a producer).
    pub base_offset: i64,
    /// Bytes of the batch after this field.
    pub batch_length: i32,
    /// The epoch of the leader that appended the batch, -1 from a producer.
    pub leader_epoch: i32,
    /// CRC-32C over everything from the attributes on.
    pub crc: u32,
    /// Codec, timestamp type, transactional and control bits.
    pub attributes: i16,
    /// The last record's offset less the base offset; compaction keeps it.
    pub last_offset_delta: i32,
    /// The first record's timestamp in ms.
    pub base_timestamp: i64,
    /// The largest timestamp in ms, -1 when the producer left it open.
    pub max_timestamp: i64,
    /// The idempotent producer's id, or -1.
    pub producer_id: i64,
    /// The idempotent producer's epoch, or -1.
    pub producer_epoch: i16,
    /// The first record's sequence number, or -1.
    pub base_sequence: i32,
    /// How many records the batch says it has.
    pub count: i32,
}

impl BatchHeader {
    /// Reads the header at the start of `bytes`, which need not hold the whole batch.
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        check_magic(bytes)?;
        let Some((header, _)) = bytes.split_first_chunk::<HEADER_LEN>() else {
            return Err(RecordError::Truncated {
                need: HEADER_LEN,
                have: bytes.len(),
            });
        };
        let parsed = read(header);
        if parsed.batch_length < (HEADER_LEN - LENGTH_END) as i32 {
            return Err(RecordError::BadLength(parsed.batch_length));
        }
        Ok(parsed)
    }

    /// The whole batch's size in bytes, this header included.
    pub fn size(&self) -> usize {
        LENGTH_END + self.batch_length as usize
    }

    /// The offset of the last record.
    pub fn last_offset(&self) -> i64 {
        self.base_offset
            .saturating_add(i64::from(self.last_offset_delta))
    }

    /// The codec of the records.
    pub fn compression(&self) -> Result<Compression, RecordError> {
        Compression::from_attributes(self.attributes)
    }

    /// Whose clock the timestamps come from.
    pub fn timestamp_type(&self) -> TimestampType {
        if self.has(APPEND_TIME_BIT) {
            TimestampType::LogAppendTime
        } else {
            TimestampType::CreateTime
        }
    }

    /// Whether the batch belongs to a transaction.
    pub fn is_transactional(&self) -> bool {
        self.has(TRANSACTIONAL_BIT)
    }

    /// Whether the batch is a marker of the broker's own, not data.
    pub fn is_control(&self) -> bool {
        self.has(CONTROL_BIT)
    }

    /// Whether an idempotent producer wrote the batch.
    pub fn is_idempotent(&self) -> bool {
        self.producer_id >= 0
    }

    fn has(&self, bit: i16) -> bool {
        self.attributes & bit != 0
    }
}

/// Every message format that ever was has its magic in byte 16.
fn check_magic(bytes: &[u8]) -> Result<(), RecordError> {
    match bytes.get(MAGIC_AT).map(|&magic| magic as i8) {
        Some(2) => Ok(()),
        Some(magic) => Err(RecordError::UnsupportedMagic(magic)),
        None => Err(RecordError::Truncated {
            need: HEADER_LEN,
            have: bytes.len(),
        }),
    }
}

fn read(header: &[u8; HEADER_LEN]) -> BatchHeader {
    BatchHeader {
        base_offset: i64::from_be_bytes(at(header, 0)),
        batch_length: i32::from_be_bytes(at(header, 8)),
        leader_epoch: i32::from_be_bytes(at(header, LEADER_EPOCH_AT)),
        crc: u32::from_be_bytes(at(header, CRC_AT)),
        attributes: i16::from_be_bytes(at(header, ATTRIBUTES_AT)),
        last_offset_delta: i32::from_be_bytes(at(header, 23)),
        base_timestamp: i64::from_be_bytes(at(header, 27)),
        max_timestamp: i64::from_be_bytes(at(header, MAX_TIMESTAMP_AT)),
        producer_id: i64::from_be_bytes(at(header, 43)),
        producer_epoch: i16::from_be_bytes(at(header, 51)),
        base_sequence: i32::from_be_bytes(at(header, 53)),
        count: i32::from_be_bytes(at(header, 57)),
    }
}

fn at<const N: usize>(header: &[u8; HEADER_LEN], from: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&header[from..from + N]);
    field
}
