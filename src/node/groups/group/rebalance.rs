//! The join barrier: from the first reason for a rebalance to the next generation.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::ResponseError;

use super::{Barrier, Done, Effects, Group, Initial, Member, Now, State, Waiting};
use crate::node::groups::limits;

impl Group {
    /// Begins a rebalance unless one is being prepared.
    pub(super) fn prepare(&mut self, now: Now, fx: &mut Effects) {
        match self.state {
            State::Preparing(_) | State::Dead => return,
            State::Empty => return self.prepare_first(now, fx),
            State::Completing { .. } => {
                self.fail_syncs(ResponseError::RebalanceInProgress, now, fx);
            }
            State::Stable { .. } => {}
        }
        self.unsynced.clear();
        self.set_barrier(self.rebalance_timeout(), None, now);
    }

    /// A group that was empty waits for more members, or not at all.
    fn prepare_first(&mut self, now: Now, fx: &mut Effects) {
        let initial = Initial {
            remaining: self.rebalance_timeout().saturating_sub(self.initial_delay),
            joined_since: false,
        };
        self.set_barrier(self.initial_delay, Some(initial), now);
        if self.initial_delay.is_zero() {
            self.complete_join(now, fx);
        }
    }

    fn set_barrier(&mut self, wait: Duration, initial: Option<Initial>, now: Now) {
        let until = now.at + wait;
        self.turn(State::Preparing(Barrier { until, initial }), now);
    }

    /// Ends the barrier when nobody is missing.
    pub(super) fn try_complete_join(&mut self, now: Now, fx: &mut Effects) {
        let State::Preparing(Barrier { initial: None, .. }) = self.state else {
            return;
        };
        let all_joined = self.members.values().all(Member::is_joining);
        if all_joined && self.pending.is_empty() {
            self.complete_join(now, fx);
        }
    }

    /// The barrier's time is up.
    pub(super) fn barrier_expired(&mut self, now: Now, fx: &mut Effects) {
        let State::Preparing(barrier) = &self.state else {
            return;
        };
        match &barrier.initial {
            Some(initial) if initial.joined_since && !initial.remaining.is_zero() => {
                let wait = self.initial_delay.min(initial.remaining);
                let initial = Initial {
                    remaining: initial.remaining.saturating_sub(wait),
                    joined_since: false,
                };
                self.set_barrier(wait, Some(initial), now);
            }
            _ => self.complete_join(now, fx),
        }
    }

    fn complete_join(&mut self, now: Now, fx: &mut Effects) {
        self.drop_laggards();
        if !self.elect_leader() && !self.members.is_empty() {
            // Only static members that did not rejoin are left: their sessions decide.
            let wait = self.rebalance_timeout().max(limits::MIN_BARRIER);
            return self.set_barrier(wait, None, now);
        }
        self.generation = self.generation.checked_add(1).unwrap_or(1);
        if self.members.is_empty() {
            self.end_generation_empty(now, fx);
        } else {
            self.start_generation(now, fx);
        }
    }

    /// Removes dynamic members that did not rejoin.
    fn drop_laggards(&mut self) {
        let late: Vec<String> = self
            .members
            .values()
            .filter(|member| !member.is_joining() && member.instance.is_none())
            .map(|member| member.id.clone())
            .collect();
        for id in late {
            self.forget_member(&id);
        }
    }

    /// Keeps the leader when it rejoined, takes the oldest member that did otherwise.
    fn elect_leader(&mut self) -> bool {
        let leader = self.leader.as_ref().and_then(|id| self.members.get(id));
        if leader.is_some_and(Member::is_joining) {
            return true;
        }
        let joined = self.members.values().filter(|member| member.is_joining());
        let Some(oldest) = joined.min_by_key(|member| member.order) else {
            return false;
        };
        self.leader = Some(oldest.id.clone());
        true
    }

    fn end_generation_empty(&mut self, now: Now, fx: &mut Effects) {
        self.protocol = None;
        self.leader = None;
        self.turn(State::Empty, now);
        let entry = self.entry(&BTreeMap::new());
        fx.writes.push(self.write(entry, Done::Nothing));
    }

    fn start_generation(&mut self, now: Now, fx: &mut Effects) {
        self.protocol = Some(self.choose_protocol());
        let sync_by = now.at + self.rebalance_timeout();
        let storing = false;
        self.turn(State::Completing { storing, sync_by }, now);
        let ids: Vec<String> = self.members.keys().cloned().collect();
        for id in ids {
            let joined = self.joined(&id);
            let member = self.member_mut(&id);
            member.is_new = false;
            member.heard(now.at);
            if let Waiting::Join(ticket) = std::mem::replace(&mut member.waiting, Waiting::Nothing)
            {
                fx.joined(ticket, joined);
            }
            self.unsynced.insert(id);
        }
    }

    /// The strategy that all members offer and most prefer; the oldest member decides a tie.
    pub(super) fn choose_protocol(&self) -> String {
        let mut members: Vec<_> = self.members.values().collect();
        members.sort_by_key(|member| member.order);
        let common = |name: &str| members.iter().all(|member| member.supports(name));
        let mut votes: Vec<(&str, usize)> = Vec::new();
        for member in &members {
            let mut offered = member.protocols.iter().map(|offered| offered.name.as_str());
            let Some(choice) = offered.find(|name| common(name)) else {
                continue;
            };
            match votes.iter_mut().find(|(name, _)| *name == choice) {
                Some((_, count)) => *count += 1,
                None => votes.push((choice, 1)),
            }
        }
        let most = votes.iter().map(|(_, count)| *count).max();
        let winner = votes.iter().find(|(_, count)| Some(*count) == most);
        let (name, _) = winner.expect("nobody joins without a strategy in common");
        (*name).to_owned()
    }

    /// What each member has now.
    pub(super) fn assignment(&self) -> BTreeMap<String, Bytes> {
        self.members
            .values()
            .map(|member| (member.id.clone(), member.assignment.clone()))
            .collect()
    }
}
