//! What a scenario's phases are made of: topics, load, faults, waits, promises.
//!
//! Each step is a condition with a deadline. What the cluster owes within a deadline and does not
//! do is [`Halt::Late`], which the runner turns into a broken promise.

use std::time::Duration;

use tokio::time::Instant;

use super::Plan;
use super::starvation::Starvation;
use super::target::{Site, Target};
use crate::client::admin::{self, ClusterView};
use crate::scenarios::halt::{Halt, until, until_now};
use crate::scenarios::history::{
    Event, FaultId, Found, Healed, LEAST_ACKS, LogEnd, Micros, Milestone, Phase, PhaseMark,
    Promise, TopicPartition,
};
use crate::scenarios::metrics::{REJOINED, largest_gap};
use crate::scenarios::nemesis::Nemesis;
use crate::scenarios::workload::{Arena, Cast, Field, Observers, Replica, Searchers, Workload};
use crate::spec::NodeId;

/// Liveness: progress whenever a quorum can talk.
pub(in crate::scenarios) const PROGRESS_WITHIN: Duration = Duration::from_secs(10);
/// Longer than any fault of a scenario.
const FAULTS_LAST: Duration = Duration::from_mins(1);
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// A cluster with a scenario on it.
#[derive(Debug)]
pub struct Stage {
    /// What all clients share.
    pub arena: Arena,
    /// Breaks and mends; absent where nothing can be broken.
    pub nemesis: Option<Nemesis>,
    /// The topics so far.
    pub fields: Vec<Field>,
    pub(super) site: Site,
    pub(super) workloads: Vec<Workload>,
    /// Topics under endless load: those that acks are waited for from.
    pub(super) loaded: Vec<Field>,
    pub(super) messages: u64,
    pub(super) seed: u64,
    size: usize,
    pub(super) prefix: String,
    observers: Option<Observers>,
    pub(super) searching: Option<Searchers>,
    pub(super) starvation: Starvation,
}

impl Stage {
    pub(super) fn new(plan: &Plan, prefix: String, arena: Arena, site: Site) -> Self {
        let handle = site.handle.clone();
        // A cluster that is started for the scenario ends with it.
        let lasting = matches!(plan.target, Target::Named(_)).then_some(FAULTS_LAST);
        Self {
            nemesis: handle.map(|handle| Nemesis::new(handle, &arena, lasting)),
            observers: Some(Observers::start(&arena)),
            searching: None,
            fields: Vec::new(),
            site,
            workloads: Vec::new(),
            loaded: Vec::new(),
            messages: plan.messages,
            seed: plan.seed,
            size: plan.size,
            prefix,
            arena,
            starvation: Starvation::watch(),
        }
    }

    /// The nodes, in order.
    pub fn nodes(&self) -> Vec<NodeId> {
        self.arena.brokers.keys().copied().collect()
    }

    /// The nodes besides some.
    pub fn others(&self, but: &[NodeId]) -> Vec<NodeId> {
        let mut nodes = self.nodes();
        nodes.retain(|node| !but.contains(node));
        nodes
    }

    /// Records that `topic-replication` and others send.
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// The time on the scenario's clock.
    pub fn now(&self) -> Micros {
        self.arena.recorder.now()
    }

    /// Says what is being done.
    pub fn step(&self, step: &str) {
        self.arena.recorder.step(step);
    }

    /// Breaks and mends; an error where nothing can be broken.
    pub fn nemesis(&mut self) -> Result<&mut Nemesis, Halt> {
        let none = || Halt::Unfit(String::from("nothing can be broken on this cluster"));
        self.nemesis.as_mut().ok_or_else(none)
    }

    /// What each node says of the cluster, asked afresh.
    pub async fn views(&self) -> Result<Vec<(NodeId, ClusterView)>, String> {
        let asked = self.arena.brokers.iter().map(async |(node, addr)| {
            let view = admin::metadata(*addr, None, ANSWER_WITHIN).await;
            let view = view.map_err(|error| format!("{node}: {error}"))?;
            Ok::<_, String>((*node, view))
        });
        futures::future::try_join_all(asked).await
    }

