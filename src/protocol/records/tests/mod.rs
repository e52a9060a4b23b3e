//! Batches of foreign make, batches of our own, and batches of nobody's.

mod golden;
mod hostile;

use bytes::{Bytes, BytesMut};
use kafka_protocol::ResponseError;
use proptest::prelude::*;

use super::patch::seal;
use super::*;

const CODECS: [Compression; 5] = [
    Compression::None,
    Compression::Gzip,
    Compression::Snappy,
    Compression::Lz4,
    Compression::Zstd,
];
const ROOMY: usize = 1 << 20;

fn text(bytes: &'static str) -> Bytes {
    Bytes::from_static(bytes.as_bytes())
}

/// The records of every golden batch.
fn golden_records() -> Vec<Record> {
    let header = |key: &'static str, value| (text(key), value);
    vec![
        Record {
            offset: 0,
            timestamp: 1_700_000_000_000,
            key: Some(text("k1")),
            value: Some(text("value-1value-1value-1value-1value-1value-1")),
            headers: vec![
                header("h", Some(text("1"))),
                header("h", Some(text("2"))),
                header("n", None),
            ],
        },
        Record {
            offset: 1,
            timestamp: 1_700_000_000_005,
            key: None,
            value: Some(text("value-2value-2value-2value-2value-2value-2")),
            headers: vec![],
        },
        Record {
            offset: 2,
            timestamp: 1_699_999_999_999,
            key: Some(text("k3")),
            value: None,
            headers: vec![],
        },
    ]
}

fn build(mut builder: BatchBuilder, records: &[Record]) -> Bytes {
    for record in records {
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        builder.push(record.timestamp, key, value, &record.headers);
    }
    builder.build()
}

#[test]
fn golden_batches_of_every_codec_are_valid_and_read_alike() {
    let golden = [
        golden::NONE,
        golden::GZIP,
        golden::SNAPPY,
        golden::LZ4,
        golden::ZSTD,
    ];
    for (codec, hex) in CODECS.into_iter().zip(golden) {
        let batch = golden::bytes(hex);
        let header = validate_for_append(&batch, ROOMY).unwrap();
        assert_eq!(header.compression(), Ok(codec));
        assert_eq!((header.count, header.last_offset_delta), (3, 2));
        assert_eq!(header.max_timestamp, 1_700_000_000_005);
        assert_eq!(header.size(), batch.len());
        assert_eq!(records(&batch), Ok(golden_records()), "{codec:?}");
        let found = inspect(&batch).unwrap();
        assert_eq!(
            (found.max_timestamp, found.max_timestamp_at),
            (header.max_timestamp, 1)
        );
        assert_eq!(found.keyless, Some(1));
    }
}

#[test]
fn golden_header_of_an_idempotent_producer() {
    let header = BatchHeader::parse(&golden::bytes(golden::NONE)).unwrap();
    assert_eq!(header.producer_id, 4_000_000_001);
    assert_eq!((header.producer_epoch, header.base_sequence), (7, 12));
    assert!(header.is_idempotent() && !header.is_transactional() && !header.is_control());
    assert_eq!(header.timestamp_type(), TimestampType::CreateTime);
}

#[test]
fn our_builder_makes_the_golden_bytes() {
    let ours = build(
        BatchBuilder::new().producer(4_000_000_001, 7, 12),
        &golden_records(),
    );
    let theirs = golden::bytes(golden::NONE);
    assert_eq!(ours[..12], theirs[..12]);
    assert_eq!(
        ours[16..],
        theirs[16..],
        "all but the leader epoch, which the broker writes"
    );
}

#[test]
fn raw_snappy_is_read_like_the_framed_one() {
    let mut batch = BytesMut::from(&golden::bytes(golden::SNAPPY)[..HEADER_LEN]);
    batch.extend_from_slice(&golden::bytes(golden::RAW_SNAPPY_BLOCK));
    let length = (batch.len() - 12) as i32;
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    seal(&mut batch);
    let batch = batch.freeze();
    assert!(validate_for_append(&batch, ROOMY).is_ok());
    assert_eq!(records(&batch), Ok(golden_records()));
}

#[test]
fn patching_moves_the_batch_and_keeps_its_checksum() {
    let mut batch = BytesMut::from(golden::bytes(golden::ZSTD));
    patch(&mut batch, 1_000_000_007, 42);
    let header = verify(&batch).unwrap();
    assert_eq!(
        (header.base_offset, header.leader_epoch),
        (1_000_000_007, 42)
    );
    assert_eq!(header.last_offset(), 1_000_000_009);
    let offsets = records(&batch.freeze()).unwrap();
    assert_eq!(offsets[2].offset, 1_000_000_009);
}

