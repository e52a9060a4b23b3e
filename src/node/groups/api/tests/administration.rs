//! DescribeGroups, ListGroups, DeleteGroups and OffsetDelete.

use bytes::BytesMut;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kafka_protocol::messages::{
    DeleteGroupsRequest, DescribeGroupsRequest, ListGroupsRequest, OffsetDeleteRequest,
};
use kafka_protocol::protocol::Encodable;

use super::*;
use crate::node::groups::api::{delete, describe, list};

/// A stage with the group "g": no members, one offset of "t".
async fn stage() -> Stage {
    let stage = Stage::leading();
    stage.commit_one().await;
    stage
}

fn encodes(message: &impl Encodable, version: i16) {
    let encoded = message.encode(&mut BytesMut::new(), version);
    encoded.unwrap_or_else(|error| panic!("v{version}: {error}"));
}

#[tokio::test]
async fn groups_are_described_at_every_version() {
    let stage = stage().await;
    stage.settle_member().await;
    for version in 0..=6 {
        let request = DescribeGroupsRequest::default()
            .with_groups(vec![group("g"), group("nowhere")])
            .with_include_authorized_operations(version >= 3);
        let response = describe::serve(|_| home(&stage), version, request).await;
        encodes(&response, version);
        let known = &response.groups[0];
        assert_eq!(known.error_code, 0);
        assert_eq!(known.group_state, text("Stable"));
        assert_eq!(known.protocol_type, text("consumer"));
        assert_eq!(known.protocol_data, text("range"));
        assert_eq!(known.members[0].member_assignment, "w");
        let absent = &response.groups[1];
        assert_eq!(absent.group_state, text("Dead"));
        let code = if version >= 6 { 69 } else { 0 };
        assert_eq!(absent.error_code, code);
    }
}

#[tokio::test]
async fn groups_without_members_are_listed_as_well() {
    let stage = stage().await;
    for version in 0..=5 {
        let shards = vec![Arc::clone(&stage.shard)];
        let response = list::serve(shards, ListGroupsRequest::default()).await;
        encodes(&response, version);
        assert_eq!(response.groups.len(), 1);
        assert_eq!(response.groups[0].group_id, group("g"));
        assert_eq!(response.groups[0].group_state, text("Empty"));
    }
}

#[tokio::test]
async fn a_list_is_filtered() {
    let stage = stage().await;
    for (states, types, count) in [
        (vec!["empty"], vec![], 1),
        (vec!["Stable"], vec![], 0),
        (vec![], vec!["Classic"], 1),
        (vec![], vec!["consumer"], 0),
    ] {
        let request = ListGroupsRequest::default()
            .with_states_filter(states.into_iter().map(text).collect())
            .with_types_filter(types.into_iter().map(text).collect());
        let response = list::serve(vec![Arc::clone(&stage.shard)], request).await;
        assert_eq!(response.groups.len(), count);
    }
}

#[tokio::test]
async fn a_partition_that_is_loading_makes_a_list_incomplete() {
    let stage = stage().await;
    stage.lose_reads();
    let shards = vec![Arc::clone(&stage.shard)];
    let response = list::serve(shards, ListGroupsRequest::default()).await;
    let loading = ResponseError::CoordinatorLoadInProgress.code();
    assert_eq!(response.error_code, loading);
}

#[tokio::test]
async fn groups_are_deleted_at_every_version() {
    for version in 0..=2 {
        let stage = stage().await;
        let request = || DeleteGroupsRequest::default().with_groups_names(vec![group("g")]);
        let response = delete::serve_groups(|_| home(&stage), request()).await;
        encodes(&response, version);
        assert_eq!(response.results[0].error_code, 0);
        let again = delete::serve_groups(|_| home(&stage), request()).await;
        let gone = ResponseError::GroupIdNotFound.code();
        assert_eq!(again.results[0].error_code, gone);
    }
}

fn offset_delete(topics: &[&'static str]) -> OffsetDeleteRequest {
    let topics = topics.iter().map(|name| {
        OffsetDeleteRequestTopic::default()
            .with_name(topic(name))
            .with_partitions(vec![OffsetDeleteRequestPartition::default()])
    });
    OffsetDeleteRequest::default()
        .with_group_id(group("g"))
        .with_topics(topics.collect())
}

#[tokio::test]
async fn offsets_are_deleted() {
    let stage = stage().await;
    let request = offset_delete(&["t", "never-committed"]);
    let response = delete::serve_offsets(home(&stage), request.clone()).await;
    encodes(&response, 0);
    assert_eq!(response.error_code, 0);
    assert_eq!(response.topics.len(), 2);
    let again = delete::serve_offsets(home(&stage), request).await;
    let gone = ResponseError::GroupIdNotFound.code();
    assert_eq!(again.error_code, gone, "nothing of the group was left");
}

#[tokio::test]
async fn offsets_that_members_use_are_kept() {
    let stage = stage().await;
    stage.settle_member().await;
    let response = delete::serve_offsets(home(&stage), offset_delete(&["t", "u"])).await;
    let codes: Vec<i16> = response
        .topics
        .iter()
        .map(|topic| topic.partitions[0].error_code)
        .collect();
    let in_use = ResponseError::GroupSubscribedToTopic.code();
    assert_eq!(codes, [in_use, 0]);
}
