//! Batches that lie: each is refused with the right error, none panics or takes much memory.

use bytes::BufMut;

use super::super::codec::compress;
use super::*;

/// A golden batch with some bytes changed, and a true checksum.
fn forged(at: usize, bytes: &[u8]) -> Bytes {
    let mut batch = BytesMut::from(golden::bytes(golden::NONE));
    batch[at..at + bytes.len()].copy_from_slice(bytes);
    seal(&mut batch);
    batch.freeze()
}

fn refusal(batch: &Bytes) -> ResponseError {
    validate_for_append(batch, ROOMY).unwrap_err().code()
}

/// A batch of one record's header fields around records of any make.
fn around(codec: Compression, count: i32, records: &[u8]) -> Bytes {
    let mut batch = BytesMut::from(&golden::bytes(golden::NONE)[..HEADER_LEN]);
    batch[21..23].copy_from_slice(&(codec as i16).to_be_bytes());
    batch[23..27].copy_from_slice(&(count - 1).to_be_bytes());
    batch[57..61].copy_from_slice(&count.to_be_bytes());
    batch.put_slice(records);
    let length = (batch.len() - 12) as i32;
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    seal(&mut batch);
    batch.freeze()
}

#[test]
fn each_lie_in_the_header_has_its_error() {
    assert_eq!(
        refusal(&forged(16, &[1])),
        ResponseError::UnsupportedForMessageFormat
    );
    assert_eq!(
        refusal(&forged(21, &[0, 5])),
        ResponseError::UnsupportedCompressionType
    );
    assert_eq!(
        refusal(&forged(23, &3i32.to_be_bytes())),
        ResponseError::InvalidRecord
    );
    assert_eq!(
        refusal(&forged(57, &0i32.to_be_bytes())),
        ResponseError::InvalidRecord
    );
    assert_eq!(
        refusal(&forged(57, &(-1i32).to_be_bytes())),
        ResponseError::InvalidRecord
    );
    assert_eq!(
        refusal(&forged(53, &(-1i32).to_be_bytes())),
        ResponseError::InvalidRecord
    );
    assert_eq!(
        refusal(&forged(51, &(-1i16).to_be_bytes())),
        ResponseError::InvalidRecord
    );
    assert_eq!(
        refusal(&forged(8, &(-1i32).to_be_bytes())),
        ResponseError::CorruptMessage
    );
    assert_eq!(
        refusal(&forged(8, &48i32.to_be_bytes())),
        ResponseError::CorruptMessage
    );
    assert_eq!(
        refusal(&forged(8, &i32::MAX.to_be_bytes())),
        ResponseError::CorruptMessage
    );
    assert_eq!(
        refusal(&forged(8, &170i32.to_be_bytes())),
        ResponseError::CorruptMessage
    );
    assert_eq!(
        refusal(&forged(8, &168i32.to_be_bytes())),
        ResponseError::InvalidRecord
    );
    let transactional = around(Compression::None, 1, &[]);
    let mut without_producer = BytesMut::from(transactional);
    without_producer[22] = 1 << 4;
    without_producer[43..51].copy_from_slice(&(-1i64).to_be_bytes());
    seal(&mut without_producer);
    assert_eq!(
        refusal(&without_producer.freeze()),
        ResponseError::InvalidRecord
    );
}

#[test]
fn a_count_above_the_room_is_refused_before_anything_is_allocated() {
    let mut batch = BytesMut::from(golden::bytes(golden::NONE));
    batch[23..27].copy_from_slice(&(i32::MAX - 1).to_be_bytes());
    batch[57..61].copy_from_slice(&i32::MAX.to_be_bytes());
    seal(&mut batch);
    let batch = batch.freeze();
    assert_eq!(refusal(&batch), ResponseError::InvalidRecord);
    assert!(records(&batch).is_err());
    assert!(inspect(&batch).is_err());
}

#[test]
fn two_batches_and_oversized_ones_are_refused() {
    let one = golden::bytes(golden::NONE);
    let two: Bytes = [&one[..], &one[..]].concat().into();
    assert_eq!(refusal(&two), ResponseError::InvalidRecord);
    let tight = validate_for_append(&one, one.len() - 1).unwrap_err();
    assert_eq!(
        tight,
        RecordError::TooLarge {
            size: one.len(),
            max: one.len() - 1
        }
    );
    assert_eq!(tight.code(), ResponseError::MessageTooLarge);
    assert!(validate_for_append(&one, one.len()).is_ok());
}

