//! Asks one node again and again what it knows of the cluster, and records what changes.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::watch;

use super::leaders::Leaders;
use super::recorder::Recorder;
use crate::client::admin::{Admin, ClusterView, PartitionView, TopicView};
use crate::client::{CallError, ErrorCode};
use crate::scenarios::history::{Event, MetadataSeen, PartitionSeen, TopicPartition, TopicSeen};
use crate::spec::NodeId;

/// Between two questions: the resolution of the election time.
const ASK_EVERY: Duration = Duration::from_millis(5);
/// A node that is slower is asked anew.
const ANSWER_WITHIN: Duration = Duration::from_millis(250);

/// One node and where what it says is noted.
#[derive(Debug, Clone)]
pub(super) struct Observer {
    pub(super) recorder: Recorder,
    pub(super) leaders: Leaders,
    pub(super) node: NodeId,
    pub(super) addr: SocketAddr,
}

impl Observer {
    /// Asks until told to stop.
    pub(super) async fn run(self, mut stop: watch::Receiver<bool>) {
        tokio::select! {
            biased;
            _told = stop.wait_for(|stop| *stop) => {}
            () = self.watch() => {}
        }
    }

    async fn watch(&self) {
        let mut ticks = tokio::time::interval(ASK_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (mut admin, mut last) = (None, None);
        loop {
            ticks.tick().await;
            let Ok((asked, seen)) = self.ask(admin.take()).await else {
                continue;
            };
            admin = Some(asked);
            let same =
                |last: &MetadataSeen| last.brokers == seen.brokers && last.topics == seen.topics;
            if !last.as_ref().is_some_and(same) {
                self.recorder.record(Event::Metadata(seen.clone()));
                last = Some(seen);
            }
        }
    }

    async fn ask(&self, admin: Option<Admin>) -> Result<(Admin, MetadataSeen), CallError> {
        let admin = match admin {
            Some(admin) => admin,
            None => Admin::connect(self.addr, ANSWER_WITHIN).await?,
        };
        let view = admin.metadata(None).await?;
        self.tell_leaders(&view);
        Ok((admin, seen(&self.recorder, self.node, &view)))
    }

    fn tell_leaders(&self, view: &ClusterView) {
        let names = self.recorder.look(|history| {
            let names = history.topics.iter().map(|topic| topic.name.clone());
            names.collect::<Vec<_>>()
        });
        for (number, name) in (0..).zip(names.unwrap_or_default()) {
            for partition in view
                .topic(&name)
                .into_iter()
                .flat_map(|topic| &topic.partitions)
            {
                if let Some(leader) = partition.leader {
                    let at = TopicPartition(number, partition.index);
                    self.leaders.told(at, partition.epoch, leader);
                }
            }
        }
    }
}

/// An answer as the history holds it, answered now.
pub fn seen(recorder: &Recorder, node: NodeId, view: &ClusterView) -> MetadataSeen {
    MetadataSeen {
        at: recorder.now(),
        node,
        brokers: view.brokers.iter().map(|broker| broker.id).collect(),
        topics: view.topics.iter().map(topic_seen).collect(),
    }
}

fn topic_seen(topic: &TopicView) -> TopicSeen {
    TopicSeen {
        name: topic.name.clone(),
        error: code(topic.error),
        partitions: topic.partitions.iter().map(partition_seen).collect(),
    }
}

fn partition_seen(partition: &PartitionView) -> PartitionSeen {
    PartitionSeen {
        partition: partition.index,
        leader: partition.leader,
        epoch: partition.epoch,
        replicas: partition.replicas.clone(),
        isr: partition.isr.clone(),
        error: code(partition.error),
    }
}

fn code(error: Option<ErrorCode>) -> i16 {
    error.map_or(0, |code| code.0)
}
