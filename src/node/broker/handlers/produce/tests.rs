use std::collections::BTreeMap;

use bytes::BytesMut;
use kafka_protocol::messages::{ApiKey, ResponseKind};

use super::super::fixture::{Fixture, encodes_at_all_versions};
use super::super::view::LeaderHint;
use super::*;
use crate::protocol::records::{BatchBuilder, BatchHeader, Compression, TimestampType};
use crate::spec::Settings;

const NOW: i64 = 1_700_000_000_000;
const LAW: Law = Law {
    version: 9,
    transactional: false,
    now_ms: NOW,
};

fn batch_at(timestamps: &[i64]) -> Bytes {
    build(BatchBuilder::new(), timestamps, Some(b"key"))
}

fn build(mut builder: BatchBuilder, timestamps: &[i64], key: Option<&[u8]>) -> Bytes {
    for timestamp in timestamps {
        builder.push(*timestamp, key, Some(b"value"), &[]);
    }
    builder.build()
}

fn check_with(law: Law, batch: Bytes, configs: &[(&str, &str)]) -> Result<Bytes, Refused> {
    let configs: BTreeMap<String, String> = configs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    law.check(batch, TopicConfigs::new(&configs, &Settings::default()))
}

fn code(batch: Bytes, configs: &[(&str, &str)]) -> i16 {
    check_with(LAW, batch, configs).map_or_else(|refused| refused.code.code(), |_| 0)
}

fn appended() -> Appended {
    Appended {
        base_offset: 5,
        log_append_time: -1,
        log_start: 1,
    }
}

fn hint(fixture: &Fixture) -> Option<LeaderHint> {
    let leadership = crate::node::cluster::Leadership {
        leader: Some(crate::spec::NodeId(2)),
        epoch: 9,
        isr: Vec::new(),
    };
    LeaderHint::of(&fixture.spec, &leadership)
}

fn outcomes() -> Outcomes {
    let keyless = Refused {
        record: Some(3),
        message: Some("words".to_owned()),
        ..ResponseError::InvalidRecord.into()
    };
    let partitions = vec![
        (0, Ok(appended())),
        (1, Err(ResponseError::NotLeaderOrFollower.into())),
        (2, Err(keyless)),
    ];
    vec![(TopicName(text("a")), partitions)]
}

#[test]
fn encodes_at_every_version() {
    let fixture = Fixture::new();
    encodes_at_all_versions(ApiKey::Produce, |version| {
        vec![
            ResponseKind::Produce(respond(version, &outcomes(), |_, _| hint(&fixture))),
            ResponseKind::Produce(respond(version, &outcomes(), |_, _| None)),
        ]
    });
}

#[test]
fn a_client_that_asked_the_wrong_node_is_told_the_leader_and_where_it_is() {
    let fixture = Fixture::new();
    let answer = respond(10, &outcomes(), |_, _| hint(&fixture));
    let partitions = &answer.responses[0].partition_responses;
    assert_eq!(partitions[1].current_leader.leader_id, 2);
    assert_eq!(partitions[1].current_leader.leader_epoch, 9);
    assert_eq!(partitions[0].current_leader.leader_id, -1);
    assert_eq!(answer.node_endpoints.len(), 1);
    assert_eq!(answer.node_endpoints[0].port, 9192);
    let old = respond(9, &outcomes(), |_, _| hint(&fixture));
    assert!(old.node_endpoints.is_empty());
    let unknown = respond(10, &outcomes(), |_, _| None);
    assert!(unknown.node_endpoints.is_empty());
}

#[test]
fn outcomes_keep_their_partitions() {
    let answer = respond(8, &outcomes(), |_, _| None);
    let found: Vec<_> = answer.responses[0]
        .partition_responses
        .iter()
        .map(|entry| (entry.index, entry.error_code, entry.base_offset))
        .collect();
    assert_eq!(found, [(0, 0, 5), (1, 6, -1), (2, 87, -1)]);
    let blamed = &answer.responses[0].partition_responses[2];
    assert_eq!(blamed.record_errors[0].batch_index, 3);
    assert_eq!(blamed.error_message.as_deref(), Some("words"));
}

#[tokio::test]
async fn a_request_waits_for_all_of_its_partitions() {
    let pending = |outcome: Outcome| -> Pending { Either::Left(async { outcome }.boxed()) };
    let started = Started {
        version: 9,
        acks: -1,
        topics: vec![
            (TopicName(text("a")), vec![4, 2]),
            (TopicName(text("b")), vec![0]),
        ],
        pending: vec![
            pending(Ok(appended())),
            refused(ResponseError::UnknownTopicOrPartition.into()),
            pending(Err(ResponseError::NotEnoughReplicas.into())),
        ],
    };
    let outcomes = started.outcomes().await;
    let codes: Vec<(&str, i32, bool)> = outcomes
        .iter()
        .flat_map(|(name, partitions)| {
            let each = partitions.iter();
            each.map(|(index, outcome)| (name.as_str(), *index, outcome.is_ok()))
        })
        .collect();
    assert_eq!(codes, [("a", 4, true), ("a", 2, false), ("b", 0, false)]);
}

