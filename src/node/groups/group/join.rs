//! JoinGroup: who may come in, and whether that makes a rebalance.

use std::time::Duration;

use kafka_protocol::ResponseError;

use super::{
    Done, Effects, Group, Joined, JoinedMember, Member, Now, Protocol, State, Ticket, Waiting,
};
use crate::node::groups::limits;

/// The first version in which a dynamic member gets its id before it joins (KIP-394).
const KNOWN_MEMBER_VERSION: i16 = 4;
/// The first version in which a leader can be told not to assign anew (KIP-814).
const SKIP_ASSIGNMENT_VERSION: i16 = 9;

/// A JoinGroup whose fields are within their limits.
#[derive(Debug, Clone)]
pub(in crate::node::groups) struct Join {
    /// Whom to answer.
    pub(in crate::node::groups) ticket: Ticket,
    /// The version of the request.
    pub(in crate::node::groups) version: i16,
    /// Empty for a member without an id.
    pub(in crate::node::groups) member_id: String,
    /// The id that a member without one gets.
    pub(in crate::node::groups) fresh_id: String,
    /// The instance id of a static member.
    pub(in crate::node::groups) instance: Option<String>,
    /// The client id of the request.
    pub(in crate::node::groups) client_id: String,
    /// Where the client connected from.
    pub(in crate::node::groups) client_host: String,
    /// How long the member may be silent.
    pub(in crate::node::groups) session_timeout: Duration,
    /// How long it may take to rejoin.
    pub(in crate::node::groups) rebalance_timeout: Duration,
    /// The kind of group.
    pub(in crate::node::groups) protocol_type: String,
    /// The strategies that it offers, the preferred one first.
    pub(in crate::node::groups) protocols: Vec<Protocol>,
}

impl Group {
    /// Takes a member in; the answer comes when the rebalance that it causes, if any, is over.
    pub(in crate::node::groups) fn join(&mut self, join: Join, now: Now, fx: &mut Effects) {
        let ticket = join.ticket;
        let member_id = join.member_id.clone();
        match self.admit(join, now, fx) {
            Ok(()) => self.try_complete_join(now, fx),
            Err(code) => fx.refuse_join(ticket, code, &member_id),
        }
    }

    fn admit(&mut self, join: Join, now: Now, fx: &mut Effects) -> Result<(), ResponseError> {
        if self.is_dead() {
            return Err(ResponseError::CoordinatorNotAvailable);
        }
        self.check_room(&join)?;
        if !self.supports(&join) {
            return Err(ResponseError::InconsistentGroupProtocol);
        }
        if join.member_id.is_empty() {
            self.join_without_id(join, now, fx);
            return Ok(());
        }
        if self.pending.contains_key(&join.member_id) {
            let id = join.member_id.clone();
            self.add_member(id, join, now, fx);
            return Ok(());
        }
        self.validate(&join.member_id, join.instance.as_deref())?;
        self.rejoin(join, now, fx)
    }

    fn check_room(&self, join: &Join) -> Result<(), ResponseError> {
        let replaced = match &join.instance {
            Some(instance) => self.statics.get(instance),
            None => Some(&join.member_id),
        };
        let replaced = replaced.filter(|id| self.members.contains_key(*id));
        let is_known = replaced.is_some() || self.pending.contains_key(&join.member_id);
        if !is_known && self.members.len() + self.pending.len() >= limits::MEMBERS {
            return Err(ResponseError::GroupMaxSizeReached);
        }
        let others = self
            .members
            .values()
            .filter(|member| Some(&member.id) != replaced);
        let offered = join.protocols.iter().map(|p| p.metadata.len());
        let bytes: usize = others.map(Member::metadata_len).chain(offered).sum();
        if bytes > limits::GROUP_METADATA {
            return Err(ResponseError::GroupMaxSizeReached);
        }
        Ok(())
    }

    /// Whether the member's kind is the group's and it shares a strategy with everybody.
    fn supports(&self, join: &Join) -> bool {
        if self.is_empty() {
            return !join.protocol_type.is_empty() && !join.protocols.is_empty();
        }
        let common = |protocol: &Protocol| {
            self.members
                .values()
                .all(|member| member.supports(&protocol.name))
        };
        self.protocol_type() == join.protocol_type && join.protocols.iter().any(common)
    }

    fn join_without_id(&mut self, join: Join, now: Now, fx: &mut Effects) {
        let fresh = join.fresh_id.clone();
        if let Some(instance) = &join.instance {
            match self.statics.get(instance).cloned() {
                Some(old) => self.replace_static(&old, join, now, fx),
                None => self.add_member(fresh, join, now, fx),
            }
            return;
        }
        if join.version < KNOWN_MEMBER_VERSION {
            return self.add_member(fresh, join, now, fx);
        }
        fx.refuse_join(join.ticket, ResponseError::MemberIdRequired, &fresh);
        self.pending.insert(fresh, now.at + join.session_timeout);
    }

    fn add_member(&mut self, id: String, join: Join, now: Now, fx: &mut Effects) {
        if self.members.is_empty() {
            self.protocol_type = Some(join.protocol_type);
        }
        if let Some(instance) = &join.instance {
            self.statics.insert(instance.clone(), id.clone());
        }
        if let State::Preparing(barrier) = &mut self.state
            && let Some(initial) = &mut barrier.initial
        {
            initial.joined_since = true;
        }
        self.pending.remove(&id);
        self.leader.get_or_insert_with(|| id.clone());
        self.joins += 1;
        let member = Member {
            id: id.clone(),
            instance: join.instance,
            client_id: join.client_id,
            client_host: join.client_host,
            assignment: bytes::Bytes::new(),
            rebalance_timeout: join.rebalance_timeout,
            session_timeout: join.session_timeout,
            protocols: join.protocols,
            waiting: Waiting::Join(join.ticket),
            is_new: true,
            expires: now.at + limits::NEW_MEMBER_JOIN,
            order: self.joins,
        };
        self.members.insert(id, member);
        self.prepare(now, fx);
    }

