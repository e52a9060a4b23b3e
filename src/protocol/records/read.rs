//! Reading the records of a batch.
//!
//! Compressed batches are decompressed as a whole, at most [`super::MAX_DECOMPRESSED`]; of plain
//! ones, keys and values are slices of the batch. The checksum is not looked at: see
//! [`super::verify`].

use std::borrow::Cow;

use bytes::Bytes;

use super::codec::decompress;
use super::header::HEADER_LEN;
use super::record::RawRecord;
use super::{BatchHeader, Compression, MIN_RECORD_LEN, RecordError, TimestampType};

/// A record header: a key and perhaps a value.
pub type Header = (Bytes, Option<Bytes>);

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its offset in the partition.
    pub offset: i64,
    /// Its timestamp in ms: the producer's, or the batch's append time.
    pub timestamp: i64,
    /// Its key.
    pub key: Option<Bytes>,
    /// Its value; a null one is a tombstone.
    pub value: Option<Bytes>,
    /// Its headers, in order; keys may repeat and need not be UTF-8.
    pub headers: Vec<Header>,
}

/// Reads all records of one whole batch.
pub fn records(batch: &Bytes) -> Result<Vec<Record>, RecordError> {
    let records = Records::of(batch)?;
    let mut all = Vec::with_capacity(records.room());
    for record in records {
        all.push(record?);
    }
    Ok(all)
}

/// The records of one batch, one by one. Ends after its first error.
#[derive(Debug, Clone)]
pub struct Records {
    header: BatchHeader,
    body: Bytes,
    at: usize,
    left: usize,
}

impl Records {
    /// Opens one whole batch, and decompresses it if need be.
    pub fn of(batch: &Bytes) -> Result<Self, RecordError> {
        let (header, packed) = open(batch)?;
        let body = match header.compression()? {
            Compression::None => batch.slice_ref(packed),
            codec => decompress(codec, packed)?.into(),
        };
        Ok(Self {
            header,
            body,
            at: 0,
            left: header.count as usize,
        })
    }

    /// What the batch can hold at most of what it claims.
    fn room(&self) -> usize {
        self.left.min(self.body.len() / MIN_RECORD_LEN)
    }

    fn take(&mut self) -> Result<Option<Record>, RecordError> {
        let mut rest = &self.body[self.at..];
        if self.left == 0 {
            return end(rest).map(|()| None);
        }
        let raw = RawRecord::take(&mut rest)?;
        let record = self.own(&raw)?;
        self.left -= 1;
        self.at = self.body.len() - rest.len();
        Ok(Some(record))
    }

    fn own(&self, raw: &RawRecord<'_>) -> Result<Record, RecordError> {
        let slice = |bytes: &[u8]| self.body.slice_ref(bytes);
        let mut left = raw.headers;
        let mut headers = Vec::with_capacity(left.len());
        while let Some((key, value)) = left.next()? {
            headers.push((slice(key), value.map(slice)));
        }
        Ok(Record {
            offset: offset(&self.header, raw)?,
            timestamp: timestamp(&self.header, raw)?,
            key: raw.key.map(slice),
            value: raw.value.map(slice),
            headers,
        })
    }
}

impl Iterator for Records {
    type Item = Result<Record, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        let taken = self.take();
        if taken.is_err() {
            self.body.clear();
            (self.at, self.left) = (0, 0);
        }
        taken.transpose()
    }
}

/// What a scan of a batch's records found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inspection {
    /// The largest timestamp of a record, in ms; -1 if none has one.
    pub max_timestamp: i64,
    /// The first record with it, counted from 0.
    pub max_timestamp_at: i32,
    /// The first record without a key, counted from 0: an error on a compacted topic.
    pub keyless: Option<i32>,
}

/// Scans the records of one whole batch from a producer, without keeping any: all of them must be
/// there, well-formed, with offsets 0, 1, 2 and so on.
pub fn inspect(batch: &[u8]) -> Result<Inspection, RecordError> {
    let (header, packed) = open(batch)?;
    let body = match header.compression()? {
        Compression::None => Cow::Borrowed(packed),
        codec => Cow::Owned(decompress(codec, packed)?),
    };
    let mut found = Inspection {
        max_timestamp: -1,
        max_timestamp_at: 0,
        keyless: None,
    };
    let mut rest = &body[..];
    for index in 0..header.count {
        let raw = RawRecord::take(&mut rest)?;
        raw.headers.check()?;
        if raw.offset_delta != index {
            return Err(RecordError::Invalid(
                "the records' offsets are not consecutive",
            ));
        }
        found.note(index, &raw, timestamp(&header, &raw)?);
    }
    end(rest)?;
    Ok(found)
}

impl Inspection {
    fn note(&mut self, index: i32, raw: &RawRecord<'_>, timestamp: i64) {
        if timestamp > self.max_timestamp {
            (self.max_timestamp, self.max_timestamp_at) = (timestamp, index);
        }
        if raw.key.is_none() && self.keyless.is_none() {
            self.keyless = Some(index);
        }
    }
}

/// The header of a whole batch, and its still packed records.
fn open(batch: &[u8]) -> Result<(BatchHeader, &[u8]), RecordError> {
    let header = BatchHeader::parse(batch)?;
    let packed = batch
        .get(HEADER_LEN..header.size())
        .ok_or(RecordError::Truncated {
            need: header.size(),
            have: batch.len(),
        })?;
    if !(0..=super::MAX_RECORDS).contains(&header.count) {
        return Err(RecordError::Invalid("the record count is out of bounds"));
    }
    Ok((header, packed))
}

fn end(rest: &[u8]) -> Result<(), RecordError> {
    if rest.is_empty() {
        Ok(())
    } else {
        Err(RecordError::Invalid("bytes after the last record"))
    }
}

fn offset(header: &BatchHeader, raw: &RawRecord<'_>) -> Result<i64, RecordError> {
    if !(0..=header.last_offset_delta).contains(&raw.offset_delta) {
        return Err(RecordError::Invalid(
            "a record's offset is outside its batch",
        ));
    }
    header
        .base_offset
        .checked_add(i64::from(raw.offset_delta))
        .ok_or(RecordError::Invalid("an offset over 64 bits"))
}

fn timestamp(header: &BatchHeader, raw: &RawRecord<'_>) -> Result<i64, RecordError> {
    match header.timestamp_type() {
        TimestampType::LogAppendTime => Ok(header.max_timestamp),
        TimestampType::CreateTime => header
            .base_timestamp
            .checked_add(raw.timestamp_delta)
            .ok_or(RecordError::Invalid("a timestamp over 64 bits")),
    }
}
