//! The guard in front of the codec: reads a whole frame by its shape and refuses what lies.
//!
//! The codec allocates for every count that it reads, so that eight bytes could ask it for
//! gigabytes. A frame that passed here has only counts that its bytes can hold, at most
//! [`MAX_REQUEST_ELEMENTS`] (or [`MAX_RESPONSE_ELEMENTS`]) elements in all. A response ends with its
//! last field; a request may have bytes behind it, which Kafka passes over and librdkafka sends (its
//! Metadata for all topics). What strings contain is left to the codec.

mod shape;
mod table;
#[cfg(test)]
mod tests;
mod walk;

use kafka_protocol::messages::ApiKey;

use self::walk::Walker;
use super::FrameError;

/// The most array elements and tagged fields of a request: an element of one byte on the wire is
/// a hundred in memory. A cluster has a few thousand partitions at most.
const MAX_REQUEST_ELEMENTS: usize = 1 << 18;
/// The same of a response, which may come from a foreign cluster of any size.
const MAX_RESPONSE_ELEMENTS: usize = 1 << 20;
/// Key, version and correlation id.
const REQUEST_PREFIX: usize = 8;
/// The correlation id.
const RESPONSE_PREFIX: usize = 4;

/// Walks a request (without its length) of a served API and version; returns how many bytes are
/// behind its last field.
pub(super) fn check_request(key: ApiKey, version: i16, frame: &[u8]) -> Result<usize, FrameError> {
    let shape = &table::row_of(key).request;
    let mut walker = Walker::new(frame, version, MAX_REQUEST_ELEMENTS);
    walker.skip(REQUEST_PREFIX)?;
    walker.client_id()?;
    if key.request_header_version(version) >= 2 {
        walker.tags(&[])?;
    }
    walker.fields(shape.wire(version), shape.fields)?;
    Ok(walker.left())
}

/// Walks a response (without its length) of a served API and version.
pub(super) fn check_response(key: ApiKey, version: i16, frame: &[u8]) -> Result<(), FrameError> {
    let shape = &table::row_of(key).response;
    let mut walker = Walker::new(frame, version, MAX_RESPONSE_ELEMENTS);
    walker.skip(RESPONSE_PREFIX)?;
    if key.response_header_version(version) >= 1 {
        walker.tags(&[])?;
    }
    walker.fields(shape.wire(version), shape.fields)?;
    walker.end()
}
