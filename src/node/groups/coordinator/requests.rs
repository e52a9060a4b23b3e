//! Requests, as far as they concern whether there is such a group.

use kafka_protocol::ResponseError;

use super::Coordinator;
use crate::node::groups::group::{
    Committer, Done, Effects, Group, Join, Leaver, Now, OffsetChange, Sync, Ticket, Write,
};
use crate::node::groups::limits;
use crate::node::groups::records::{Entry, offset_key};

impl Coordinator {
    /// JoinGroup; a member without an id may found a group.
    pub(in crate::node::groups) fn join(
        &mut self,
        id: &str,
        join: Join,
        now: Now,
        fx: &mut Effects,
    ) {
        if let Err(code) = self.check_weight(&join) {
            return fx.refuse_join(join.ticket, code, &join.member_id);
        }
        if !self.groups.contains_key(id) {
            let founded = if join.member_id.is_empty() {
                self.found(id, now)
            } else {
                Err(ResponseError::UnknownMemberId)
            };
            if let Err(code) = founded {
                return fx.refuse_join(join.ticket, code, &join.member_id);
            }
        }
        self.with(id, |group| group.join(join, now, fx));
    }

    /// SyncGroup.
    pub(in crate::node::groups) fn sync(
        &mut self,
        id: &str,
        sync: Sync,
        now: Now,
        fx: &mut Effects,
    ) {
        let ticket = sync.ticket;
        if self.with(id, |group| group.sync(sync, now, fx)).is_none() {
            fx.sync(ticket, Err(ResponseError::UnknownMemberId));
        }
    }

    /// Heartbeat.
    pub(in crate::node::groups) fn heartbeat(
        &mut self,
        id: &str,
        member: Committer<'_>,
        now: Now,
    ) -> Result<(), ResponseError> {
        self.with(id, |group| {
            group.heartbeat(member.member_id, member.instance, member.generation, now)
        })
        .unwrap_or(Err(ResponseError::UnknownMemberId))
    }

    /// LeaveGroup, one answer for each member.
    pub(in crate::node::groups) fn leave(
        &mut self,
        id: &str,
        leavers: &[Leaver],
        now: Now,
        fx: &mut Effects,
    ) -> Vec<Result<(), ResponseError>> {
        let leave = |group: &mut Group| {
            leavers
                .iter()
                .map(|leaver| group.leave(leaver, now, fx))
                .collect()
        };
        self.with(id, leave)
            .unwrap_or_else(|| vec![Err(ResponseError::UnknownMemberId); leavers.len()])
    }

    /// OffsetCommit; a consumer that assigns partitions to itself may found a group.
    pub(in crate::node::groups) fn commit(
        &mut self,
        id: &str,
        committer: Committer<'_>,
        commit: Commit,
        now: Now,
        fx: &mut Effects,
    ) {
        let ticket = commit.ticket;
        if let Err(code) = self.try_commit(id, committer, commit, now, fx) {
            fx.written(Some(ticket), Err(code));
        }
    }

    fn try_commit(
        &mut self,
        id: &str,
        committer: Committer<'_>,
        commit: Commit,
        now: Now,
        fx: &mut Effects,
    ) -> Result<(), ResponseError> {
        let entries: Vec<Entry> = commit
            .changes
            .iter()
            .map(|change| entry(id, change))
            .collect();
        if entries.iter().map(Entry::len).sum::<usize>() > limits::RECORD {
            return Err(ResponseError::InvalidCommitOffsetSize);
        }
        if !self.groups.contains_key(id) {
            if committer.generation >= 0 {
                return Err(ResponseError::IllegalGeneration);
            }
            self.found(id, now)?;
        }
        let begin = |group: &mut Group| {
            group.check_commit(committer, now)?;
            group.offsets_mut().begin(&commit.changes);
            Ok(())
        };
        self.with(id, begin).expect("the group is there")?;
        let ticket = Some(commit.ticket);
        if entries.is_empty() {
            fx.written(ticket, Ok(()));
            return Ok(());
        }
        let changes = commit.changes;
        fx.writes.push(Write {
            group: id.to_owned(),
            entries,
            done: Done::Offsets { changes, ticket },
        });
        Ok(())
    }

    /// Whether there is room for what the member offers, over all groups.
    fn check_weight(&self, join: &Join) -> Result<(), ResponseError> {
        let offered: usize = join.protocols.iter().map(|it| it.metadata.len()).sum();
        let held: usize = self.groups.values().map(Group::weight).sum();
        let fits = (offered + held <= limits::PARTITION_METADATA).then_some(());
        fits.ok_or(ResponseError::GroupMaxSizeReached)
    }

    fn found(&mut self, id: &str, now: Now) -> Result<(), ResponseError> {
        if self.groups.len() >= limits::GROUPS {
            return Err(ResponseError::GroupMaxSizeReached);
        }
        let group = Group::new(id, self.initial_delay, now);
        self.groups.insert(id.to_owned(), group);
        Ok(())
    }
}

/// Offsets to be committed.
#[derive(Debug, Clone)]
pub(in crate::node::groups) struct Commit {
    /// Whom to answer.
    pub(in crate::node::groups) ticket: Ticket,
    /// Which offsets.
    pub(in crate::node::groups) changes: Vec<OffsetChange>,
}

/// The record of a change.
pub(super) fn entry(group: &str, change: &OffsetChange) -> Entry {
    Entry {
        key: offset_key(group, &change.topic, change.partition),
        value: change.value.as_ref().map(|value| value.value.encode()),
    }
}
