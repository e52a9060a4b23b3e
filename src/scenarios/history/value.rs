//! The values that scenarios send: unique, and each says what it is.
//!
//! ```text
//! magic 4 | crc32c 4 | run 8 | topic 4 | partition 4 | producer 4 | length 4 | value 8 | padding
//! ```
//! All numbers are big-endian. The checksum covers everything behind it. The padding follows from
//! the value's number, so that it compresses as badly as real data and can be made again.

use super::{ClientId, Strangeness, ValueId};

/// How every value begins.
const MAGIC: [u8; 4] = *b"ChV1";
/// Where the checksum's cover begins.
const COVERED: usize = 8;
/// The length of a value without padding.
pub const MIN_VALUE_LEN: usize = 40;

/// What a value says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValueMark {
    /// The run's number, as in the history's header.
    pub run: u64,
    /// [`topic_hash`] of the topic that it is meant for.
    pub topic: u32,
    /// The partition that it is meant for.
    pub partition: u32,
    /// Who sends it.
    pub producer: ClientId,
    /// Its number.
    pub value: ValueId,
}

/// What the bytes of a record turn out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed {
    /// A sound value of this run.
    Own(ValueMark),
    /// Anything else, with a checksum to tell it from other bytes.
    Strange(Strangeness, u64),
}

/// A topic's name as a value carries it.
pub fn topic_hash(name: &str) -> u32 {
    crc32c::crc32c(name.as_bytes())
}

/// The value's bytes: `len` of them, or [`MIN_VALUE_LEN`] when that is more.
pub fn encode_value(mark: &ValueMark, len: usize) -> Vec<u8> {
    let len = len.max(MIN_VALUE_LEN);
    let mut bytes = Vec::with_capacity(len);
    bytes.extend(MAGIC);
    bytes.extend([0; 4]);
    bytes.extend(mark.run.to_be_bytes());
    bytes.extend(mark.topic.to_be_bytes());
    bytes.extend(mark.partition.to_be_bytes());
    bytes.extend(mark.producer.0.to_be_bytes());
    bytes.extend((len as u32).to_be_bytes());
    bytes.extend(mark.value.0.to_be_bytes());
    assert!(bytes.len() == MIN_VALUE_LEN, "the head has its length");
    pad(&mut bytes, len, mark.run ^ mark.value.0);
    let crc = crc32c::crc32c(&bytes[COVERED..]);
    bytes[4..COVERED].copy_from_slice(&crc.to_be_bytes());
    bytes
}

/// What the bytes of a record are to the run with this number.
pub fn parse_value(bytes: &[u8], run: u64) -> Parsed {
    let strange = |kind| Parsed::Strange(kind, hash(bytes));
    if bytes.len() < MIN_VALUE_LEN || bytes[..4] != MAGIC {
        return strange(Strangeness::Foreign);
    }
    let length = u32::from_be_bytes(four(bytes, 28));
    let crc = u32::from_be_bytes(four(bytes, 4));
    if length as usize != bytes.len() || crc != crc32c::crc32c(&bytes[COVERED..]) {
        return strange(Strangeness::Corrupt);
    }
    let mark = ValueMark {
        run: u64::from_be_bytes(eight(bytes, 8)),
        topic: u32::from_be_bytes(four(bytes, 16)),
        partition: u32::from_be_bytes(four(bytes, 20)),
        producer: ClientId(u32::from_be_bytes(four(bytes, 24))),
        value: ValueId(u64::from_be_bytes(eight(bytes, 32))),
    };
    if mark.run == run {
        Parsed::Own(mark)
    } else {
        strange(Strangeness::Foreign)
    }
}

fn four(bytes: &[u8], at: usize) -> [u8; 4] {
    bytes[at..at + 4].try_into().expect("four bytes")
}

fn eight(bytes: &[u8], at: usize) -> [u8; 8] {
    bytes[at..at + 8].try_into().expect("eight bytes")
}

/// Two checksums side by side: enough to tell two records apart, and quick.
fn hash(bytes: &[u8]) -> u64 {
    let plain = crc32c::crc32c(bytes);
    let shifted = crc32c::crc32c_append(plain ^ bytes.len() as u32 ^ 0x9e37_79b9, bytes);
    u64::from(plain) << 32 | u64::from(shifted)
}

/// Fills up with the output of xorshift64*.
fn pad(bytes: &mut Vec<u8>, len: usize, seed: u64) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    while bytes.len() < len {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        let word = state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_be_bytes();
        let wanted = (len - bytes.len()).min(word.len());
        bytes.extend(&word[..wanted]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark() -> ValueMark {
        ValueMark {
            run: 7,
            topic: topic_hash("orders"),
            partition: 2,
            producer: ClientId(4),
            value: ValueId::of(9, 1000),
        }
    }

    #[test]
    fn a_value_says_what_it_is() {
        for len in [0, 40, 41, 512, 10_000] {
            let bytes = encode_value(&mark(), len);
            assert_eq!(bytes.len(), len.max(MIN_VALUE_LEN));
            assert_eq!(parse_value(&bytes, 7), Parsed::Own(mark()));
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let sound = encode_value(&mark(), 64);
        for bit in 0..sound.len() * 8 {
            let mut bytes = sound.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(
                matches!(parse_value(&bytes, 7), Parsed::Strange(..)),
                "bit {bit}"
            );
        }
    }

    #[test]
    fn a_cut_value_is_corrupt_and_another_runs_is_foreign() {
        let bytes = encode_value(&mark(), 64);
        let kind = |bytes: &[u8], run| match parse_value(bytes, run) {
            Parsed::Strange(kind, _) => Some(kind),
            Parsed::Own(_) => None,
        };
        assert_eq!(kind(&bytes[..63], 7), Some(Strangeness::Corrupt));
        assert_eq!(kind(&bytes, 8), Some(Strangeness::Foreign));
        assert_eq!(kind(b"hello", 7), Some(Strangeness::Foreign));
        assert_eq!(kind(b"", 7), Some(Strangeness::Foreign));
    }

    #[test]
    fn strange_bytes_are_told_apart() {
        assert_ne!(parse_value(b"a", 7), parse_value(b"b", 7));
        assert_eq!(parse_value(b"a", 7), parse_value(b"a", 7));
    }
}
