//! How fast a cluster acks: a fixed number of records, a fixed number of them unacked.
//!
//! Closed loop: each ack makes room for as many new records, in the same partition, and what waits
//! then goes out as one batch. The topic is the benchmark's own. One record per partition goes
//! ahead and is not counted, so that dialling is not measured.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rand::RngCore;
use tokio::task::JoinSet;

use super::admin::NewTopic;
use super::bootstrap::{self, BootstrapError};
use super::disk;
use super::error::CallError;
use super::latency::{Latencies, Percentiles};
use super::producer::{
    Acked, Acks, Event, Idempotence, NewRecord, OpenError, Packing, Producer, ProducerSettings,
    PushError,
};
use super::timeline::LargestGap;

/// For setting up and cleaning up.
const ADMIN_TIMEOUT: Duration = Duration::from_secs(10);
/// The owner hears of progress this often, at most.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// What to measure.
#[derive(Debug, Clone)]
pub struct BenchPlan {
    /// The cluster.
    pub bootstrap: Vec<SocketAddr>,
    /// How many records.
    pub messages: u64,
    /// Bytes of each value.
    pub size: usize,
    /// How many records are unacked at once, over all partitions.
    pub in_flight: u32,
    /// Whose acknowledgement counts.
    pub acks: Acks,
    /// Partitions of the topic.
    pub partitions: u32,
    /// Whether each record is sent alone.
    pub packing: Packing,
    /// Where the disk is measured.
    pub disk: PathBuf,
}

/// What was measured.
#[derive(Debug, Clone)]
pub struct BenchReport {
    /// Records that were acked.
    pub messages: u64,
    /// Bytes of their values.
    pub bytes: u64,
    /// From the first send to the last ack.
    pub took: Duration,
    /// From each record's send to its ack; `None` when nothing was acked.
    pub latency: Option<Percentiles>,
    /// Records in a batch, on average.
    pub records_per_batch: f64,
    /// The longest time without an ack of the partition that waited longest.
    pub largest_gap: Duration,
    /// Attempts that failed and were made again.
    pub failed_attempts: u64,
    /// Records that were given up.
    pub given_up: u64,
    /// The disk's median 4 KiB write with fdatasync, of many before and as many after the run, when
    /// it could be measured.
    pub sync_p50: Option<Duration>,
    /// The load of the machine before the run.
    pub load_average: Option<f64>,
}

/// How far a benchmark is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Records acked so far.
    pub acked: u64,
    /// Records in all.
    pub of: u64,
    /// Since the first send.
    pub elapsed: Duration,
}

/// Why there is no figure.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// No broker to talk to.
    #[error(transparent)]
    Bootstrap(#[from] BootstrapError),
    /// The topic could not be made.
    #[error("the topic {topic} could not be created: {source}")]
    Create {
        /// The benchmark's topic.
        topic: String,
        /// The broker's reason.
        source: CallError,
    },
    /// The topic could not be removed.
    #[error("the topic {topic} could not be deleted: {source}")]
    Delete {
        /// The benchmark's topic.
        topic: String,
        /// The broker's reason.
        source: CallError,
    },
    /// The producer could not start.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A record did not fit.
    #[error("a record of {size} bytes is not taken: {source}")]
    Push {
        /// Bytes of the value.
        size: usize,
        /// The producer's reason.
        source: PushError,
    },
}

/// A benchmark whose topic exists.
pub struct Bench {
    plan: BenchPlan,
    topic: String,
    producer: Producer,
    sync_times: Vec<Duration>,
    load_average: Option<f64>,
}

impl Bench {
    /// Measures the disk, and creates the topic.
    pub async fn prepare(plan: BenchPlan) -> Result<Self, BenchError> {
        let load_average = disk::load_average();
        let sync_times = measure_disk(plan.disk.clone()).await;
        let topic = format!("chronik-bench-{:08x}", rand::rng().next_u32());
        create(&plan, &topic).await?;
        let mut settings = ProducerSettings::new(plan.bootstrap.clone(), topic.clone());
        settings.acks = plan.acks;
        settings.packing = plan.packing;
        settings.attempt_timeout = Duration::from_secs(5);
        settings.max_unacked = usize::MAX;
        if plan.acks == Acks::One {
            // Kafka promises idempotence with all replicas' acks only.
            settings.idempotence = Idempotence::Off;
        }
        let producer = match Producer::open(settings, ADMIN_TIMEOUT).await {
            Ok(producer) => producer,
            Err(error) => {
                // The first error is the one to be told.
                let _ = delete(&plan.bootstrap, &topic).await;
                return Err(error.into());
            }
        };
        Ok(Self {
            plan,
            topic,
            producer,
            sync_times,
            load_average,
        })
    }

