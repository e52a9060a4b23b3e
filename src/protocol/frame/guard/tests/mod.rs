//! The table against the codec, and the walker against liars.

mod golden;
mod maker;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{RequestHeader, RequestKind, ResponseHeader, ResponseKind};
use kafka_protocol::protocol::{Decodable, Encodable};
use proptest::prelude::*;

use super::*;
use crate::protocol::api::SERVED;
use crate::protocol::frame::{decode_request, decode_response};
use maker::{Count, Plan, Prefix, Side, Subject, make, varint};

/// Frames of each message and version.
const SEEDS: std::ops::Range<u64> = 0..12;

/// Every message of every served version.
fn subjects() -> impl Iterator<Item = Subject> {
    SERVED.iter().flat_map(|row| {
        (row.min..=row.max).flat_map(|version| {
            [Side::Request, Side::Response].map(|side| Subject {
                key: row.key,
                version,
                side,
            })
        })
    })
}

/// That the frame is walked to its last byte.
fn check(subject: Subject, frame: &[u8]) -> Result<(), FrameError> {
    match subject.side {
        Side::Request => match check_request(subject.key, subject.version, frame)? {
            0 => Ok(()),
            behind => Err(FrameError::Malformed {
                field: "none",
                at: frame.len() - behind,
                what: "bytes after the last field",
            }),
        },
        Side::Response => check_response(subject.key, subject.version, frame),
    }
}

type Codec<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// What the codec makes of a frame, encoded again by the codec.
fn through_codec(subject: Subject, frame: &[u8]) -> Codec<Bytes> {
    let (key, version) = (subject.key, subject.version);
    let mut rest = Bytes::copy_from_slice(frame);
    let mut again = BytesMut::new();
    match subject.side {
        Side::Request => {
            let header_version = key.request_header_version(version);
            let header = RequestHeader::decode(&mut rest, header_version)?;
            header.encode(&mut again, header_version)?;
            RequestKind::decode(key, &mut rest, version)?.encode(&mut again, version)?;
        }
        Side::Response => {
            let header_version = key.response_header_version(version);
            let header = ResponseHeader::decode(&mut rest, header_version)?;
            header.encode(&mut again, header_version)?;
            ResponseKind::decode(key, &mut rest, version)?.encode(&mut again, version)?;
        }
    }
    if rest.is_empty() {
        Ok(again.freeze())
    } else {
        Err("the codec left bytes".into())
    }
}

/// The facade must not panic, whatever it is given.
fn decode(subject: Subject, frame: &[u8]) -> bool {
    let frame = Bytes::copy_from_slice(frame);
    match subject.side {
        Side::Request => decode_request(frame).is_ok(),
        Side::Response => decode_response(subject.key, subject.version, frame).is_ok(),
    }
}

#[test]
fn the_table_has_a_row_for_each_served_api_and_no_other() {
    let keys = table::keys();
    assert_eq!(keys.len(), SERVED.len());
    assert!(SERVED.iter().all(|row| keys.contains(&row.key)));
}

#[test]
fn flexible_messages_have_flexible_headers() {
    for row in SERVED {
        for version in row.min..=row.max {
            let shapes = table::row_of(row.key);
            let flexible = i16::from(shapes.request.wire(version) == shape::Wire::Flexible);
            assert_eq!(
                row.key.request_header_version(version),
                1 + flexible,
                "{row:?}"
            );
            let old = row.key == ApiKey::ApiVersions;
            let expected = if old { 0 } else { flexible };
            assert_eq!(
                row.key.response_header_version(version),
                expected,
                "{row:?}"
            );
        }
    }
}

#[test]
fn messages_of_the_codec_are_walked_to_their_last_byte() {
    for subject in subjects() {
        for seed in SEEDS {
            let made = make(subject, Plan::Lawful, seed);
            let encoded = through_codec(subject, &made.frame)
                .unwrap_or_else(|error| panic!("{subject:?}, seed {seed}: {error:#}"));
            assert_eq!(encoded, made.frame, "{subject:?}, seed {seed}");
            check(subject, &encoded)
                .unwrap_or_else(|error| panic!("{subject:?}, seed {seed}: {error}"));
        }
    }
}

#[test]
fn the_codec_knows_no_tag_that_the_table_does_not() {
    for subject in subjects() {
        for tag in 0..10 {
            let made = make(subject, Plan::StrayTag(tag), 1);
            assert!(
                check(subject, &made.frame).is_ok(),
                "{subject:?}, tag {tag}"
            );
            if let Err(error) = through_codec(subject, &made.frame) {
                let why = format!("{error} {:?}", error.source());
                assert!(
                    why.contains("is not valid for version"),
                    "{subject:?}, tag {tag}: {why}"
                );
            }
        }
    }
}

#[test]
fn null_is_refused_where_the_codec_refuses_it() {
    for subject in subjects() {
        let strict = make(subject, Plan::Lawful, 2).strict;
        for which in 0..strict {
            let made = make(subject, Plan::Null(which), 2);
            assert!(
                check(subject, &made.frame).is_err(),
                "{subject:?}, null {which}"
            );
            assert!(
                through_codec(subject, &made.frame).is_err(),
                "{subject:?}, null {which}"
            );
        }
    }
}

