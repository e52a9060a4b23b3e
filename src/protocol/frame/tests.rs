//! The facade as the broker and the client use it.

use bytes::Bytes;
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, ApiVersionsResponse, FetchResponse, HeartbeatRequest,
    HeartbeatResponse, MetadataRequest, RequestKind, ResponseKind,
};
use kafka_protocol::protocol::StrBytes;

use super::*;

/// What a socket's reader hands over.
fn without_length(frame: &Bytes) -> Bytes {
    let length = u32::from_be_bytes(*frame.first_chunk().unwrap());
    assert_eq!(length as usize + 4, frame.len());
    frame.slice(4..)
}

fn heartbeat() -> RequestKind {
    let request = HeartbeatRequest::default()
        .with_group_id(StrBytes::from_static_str("g").into())
        .with_member_id(StrBytes::from_static_str("m"))
        .with_generation_id(7);
    RequestKind::Heartbeat(request)
}

#[test]
fn a_request_arrives_as_it_was_sent() {
    for version in 0..=4 {
        let frame = encode_request(ApiKey::Heartbeat, version, 99, "me", &heartbeat()).unwrap();
        let request = decode_request(without_length(&frame)).unwrap();
        let head = RequestHead {
            api_key: 12,
            api_version: version,
            correlation_id: 99,
        };
        assert_eq!(request.head, head);
        assert_eq!(request.client_id.as_deref(), Some("me"));
        assert_eq!(request.body, heartbeat());
    }
}

#[test]
fn a_response_arrives_as_it_was_sent() {
    let body = ResponseKind::Heartbeat(HeartbeatResponse::default().with_error_code(27));
    for version in 0..=4 {
        let head = RequestHead {
            api_key: 12,
            api_version: version,
            correlation_id: -5,
        };
        let frame = without_length(&encode_response(&head, &body).unwrap());
        let decoded = decode_response(ApiKey::Heartbeat, version, frame).unwrap();
        assert_eq!(decoded, (-5, body.clone()));
    }
}

/// The bytes of Kafka's own specification: an old header, then a flexible body.
#[test]
fn an_api_versions_response_never_has_tags_in_its_header() {
    let body = ResponseKind::ApiVersions(ApiVersionsResponse::default());
    let head = RequestHead {
        api_key: 18,
        api_version: 3,
        correlation_id: 1,
    };
    let frame = encode_response(&head, &body).unwrap();
    assert_eq!(frame[..], [0, 0, 0, 12, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0]);
}

#[test]
fn a_version_from_the_future_is_told_apart_from_an_unknown_api() {
    let peeked = |bytes: &'static [u8]| decode_request(Bytes::from_static(bytes)).unwrap_err();
    let future = peeked(&[0, 18, 0, 99, 0, 0, 0, 42, 0xde, 0xad]);
    let FrameError::UnsupportedVersion(head) = future else {
        panic!("{future}")
    };
    assert_eq!(
        (head.api_key, head.api_version, head.correlation_id),
        (18, 99, 42)
    );
    let unknown = peeked(&[0, 99, 0, 0, 0, 0, 0, 43]);
    assert!(matches!(unknown, FrameError::UnknownApi(head) if head.correlation_id == 43));
    let old_produce = peeked(&[0, 0, 0, 2, 0, 0, 0, 1]);
    assert!(
        matches!(old_produce, FrameError::UnsupportedVersion(_)),
        "{old_produce}"
    );
    for short in 0..8 {
        assert!(matches!(
            peeked(&[0; 7][..short.min(7)]),
            FrameError::TooShort { .. }
        ));
    }
}

#[test]
fn the_client_reads_a_refusal_of_its_version_as_version_zero() {
    let range = ApiVersion::default().with_api_key(18).with_max_version(2);
    let refusal = ApiVersionsResponse::default()
        .with_error_code(35)
        .with_api_keys(vec![range]);
    let body = ResponseKind::ApiVersions(refusal);
    let head = RequestHead {
        api_key: 18,
        api_version: 0,
        correlation_id: 1,
    };
    let frame = without_length(&encode_response(&head, &body).unwrap());
    assert_eq!(
        decode_response(ApiKey::ApiVersions, 4, frame).unwrap(),
        (1, body)
    );
}

#[test]
fn null_and_empty_topics_stay_apart() {
    for (topics, wire) in [(None, [255, 255, 255, 255]), (Some(vec![]), [0, 0, 0, 0])] {
        let body = RequestKind::Metadata(MetadataRequest::default().with_topics(topics));
        let frame = encode_request(ApiKey::Metadata, 1, 1, "", &body).unwrap();
        assert_eq!(frame[frame.len() - 4..], wire);
        assert_eq!(decode_request(without_length(&frame)).unwrap().body, body);
    }
}

#[test]
fn a_field_that_the_version_lacks_is_an_encode_error() {
    let body = ResponseKind::Fetch(FetchResponse::default().with_session_id(1));
    let head = RequestHead {
        api_key: 1,
        api_version: 4,
        correlation_id: 1,
    };
    assert!(matches!(
        encode_response(&head, &body),
        Err(FrameError::Encode(_))
    ));
    let head = RequestHead {
        api_version: 7,
        ..head
    };
    assert!(encode_response(&head, &body).is_ok());
}

#[test]
fn only_served_versions_are_encoded() {
    let body = RequestKind::ApiVersions(ApiVersionsRequest::default());
    let refused = encode_request(ApiKey::ApiVersions, 5, 1, "", &body).unwrap_err();
    assert!(
        matches!(refused, FrameError::UnsupportedVersion(_)),
        "{refused}"
    );
}

#[test]
fn bytes_of_other_protocols_are_refused() {
    for stranger in [
        &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
    ] {
        assert!(decode_request(Bytes::from_static(stranger)).is_err());
    }
}
