//! DeleteGroups, versions 0 to 2, and OffsetDelete, version 0.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::offset_delete_request::OffsetDeleteRequestTopic;
use kafka_protocol::messages::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use kafka_protocol::messages::{
    DeleteGroupsRequest, DeleteGroupsResponse, GroupId, OffsetDeleteRequest, OffsetDeleteResponse,
};

use super::check;
use crate::node::groups::coordinator::Verdicts;
use crate::node::groups::facade::Home;
use crate::node::groups::shard::OffsetsLog;
use crate::node::groups::{Groups, limits};

impl Groups {
    /// Deletes groups without members, with all their offsets.
    pub(in crate::node) async fn delete_groups(
        &self,
        request: DeleteGroupsRequest,
    ) -> DeleteGroupsResponse {
        serve_groups(|group| self.home(group), request).await
    }

    /// Deletes offsets of topics that no member of the group reads.
    pub(in crate::node) async fn offset_delete(
        &self,
        request: OffsetDeleteRequest,
    ) -> OffsetDeleteResponse {
        let home = self.home(&request.group_id);
        serve_offsets(home, request).await
    }
}

pub(super) async fn serve_groups<L: OffsetsLog>(
    home: impl Fn(&str) -> Home<L>,
    request: DeleteGroupsRequest,
) -> DeleteGroupsResponse {
    let deleted = request.groups_names.into_iter().map(|group| {
        let home = home(&group);
        delete_group(home, group)
    });
    let results = futures::future::join_all(deleted).await;
    DeleteGroupsResponse::default().with_results(results)
}

async fn delete_group<L: OffsetsLog>(home: Home<L>, group: GroupId) -> DeletableGroupResult {
    let result = try_delete(home, &group).await;
    DeletableGroupResult::default()
        .with_group_id(group)
        .with_error_code(check::code(result))
}

async fn try_delete<L: OffsetsLog>(home: Home<L>, group: &str) -> Result<(), ResponseError> {
    check::group(group)?;
    let home = home?;
    let wait = limits::APPEND_WAIT * 2 + limits::ANSWER_SLACK;
    let ask = home.ask(wait, |coordinator, ticket, now, fx| {
        coordinator.delete(group, ticket, now, fx);
    });
    check::written(ask.await?.as_ref())
}

pub(super) async fn serve_offsets<L: OffsetsLog>(
    home: Home<L>,
    request: OffsetDeleteRequest,
) -> OffsetDeleteResponse {
    match try_delete_offsets(home, &request).await {
        Ok(verdicts) => {
            let codes = verdicts.into_iter().map(check::code);
            OffsetDeleteResponse::default().with_topics(topics(request.topics, codes))
        }
        Err(error) => OffsetDeleteResponse::default().with_error_code(error.code()),
    }
}

/// What becomes of each partition, in the request's order.
async fn try_delete_offsets<L: OffsetsLog>(
    home: Home<L>,
    request: &OffsetDeleteRequest,
) -> Verdicts {
    check::group(&request.group_id)?;
    let home = home?;
    let asked: Vec<(String, i32)> = request
        .topics
        .iter()
        .flat_map(|topic| {
            let partitions = topic.partitions.iter();
            partitions.map(|it| (topic.name.to_string(), it.partition_index))
        })
        .collect();
    let mut verdicts = Ok(Vec::new());
    let wait = limits::APPEND_WAIT * 2 + limits::ANSWER_SLACK;
    let ask = home.ask(wait, |coordinator, ticket, _, fx| {
        verdicts = coordinator.delete_offsets(&request.group_id, &asked, ticket, fx);
    });
    check::written(ask.await?.as_ref())?;
    verdicts
}

fn topics(
    asked: Vec<OffsetDeleteRequestTopic>,
    mut codes: impl Iterator<Item = i16>,
) -> Vec<OffsetDeleteResponseTopic> {
    let mut answers = Vec::with_capacity(asked.len());
    for topic in asked {
        let partitions = topic.partitions.iter().map(|partition| {
            OffsetDeleteResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(codes.next().expect("each partition has a code"))
        });
        let partitions = partitions.collect();
        answers.push(
            OffsetDeleteResponseTopic::default()
                .with_name(topic.name)
                .with_partitions(partitions),
        );
    }
    answers
}
