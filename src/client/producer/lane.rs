//! One partition's way through the producer; pure, without I/O.
//!
//! ```text
//! push ─► open ─seal─► ready ─take─► flying ─► acked
//!                        ▲             │
//!                        └─ give_back ─┘   in sequence order, when nothing flies any more
//! ```
//! Promises: batches of one identity are numbered without a gap and sent in that order, at most
//! [`MAX_FLYING`] of them unanswered (KIP-98: the broker remembers five).

use std::collections::VecDeque;
use std::time::Instant;

use super::batch::{NewRecord, OpenBatch, SealedBatch};
use crate::client::admin::ProducerIdentity;
use crate::spec::NodeId;

/// Unanswered requests of one partition.
pub(super) const MAX_FLYING: usize = 5;

/// A leader in one of its epochs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Leader {
    pub(super) node: NodeId,
    pub(super) epoch: i32,
}

/// Whom to send to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    Known(Leader),
    /// To be asked for; `silent` is a leader that did not answer, and until when it is not tried.
    Unknown {
        silent: Option<(Leader, Instant)>,
    },
}

/// How batches are numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Numbering {
    /// Not at all: the producer is not idempotent.
    Without,
    /// No identity yet, or the last one is spent.
    Wanted,
    Of(ProducerIdentity),
}

#[derive(Debug)]
pub(super) struct Lane {
    route: Route,
    numbering: Numbering,
    next_sequence: i32,
    next_record: u64,
    open: OpenBatch,
    ready: VecDeque<SealedBatch>,
    flying: VecDeque<SealedBatch>,
    /// A batch was given back: nothing is sent until nothing flies.
    broken: bool,
    /// A batch was given up: what was numbered after it is given up too, then a new identity.
    spent: bool,
}

impl Lane {
    /// A partition without an identity, for a producer that is not idempotent.
    pub(super) fn unnumbered() -> Self {
        Self::new(Numbering::Without)
    }

    /// A partition of an idempotent producer.
    pub(super) fn numbered(identity: ProducerIdentity) -> Self {
        Self::new(Numbering::Of(identity))
    }

    fn new(numbering: Numbering) -> Self {
        Self {
            route: Route::Unknown { silent: None },
            numbering,
            next_sequence: 0,
            next_record: 0,
            open: OpenBatch::default(),
            ready: VecDeque::new(),
            flying: VecDeque::new(),
            broken: false,
            spent: false,
        }
    }

    /// Puts a record into the open batch, which is sealed before it passes `max_batch` bytes.
    ///
    /// `None` when it is full and cannot be sealed, for want of an identity.
    pub(super) fn push(
        &mut self,
        record: NewRecord<'_>,
        at: Instant,
        max_batch: usize,
    ) -> Option<u64> {
        if !self.open.is_empty() && self.open.size() + record.size() > max_batch {
            self.seal();
            if !self.open.is_empty() {
                return None;
            }
        }
        self.open.push(record, at);
        self.next_record += 1;
        Some(self.next_record - 1)
    }

    /// Ends the open batch, so that the next record starts another.
    ///
    /// Without an identity it stays open: sealed bytes cannot be numbered any more.
    pub(super) fn seal(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let identity = match self.numbering {
            Numbering::Wanted => return,
            Numbering::Without => None,
            Numbering::Of(identity) => Some((identity, self.next_sequence)),
        };
        let records = self.open.records();
        let first = self.next_record - u64::from(records);
        self.ready.push_back(self.open.seal(first, identity));
        // Sequence numbers wrap to 0, not to a negative number.
        self.next_sequence = self.next_sequence.wrapping_add(records as i32) & i32::MAX;
    }

    /// The broker that should get the next batch now, if there is one to be sent.
    pub(super) fn wants(&self) -> Option<NodeId> {
        let Route::Known(leader) = self.route else {
            return None;
        };
        let halted = self.spent || (self.broken && !self.flying.is_empty());
        let fits = self.flying.len() < MAX_FLYING;
        (fits && !halted && self.has_sendable()).then_some(leader.node)
    }

    fn has_sendable(&self) -> bool {
        !self.ready.is_empty() || (!self.open.is_empty() && self.numbering != Numbering::Wanted)
    }

