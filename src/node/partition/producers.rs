//! The producers' last batches: what makes a retry harmless (KIP-98, KIP-360).
//!
//! Part of the replicated state, so it survives failover: a new leader answers a retry with the
//! original's offset.

use std::collections::{BTreeMap, VecDeque};
use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::ResponseError;

use crate::protocol::records::BatchHeader;

/// Batches that are remembered for each producer: as many as it may have in flight.
const REMEMBERED: usize = 5;

/// The identity and sequences of one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BatchKey {
    pub(super) producer: i64,
    pub(super) epoch: i16,
    pub(super) first: i32,
    pub(super) last: i32,
}

impl BatchKey {
    /// The key of a batch; `None` when its producer is not idempotent.
    pub(super) fn of(header: &BatchHeader) -> Option<Self> {
        (header.producer_id >= 0).then(|| Self {
            producer: header.producer_id,
            epoch: header.producer_epoch,
            first: header.base_sequence,
            last: add(header.base_sequence, header.last_offset_delta),
        })
    }
}

/// Sequences wrap from `i32::MAX` to 0.
fn add(sequence: i32, delta: i32) -> i32 {
    (i64::from(sequence) + i64::from(delta)).rem_euclid(i64::from(i32::MAX) + 1) as i32
}

/// Whether producers may have been forgotten: the log does not begin at its beginning any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forgets {
    Yes,
    No,
}

/// What the sequences of a batch mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// It continues where its producer was.
    Fresh,
    /// It was appended before, at this offset.
    Duplicate(i64),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Producer {
    epoch: i16,
    /// The first and last sequence and the base offset of the last batches, oldest first.
    batches: VecDeque<(i32, i32, i64)>,
}

/// All producers of one partition, by id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Producers(BTreeMap<i64, Producer>);

impl Producers {
    /// Judges a batch before it is appended. `in_flight` are the keys of the batches that were
    /// proposed before it and are not applied yet, oldest first.
    pub(super) fn check<'a>(
        &self,
        key: &BatchKey,
        in_flight: impl DoubleEndedIterator<Item = &'a BatchKey>,
        forgets: Forgets,
    ) -> Result<Check, ResponseError> {
        let last_flying = in_flight.rev().find(|other| other.producer == key.producer);
        let known = self.0.get(&key.producer);
        let (epoch, last) = match (last_flying, known) {
            (Some(flying), _) => (flying.epoch, Some(flying.last)),
            (None, Some(known)) => (known.epoch, known.batches.back().map(|batch| batch.1)),
            // An unknown producer begins at 0, or anywhere where its state may have been retained
            // away (KIP-360); else a first batch that was refused would leave a gap.
            (None, None) if key.first == 0 || forgets == Forgets::Yes => return Ok(Check::Fresh),
            (None, None) => return Err(ResponseError::OutOfOrderSequenceNumber),
        };
        if key.epoch < epoch {
            return Err(ResponseError::InvalidProducerEpoch);
        }
        if let Some(offset) = known.and_then(|known| known.offset_of(key)) {
            return Ok(Check::Duplicate(offset));
        }
        let expected = if key.epoch > epoch {
            0
        } else {
            last.map_or(key.first, |last| add(last, 1))
        };
        if key.first == expected {
            Ok(Check::Fresh)
        } else {
            Err(ResponseError::OutOfOrderSequenceNumber)
        }
    }

    /// Remembers an appended batch.
    pub(super) fn note(&mut self, key: &BatchKey, base_offset: i64) {
        let producer = self.0.entry(key.producer).or_insert_with(|| Producer {
            epoch: key.epoch,
            batches: VecDeque::new(),
        });
        if producer.epoch != key.epoch {
            producer.epoch = key.epoch;
            producer.batches.clear();
        }
        producer
            .batches
            .push_back((key.first, key.last, base_offset));
        if producer.batches.len() > REMEMBERED {
            producer.batches.pop_front();
        }
    }

    /// The table as bytes, for a stored state.
    pub(super) fn encode(&self, out: &mut BytesMut) {
        out.put_u32(self.0.len() as u32);
        for (id, producer) in &self.0 {
            out.put_i64(*id);
            out.put_i16(producer.epoch);
            out.put_u8(producer.batches.len() as u8);
            for (first, last, offset) in &producer.batches {
                out.put_i32(*first);
                out.put_i32(*last);
                out.put_i64(*offset);
            }
        }
    }

    /// The reverse of [`Producers::encode`].
    pub(super) fn decode(bytes: &mut Bytes) -> io::Result<Self> {
        let count = bytes.try_get_u32()?;
        let mut table = BTreeMap::new();
        for _ in 0..count {
            let (id, epoch) = (bytes.try_get_i64()?, bytes.try_get_i16()?);
            let size = bytes.try_get_u8()?;
            let batches = (0..size)
                .map(|_| {
                    Ok((
                        bytes.try_get_i32()?,
                        bytes.try_get_i32()?,
                        bytes.try_get_i64()?,
                    ))
                })
                .collect::<io::Result<_>>()?;
            table.insert(id, Producer { epoch, batches });
        }
        Ok(Self(table))
    }
}

