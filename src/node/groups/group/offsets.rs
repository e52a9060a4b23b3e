//! The committed offsets of a group, and who may commit.
//!
//! What is seen here is in the log: a commit changes nothing until its records are committed.

use std::collections::BTreeMap;

use kafka_protocol::ResponseError;

use super::{Group, Now, OffsetChange, State};
use crate::node::groups::records::OffsetValue;
use crate::spec::TopicId;

/// A committed offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::node::groups) struct Committed {
    /// As it is stored.
    pub(in crate::node::groups) value: OffsetValue,
    /// The topic it was committed for; `None` out of the log, until it is looked up.
    pub(in crate::node::groups) topic: Option<TopicId>,
}

/// Who commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::node::groups) struct Committer<'a> {
    /// Empty for a consumer that assigns partitions to itself.
    pub(in crate::node::groups) member_id: &'a str,
    /// The instance id, for a static member.
    pub(in crate::node::groups) instance: Option<&'a str>,
    /// Negative for a consumer that assigns partitions to itself.
    pub(in crate::node::groups) generation: i32,
}

/// Offsets by topic and partition.
#[derive(Debug, Default)]
pub(in crate::node::groups) struct Offsets {
    committed: BTreeMap<String, BTreeMap<i32, Committed>>,
    /// Changes on their way to the log, by topic and partition.
    in_flight: BTreeMap<(String, i32), usize>,
}

impl Offsets {
    /// One offset.
    pub(in crate::node::groups) fn get(&self, topic: &str, partition: i32) -> Option<&Committed> {
        self.committed.get(topic)?.get(&partition)
    }

    /// All of them, by topic.
    pub(in crate::node::groups) fn topics(&self) -> &BTreeMap<String, BTreeMap<i32, Committed>> {
        &self.committed
    }

    /// All of them, to change what the log does not hold.
    pub(in crate::node::groups) fn iter_mut(
        &mut self,
    ) -> impl Iterator<Item = (&str, &mut Committed)> {
        self.committed.iter_mut().flat_map(|(topic, partitions)| {
            partitions
                .values_mut()
                .map(move |committed| (topic.as_str(), committed))
        })
    }

    /// Every topic and partition that the log may hold an offset of.
    pub(in crate::node::groups) fn touched(&self) -> Vec<(String, i32)> {
        let committed = self.committed.iter().flat_map(|(topic, partitions)| {
            partitions
                .keys()
                .map(move |partition| (topic.clone(), *partition))
        });
        let mut all: Vec<_> = committed.chain(self.in_flight.keys().cloned()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    pub(super) fn is_trace_free(&self) -> bool {
        self.committed.is_empty() && self.in_flight.is_empty()
    }

    /// Notes a change that is about to be written.
    pub(in crate::node::groups) fn begin(&mut self, changes: &[OffsetChange]) {
        for change in changes {
            let key = (change.topic.clone(), change.partition);
            *self.in_flight.entry(key).or_default() += 1;
        }
    }

    /// Ends changes that were begun; they are seen from now on when they were `stored`.
    pub(in crate::node::groups) fn end(
        &mut self,
        changes: Vec<OffsetChange>,
        stored: Result<(), ResponseError>,
    ) {
        for change in changes {
            let key = (change.topic.clone(), change.partition);
            if let Some(count) = self.in_flight.get_mut(&key) {
                *count -= 1;
                if *count == 0 {
                    self.in_flight.remove(&key);
                }
            }
            if stored.is_ok() {
                self.apply(change);
            }
        }
    }

    /// Applies what the log holds.
    pub(in crate::node::groups) fn apply(&mut self, change: OffsetChange) {
        if let Some(value) = change.value {
            let partitions = self.committed.entry(change.topic).or_default();
            partitions.insert(change.partition, value);
            return;
        }
        if let Some(partitions) = self.committed.get_mut(&change.topic) {
            partitions.remove(&change.partition);
            if partitions.is_empty() {
                self.committed.remove(&change.topic);
            }
        }
    }
}

impl Group {
    /// Whether this client may commit now; a member is heard of by it.
    pub(in crate::node::groups) fn check_commit(
        &mut self,
        committer: Committer<'_>,
        now: Now,
    ) -> Result<(), ResponseError> {
        if self.is_dead() {
            return Err(ResponseError::CoordinatorNotAvailable);
        }
        if committer.generation < 0 && self.is_empty() {
            return Ok(());
        }
        let names_nobody = committer.generation < 0
            && committer.member_id.is_empty()
            && committer.instance.is_none();
        if names_nobody {
            return Err(ResponseError::UnknownMemberId);
        }
        self.validate(committer.member_id, committer.instance)?;
        if committer.generation != self.generation {
            return Err(ResponseError::IllegalGeneration);
        }
        self.member_mut(committer.member_id).heard(now.at);
        match self.state {
            // It has the answer to its JoinGroup, so it has to finish that first.
            State::Completing { .. } => Err(ResponseError::RebalanceInProgress),
            _ => Ok(()),
        }
    }
}
