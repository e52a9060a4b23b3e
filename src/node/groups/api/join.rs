//! JoinGroup, versions 0 to 9.

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::{JoinGroupRequest, JoinGroupResponse};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::check::{self, text};
use crate::node::groups::facade::Home;
use crate::node::groups::group::{
    Answer, Join, JoinRefused, Joined, JoinedMember, Protocol, Ticket,
};
use crate::node::groups::shard::OffsetsLog;
use crate::node::groups::{Groups, limits};

/// The first version in which a group may have no strategy: before, the field is not nullable.
const NULLABLE_PROTOCOL: i16 = 7;
/// Bytes of the name of a strategy or of a kind of group.
const NAME: usize = 255;

/// Who joins, as its connection says.
#[derive(Debug, Clone, Copy)]
pub(in crate::node) struct Client<'a> {
    /// The client id of the request's header.
    pub(in crate::node) id: &'a str,
    /// Where it connected from.
    pub(in crate::node) host: &'a str,
}

impl Groups {
    /// Joins a group; answered when the rebalance that it causes, if any, is over.
    pub(in crate::node) async fn join_group(
        &self,
        version: i16,
        client: Client<'_>,
        request: JoinGroupRequest,
    ) -> JoinGroupResponse {
        let home = self.home(&request.group_id);
        serve(home, version, client, request).await
    }
}

pub(super) async fn serve<L: OffsetsLog>(
    home: Home<L>,
    version: i16,
    client: Client<'_>,
    request: JoinGroupRequest,
) -> JoinGroupResponse {
    let member_id = request.member_id.to_string();
    let answer = match try_join(home, version, client, request).await {
        Ok(answer) => answer,
        Err(code) => Err(JoinRefused { code, member_id }),
    };
    response(version, answer)
}

async fn try_join<L: OffsetsLog>(
    home: Home<L>,
    version: i16,
    client: Client<'_>,
    request: JoinGroupRequest,
) -> Result<Result<Joined, JoinRefused>, ResponseError> {
    check::group_with_members(&request.group_id)?;
    let group = request.group_id.to_string();
    let join = read(version, client, request)?;
    let wait = join.rebalance_timeout.max(limits::NEW_MEMBER_JOIN) + limits::ANSWER_SLACK;
    let home = home?;
    let ask = home.ask(wait, |coordinator, ticket, now, fx| {
        coordinator.join(&group, Join { ticket, ..join }, now, fx);
    });
    match ask.await? {
        Some(Answer::Join(answer)) => Ok(answer),
        Some(Answer::Sync(_) | Answer::Written(_)) => unreachable!("a join has a join's answer"),
        None => Err(ResponseError::RebalanceInProgress),
    }
}

/// The request with its limits checked; the ticket is still to be filled in.
fn read(
    version: i16,
    client: Client<'_>,
    request: JoinGroupRequest,
) -> Result<Join, ResponseError> {
    let session_timeout = millis(request.session_timeout_ms)
        .filter(|session| (limits::MIN_SESSION..=limits::MAX_SESSION).contains(session))
        .ok_or(ResponseError::InvalidSessionTimeout)?;
    // Version 0 has no rebalance timeout: its default here is negative.
    let rebalance_timeout = millis(request.rebalance_timeout_ms)
        .filter(|timeout| !timeout.is_zero())
        .unwrap_or(session_timeout);
    check::member(&request.member_id)?;
    let instance = check::instance(request.group_instance_id.as_ref())?;
    let fresh_id = fresh_id(instance.as_deref().unwrap_or(client.id));
    Ok(Join {
        ticket: Ticket(0),
        version,
        member_id: request.member_id.to_string(),
        fresh_id,
        instance,
        client_id: cut(client.id, limits::MEMBER_ID).to_owned(),
        client_host: client.host.to_owned(),
        session_timeout,
        rebalance_timeout,
        protocol_type: name(&request.protocol_type)?,
        protocols: protocols(request.protocols)?,
    })
}

fn millis(wire: i32) -> Option<Duration> {
    u64::try_from(wire).ok().map(Duration::from_millis)
}

/// A new member's id, which tells a person whose it is.
fn fresh_id(whose: &str) -> String {
    let whose = cut(whose, limits::CLIENT_ID_IN_MEMBER);
    format!("{whose}-{}", Uuid::new_v4())
}

fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

fn name(name: &StrBytes) -> Result<String, ResponseError> {
    if name.len() > NAME {
        return Err(ResponseError::InvalidRequest);
    }
    Ok(name.to_string())
}

fn protocols(offered: Vec<JoinGroupRequestProtocol>) -> Result<Vec<Protocol>, ResponseError> {
    if offered.len() > limits::PROTOCOLS {
        return Err(ResponseError::InvalidRequest);
    }
    let own = |protocol: JoinGroupRequestProtocol| {
        Ok(Protocol {
            name: name(&protocol.name)?,
            // The request's frame must not live as long as the member.
            metadata: Bytes::copy_from_slice(&protocol.metadata),
        })
    };
    offered.into_iter().map(own).collect()
}

pub(super) fn response(version: i16, answer: Result<Joined, JoinRefused>) -> JoinGroupResponse {
    match answer {
        Ok(joined) => {
            let members = joined.members.into_iter().map(member);
            JoinGroupResponse::default()
                .with_generation_id(joined.generation)
                .with_protocol_type(joined.protocol_type.map(text))
                .with_protocol_name(protocol_name(version, joined.protocol))
                .with_leader(text(joined.leader))
                .with_skip_assignment(joined.skip_assignment)
                .with_member_id(text(joined.member_id))
                .with_members(members.collect())
        }
        Err(refused) => JoinGroupResponse::default()
            .with_error_code(refused.code.code())
            .with_protocol_name(protocol_name(version, None))
            .with_member_id(text(refused.member_id)),
    }
}

fn protocol_name(version: i16, name: Option<String>) -> Option<StrBytes> {
    match name {
        None if version >= NULLABLE_PROTOCOL => None,
        name => Some(text(name.unwrap_or_default())),
    }
}

fn member(member: JoinedMember) -> JoinGroupResponseMember {
    JoinGroupResponseMember::default()
        .with_member_id(text(member.id))
        .with_group_instance_id(member.instance.map(text))
        .with_metadata(member.metadata)
}