#[test]
fn every_truncation_is_refused() {
    for subject in subjects() {
        let frame = make(subject, Plan::Lawful, 3).frame;
        for end in 0..frame.len() {
            assert!(
                check(subject, &frame[..end]).is_err(),
                "{subject:?} cut at {end}"
            );
            assert!(!decode(subject, &frame[..end]), "{subject:?} cut at {end}");
        }
        let longer = [&frame[..], &[0]].concat();
        assert!(
            check(subject, &longer).is_err(),
            "{subject:?} with a byte too many"
        );
    }
}

/// librdkafka sends its Metadata for all topics with three bytes behind it.
#[test]
fn bytes_behind_a_request_are_passed_over() {
    for subject in subjects().filter(|subject| subject.side == Side::Request) {
        let frame = Bytes::from(make(subject, Plan::Lawful, 3).frame);
        let longer = Bytes::from([&frame[..], &[1, 0, 0]].concat());
        let behind = check_request(subject.key, subject.version, &longer);
        assert_eq!(behind.unwrap(), 3, "{subject:?}");
        let (one, other) = (decode_request(frame), decode_request(longer));
        assert_eq!(one.ok(), other.ok(), "{subject:?}");
    }
}

/// The frame with one count replaced.
fn inflated(frame: &[u8], count: Count, value: u32) -> Vec<u8> {
    let (old, new) = match count.prefix {
        Prefix::I16 => (
            2,
            i16::try_from(value)
                .unwrap_or(i16::MAX)
                .to_be_bytes()
                .to_vec(),
        ),
        Prefix::I32 => (
            4,
            i32::try_from(value)
                .unwrap_or(i32::MAX)
                .to_be_bytes()
                .to_vec(),
        ),
        Prefix::Varint => {
            let old = frame[count.at..]
                .iter()
                .take_while(|&&byte| byte >= 0x80)
                .count()
                + 1;
            (old, varint(value))
        }
    };
    [&frame[..count.at], &new, &frame[count.at + old..]].concat()
}

#[test]
fn every_inflated_count_is_refused() {
    for subject in subjects() {
        let made = make(subject, Plan::Lawful, 4);
        for count in &made.counts {
            let left = made.frame.len() - count.at;
            for value in [left as u32 + 2, 1 << 15, 1 << 24, u32::MAX] {
                let lie = inflated(&made.frame, *count, value);
                assert!(
                    check(subject, &lie).is_err(),
                    "{subject:?}, {count:?}: {value}"
                );
                assert!(!decode(subject, &lie), "{subject:?}, {count:?}: {value}");
            }
            for value in 0..6 {
                decode(subject, &inflated(&made.frame, *count, value));
            }
        }
    }
}

#[test]
fn a_frame_of_too_many_tiny_elements_is_refused() {
    let subject = Subject {
        key: ApiKey::DeleteTopics,
        version: 1,
        side: Side::Request,
    };
    let count = MAX_REQUEST_ELEMENTS + 1;
    let mut frame = vec![0, 20, 0, 1, 0, 0, 0, 0, 255, 255];
    frame.extend_from_slice(&(count as u32).to_be_bytes());
    frame.resize(frame.len() + 2 * count + 4, 0);
    let Err(FrameError::Malformed { field, at, what }) = check(subject, &frame) else {
        panic!("it was let through");
    };
    assert_eq!((field, at), ("topic_names", 14));
    assert!(what.contains("more elements"), "{what}");
}

#[test]
fn a_tagged_field_must_fill_its_size() {
    let subject = Subject {
        key: ApiKey::ApiVersions,
        version: 3,
        side: Side::Response,
    };
    let frame = |size: u8| {
        [
            0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1, size, 0, 0, 0, 0, 0, 0, 0, 7, 0,
        ]
    };
    assert!(check(subject, &frame(8)[..22]).is_ok());
    assert!(check(subject, &frame(7)[..22]).is_err());
    assert!(check(subject, &frame(9)[..22]).is_err());
    assert!(
        check(subject, &frame(9)).is_err(),
        "the codec would leave the byte for the next"
    );
}

fn any_subject() -> impl Strategy<Value = Subject> {
    prop::sample::select(subjects().collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn no_bytes_panic(subject in any_subject(), body in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut frame = body;
        if subject.side == Side::Request && frame.len() >= 4 {
            frame[..2].copy_from_slice(&(subject.key as i16).to_be_bytes());
            frame[2..4].copy_from_slice(&subject.version.to_be_bytes());
        }
        decode(subject, &frame);
    }

    #[test]
    fn no_mutation_panics(
        subject in any_subject(),
        seed: u64,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let mut frame = make(subject, Plan::Lawful, seed).frame;
        for (at, byte) in changes {
            let at = at.index(frame.len());
            frame[at] = byte;
        }
        decode(subject, &frame);
    }
}
