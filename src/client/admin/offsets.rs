//! Offsets of a partition's log, and those that a group has committed.

use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopic;
use kafka_protocol::messages::offset_fetch_response::OffsetFetchResponsePartition;
use kafka_protocol::messages::{
    GroupId, ListOffsetsRequest, OffsetCommitRequest, OffsetFetchRequest,
};
use kafka_protocol::protocol::StrBytes;

use super::{Admin, topic_name};
use crate::client::error::CallError;

/// Which offset of a partition is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetSpec {
    /// The first that is kept.
    Earliest,
    /// The one after the last committed record.
    Latest,
    /// The first record at or after this time, in milliseconds since 1970.
    At(i64),
}

impl OffsetSpec {
    fn timestamp(self) -> i64 {
        match self {
            Self::Earliest => -2,
            Self::Latest => -1,
            Self::At(timestamp) => timestamp,
        }
    }
}

/// An offset of a partition's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionOffset {
    /// The offset; -1 when no record is as late as was asked for.
    pub offset: i64,
    /// The record's timestamp, -1 where it does not apply.
    pub timestamp: i64,
    /// The epoch in which the record was written, -1 when there is none.
    pub epoch: i32,
}

/// What a group has committed for one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The offset to go on from.
    pub offset: i64,
    /// The leader epoch that was committed with it, -1 for none.
    pub epoch: i32,
    /// The words that were committed with it.
    pub metadata: String,
}

impl Admin {
    /// One offset of a partition; only the partition's leader answers.
    pub async fn list_offset(
        &self,
        topic: &str,
        partition: u32,
        spec: OffsetSpec,
    ) -> Result<PartitionOffset, CallError> {
        let wanted = ListOffsetsPartition::default()
            .with_partition_index(partition as i32)
            .with_current_leader_epoch(-1)
            .with_timestamp(spec.timestamp());
        let topic = ListOffsetsTopic::default()
            .with_name(topic_name(topic))
            .with_partitions(vec![wanted]);
        let request = ListOffsetsRequest::default()
            .with_replica_id((-1).into())
            .with_topics(vec![topic]);
        let topic = self.only(self.call(request).await?.topics)?;
        let found = self.only(topic.partitions)?;
        self.check(found.error_code, None)?;
        Ok(PartitionOffset {
            offset: found.offset,
            timestamp: found.timestamp,
            epoch: found.leader_epoch,
        })
    }

    /// Commits an offset of a group without members (a simple consumer); ask the coordinator.
    pub async fn commit_offset(
        &self,
        group: &str,
        (topic, partition): (&str, u32),
        committed: CommittedOffset,
    ) -> Result<(), CallError> {
        let offset = OffsetCommitRequestPartition::default()
            .with_partition_index(partition as i32)
            .with_committed_offset(committed.offset)
            .with_committed_leader_epoch(committed.epoch)
            .with_committed_metadata(Some(StrBytes::from_string(committed.metadata)));
        let topic = OffsetCommitRequestTopic::default()
            .with_name(topic_name(topic))
            .with_partitions(vec![offset]);
        let request = OffsetCommitRequest::default()
            .with_group_id(group_id(group))
            .with_generation_id_or_member_epoch(-1)
            .with_topics(vec![topic]);
        let topic = self.only(self.call(request).await?.topics)?;
        self.check(self.only(topic.partitions)?.error_code, None)
    }

    /// What a group has committed for a partition; `None` for nothing. Ask the coordinator.
    pub async fn committed_offset(
        &self,
        group: &str,
        (topic, partition): (&str, u32),
    ) -> Result<Option<CommittedOffset>, CallError> {
        let topic = OffsetFetchRequestTopic::default()
            .with_name(topic_name(topic))
            .with_partition_indexes(vec![partition as i32]);
        let request = OffsetFetchRequest::default()
            .with_group_id(group_id(group))
            .with_topics(Some(vec![topic]));
        let answer = self.call(request).await?;
        self.check(answer.error_code, None)?;
        let found = self.only(self.only(answer.topics)?.partitions)?;
        self.check(found.error_code, None)?;
        Ok(committed(found))
    }
}

fn committed(found: OffsetFetchResponsePartition) -> Option<CommittedOffset> {
    (found.committed_offset >= 0).then(|| CommittedOffset {
        offset: found.committed_offset,
        epoch: found.committed_leader_epoch,
        metadata: found
            .metadata
            .map(|text| text.to_string())
            .unwrap_or_default(),
    })
}

/// A group's name as the wire has it.
pub(in crate::client) fn group_id(group: &str) -> GroupId {
    GroupId(StrBytes::from_string(group.to_owned()))
}