#[test]
fn acks_are_0_1_or_all() {
    assert_eq!(acks(0), Ok(Acks::Leader));
    assert_eq!(acks(1), Ok(Acks::Leader));
    assert_eq!(acks(-1), Ok(Acks::All));
    assert_eq!(acks(2).unwrap_err().code(), 21);
    assert_eq!(acks(-2).unwrap_err().code(), 21);
}

#[test]
fn a_lawful_batch_is_kept_verbatim() {
    let batch = batch_at(&[NOW, NOW + 1]);
    let checked = check_with(LAW, batch.clone(), &[]).unwrap();
    assert_eq!(checked, batch);
}

#[test]
fn bad_batches_get_kafkas_codes() {
    let batch = batch_at(&[NOW]);
    assert_eq!(code(Bytes::new(), &[]), 2);
    assert_eq!(code(batch.slice(..batch.len() - 1), &[]), 2);
    let mut flipped = batch.to_vec();
    *flipped.last_mut().unwrap() ^= 1;
    assert_eq!(code(flipped.into(), &[]), 2);
    let mut old = batch.to_vec();
    old[16] = 1;
    assert_eq!(code(old.into(), &[]), 43);
    let twice = [&batch[..], &batch[..]].concat();
    assert_eq!(code(twice.into(), &[]), 87);
    assert_eq!(code(batch, &[("max.message.bytes", "10")]), 10);
}

#[test]
fn zstd_needs_version_7() {
    let batch = build(
        BatchBuilder::new().compression(Compression::Zstd),
        &[NOW],
        None,
    );
    assert_eq!(code(batch.clone(), &[]), 0);
    let law = Law { version: 6, ..LAW };
    assert_eq!(check_with(law, batch, &[]).unwrap_err().code.code(), 76);
}

#[test]
fn transactions_are_refused() {
    let batch = build(
        BatchBuilder::new().producer(1, 0, 0).transactional(),
        &[NOW],
        None,
    );
    assert_eq!(code(batch, &[]), 48);
    let law = Law {
        transactional: true,
        ..LAW
    };
    let refused = check_with(law, batch_at(&[NOW]), &[]).unwrap_err();
    assert_eq!(refused.code.code(), 48);
}

#[test]
fn a_compacted_topic_takes_no_record_without_a_key() {
    let mut builder = BatchBuilder::new();
    builder.push(NOW, Some(b"k"), None, &[]);
    builder.push(NOW, None, Some(b"v"), &[]);
    let batch = builder.build();
    assert_eq!(code(batch.clone(), &[]), 0);
    let refused = check_with(LAW, batch, &[("cleanup.policy", "compact")]).unwrap_err();
    assert_eq!((refused.code.code(), refused.record), (87, Some(1)));
}

#[test]
fn the_brokers_time_is_stamped_and_sealed() {
    let topic = [("message.timestamp.type", "LogAppendTime")];
    let checked = check_with(LAW, batch_at(&[5]), &topic).unwrap();
    let header = BatchHeader::parse(&checked).unwrap();
    assert_eq!(header.timestamp_type(), TimestampType::LogAppendTime);
    assert_eq!(header.max_timestamp, NOW);
    assert_eq!(code(checked, &topic), 0, "the checksum still holds");
}

#[test]
fn an_open_max_timestamp_is_found_out() {
    let mut open = BytesMut::from(&batch_at(&[NOW, NOW + 9])[..]);
    open[35..43].copy_from_slice(&(-1i64).to_be_bytes());
    let crc = crc32c::crc32c(&open[21..]);
    open[17..21].copy_from_slice(&crc.to_be_bytes());
    let checked = check_with(LAW, open.freeze(), &[]).unwrap();
    let header = BatchHeader::parse(&checked).unwrap();
    assert_eq!(header.max_timestamp, NOW + 9);
    assert_eq!(code(checked, &[]), 0);
}

#[test]
fn timestamps_are_near_enough() {
    assert_eq!(code(batch_at(&[NOW + 3_600_000]), &[]), 0);
    assert_eq!(code(batch_at(&[NOW + 3_600_001]), &[]), 32);
    assert_eq!(code(batch_at(&[0]), &[]), 0);
    let before = [("message.timestamp.before.max.ms", "10")];
    assert_eq!(code(batch_at(&[NOW - 10]), &before), 0);
    assert_eq!(code(batch_at(&[NOW - 11]), &before), 32);
    let topic = [("message.timestamp.type", "LogAppendTime")];
    let stamped = check_with(LAW, batch_at(&[NOW]), &topic).unwrap();
    assert_eq!(code(stamped, &[]), 32);
}

#[test]
fn a_server_error_is_never_the_answer() {
    assert_eq!(honest(ResponseError::UnknownServerError).code(), 6);
    assert_eq!(honest(ResponseError::NotEnoughReplicas).code(), 19);
}
