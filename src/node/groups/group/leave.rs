//! Heartbeats, and the three ways out of a group: LeaveGroup, silence, and being late.

use kafka_protocol::ResponseError;

use super::{Effects, Group, Now, State};

/// A member that leaves or is removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::node::groups) struct Leaver {
    /// Empty to remove a static member by its instance id alone.
    pub(in crate::node::groups) member_id: String,
    /// The instance id, for a static member.
    pub(in crate::node::groups) instance: Option<String>,
}

impl Group {
    /// Notes that a member lives, and tells it whether to rejoin.
    pub(in crate::node::groups) fn heartbeat(
        &mut self,
        member_id: &str,
        instance: Option<&str>,
        generation: i32,
        now: Now,
    ) -> Result<(), ResponseError> {
        if self.is_dead() {
            return Err(ResponseError::CoordinatorNotAvailable);
        }
        self.validate(member_id, instance)?;
        if generation != self.generation {
            return Err(ResponseError::IllegalGeneration);
        }
        self.member_mut(member_id).heard(now.at);
        match self.state {
            State::Empty | State::Dead => Err(ResponseError::UnknownMemberId),
            State::Preparing(_) => Err(ResponseError::RebalanceInProgress),
            State::Completing { .. } | State::Stable { .. } => Ok(()),
        }
    }

    /// Lets a member go.
    pub(in crate::node::groups) fn leave(
        &mut self,
        leaver: &Leaver,
        now: Now,
        fx: &mut Effects,
    ) -> Result<(), ResponseError> {
        if self.is_dead() {
            return Err(ResponseError::CoordinatorNotAvailable);
        }
        if self.pending.remove(&leaver.member_id).is_some() {
            self.try_complete_join(now, fx);
            return Ok(());
        }
        let id = self.leaving_member(leaver)?;
        self.remove_member(&id, now, fx);
        Ok(())
    }

    fn leaving_member(&self, leaver: &Leaver) -> Result<String, ResponseError> {
        let instance = leaver.instance.as_deref();
        if !leaver.member_id.is_empty() {
            self.validate(&leaver.member_id, instance)?;
            return Ok(leaver.member_id.clone());
        }
        let current = instance.and_then(|instance| self.statics.get(instance));
        current.cloned().ok_or(ResponseError::UnknownMemberId)
    }

    /// Fires every timer that is due; [`Group::deadline`] says when to call it again.
    pub(in crate::node::groups) fn expire(&mut self, now: Now, fx: &mut Effects) {
        let pending = self.pending.len();
        self.pending.retain(|_, lapses| *lapses > now.at);
        if self.pending.len() < pending {
            self.try_complete_join(now, fx);
        }
        for id in self.silent_members(now) {
            self.remove_member(&id, now, fx);
        }
        match &self.state {
            State::Preparing(barrier) if barrier.until <= now.at => self.barrier_expired(now, fx),
            State::Completing { sync_by, .. } | State::Stable { sync_by }
                if *sync_by <= now.at && !self.unsynced.is_empty() =>
            {
                self.drop_unsynced(now, fx);
            }
            _ => {}
        }
    }

    fn silent_members(&self, now: Now) -> Vec<String> {
        self.members
            .values()
            .filter(|member| member.deadline().is_some_and(|at| at <= now.at))
            .map(|member| member.id.clone())
            .collect()
    }

    /// Members that joined a generation and never asked for their assignment.
    fn drop_unsynced(&mut self, now: Now, fx: &mut Effects) {
        for id in std::mem::take(&mut self.unsynced) {
            self.remove_member(&id, now, fx);
        }
    }

    /// Removes a member, which makes a rebalance of the others.
    fn remove_member(&mut self, id: &str, now: Now, fx: &mut Effects) {
        let Some(waiting) = self.forget_member(id) else {
            return;
        };
        // A client that is still there joins again, as a new member.
        fx.fail(waiting, ResponseError::UnknownMemberId);
        self.prepare(now, fx);
        self.try_complete_join(now, fx);
    }

    /// Takes a member out of all tables and returns what it was waiting for.
    pub(super) fn forget_member(&mut self, id: &str) -> Option<super::Waiting> {
        let member = self.members.remove(id)?;
        self.unsynced.remove(id);
        if let Some(instance) = &member.instance
            && self
                .statics
                .get(instance)
                .is_some_and(|current| current == id)
        {
            self.statics.remove(instance);
        }
        if self.is_leader(id) {
            self.leader = self.first_member();
        }
        Some(member.waiting)
    }
}
