//! One classic consumer group: a pure state machine without I/O and without a clock.
//!
//! Events come in with their moment, [`Effects`] come out; timers are asked for with
//! [`Group::deadline`] and fire through [`Group::expire`].
//!
//! ```text
//!            join                 all rejoined               assignment stored
//!   Empty ─────────► Preparing ───────────────► Completing ─────────────────► Stable
//!     ▲                │  ▲                         │ join, leave, expiry        │
//!     │   all left     │  └─────────────────────────┴────────────────────────────┘
//!     └────────────────┘             removal: Empty ──► Dead
//! ```
//! Every finished generation is a record before a member sees its assignment, so a group that
//! comes back out of the log is either stable or empty.

mod effects;
mod join;
mod leave;
mod member;
mod offsets;
mod rebalance;
mod subscription;
mod sync;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::ResponseError;

pub(in crate::node::groups) use effects::{
    Answer, Done, Effects, JoinRefused, Joined, JoinedMember, Now, OffsetChange, Synced, Ticket,
    Write,
};
pub(in crate::node::groups) use join::Join;
pub(in crate::node::groups) use leave::Leaver;
pub(in crate::node::groups) use member::{Member, Protocol, Waiting};
pub(in crate::node::groups) use offsets::{Committed, Committer, Offsets};
pub(in crate::node::groups) use sync::Sync;

use super::records::{Entry, GroupValue, group_key};

/// Where a group stands, with what exists only there.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// No members; perhaps offsets.
    Empty,
    /// Members are asked to rejoin.
    Preparing(Barrier),
    /// The leader is asked for an assignment.
    Completing {
        /// Whether it has come and is being written.
        storing: bool,
        /// Who has not sent SyncGroup by then is dropped.
        sync_by: Instant,
    },
    /// Every member can have its assignment.
    Stable {
        /// Who has not sent SyncGroup by then is dropped.
        sync_by: Instant,
    },
    /// About to be removed.
    Dead,
}

/// What a rebalance waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Barrier {
    /// Members that have not joined by then are left behind.
    until: Instant,
    /// Set while a group that was empty waits for more members.
    initial: Option<Initial>,
}

/// The initial delay of a group that was empty.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Initial {
    /// How much longer the delay may be extended.
    remaining: Duration,
    /// Whether somebody joined since it was set, so that it is worth extending.
    joined_since: bool,
}

/// One consumer group.
#[derive(Debug)]
pub(in crate::node::groups) struct Group {
    id: String,
    state: State,
    /// Since when it is in that state, in ms since the epoch.
    since: i64,
    generation: i32,
    protocol_type: Option<String>,
    protocol: Option<String>,
    leader: Option<String>,
    members: BTreeMap<String, Member>,
    /// Static members: instance id to member id.
    statics: BTreeMap<String, String>,
    /// Ids that were given out and not joined with yet, with when they lapse (KIP-394).
    pending: BTreeMap<String, Instant>,
    /// Members of this generation that have not sent SyncGroup.
    unsynced: BTreeSet<String>,
    joins: u64,
    initial_delay: Duration,
    offsets: Offsets,
}

impl Group {
    /// A group that nobody has joined.
    pub(in crate::node::groups) fn new(id: &str, initial_delay: Duration, now: Now) -> Self {
        Self {
            id: id.to_owned(),
            state: State::Empty,
            since: now.wall_ms,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: BTreeMap::new(),
            statics: BTreeMap::new(),
            pending: BTreeMap::new(),
            unsynced: BTreeSet::new(),
            joins: 0,
            initial_delay,
            offsets: Offsets::default(),
        }
    }

    /// Takes over what the log says of this group; its offsets are not touched.
    pub(in crate::node::groups) fn restore(&mut self, value: GroupValue, now: Now) {
        self.clear_membership();
        self.generation = value.generation;
        self.protocol_type = Some(value.protocol_type).filter(|kind| !kind.is_empty());
        self.since = value.since;
        let Some(protocol) = value.protocol.filter(|_| !value.members.is_empty()) else {
            return;
        };
        for (order, member) in value.members.into_iter().enumerate() {
            let member = Member::restore(member, &protocol, order as u64, now.at);
            if let Some(instance) = &member.instance {
                self.statics.insert(instance.clone(), member.id.clone());
            }
            self.members.insert(member.id.clone(), member);
        }
        self.joins = self.members.len() as u64;
        self.leader = value
            .leader
            .filter(|leader| self.members.contains_key(leader))
            .or_else(|| self.first_member());
        self.protocol = Some(protocol);
        self.state = State::Stable { sync_by: now.at };
    }

    /// Forgets the members, as the log's tombstone says; offsets have tombstones of their own.
    pub(in crate::node::groups) fn clear_membership(&mut self) {
        self.state = State::Empty;
        self.generation = 0;
        self.protocol_type = None;
        self.protocol = None;
        self.leader = None;
        self.members.clear();
        self.statics.clear();
        self.pending.clear();
        self.unsynced.clear();
    }

    /// Starts all sessions over: called when loading has ended.
    pub(in crate::node::groups) fn restart_sessions(&mut self, at: Instant) {
        for member in self.members.values_mut() {
            member.heard(at);
        }
    }

