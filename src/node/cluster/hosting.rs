//! Starts a group for every partition that metadata puts on this node, and ends those that it
//! takes away.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;

use super::Cluster;
use crate::node::metadata::{MetadataImage, TopicImage};
use crate::node::partition::{self, Partition};
use crate::node::raft::{Around, Group, Members, Past};
use crate::node::storage::LogKind;
use crate::spec::{GroupId, NodeId, TopicId};

/// Follows metadata until the node leaves.
pub(in crate::node) async fn run_hosting(cluster: Cluster) {
    let mut image = cluster.watch_image();
    let mut ticks = cluster.inner.around.ticks.clone();
    let mut seen = HashSet::new();
    loop {
        let now = Arc::clone(&image.borrow_and_update());
        let complete = cluster.host_all(&now).await;
        cluster.forget_deleted(&now, &mut seen);
        ticks.mark_unchanged();
        let alive = tokio::select! {
            changed = image.changed() => changed.is_ok(),
            // What could not be started (a full disk, say) is tried again.
            changed = ticks.changed(), if !complete => changed.is_ok(),
        };
        if !alive {
            return;
        }
    }
}

impl Cluster {
    /// Brings what runs in line with metadata; `false` when something could not be started.
    async fn host_all(&self, image: &MetadataImage) -> bool {
        let wanted = wanted(image, self.spec().node);
        let running = self
            .inner
            .partitions
            .read()
            .expect("no holder panics")
            .clone();
        let mut complete = true;
        for (group, (topic, index)) in &wanted {
            if let Some(partition) = running.get(group) {
                self.initialise(partition.raft(), topic, *index);
                continue;
            }
            if let Err(error) = self.host_one(*group, topic, *index).await {
                tracing::error!(%group, topic = topic.name, %error, "cannot start the replica");
                complete = false;
            }
        }
        for (group, _) in running {
            if !wanted.contains_key(&group) {
                self.drop_one(group).await;
            }
        }
        complete
    }

    /// Forgets who led the topics that are gone. One that was never seen here is not gone: after a
    /// start its leader's word may come before its metadata.
    fn forget_deleted(&self, image: &MetadataImage, seen: &mut HashSet<TopicId>) {
        seen.extend(image.topics.values().map(|topic| topic.id));
        let exists = |group: GroupId| {
            let topic = group.topic;
            group.is_metadata() || image.topic_by_id(topic).is_some() || !seen.contains(&topic)
        };
        self.inner.claims.retain(exists);
    }

    async fn host_one(&self, id: GroupId, topic: &Arc<TopicImage>, index: u32) -> io::Result<()> {
        let inner = &self.inner;
        let log = inner
            .storage
            .group(id, LogKind::Records)
            .map_err(io::Error::other)?;
        let (applier, prepared) = partition::prepare(log.clone());
        let assignment = &topic.partitions[index as usize];
        let is_older = topic.created_at <= inner.births.born_at();
        let past = if is_older {
            Past::MayBeLost
        } else {
            Past::Known
        };
        let members = Members {
            me: inner.spec.node,
            voters: assignment.replicas.clone(),
            past,
        };
        let around = Around {
            links: &inner.links,
            signals: &inner.signals,
            tasks: &inner.tasks,
        };
        let group = Group::start(id, members, log, applier, around).await?;
        let around = inner.around.clone();
        let partition = Partition::start(Arc::clone(topic), Arc::clone(&group), prepared, around);
        inner
            .partitions
            .write()
            .expect("no holder panics")
            .insert(id, partition);
        inner.host.insert(Arc::clone(&group));
        self.initialise(&group, topic, index);
        Ok(())
    }

    /// Initialises a new group when metadata names this node for it.
    fn initialise(&self, group: &Arc<Group>, topic: &TopicImage, index: u32) {
        let named = topic.partitions[index as usize].initialiser == self.inner.spec.node;
        let untouched = group.log().state().last.is_none();
        let is_new = untouched
            && !group.may_have_lost_all()
            && !group.repairing()
            && self.leadership(group.id()).epoch < 0;
        if named && is_new {
            let group = Arc::clone(group);
            self.inner
                .tasks
                .spawn(async move { group.initialize().await });
        }
    }

    async fn drop_one(&self, id: GroupId) {
        self.inner
            .partitions
            .write()
            .expect("no holder panics")
            .remove(&id);
        if let Some(group) = self.inner.host.remove(id) {
            group.shutdown().await;
        }
        self.inner.claims.forget(id);
        if let Err(error) = self.inner.storage.remove_group(id) {
            tracing::error!(group = %id, %error, "cannot remove the deleted partition's files");
        }
    }
}

/// The partitions with a replica on `me`.
fn wanted(image: &MetadataImage, me: NodeId) -> HashMap<GroupId, (Arc<TopicImage>, u32)> {
    let mut wanted = HashMap::new();
    for topic in image.topics.values() {
        for (index, partition) in (0..).zip(&topic.partitions) {
            if partition.replicas.contains(&me) {
                wanted.insert(topic.group(index), (Arc::clone(topic), index));
            }
        }
    }
    wanted
}
