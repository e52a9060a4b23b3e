//! One member of a group at its coordinator: calls of the classic protocol, each sent once.
//!
//! What an error means for the membership is decided here ([`Setback`]); what to do about it is
//! the owner's business. Nothing is retried, but for the second half of joining: a coordinator
//! gives a newcomer its id by refusing it once (KIP-394).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, OffsetCommitResponse,
    SyncGroupRequest,
};
use kafka_protocol::protocol::StrBytes;

use super::assign::{self, Share, Subscriptions};
use super::offsets;
use crate::client::admin::{Admin, ClusterView, greeting, group_id};
use crate::client::api::Api;
use crate::client::connection::Connection;
use crate::client::error::{CallError, ClientError, ErrorCode};
use crate::spec::NodeId;

/// What a member is called in its group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Membership {
    /// The id that the coordinator gave it; empty before.
    pub id: String,
    /// The generation that it belongs to.
    pub generation: i32,
}

/// How patient a member and its group are with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// The group leaves out a member that it has not heard of for so long.
    pub session: Duration,
    /// The group leaves out a member that has not come back so long after a rebalance began.
    pub rebalance: Duration,
    /// How long an answer may take that waits for the whole group.
    pub join: Duration,
    /// How long any other answer may take.
    pub answer: Duration,
}

/// Why a member cannot go on as it is.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Setback {
    /// The group rebalances, or went on without this member: join again.
    #[error("the group rebalances: {0}")]
    Rejoin(CallError),
    /// The coordinator is lost, or is another broker: find it again.
    #[error("the group's coordinator is lost: {0}")]
    Seek(CallError),
    /// The group does not take this member, whoever coordinates it.
    #[error("the group refuses: {0}")]
    Refused(CallError),
}

/// A member of a group, connected to the group's coordinator.
#[derive(Debug)]
pub struct Member {
    group: String,
    who: Membership,
    /// The group has forgotten its id: it is to join as a newcomer.
    expelled: bool,
    coordinator: NodeId,
    connection: Connection,
    patience: Patience,
}

const ILLEGAL_GENERATION: i16 = 22;
const INCONSISTENT_PROTOCOL: i16 = 23;
const INVALID_GROUP: i16 = 24;
const UNKNOWN_MEMBER: i16 = 25;
const INVALID_SESSION: i16 = 26;
const REBALANCE: i16 = 27;
const NOT_AUTHORIZED: i16 = 30;
const ID_REQUIRED: i16 = 79;
const GROUP_FULL: i16 = 81;

impl Member {
    /// Asks a broker who coordinates the group, and connects to that one as `who`.
    pub async fn find(
        asked: SocketAddr,
        group: &str,
        who: Membership,
        patience: Patience,
    ) -> Result<Self, CallError> {
        let admin = Admin::connect(asked, patience.answer).await?;
        let found = admin.find_coordinator(group).await?;
        let connection = Connection::connect(found.addr, patience.answer).await?;
        // Brokers take no large frame from a stranger.
        connection.call(greeting(), patience.answer).await?;
        Ok(Self {
            group: group.to_owned(),
            who,
            expelled: false,
            coordinator: found.node,
            connection,
            patience,
        })
    }

    /// Who it is.
    pub fn who(&self) -> &Membership {
        &self.who
    }

    /// The broker that coordinates the group.
    pub fn coordinator(&self) -> NodeId {
        self.coordinator
    }

    /// Becomes a member of the next generation; returns its partitions of the topic.
    ///
    /// Waits until the others have come, too, or were left out.
    pub async fn join(&mut self, topic: &str) -> Result<Vec<u32>, Setback> {
        let mut joined = self.ask_to_join(topic).await?;
        if joined.error_code == ID_REQUIRED {
            joined = self.ask_to_join(topic).await?;
        }
        self.check(joined.error_code)?;
        self.who.generation = joined.generation_id;
        let shares = if joined.leader == joined.member_id {
            self.share_out(&joined).await?
        } else {
            BTreeMap::new()
        };
        let assigned = self.call(sync(&self.group, &self.who, &shares), self.patience.join);
        let assigned = assigned.await?;
        self.check(assigned.error_code)?;
        let partitions = assign::assigned(assigned.assignment, topic);
        partitions.map_err(|torn| Setback::Seek(self.malformed(torn)))
    }

    async fn ask_to_join(&mut self, topic: &str) -> Result<JoinGroupResponse, Setback> {
        if std::mem::take(&mut self.expelled) {
            self.who = Membership::default();
        }
        let request = join(&self.group, topic, &self.who.id, self.patience);
        let joined = self.call(request, self.patience.join).await?;
        if matches!(joined.error_code, 0 | ID_REQUIRED) {
            self.who.id = joined.member_id.to_string();
        }
        Ok(joined)
    }

    /// The leader's part: every member's partitions of all topics that any of them reads.
    async fn share_out(
        &self,
        joined: &JoinGroupResponse,
    ) -> Result<BTreeMap<String, Share>, Setback> {
        let mut members = Subscriptions::new();
        for member in &joined.members {
            let topics = assign::subscribed(member.metadata.clone());
            let topics = topics.map_err(|torn| Setback::Seek(self.malformed(torn)))?;
            members.insert(member.member_id.to_string(), topics);
        }
        let mut topics: Vec<&str> = members.values().flatten().map(String::as_str).collect();
        topics.sort_unstable();
        topics.dedup();
        let asked = Admin::connect(self.connection.addr(), self.patience.answer).await;
        let asked = asked.map_err(|error| Setback::Seek(error.into()))?;
        let view = asked.metadata(Some(&topics)).await.map_err(Setback::Seek)?;
        Ok(assign::range(&members, &partitions_of(&view)))
    }

