//! LeaveGroup, versions 0 to 5.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::{LeaveGroupRequest, LeaveGroupResponse};

use super::check::{self, text};
use crate::node::groups::facade::Home;
use crate::node::groups::group::Leaver;
use crate::node::groups::shard::OffsetsLog;
use crate::node::groups::{Groups, limits};

/// The first version with several members.
const BATCHED: i16 = 3;

/// What became of each member.
type Left = Vec<(Leaver, Result<(), ResponseError>)>;

impl Groups {
    /// Lets members go.
    pub(in crate::node) async fn leave_group(
        &self,
        version: i16,
        request: LeaveGroupRequest,
    ) -> LeaveGroupResponse {
        let home = self.home(&request.group_id);
        serve(home, version, request).await
    }
}

pub(super) async fn serve<L: OffsetsLog>(
    home: Home<L>,
    version: i16,
    request: LeaveGroupRequest,
) -> LeaveGroupResponse {
    response(version, try_leave(home, version, request).await)
}

async fn try_leave<L: OffsetsLog>(
    home: Home<L>,
    version: i16,
    request: LeaveGroupRequest,
) -> Result<Left, ResponseError> {
    check::group_with_members(&request.group_id)?;
    let group = request.group_id.to_string();
    let leavers = read(version, request)?;
    let home = home?;
    let results = home
        .tell(|coordinator, now, fx| coordinator.leave(&group, &leavers, now, fx))
        .await?;
    Ok(leavers.into_iter().zip(results).collect())
}

fn read(version: i16, request: LeaveGroupRequest) -> Result<Vec<Leaver>, ResponseError> {
    let members = if version >= BATCHED {
        request.members
    } else {
        vec![MemberIdentity::default().with_member_id(request.member_id)]
    };
    if members.len() > limits::MEMBERS {
        return Err(ResponseError::InvalidRequest);
    }
    let read = |member: MemberIdentity| {
        check::member(&member.member_id)?;
        Ok(Leaver {
            member_id: member.member_id.to_string(),
            instance: check::instance(member.group_instance_id.as_ref())?,
        })
    };
    members.into_iter().map(read).collect()
}

pub(super) fn response(version: i16, left: Result<Left, ResponseError>) -> LeaveGroupResponse {
    let left = match left {
        Ok(left) => left,
        Err(error) => return LeaveGroupResponse::default().with_error_code(error.code()),
    };
    if version < BATCHED {
        let only = left.first().map_or(0, |(_, result)| check::code(*result));
        return LeaveGroupResponse::default().with_error_code(only);
    }
    let members = left.into_iter().map(|(leaver, result)| {
        MemberResponse::default()
            .with_member_id(text(leaver.member_id))
            .with_group_instance_id(leaver.instance.map(text))
            .with_error_code(check::code(result))
    });
    LeaveGroupResponse::default().with_members(members.collect())
}
