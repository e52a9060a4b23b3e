//! OffsetCommit, versions 2 to 9.

use std::time::{SystemTime, UNIX_EPOCH};

use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::{OffsetCommitRequest, OffsetCommitResponse};

use super::check;
use crate::node::groups::coordinator::Commit;
use crate::node::groups::facade::Home;
use crate::node::groups::group::{Committed, Committer, OffsetChange};
use crate::node::groups::records::OffsetValue;
use crate::node::groups::shard::OffsetsLog;
use crate::node::groups::{Groups, limits};
use crate::node::metadata::{MetadataImage, TopicImage};

impl Groups {
    /// Commits offsets; answered when their records are committed in the log.
    pub(in crate::node) async fn offset_commit(
        &self,
        request: OffsetCommitRequest,
    ) -> OffsetCommitResponse {
        let home = self.home(&request.group_id);
        let image = self.cluster().image();
        serve(home, &image, request).await
    }
}

pub(super) async fn serve<L: OffsetsLog>(
    home: Home<L>,
    image: &MetadataImage,
    request: OffsetCommitRequest,
) -> OffsetCommitResponse {
    let checked = check_all(image, &request.topics);
    let changes = checked.iter().filter_map(|checked| checked.clone().ok());
    let result = try_commit(home, &request, changes.collect()).await;
    let codes = checked
        .into_iter()
        .map(|checked| check::code(checked.map(|_| ()).and(result)));
    response(request.topics, codes)
}

async fn try_commit<L: OffsetsLog>(
    home: Home<L>,
    request: &OffsetCommitRequest,
    changes: Vec<OffsetChange>,
) -> Result<(), ResponseError> {
    check::group(&request.group_id)?;
    let instance = check::instance(request.group_instance_id.as_ref())?;
    let committer = Committer {
        member_id: &request.member_id,
        instance: instance.as_deref(),
        generation: request.generation_id_or_member_epoch,
    };
    let wait = limits::APPEND_WAIT * 2 + limits::ANSWER_SLACK;
    let home = home?;
    let ask = home.ask(wait, |coordinator, ticket, now, fx| {
        let commit = Commit { ticket, changes };
        coordinator.commit(&request.group_id, committer, commit, now, fx);
    });
    check::written(ask.await?.as_ref())
}

/// Each partition of the request in order: what to store, or why not.
fn check_all(
    image: &MetadataImage,
    topics: &[OffsetCommitRequestTopic],
) -> Vec<Result<OffsetChange, ResponseError>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |since| since.as_millis() as i64);
    let mut all = Vec::new();
    for topic in topics {
        let known = image.topic(&topic.name);
        for partition in &topic.partitions {
            all.push(check_one(known.map(|known| &**known), partition, now));
        }
    }
    all
}

fn check_one(
    topic: Option<&TopicImage>,
    asked: &OffsetCommitRequestPartition,
    committed_at: i64,
) -> Result<OffsetChange, ResponseError> {
    let topic = topic.ok_or(ResponseError::UnknownTopicOrPartition)?;
    let exists = usize::try_from(asked.partition_index)
        .is_ok_and(|partition| partition < topic.partitions.len());
    if !exists {
        return Err(ResponseError::UnknownTopicOrPartition);
    }
    let metadata = asked.committed_metadata.as_deref().unwrap_or_default();
    if metadata.encode_utf16().count() > limits::OFFSET_METADATA {
        return Err(ResponseError::OffsetMetadataTooLarge);
    }
    let value = OffsetValue {
        offset: asked.committed_offset,
        leader_epoch: asked.committed_leader_epoch,
        metadata: metadata.to_owned(),
        committed_at,
        expires_at: None,
    };
    Ok(OffsetChange {
        topic: topic.name.clone(),
        partition: asked.partition_index,
        value: Some(Committed {
            value,
            topic: Some(topic.id),
        }),
    })
}

/// The answer in the request's order, one code for each partition.
pub(super) fn response(
    topics: Vec<OffsetCommitRequestTopic>,
    mut codes: impl Iterator<Item = i16>,
) -> OffsetCommitResponse {
    let mut answers = Vec::with_capacity(topics.len());
    for topic in topics {
        let partitions = topic.partitions.iter().map(|partition| {
            OffsetCommitResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(codes.next().expect("each partition has a code"))
        });
        let partitions = partitions.collect();
        answers.push(
            OffsetCommitResponseTopic::default()
                .with_name(topic.name)
                .with_partitions(partitions),
        );
    }
    OffsetCommitResponse::default().with_topics(answers)
}
