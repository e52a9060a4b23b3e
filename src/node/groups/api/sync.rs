//! SyncGroup, versions 0 to 5.

use std::collections::BTreeMap;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::{SyncGroupRequest, SyncGroupResponse};

use super::check::{self, text};
use crate::node::groups::facade::Home;
use crate::node::groups::group::{Answer, Sync, Synced, Ticket};
use crate::node::groups::shard::OffsetsLog;
use crate::node::groups::{Groups, limits};

impl Groups {
    /// Gives a member its assignment; answered when the leader has sent it and it is stored.
    pub(in crate::node) async fn sync_group(&self, request: SyncGroupRequest) -> SyncGroupResponse {
        let home = self.home(&request.group_id);
        serve(home, request).await
    }
}

pub(super) async fn serve<L: OffsetsLog>(
    home: Home<L>,
    request: SyncGroupRequest,
) -> SyncGroupResponse {
    response(try_sync(home, request).await)
}

async fn try_sync<L: OffsetsLog>(
    home: Home<L>,
    request: SyncGroupRequest,
) -> Result<Synced, ResponseError> {
    check::group_with_members(&request.group_id)?;
    let group = request.group_id.to_string();
    let sync = read(request)?;
    let wait = limits::NEW_MEMBER_JOIN + limits::ANSWER_SLACK;
    let home = home?;
    let ask = home.ask(wait, |coordinator, ticket, now, fx| {
        coordinator.sync(&group, Sync { ticket, ..sync }, now, fx);
    });
    match ask.await {
        Ok(Some(Answer::Sync(answer))) => answer,
        Ok(Some(Answer::Join(_) | Answer::Written(_))) => {
            unreachable!("a sync has a sync's answer")
        }
        // The rebalance was lost with the old coordinator: the member has to join again. Clients
        // do not expect COORDINATOR_LOAD_IN_PROGRESS here.
        Ok(None) | Err(ResponseError::CoordinatorLoadInProgress) => {
            Err(ResponseError::RebalanceInProgress)
        }
        Err(code) => Err(code),
    }
}

fn read(request: SyncGroupRequest) -> Result<Sync, ResponseError> {
    check::member(&request.member_id)?;
    let mut assignment = BTreeMap::new();
    for assigned in request.assignments {
        check::member(&assigned.member_id)?;
        // The request's frame must not live as long as the member.
        let bytes = Bytes::copy_from_slice(&assigned.assignment);
        assignment.insert(assigned.member_id.to_string(), bytes);
    }
    Ok(Sync {
        ticket: Ticket(0),
        member_id: request.member_id.to_string(),
        instance: check::instance(request.group_instance_id.as_ref())?,
        generation: request.generation_id,
        protocol_type: request.protocol_type.map(|kind| kind.to_string()),
        protocol: request.protocol_name.map(|name| name.to_string()),
        assignment,
    })
}

pub(super) fn response(answer: Result<Synced, ResponseError>) -> SyncGroupResponse {
    match answer {
        Ok(synced) => SyncGroupResponse::default()
            .with_protocol_type(synced.protocol_type.map(text))
            .with_protocol_name(synced.protocol.map(text))
            .with_assignment(synced.assignment),
        Err(error) => SyncGroupResponse::default().with_error_code(error.code()),
    }
}
