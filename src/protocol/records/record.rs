//! One record within a batch's (decompressed) bytes.
//!
//! Borrowed and unallocating: what [`super::inspect`] scans and [`super::Records`] hands out is
//! parsed here, once.

use super::RecordError;
use super::varint::{take_i32, take_i64};

/// A record where it lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawRecord<'a> {
    pub(super) timestamp_delta: i64,
    pub(super) offset_delta: i32,
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
    pub(super) headers: RawHeaders<'a>,
}

impl<'a> RawRecord<'a> {
    /// Takes one record from the front; its headers are not yet read.
    pub(super) fn take(bytes: &mut &'a [u8]) -> Result<Self, RecordError> {
        let length = take_i32(bytes)?;
        let mut record = take_slice(bytes, length)?.ok_or(NO_LENGTH)?;
        // The attributes of a record have no meaning yet.
        take_slice(&mut record, 1)?;
        Ok(Self {
            timestamp_delta: take_i64(&mut record)?,
            offset_delta: take_i32(&mut record)?,
            key: take_nullable(&mut record)?,
            value: take_nullable(&mut record)?,
            headers: RawHeaders::take(record)?,
        })
    }
}

const NO_LENGTH: RecordError = RecordError::Invalid("a length below zero");

/// A header where it lies.
type RawHeader<'a> = (&'a [u8], Option<&'a [u8]>);

/// The headers of a record, still to be read: an ordered list in which keys may repeat (KIP-82).
#[derive(Debug, Clone, Copy)]
pub(super) struct RawHeaders<'a> {
    left: usize,
    bytes: &'a [u8],
}

impl<'a> RawHeaders<'a> {
    /// The smallest header is two lengths.
    const MIN_LEN: usize = 2;

    fn take(mut bytes: &'a [u8]) -> Result<Self, RecordError> {
        let left = usize::try_from(take_i32(&mut bytes)?).map_err(|_| NO_LENGTH)?;
        if left > bytes.len() / Self::MIN_LEN {
            return Err(RecordError::Invalid(
                "more headers than the record has room for",
            ));
        }
        Ok(Self { left, bytes })
    }

    /// How many are left; never more than the record's bytes can hold.
    pub(super) fn len(&self) -> usize {
        self.left
    }

    /// Takes the next; after the last one, the record must end.
    pub(super) fn next(&mut self) -> Result<Option<RawHeader<'a>>, RecordError> {
        if self.left == 0 {
            return match self.bytes {
                [] => Ok(None),
                _ => Err(RecordError::Invalid("a record longer than its fields")),
            };
        }
        self.left -= 1;
        let key = take_nullable(&mut self.bytes)?.ok_or(NO_LENGTH)?;
        Ok(Some((key, take_nullable(&mut self.bytes)?)))
    }

    /// Reads all, for their lawfulness only.
    pub(super) fn check(mut self) -> Result<(), RecordError> {
        while self.next()?.is_some() {}
        Ok(())
    }
}

/// A length and as many bytes; a length of -1 is null.
fn take_nullable<'a>(bytes: &mut &'a [u8]) -> Result<Option<&'a [u8]>, RecordError> {
    let length = take_i32(bytes)?;
    take_slice(bytes, length)
}

fn take_slice<'a>(bytes: &mut &'a [u8], length: i32) -> Result<Option<&'a [u8]>, RecordError> {
    let length = match usize::try_from(length) {
        Ok(length) => length,
        Err(_) if length == -1 => return Ok(None),
        Err(_) => return Err(NO_LENGTH),
    };
    let (slice, rest) = bytes
        .split_at_checked(length)
        .ok_or(RecordError::Invalid("a record that ends within a field"))?;
    *bytes = rest;
    Ok(Some(slice))
}
