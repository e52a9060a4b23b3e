//! ListGroups, versions 0 to 5: the groups whose coordinator is here.

use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::{GroupId, ListGroupsRequest, ListGroupsResponse};

use super::check::text;
use crate::node::groups::Groups;
use crate::node::groups::coordinator::Coordinator;
use crate::node::groups::shard::{OffsetsLog, Shard};

/// The type of all groups here, as opposed to those of KIP-848.
const CLASSIC: &str = "classic";

impl Groups {
    /// Lists groups, those included that only hold offsets.
    pub(in crate::node) async fn list_groups(
        &self,
        request: ListGroupsRequest,
    ) -> ListGroupsResponse {
        serve(self.all(), request).await
    }
}

pub(super) async fn serve<L: OffsetsLog>(
    shards: Vec<Arc<Shard<L>>>,
    request: ListGroupsRequest,
) -> ListGroupsResponse {
    let mut response = ListGroupsResponse::default();
    for shard in shards {
        match shard.tell(|coordinator, _, _| list(coordinator)).await {
            Ok(groups) => response.groups.extend(groups),
            // Another node lists those.
            Err(ResponseError::NotCoordinator) => {}
            Err(error) => response.error_code = error.code(),
        }
    }
    response
        .groups
        .retain(|group| is_asked_for(group, &request));
    response
}

fn list(coordinator: &Coordinator) -> Vec<ListedGroup> {
    let alive = coordinator.groups().filter(|(_, group)| !group.is_dead());
    alive
        .map(|(id, group)| {
            ListedGroup::default()
                .with_group_id(GroupId(text(id)))
                .with_protocol_type(text(group.protocol_type()))
                .with_group_state(text(group.state_name()))
                .with_group_type(text(CLASSIC))
        })
        .collect()
}

/// An empty filter lets everything through.
fn is_asked_for(group: &ListedGroup, request: &ListGroupsRequest) -> bool {
    let passes = |filter: &[kafka_protocol::protocol::StrBytes], value: &str| {
        filter.is_empty() || filter.iter().any(|asked| asked.eq_ignore_ascii_case(value))
    };
    passes(&request.states_filter, &group.group_state)
        && passes(&request.types_filter, &group.group_type)
}
