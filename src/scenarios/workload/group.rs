//! The requests of a group's member, each sent once.
//!
//! Members of this group share its partitions out themselves, in the form that Kafka's own
//! consumers use, so that any tool can describe the group.

use std::collections::BTreeMap;

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::consumer_protocol_assignment::TopicPartition as Assigned;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopic;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription, GroupId, HeartbeatRequest,
    JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, OffsetCommitRequest,
    OffsetCommitResponse, OffsetFetchRequest, OffsetFetchResponse, SyncGroupRequest,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};

use super::wire::topic_name;

/// The least that brokers take by default, in ms.
const SESSION_MS: i32 = 6_000;
/// A member that does not come back within this is left out of the next generation, in ms.
const REBALANCE_MS: i32 = 3_000;
const STRATEGY: &str = "range";
/// The version of the consumer protocol's own messages.
const CONSUMER_VERSION: i16 = 1;

/// Who a member is in a generation of its group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Membership {
    pub(super) member: String,
    pub(super) generation: i32,
}

fn group_id(group: &str) -> GroupId {
    GroupId(StrBytes::from_string(group.to_owned()))
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

pub(super) fn join(group: &str, topic: &str, member: &str) -> JoinGroupRequest {
    let subscription = ConsumerProtocolSubscription::default().with_topics(vec![text(topic)]);
    let protocol = JoinGroupRequestProtocol::default()
        .with_name(text(STRATEGY))
        .with_metadata(versioned(&subscription));
    JoinGroupRequest::default()
        .with_group_id(group_id(group))
        .with_session_timeout_ms(SESSION_MS)
        .with_rebalance_timeout_ms(REBALANCE_MS)
        .with_member_id(text(member))
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol])
}

/// The leader's request shares the partitions out; the others' shares nothing.
pub(super) fn sync(
    group: &str,
    (topic, partitions): (&str, u32),
    joined: &JoinGroupResponse,
) -> SyncGroupRequest {
    let members: Vec<&StrBytes> = joined
        .members
        .iter()
        .map(|member| &member.member_id)
        .collect();
    let assignments = shares(members.len(), partitions).into_iter().zip(members);
    let assignments = assignments.map(|(share, member)| {
        SyncGroupRequestAssignment::default()
            .with_member_id(member.clone())
            .with_assignment(assignment(topic, share))
    });
    SyncGroupRequest::default()
        .with_group_id(group_id(group))
        .with_generation_id(joined.generation_id)
        .with_member_id(joined.member_id.clone())
        .with_assignments(assignments.collect())
}

/// Each member's partitions, in turn.
fn shares(members: usize, partitions: u32) -> Vec<Vec<i32>> {
    let mut shares = vec![Vec::new(); members];
    for partition in 0..partitions {
        if let Some(share) = shares.get_mut(partition as usize % members.max(1)) {
            share.push(partition as i32);
        }
    }
    shares
}

fn assignment(topic: &str, partitions: Vec<i32>) -> Bytes {
    let assigned = Assigned::default()
        .with_topic(topic_name(topic))
        .with_partitions(partitions);
    versioned(&ConsumerProtocolAssignment::default().with_assigned_partitions(vec![assigned]))
}

fn versioned(message: &impl Encodable) -> Bytes {
    let mut bytes = BytesMut::from(&CONSUMER_VERSION.to_be_bytes()[..]);
    let encoded = message.encode(&mut bytes, CONSUMER_VERSION);
    encoded.expect("what we put into these messages can be encoded");
    bytes.freeze()
}

/// The partitions of an assignment.
pub(super) fn assigned(mut bytes: Bytes) -> Result<Vec<u32>, String> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    if bytes.len() < 2 {
        return Err(String::from("an assignment of one byte"));
    }
    let version = bytes.get_i16().clamp(0, CONSUMER_VERSION);
    let decoded = ConsumerProtocolAssignment::decode(&mut bytes, version);
    let decoded = decoded.map_err(|error| error.to_string())?;
    let topics = decoded.assigned_partitions.into_iter();
    let partitions = topics.flat_map(|topic| topic.partitions);
    Ok(partitions
        .filter_map(|partition| u32::try_from(partition).ok())
        .collect())
}

pub(super) fn heartbeat(group: &str, who: &Membership) -> HeartbeatRequest {
    HeartbeatRequest::default()
        .with_group_id(group_id(group))
        .with_generation_id(who.generation)
        .with_member_id(text(&who.member))
}

pub(super) fn leave(group: &str, who: &Membership) -> LeaveGroupRequest {
    LeaveGroupRequest::default()
        .with_group_id(group_id(group))
        .with_member_id(text(&who.member))
}

pub(super) fn commit(
    group: &str,
    who: &Membership,
    topic: &str,
    offsets: &BTreeMap<u32, i64>,
) -> OffsetCommitRequest {
    let partitions = offsets.iter().map(|(partition, offset)| {
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
        .with_member_id(text(&who.member))
        .with_topics(vec![topic])
}

/// Each partition's error code, 0 for none.
pub(super) fn commit_codes(answer: &OffsetCommitResponse) -> BTreeMap<u32, i16> {
    let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
    partitions
        .map(|partition| (partition.partition_index as u32, partition.error_code))
        .collect()
}

pub(super) fn offsets(group: &str, topic: &str, partitions: &[u32]) -> OffsetFetchRequest {
    let indexes = partitions.iter().map(|partition| *partition as i32);
    let topic = OffsetFetchRequestTopic::default()
        .with_name(topic_name(topic))
        .with_partition_indexes(indexes.collect());
    OffsetFetchRequest::default()
        .with_group_id(group_id(group))
        .with_topics(Some(vec![topic]))
}

/// What is committed for each partition, or the first error code.
pub(super) fn committed(answer: &OffsetFetchResponse) -> Result<BTreeMap<u32, Option<i64>>, i16> {
    let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
    let codes = partitions.clone().map(|partition| partition.error_code);
    let mut codes = std::iter::once(answer.error_code).chain(codes);
    if let Some(code) = codes.find(|code| *code != 0) {
        return Err(code);
    }
    let told = partitions.map(|partition| {
        let offset = partition.committed_offset;
        (
            partition.partition_index as u32,
            Some(offset).filter(|offset| *offset >= 0),
        )
    });
    Ok(told.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_partition_has_one_member() {
        assert_eq!(shares(2, 3), [vec![0, 2], vec![1]]);
        assert_eq!(shares(2, 1), [vec![0], vec![]]);
        assert!(shares(0, 3).is_empty());
    }

    #[test]
    fn an_assignment_is_read_as_it_was_written() {
        assert_eq!(assigned(assignment("t", vec![0, 2])), Ok(vec![0, 2]));
        assert_eq!(assigned(Bytes::new()), Ok(Vec::new()));
        assert!(assigned(Bytes::from_static(&[1])).is_err());
    }
}
