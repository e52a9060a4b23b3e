//! The table of shapes: one row per served API.
//!
//! A row is read off the protocol's message definitions; a test holds each row against the codec,
//! version by version, and against the list of served APIs.

mod administration;
mod cluster;
mod groups;
mod log;

use kafka_protocol::messages::ApiKey;

use super::shape::Shape;

/// How an API's two messages lie on the wire, in every served version.
#[derive(Debug)]
pub(super) struct Row {
    key: ApiKey,
    pub(super) request: Shape,
    pub(super) response: Shape,
}

const fn row(key: ApiKey, request: Shape, response: Shape) -> Row {
    Row {
        key,
        request,
        response,
    }
}

const ROWS: &[Row] = &[
    row(ApiKey::Produce, log::PRODUCE_REQUEST, log::PRODUCE_RESPONSE),
    row(ApiKey::Fetch, log::FETCH_REQUEST, log::FETCH_RESPONSE),
    row(
        ApiKey::ListOffsets,
        log::LIST_OFFSETS_REQUEST,
        log::LIST_OFFSETS_RESPONSE,
    ),
    row(
        ApiKey::OffsetForLeaderEpoch,
        log::OFFSET_FOR_LEADER_EPOCH_REQUEST,
        log::OFFSET_FOR_LEADER_EPOCH_RESPONSE,
    ),
    row(
        ApiKey::InitProducerId,
        log::INIT_PRODUCER_ID_REQUEST,
        log::INIT_PRODUCER_ID_RESPONSE,
    ),
    row(
        ApiKey::FindCoordinator,
        groups::FIND_COORDINATOR_REQUEST,
        groups::FIND_COORDINATOR_RESPONSE,
    ),
    row(
        ApiKey::JoinGroup,
        groups::JOIN_GROUP_REQUEST,
        groups::JOIN_GROUP_RESPONSE,
    ),
    row(
        ApiKey::SyncGroup,
        groups::SYNC_GROUP_REQUEST,
        groups::SYNC_GROUP_RESPONSE,
    ),
    row(
        ApiKey::Heartbeat,
        groups::HEARTBEAT_REQUEST,
        groups::HEARTBEAT_RESPONSE,
    ),
    row(
        ApiKey::LeaveGroup,
        groups::LEAVE_GROUP_REQUEST,
        groups::LEAVE_GROUP_RESPONSE,
    ),
    row(
        ApiKey::OffsetCommit,
        groups::OFFSET_COMMIT_REQUEST,
        groups::OFFSET_COMMIT_RESPONSE,
    ),
    row(
        ApiKey::OffsetFetch,
        groups::OFFSET_FETCH_REQUEST,
        groups::OFFSET_FETCH_RESPONSE,
    ),
    row(
        ApiKey::DescribeGroups,
        administration::DESCRIBE_GROUPS_REQUEST,
        administration::DESCRIBE_GROUPS_RESPONSE,
    ),
    row(
        ApiKey::ListGroups,
        administration::LIST_GROUPS_REQUEST,
        administration::LIST_GROUPS_RESPONSE,
    ),
    row(
        ApiKey::DeleteGroups,
        administration::DELETE_GROUPS_REQUEST,
        administration::DELETE_GROUPS_RESPONSE,
    ),
    row(
        ApiKey::OffsetDelete,
        administration::OFFSET_DELETE_REQUEST,
        administration::OFFSET_DELETE_RESPONSE,
    ),
    row(
        ApiKey::ApiVersions,
        cluster::API_VERSIONS_REQUEST,
        cluster::API_VERSIONS_RESPONSE,
    ),
    row(
        ApiKey::Metadata,
        cluster::METADATA_REQUEST,
        cluster::METADATA_RESPONSE,
    ),
    row(
        ApiKey::DescribeCluster,
        cluster::DESCRIBE_CLUSTER_REQUEST,
        cluster::DESCRIBE_CLUSTER_RESPONSE,
    ),
    row(
        ApiKey::CreateTopics,
        cluster::CREATE_TOPICS_REQUEST,
        cluster::CREATE_TOPICS_RESPONSE,
    ),
    row(
        ApiKey::DeleteTopics,
        cluster::DELETE_TOPICS_REQUEST,
        cluster::DELETE_TOPICS_RESPONSE,
    ),
    row(
        ApiKey::DescribeConfigs,
        cluster::DESCRIBE_CONFIGS_REQUEST,
        cluster::DESCRIBE_CONFIGS_RESPONSE,
    ),
];

/// The row of a served API.
pub(super) fn row_of(key: ApiKey) -> &'static Row {
    ROWS.iter()
        .find(|row| row.key == key)
        .expect("every served API has a row, by test")
}

/// Every key that has a row.
#[cfg(test)]
pub(super) fn keys() -> Vec<ApiKey> {
    ROWS.iter().map(|row| row.key).collect()
}
