//! Requests to bytes and bytes to answers: the seam to the `protocol` room.

use std::error::Error;

use bytes::Bytes;
use kafka_protocol::messages::{ApiKey, RequestKind, ResponseKind};

use super::error::ClientError;
use crate::protocol::frame;

/// The name under which brokers see this client.
const CLIENT_ID: &str = "chronik-dev";

pub(super) fn encode(
    key: ApiKey,
    version: i16,
    correlation: i32,
    request: &RequestKind,
) -> Result<Bytes, ClientError> {
    frame::encode_request(key, version, correlation, CLIENT_ID, request)
        .map_err(|error| ClientError::unsendable(with_cause(&error)))
}

pub(super) fn decode(key: ApiKey, version: i16, frame: Bytes) -> Result<ResponseKind, String> {
    frame::decode_response(key, version, frame)
        .map(|(_correlation, answer)| answer)
        .map_err(|error| with_cause(&error))
}

fn with_cause(error: &dyn Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
