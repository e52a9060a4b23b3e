//! The groups that run on this node.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use tokio::sync::watch;

use super::group::Group;
use crate::spec::GroupId;

/// All groups of one node; clones share them.
#[derive(Clone)]
pub(in crate::node) struct Host {
    groups: Arc<RwLock<HashMap<GroupId, Arc<Group>>>>,
    changes: watch::Sender<u64>,
}

impl Default for Host {
    fn default() -> Self {
        Self {
            groups: Arc::default(),
            changes: watch::Sender::new(0),
        }
    }
}

impl Host {
    /// Adds a group that was started.
    pub(in crate::node) fn insert(&self, group: Arc<Group>) {
        let old = self
            .groups
            .write()
            .expect("no holder panics")
            .insert(group.id(), group);
        assert!(old.is_none(), "a group is started once");
        self.changes.send_modify(|count| *count += 1);
    }

    /// Takes a group out, to be shut down.
    pub(in crate::node) fn remove(&self, id: GroupId) -> Option<Arc<Group>> {
        let group = self.groups.write().expect("no holder panics").remove(&id);
        self.changes.send_modify(|count| *count += 1);
        group
    }

    /// A group, when it runs here.
    pub(in crate::node) fn get(&self, id: GroupId) -> Option<Arc<Group>> {
        self.groups
            .read()
            .expect("no holder panics")
            .get(&id)
            .cloned()
    }

    /// A group that may be about to start: metadata reaches replicas within milliseconds of each
    /// other, and the first vote must not be lost to that.
    pub(in crate::node) async fn wait(
        &self,
        id: GroupId,
        deadline: Duration,
    ) -> Option<Arc<Group>> {
        if let Some(group) = self.get(id) {
            return Some(group);
        }
        let mut changes = self.changes.subscribe();
        let appears = changes.wait_for(|_| self.get(id).is_some());
        // A time-out leaves the answer to the look-up below.
        drop(tokio::time::timeout(deadline, appears).await);
        self.get(id)
    }

    /// Every group.
    pub(in crate::node) fn all(&self) -> Vec<Arc<Group>> {
        self.groups
            .read()
            .expect("no holder panics")
            .values()
            .cloned()
            .collect()
    }

    /// Counts groups that came and went.
    pub(in crate::node) fn watch(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}
