//! Building record batches: for our own client and for the records that the broker itself keeps.

use std::io;

use bytes::{BufMut, Bytes, BytesMut};

use super::codec::compress;
use super::header::{CONTROL_BIT, HEADER_LEN, LENGTH_END, TRANSACTIONAL_BIT};
use super::patch::seal;
use super::{Compression, Header, varint};

/// Builds one batch, record by record.
///
/// Base offset 0 and leader epoch -1, as a producer sends it; [`super::patch`] gives it its place.
#[derive(Debug, Clone)]
pub struct BatchBuilder {
    codec: Compression,
    flags: i16,
    producer: (i64, i16),
    base_sequence: i32,
    base_timestamp: i64,
    max_timestamp: i64,
    count: i32,
    /// The batch: room for its header, then the records, each copied once.
    batch: BytesMut,
}

impl Default for BatchBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl BatchBuilder {
    /// An empty, uncompressed batch without a producer.
    pub fn new() -> Self {
        Self {
            codec: Compression::None,
            flags: 0,
            producer: (-1, -1),
            base_sequence: -1,
            base_timestamp: -1,
            max_timestamp: -1,
            count: 0,
            batch: BytesMut::new(),
        }
    }

    /// Compresses the batch.
    #[must_use]
    pub fn compression(mut self, codec: Compression) -> Self {
        self.codec = codec;
        self
    }

    /// Makes it the batch of an idempotent producer; `base_sequence` numbers its first record.
    #[must_use]
    pub fn producer(mut self, id: i64, epoch: i16, base_sequence: i32) -> Self {
        self.producer = (id, epoch);
        self.base_sequence = base_sequence;
        self
    }

    /// Makes it part of its producer's open transaction.
    #[must_use]
    pub fn transactional(mut self) -> Self {
        self.flags |= TRANSACTIONAL_BIT;
        self
    }

    /// Makes it a control batch: a broker's marker, not data.
    #[must_use]
    pub fn control(mut self) -> Self {
        self.flags |= CONTROL_BIT;
        self
    }

    /// Adds a record; `timestamp` is in ms.
    pub fn push(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header],
    ) {
        assert!(
            self.count < super::MAX_RECORDS,
            "a batch holds at most MAX_RECORDS records"
        );
        if self.count == 0 {
            self.base_timestamp = timestamp;
            self.batch.resize(HEADER_LEN, 0);
        }
        self.max_timestamp = self.max_timestamp.max(timestamp);
        let delta = timestamp.wrapping_sub(self.base_timestamp);
        let offset = i64::from(self.count);
        let length = 1
            + varint::size(delta)
            + varint::size(offset)
            + nullable_size(key)
            + nullable_size(value)
            + headers_size(headers);
        let batch = &mut self.batch;
        varint::put(batch, length as i64);
        batch.put_u8(0);
        varint::put(batch, delta);
        varint::put(batch, offset);
        put_nullable(batch, key);
        put_nullable(batch, value);
        varint::put(batch, headers.len() as i64);
        for (key, value) in headers {
            put_nullable(batch, Some(key));
            put_nullable(batch, value.as_deref());
        }
        self.count += 1;
    }

    /// Records so far.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there is no record yet.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes of the batch if it were built now, before compression.
    pub fn size(&self) -> usize {
        self.batch.len().max(HEADER_LEN)
    }

    /// Builds the batch, which must have a record.
    pub fn build(self) -> Bytes {
        assert!(self.count > 0, "a batch has at least one record");
        let header = self.header();
        let mut batch = self.packed().expect("compressing into memory cannot fail");
        batch[..HEADER_LEN].copy_from_slice(&header);
        let length = i32::try_from(batch.len() - LENGTH_END).expect("a batch is below 2 GiB");
        batch[8..LENGTH_END].copy_from_slice(&length.to_be_bytes());
        seal(&mut batch);
        batch.freeze()
    }

    /// The length and the checksum are still to be filled in.
    fn header(&self) -> [u8; HEADER_LEN] {
        let mut header = [0; HEADER_LEN];
        let mut rest = &mut header[..];
        rest.put_i64(0);
        rest.put_i32(0);
        rest.put_i32(-1);
        rest.put_i8(2);
        rest.put_u32(0);
        rest.put_i16(self.flags | self.codec.attributes());
        rest.put_i32(self.count - 1);
        rest.put_i64(self.base_timestamp);
        rest.put_i64(self.max_timestamp);
        rest.put_i64(self.producer.0);
        rest.put_i16(self.producer.1);
        rest.put_i32(self.base_sequence);
        rest.put_i32(self.count);
        assert!(rest.is_empty(), "the header is {HEADER_LEN} bytes");
        header
    }

    /// Room for the header, and the records as they are sent.
    fn packed(self) -> io::Result<BytesMut> {
        if self.codec == Compression::None {
            return Ok(self.batch);
        }
        let mut batch = BytesMut::zeroed(HEADER_LEN);
        compress(self.codec, &self.batch[HEADER_LEN..], &mut batch)?;
        Ok(batch)
    }
}

fn nullable_size(bytes: Option<&[u8]>) -> usize {
    let Some(bytes) = bytes else {
        return varint::size(-1);
    };
    varint::size(bytes.len() as i64) + bytes.len()
}

fn headers_size(headers: &[Header]) -> usize {
    let sizes = headers
        .iter()
        .map(|(key, value)| nullable_size(Some(key)) + nullable_size(value.as_deref()));
    varint::size(headers.len() as i64) + sizes.sum::<usize>()
}

fn put_nullable(out: &mut BytesMut, bytes: Option<&[u8]>) {
    let Some(bytes) = bytes else {
        return varint::put(out, -1);
    };
    varint::put(out, bytes.len() as i64);
    out.put_slice(bytes);
}
