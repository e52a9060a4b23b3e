//! All groups of one partition of `__consumer_offsets`, still pure.
//!
//! Holds what the log says, plus what members are doing about it. Keeps one timer queue over all
//! groups and drops groups of which nothing is left. Never reads a clock and never writes: the
//! shell around it appends the writes in order and reports each one back.

mod replay;
mod requests;
mod upkeep;

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use kafka_protocol::ResponseError;

use super::group::{Done, Effects, Group, Now, Write};
pub(in crate::node::groups) use replay::ReplayMode;
pub(in crate::node::groups) use requests::Commit;
pub(in crate::node::groups) use upkeep::Verdicts;

/// The groups of one partition.
#[derive(Debug, Default)]
pub(in crate::node::groups) struct Coordinator {
    initial_delay: Duration,
    groups: HashMap<String, Group>,
    /// Every group's next deadline.
    timers: BTreeSet<(Instant, String)>,
    /// The deadline under which a group is in `timers`.
    armed: HashMap<String, Instant>,
}

impl Coordinator {
    /// No groups; new ones wait `initial_delay` for more members.
    pub(in crate::node::groups) fn new(initial_delay: Duration) -> Self {
        Self {
            initial_delay,
            ..Self::default()
        }
    }

    /// A group, if there is such a one.
    pub(in crate::node::groups) fn group(&self, id: &str) -> Option<&Group> {
        self.groups.get(id).filter(|group| !group.is_dead())
    }

    /// All groups with their ids.
    pub(in crate::node::groups) fn groups(&self) -> impl Iterator<Item = (&str, &Group)> {
        self.groups.iter().map(|(id, group)| (id.as_str(), group))
    }

    /// When [`Coordinator::expire`] has to be called at the latest.
    pub(in crate::node::groups) fn deadline(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Fires every timer that is due.
    pub(in crate::node::groups) fn expire(&mut self, now: Now, fx: &mut Effects) {
        let due: Vec<String> = self
            .timers
            .iter()
            .take_while(|(at, _)| *at <= now.at)
            .map(|(_, group)| group.clone())
            .collect();
        for id in due {
            self.with(&id, |group| group.expire(now, fx));
        }
    }

    /// A write has ended: what waited for it goes on.
    pub(in crate::node::groups) fn written(
        &mut self,
        write: Write,
        result: Result<(), ResponseError>,
        now: Now,
        fx: &mut Effects,
    ) {
        let id = write.group;
        match write.done {
            Done::Nothing => {}
            Done::Assignment {
                generation,
                assignment,
            } => {
                self.with(&id, |group| {
                    group.assigned(generation, assignment, result, now, fx);
                });
            }
            Done::StaticRejoin { ticket, joined } => {
                self.with(&id, |group| {
                    group.static_rejoined(ticket, *joined, result, now, fx);
                });
            }
            Done::Offsets { changes, ticket } => {
                self.with(&id, |group| group.offsets_mut().end(changes, result));
                fx.written(ticket, result);
            }
            Done::Removal { ticket } => {
                self.removed(&id, result, now);
                fx.written(ticket, result);
            }
        }
    }

    fn removed(&mut self, id: &str, result: Result<(), ResponseError>, now: Now) {
        if result.is_err() {
            self.with(id, |group| group.revive(now));
            return;
        }
        self.groups.remove(id);
        self.arm(id, None);
    }

    /// Changes a group, then looks after its timer and whether it is still needed.
    fn with<R>(&mut self, id: &str, change: impl FnOnce(&mut Group) -> R) -> Option<R> {
        let group = self.groups.get_mut(id)?;
        let result = change(group);
        let deadline = group.deadline();
        if group.is_trace_free() {
            self.groups.remove(id);
        }
        self.arm(id, deadline.filter(|_| self.groups.contains_key(id)));
        Some(result)
    }

    fn arm(&mut self, id: &str, deadline: Option<Instant>) {
        if self.armed.get(id).copied() == deadline {
            return;
        }
        if let Some(before) = self.armed.remove(id) {
            self.timers.remove(&(before, id.to_owned()));
        }
        if let Some(at) = deadline {
            self.armed.insert(id.to_owned(), at);
            self.timers.insert((at, id.to_owned()));
        }
    }
}