    fn rejoin(&mut self, join: Join, now: Now, fx: &mut Effects) -> Result<(), ResponseError> {
        let id = join.member_id.clone();
        let unchanged = self.member_mut(&id).protocols == join.protocols;
        let as_before = match &self.state {
            State::Empty | State::Dead => return Err(ResponseError::UnknownMemberId),
            State::Preparing(_) => false,
            // It may not have got the answer to its JoinGroup.
            State::Completing { .. } => unchanged,
            // A leader that rejoins wants a new assignment: its metadata may be elsewhere.
            State::Stable { .. } => unchanged && !self.is_leader(&id),
        };
        if as_before {
            self.member_mut(&id).heard(now.at);
            let joined = self.joined(&id);
            fx.joined(join.ticket, joined);
            return Ok(());
        }
        self.update_member(&id, join, fx);
        self.prepare(now, fx);
        Ok(())
    }

    fn update_member(&mut self, id: &str, join: Join, fx: &mut Effects) {
        let member = self.member_mut(id);
        member.protocols = join.protocols;
        member.rebalance_timeout = join.rebalance_timeout;
        member.session_timeout = join.session_timeout;
        let before = std::mem::replace(&mut member.waiting, Waiting::Join(join.ticket));
        fx.fail(before, ResponseError::RebalanceInProgress);
    }

    /// A static member came back under a new id: it takes the place of its old self.
    ///
    /// While the group is stable and would choose the same strategy, nobody else notices: the new
    /// id is stored, and the member goes on with its assignment.
    fn replace_static(&mut self, old: &str, join: Join, now: Now, fx: &mut Effects) {
        let (ticket, version) = (join.ticket, join.version);
        let leader_before = self.leader.clone();
        let id = self.rename_static(old, &join, now, fx);
        self.update_member(&id, join, fx);
        match &self.state {
            State::Empty | State::Dead => unreachable!("a static member was in the group"),
            State::Preparing(_) => {}
            State::Completing { .. } => self.prepare(now, fx),
            State::Stable { .. } if self.protocol != Some(self.choose_protocol()) => {
                self.prepare(now, fx);
            }
            State::Stable { .. } => {
                let joined = self.rejoined_static(&id, version, leader_before);
                let assignment = self.assignment();
                let done = Done::StaticRejoin {
                    ticket,
                    joined: Box::new(joined),
                };
                fx.writes.push(self.write(self.entry(&assignment), done));
            }
        }
    }

    fn rename_static(&mut self, old: &str, join: &Join, now: Now, fx: &mut Effects) -> String {
        let id = join.fresh_id.clone();
        let mut member = self
            .members
            .remove(old)
            .expect("every static id names a member");
        let waiting = std::mem::replace(&mut member.waiting, Waiting::Nothing);
        fx.fail(waiting, ResponseError::FencedInstanceId);
        member.id.clone_from(&id);
        member.client_id.clone_from(&join.client_id);
        member.client_host.clone_from(&join.client_host);
        member.session_timeout = join.session_timeout;
        member.heard(now.at);
        if self.is_leader(old) {
            self.leader = Some(id.clone());
        }
        if self.unsynced.remove(old) {
            self.unsynced.insert(id.clone());
        }
        if let Some(instance) = &member.instance {
            self.statics.insert(instance.clone(), id.clone());
        }
        self.members.insert(id.clone(), member);
        id
    }

    /// The answer to a static member that came back without a rebalance.
    ///
    /// A leader must not assign anew, since a stable group would not hand that out: from version 9
    /// it is told so, and before it is told that its old self leads.
    fn rejoined_static(&self, id: &str, version: i16, leader_before: Option<String>) -> Joined {
        let mut joined = self.joined(id);
        if version >= SKIP_ASSIGNMENT_VERSION {
            joined.skip_assignment = self.is_leader(id);
        } else {
            joined.leader = leader_before.unwrap_or_default();
            joined.members.clear();
        }
        joined
    }

    /// A static member's new id was stored, or was not.
    pub(in crate::node::groups) fn static_rejoined(
        &mut self,
        ticket: Ticket,
        joined: Joined,
        result: Result<(), ResponseError>,
        now: Now,
        fx: &mut Effects,
    ) {
        let is_stable = matches!(self.state, State::Stable { .. });
        let same_generation = self.generation == joined.generation;
        let Some(member) = self.members.get_mut(&joined.member_id) else {
            return;
        };
        // After a rebalance has begun in between, the join waits for that one's barrier.
        if member.waiting != Waiting::Join(ticket) || (result.is_ok() && !is_stable) {
            return;
        }
        assert!(
            result.is_err() || same_generation,
            "a new generation answers all joins"
        );
        member.waiting = Waiting::Nothing;
        member.heard(now.at);
        match result {
            Ok(()) => fx.joined(ticket, joined),
            Err(code) => fx.refuse_join(ticket, code, ""),
        }
    }

    /// What a member of this generation is told.
    pub(super) fn joined(&self, id: &str) -> Joined {
        let protocol = self.protocol.as_deref().unwrap_or_default();
        let told = |member: &Member| JoinedMember {
            id: member.id.clone(),
            instance: member.instance.clone(),
            metadata: member.metadata(protocol),
        };
        let members = if self.is_leader(id) {
            self.members.values().map(told).collect()
        } else {
            Vec::new()
        };
        Joined {
            member_id: id.to_owned(),
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader: self.leader.clone().unwrap_or_default(),
            skip_assignment: false,
            members,
        }
    }
}
