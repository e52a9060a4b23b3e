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
    records: BytesMut,
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
            records: BytesMut::new(),
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
        }
        self.max_timestamp = self.max_timestamp.max(timestamp);
        let delta = timestamp.wrapping_sub(self.base_timestamp);
        let mut body = BytesMut::new();
        body.put_u8(0);
        varint::put(&mut body, delta);
        varint::put(&mut body, i64::from(self.count));
        put_nullable(&mut body, key);
        put_nullable(&mut body, value);
        varint::put(&mut body, headers.len() as i64);
        for (key, value) in headers {
            put_nullable(&mut body, Some(key));
            put_nullable(&mut body, value.as_deref());
        }
        varint::put(&mut self.records, body.len() as i64);
        self.records.put_slice(&body);
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
        HEADER_LEN + self.records.len()
    }

    /// Builds the batch, which must have a record.
    pub fn build(self) -> Bytes {
        assert!(self.count > 0, "a batch has at least one record");
        let mut batch = BytesMut::with_capacity(self.size());
        self.put_header(&mut batch);
        self.put_records(&mut batch)
            .expect("compressing into memory cannot fail");
        let length = i32::try_from(batch.len() - LENGTH_END).expect("a batch is below 2 GiB");
        batch[8..LENGTH_END].copy_from_slice(&length.to_be_bytes());
        seal(&mut batch);
        batch.freeze()
    }

    /// The length and the checksum are still to be filled in.
    fn put_header(&self, batch: &mut BytesMut) {
        batch.put_i64(0);
        batch.put_i32(0);
        batch.put_i32(-1);
        batch.put_i8(2);
        batch.put_u32(0);
        batch.put_i16(self.flags | self.codec.attributes());
        batch.put_i32(self.count - 1);
        batch.put_i64(self.base_timestamp);
        batch.put_i64(self.max_timestamp);
        batch.put_i64(self.producer.0);
        batch.put_i16(self.producer.1);
        batch.put_i32(self.base_sequence);
        batch.put_i32(self.count);
        assert!(
            batch.len() == HEADER_LEN,
            "the header is {HEADER_LEN} bytes"
        );
    }

    fn put_records(&self, batch: &mut BytesMut) -> io::Result<()> {
        compress(self.codec, &self.records, batch)
    }
}

fn put_nullable(out: &mut BytesMut, bytes: Option<&[u8]>) {
    let Some(bytes) = bytes else {
        return varint::put(out, -1);
    };
    varint::put(out, bytes.len() as i64);
    out.put_slice(bytes);
}
