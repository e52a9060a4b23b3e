//! The frame of small binary files: magic, version, length and checksum around a body.
//!
//! A file that was cut, damaged or written by another version is refused with the reason; nothing
//! of it is guessed.

const VERSION: u32 = 1;
const FRAME: usize = 24;

/// The bytes of a file with this body.
pub(super) fn seal(magic: [u8; 8], body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(FRAME + body.len());
    bytes.extend(magic);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend((body.len() as u64).to_le_bytes());
    let crc = crc32c::crc32c_append(crc32c::crc32c(&bytes), body);
    bytes.extend(crc.to_le_bytes());
    bytes.extend(body);
    bytes
}

/// The body of a file, or what is wrong with it.
pub(super) fn unseal(magic: [u8; 8], bytes: &[u8]) -> Result<&[u8], String> {
    let Some((frame, body)) = bytes.split_at_checked(FRAME) else {
        return Err(format!("{} bytes are too few", bytes.len()));
    };
    if frame[..8] != magic {
        return Err("it does not begin as such a file does".to_owned());
    }
    let crc = crc32c::crc32c_append(crc32c::crc32c(&frame[..20]), body);
    let stored = u32::from_le_bytes(frame[20..].try_into().map_err(|_| "no checksum")?);
    let version = u32::from_le_bytes(frame[8..12].try_into().map_err(|_| "no version")?);
    if version != VERSION {
        return Err(format!(
            "format version {version}, and this chronik-dev reads {VERSION}"
        ));
    }
    let length = u64::from_le_bytes(frame[12..20].try_into().map_err(|_| "no length")?);
    if length != body.len() as u64 {
        return Err(format!("{} bytes of {length}", body.len()));
    }
    if crc != stored {
        return Err(format!(
            "checksum {stored:08x} where the bytes have {crc:08x}"
        ));
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAGIC: [u8; 8] = *b"testfile";

    #[test]
    fn a_body_survives_and_any_damage_is_named() {
        let sealed = seal(MAGIC, b"body");
        assert_eq!(unseal(MAGIC, &sealed), Ok(&b"body"[..]));
        assert!(unseal(*b"otherone", &sealed).is_err());
        for cut in 0..sealed.len() {
            assert!(unseal(MAGIC, &sealed[..cut]).is_err());
        }
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(unseal(MAGIC, &flipped).is_err(), "bit {bit}");
        }
    }
}
