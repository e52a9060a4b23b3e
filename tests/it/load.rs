//! A steady idempotent acks=all load on one topic, and the laws that its records keep.
//!
//! Loads of one topic follow each other, each with all its records answered for; so the log of a
//! partition is exactly their records, one load after the other, and any other log is a broken law.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use chronik_dev::client::producer::ProducerSettings;
use chronik_dev::client::read::read_all;
use chronik_dev::client::steady::{SteadyPlan, SteadyReport, value, while_producing};
use chronik_dev::protocol::records::Record;
use chronik_dev::spec::NodeId;

use crate::cluster::{Cluster, NODES};
use crate::tell::tell;
use crate::wait::until;

const PER_SECOND: u32 = 500;
const SIZE: usize = 100;
const AROUND: Duration = Duration::from_millis(300);
/// For reading a whole replica.
const READ_WITHIN: Duration = Duration::from_mins(1);

/// A topic and what was sent to it.
pub(crate) struct Loaded<'a> {
    cluster: &'a Cluster,
    topic: String,
    around: Duration,
    loads: Vec<SteadyReport>,
}

impl<'a> Loaded<'a> {
    /// A new topic.
    pub(crate) async fn create(cluster: &'a Cluster, topic: &str, partitions: u32) -> Self {
        cluster.create_topic(topic, partitions).await;
        Self::of(cluster, topic)
    }

    /// A topic that is there.
    pub(crate) fn of(cluster: &'a Cluster, topic: &str) -> Self {
        Self {
            cluster,
            topic: topic.to_owned(),
            around: AROUND,
            loads: Vec::new(),
        }
    }

    /// Loads only this long before and after what happens.
    pub(crate) fn around(self, around: Duration) -> Self {
        Self { around, ..self }
    }

    /// Loads the topic while something happens, and waits for all acks.
    pub(crate) async fn during<T>(&mut self, action: impl Future<Output = T>) -> T {
        let plan = SteadyPlan {
            settings: ProducerSettings::new(self.cluster.bootstrap(), self.topic.clone()),
            per_second: PER_SECOND,
            size: SIZE,
            before: self.around,
            after: self.around,
        };
        let (done, report) = while_producing(plan, action)
            .await
            .expect("a producer opens");
        all_acked_once(&report);
        self.loads.push(report);
        done
    }

    /// Loads the topic while nothing happens.
    pub(crate) async fn for_a_moment(&mut self) {
        self.during(async {}).await;
    }

    /// The last load.
    pub(crate) fn last(&self) -> &SteadyReport {
        self.loads.last().expect("there was a load")
    }

    /// Prints the largest gap of the last load, for information.
    pub(crate) fn say_gap(&self, of: &str) {
        let report = self.last();
        let gap = report.worst_gap().length();
        let acked = report.acked();
        tell(&format!(
            "{of}: largest gap {gap:?}, {acked} acked, failed attempts {:?}",
            failures(report)
        ));
    }

    /// The largest gaps of all loads, the median and the maximum.
    pub(crate) fn say_gaps(&self, of: &str) {
        let mut gaps: Vec<Duration> = (self.loads.iter())
            .map(|load| load.worst_gap().length())
            .collect();
        gaps.sort_unstable();
        let (median, largest) = (gaps[gaps.len() / 2], gaps[gaps.len() - 1]);
        tell(&format!(
            "{of}: {} gaps, median {median:?}, largest {largest:?}",
            gaps.len()
        ));
    }

    /// Every replica's log is exactly what was sent, and all offsets are those that were acked.
    pub(crate) async fn judge(&self) {
        self.judge_besides(&[]).await;
    }

    /// The same, where values that were sent beside the loads may be in the log or not.
    pub(crate) async fn judge_besides(&self, beside: &[Vec<u8>]) {
        let partitions = self.loads[0].partitions.len() as u32;
        for partition in 0..partitions {
            let log = self.equal_logs(partition).await;
            let value = |record: &&Record| {
                let value = record.value.as_deref().expect("no tombstone was sent");
                !beside.iter().any(|other| other == value)
            };
            let loaded: Vec<&Record> = log.iter().filter(value).collect();
            self.is_what_was_sent(partition, &loaded);
        }
        self.cluster.nobody_panicked();
    }

