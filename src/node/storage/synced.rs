//! The number of the last synced batch, in a file of its own that is never synced.
//!
//! Written after each batch of the write-ahead log was synced, so that it never runs ahead of the
//! truth. It survives a kill (the page cache does), and then proves that the last batch was
//! acknowledged even when that brought no entry: a vote whose record is damaged is no torn tail.
//! After a loss of power it may be old or garbage, and proves less or nothing.

/// The file's path.
pub(super) const PATH: &str = "wal/synced";
const LEN: usize = 12;

/// The bytes of the file.
pub(super) fn encode(batch_seq: u64) -> [u8; LEN] {
    let mut bytes = [0; LEN];
    bytes[..8].copy_from_slice(&batch_seq.to_le_bytes());
    bytes[8..].copy_from_slice(&crc32c::crc32c(&batch_seq.to_le_bytes()).to_le_bytes());
    bytes
}

/// The batch that the file's bytes prove; 0 when they prove none.
pub(super) fn decode(bytes: &[u8]) -> u64 {
    let seq = bytes
        .first_chunk::<8>()
        .map_or(0, |seq| u64::from_le_bytes(*seq));
    if bytes == encode(seq) { seq } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_note_proves_anything() {
        let bytes = encode(77);
        assert_eq!(decode(&bytes), 77);
        assert_eq!(decode(&bytes[..LEN - 1]), 0);
        assert_eq!(decode(&[]), 0);
        for bit in 0..LEN * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(&flipped), 0, "bit {bit}");
        }
    }
}
