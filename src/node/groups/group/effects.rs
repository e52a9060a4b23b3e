//! What the pure part wants done: answers to requests that wait, and records to append.

use std::collections::BTreeMap;
use std::time::Instant;

use bytes::Bytes;
use kafka_protocol::ResponseError;

use super::{Committed, Waiting};
use crate::node::groups::records::Entry;

/// The moment of an event: one clock for timeouts, one for what is stored.
#[derive(Debug, Clone, Copy)]
pub(in crate::node::groups) struct Now {
    /// The monotonic clock.
    pub(in crate::node::groups) at: Instant,
    /// Milliseconds since the epoch.
    pub(in crate::node::groups) wall_ms: i64,
}

/// The name of a request that waits for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::node::groups) struct Ticket(pub(in crate::node::groups) u64);

/// A member as the leader of its group is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::node::groups) struct JoinedMember {
    /// Its id.
    pub(in crate::node::groups) id: String,
    /// Its instance id, for a static member.
    pub(in crate::node::groups) instance: Option<String>,
    /// Its metadata for the chosen strategy.
    pub(in crate::node::groups) metadata: Bytes,
}

/// A JoinGroup that succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::node::groups) struct Joined {
    /// The member's id.
    pub(in crate::node::groups) member_id: String,
    /// The generation it is now part of.
    pub(in crate::node::groups) generation: i32,
    /// The kind of group.
    pub(in crate::node::groups) protocol_type: Option<String>,
    /// The chosen strategy.
    pub(in crate::node::groups) protocol: Option<String>,
    /// The member that assigns.
    pub(in crate::node::groups) leader: String,
    /// Whether a leader must not assign anew (KIP-814).
    pub(in crate::node::groups) skip_assignment: bool,
    /// All members, for the leader only.
    pub(in crate::node::groups) members: Vec<JoinedMember>,
}

/// A JoinGroup that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::node::groups) struct JoinRefused {
    /// Why.
    pub(in crate::node::groups) code: ResponseError,
    /// The id to join with, when the error asks for another attempt (KIP-394).
    pub(in crate::node::groups) member_id: String,
}

/// A SyncGroup that succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::node::groups) struct Synced {
    /// The kind of group.
    pub(in crate::node::groups) protocol_type: Option<String>,
    /// The chosen strategy.
    pub(in crate::node::groups) protocol: Option<String>,
    /// What the member is to do.
    pub(in crate::node::groups) assignment: Bytes,
}

/// The answer to a request that had a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::node::groups) enum Answer {
    /// To JoinGroup.
    Join(Result<Joined, JoinRefused>),
    /// To SyncGroup.
    Sync(Result<Synced, ResponseError>),
    /// To whatever only had to be written.
    Written(Result<(), ResponseError>),
}

/// A change of one committed offset; `None` removes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::node::groups) struct OffsetChange {
    /// The topic.
    pub(in crate::node::groups) topic: String,
    /// The partition of that topic.
    pub(in crate::node::groups) partition: i32,
    /// The new value.
    pub(in crate::node::groups) value: Option<Committed>,
}

/// What follows when a write has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::node::groups) enum Done {
    /// Nothing.
    Nothing,
    /// The leader's assignment is stored: the members may have it.
    Assignment {
        /// Of which generation.
        generation: i32,
        /// By member id.
        assignment: BTreeMap<String, Bytes>,
    },
    /// A static member's new id is stored: it may go on.
    StaticRejoin {
        /// The join that waits.
        ticket: Ticket,
        /// The answer, when nothing came between.
        joined: Box<Joined>,
    },
    /// Offsets are stored: they may be seen.
    Offsets {
        /// Which.
        changes: Vec<OffsetChange>,
        /// The request that waits, if any.
        ticket: Option<Ticket>,
    },
    /// The group's removal is stored.
    Removal {
        /// The request that waits, if any.
        ticket: Option<Ticket>,
    },
}

/// Records to be appended together, in the order in which writes are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::node::groups) struct Write {
    /// The group.
    pub(in crate::node::groups) group: String,
    /// The records.
    pub(in crate::node::groups) entries: Vec<Entry>,
    /// What to do afterwards.
    pub(in crate::node::groups) done: Done,
}

impl Write {
    /// The bytes of its keys and values.
    pub(in crate::node::groups) fn len(&self) -> usize {
        self.entries.iter().map(Entry::len).sum()
    }
}

/// Collects what has to be done.
#[derive(Debug, Default)]
pub(in crate::node::groups) struct Effects {
    /// Answers, each ticket at most once.
    pub(in crate::node::groups) answers: Vec<(Ticket, Answer)>,
    /// Writes, in order.
    pub(in crate::node::groups) writes: Vec<Write>,
}

impl Effects {
    pub(super) fn joined(&mut self, ticket: Ticket, joined: Joined) {
        self.answers.push((ticket, Answer::Join(Ok(joined))));
    }

    /// Answers a JoinGroup with an error.
    pub(in crate::node::groups) fn refuse_join(
        &mut self,
        ticket: Ticket,
        code: ResponseError,
        member_id: &str,
    ) {
        let member_id = member_id.to_owned();
        let refused = JoinRefused { code, member_id };
        self.answers.push((ticket, Answer::Join(Err(refused))));
    }

    /// Answers a SyncGroup.
    pub(in crate::node::groups) fn sync(
        &mut self,
        ticket: Ticket,
        result: Result<Synced, ResponseError>,
    ) {
        self.answers.push((ticket, Answer::Sync(result)));
    }

    /// Answers a request that only waits for a write.
    pub(in crate::node::groups) fn written(
        &mut self,
        ticket: Option<Ticket>,
        result: Result<(), ResponseError>,
    ) {
        if let Some(ticket) = ticket {
            self.answers.push((ticket, Answer::Written(result)));
        }
    }

    /// Ends whatever a member waits for with an error that makes it start over.
    pub(super) fn fail(&mut self, waiting: Waiting, code: ResponseError) {
        match waiting {
            Waiting::Nothing => {}
            Waiting::Join(ticket) => self.refuse_join(ticket, code, ""),
            Waiting::Sync(ticket) => self.sync(ticket, Err(code)),
        }
    }
}