    /// Waits until every node describes a topic alike, with a leader for each partition and all
    /// its replicas in sync.
    pub async fn in_sync(&self, topic: &str, partitions: u32) -> Result<ClusterView, Halt> {
        until(
            "all replicas are in sync again",
            PROGRESS_WITHIN,
            async || {
                let views = self.views().await?;
                let first = views
                    .first()
                    .and_then(|(_, view)| view.topic(topic))
                    .cloned();
                for (node, view) in &views {
                    let found = view
                        .topic(topic)
                        .ok_or(format!("{node} does not know {topic}"))?;
                    let whole = found.error.is_none()
                        && found.partitions.len() == partitions as usize
                        && found.partitions.iter().all(|partition| {
                            partition.leader.is_some()
                                && partition.isr.len() == partition.replicas.len()
                        });
                    if !whole || Some(found) != first.as_ref() {
                        return Err(format!("{node} says {:?}", found.partitions));
                    }
                }
                let view = views.into_iter().next().map(|(_, view)| view);
                view.ok_or_else(|| String::from("there are no nodes"))
            },
        )
        .await
    }

    /// Readies the clients of a topic and lets load begin.
    pub async fn load(&mut self, field: &Field, cast: Cast) -> Result<(), Halt> {
        let workload = Workload::prepare(&self.arena, field, cast, self.size).await?;
        workload.begin();
        self.workloads.push(workload);
        if cast == Cast::Everybody {
            self.loaded.push(field.clone());
        }
        Ok(())
    }

    /// A phase begins.
    pub fn phase(&self, phase: Phase, quorum: bool) {
        let at = self.now();
        let mark = PhaseMark { at, phase, quorum };
        self.arena.recorder.record(Event::Phase(mark));
    }

    /// Load before anything is broken.
    pub async fn before(&self) -> Result<(), Halt> {
        self.phase(Phase::Before, true);
        self.acks("load before the fault").await
    }

    /// Everything is healed; load goes on for a while.
    pub async fn after(&self) -> Result<(), Halt> {
        let at = self.now();
        self.arena.recorder.record(Event::Healed(Healed { at }));
        self.phase(Phase::After, true);
        self.acks("load after healing").await
    }

    /// Waits for enough acks from now on, and for some from every partition that is loaded.
    pub async fn acks(&self, step: &str) -> Result<(), Halt> {
        self.step(step);
        let wanted = self.messages.max(LEAST_ACKS + LEAST_ACKS / 10);
        self.acks_of(wanted).await
    }

    /// Waits for so many acks from now on, and for some from every partition.
    pub async fn acks_of(&self, wanted: u64) -> Result<(), Halt> {
        let since = self.now();
        let partitions: Vec<_> = self.loaded.iter().flat_map(Field::all).collect();
        let each = wanted / (2 * partitions.len().max(1) as u64);
        until_now("load is acked", PROGRESS_WITHIN, || {
            let acked: Vec<u64> = partitions.iter().map(|of| self.acked(*of, since)).collect();
            let all = acked.iter().sum::<u64>();
            if all >= wanted && acked.iter().all(|acked| *acked >= each) {
                return Ok(());
            }
            Err(format!("{all} of {wanted} records, by partition {acked:?}"))
        })
        .await
    }

    /// Records of a partition acked since then.
    pub fn acked(&self, partition: TopicPartition, since: Micros) -> u64 {
        let counted = self.arena.recorder.look(|history| {
            let late = history.attempts.iter().rev();
            let late = late.take_while(|attempt| attempt.answered >= since);
            let acked = late.filter(|one| one.partition == partition && one.acked().is_some());
            acked.map(|attempt| u64::from(attempt.values.1)).sum()
        });
        counted.unwrap_or(0)
    }

    /// The leader of a partition, as the observers hear.
    pub async fn leader(&self, partition: TopicPartition) -> Result<NodeId, Halt> {
        until_now("a partition has a leader", PROGRESS_WITHIN, || {
            let leader = self.arena.leaders.of(partition);
            leader.ok_or_else(|| String::from("no node names one"))
        })
        .await
    }

    /// Waits until none of the old leaders is named for any partition of a topic.
    pub async fn replaced(&self, field: &Field, old: &[NodeId]) -> Result<(), Halt> {
        self.step("waiting for new leaders");
        until_now("another node leads", PROGRESS_WITHIN, || {
            for partition in field.all() {
                match self.arena.leaders.of(partition) {
                    Some(leader) if !old.contains(&leader) => {}
                    leader => {
                        return Err(format!("partition {} is led by {leader:?}", partition.1));
                    }
                }
            }
            Ok(())
        })
        .await
    }

    /// Ends a fault.
    pub async fn mend(&mut self, fault: FaultId) -> Result<(), Halt> {
        self.step("mending");
        self.nemesis()?.end(fault).await
    }

