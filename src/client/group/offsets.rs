//! The offsets of a group on the wire: what is asked, what is committed, what came back.

use std::collections::BTreeMap;

use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopic;
use kafka_protocol::messages::{
    OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest, OffsetFetchResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::Membership;
use crate::client::admin::{group_id, topic_name};

/// Asks what a group has committed for partitions of a topic.
pub fn question(group: &str, topic: &str, partitions: &[u32]) -> OffsetFetchRequest {
    let indexes = partitions.iter().map(|partition| *partition as i32);
    let topic = OffsetFetchRequestTopic::default()
        .with_name(topic_name(topic))
        .with_partition_indexes(indexes.collect());
    OffsetFetchRequest::default()
        .with_group_id(group_id(group))
        .with_topics(Some(vec![topic]))
}

/// What is committed for each partition, or the first error code.
pub fn committed(answer: &OffsetFetchResponse) -> Result<BTreeMap<u32, Option<i64>>, i16> {
    let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
    let codes = partitions.clone().map(|partition| partition.error_code);
    let mut codes = std::iter::once(answer.error_code).chain(codes);
    if let Some(code) = codes.find(|code| *code != 0) {
        return Err(code);
    }
    let told = partitions.map(|partition| {
        let offset = Some(partition.committed_offset).filter(|offset| *offset >= 0);
        (partition.partition_index as u32, offset)
    });
    Ok(told.collect())
}

/// Commits the offsets that a member goes on from.
pub(super) fn commit(
    group: &str,
    who: &Membership,
    topic: &str,
    next: &BTreeMap<u32, i64>,
) -> OffsetCommitRequest {
    let partitions = next.iter().map(|(partition, offset)| {
        OffsetCommitRequestPartition::default()
            .with_partition_index(*partition as i32)
            .with_committed_offset(*offset)
            .with_committed_leader_epoch(-1)
            .with_committed_metadata(Some(StrBytes::default()))
    });
    let topic = OffsetCommitRequestTopic::default()
        .with_name(topic_name(topic))
        .with_partitions(partitions.collect());
    OffsetCommitRequest::default()
        .with_group_id(group_id(group))
        .with_generation_id_or_member_epoch(who.generation)
        .with_member_id(StrBytes::from_string(who.id.clone()))
        .with_topics(vec![topic])
}

/// Each partition's error code, 0 for none.
pub fn commit_codes(answer: &OffsetCommitResponse) -> BTreeMap<u32, i16> {
    let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
    partitions
        .map(|partition| (partition.partition_index as u32, partition.error_code))
        .collect()
}
