//! From the log back into memory.

use bytes::Bytes;

use super::Coordinator;
use crate::node::bugs;
use crate::node::groups::group::{Committed, Group, Now, OffsetChange};
use crate::node::groups::records::{GroupValue, Key, OffsetValue, RecordError};

/// What a replay is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::node::groups) enum ReplayMode {
    /// Loading: everything counts.
    Load,
    /// Records of our own whose append seemed to have failed: only offsets count, since the
    /// members have long gone on to another generation.
    CatchUp,
}

impl Coordinator {
    /// Applies one record of the log, in its order.
    pub(in crate::node::groups) fn replay(
        &mut self,
        key: &[u8],
        value: Option<&Bytes>,
        mode: ReplayMode,
        now: Now,
    ) -> Result<(), RecordError> {
        match Key::decode(key)? {
            Key::Offset {
                group,
                topic,
                partition,
            } => {
                let value = value.map(|value| OffsetValue::decode(value)).transpose()?;
                let value = value.map(|value| OffsetValue {
                    offset: bugs::loaded_offset(value.offset),
                    ..value
                });
                let value = value.map(|value| Committed { value, topic: None });
                let change = OffsetChange {
                    topic,
                    partition,
                    value,
                };
                self.replay_offset(&group, change, mode, now);
            }
            Key::Group { group } if mode == ReplayMode::Load => {
                let value = value.map(|value| GroupValue::decode(value)).transpose()?;
                self.replay_group(&group, value, now);
            }
            Key::Group { .. } | Key::Foreign(_) => {}
        }
        Ok(())
    }

    fn replay_offset(&mut self, id: &str, change: OffsetChange, mode: ReplayMode, now: Now) {
        if change.value.is_none() && !self.groups.contains_key(id) {
            return;
        }
        self.entry(id, now).offsets_mut().apply(change);
        if mode == ReplayMode::CatchUp {
            self.with(id, |_| ());
        }
    }

    fn replay_group(&mut self, id: &str, value: Option<GroupValue>, now: Now) {
        match value {
            Some(value) => self.entry(id, now).restore(value, now),
            None => {
                if let Some(group) = self.groups.get_mut(id) {
                    group.clear_membership();
                }
            }
        }
    }

    fn entry(&mut self, id: &str, now: Now) -> &mut Group {
        let delay = self.initial_delay;
        self.groups
            .entry(id.to_owned())
            .or_insert_with(|| Group::new(id, delay, now))
    }

    /// Ends loading: drops what tombstones have emptied and starts the members' sessions.
    pub(in crate::node::groups) fn loaded(&mut self, now: Now) {
        let ids: Vec<String> = self.groups.keys().cloned().collect();
        for id in ids {
            self.with(&id, |group| group.restart_sessions(now.at));
        }
    }
}
