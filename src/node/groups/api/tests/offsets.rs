//! OffsetCommit and OffsetFetch.

use std::collections::BTreeMap;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::{
    OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest, OffsetFetchResponse,
};

use super::*;
use crate::node::groups::api::{commit, fetch};
use crate::node::metadata::{MetadataImage, PartitionImage, TopicImage};
use crate::spec::{NodeId, TopicId};

/// Metadata with one topic "t" of two partitions.
fn image() -> MetadataImage {
    let partition = PartitionImage {
        replicas: vec![NodeId(1)],
        initialiser: NodeId(1),
    };
    let topic = TopicImage {
        name: "t".into(),
        created_at: 0,
        id: TopicId::random(),
        partitions: vec![partition; 2],
        configs: BTreeMap::new(),
    };
    MetadataImage {
        topics: BTreeMap::from([("t".to_owned(), Arc::new(topic))]),
        ..MetadataImage::default()
    }
}

fn partition(index: i32, offset: i64) -> OffsetCommitRequestPartition {
    OffsetCommitRequestPartition::default()
        .with_partition_index(index)
        .with_committed_offset(offset)
        .with_committed_leader_epoch(3)
        .with_committed_metadata(Some(text("note")))
}

fn commit_request(partitions: Vec<OffsetCommitRequestPartition>) -> OffsetCommitRequest {
    let topic = OffsetCommitRequestTopic::default()
        .with_name(topic("t"))
        .with_partitions(partitions);
    OffsetCommitRequest::default()
        .with_group_id(group("g"))
        .with_topics(vec![topic])
}

async fn commit_at(
    stage: &Stage,
    version: i16,
    request: OffsetCommitRequest,
) -> OffsetCommitResponse {
    let response = commit::serve(home(stage), &image(), request).await;
    let body = ResponseKind::OffsetCommit(response);
    match through_the_wire(ApiKey::OffsetCommit, version, &body) {
        ResponseKind::OffsetCommit(response) => response,
        other => panic!("{other:?}"),
    }
}

fn codes(response: &OffsetCommitResponse) -> Vec<i16> {
    let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
    partitions.map(|partition| partition.error_code).collect()
}

async fn fetch_at(stage: &Stage, version: i16, request: OffsetFetchRequest) -> OffsetFetchResponse {
    let response = fetch::serve(|_| home(stage), version, request).await;
    let body = ResponseKind::OffsetFetch(response);
    match through_the_wire(ApiKey::OffsetFetch, version, &body) {
        ResponseKind::OffsetFetch(response) => response,
        other => panic!("{other:?}"),
    }
}

/// A request of any version, for these partitions of "t" or for everything.
fn fetch_request(version: i16, partitions: Option<Vec<i32>>) -> OffsetFetchRequest {
    if version >= 8 {
        let topics = partitions.map(|partitions| {
            let asked = OffsetFetchRequestTopics::default()
                .with_name(topic("t"))
                .with_partition_indexes(partitions);
            vec![asked]
        });
        let asked = OffsetFetchRequestGroup::default()
            .with_group_id(group("g"))
            .with_topics(topics);
        return OffsetFetchRequest::default().with_groups(vec![asked]);
    }
    let topics = partitions.map(|partitions| {
        let asked = OffsetFetchRequestTopic::default()
            .with_name(topic("t"))
            .with_partition_indexes(partitions);
        vec![asked]
    });
    OffsetFetchRequest::default()
        .with_group_id(group("g"))
        .with_topics(topics)
}

/// Partition, offset, epoch and metadata of every partition in the answer.
fn positions(response: &OffsetFetchResponse) -> Vec<(i32, i64, i32, String)> {
    let of_groups = response.groups.iter().flat_map(|group| {
        let partitions = group.topics.iter().flat_map(|topic| &topic.partitions);
        partitions.map(|it| {
            (
                it.partition_index,
                it.committed_offset,
                it.committed_leader_epoch,
                it.metadata.as_deref().unwrap_or_default().to_owned(),
            )
        })
    });
    let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
    let of_topics = partitions.map(|it| {
        (
            it.partition_index,
            it.committed_offset,
            it.committed_leader_epoch,
            it.metadata.as_deref().unwrap_or_default().to_owned(),
        )
    });
    of_groups.chain(of_topics).collect()
}

#[tokio::test]
async fn what_was_committed_is_fetched_at_every_version() {
    let stage = Stage::leading();
    for (at, version) in versions(ApiKey::OffsetCommit).enumerate() {
        let offset = at as i64;
        let response = commit_at(&stage, version, commit_request(vec![partition(1, offset)])).await;
        assert_eq!(codes(&response), [0], "v{version}");
        for version in versions(ApiKey::OffsetFetch) {
            let response =
                fetch_at(&stage, version, fetch_request(version, Some(vec![1, 0]))).await;
            let epoch = if version >= 5 { 3 } else { -1 };
            let expected = [
                (1, offset, epoch, "note".to_owned()),
                (0, -1, -1, String::new()),
            ];
            assert_eq!(positions(&response), expected, "v{version}");
        }
    }
}

