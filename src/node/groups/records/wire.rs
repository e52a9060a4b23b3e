//! Big-endian fields of Kafka's non-flexible encoding, written and read with bounds.
//!
//! Reads never allocate for a length that the remaining bytes cannot hold.

use super::RecordError;

/// Appends fields to a buffer.
#[derive(Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    /// A buffer that starts with the version of what it holds.
    pub(super) fn versioned(version: i16) -> Self {
        let mut writer = Self::default();
        writer.i16(version);
        writer
    }

    pub(super) fn i16(&mut self, value: i16) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn i32(&mut self, value: i32) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn i64(&mut self, value: i64) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    /// A string with a 16-bit length; all our strings are bounded far below it.
    pub(super) fn string(&mut self, value: &str) {
        let len = i16::try_from(value.len()).expect("strings are bounded when they come in");
        self.i16(len);
        self.0.extend_from_slice(value.as_bytes());
    }

    pub(super) fn nullable_string(&mut self, value: Option<&str>) {
        match value {
            Some(value) => self.string(value),
            None => self.i16(-1),
        }
    }

    pub(super) fn bytes(&mut self, value: &[u8]) {
        let len = i32::try_from(value.len()).expect("values are bounded when they come in");
        self.i32(len);
        self.0.extend_from_slice(value);
    }

    pub(super) fn finish(self) -> bytes::Bytes {
        self.0.into()
    }
}

/// Takes fields from the front of a buffer.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], RecordError> {
        let (head, tail) = self.0.split_at_checked(count).ok_or(RecordError::Short)?;
        self.0 = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], RecordError> {
        let taken = self.take(N)?;
        Ok(taken.try_into().expect("exactly N bytes were taken"))
    }

    pub(super) fn i16(&mut self) -> Result<i16, RecordError> {
        self.array().map(i16::from_be_bytes)
    }

    pub(super) fn i32(&mut self) -> Result<i32, RecordError> {
        self.array().map(i32::from_be_bytes)
    }

    pub(super) fn i64(&mut self) -> Result<i64, RecordError> {
        self.array().map(i64::from_be_bytes)
    }

    pub(super) fn nullable_string(&mut self) -> Result<Option<String>, RecordError> {
        let len = self.i16()?;
        if len == -1 {
            return Ok(None);
        }
        let len = usize::try_from(len).map_err(|_| RecordError::Length)?;
        let text = std::str::from_utf8(self.take(len)?).map_err(|_| RecordError::Text)?;
        Ok(Some(text.to_owned()))
    }

    pub(super) fn string(&mut self) -> Result<String, RecordError> {
        self.nullable_string()?.ok_or(RecordError::Length)
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], RecordError> {
        let len = usize::try_from(self.i32()?).map_err(|_| RecordError::Length)?;
        self.take(len)
    }

    /// The length of an array whose elements take at least `least` bytes each.
    pub(super) fn count(&mut self, least: usize) -> Result<usize, RecordError> {
        let count = usize::try_from(self.i32()?).map_err(|_| RecordError::Length)?;
        if count > self.0.len() / least {
            return Err(RecordError::Short);
        }
        Ok(count)
    }
}
