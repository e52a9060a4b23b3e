//! The response of a fetch, built for its version.

use std::collections::BTreeMap;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_request::FetchTopic;
use kafka_protocol::messages::fetch_response::{
    EpochEndOffset, FetchableTopicResponse, LeaderIdAndEpoch, NodeEndpoint, PartitionData,
};
use kafka_protocol::messages::{FetchRequest, FetchResponse};

use super::super::view::LeaderHint;
use super::Answer;
use crate::node::bugs;

/// The first version with an error for the whole request.
const TOP_ERROR: i16 = 7;
/// The first version that says where logs part.
const DIVERGING: i16 = 12;
/// The first version that names topics by id.
const IDS: i16 = 13;
/// The first version that names the leader to a client that asked another (KIP-951).
const LEADERS: i16 = 16;
/// KIP-98's number of read_committed.
const READ_COMMITTED: i8 = 1;

/// The refusal of a whole request.
pub(super) fn refused(version: i16, request: &FetchRequest, error: ResponseError) -> FetchResponse {
    if version >= TOP_ERROR {
        return FetchResponse::default().with_error_code(error.code());
    }
    let partitions = request.topics.iter().flat_map(|topic| &topic.partitions);
    let answers = partitions.map(|_| Err(error)).collect();
    respond(version, request, answers, |_, _| None)
}

/// The response with one answer for each partition of the request, in its order.
pub(super) fn respond(
    version: i16,
    request: &FetchRequest,
    answers: Vec<Answer>,
    leader: impl Fn(&FetchTopic, i32) -> Option<LeaderHint>,
) -> FetchResponse {
    let mut answers = answers.into_iter();
    let mut endpoints = BTreeMap::new();
    let mut responses = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for (asked, answer) in topic.partitions.iter().zip(answers.by_ref()) {
            let mut data = entry(version, request.isolation_level, answer)
                .with_partition_index(asked.partition);
            if version >= LEADERS
                && is_moved(data.error_code)
                && let Some(hint) = leader(topic, asked.partition)
            {
                data.current_leader = LeaderIdAndEpoch::default()
                    .with_leader_id(hint.endpoint.id)
                    .with_leader_epoch(hint.epoch);
                endpoints.insert(hint.endpoint.id, hint.endpoint);
            }
            partitions.push(data);
        }
        responses.push(named(version, topic).with_partitions(partitions));
    }
    let endpoints = endpoints.into_values().map(|endpoint| {
        NodeEndpoint::default()
            .with_node_id(endpoint.id)
            .with_host(endpoint.host)
            .with_port(endpoint.port)
    });
    FetchResponse::default()
        .with_responses(responses)
        .with_node_endpoints(endpoints.collect())
}

fn named(version: i16, topic: &FetchTopic) -> FetchableTopicResponse {
    match version {
        IDS.. => FetchableTopicResponse::default().with_topic_id(topic.topic_id),
        _ => FetchableTopicResponse::default().with_topic(topic.topic.clone()),
    }
}

fn is_moved(code: i16) -> bool {
    [
        ResponseError::NotLeaderOrFollower,
        ResponseError::FencedLeaderEpoch,
    ]
    .iter()
    .any(|error| error.code() == code)
}

fn entry(version: i16, isolation_level: i8, answer: Answer) -> PartitionData {
    let data = PartitionData::default().with_records(Some(Bytes::new()));
    let read = match answer {
        Ok(read) => read,
        Err(error) => {
            return data
                .with_error_code(error.code())
                .with_high_watermark(-1)
                .with_aborted_transactions(None);
        }
    };
    let aborted = (isolation_level == READ_COMMITTED).then(Vec::new);
    let high_watermark = bugs::told_high_watermark(read.offsets.high_watermark);
    let data = data
        .with_high_watermark(high_watermark)
        .with_last_stable_offset(high_watermark)
        .with_log_start_offset(read.offsets.log_start)
        .with_aborted_transactions(aborted)
        .with_records(Some(read.records));
    match read.diverging {
        Some((epoch, end)) if version >= DIVERGING => data.with_diverging_epoch(
            EpochEndOffset::default()
                .with_epoch(epoch)
                .with_end_offset(end),
        ),
        _ => data,
    }
}

/// Bytes of records in a response.
pub(super) fn record_bytes(response: &FetchResponse) -> usize {
    let partitions = response
        .responses
        .iter()
        .flat_map(|topic| &topic.partitions);
    partitions
        .map(|data| data.records.as_ref().map_or(0, Bytes::len))
        .sum()
}