    /// Waits until a restarted node has caught up with every leader, and is in every ISR again.
    pub async fn rejoined(&self, node: NodeId) -> Result<(), Halt> {
        self.step("waiting for the node to catch up");
        for field in &self.fields {
            for partition in field.all() {
                let caught_up = until("a restarted node catches up", PROGRESS_WITHIN, async || {
                    self.caught_up(node, &field.name, partition).await
                });
                for end in caught_up.await? {
                    self.arena.recorder.record(Event::LogEnd(end));
                }
            }
        }
        self.milestone(REJOINED, Some(node));
        Ok(())
    }

    async fn caught_up(
        &self,
        node: NodeId,
        topic: &str,
        partition: TopicPartition,
    ) -> Result<[LogEnd; 2], String> {
        let leader = self
            .arena
            .leaders
            .of(partition)
            .ok_or("no leader is known")?;
        let addr = self.arena.brokers[&leader];
        let view = admin::metadata(addr, Some(&[topic]), ANSWER_WITHIN).await;
        let view = view.map_err(|error| error.to_string())?;
        let found = view
            .topic(topic)
            .and_then(|topic| topic.partition(partition.1));
        let isr = found
            .map(|partition| partition.isr.clone())
            .unwrap_or_default();
        if !isr.contains(&node) {
            return Err(format!("the ISR of partition {} is {isr:?}", partition.1));
        }
        // The leader first: what it had then, the node must have now.
        let led = self.log_end(leader, topic, partition).await?;
        let own = self.log_end(node, topic, partition).await?;
        if own.end < led.end {
            return Err(format!("{node} is at {}, {leader} at {}", own.end, led.end));
        }
        Ok([led, own])
    }

    /// Where a node says that its copy of a partition ends.
    pub async fn log_end(
        &self,
        node: NodeId,
        topic: &str,
        partition: TopicPartition,
    ) -> Result<LogEnd, String> {
        let replica = Replica {
            node,
            addr: self.arena.brokers[&node],
            topic,
            partition,
            goal: 0,
            run: self.arena.run,
        };
        let (_, end) = replica.bounds().await?;
        let at = self.now();
        Ok(LogEnd {
            at,
            node,
            partition,
            end,
        })
    }

    /// A moment that a metric is measured to.
    pub fn milestone(&self, what: &str, node: Option<NodeId>) {
        self.arena.recorder.record(Event::Milestone(Milestone {
            at: self.now(),
            what: what.to_owned(),
            node,
            partition: None,
        }));
    }

    /// Notes what became of a promise.
    pub fn promise(&self, what: &str, kept: Result<(), String>) {
        let found = match kept {
            Ok(()) => Found::Kept,
            Err(why) => Found::Broken { why },
        };
        let (at, what) = (self.now(), what.to_owned());
        self.arena
            .recorder
            .record(Event::Promise(Promise { at, what, found }));
    }

    /// From here on the machine's own lateness counts for the next budget.
    pub fn expect_gap(&self) -> Micros {
        self.starvation.forget();
        self.now()
    }

    /// Promises that no partition went without an ack for longer than `budget` since then.
    pub fn gap_within(&self, since: Micros, budget: Duration) {
        let (to, allowed) = (self.now(), self.allowed(budget));
        let worst = self
            .arena
            .recorder
            .look(|history| largest_gap(history, since, to));
        let what = format!("the largest gap is at most {} ms", budget.as_millis());
        let kept = match worst.flatten() {
            Some(gap) if gap.length() <= allowed => Ok(()),
            Some(gap) => Err(format!(
                "{} have a gap of {:.0} ms from {}; our own timers were late by {:.0} ms",
                gap.what,
                gap.length().as_secs_f64() * 1e3,
                gap.from,
                self.starvation.worst().as_secs_f64() * 1e3,
            )),
            None => Err(String::from("nothing was acked")),
        };
        self.promise(&what, kept);
    }

    /// Records nothing more on its own account.
    pub(super) async fn hush(&mut self) {
        if let Some(observers) = self.observers.take() {
            observers.end();
        }
        if let Some(searching) = self.searching.take() {
            searching.end().await;
        }
        for workload in self.workloads.drain(..) {
            workload.end().await;
        }
        self.site.deafen().await;
    }

    /// Lets all load ebb away and waits until every record is settled.
    pub async fn settle(&mut self) {
        self.step("settling");
        let deadline = Instant::now() + PROGRESS_WITHIN;
        let mut settled = true;
        for workload in &mut self.workloads {
            settled &= workload.ebb(deadline).await;
        }
        let why = String::from("some were still not acked when the deadline passed");
        let kept = if settled { Ok(()) } else { Err(why) };
        self.promise("every record is settled within 10 s of healing", kept);
    }
}