    /// The log of one partition, read from each replica and equal on all, record by record.
    pub(crate) async fn equal_logs(&self, partition: u32) -> Vec<Record> {
        let of = (self.topic.as_str(), partition);
        let end = self.common_end(partition).await;
        let mut logs = Vec::new();
        for node in NODES {
            let read = read_all(self.cluster.kafka(node), of, end, READ_WITHIN).await;
            let log = read.unwrap_or_else(|error| panic!("{of:?} of {node}: {error}"));
            logs.push((node, log));
        }
        let (_, first) = logs.swap_remove(0);
        for (node, log) in logs {
            equal(of, (NODES[0], &first), (node, &log));
        }
        first
    }

    /// The log's end, once all replicas say the same and all of it is committed.
    pub(crate) async fn common_end(&self, partition: u32) -> i64 {
        until("all replicas have the same end", async || {
            let mut ends = Vec::new();
            for node in NODES {
                let status = self.cluster.node_status(node).await?;
                let found = (status.partitions.iter())
                    .find(|found| found.topic == self.topic && found.partition == partition);
                let found = found.ok_or_else(|| format!("{node} has no such replica"))?;
                ends.push((found.log_end, found.high_watermark));
            }
            let (first, _) = ends[0];
            if ends.iter().all(|end| *end == (first, first)) {
                Ok(first)
            } else {
                Err(format!("log ends and high watermarks {ends:?}"))
            }
        })
        .await
    }

    fn is_what_was_sent(&self, partition: u32, log: &[&Record]) {
        let loads = self.loads.iter();
        let parts: Vec<_> = loads
            .map(|load| &load.partitions[partition as usize])
            .collect();
        let numbers = parts.iter().enumerate();
        let sent = numbers.flat_map(|(load, part)| (0..part.sent).map(move |n| (load, n)));
        let mut at = 0;
        let mut firsts = vec![0; parts.len()];
        for (load, number) in sent {
            let wanted = value(&self.topic, partition, number, SIZE);
            let found = log.get(at).and_then(|record| record.value.as_deref());
            assert!(
                found == Some(&wanted[..]),
                "{}/{partition}: record {number} of load {load} is lost, late or doubled: position \
                 {at} of {} has {:?}",
                self.topic,
                log.len(),
                found.map(String::from_utf8_lossy)
            );
            if number == 0 {
                firsts[load] = at;
            }
            at += 1;
        }
        assert_eq!(
            log.len(),
            at,
            "{}/{partition} has more than was sent",
            self.topic
        );
        for (part, first) in parts.iter().zip(firsts) {
            for acked in &part.acked {
                let record = log[first + acked.number as usize];
                let offset = acked.offset.unwrap_or(record.offset);
                assert_eq!(
                    record.offset, offset,
                    "the offset of record {}",
                    acked.number
                );
            }
        }
    }
}

/// How often attempts failed in which way.
fn failures(report: &SteadyReport) -> BTreeMap<String, usize> {
    let mut failures = BTreeMap::new();
    for failed in &report.failed {
        *failures.entry(failed.error.to_string()).or_default() += 1;
    }
    failures
}

fn all_acked_once(report: &SteadyReport) {
    assert!(report.gave_up.is_empty(), "gave up: {:?}", report.gave_up);
    for (partition, part) in report.partitions.iter().enumerate() {
        let mut numbers: Vec<u64> = part.acked.iter().map(|acked| acked.number).collect();
        numbers.sort_unstable();
        assert!(
            numbers.iter().copied().eq(0..part.sent),
            "partition {partition}: acks"
        );
        assert!(part.sent > 0, "partition {partition}: nothing was sent");
    }
}

fn equal(of: (&str, u32), one: (NodeId, &[Record]), other: (NodeId, &[Record])) {
    let ((one, first), (other, second)) = (one, other);
    for (left, right) in first.iter().zip(second) {
        assert_eq!(left, right, "{of:?} differs between {one} and {other}");
    }
    assert_eq!(first.len(), second.len(), "{of:?} of {one} and {other}");
}