    /// Sends all records. Can be dropped half way; then only [`Bench::clean_up`] is left to call.
    pub async fn run(
        &mut self,
        mut progress: impl FnMut(Progress),
    ) -> Result<BenchReport, BenchError> {
        let mut load = Load::new(&self.plan);
        self.warm_up(&mut load).await?;
        let mut run = Run::start(&self.plan);
        for number in 0..u64::from(self.plan.in_flight).min(self.plan.messages) {
            let partition = (number % u64::from(self.plan.partitions)) as u32;
            load.push(&mut self.producer, partition, run.started)?;
            run.left -= 1;
        }
        while run.answered() < self.plan.messages {
            let Some(event) = self.producer.next().await else {
                break;
            };
            if let Some(freed) = run.note(event) {
                let at = Instant::now();
                for _ in 0..freed.records.min(run.left) {
                    run.left -= 1;
                    let partition = run.next_partition(&self.plan, freed.partition);
                    load.push(&mut self.producer, partition, at)?;
                }
                run.tell(&self.plan, at, &mut progress);
            }
        }
        let times = measure_disk(self.plan.disk.clone()).await;
        self.sync_times.extend(times);
        Ok(run.report(self))
    }

    async fn warm_up(&mut self, load: &mut Load) -> Result<(), BenchError> {
        for partition in 0..self.plan.partitions {
            load.push(&mut self.producer, partition, Instant::now())?;
        }
        while self.producer.is_busy() && self.producer.next().await.is_some() {}
        Ok(())
    }

    /// Deletes the topic.
    pub async fn clean_up(self) -> Result<(), BenchError> {
        let deleted = delete(&self.plan.bootstrap, &self.topic).await?;
        deleted.map_err(|source| BenchError::Delete {
            topic: self.topic,
            source,
        })
    }
}

/// Nothing where it cannot be measured.
async fn measure_disk(dir: PathBuf) -> Vec<Duration> {
    let mut task = JoinSet::new();
    task.spawn_blocking(move || disk::sync_times(&dir));
    match task.join_next().await {
        Some(Ok(Ok(times))) => times,
        _ => Vec::new(),
    }
}

async fn create(plan: &BenchPlan, topic: &str) -> Result<(), BenchError> {
    let admin = bootstrap::controller(&plan.bootstrap, ADMIN_TIMEOUT).await?;
    let new = NewTopic {
        name: topic.to_owned(),
        partitions: Some(plan.partitions),
        ..NewTopic::default()
    };
    let created = admin.create_topic(new).await;
    created.map(|_id| ()).map_err(|source| BenchError::Create {
        topic: topic.to_owned(),
        source,
    })
}

async fn delete(
    addrs: &[SocketAddr],
    topic: &str,
) -> Result<Result<(), CallError>, BootstrapError> {
    let admin = bootstrap::controller(addrs, ADMIN_TIMEOUT).await?;
    Ok(admin.delete_topic(topic).await)
}

/// The values: random bytes that do not compress, each with its number in front.
struct Load {
    value: Vec<u8>,
    next: u64,
}

impl Load {
    fn new(plan: &BenchPlan) -> Self {
        let mut value = vec![0; plan.size];
        rand::rng().fill_bytes(&mut value);
        Self { value, next: 0 }
    }

    fn push(
        &mut self,
        producer: &mut Producer,
        partition: u32,
        at: Instant,
    ) -> Result<(), BenchError> {
        let number = self.next.to_be_bytes();
        let stamped = self.value.len().min(number.len());
        self.value[..stamped].copy_from_slice(&number[..stamped]);
        self.next += 1;
        let record = NewRecord {
            key: None,
            value: Some(&self.value),
        };
        let pushed = producer.push(partition, record, at);
        pushed.map(|_number| ()).map_err(|source| BenchError::Push {
            size: self.value.len(),
            source,
        })
    }
}

/// Records that are answered for, and make room for as many.
struct Freed {
    partition: u32,
    records: u64,
}

/// The figures while they grow.
struct Run {
    started: Instant,
    last_ack: Instant,
    told: Instant,
    left: u64,
    acked: u64,
    batches: u64,
    given_up: u64,
    failed_attempts: u64,
    rotation: u32,
    latencies: Latencies,
    gaps: Vec<LargestGap>,
}

impl Run {
    fn start(plan: &BenchPlan) -> Self {
        let now = Instant::now();
        Self {
            started: now,
            last_ack: now,
            told: now,
            left: plan.messages,
            acked: 0,
            batches: 0,
            given_up: 0,
            failed_attempts: 0,
            rotation: 0,
            latencies: Latencies::default(),
            gaps: vec![LargestGap::default(); plan.partitions as usize],
        }
    }

