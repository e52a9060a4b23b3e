//! The end of every scenario: fresh clients read every replica, every node's metadata and every
//! group's offsets.

use std::time::Duration;

use tokio::time::Instant;

use super::stage::Stage;
use crate::client::admin::ClusterView;
use crate::scenarios::halt::{Halt, until};
use crate::scenarios::history::{Attempt, Event, Healed, TopicPartition};
use crate::scenarios::workload::{
    Field, Question, Replica, ask_committed, group_of, metadata_seen,
};
use crate::spec::NodeId;

/// From healing to equal logs.
const CONVERGED_WITHIN: Duration = Duration::from_secs(10);

impl Stage {
    /// Settles the load, then reads everything that must be equal.
    pub async fn finale(&mut self) -> Result<(), Halt> {
        self.settle().await;
        self.all_healed();
        for field in self.living() {
            self.in_sync(&field.name, field.partitions).await?;
            self.read_replicas(&field).await?;
        }
        self.read_committed().await?;
        self.read_metadata().await
    }

    /// Mends everything and asks every node for its metadata, since a scenario that could not go
    /// on may owe that to one that knows less than it should. What cannot be mended is told later.
    pub(super) async fn ask_once_more(&mut self) {
        self.step("asking the nodes once more");
        let failures = match &mut self.nemesis {
            Some(nemesis) => nemesis.heal_all().await,
            None => Vec::new(),
        };
        if failures.is_empty() {
            self.all_healed();
            // A node that does not answer has told nothing, which the judge sees.
            drop(self.read_metadata().await);
        }
    }

    /// What is compared at the end was seen after this.
    pub fn all_healed(&self) {
        let at = self.now();
        self.arena.recorder.record(Event::Healed(Healed { at }));
    }

    fn living(&self) -> Vec<Field> {
        let gone = self.arena.recorder.look(|history| {
            let topics = history.deleted.iter().map(|deleted| deleted.topic);
            topics.collect::<Vec<_>>()
        });
        let gone = gone.unwrap_or_default();
        let mut fields = self.fields.clone();
        fields.retain(|field| !gone.contains(&field.number));
        fields
    }

    /// Reads every replica of a topic, all at once.
    pub async fn read_replicas(&self, field: &Field) -> Result<(), Halt> {
        self.step("reading every replica");
        let deadline = Instant::now() + CONVERGED_WITHIN;
        let mut reads = Vec::new();
        for partition in field.all() {
            let goal = self.goal(field, partition).await?;
            for node in self.replicas(partition) {
                reads.push(self.read_replica(field, (partition, node), goal, deadline));
            }
        }
        futures::future::join_all(reads).await;
        Ok(())
    }

    async fn read_replica(
        &self,
        field: &Field,
        (partition, node): (TopicPartition, NodeId),
        goal: i64,
        deadline: Instant,
    ) {
        let Some(addr) = self.arena.brokers.get(&node).copied() else {
            return;
        };
        let replica = Replica {
            node,
            addr,
            topic: &field.name,
            partition,
            goal,
            run: self.arena.run,
        };
        let read = replica.read(&self.arena.recorder, deadline).await;
        self.arena.recorder.record(Event::Replica(read));
    }

    /// Behind the largest acked offset, or the leader's log end where that is more.
    pub(super) async fn goal(&self, field: &Field, partition: TopicPartition) -> Result<i64, Halt> {
        let acked = self.arena.recorder.look(|history| {
            let own = history.attempts.iter();
            let own = own.filter(|attempt| attempt.partition == partition);
            own.filter_map(Attempt::last_offset).max()
        });
        let acked = acked.flatten().map_or(0, |last| last + 1);
        let leader = self.leader(partition).await?;
        let end = until("a leader tells its log end", CONVERGED_WITHIN, async || {
            self.log_end(leader, &field.name, partition).await
        });
        let end = end.await?;
        let goal = acked.max(end.end);
        self.arena.recorder.record(Event::LogEnd(end));
        Ok(goal)
    }

    fn replicas(&self, partition: TopicPartition) -> Vec<NodeId> {
        let replicas =
            |history: &crate::scenarios::history::History| history.replicas_of(partition).to_vec();
        self.arena.recorder.look(replicas).unwrap_or_default()
    }

    /// Asks for what every group has committed that did commit.
    pub async fn read_committed(&self) -> Result<(), Halt> {
        for field in self.living() {
            let group = group_of(&field);
            let commits = self.arena.recorder.look(|history| {
                let mut commits = history.commits.iter();
                commits.any(|commit| *commit.group == *group)
            });
            if commits == Some(true) {
                self.read_group(&field, &group).await?;
            }
        }
        Ok(())
    }

    async fn read_group(&self, field: &Field, group: &str) -> Result<(), Halt> {
        let question = Question {
            group,
            topic: &field.name,
            number: field.number,
            partitions: field.partitions,
        };
        for addr in self.arena.brokers.values() {
            let told = until("a group's offsets are told", CONVERGED_WITHIN, async || {
                ask_committed(&self.arena.recorder, *addr, &question).await
            });
            for committed in told.await? {
                self.arena.recorder.record(Event::Committed(committed));
            }
        }
        Ok(())
    }

    /// Records what every node says at the end, once all say the same or the deadline has passed.
    pub async fn read_metadata(&self) -> Result<(), Halt> {
        let alike = until(
            "every node describes the cluster alike",
            CONVERGED_WITHIN,
            async || {
                let views = self.views().await?;
                match differing(&views) {
                    None => Ok(views),
                    Some(node) => Err(format!("{node} describes another cluster")),
                }
            },
        );
        // What differs is for the judge to say, topic by topic.
        let views = match alike.await {
            Ok(views) => views,
            Err(_late) => {
                let told = until(
                    "every node describes the cluster",
                    CONVERGED_WITHIN,
                    async || self.views().await,
                );
                told.await?
            }
        };
        for (node, view) in views {
            let seen = metadata_seen(&self.arena.recorder, node, &view);
            self.arena.recorder.record(Event::Metadata(seen));
        }
        Ok(())
    }
}

/// A node that lists other brokers or describes a topic otherwise than the first one.
fn differing(views: &[(NodeId, ClusterView)]) -> Option<NodeId> {
    let (_, first) = views.first()?;
    let other = |view: &ClusterView| view.brokers != first.brokers || view.topics != first.topics;
    let found = views.iter().find(|(_, view)| other(view));
    found.map(|(node, _)| *node)
}
