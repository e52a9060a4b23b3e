//! A steady load around something that happens: what was acked, and for how long nothing was.
//!
//! Open loop: records are due at their times whatever the cluster does, so that a stall is not
//! hidden. Three phases: before the action, the action, and after it; then what is left is waited
//! for. The action is the caller's; this only measures.

use std::future::Future;
use std::pin::pin;
use std::time::{Duration, Instant};

use super::producer::{
    Acked, Event, Failed, NewRecord, OpenError, Producer, ProducerSettings, Span,
};
use super::timeline::{Gap, Timeline};

/// Records become due in steps of this.
const TICK: Duration = Duration::from_millis(1);

/// The load.
#[derive(Debug, Clone)]
pub struct SteadyPlan {
    /// How to send.
    pub settings: ProducerSettings,
    /// Records a second, for each partition.
    pub per_second: u32,
    /// Bytes of each value.
    pub size: usize,
    /// For how long before the action.
    pub before: Duration,
    /// For how long after it.
    pub after: Duration,
}

/// A record that was acked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AckedRecord {
    /// Its number in its partition, counted from 0; [`value`] has its bytes.
    pub number: u64,
    /// Its offset; `None` when the broker only knows that it has it.
    pub offset: Option<i64>,
}

/// What happened in one partition.
#[derive(Debug, Clone, Default)]
pub struct SteadyPartition {
    /// Records that were sent.
    pub sent: u64,
    /// Records that were acked, in the order of their acks.
    pub acked: Vec<AckedRecord>,
    /// When.
    pub timeline: Timeline,
}

/// What happened.
#[derive(Debug, Clone)]
pub struct SteadyReport {
    /// By partition.
    pub partitions: Vec<SteadyPartition>,
    /// Every attempt that failed.
    pub failed: Vec<Failed>,
    /// Records that were given up.
    pub gave_up: Vec<Span>,
    /// When the load began.
    pub started: Instant,
    /// When the action began.
    pub acted: Instant,
    /// When the last record was due.
    pub stopped: Instant,
    /// When all were answered for.
    pub ended: Instant,
}

impl SteadyReport {
    /// Records acked in all partitions.
    pub fn acked(&self) -> usize {
        let acked = self
            .partitions
            .iter()
            .map(|partition| partition.acked.len());
        acked.sum()
    }

    /// The largest gap of one partition from the action to the end of the load.
    pub fn gap(&self, partition: u32) -> Gap {
        let timeline = &self.partitions[partition as usize].timeline;
        timeline.largest_gap(self.acted, self.stopped)
    }

    /// The largest gap of the partition that waited longest.
    pub fn worst_gap(&self) -> Gap {
        let gaps = (0..self.partitions.len() as u32).map(|partition| self.gap(partition));
        gaps.max_by_key(Gap::length)
            .expect("a topic has a partition")
    }
}

/// The value of a record: unique, it says where it belongs, and is padded to `size` bytes.
pub fn value(topic: &str, partition: u32, number: u64, size: usize) -> Vec<u8> {
    let mut value = format!("{topic}/{partition}/{number}/").into_bytes();
    value.resize(value.len().max(size), b'.');
    value
}

/// Loads the topic's partitions evenly while `action` runs, and for some time around it.
pub async fn while_producing<T>(
    plan: SteadyPlan,
    action: impl Future<Output = T>,
) -> Result<(T, SteadyReport), OpenError> {
    let producer = Producer::open(plan.settings.clone(), plan.settings.attempt_timeout).await?;
    let mut load = Load::start(plan, producer);
    load.run_for(load.plan.before).await;
    load.report.acted = Instant::now();
    let outcome = load.run_beside(action).await;
    load.run_for(load.plan.after).await;
    load.report.stopped = Instant::now();
    load.drain().await;
    load.report.ended = Instant::now();
    Ok((outcome, load.report))
}

struct Load {
    plan: SteadyPlan,
    producer: Producer,
    ticks: tokio::time::Interval,
    report: SteadyReport,
}

impl Load {
    fn start(plan: SteadyPlan, producer: Producer) -> Self {
        let now = Instant::now();
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let partitions = vec![SteadyPartition::default(); producer.partitions() as usize];
        Self {
            plan,
            producer,
            ticks,
            report: SteadyReport {
                partitions,
                failed: Vec::new(),
                gave_up: Vec::new(),
                started: now,
                acted: now,
                stopped: now,
                ended: now,
            },
        }
    }