    fn answered(&self) -> u64 {
        self.acked + self.given_up
    }

    fn note(&mut self, event: Event) -> Option<Freed> {
        match event {
            Event::Acked(ack) => Some(self.note_ack(&ack)),
            Event::GaveUp(span) => {
                self.given_up += u64::from(span.records);
                Some(Freed {
                    partition: span.partition,
                    records: u64::from(span.records),
                })
            }
            Event::Failed(_) => {
                self.failed_attempts += 1;
                None
            }
            Event::Unreachable { .. } | Event::Moved { .. } => None,
        }
    }

    fn note_ack(&mut self, ack: &Acked) -> Freed {
        for run in &ack.runs {
            self.latencies
                .add(ack.at.duration_since(run.at), run.records);
        }
        self.acked += u64::from(ack.span.records);
        self.batches += 1;
        self.last_ack = ack.at;
        self.gaps[ack.span.partition as usize].ack(ack.at);
        Freed {
            partition: ack.span.partition,
            records: u64::from(ack.span.records),
        }
    }

    /// The partition that made the room, or all in turn when there are more of them than records.
    fn next_partition(&mut self, plan: &BenchPlan, freed: u32) -> u32 {
        if plan.in_flight >= plan.partitions {
            return freed;
        }
        self.rotation = (self.rotation + 1) % plan.partitions;
        self.rotation
    }

    fn tell(&mut self, plan: &BenchPlan, now: Instant, progress: &mut impl FnMut(Progress)) {
        if now.duration_since(self.told) < PROGRESS_EVERY {
            return;
        }
        self.told = now;
        progress(Progress {
            acked: self.acked,
            of: plan.messages,
            elapsed: now.duration_since(self.started),
        });
    }

    fn report(&self, bench: &Bench) -> BenchReport {
        let gaps = self.gaps.iter().map(LargestGap::length);
        BenchReport {
            messages: self.acked,
            bytes: self.acked * bench.plan.size as u64,
            took: self.last_ack.duration_since(self.started),
            latency: self.latencies.percentiles(),
            records_per_batch: self.acked as f64 / self.batches.max(1) as f64,
            largest_gap: gaps.max().unwrap_or_default(),
            failed_attempts: self.failed_attempts,
            given_up: self.given_up,
            sync_p50: disk::median(bench.sync_times.clone()),
            load_average: bench.load_average,
        }
    }
}

impl BenchReport {
    /// Acked records per second.
    pub fn messages_per_second(&self) -> f64 {
        self.messages as f64 / self.took.as_secs_f64().max(f64::EPSILON)
    }

    /// Acked megabytes (10^6) of values per second.
    pub fn megabytes_per_second(&self) -> f64 {
        self.bytes as f64 / 1e6 / self.took.as_secs_f64().max(f64::EPSILON)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::fake::FakeCluster;

    async fn run(in_flight: u32, packing: Packing) -> (FakeCluster, BenchReport) {
        let cluster = FakeCluster::start(3).await;
        let dir = tempfile::tempdir().unwrap();
        let plan = BenchPlan {
            bootstrap: cluster.addrs(),
            messages: 1000,
            size: 100,
            in_flight,
            acks: Acks::All,
            partitions: 3,
            packing,
            disk: dir.path().to_owned(),
        };
        let mut bench = Bench::prepare(plan).await.unwrap();
        assert_eq!(cluster.topics().len(), 1);
        let report = bench.run(|_| ()).await.unwrap();
        bench.clean_up().await.unwrap();
        assert!(cluster.topics().is_empty());
        (cluster, report)
    }

    #[tokio::test]
    async fn all_are_acked_and_what_waits_is_batched() {
        let (_, report) = run(90, Packing::Together).await;
        assert_eq!((report.messages, report.bytes), (1000, 100_000));
        assert_eq!((report.failed_attempts, report.given_up), (0, 0));
        assert!(report.records_per_batch > 20.0, "{report:?}");
        assert!(report.latency.unwrap().p50 <= report.latency.unwrap().max);
        assert!(report.messages_per_second() > 0.0);
        assert!(report.sync_p50.is_some());
    }

    #[tokio::test]
    async fn one_in_flight_visits_every_partition() {
        let (cluster, report) = run(1, Packing::Together).await;
        assert_eq!(report.messages, 1000);
        assert!(cluster.batches().iter().all(|records| *records == 1));
        assert!((report.records_per_batch - 1.0).abs() < f64::EPSILON);
    }

    #[tokio::test]
    async fn one_per_request_never_batches() {
        let (cluster, report) = run(90, Packing::OnePerRequest).await;
        assert_eq!(report.messages, 1000);
        assert!(cluster.batches().iter().all(|records| *records == 1));
    }
}