#[test]
fn append_time_replaces_every_timestamp_and_reseals() {
    let mut batch = BytesMut::from(golden::bytes(golden::GZIP));
    set_append_time(&mut batch, 1_800_000_000_000);
    let header = validate_for_append(&batch.clone().freeze(), ROOMY).unwrap();
    assert_eq!(header.timestamp_type(), TimestampType::LogAppendTime);
    assert_eq!(header.compression(), Ok(Compression::Gzip));
    let stamped = records(&batch.freeze()).unwrap();
    assert!(
        stamped
            .iter()
            .all(|record| record.timestamp == 1_800_000_000_000)
    );
}

#[test]
fn an_open_max_timestamp_is_computed_and_a_true_one_left_alone() {
    let original = golden::bytes(golden::LZ4);
    let mut batch = BytesMut::from(original.clone());
    batch[35..43].copy_from_slice(&(-1i64).to_be_bytes());
    seal(&mut batch);
    assert_eq!(fix_max_timestamp(&mut batch), Ok(1_700_000_000_005));
    assert_eq!(batch, original);
    assert_eq!(fix_max_timestamp(&mut batch), Ok(1_700_000_000_005));
    assert_eq!(batch, original);
}

#[test]
fn splitting_gives_whole_batches_and_leaves_the_unfinished_one() {
    let (first, second) = (golden::bytes(golden::NONE), golden::bytes(golden::GZIP));
    let all: Bytes = [&first[..], &second[..]].concat().into();
    assert_eq!(split(all.clone()), Ok(vec![first.clone(), second.clone()]));
    assert_eq!(split(Bytes::new()), Ok(vec![]));
    for end in first.len()..all.len() {
        let mut batches = Batches::new(all.slice(..end));
        assert_eq!(batches.next(), Some(Ok(first.clone())));
        assert_eq!(batches.next(), None, "cut at {end}");
        assert_eq!(batches.rest(), &all[first.len()..end]);
    }
}

#[test]
fn an_empty_batch_of_a_compacted_log_has_no_records() {
    let mut batch = BytesMut::from(&golden::bytes(golden::NONE)[..HEADER_LEN]);
    batch[8..12].copy_from_slice(&49i32.to_be_bytes());
    batch[57..61].copy_from_slice(&0i32.to_be_bytes());
    seal(&mut batch);
    let header = verify(&batch).unwrap();
    assert_eq!(
        (header.count, header.last_offset()),
        (0, 2),
        "it keeps its place"
    );
    assert_eq!(records(&batch.freeze()), Ok(vec![]));
}

#[test]
fn control_and_transactional_bits_are_written() {
    let records = [Record {
        headers: vec![],
        ..golden_records()[0].clone()
    }];
    let marker = build(
        BatchBuilder::new()
            .producer(1, 0, 0)
            .transactional()
            .control(),
        &records,
    );
    let header = verify(&marker).unwrap();
    assert!(header.is_control() && header.is_transactional());
    let refused = validate_for_append(&marker, ROOMY).unwrap_err();
    assert_eq!(
        refused.code(),
        ResponseError::InvalidRecord,
        "producers write no markers"
    );
}

fn any_bytes() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..200).prop_map(Bytes::from)
}

fn any_records() -> impl Strategy<Value = Vec<Record>> {
    let header = (any_bytes(), prop::option::of(any_bytes()));
    let headers = prop::collection::vec(header, 0..4);
    let content = (
        prop::option::of(any_bytes()),
        prop::option::of(any_bytes()),
        headers,
    );
    let record = (0..i64::MAX / 4, content).prop_map(|(timestamp, (key, value, headers))| Record {
        offset: 0,
        timestamp,
        key,
        value,
        headers,
    });
    prop::collection::vec(record, 1..20).prop_map(|mut records| {
        for (record, offset) in records.iter_mut().zip(0..) {
            record.offset = offset;
        }
        records
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_built_is_read_with_every_codec(wanted in any_records()) {
        for codec in CODECS {
            let batch = build(BatchBuilder::new().compression(codec), &wanted);
            let header = validate_for_append(&batch, ROOMY).unwrap();
            prop_assert_eq!(header.compression(), Ok(codec));
            prop_assert_eq!(&records(&batch).unwrap(), &wanted);
            let newest = wanted.iter().map(|record| record.timestamp).max().unwrap();
            prop_assert_eq!(header.max_timestamp, newest);
            prop_assert_eq!(inspect(&batch).unwrap().max_timestamp, newest);
        }
    }
}
