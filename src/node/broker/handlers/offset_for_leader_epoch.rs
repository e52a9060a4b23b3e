//! OffsetForLeaderEpoch (23): where a leader epoch ended, so that a client whose leader changed
//! finds out whether its log was truncated (KIP-320).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_for_leader_epoch_request::OffsetForLeaderPartition;
use kafka_protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderTopicResult,
};
use kafka_protocol::messages::{OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse};

use super::Context;
use super::checks::{check_leader, epoch_of};

/// What the epochs of the log say of one epoch: the latest at or below it, and where that ended.
const UNKNOWN: (i32, i64) = (-1, -1);

/// Answers from the replicas on this node.
pub(in crate::node::broker) fn handle(
    cx: &Context,
    request: &OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    respond(request, |topic, asked| {
        let partition = cx.cluster.partition(topic, asked.partition)?;
        let serving = partition.serving();
        check_leader(serving, asked.current_leader_epoch)?;
        let end = partition.offsets().log_end;
        Ok(epoch_end(
            asked.leader_epoch,
            partition.epoch_end(asked.leader_epoch),
            (epoch_of(serving), partition.epoch_at(end - 1), end),
        ))
    })
}

/// The answer for `asked`, from what the log's own epochs say and the leader's epoch, the epoch
/// of the last record, and the log's end.
///
/// The log knows an epoch from its first record on, and a leader's clients know it earlier: up
/// to the leader's own epoch the log's end is the end.
fn epoch_end(asked: i32, in_log: (i32, i64), (current, last, end): (i32, i32, i64)) -> (i32, i64) {
    match in_log {
        UNKNOWN if asked == current => (current, end),
        UNKNOWN if (0..current).contains(&asked) => match last {
            ..0 => (asked, end),
            last => (last.min(asked), end),
        },
        known => known,
    }
}

fn respond(
    request: &OffsetForLeaderEpochRequest,
    answer: impl Fn(&str, &OffsetForLeaderPartition) -> Result<(i32, i64), ResponseError>,
) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.iter().map(|topic| {
        let entries = topic.partitions.iter().map(|asked| {
            let entry = EpochEndOffset::default().with_partition(asked.partition);
            match answer(&topic.topic, asked) {
                Ok((epoch, end)) => entry.with_leader_epoch(epoch).with_end_offset(end),
                Err(error) => entry.with_error_code(error.code()),
            }
        });
        OffsetForLeaderTopicResult::default()
            .with_topic(topic.topic.clone())
            .with_partitions(entries.collect())
    });
    OffsetForLeaderEpochResponse::default().with_topics(topics.collect())
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::offset_for_leader_epoch_request::OffsetForLeaderTopic;
    use kafka_protocol::messages::{ApiKey, ResponseKind, TopicName};

    use super::super::fixture::encodes_at_all_versions;
    use super::super::text;
    use super::*;

    #[test]
    fn encodes_at_every_version() {
        let partitions =
            (0..2).map(|index| OffsetForLeaderPartition::default().with_partition(index));
        let topic = OffsetForLeaderTopic::default()
            .with_topic(TopicName(text("a")))
            .with_partitions(partitions.collect());
        let request = OffsetForLeaderEpochRequest::default().with_topics(vec![topic]);
        let answer = |_: &str, asked: &OffsetForLeaderPartition| match asked.partition {
            0 => Ok((3, 100)),
            _ => Err(ResponseError::FencedLeaderEpoch),
        };
        let found = respond(&request, answer).topics.remove(0).partitions;
        assert_eq!((found[0].leader_epoch, found[0].end_offset), (3, 100));
        assert_eq!((found[1].error_code, found[1].end_offset), (74, -1));
        encodes_at_all_versions(ApiKey::OffsetForLeaderEpoch, |_| {
            vec![ResponseKind::OffsetForLeaderEpoch(respond(
                &request, answer,
            ))]
        });
    }

    #[test]
    fn the_log_has_the_word_where_it_knows_the_epoch() {
        assert_eq!(epoch_end(3, (3, 50), (9, 5, 100)), (3, 50));
        assert_eq!(epoch_end(4, (3, 50), (9, 5, 100)), (3, 50));
    }

    #[test]
    fn an_epoch_without_records_ends_where_the_log_does() {
        assert_eq!(epoch_end(9, UNKNOWN, (9, 5, 100)), (9, 100));
        assert_eq!(epoch_end(7, UNKNOWN, (9, 5, 100)), (5, 100));
        assert_eq!(epoch_end(7, UNKNOWN, (9, -1, 100)), (7, 100));
        assert_eq!(epoch_end(10, UNKNOWN, (9, 5, 100)), UNKNOWN);
        assert_eq!(epoch_end(-1, UNKNOWN, (9, 5, 100)), UNKNOWN);
    }
}
