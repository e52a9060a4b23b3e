//! The variable-length integers of records: zigzag, little-endian groups of seven bits.
//!
//! Reading takes from the front of a slice and refuses what has too many bits or ends early.

use bytes::{BufMut, BytesMut};

use super::RecordError;

/// Takes a 32-bit integer.
pub(super) fn take_i32(bytes: &mut &[u8]) -> Result<i32, RecordError> {
    let raw = take_raw(bytes)?;
    let raw = u32::try_from(raw).map_err(|_| RecordError::Invalid("a varint over 32 bits"))?;
    Ok((raw >> 1) as i32 ^ -((raw & 1) as i32))
}

/// Takes a 64-bit integer.
pub(super) fn take_i64(bytes: &mut &[u8]) -> Result<i64, RecordError> {
    let raw = take_raw(bytes)?;
    Ok((raw >> 1) as i64 ^ -((raw & 1) as i64))
}

fn take_raw(bytes: &mut &[u8]) -> Result<u64, RecordError> {
    let mut value = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let Some((&byte, rest)) = bytes.split_first() else {
            return Err(RecordError::Invalid("a varint that does not end"));
        };
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            return Err(RecordError::Invalid("a varint over 64 bits"));
        }
        value |= bits << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(RecordError::Invalid("a varint over 64 bits"))
}

/// Writes an integer; a 32-bit one has the same bytes.
pub(super) fn put(out: &mut BytesMut, value: i64) {
    let mut raw = ((value << 1) ^ (value >> 63)) as u64;
    while raw >= 0x80 {
        out.put_u8(raw as u8 | 0x80);
        raw >>= 7;
    }
    out.put_u8(raw as u8);
}

/// Bytes that [`put`] writes.
pub(super) fn size(value: i64) -> usize {
    let raw = ((value << 1) ^ (value >> 63)) as u64;
    (u64::BITS - raw.leading_zeros()).div_ceil(7).max(1) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn golden_bytes() {
        for (value, bytes) in [
            (0, vec![0]),
            (-1, vec![1]),
            (1, vec![2]),
            (300, vec![216, 4]),
            (i64::from(i32::MIN), vec![255, 255, 255, 255, 15]),
            (
                i64::MIN,
                vec![255, 255, 255, 255, 255, 255, 255, 255, 255, 1],
            ),
        ] {
            let mut out = BytesMut::new();
            put(&mut out, value);
            assert_eq!(out, bytes, "{value}");
            assert_eq!(take_i64(&mut &bytes[..]), Ok(value));
        }
    }

    #[test]
    fn too_long_or_unfinished_is_refused() {
        assert!(take_i64(&mut &[0x80; 11][..]).is_err());
        assert!(take_i64(&mut &[0x80; 3][..]).is_err());
        assert!(take_i64(&mut &[255, 255, 255, 255, 255, 255, 255, 255, 255, 2][..]).is_err());
        assert!(take_i32(&mut &[255, 255, 255, 255, 16][..]).is_err());
        assert!(take_i32(&mut &[][..]).is_err());
    }

    proptest! {
        #[test]
        fn what_is_put_is_taken(value: i64, small: i32) {
            let mut out = BytesMut::new();
            put(&mut out, value);
            prop_assert_eq!(out.len(), size(value));
            put(&mut out, i64::from(small));
            let mut bytes = &out[..];
            prop_assert_eq!(take_i64(&mut bytes), Ok(value));
            prop_assert_eq!(take_i32(&mut bytes), Ok(small));
            prop_assert!(bytes.is_empty());
        }
    }
}
