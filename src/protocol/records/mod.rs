//! Record batches of magic 2, as producers send them and segments keep them (KIP-98).
//!
//! A batch is 61 big-endian bytes of header and then its records, perhaps compressed as a whole.
//! The broker stores it verbatim: only the base offset and the leader epoch, which lie outside
//! the checksum, are patched in place. Older formats are recognised and refused, never converted.
//!
//! ```text
//!  0 base offset      i64 |  8 batch length i32 | 12 leader epoch   i32 | 16 magic i8
//! 17 crc-32c          u32 | 21 attributes   i16 | 23 last offset delta i32
//! 27 base timestamp   i64 | 35 max timestamp i64
//! 43 producer id      i64 | 51 producer epoch i16 | 53 base sequence i32 | 57 count i32
//! ```
//! The batch length counts from byte 12, the checksum covers byte 21 to the end.

/// The smallest record: its length, attributes, two deltas, key and value lengths, header count.
const MIN_RECORD_LEN: usize = 7;
/// The most records of one batch: what is accepted can also be read in bounded memory, however
/// well it compresses.
const MAX_RECORDS: i32 = 1 << 20;

mod build;
mod check;
mod codec;
mod error;
mod header;
mod patch;
mod read;
mod record;
#[cfg(test)]
mod tests;
mod varint;

pub use build::BatchBuilder;
pub use check::{Batches, split, validate_for_append, verify};
pub use codec::MAX_DECOMPRESSED;
pub use error::RecordError;
pub use header::{BatchHeader, Compression, HEADER_LEN, TimestampType};
pub use patch::{fix_max_timestamp, patch, seal, set_append_time};
pub use read::{Header, Inspection, Record, Records, inspect, records};