impl Producer {
    fn offset_of(&self, key: &BatchKey) -> Option<i64> {
        let same = |batch: &&(i32, i32, i64)| (batch.0, batch.1) == (key.first, key.last);
        (self.epoch == key.epoch)
            .then(|| self.batches.iter().find(same))?
            .map(|batch| batch.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(first: i32, last: i32) -> BatchKey {
        BatchKey {
            producer: 7,
            epoch: 0,
            first,
            last,
        }
    }

    fn noted(batches: &[(i32, i32)]) -> Producers {
        let mut producers = Producers::default();
        for (first, last) in batches {
            producers.note(&key(*first, *last), i64::from(*first) + 100);
        }
        producers
    }

    fn check(producers: &Producers, key: &BatchKey) -> Result<Check, ResponseError> {
        producers.check(key, [].iter(), Forgets::No)
    }

    #[test]
    fn a_retry_gets_the_originals_offset() {
        let producers = noted(&[(0, 4), (5, 9)]);
        assert_eq!(check(&producers, &key(0, 4)), Ok(Check::Duplicate(100)));
        assert_eq!(check(&producers, &key(5, 9)), Ok(Check::Duplicate(105)));
    }

    #[test]
    fn only_the_next_sequence_is_fresh() {
        let producers = noted(&[(0, 4)]);
        assert_eq!(check(&producers, &key(5, 5)), Ok(Check::Fresh));
        let gap = check(&producers, &key(6, 6));
        assert_eq!(gap, Err(ResponseError::OutOfOrderSequenceNumber));
    }

    #[test]
    fn what_is_in_flight_counts_as_appended() {
        let producers = noted(&[(0, 4)]);
        let flying = [key(5, 9)];
        assert_eq!(
            producers.check(&key(10, 10), flying.iter(), Forgets::No),
            Ok(Check::Fresh)
        );
        let early = producers.check(&key(5, 5), flying.iter(), Forgets::No);
        assert_eq!(early, Err(ResponseError::OutOfOrderSequenceNumber));
    }

    #[test]
    fn an_unknown_producer_begins_at_zero_unless_it_may_be_forgotten() {
        let nobody = Producers::default();
        assert_eq!(check(&nobody, &key(0, 3)), Ok(Check::Fresh));
        let late = check(&nobody, &key(77, 80));
        assert_eq!(late, Err(ResponseError::OutOfOrderSequenceNumber));
        let forgotten = nobody.check(&key(77, 80), [].iter(), Forgets::Yes);
        assert_eq!(forgotten, Ok(Check::Fresh));
    }

    #[test]
    fn epochs_fence_and_start_over() {
        let producers = noted(&[(0, 4)]);
        let newer = BatchKey {
            epoch: 1,
            ..key(0, 0)
        };
        assert_eq!(check(&producers, &newer), Ok(Check::Fresh));
        let mut bumped = producers;
        bumped.note(&newer, 200);
        assert_eq!(
            check(&bumped, &key(5, 5)),
            Err(ResponseError::InvalidProducerEpoch)
        );
        let late = BatchKey {
            epoch: 2,
            ..key(3, 3)
        };
        assert_eq!(
            check(&bumped, &late),
            Err(ResponseError::OutOfOrderSequenceNumber)
        );
    }

    #[test]
    fn sequences_wrap() {
        let producers = noted(&[(i32::MAX - 1, i32::MAX)]);
        assert_eq!(check(&producers, &key(0, 3)), Ok(Check::Fresh));
        assert_eq!(add(i32::MAX, 1), 0);
    }

    #[test]
    fn only_the_last_five_are_remembered() {
        let producers = noted(&[(0, 0), (1, 1), (2, 2), (3, 3), (4, 4), (5, 5)]);
        let forgotten = check(&producers, &key(0, 0));
        assert_eq!(forgotten, Err(ResponseError::OutOfOrderSequenceNumber));
        assert_eq!(check(&producers, &key(1, 1)), Ok(Check::Duplicate(101)));
    }

    #[test]
    fn the_table_survives_its_bytes() {
        let producers = noted(&[(0, 4), (5, 9)]);
        let mut out = BytesMut::new();
        producers.encode(&mut out);
        let mut bytes = out.freeze();
        assert_eq!(Producers::decode(&mut bytes).unwrap(), producers);
        assert!(Producers::decode(&mut Bytes::from_static(&[0, 0, 1])).is_err());
    }
}
