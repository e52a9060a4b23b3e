//! Golden bytes, written by hand from Kafka's message schemas.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

#[test]
fn an_offset_key_has_version_one() {
    let golden = b"\x00\x01\x00\x02g1\x00\x05topic\x00\x00\x00\x07";
    assert_eq!(offset_key("g1", "topic", 7), &golden[..]);
    let key = Key::Offset {
        group: "g1".into(),
        topic: "topic".into(),
        partition: 7,
    };
    assert_eq!(Key::decode(golden), Ok(key.clone()));
    let mut version_0 = golden.to_vec();
    version_0[1] = 0;
    assert_eq!(Key::decode(&version_0), Ok(key));
}

#[test]
fn a_group_key_has_version_two() {
    let golden = b"\x00\x02\x00\x02g1";
    assert_eq!(group_key("g1"), &golden[..]);
    let group = "g1".into();
    assert_eq!(Key::decode(golden), Ok(Key::Group { group }));
    assert_eq!(Key::decode(b"\x00\x03whatever"), Ok(Key::Foreign(3)));
}

fn offset(leader_epoch: i32, expires_at: Option<i64>) -> OffsetValue {
    OffsetValue {
        offset: 258,
        leader_epoch,
        metadata: "m".into(),
        committed_at: 1,
        expires_at,
    }
}

#[test]
fn an_offset_value_is_written_in_version_three() {
    let golden = b"\x00\x03\
        \x00\x00\x00\x00\x00\x00\x01\x02\
        \x00\x00\x00\x05\
        \x00\x01m\
        \x00\x00\x00\x00\x00\x00\x00\x01";
    assert_eq!(offset(5, None).encode(), &golden[..]);
    assert_eq!(OffsetValue::decode(golden), Ok(offset(5, None)));
}

#[test]
fn older_offset_values_are_read() {
    let body = b"\x00\x00\x00\x00\x00\x00\x01\x02\x00\x01m\x00\x00\x00\x00\x00\x00\x00\x01";
    let version_0 = [&[0, 0][..], body].concat();
    let version_1 = [&[0, 1][..], body, &9_i64.to_be_bytes()].concat();
    let version_2 = [&[0, 2][..], body].concat();
    assert_eq!(OffsetValue::decode(&version_0), Ok(offset(-1, None)));
    assert_eq!(OffsetValue::decode(&version_1), Ok(offset(-1, Some(9))));
    assert_eq!(OffsetValue::decode(&version_2), Ok(offset(-1, None)));
    let version_4 = [&[0, 4][..], body].concat();
    assert_eq!(
        OffsetValue::decode(&version_4),
        Err(RecordError::Version(4))
    );
}

fn group() -> GroupValue {
    GroupValue {
        protocol_type: "consumer".into(),
        generation: 3,
        protocol: Some("range".into()),
        leader: Some("m".into()),
        since: 2,
        members: vec![MemberValue {
            id: "m".into(),
            instance: Some("i".into()),
            client_id: "c".into(),
            client_host: "/h".into(),
            rebalance_timeout_ms: 300_000,
            session_timeout_ms: 10_000,
            subscription: Bytes::from_static(b"\x01\x02"),
            assignment: Bytes::from_static(b"\x03"),
        }],
    }
}

#[test]
fn a_group_value_is_written_in_version_three() {
    let golden = b"\x00\x03\
        \x00\x08consumer\
        \x00\x00\x00\x03\
        \x00\x05range\
        \x00\x01m\
        \x00\x00\x00\x00\x00\x00\x00\x02\
        \x00\x00\x00\x01\
        \x00\x01m\
        \x00\x01i\
        \x00\x01c\
        \x00\x02/h\
        \x00\x04\x93\xe0\
        \x00\x00\x27\x10\
        \x00\x00\x00\x02\x01\x02\
        \x00\x00\x00\x01\x03";
    assert_eq!(group().encode(), &golden[..]);
    assert_eq!(GroupValue::decode(golden), Ok(group()));
}

#[test]
fn an_empty_group_has_null_protocol_and_leader() {
    let golden = b"\x00\x03\x00\x08consumer\x00\x00\x00\x04\xff\xff\xff\xff\
        \x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00";
    let empty = GroupValue {
        generation: 4,
        protocol: None,
        leader: None,
        members: Vec::new(),
        ..group()
    };
    assert_eq!(empty.encode(), &golden[..]);
    assert_eq!(GroupValue::decode(golden), Ok(empty));
}

#[test]
fn the_oldest_group_value_is_read() {
    let version_0 = b"\x00\x00\x00\x08consumer\x00\x00\x00\x03\x00\x05range\x00\x01m\
        \x00\x00\x00\x01\x00\x01m\x00\x01c\x00\x02/h\x00\x00\x27\x10\
        \x00\x00\x00\x02\x01\x02\x00\x00\x00\x01\x03";
    let mut expected = group();
    expected.since = -1;
    expected.members[0].instance = None;
    expected.members[0].rebalance_timeout_ms = 10_000;
    assert_eq!(GroupValue::decode(version_0), Ok(expected));
}

#[test]
fn the_topics_of_a_subscription_are_read() {
    let subscription =
        b"\x00\x01\x00\x00\x00\x02\x00\x01a\x00\x02bc\xff\xff\xff\xff\x00\x00\x00\x00";
    let topics = vec!["a".to_owned(), "bc".to_owned()];
    assert_eq!(subscribed_topics(subscription), Ok(topics));
    let lie = b"\x00\x01\x7f\xff\xff\xff\x00\x01a";
    assert_eq!(subscribed_topics(lie), Err(RecordError::Short));
}

#[test]
fn a_count_that_lies_is_refused_before_memory_is_taken() {
    let lie = b"\x00\x03\x00\x00\x00\x00\x00\x03\xff\xff\xff\xff\
        \x00\x00\x00\x00\x00\x00\x00\x02\x7f\xff\xff\xff";
    assert_eq!(GroupValue::decode(lie), Err(RecordError::Short));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Key::decode(&bytes);
        let _ = OffsetValue::decode(&bytes);
        let _ = GroupValue::decode(&bytes);
        let _ = subscribed_topics(&bytes);
    }

    #[test]
    fn every_prefix_of_a_value_is_refused(cut in 0_usize..60) {
        let whole = group().encode();
        prop_assume!(cut < whole.len());
        prop_assert!(GroupValue::decode(&whole[..cut]).is_err());
    }
}
