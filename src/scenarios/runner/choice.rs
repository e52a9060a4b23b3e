//! Who is hit, and what else some scenarios wait for.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::stage::{PROGRESS_WITHIN, Stage};
use crate::scenarios::halt::{Halt, until_now};
use crate::scenarios::history::{Micros, ReadAnswer, TopicPartition};
use crate::scenarios::workload::Field;
use crate::spec::NodeId;

impl Stage {
    /// A replica of the partition that leads nothing; the seed chooses.
    pub fn follower(&self, partition: TopicPartition, leaders: &[NodeId]) -> Result<NodeId, Halt> {
        let replicas = self.arena.recorder.look(|history| {
            let replicas = history.replicas_of(partition).iter().copied();
            replicas.filter(|node| !leaders.contains(node)).collect()
        });
        let followers: Vec<NodeId> = replicas.unwrap_or_default();
        let none = || Halt::Unfit(String::from("every replica leads a partition"));
        let turn = self.seed as usize % followers.len().max(1);
        followers.get(turn).copied().ok_or_else(none)
    }

    /// As many nodes as can be lost, this one among them.
    pub fn minority_with(&self, node: NodeId) -> Vec<NodeId> {
        let nodes = self.nodes();
        let size = nodes.len().div_ceil(2) - 1;
        let others = nodes.into_iter().filter(|other| *other != node);
        std::iter::once(node).chain(others).take(size).collect()
    }

    /// As many nodes as are left when the least majority is lost: leaders, as far as there are
    /// any, and the first of them last.
    pub fn minority_of(&self, leaders: &[NodeId]) -> Vec<NodeId> {
        let mut nodes = self.nodes();
        let size = nodes.len().div_ceil(2) - 1;
        nodes.sort_by_key(|node| (!leaders.contains(node), leaders.first() == Some(node)));
        nodes.truncate(size);
        nodes
    }

    /// Where nodes of ours answer HTTP; nothing for other clusters.
    pub fn metrics(&self) -> &BTreeMap<NodeId, SocketAddr> {
        &self.site.metrics
    }

    /// Waits until so many records are acked in all.
    pub async fn all_acked(&self, wanted: u64) -> Result<(), Halt> {
        let rate = 1_000;
        let within = PROGRESS_WITHIN + Duration::from_millis(wanted * 1_000 / rate);
        until_now("every record is acked", within, || {
            match self.arena.recorder.acked() {
                acked if acked >= wanted => Ok(()),
                acked => Err(format!("{acked} of {wanted} records are acked")),
            }
        })
        .await
    }

    /// Waits until readers have come to the end of so many records of a topic.
    pub async fn all_read(&self, field: &Field, wanted: u64) -> Result<(), Halt> {
        until_now("every record is read by a client", PROGRESS_WITHIN, || {
            let ends = self.arena.recorder.look(|history| {
                let mut ends = BTreeMap::new();
                for read in &history.reads {
                    let ReadAnswer::Records { records, .. } = &read.answer else {
                        continue;
                    };
                    let end: &mut i64 = ends.entry(read.partition).or_default();
                    *end = records.end().unwrap_or(0).max(*end);
                }
                ends.retain(|partition, _| partition.0 == field.number);
                ends.into_values().sum::<i64>()
            });
            match ends.unwrap_or(0).unsigned_abs() {
                read if read >= wanted => Ok(()),
                read => Err(format!("{read} of {wanted} records are read")),
            }
        })
        .await
    }

    /// Makes a broken promise of what did not happen in time, and lets the scenario go on.
    pub fn note_late(&self, waited: Result<(), Halt>) -> Result<(), Halt> {
        match waited {
            Err(Halt::Late { what, within, last }) => {
                let what = format!("{what} within {} s", within.as_secs_f64());
                self.promise(&what, Err(last));
                Ok(())
            }
            other => other,
        }
    }

    /// A budget with what the machine took from everybody since [`Stage::expect_gap`].
    pub fn allowed(&self, budget: Duration) -> Duration {
        self.starvation.extend(budget)
    }

    /// Waits until so much time has passed since then: the length of a fault is its own condition.
    pub async fn until_after(&self, since: Micros, length: Duration) -> Result<(), Halt> {
        until_now("time passes", length + PROGRESS_WITHIN, || {
            let passed = self.now().since(since);
            if passed >= length {
                return Ok(());
            }
            Err(format!("{} ms have passed", passed.as_millis()))
        })
        .await
    }

    /// Lets all load ebb away and ends its clients.
    pub async fn pause_load(&mut self) {
        self.step("letting the load end");
        let deadline = Instant::now() + PROGRESS_WITHIN;
        self.loaded.clear();
        for mut workload in self.workloads.drain(..) {
            workload.ebb(deadline).await;
            workload.end().await;
        }
    }
}