#[test]
fn every_truncation_and_every_flipped_bit_is_noticed() {
    let batch = golden::bytes(golden::SNAPPY);
    for end in 0..batch.len() {
        let cut = batch.slice(..end);
        assert!(validate_for_append(&cut, ROOMY).is_err(), "cut at {end}");
        assert!(records(&cut).is_err(), "cut at {end}");
    }
    for bit in (16 * 8)..batch.len() * 8 {
        let mut flipped = batch.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(verify(&flipped).is_err(), "bit {bit}");
    }
}

#[test]
fn bombs_stop_at_the_cap() {
    let zeros = vec![0; MAX_DECOMPRESSED + 1];
    for codec in [
        Compression::Gzip,
        Compression::Lz4,
        Compression::Zstd,
        Compression::Snappy,
    ] {
        let mut packed = BytesMut::new();
        compress(codec, &zeros, &mut packed).unwrap();
        let bomb = around(codec, 1, &packed);
        let Err(RecordError::Decompression(why)) = records(&bomb) else {
            panic!("{codec:?} did not stop");
        };
        assert!(why.contains("more than"), "{codec:?}: {why}");
    }
}

#[test]
fn a_snappy_block_that_claims_gigabytes_is_refused() {
    let claim = [0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0];
    let bomb = around(Compression::Snappy, 1, &claim);
    assert_eq!(
        records(&bomb).unwrap_err().code(),
        ResponseError::CorruptMessage
    );
    let modest = [0x80, 0x80, 0x80, 0x10, 0, 0];
    assert!(inspect(&around(Compression::Snappy, 1, &modest)).is_err());
}

#[test]
fn lies_within_records_are_refused() {
    for (why, body) in [
        ("a record of no length", vec![1]),
        ("a record longer than the batch", vec![20, 0, 0, 0, 1, 1, 0]),
        (
            "a record longer than its fields",
            vec![14, 0, 0, 0, 1, 1, 0, 0],
        ),
        ("a key of length -2", vec![12, 0, 0, 0, 3, 1, 0]),
        ("a key longer than the record", vec![12, 0, 0, 0, 100, 1, 0]),
        ("more headers than bytes", vec![12, 0, 0, 0, 1, 1, 20]),
        ("headers below zero", vec![12, 0, 0, 0, 1, 1, 1]),
        ("a header without a key", vec![16, 0, 0, 0, 1, 1, 2, 1, 1]),
        ("an offset outside the batch", vec![12, 0, 0, 2, 1, 1, 0]),
        ("an offset below zero", vec![12, 0, 0, 1, 1, 1, 0]),
        ("bytes after the record", vec![12, 0, 0, 0, 1, 1, 0, 0]),
        ("an endless varint", vec![0xff; 12]),
        ("nothing", vec![]),
    ] {
        let batch = around(Compression::None, 1, &body);
        assert!(records(&batch).is_err(), "{why}");
        assert!(inspect(&batch).is_err(), "{why}");
    }
    let lawful = around(Compression::None, 1, &[12, 0, 0, 0, 1, 1, 0]);
    assert_eq!(records(&lawful).unwrap().len(), 1);
    assert!(inspect(&lawful).is_ok());
}

#[test]
fn offsets_with_gaps_are_read_but_not_accepted_from_a_producer() {
    let gap = around(
        Compression::None,
        2,
        &[12, 0, 0, 0, 1, 1, 0, 12, 0, 0, 0, 1, 1, 0],
    );
    assert_eq!(records(&gap).unwrap().len(), 2);
    assert_eq!(
        inspect(&gap).unwrap_err().code(),
        ResponseError::InvalidRecord
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let bytes = Bytes::from(bytes);
        let _ = (validate_for_append(&bytes, ROOMY), records(&bytes), split(bytes.clone()));
        for codec in CODECS {
            let batch = around(codec, 3, &bytes);
            let _ = (records(&batch), inspect(&batch));
        }
    }

    #[test]
    fn no_mutation_of_a_golden_batch_panics(
        which in 0..5usize,
        changes in prop::collection::vec((HEADER_LEN..200, any::<u8>()), 1..6),
    ) {
        let hex = [golden::NONE, golden::GZIP, golden::SNAPPY, golden::LZ4, golden::ZSTD][which];
        let mut batch = BytesMut::from(golden::bytes(hex));
        let len = batch.len();
        for (at, byte) in changes {
            batch[at.min(len - 1)] = byte;
        }
        seal(&mut batch);
        let batch = batch.freeze();
        let scanned = inspect(&batch).is_ok();
        let read = records(&batch);
        prop_assert!(!scanned || read.is_ok(), "what a scan accepts can be read: {:?}", read);
    }
}
