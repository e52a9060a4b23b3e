//! The APIs over a real shard and a log in memory, at every served version.
//!
//! Every response goes through the encoder, which refuses fields that its version lacks, and
//! comes back as a client would read it.

mod administration;
mod membership;
mod offsets;
mod placing;

use std::sync::Arc;

use kafka_protocol::messages::{ApiKey, GroupId, ResponseKind, TopicName};
use kafka_protocol::protocol::StrBytes;

use crate::node::groups::facade::Home;
use crate::node::groups::shard::tests::{MemoryLog, Stage};
use crate::protocol::frame::{RequestHead, decode_response, encode_response};

/// The versions of an API that are served.
fn versions(key: ApiKey) -> impl Iterator<Item = i16> {
    let row = crate::protocol::api::served(key as i16).expect("the API is served");
    row.min..=row.max
}

/// The response as a client reads it.
fn through_the_wire(key: ApiKey, version: i16, body: &ResponseKind) -> ResponseKind {
    let head = RequestHead {
        api_key: key as i16,
        api_version: version,
        correlation_id: 7,
    };
    let frame = encode_response(&head, body)
        .unwrap_or_else(|error| panic!("{key:?} v{version} does not encode: {error}"));
    let (id, read) = decode_response(key, version, frame.slice(4..)).unwrap();
    assert_eq!(id, 7);
    read
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the form in which requests find it"
)]
fn home(stage: &Stage) -> Home<MemoryLog> {
    Ok(Arc::clone(&stage.shard))
}

fn group(name: &'static str) -> GroupId {
    GroupId(StrBytes::from_static_str(name))
}

fn topic(name: &'static str) -> TopicName {
    TopicName(StrBytes::from_static_str(name))
}

fn text(text: &'static str) -> StrBytes {
    StrBytes::from_static_str(text)
}
