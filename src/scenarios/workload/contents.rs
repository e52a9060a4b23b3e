//! The records of a fetch as a history holds them.

use bytes::Bytes;

use crate::protocol::records::{BatchHeader, Batches, Record, Records as BatchRecords, verify};
use crate::scenarios::history::{Parsed, Records, Strange, Strangeness, parse_value};

/// What a fetch brought from `from` on, below `to`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Brought {
    pub(super) records: Records,
    /// The offset to go on from.
    pub(super) next: i64,
    /// A rolling hash over all that a record consists of, beginning with the caller's.
    pub(super) hash: u64,
}

/// The bounds of what is wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) from: i64,
    pub(super) to: i64,
}

/// Reads the batches of a fetch. A batch that cannot be believed is one strange record.
pub(super) fn read(bytes: Option<Bytes>, bounds: Bounds, run: u64, hash: u64) -> Brought {
    let mut brought = Brought {
        records: Records::default(),
        next: bounds.from,
        hash,
    };
    for batch in Batches::new(bytes.unwrap_or_default()).flatten() {
        if brought.next >= bounds.to {
            break;
        }
        brought.take(&batch, bounds, run);
    }
    brought
}

impl Brought {
    fn take(&mut self, batch: &Bytes, bounds: Bounds, run: u64) {
        let Ok(header) = BatchHeader::parse(batch) else {
            return;
        };
        let from = bounds.from.max(header.base_offset);
        let end = header.last_offset().saturating_add(1);
        if end <= self.next {
            return;
        }
        self.records.push_epoch(from, header.leader_epoch);
        if verify(batch).is_err() {
            self.distrust(from, batch);
        } else if !header.is_control() {
            self.take_records(batch, bounds, run, header.leader_epoch);
        }
        self.next = end.min(bounds.to.max(self.next));
    }

    fn take_records(&mut self, batch: &Bytes, bounds: Bounds, run: u64, epoch: i32) {
        let Ok(records) = BatchRecords::of(batch) else {
            return self.distrust(bounds.from, batch);
        };
        for record in records {
            let Ok(record) = record else {
                return self.distrust(self.next, batch);
            };
            if (bounds.from..bounds.to).contains(&record.offset) {
                self.hash = fold(self.hash, &record, epoch);
                self.put(&record, run);
            }
        }
    }

    fn put(&mut self, record: &Record, run: u64) {
        let offset = record.offset;
        let value = record.value.as_deref().unwrap_or_default();
        let (kind, hash) = match parse_value(value, run) {
            // Its number tells the judge where it was meant to go.
            Parsed::Own(mark) => return self.records.push(offset, mark.value),
            Parsed::Strange(kind, hash) => (kind, hash),
        };
        self.records.strange.push(Strange { offset, kind, hash });
    }

    fn distrust(&mut self, offset: i64, batch: &Bytes) {
        self.records.strange.push(Strange {
            offset,
            kind: Strangeness::Corrupt,
            hash: u64::from(crc32c::crc32c(batch)),
        });
    }
}

/// One more record in a rolling hash.
fn fold(hash: u64, record: &Record, epoch: i32) -> u64 {
    let mut hash = mix(hash, record.offset as u64);
    hash = mix(hash, epoch as u64);
    hash = mix(hash, record.timestamp as u64);
    hash = mix_bytes(hash, record.key.as_deref());
    hash = mix_bytes(hash, record.value.as_deref());
    for (key, value) in &record.headers {
        hash = mix_bytes(hash, Some(key));
        hash = mix_bytes(hash, value.as_deref());
    }
    hash
}

fn mix_bytes(hash: u64, bytes: Option<&[u8]>) -> u64 {
    let Some(bytes) = bytes else {
        return mix(hash, u64::MAX);
    };
    let words = bytes.chunks(8).map(|chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        u64::from_be_bytes(word)
    });
    words.fold(mix(hash, bytes.len() as u64), mix)
}

/// The finaliser of `SplitMix64` over the two.
fn mix(hash: u64, word: u64) -> u64 {
    let mut mixed = hash.rotate_left(23) ^ word.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::records::{BatchBuilder, patch};
    use crate::scenarios::history::{ClientId, ValueId, ValueMark, encode_value, topic_hash};
    use bytes::BytesMut;

    const RUN: u64 = 7;

    fn batch(base: i64, values: std::ops::Range<u64>) -> BytesMut {
        let mut builder = BatchBuilder::new();
        for value in values {
            let mark = ValueMark {
                run: RUN,
                topic: topic_hash("t"),
                partition: 0,
                producer: ClientId(1),
                value: ValueId(value),
            };
            builder.push(1, None, Some(&encode_value(&mark, 64)), &[]);
        }
        let mut bytes = BytesMut::from(&builder.build()[..]);
        patch(&mut bytes, base, 3);
        bytes
    }

    fn look(bytes: &BytesMut, from: i64, to: i64) -> Brought {
        let bytes = Some(bytes.clone().freeze());
        read(bytes, Bounds { from, to }, RUN, 0)
    }

    #[test]
    fn only_what_was_asked_for_counts() {
        let mut bytes = batch(10, 0..5);
        bytes.extend_from_slice(&batch(15, 5..9));
        let brought = look(&bytes, 12, 17);
        assert_eq!((brought.records.count(), brought.next), (5, 17));
        assert_eq!(brought.records.values[0].0, 12);
        assert_eq!(brought.records.epoch_at(12), Some(3));
    }

    #[test]
    fn the_hash_does_not_depend_on_how_it_was_fetched() {
        let (one, two) = (batch(0, 0..4), batch(4, 4..8));
        let mut both = one.clone();
        both.extend_from_slice(&two);
        let first = look(&one, 0, 8);
        let bounds = Bounds { from: 4, to: 8 };
        let apart = read(Some(two.freeze()), bounds, RUN, first.hash);
        assert_eq!(look(&both, 0, 8).hash, apart.hash);
        assert_ne!(first.hash, apart.hash);
    }

    #[test]
    fn a_flipped_bit_makes_a_batch_strange() {
        let mut bytes = batch(0, 0..4);
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        let brought = look(&bytes, 0, 100);
        assert_eq!((brought.records.strange.len(), brought.next), (1, 4));
        assert_eq!(brought.records.strange[0].kind, Strangeness::Corrupt);
    }
}
