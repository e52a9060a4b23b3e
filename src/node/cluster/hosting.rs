//! Starts a group for every partition that metadata puts on this node, and ends those that it
//! takes away.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use super::Cluster;
use crate::node::metadata::{MetadataImage, TopicImage};
use crate::node::partition::{self, Partition};
use crate::node::raft::{Group, Members};
use crate::node::storage::LogKind;
use crate::spec::{GroupId, NodeId};

/// Follows metadata until the node leaves.
pub(in crate::node) async fn run_hosting(cluster: Cluster) {
    let mut image = cluster.watch_image();
    loop {
        let now = Arc::clone(&image.borrow_and_update());
        cluster.host_all(&now).await;
        if image.changed().await.is_err() {
            return;
        }
    }
}

impl Cluster {
    async fn host_all(&self, image: &MetadataImage) {
        let wanted = wanted(image, self.spec().node);
        let running = self
            .inner
            .partitions
            .read()
            .expect("no holder panics")
            .clone();
        for (group, (topic, index)) in &wanted {
            if running.contains_key(group) {
                continue;
            }
            if let Err(error) = self.host_one(*group, topic, *index).await {
                tracing::error!(%group, topic = topic.name, %error, "cannot start the replica");
            }
        }
        for (group, _) in running {
            if !wanted.contains_key(&group) {
                self.drop_one(group).await;
            }
        }
    }

    async fn host_one(&self, id: GroupId, topic: &Arc<TopicImage>, index: u32) -> io::Result<()> {
        let inner = &self.inner;
        let log = inner
            .storage
            .group(id, LogKind::Records)
            .map_err(io::Error::other)?;
        let (applier, prepared) = partition::prepare(log.clone());
        let assignment = &topic.partitions[index as usize];
        let members = Members {
            me: inner.spec.node,
            voters: assignment.replicas.clone(),
        };
        let untouched = log.state().last.is_none();
        let links = inner.links.clone();
        let group = Group::start(id, members, log, applier, links, &inner.tasks).await?;
        let around = inner.around.clone();
        let partition = Partition::start(Arc::clone(topic), Arc::clone(&group), prepared, around);
        inner
            .partitions
            .write()
            .expect("no holder panics")
            .insert(id, partition);
        inner.host.insert(Arc::clone(&group));
        // A replica that lost its disk is empty as well; a group that has had a leader is not new.
        let is_new = untouched && self.leadership(id).epoch < 0;
        if is_new && assignment.initialiser == inner.spec.node {
            inner.tasks.spawn(async move { group.initialize().await });
        }
        Ok(())
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