#[tokio::test]
async fn no_topics_means_all_of_them() {
    let stage = Stage::leading();
    commit_at(&stage, 9, commit_request(vec![partition(1, 4)])).await;
    for version in versions(ApiKey::OffsetFetch).filter(|version| *version >= 2) {
        let response = fetch_at(&stage, version, fetch_request(version, None)).await;
        assert_eq!(positions(&response).len(), 1, "v{version}");
    }
}

#[tokio::test]
async fn an_unknown_group_has_no_offsets() {
    let stage = Stage::leading();
    for version in versions(ApiKey::OffsetFetch) {
        let response = fetch_at(&stage, version, fetch_request(version, Some(vec![0]))).await;
        assert_eq!(positions(&response), [(0, -1, -1, String::new())]);
    }
}

#[tokio::test]
async fn one_bad_partition_does_not_spoil_the_others() {
    let stage = Stage::leading();
    let long =
        partition(0, 1).with_committed_metadata(Some(StrBytes::from_string("x".repeat(4097))));
    let longest =
        partition(1, 2).with_committed_metadata(Some(StrBytes::from_string("x".repeat(4096))));
    let request = commit_request(vec![long, longest, partition(2, 3), partition(-1, 3)]);
    let response = commit_at(&stage, 9, request).await;
    let unknown = ResponseError::UnknownTopicOrPartition.code();
    let too_large = ResponseError::OffsetMetadataTooLarge.code();
    assert_eq!(codes(&response), [too_large, 0, unknown, unknown]);
    let response = fetch_at(&stage, 9, fetch_request(9, Some(vec![0, 1]))).await;
    let offsets: Vec<i64> = positions(&response).iter().map(|it| it.1).collect();
    assert_eq!(offsets, [-1, 2]);
}

#[tokio::test]
async fn no_metadata_is_empty_metadata() {
    let stage = Stage::leading();
    let partition = partition(0, 1).with_committed_metadata(None);
    commit_at(&stage, 9, commit_request(vec![partition])).await;
    let response = fetch_at(&stage, 9, fetch_request(9, Some(vec![0]))).await;
    assert_eq!(positions(&response), [(0, 1, 3, String::new())]);
}

#[tokio::test]
async fn an_old_generation_is_refused_for_each_partition() {
    let stage = Stage::leading();
    let request = commit_request(vec![partition(0, 1), partition(1, 1)])
        .with_member_id(text("m"))
        .with_generation_id_or_member_epoch(4);
    for version in versions(ApiKey::OffsetCommit) {
        let response = commit_at(&stage, version, request.clone()).await;
        let illegal = ResponseError::IllegalGeneration.code();
        assert_eq!(codes(&response), [illegal; 2]);
    }
}

#[tokio::test]
async fn a_wrong_node_says_so_at_every_version() {
    let code = ResponseError::NotCoordinator.code();
    for version in versions(ApiKey::OffsetFetch) {
        let away = |_: &str| Home::<MemoryLog>::Err(ResponseError::NotCoordinator);
        let request = fetch_request(version, Some(vec![0]));
        let response = fetch::serve(away, version, request).await;
        let told = match version {
            ..2 => response.topics[0].partitions[0].error_code,
            2..8 => response.error_code,
            8.. => response.groups[0].error_code,
        };
        assert_eq!(told, code, "v{version}");
        let body = ResponseKind::OffsetFetch(response);
        through_the_wire(ApiKey::OffsetFetch, version, &body);
    }
    let away = Home::<MemoryLog>::Err(ResponseError::NotCoordinator);
    let request = commit_request(vec![partition(0, 1)]);
    let response = commit::serve(away, &image(), request).await;
    assert_eq!(codes(&response), [code]);
}

#[tokio::test]
async fn several_groups_are_fetched_at_once() {
    let stage = Stage::leading();
    commit_at(&stage, 9, commit_request(vec![partition(0, 6)])).await;
    let mut request = fetch_request(8, Some(vec![0]));
    let mut other = request.groups[0].clone();
    other.group_id = group("other");
    request.groups.push(other);
    let response = fetch_at(&stage, 8, request).await;
    assert_eq!(response.groups[1].group_id, group("other"));
    let offsets: Vec<i64> = positions(&response).iter().map(|it| it.1).collect();
    assert_eq!(offsets, [6, -1]);
}