    /// The state's name as Kafka spells it.
    pub(in crate::node::groups) fn state_name(&self) -> &'static str {
        match self.state {
            State::Empty => "Empty",
            State::Preparing(_) => "PreparingRebalance",
            State::Completing { .. } => "CompletingRebalance",
            State::Stable { .. } => "Stable",
            State::Dead => "Dead",
        }
    }

    /// "consumer", "connect" and so on; empty when no member ever joined.
    pub(in crate::node::groups) fn protocol_type(&self) -> &str {
        self.protocol_type.as_deref().unwrap_or_default()
    }

    /// The chosen strategy, while the group is stable.
    pub(in crate::node::groups) fn stable_protocol(&self) -> Option<&str> {
        self.protocol
            .as_deref()
            .filter(|_| matches!(self.state, State::Stable { .. }))
    }

    /// All members.
    pub(in crate::node::groups) fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// Bytes that its members hold: what they offer and what they were assigned.
    pub(in crate::node::groups) fn weight(&self) -> usize {
        let weight = |member: &Member| member.metadata_len() + member.assignment.len();
        self.members.values().map(weight).sum()
    }

    /// Whether no member is left.
    pub(in crate::node::groups) fn is_empty(&self) -> bool {
        self.state == State::Empty
    }

    /// Whether it is being removed.
    pub(in crate::node::groups) fn is_dead(&self) -> bool {
        self.state == State::Dead
    }

    /// Whether the log says nothing of it and nobody waits in it: it may be dropped from memory.
    pub(in crate::node::groups) fn is_trace_free(&self) -> bool {
        self.generation == 0 && self.is_hollow()
    }

    /// Whether the log holds its metadata and nothing else, so that it may be removed there too.
    pub(in crate::node::groups) fn is_hollow(&self) -> bool {
        self.is_empty() && self.pending.is_empty() && self.offsets.is_trace_free()
    }

    /// Since when it is in its state, in ms since the epoch; -1 when unknown.
    pub(in crate::node::groups) fn since(&self) -> i64 {
        self.since
    }

    /// Its offsets.
    pub(in crate::node::groups) fn offsets(&self) -> &Offsets {
        &self.offsets
    }

    /// Its offsets, to change them.
    pub(in crate::node::groups) fn offsets_mut(&mut self) -> &mut Offsets {
        &mut self.offsets
    }

    /// Begins its removal; only an empty group can be removed.
    pub(in crate::node::groups) fn die(&mut self, now: Now) {
        assert!(self.is_empty(), "only an empty group is removed");
        self.turn(State::Dead, now);
    }

    /// Gives up its removal: the tombstones could not be written.
    pub(in crate::node::groups) fn revive(&mut self, now: Now) {
        assert!(self.is_dead(), "only a dead group comes back");
        self.turn(State::Empty, now);
    }

    /// When [`Group::expire`] has to be called at the latest.
    pub(in crate::node::groups) fn deadline(&self) -> Option<Instant> {
        let members = self.members.values().filter_map(Member::deadline);
        let pending = self.pending.values().copied();
        let sync_by = |at: Instant| (!self.unsynced.is_empty()).then_some(at);
        let state = match &self.state {
            State::Empty | State::Dead => None,
            State::Preparing(barrier) => Some(barrier.until),
            State::Completing { sync_by: at, .. } | State::Stable { sync_by: at } => sync_by(*at),
        };
        members.chain(pending).chain(state).min()
    }

    fn turn(&mut self, state: State, now: Now) {
        self.state = state;
        self.since = now.wall_ms;
    }

    /// The member behind an id, proven by its instance id when it gave one (KIP-345).
    fn validate(&self, member_id: &str, instance: Option<&str>) -> Result<(), ResponseError> {
        let Some(instance) = instance else {
            let known = self.members.contains_key(member_id);
            return known.then_some(()).ok_or(ResponseError::UnknownMemberId);
        };
        match self.statics.get(instance) {
            None => Err(ResponseError::UnknownMemberId),
            Some(current) if current != member_id => Err(ResponseError::FencedInstanceId),
            Some(_) => Ok(()),
        }
    }

    fn member_mut(&mut self, id: &str) -> &mut Member {
        self.members
            .get_mut(id)
            .expect("the caller has validated the member")
    }

    fn is_leader(&self, member_id: &str) -> bool {
        self.leader.as_deref() == Some(member_id)
    }

    fn first_member(&self) -> Option<String> {
        self.members
            .values()
            .min_by_key(|member| member.order)
            .map(|member| member.id.clone())
    }

    /// The longest time that a member wants for a rebalance.
    fn rebalance_timeout(&self) -> Duration {
        self.members
            .values()
            .map(|member| member.rebalance_timeout)
            .max()
            .unwrap_or_default()
    }

    /// The group's record, with this assignment.
    fn entry(&self, assignment: &BTreeMap<String, Bytes>) -> Entry {
        let protocol = self.protocol.as_deref().unwrap_or_default();
        let mut members: Vec<&Member> = self.members.values().collect();
        members.sort_by_key(|member| member.order);
        let members = members.into_iter().map(|member| {
            let assigned = assignment.get(&member.id).cloned().unwrap_or_default();
            member.value(protocol, assigned)
        });
        let value = GroupValue {
            protocol_type: self.protocol_type().to_owned(),
            generation: self.generation,
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            since: self.since,
            members: members.collect(),
        };
        Entry {
            key: group_key(&self.id),
            value: Some(value.encode()),
        }
    }

    fn write(&self, entry: Entry, done: Done) -> Write {
        Write {
            group: self.id.clone(),
            entries: vec![entry],
            done,
        }
    }
}
