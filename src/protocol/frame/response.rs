//! Responses: encoded by the broker, decoded by the client.

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, ResponseHeader, ResponseKind};
use kafka_protocol::protocol::{Decodable, Encodable};

use super::error::CodecError;
use super::{FrameError, RequestHead, guard, length};

/// UNSUPPORTED_VERSION, with which a broker answers an ApiVersions that is too new for it, in a
/// body of version 0 (KIP-511).
const UNSUPPORTED_VERSION: i16 = 35;

/// Encodes the response to the request with this head, with its length in front.
///
/// A field that is set and that the version lacks is an error. To an ApiVersions of an unknown
/// version the caller answers under a head of version 0.
pub fn encode_response(head: &RequestHead, body: &ResponseKind) -> Result<Bytes, FrameError> {
    let key = head.served()?;
    let header = ResponseHeader::default().with_correlation_id(head.correlation_id);
    let mut frame = length::open(capacity(body));
    encode(key, head.api_version, &header, body, &mut frame).map_err(FrameError::Encode)?;
    length::close(frame)
}

fn encode(
    key: ApiKey,
    version: i16,
    header: &ResponseHeader,
    body: &ResponseKind,
    frame: &mut BytesMut,
) -> Result<(), CodecError> {
    header.encode(frame, key.response_header_version(version))?;
    Ok(body.encode(frame, version)?)
}

/// Decodes a frame (without its length) that must hold exactly the response to a request of
/// this API and version; gives its correlation id and the message.
///
/// Byte fields of the body are slices of the frame. An ApiVersions response that says "your
/// version is too new" is decoded as version 0, in which it is written.
pub fn decode_response(
    key: ApiKey,
    version: i16,
    frame: Bytes,
) -> Result<(i32, ResponseKind), FrameError> {
    let Some(correlation_id) = frame.first_chunk().map(|id| i32::from_be_bytes(*id)) else {
        return Err(FrameError::TooShort { len: frame.len() });
    };
    RequestHead {
        api_key: key as i16,
        api_version: version,
        correlation_id,
    }
    .served()?;
    let version = if too_new(key, &frame) { 0 } else { version };
    guard::check_response(key, version, &frame)?;
    let body = decode(key, version, frame).map_err(FrameError::Decode)?;
    Ok((correlation_id, body))
}

fn too_new(key: ApiKey, frame: &[u8]) -> bool {
    let code = frame.get(4..6).map(|mut code| code.get_i16());
    key == ApiKey::ApiVersions && code == Some(UNSUPPORTED_VERSION)
}

fn decode(key: ApiKey, version: i16, mut rest: Bytes) -> Result<ResponseKind, CodecError> {
    ResponseHeader::decode(&mut rest, key.response_header_version(version))?;
    let body = ResponseKind::decode(key, &mut rest, version)?;
    if rest.is_empty() {
        Ok(body)
    } else {
        Err("bytes after the message".into())
    }
}

/// Room for the records of a fetch response, so that they are copied once.
fn capacity(body: &ResponseKind) -> usize {
    let ResponseKind::Fetch(fetch) = body else {
        return length::SMALL;
    };
    let partitions = fetch.responses.iter().flat_map(|topic| &topic.partitions);
    partitions
        .map(|partition| partition.records.as_ref().map_or(0, Bytes::len) + length::PARTITION)
        .sum::<usize>()
        + length::SMALL
}