    /// The next batch, which now flies.
    pub(super) fn take(&mut self, now: Instant) -> Option<&SealedBatch> {
        self.wants()?;
        if self.ready.is_empty() {
            self.seal();
        }
        let mut batch = self.ready.pop_front()?;
        if self.flying.is_empty() {
            self.broken = false;
        }
        batch.sent = now;
        batch.attempts += 1;
        self.flying.push_back(batch);
        self.flying.back()
    }

    /// The batch that starts with this record, which is answered and flies no more.
    pub(super) fn land(&mut self, first: u64) -> Option<SealedBatch> {
        let at = self.flying.iter().position(|batch| batch.first == first)?;
        self.flying.remove(at)
    }

    /// Whether nothing before this record is unanswered or still to be sent.
    pub(super) fn is_head(&self, first: u64) -> bool {
        let before = |batch: &SealedBatch| batch.first < first;
        !self.flying.iter().any(before) && !self.ready.iter().any(before)
    }

    /// Takes a landed batch back to be sent again, in its old place.
    pub(super) fn give_back(&mut self, batch: SealedBatch) {
        let at = self
            .ready
            .partition_point(|other| other.first < batch.first);
        self.ready.insert(at, batch);
        self.broken = true;
    }

    /// Gives up what is sealed and does not fly; what flies is given up as it fails.
    pub(super) fn give_up(&mut self) -> VecDeque<SealedBatch> {
        self.spent = matches!(self.numbering, Numbering::Of(_));
        std::mem::take(&mut self.ready)
    }

    /// Gives up everything, where nothing flies and the oldest record is from before `born`.
    pub(super) fn expire(&mut self, born: Instant) -> VecDeque<SealedBatch> {
        let oldest = self.ready.front().map(|batch| batch.born);
        let expired = oldest
            .or_else(|| self.open.born())
            .is_some_and(|at| at <= born);
        if !expired || !self.flying.is_empty() {
            return VecDeque::new();
        }
        self.seal();
        if !self.open.is_empty() {
            // Never sent, so that it needs no number.
            let first = self.next_record - u64::from(self.open.records());
            self.ready.push_back(self.open.seal(first, None));
        }
        self.give_up()
    }

    /// Whether batches of this identity are no longer sent.
    pub(super) fn is_spent(&self) -> bool {
        self.spent
    }

    /// Whether the lane waits for a new identity.
    pub(super) fn wants_identity(&mut self) -> bool {
        if self.spent && self.flying.is_empty() {
            self.spent = false;
            self.broken = false;
            self.numbering = Numbering::Wanted;
        }
        self.numbering == Numbering::Wanted
    }

    /// Starts numbering anew.
    pub(super) fn identify(&mut self, identity: ProducerIdentity) {
        assert!(
            self.ready.is_empty() && self.flying.is_empty(),
            "no batch outlives its identity"
        );
        self.numbering = Numbering::Of(identity);
        self.next_sequence = 0;
    }

    /// This broker said that it does not lead, or was not reached: the leader must be asked for.
    ///
    /// One that did not answer is not tried again in the same epoch until `silent`.
    pub(super) fn lose_leader(&mut self, broker: NodeId, silent: Option<Instant>) {
        if let Route::Known(leader) = self.route
            && leader.node == broker
        {
            let silent = silent.map(|until| (leader, until));
            self.route = Route::Unknown { silent };
        }
    }

    /// Whether the leader must be asked for.
    pub(super) fn wants_leader(&self) -> bool {
        matches!(self.route, Route::Unknown { .. })
    }

    /// A broker named this leader; whether it will be tried.
    pub(super) fn follow(&mut self, named: Leader, now: Instant) -> bool {
        let Route::Unknown { silent } = self.route else {
            return false;
        };
        let shunned = silent.is_some_and(|(leader, until)| leader == named && now < until);
        if !shunned {
            self.route = Route::Known(named);
        }
        !shunned
    }

    /// Whether any record is not answered for.
    pub(super) fn is_busy(&self) -> bool {
        !self.open.is_empty() || !self.ready.is_empty() || !self.flying.is_empty()
    }
}

#[cfg(test)]
mod tests;
