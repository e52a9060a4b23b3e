//! SyncGroup: the leader's assignment on its way to the members.

use std::collections::BTreeMap;

use bytes::Bytes;
use kafka_protocol::ResponseError;

use super::{Done, Effects, Group, Now, State, Synced, Ticket, Waiting};
use crate::node::groups::limits;

/// A SyncGroup.
#[derive(Debug, Clone)]
pub(in crate::node::groups) struct Sync {
    /// Whom to answer.
    pub(in crate::node::groups) ticket: Ticket,
    /// The member.
    pub(in crate::node::groups) member_id: String,
    /// Its instance id, for a static member.
    pub(in crate::node::groups) instance: Option<String>,
    /// The generation it joined.
    pub(in crate::node::groups) generation: i32,
    /// The kind of group, when the version has it.
    pub(in crate::node::groups) protocol_type: Option<String>,
    /// The chosen strategy, when the version has it.
    pub(in crate::node::groups) protocol: Option<String>,
    /// By member id; from the leader only.
    pub(in crate::node::groups) assignment: BTreeMap<String, Bytes>,
}

impl Group {
    /// Gives a member its assignment, when there is one.
    pub(in crate::node::groups) fn sync(&mut self, sync: Sync, now: Now, fx: &mut Effects) {
        let ticket = sync.ticket;
        if let Err(code) = self.try_sync(sync, now, fx) {
            fx.sync(ticket, Err(code));
        }
    }

    fn try_sync(&mut self, sync: Sync, now: Now, fx: &mut Effects) -> Result<(), ResponseError> {
        self.validate_sync(&sync)?;
        match self.state {
            State::Empty | State::Dead => Err(ResponseError::UnknownMemberId),
            State::Preparing(_) => Err(ResponseError::RebalanceInProgress),
            State::Completing { .. } => {
                self.await_assignment(sync, now, fx);
                Ok(())
            }
            State::Stable { .. } => {
                self.unsynced.remove(&sync.member_id);
                self.member_mut(&sync.member_id).heard(now.at);
                let synced = self.synced(&sync.member_id);
                fx.sync(sync.ticket, Ok(synced));
                Ok(())
            }
        }
    }

    fn validate_sync(&self, sync: &Sync) -> Result<(), ResponseError> {
        if self.is_dead() {
            return Err(ResponseError::CoordinatorNotAvailable);
        }
        self.validate(&sync.member_id, sync.instance.as_deref())?;
        if sync.generation != self.generation {
            return Err(ResponseError::IllegalGeneration);
        }
        let differs =
            |asked: &Option<String>, own: &Option<String>| asked.is_some() && asked != own;
        if differs(&sync.protocol_type, &self.protocol_type)
            || differs(&sync.protocol, &self.protocol)
        {
            return Err(ResponseError::InconsistentGroupProtocol);
        }
        Ok(())
    }

    fn await_assignment(&mut self, sync: Sync, now: Now, fx: &mut Effects) {
        let is_leader = self.is_leader(&sync.member_id);
        self.unsynced.remove(&sync.member_id);
        let member = self.member_mut(&sync.member_id);
        let before = std::mem::replace(&mut member.waiting, Waiting::Sync(sync.ticket));
        fx.fail(before, ResponseError::RebalanceInProgress);
        if is_leader {
            self.store_assignment(sync.assignment, now, fx);
        }
    }

    /// Writes the leader's assignment; members that it left out get an empty one.
    fn store_assignment(
        &mut self,
        mut assignment: BTreeMap<String, Bytes>,
        now: Now,
        fx: &mut Effects,
    ) {
        let State::Completing { storing, .. } = &mut self.state else {
            unreachable!("only asked for while completing");
        };
        if std::mem::replace(storing, true) {
            return;
        }
        assignment.retain(|id, _| self.members.contains_key(id));
        let entry = self.entry(&assignment);
        if entry.len() > limits::RECORD {
            let result = Err(ResponseError::UnknownServerError);
            return self.assigned(self.generation, BTreeMap::new(), result, now, fx);
        }
        let done = Done::Assignment {
            generation: self.generation,
            assignment,
        };
        fx.writes.push(self.write(entry, done));
    }

    /// The assignment was stored, or was not; another rebalance in between makes it void.
    pub(in crate::node::groups) fn assigned(
        &mut self,
        generation: i32,
        mut assignment: BTreeMap<String, Bytes>,
        result: Result<(), ResponseError>,
        now: Now,
        fx: &mut Effects,
    ) {
        let State::Completing { sync_by, .. } = self.state else {
            return;
        };
        if generation != self.generation {
            return;
        }
        if let Err(code) = result {
            self.fail_syncs(code, now, fx);
            return self.prepare(now, fx);
        }
        for member in self.members.values_mut() {
            member.assignment = assignment.remove(&member.id).unwrap_or_default();
        }
        self.turn(State::Stable { sync_by }, now);
        self.answer_syncs(now, fx);
    }

    fn answer_syncs(&mut self, now: Now, fx: &mut Effects) {
        let ids: Vec<String> = self.members.keys().cloned().collect();
        for id in ids {
            let synced = self.synced(&id);
            let member = self.member_mut(&id);
            if let Waiting::Sync(ticket) = member.waiting {
                member.waiting = Waiting::Nothing;
                member.heard(now.at);
                fx.sync(ticket, Ok(synced));
            }
        }
    }

    /// Takes all assignments back and ends every SyncGroup that waits.
    pub(super) fn fail_syncs(&mut self, code: ResponseError, now: Now, fx: &mut Effects) {
        for member in self.members.values_mut() {
            member.assignment.clear();
            if let Waiting::Sync(ticket) = member.waiting {
                member.waiting = Waiting::Nothing;
                member.heard(now.at);
                fx.sync(ticket, Err(code));
            }
        }
    }

    fn synced(&self, id: &str) -> Synced {
        Synced {
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            assignment: self
                .members
                .get(id)
                .map(|member| member.assignment.clone())
                .unwrap_or_default(),
        }
    }
}
