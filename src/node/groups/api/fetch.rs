//! OffsetFetch, versions 1 to 9.
//!
//! There are no transactions, so every committed offset is stable and `require_stable` is met.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{OffsetFetchRequest, OffsetFetchResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::check::{self, text};
use crate::node::groups::Groups;
use crate::node::groups::facade::Home;
use crate::node::groups::group::{Committed, Group};
use crate::node::groups::shard::OffsetsLog;

/// The first version with several groups.
const BATCHED: i16 = 8;
/// The first version with an error for the whole group.
const GROUP_ERROR: i16 = 2;

/// What a group is asked for: topics with partitions, or all there is.
type Asked = Option<Vec<(TopicName, Vec<i32>)>>;
/// An answer for one topic.
type Fetched = (TopicName, Vec<Position>);

/// The answer for one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Position {
    partition: i32,
    offset: i64,
    epoch: i32,
    metadata: StrBytes,
}

impl Groups {
    /// Tells what was committed; what never was has the offset -1.
    pub(in crate::node) async fn offset_fetch(
        &self,
        version: i16,
        request: OffsetFetchRequest,
    ) -> OffsetFetchResponse {
        serve(|group| self.home(group), version, request).await
    }
}

pub(super) async fn serve<L: OffsetsLog>(
    home: impl Fn(&str) -> Home<L>,
    version: i16,
    request: OffsetFetchRequest,
) -> OffsetFetchResponse {
    if version >= BATCHED {
        let groups = request.groups.into_iter().map(|asked| {
            let home = home(&asked.group_id);
            serve_group(home, asked)
        });
        let groups = futures::future::join_all(groups).await;
        return OffsetFetchResponse::default().with_groups(groups);
    }
    let asked: Asked = request.topics.map(|topics| {
        let asked = topics.into_iter();
        asked
            .map(|topic| (topic.name, topic.partition_indexes))
            .collect()
    });
    let home = home(&request.group_id);
    let fetched = fetch(home, &request.group_id, asked.as_ref()).await;
    single(version, asked, fetched)
}

async fn serve_group<L: OffsetsLog>(
    home: Home<L>,
    request: OffsetFetchRequestGroup,
) -> OffsetFetchResponseGroup {
    let asked: Asked = request.topics.map(|topics| {
        let asked = topics.into_iter();
        asked
            .map(|topic| (topic.name, topic.partition_indexes))
            .collect()
    });
    let fetched = fetch(home, &request.group_id, asked.as_ref()).await;
    let answer = OffsetFetchResponseGroup::default().with_group_id(request.group_id);
    match fetched {
        Ok(fetched) => answer.with_topics(fetched.into_iter().map(topic_of_group).collect()),
        Err(error) => answer.with_error_code(error.code()),
    }
}

async fn fetch<L: OffsetsLog>(
    home: Home<L>,
    group: &str,
    asked: Option<&Vec<(TopicName, Vec<i32>)>>,
) -> Result<Vec<Fetched>, ResponseError> {
    check::group(group)?;
    home?
        .tell(|coordinator, _, _| positions(coordinator.group(group), asked))
        .await
}

fn positions(group: Option<&Group>, asked: Option<&Vec<(TopicName, Vec<i32>)>>) -> Vec<Fetched> {
    let Some(asked) = asked else {
        return group.map(all_positions).unwrap_or_default();
    };
    let of = |topic: &TopicName, partition: i32| {
        let committed = group.and_then(|group| group.offsets().get(topic, partition));
        position(partition, committed)
    };
    asked
        .iter()
        .map(|(topic, partitions)| {
            let positions = partitions.iter().map(|partition| of(topic, *partition));
            (topic.clone(), positions.collect())
        })
        .collect()
}

fn all_positions(group: &Group) -> Vec<Fetched> {
    let topics = group.offsets().topics().iter();
    topics
        .map(|(topic, partitions)| {
            let positions = partitions
                .iter()
                .map(|(partition, committed)| position(*partition, Some(committed)));
            (TopicName(text(topic)), positions.collect())
        })
        .collect()
}

fn position(partition: i32, committed: Option<&Committed>) -> Position {
    let Some(committed) = committed else {
        return Position {
            partition,
            offset: -1,
            epoch: -1,
            metadata: StrBytes::new(),
        };
    };
    Position {
        partition,
        offset: committed.value.offset,
        epoch: committed.value.leader_epoch,
        metadata: text(&committed.value.metadata),
    }
}

fn topic_of_group((name, positions): Fetched) -> OffsetFetchResponseTopics {
    let partitions = positions.into_iter().map(|position| {
        OffsetFetchResponsePartitions::default()
            .with_partition_index(position.partition)
            .with_committed_offset(position.offset)
            .with_committed_leader_epoch(position.epoch)
            .with_metadata(Some(position.metadata))
    });
    OffsetFetchResponseTopics::default()
        .with_name(name)
        .with_partitions(partitions.collect())
}

/// The answer of a version with one group; the oldest says errors with each partition.
fn single(
    version: i16,
    asked: Asked,
    fetched: Result<Vec<Fetched>, ResponseError>,
) -> OffsetFetchResponse {
    let (fetched, code) = match fetched {
        Ok(fetched) => (fetched, 0),
        Err(error) if version >= GROUP_ERROR => {
            return OffsetFetchResponse::default().with_error_code(error.code());
        }
        Err(error) => (nothing(asked), error.code()),
    };
    let topics = fetched
        .into_iter()
        .map(|(name, positions)| single_topic(name, positions, code));
    OffsetFetchResponse::default().with_topics(topics.collect())
}

fn nothing(asked: Asked) -> Vec<Fetched> {
    asked
        .unwrap_or_default()
        .into_iter()
        .map(|(topic, partitions)| {
            let positions = partitions.into_iter().map(|it| position(it, None));
            (topic, positions.collect())
        })
        .collect()
}

fn single_topic(name: TopicName, positions: Vec<Position>, code: i16) -> OffsetFetchResponseTopic {
    let partitions = positions.into_iter().map(|position| {
        OffsetFetchResponsePartition::default()
            .with_partition_index(position.partition)
            .with_committed_offset(position.offset)
            .with_committed_leader_epoch(position.epoch)
            .with_metadata(Some(position.metadata))
            .with_error_code(code)
    });
    OffsetFetchResponseTopic::default()
        .with_name(name)
        .with_partitions(partitions.collect())
}
