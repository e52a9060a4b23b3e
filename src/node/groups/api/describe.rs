//! DescribeGroups, versions 0 to 6.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::{DescribeGroupsRequest, DescribeGroupsResponse, GroupId};

use super::check::{self, text};
use crate::node::groups::Groups;
use crate::node::groups::facade::Home;
use crate::node::groups::group::{Group, Member};
use crate::node::groups::shard::OffsetsLog;

/// The first version with an error for a group that does not exist.
const NOT_FOUND_ERROR: i16 = 6;
/// READ, DELETE and DESCRIBE as Kafka's bits: without an authorizer everybody may.
const ALL_OPERATIONS: i32 = 1 << 3 | 1 << 6 | 1 << 8;

impl Groups {
    /// Describes groups with their members.
    pub(in crate::node) async fn describe_groups(
        &self,
        version: i16,
        request: DescribeGroupsRequest,
    ) -> DescribeGroupsResponse {
        serve(|group| self.home(group), version, request).await
    }
}

pub(super) async fn serve<L: OffsetsLog>(
    home: impl Fn(&str) -> Home<L>,
    version: i16,
    request: DescribeGroupsRequest,
) -> DescribeGroupsResponse {
    let with_operations = request.include_authorized_operations;
    let groups = request.groups.into_iter().map(|group| {
        let home = home(&group);
        describe(home, version, group)
    });
    let mut groups = futures::future::join_all(groups).await;
    if with_operations {
        for group in &mut groups {
            group.authorized_operations = ALL_OPERATIONS;
        }
    }
    DescribeGroupsResponse::default().with_groups(groups)
}

async fn describe<L: OffsetsLog>(home: Home<L>, version: i16, id: GroupId) -> DescribedGroup {
    let described = try_describe(home, version, &id).await;
    let described =
        described.unwrap_or_else(|error| DescribedGroup::default().with_error_code(error.code()));
    described.with_group_id(id)
}

async fn try_describe<L: OffsetsLog>(
    home: Home<L>,
    version: i16,
    id: &str,
) -> Result<DescribedGroup, ResponseError> {
    check::group(id)?;
    home?
        .tell(|coordinator, _, _| match coordinator.group(id) {
            Some(group) => summary(group),
            None => absent(version, id),
        })
        .await
}

fn absent(version: i16, id: &str) -> DescribedGroup {
    let dead = DescribedGroup::default().with_group_state(text("Dead"));
    if version < NOT_FOUND_ERROR {
        return dead;
    }
    dead.with_error_code(ResponseError::GroupIdNotFound.code())
        .with_error_message(Some(text(format!("Group {id} not found."))))
}

/// Metadata and assignments are told only while they belong together.
fn summary(group: &Group) -> DescribedGroup {
    let protocol = group.stable_protocol();
    let members = group.members().map(|it| member(it, protocol));
    DescribedGroup::default()
        .with_group_state(text(group.state_name()))
        .with_protocol_type(text(group.protocol_type()))
        .with_protocol_data(text(protocol.unwrap_or_default()))
        .with_members(members.collect())
}

fn member(member: &Member, protocol: Option<&str>) -> DescribedGroupMember {
    let described = DescribedGroupMember::default()
        .with_member_id(text(&member.id))
        .with_group_instance_id(member.instance.as_ref().map(text))
        .with_client_id(text(&member.client_id))
        .with_client_host(text(&member.client_host));
    match protocol {
        Some(protocol) => described
            .with_member_metadata(member.metadata(protocol))
            .with_member_assignment(member.assignment.clone()),
        None => described,
    }
}
