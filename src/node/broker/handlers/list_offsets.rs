//! ListOffsets (2): where a partition begins and ends, and which record has a timestamp.
//!
//! Only the leader answers, below the high watermark, with the epoch of the record that it
//! names: clients ask for the end of that very epoch later (KIP-320).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::list_offsets_request::ListOffsetsPartition;
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::{ListOffsetsRequest, ListOffsetsResponse};

use super::Context;
use super::checks::check_leader;
use crate::node::partition::{Partition, TimestampHit};

/// The first version that carries epochs.
const EPOCHS: i16 = 4;

/// What a timestamp of a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Query {
    /// The high watermark.
    Latest,
    /// The first offset kept.
    Earliest,
    /// The record with the largest timestamp (KIP-734).
    MaxTimestamp,
    /// The last offset in tiered storage (KIP-1005), which there is none of.
    LatestTiered,
    /// The first record that is not older.
    At(i64),
}

impl Query {
    fn of(version: i16, timestamp: i64) -> Result<Self, ResponseError> {
        match timestamp {
            -1 => Ok(Self::Latest),
            -2 => Ok(Self::Earliest),
            -3 if version >= 7 => Ok(Self::MaxTimestamp),
            // The first offset on local disk (KIP-405): all of them are.
            -4 if version >= 8 => Ok(Self::Earliest),
            -5 if version >= 9 => Ok(Self::LatestTiered),
            0.. => Ok(Self::At(timestamp)),
            _ => Err(ResponseError::UnsupportedVersion),
        }
    }
}

/// Answers from the replicas on this node. The replica id is not looked at: what it would allow,
/// offsets beyond the high watermark, is given to nobody, and kafka-python sends 0 as a consumer.
pub(in crate::node::broker) fn handle(
    cx: &Context,
    version: i16,
    request: &ListOffsetsRequest,
) -> ListOffsetsResponse {
    let answer = |topic: &str, asked: &ListOffsetsPartition| -> Result<_, ResponseError> {
        let query = Query::of(version, asked.timestamp)?;
        let partition = cx.cluster.partition(topic, asked.partition_index)?;
        check_leader(partition.serving(), asked.current_leader_epoch)?;
        look_up(&partition, query)
    };
    respond(version, request, answer)
}

fn look_up(partition: &Partition, query: Query) -> Result<Option<TimestampHit>, ResponseError> {
    let at = |offset, epoch_of| TimestampHit {
        offset,
        timestamp: -1,
        epoch: partition.epoch_at(epoch_of),
    };
    let offsets = partition.offsets();
    match query {
        // No record has the offset of the end: the one before it says the epoch.
        Query::Latest => Ok(Some(at(offsets.high_watermark, offsets.high_watermark - 1))),
        Query::Earliest => Ok(Some(at(offsets.log_start, offsets.log_start))),
        Query::MaxTimestamp => partition.max_timestamp(),
        Query::LatestTiered => Ok(None),
        Query::At(timestamp) => partition.find_timestamp(timestamp),
    }
}

fn respond(
    version: i16,
    request: &ListOffsetsRequest,
    answer: impl Fn(&str, &ListOffsetsPartition) -> Result<Option<TimestampHit>, ResponseError>,
) -> ListOffsetsResponse {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter();
        ListOffsetsTopicResponse::default()
            .with_name(topic.name.clone())
            .with_partitions(
                partitions
                    .map(|asked| entry(version, asked, answer(&topic.name, asked)))
                    .collect(),
            )
    });
    ListOffsetsResponse::default().with_topics(topics.collect())
}

fn entry(
    version: i16,
    asked: &ListOffsetsPartition,
    answer: Result<Option<TimestampHit>, ResponseError>,
) -> ListOffsetsPartitionResponse {
    let entry = ListOffsetsPartitionResponse::default().with_partition_index(asked.partition_index);
    match answer {
        Err(error) => entry.with_error_code(error.code()),
        Ok(None) => entry,
        Ok(Some(hit)) => entry
            .with_timestamp(hit.timestamp)
            .with_offset(hit.offset)
            .with_leader_epoch(if version >= EPOCHS { hit.epoch } else { -1 }),
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::list_offsets_request::ListOffsetsTopic;
    use kafka_protocol::messages::{ApiKey, ResponseKind, TopicName};

    use super::super::fixture::encodes_at_all_versions;
    use super::super::text;
    use super::*;

    fn request() -> ListOffsetsRequest {
        let partitions =
            (0..3).map(|index| ListOffsetsPartition::default().with_partition_index(index));
        let topic = ListOffsetsTopic::default()
            .with_name(TopicName(text("a")))
            .with_partitions(partitions.collect());
        ListOffsetsRequest::default().with_topics(vec![topic])
    }

    fn sample(
        _topic: &str,
        asked: &ListOffsetsPartition,
    ) -> Result<Option<TimestampHit>, ResponseError> {
        match asked.partition_index {
            0 => Ok(Some(TimestampHit {
                offset: 5,
                timestamp: 6,
                epoch: 7,
            })),
            1 => Ok(None),
            _ => Err(ResponseError::NotLeaderOrFollower),
        }
    }

    #[test]
    fn encodes_at_every_version() {
        encodes_at_all_versions(ApiKey::ListOffsets, |version| {
            vec![ResponseKind::ListOffsets(respond(
                version,
                &request(),
                sample,
            ))]
        });
    }

    #[test]
    fn a_hit_a_miss_and_an_error() {
        let answer = respond(4, &request(), sample);
        let found: Vec<_> = answer.topics[0]
            .partitions
            .iter()
            .map(|entry| {
                (
                    entry.error_code,
                    entry.offset,
                    entry.timestamp,
                    entry.leader_epoch,
                )
            })
            .collect();
        assert_eq!(found, [(0, 5, 6, 7), (0, -1, -1, -1), (6, -1, -1, -1)]);
    }

    #[test]
    fn special_timestamps_have_their_versions() {
        assert_eq!(Query::of(1, -1), Ok(Query::Latest));
        assert_eq!(Query::of(1, -2), Ok(Query::Earliest));
        assert_eq!(Query::of(1, 0), Ok(Query::At(0)));
        for (timestamp, since, query) in [
            (-3, 7, Query::MaxTimestamp),
            (-4, 8, Query::Earliest),
            (-5, 9, Query::LatestTiered),
        ] {
            assert_eq!(Query::of(since, timestamp), Ok(query));
            assert_eq!(Query::of(since - 1, timestamp).unwrap_err().code(), 35);
        }
        assert!(Query::of(9, -6).is_err());
    }
}
