//! The length in front of a frame.

use bytes::{BufMut, Bytes, BytesMut};

use super::FrameError;

const LENGTH_LEN: usize = 4;
/// Enough for most messages without records.
pub(super) const SMALL: usize = 256;
/// Enough for what stands around one partition's records.
pub(super) const PARTITION: usize = 96;

/// An empty frame with room for its length and `capacity` bytes.
pub(super) fn open(capacity: usize) -> BytesMut {
    let mut frame = BytesMut::with_capacity(LENGTH_LEN + capacity);
    frame.put_i32(0);
    frame
}

/// Writes the length into the room for it.
pub(super) fn close(mut frame: BytesMut) -> Result<Bytes, FrameError> {
    let length = i32::try_from(frame.len() - LENGTH_LEN)
        .map_err(|error| FrameError::Encode(Box::new(error)))?;
    frame[..LENGTH_LEN].copy_from_slice(&length.to_be_bytes());
    Ok(frame.freeze())
}
