//! Removal: of groups and offsets on request, of old offsets, and of those of deleted topics.

use std::collections::BTreeSet;

use kafka_protocol::ResponseError;

use super::Coordinator;
use super::requests::entry;
use crate::node::groups::group::{
    Committed, Done, Effects, Group, Now, OffsetChange, Ticket, Write,
};
use crate::node::groups::limits;
use crate::node::groups::records::{Entry, group_key};
use crate::spec::TopicId;

/// What becomes of each of several things, or why none of them was looked at.
pub(in crate::node::groups) type Verdicts = Result<Vec<Result<(), ResponseError>>, ResponseError>;

impl Coordinator {
    /// DeleteGroups: removes an empty group with all its offsets.
    pub(in crate::node::groups) fn delete(
        &mut self,
        id: &str,
        ticket: Ticket,
        now: Now,
        fx: &mut Effects,
    ) {
        let removable = match self.group(id) {
            None => Err(ResponseError::GroupIdNotFound),
            Some(group) if !group.is_empty() => Err(ResponseError::NonEmptyGroup),
            Some(_) => Ok(()),
        };
        match removable {
            Ok(()) => self.remove(id, Some(ticket), now, fx),
            Err(code) => fx.written(Some(ticket), Err(code)),
        }
    }

    fn remove(&mut self, id: &str, ticket: Option<Ticket>, now: Now, fx: &mut Effects) {
        let Some(touched) = self.with(id, |group| {
            group.die(now);
            group.offsets().touched()
        }) else {
            return;
        };
        let mut entries: Vec<Entry> = touched
            .into_iter()
            .map(|(topic, partition)| tombstone(topic, partition))
            .map(|change| entry(id, &change))
            .collect();
        entries.push(Entry {
            key: group_key(id),
            value: None,
        });
        push_in_pieces(id, entries, Done::Removal { ticket }, fx);
    }

    /// OffsetDelete: removes offsets that no member is about to use.
    ///
    /// The ticket is answered when that is stored, or at once with the error of the group.
    pub(in crate::node::groups) fn delete_offsets(
        &mut self,
        id: &str,
        asked: &[(String, i32)],
        ticket: Ticket,
        fx: &mut Effects,
    ) -> Verdicts {
        let group = self.group(id).ok_or(ResponseError::GroupIdNotFound);
        let known = group.and_then(|group| Ok((group.topics_in_use()?, group.offsets().touched())));
        let (in_use, stored) = match known {
            Ok(known) => known,
            Err(code) => {
                fx.written(Some(ticket), Err(code));
                return Err(code);
            }
        };
        let verdict = |topic: &String| {
            let is_free = (!in_use.contains(topic)).then_some(());
            is_free.ok_or(ResponseError::GroupSubscribedToTopic)
        };
        let wanted: BTreeSet<&(String, i32)> = asked.iter().collect();
        let free = stored
            .into_iter()
            .filter(|offset| wanted.contains(offset) && verdict(&offset.0).is_ok());
        self.remove_offsets(id, free.collect(), Some(ticket), fx);
        Ok(asked.iter().map(|(topic, _)| verdict(topic)).collect())
    }

    /// Removes offsets of a group; the ticket, if any, is answered when that is stored.
    pub(in crate::node::groups) fn remove_offsets(
        &mut self,
        id: &str,
        which: Vec<(String, i32)>,
        ticket: Option<Ticket>,
        fx: &mut Effects,
    ) {
        let changes: Vec<OffsetChange> = which
            .into_iter()
            .map(|(topic, partition)| tombstone(topic, partition))
            .collect();
        if changes.is_empty() {
            return fx.written(ticket, Ok(()));
        }
        self.with(id, |group| group.offsets_mut().begin(&changes));
        let entries = changes.iter().map(|change| entry(id, change)).collect();
        push_in_pieces(id, entries, Done::Offsets { changes, ticket }, fx);
    }

    /// Removes what outlived its retention (KIP-211), and groups of which nothing is left.
    pub(in crate::node::groups) fn expire_offsets(&mut self, now: Now, fx: &mut Effects) {
        for (id, old) in self.select_offsets(|group, committed| is_expired(group, committed, now)) {
            self.remove_offsets(&id, old, None, fx);
        }
        let hollow: Vec<String> = self
            .groups
            .iter()
            .filter(|(_, group)| group.is_hollow())
            .map(|(id, _)| id.clone())
            .collect();
        for id in hollow {
            self.remove(&id, None, now, fx);
        }
    }

    /// Removes the offsets of topics that are gone; `current` must be up to date.
    ///
    /// A topic that was deleted and made again has another id: its old offsets go as well.
    pub(in crate::node::groups) fn purge_topics(
        &mut self,
        current: impl Fn(&str) -> Option<TopicId>,
        fx: &mut Effects,
    ) {
        for group in self.groups.values_mut() {
            for (topic, committed) in group.offsets_mut().iter_mut() {
                committed.topic = committed.topic.or_else(|| current(topic));
            }
        }
        let gone = |topic: &str, committed: &Committed| {
            let id = current(topic);
            id.is_none() || committed.topic != id
        };
        let ids: Vec<String> = self.groups.keys().cloned().collect();
        for id in ids {
            let stale = self.groups.get(&id).map(|group| stale(group, gone));
            if let Some(stale) = stale.filter(|stale| !stale.is_empty()) {
                self.remove_offsets(&id, stale, None, fx);
            }
        }
    }

    fn select_offsets(
        &self,
        chosen: impl Fn(&Group, &Committed) -> bool,
    ) -> Vec<(String, Vec<(String, i32)>)> {
        self.groups
            .iter()
            .filter(|(_, group)| group.is_empty())
            .map(|(id, group)| (id.clone(), stale(group, |_, value| chosen(group, value))))
            .filter(|(_, offsets)| !offsets.is_empty())
            .collect()
    }
}

fn stale(group: &Group, chosen: impl Fn(&str, &Committed) -> bool) -> Vec<(String, i32)> {
    let mut found = Vec::new();
    for (topic, partitions) in group.offsets().topics() {
        for (partition, committed) in partitions {
            if chosen(topic, committed) {
                found.push((topic.clone(), *partition));
            }
        }
    }
    found
}

/// Whether an offset of an empty group is too old: counted from when the group became empty, or
/// from the commit where no member ever joined.
fn is_expired(group: &Group, committed: &Committed, now: Now) -> bool {
    if let Some(at) = committed.value.expires_at {
        return now.wall_ms >= at;
    }
    let committed_at = committed.value.committed_at;
    let from = if group.protocol_type().is_empty() || group.since() < 0 {
        committed_at
    } else {
        group.since().max(committed_at)
    };
    let age = now.wall_ms.saturating_sub(from);
    u128::try_from(age).is_ok_and(|age| age >= limits::OFFSETS_RETENTION.as_millis())
}

fn tombstone(topic: String, partition: i32) -> OffsetChange {
    OffsetChange {
        topic,
        partition,
        value: None,
    }
}

/// Writes many records in appends of a bounded size; the last one carries what follows.
fn push_in_pieces(id: &str, entries: Vec<Entry>, done: Done, fx: &mut Effects) {
    let write = |entries, done| Write {
        group: id.to_owned(),
        entries,
        done,
    };
    let mut piece = Vec::new();
    let mut bytes = 0;
    for entry in entries {
        if bytes + entry.len() > limits::RECORD && !piece.is_empty() {
            fx.writes
                .push(write(std::mem::take(&mut piece), Done::Nothing));
            bytes = 0;
        }
        bytes += entry.len();
        piece.push(entry);
    }
    fx.writes.push(write(piece, done));
}
