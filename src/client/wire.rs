//! Requests to bytes and bytes to answers: the seam to the `protocol` room.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestHeader, RequestKind, ResponseHeader, ResponseKind};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};

use super::error::ClientError;

/// The name under which brokers see this client.
const CLIENT_ID: &str = "chronik-dev";

pub(super) fn encode(
    key: ApiKey,
    version: i16,
    correlation: i32,
    request: &RequestKind,
) -> Result<Bytes, ClientError> {
    let header = RequestHeader::default()
        .with_request_api_key(key as i16)
        .with_request_api_version(version)
        .with_correlation_id(correlation)
        .with_client_id(Some(StrBytes::from_static_str(CLIENT_ID)));
    let mut frame = BytesMut::new();
    frame.put_i32(0);
    header
        .encode(&mut frame, key.request_header_version(version))
        .and_then(|()| request.encode(&mut frame, version))
        .map_err(ClientError::unsendable)?;
    let length = i32::try_from(frame.len() - 4).map_err(ClientError::unsendable)?;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    Ok(frame.freeze())
}

pub(super) fn decode(key: ApiKey, version: i16, mut frame: Bytes) -> Result<ResponseKind, String> {
    ResponseHeader::decode(&mut frame, key.response_header_version(version))
        .and_then(|_header| ResponseKind::decode(key, &mut frame, version))
        .map_err(|why| why.to_string())
}
