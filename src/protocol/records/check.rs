//! Cutting bytes into batches, and the checks before one is appended.
//!
//! Nothing here decompresses: what the records themselves say is [`super::inspect`]'s business.

use bytes::Bytes;

use super::header::{CRC_FROM, HEADER_LEN};
use super::{BatchHeader, Compression, RecordError};

/// Whole batches, one after the other, as zero-copy slices.
///
/// An unfinished batch at the end is left in [`Batches::rest`], since brokers cut their answers at
/// a size. Ends after its first error.
#[derive(Debug, Clone)]
pub struct Batches {
    rest: Bytes,
}

impl Batches {
    /// The batches of `bytes`.
    pub fn new(bytes: Bytes) -> Self {
        Self { rest: bytes }
    }

    /// What has not been cut yet; after the last batch, the unfinished one or nothing.
    pub fn rest(&self) -> &Bytes {
        &self.rest
    }

    fn cut(&mut self) -> Result<Option<Bytes>, RecordError> {
        match BatchHeader::parse(&self.rest) {
            Ok(header) if header.size() <= self.rest.len() => {
                Ok(Some(self.rest.split_to(header.size())))
            }
            Ok(_) | Err(RecordError::Truncated { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Iterator for Batches {
    type Item = Result<Bytes, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        let cut = self.cut();
        if cut.is_err() {
            self.rest.clear();
        }
        cut.transpose()
    }
}

/// Cuts `bytes` into its whole batches; an unfinished one at the end is dropped.
pub fn split(bytes: Bytes) -> Result<Vec<Bytes>, RecordError> {
    Batches::new(bytes).collect()
}

/// Checks that `batch` is exactly one batch, whole and with a true checksum: what a log or a
/// foreign broker must hand over.
pub fn verify(batch: &[u8]) -> Result<BatchHeader, RecordError> {
    let header = BatchHeader::parse(batch)?;
    check_extent(&header, batch, usize::MAX)?;
    check_crc(&header, batch)?;
    Ok(header)
}

/// Checks what a producer sent for one partition: exactly one batch, whole and honest, of at most
/// `max_bytes`.
///
/// The checksum is verified; the records are not read.
pub fn validate_for_append(batch: &Bytes, max_bytes: usize) -> Result<BatchHeader, RecordError> {
    let header = BatchHeader::parse(batch)?;
    check_extent(&header, batch, max_bytes)?;
    check_crc(&header, batch)?;
    check_count(&header, header.compression()?)?;
    check_producer(&header)?;
    Ok(header)
}

fn check_extent(header: &BatchHeader, batch: &[u8], max: usize) -> Result<(), RecordError> {
    let (size, have) = (header.size(), batch.len());
    if size > have {
        return Err(RecordError::Truncated { need: size, have });
    }
    if size < have {
        return Err(RecordError::Invalid(
            "more than one batch for one partition",
        ));
    }
    if size > max {
        return Err(RecordError::TooLarge { size, max });
    }
    Ok(())
}

/// Holds the checksum against the bytes of a whole batch.
fn check_crc(header: &BatchHeader, batch: &[u8]) -> Result<(), RecordError> {
    let computed = crc32c::crc32c(&batch[CRC_FROM..]);
    if computed == header.crc {
        return Ok(());
    }
    Err(RecordError::Crc {
        stored: header.crc,
        computed,
    })
}

fn check_count(header: &BatchHeader, codec: Compression) -> Result<(), RecordError> {
    if header.count < 1 {
        return Err(RecordError::Invalid("a batch without records"));
    }
    if header.count > super::MAX_RECORDS {
        return Err(RecordError::Invalid("more records than a batch may have"));
    }
    if header.last_offset_delta != header.count - 1 {
        return Err(RecordError::Invalid(
            "the last offset delta is not the count less one",
        ));
    }
    let room = header.size() - HEADER_LEN;
    if codec == Compression::None && header.count as usize > room / super::MIN_RECORD_LEN {
        return Err(RecordError::Invalid(
            "more records than the batch has room for",
        ));
    }
    Ok(())
}

/// A producer writes no control batches, and a producer with an id numbers its records.
fn check_producer(header: &BatchHeader) -> Result<(), RecordError> {
    if header.is_control() {
        return Err(RecordError::Invalid("a control batch from a producer"));
    }
    if header.is_idempotent() && (header.base_sequence < 0 || header.producer_epoch < 0) {
        return Err(RecordError::Invalid(
            "a producer id without an epoch or a sequence",
        ));
    }
    if header.is_transactional() && !header.is_idempotent() {
        return Err(RecordError::Invalid(
            "a transactional batch without a producer id",
        ));
    }
    Ok(())
}
