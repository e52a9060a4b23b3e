//! Requests: decoded by the broker, encoded by the client.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestHeader, RequestKind};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};

use super::{FrameError, RequestHead, guard, head, length};

/// A decoded request.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Its fixed prefix.
    pub head: RequestHead,
    /// What the client calls itself.
    pub client_id: Option<String>,
    /// The message.
    pub body: RequestKind,
}

/// Decodes a frame (without its length) that must begin with a request; what is behind its last
/// field is passed over.
///
/// Byte fields of the body are slices of the frame.
pub fn decode_request(frame: Bytes) -> Result<Request, FrameError> {
    let head = head::peek(&frame)?;
    let key = head.served()?;
    let behind = guard::check_request(key, head.api_version, &frame)?;
    let mut rest = frame;
    rest.truncate(rest.len() - behind);
    decode(key, head, &mut rest).map_err(FrameError::Decode)
}

fn decode(
    key: ApiKey,
    head: RequestHead,
    rest: &mut Bytes,
) -> Result<Request, super::error::CodecError> {
    let version = head.api_version;
    let header = RequestHeader::decode(rest, key.request_header_version(version))?;
    let body = RequestKind::decode(key, rest, version)?;
    if !rest.is_empty() {
        return Err("bytes after the message".into());
    }
    let client_id = header.client_id.map(|id| id.to_string());
    Ok(Request {
        head,
        client_id,
        body,
    })
}

/// Encodes a request with its length in front.
///
/// A field that is set and that `version` lacks is an error.
pub fn encode_request(
    key: ApiKey,
    version: i16,
    correlation_id: i32,
    client_id: &str,
    body: &RequestKind,
) -> Result<Bytes, FrameError> {
    RequestHead {
        api_key: key as i16,
        api_version: version,
        correlation_id,
    }
    .served()?;
    let header = RequestHeader::default()
        .with_request_api_key(key as i16)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .with_client_id(Some(StrBytes::from_string(client_id.to_owned())));
    let mut frame = length::open(capacity(body));
    encode(key, version, &header, body, &mut frame).map_err(FrameError::Encode)?;
    length::close(frame)
}

fn encode(
    key: ApiKey,
    version: i16,
    header: &RequestHeader,
    body: &RequestKind,
    frame: &mut BytesMut,
) -> Result<(), super::error::CodecError> {
    header.encode(frame, key.request_header_version(version))?;
    Ok(body.encode(frame, version)?)
}

/// Room for the records of a produce request, so that they are copied once.
fn capacity(body: &RequestKind) -> usize {
    let RequestKind::Produce(produce) = body else {
        return length::SMALL;
    };
    let partitions = produce
        .topic_data
        .iter()
        .flat_map(|topic| &topic.partition_data);
    partitions
        .map(|partition| partition.records.as_ref().map_or(0, Bytes::len) + length::PARTITION)
        .sum::<usize>()
        + length::SMALL
}