    /// Says that this member lives, and hears whether the group still is as it was.
    pub async fn heartbeat(&mut self) -> Result<(), Setback> {
        let request = HeartbeatRequest::default()
            .with_group_id(group_id(&self.group))
            .with_generation_id(self.who.generation)
            .with_member_id(text(&self.who.id));
        let answer = self.call(request, self.patience.answer).await?;
        self.check(answer.error_code)
    }

    /// What the group has committed for partitions of a topic; `None` for nothing.
    pub async fn committed(
        &mut self,
        topic: &str,
        partitions: &[u32],
    ) -> Result<BTreeMap<u32, Option<i64>>, Setback> {
        let request = offsets::question(&self.group, topic, partitions);
        let answer = self.call(request, self.patience.answer).await?;
        match offsets::committed(&answer) {
            Ok(told) => Ok(told),
            Err(code) => self.check(code).map(|()| BTreeMap::new()),
        }
    }

    /// Commits the offsets to go on from, and returns the answer as it came.
    ///
    /// [`Member::settle`] says what the answer means for the membership.
    pub async fn commit(
        &self,
        topic: &str,
        next: &BTreeMap<u32, i64>,
    ) -> Result<OffsetCommitResponse, ClientError> {
        let request = offsets::commit(&self.group, &self.who, topic, next);
        self.connection.call(request, self.patience.answer).await
    }

    /// What became of a commit, as a whole.
    pub fn settle(
        &mut self,
        answer: &Result<OffsetCommitResponse, ClientError>,
    ) -> Result<(), Setback> {
        match answer {
            Ok(answer) => {
                let mut codes = offsets::commit_codes(answer).into_values();
                self.check(codes.find(|code| *code != 0).unwrap_or(0))
            }
            Err(error) => Err(Setback::Seek(error.clone().into())),
        }
    }

    /// Leaves the group, so that the others need not wait for the session's end.
    pub async fn leave(self) -> Result<(), CallError> {
        if self.who.id.is_empty() || self.expelled {
            return Ok(());
        }
        let request = LeaveGroupRequest::default()
            .with_group_id(group_id(&self.group))
            .with_member_id(text(&self.who.id));
        let answer = self.connection.call(request, self.patience.answer).await?;
        ErrorCode::check(answer.error_code).map_err(|code| self.broker(code))
    }

    /// What an error code means for the membership.
    fn check(&mut self, code: i16) -> Result<(), Setback> {
        let Some(error) = ErrorCode::of(code) else {
            return Ok(());
        };
        let error = self.broker(error);
        Err(match code {
            REBALANCE | ID_REQUIRED | ILLEGAL_GENERATION => Setback::Rejoin(error),
            UNKNOWN_MEMBER => {
                self.expelled = true;
                Setback::Rejoin(error)
            }
            INCONSISTENT_PROTOCOL
            | INVALID_GROUP
            | INVALID_SESSION
            | NOT_AUTHORIZED
            | GROUP_FULL => Setback::Refused(error),
            _ => Setback::Seek(error),
        })
    }

    async fn call<R: Api>(&self, request: R, within: Duration) -> Result<R::Answer, Setback> {
        let answer = self.connection.call(request, within).await;
        answer.map_err(|error| Setback::Seek(error.into()))
    }

    fn broker(&self, code: ErrorCode) -> CallError {
        CallError::Broker {
            addr: self.connection.addr(),
            code,
            message: None,
        }
    }

    fn malformed(&self, why: impl std::fmt::Display) -> CallError {
        ClientError::malformed(self.connection.addr(), why).into()
    }
}

fn partitions_of(view: &ClusterView) -> BTreeMap<String, u32> {
    let count = |topic: &crate::client::admin::TopicView| topic.partitions.len() as u32;
    view.topics
        .iter()
        .map(|topic| (topic.name.clone(), count(topic)))
        .collect()
}

fn join(group: &str, topic: &str, id: &str, patience: Patience) -> JoinGroupRequest {
    let protocol = JoinGroupRequestProtocol::default()
        .with_name(text(assign::STRATEGY))
        .with_metadata(assign::subscription(topic));
    JoinGroupRequest::default()
        .with_group_id(group_id(group))
        .with_session_timeout_ms(millis(patience.session))
        .with_rebalance_timeout_ms(millis(patience.rebalance))
        .with_member_id(text(id))
        .with_protocol_type(text(assign::PROTOCOL))
        .with_protocols(vec![protocol])
}

/// The leader's request shares the partitions out; the others' shares nothing.
fn sync(group: &str, who: &Membership, shares: &BTreeMap<String, Share>) -> SyncGroupRequest {
    let assignments = shares.iter().map(|(member, share)| {
        SyncGroupRequestAssignment::default()
            .with_member_id(text(member))
            .with_assignment(assign::assignment(share))
    });
    SyncGroupRequest::default()
        .with_group_id(group_id(group))
        .with_generation_id(who.generation)
        .with_member_id(text(&who.id))
        .with_assignments(assignments.collect())
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