    async fn run_for(&mut self, time: Duration) {
        self.run_beside(tokio::time::sleep(time)).await;
    }

    async fn run_beside<T>(&mut self, other: impl Future<Output = T>) -> T {
        let mut other = pin!(other);
        loop {
            let idle = !self.producer.is_busy();
            tokio::select! {
                biased;
                _now = self.ticks.tick() => self.push_due(),
                done = &mut other => return done,
                Some(event) = self.producer.next(), if !idle => self.report.note(event),
            }
        }
    }

    async fn drain(&mut self) {
        while self.producer.is_busy() {
            let Some(event) = self.producer.next().await else {
                break;
            };
            self.report.note(event);
        }
    }

    /// Pushes what has become due, with the time at which it was.
    fn push_due(&mut self) {
        let rate = f64::from(self.plan.per_second);
        let due = (self.report.started.elapsed().as_secs_f64() * rate) as u64;
        for (partition, report) in (0..).zip(&mut self.report.partitions) {
            while report.sent < due {
                let at = Duration::from_secs_f64(report.sent as f64 / rate);
                let topic = &self.plan.settings.topic;
                let value = value(topic, partition, report.sent, self.plan.size);
                let record = NewRecord {
                    key: None,
                    value: Some(&value),
                };
                let at = self.report.started + at;
                // What is not taken now is due at the next tick, late as it is.
                if self.producer.push(partition, record, at).is_err() {
                    break;
                }
                report.sent += 1;
            }
        }
    }
}

impl SteadyReport {
    fn note(&mut self, event: Event) {
        match event {
            Event::Acked(ack) => self.partitions[ack.span.partition as usize].note(&ack),
            Event::Failed(failed) => self.failed.push(failed),
            Event::GaveUp(span) => self.gave_up.push(span),
            Event::Unreachable { .. } | Event::Moved { .. } => {}
        }
    }
}

impl SteadyPartition {
    fn note(&mut self, ack: &Acked) {
        self.timeline.ack(ack.at, ack.span.records);
        let records = (0..ack.span.records).map(|record| AckedRecord {
            number: ack.span.first + u64::from(record),
            offset: ack.base_offset.map(|base| base + i64::from(record)),
        });
        self.acked.extend(records);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::fake::FakeCluster;
    use crate::client::read::read_all;

    const SOON: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn a_kill_under_load_loses_nothing_and_shows_its_gap() {
        let mut cluster = FakeCluster::start(3).await;
        cluster.topic("t", 2);
        let plan = SteadyPlan {
            settings: ProducerSettings::new(cluster.addrs(), "t"),
            per_second: 500,
            size: 40,
            before: Duration::from_millis(50),
            after: Duration::from_millis(100),
        };
        let outage = Duration::from_millis(40);
        let action = async {
            cluster.kill(1).await;
            tokio::time::sleep(outage).await;
            cluster.move_leader("t", 0, 3);
        };
        let ((), report) = while_producing(plan, action).await.unwrap();
        assert!(report.gave_up.is_empty());
        assert!(report.gap(0).length() >= outage);
        assert_eq!(report.worst_gap(), report.gap(0));
        for (partition, acked) in (0..).zip(&report.partitions) {
            assert_eq!(acked.acked.len() as u64, acked.sent);
            let end = acked.sent as i64;
            let addr = cluster.addrs()[2];
            let read = read_all(addr, ("t", partition), end, SOON).await.unwrap();
            for (record, acked) in read.iter().zip(&acked.acked) {
                assert_eq!(Some(record.offset), acked.offset);
                let sent = value("t", partition, acked.number, 40);
                assert_eq!(record.value.as_deref(), Some(&sent[..]));
            }
            assert_eq!(read.len() as i64, end);
        }
    }

    #[tokio::test]
    async fn a_log_that_is_too_short_is_told_on() {
        let cluster = FakeCluster::start(1).await;
        cluster.topic("t", 1);
        let addr = cluster.addrs()[0];
        let read = read_all(addr, ("t", 0), 1, Duration::from_millis(30)).await;
        let error = read.unwrap_err().to_string();
        assert!(
            error.ends_with("up to offset 0 only, where 1 were due"),
            "{error}"
        );
    }
}
