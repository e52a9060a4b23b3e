//! Changes to a batch in place.
//!
//! [`patch`] is deterministic and leaves the checksum alone: replicas do it alike. The others
//! need a clock or the records, and happen once, before a batch is proposed.

use super::header::{
    APPEND_TIME_BIT, ATTRIBUTES_AT, CRC_AT, CRC_FROM, HEADER_LEN, LEADER_EPOCH_AT, MAX_TIMESTAMP_AT,
};
use super::{BatchHeader, RecordError, inspect};

/// Writes the base offset and the leader epoch; both lie outside the checksum.
///
/// The batch must be whole: this is for batches that have been validated.
pub fn patch(batch: &mut [u8], base_offset: i64, leader_epoch: i32) {
    assert!(
        batch.len() >= HEADER_LEN,
        "only a validated batch is patched"
    );
    batch[..8].copy_from_slice(&base_offset.to_be_bytes());
    batch[LEADER_EPOCH_AT..LEADER_EPOCH_AT + 4].copy_from_slice(&leader_epoch.to_be_bytes());
}

/// Makes `timestamp` (ms) the broker's append time of the whole batch, and seals it anew.
///
/// The batch must be whole: this is for batches that have been validated.
pub fn set_append_time(batch: &mut [u8], timestamp: i64) {
    assert!(
        batch.len() >= HEADER_LEN,
        "only a validated batch is stamped"
    );
    let attributes = i16::from_be_bytes([batch[ATTRIBUTES_AT], batch[ATTRIBUTES_AT + 1]]);
    let stamped = attributes | APPEND_TIME_BIT;
    batch[ATTRIBUTES_AT..ATTRIBUTES_AT + 2].copy_from_slice(&stamped.to_be_bytes());
    set_max_timestamp(batch, timestamp);
}

/// Makes the max timestamp that of the records, which some clients leave open, and seals the
/// batch anew if it was not; gives it in ms.
///
/// The batch must be whole; its records are inspected.
pub fn fix_max_timestamp(batch: &mut [u8]) -> Result<i64, RecordError> {
    let claimed = BatchHeader::parse(batch)?.max_timestamp;
    let truth = inspect(batch)?.max_timestamp;
    if claimed != truth {
        set_max_timestamp(batch, truth);
    }
    Ok(truth)
}

/// Writes the max timestamp and the checksum that follows from it.
fn set_max_timestamp(batch: &mut [u8], timestamp: i64) {
    batch[MAX_TIMESTAMP_AT..MAX_TIMESTAMP_AT + 8].copy_from_slice(&timestamp.to_be_bytes());
    seal(batch);
}

/// Computes and writes the checksum.
///
/// The batch must be whole: this is for batches that were changed on purpose.
pub fn seal(batch: &mut [u8]) {
    let crc = crc32c::crc32c(&batch[CRC_FROM..]);
    batch[CRC_AT..CRC_FROM].copy_from_slice(&crc.to_be_bytes());
}
