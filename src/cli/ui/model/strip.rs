//! Acks over time: how many records became committed in each tenth of a second, and where nothing
//! did although it should.
//!
//! The numbers are the nodes' own: the high watermark of each partition, the highest that any node
//! names. It moves when a record is committed, which is the moment at which an acks=all producer
//! is answered; so every client's records show, ours and foreign ones. Records of internal topics
//! (`__consumer_offsets`) are left out. A partition that is seen for the first time adds nothing.
//!
//! A partition that took records steadily and takes none is *stalled*. Samples are twice as close
//! as the columns of the strip: a stall of a tenth of a second holds a whole sample, wherever it
//! begins, and so it always marks a column. Where half a second later nothing is wrong anywhere in
//! the cluster, nobody sends any more: the flow has ended, and its marks are taken back.

use std::collections::{HashMap, VecDeque};

use crate::spec::{NodeStatus, TopicId};

/// Samples in a column.
const SAMPLES: u32 = 2;
/// Columns that are kept: a minute, more than any screen shows.
const KEPT: usize = 600;
/// Samples in a row that make a flow steady.
const STEADY: u32 = 10;
/// No flow is steadier than twice that.
const MOST_STEADY: u32 = 2 * STEADY;
/// Records in each of them; a slower flow has empty samples by chance.
const FLOW: i64 = 2;
/// What a sample with fewer takes back.
const WEAKENS: u32 = 2;
/// A flow that has stalled for so many samples (fifteen seconds) has ended.
const ENDED: u32 = 300;
/// The same while every node is well (half a second): an outage shows in the nodes by then.
const ENDED_IN_PEACE: u32 = 10;

/// A column of the strip.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::cli::ui) struct Column {
    /// Records committed in it.
    pub(in crate::cli::ui) acked: u64,
    /// Partitions that stalled in it.
    pub(in crate::cli::ui) stalled: usize,
}

impl Column {
    /// Nothing, where there should be something.
    pub(in crate::cli::ui) fn is_gap(self) -> bool {
        self.acked == 0 && self.stalled > 0
    }
}

/// The columns, the newest last.
#[derive(Debug, Default)]
pub(in crate::cli::ui) struct Strip {
    flows: HashMap<(TopicId, u32), Flow>,
    columns: VecDeque<Column>,
    open: Column,
    filled: u32,
}

/// One partition.
#[derive(Debug, Default)]
struct Flow {
    high: i64,
    risen: i64,
    steady: u32,
    stalled: u32,
    /// Samples of the stall in which all were well, as long as there was no other.
    peaceful: Option<u32>,
}

/// What a partition did in a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    /// Nothing that is worth a mark.
    Usual,
    /// Nothing, where there should have been something.
    Stalled,
    /// Nobody sends: the last so many samples were no stall.
    Ended(u32),
}

/// How the cluster is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    /// Every node answers, serves, hears all others and knows all leaders.
    Well,
    /// Not so.
    Troubled,
}

/// What the nodes said at one moment.
#[derive(Debug, Clone, Default)]
pub(in crate::cli::ui) struct Sample {
    /// For how many samples it stands: more than one where it came late.
    pub(in crate::cli::ui) spans: u32,
    /// What was answered.
    pub(in crate::cli::ui) seen: Vec<NodeStatus>,
    /// Nodes that did not answer.
    pub(in crate::cli::ui) silent: usize,
}

impl Strip {
    /// Takes a sample; says whether the strip looks different.
    pub(in crate::cli::ui) fn sample(&mut self, sample: &Sample) -> bool {
        let (acked, stalled) = self.count(sample);
        let spans = u64::from(sample.spans);
        let mut changed = false;
        for span in 0..spans {
            // What cannot be told apart is spread evenly.
            let share = acked * (span + 1) / spans - acked * span / spans;
            changed |= self.fill(share, stalled);
        }
        changed
    }

    fn count(&mut self, sample: &Sample) -> (u64, usize) {
        let highest = highest(&sample.seen);
        if sample.silent == 0 {
            // Every node answered and none has it: its topic is deleted.
            self.flows.retain(|key, _| highest.contains_key(key));
        }
        for (key, high) in highest {
            let new = || Flow {
                high,
                ..Flow::default()
            };
            self.flows.entry(key).or_insert_with(new).rise(high);
        }
        let risen: i64 = self.flows.values().map(|flow| flow.risen).sum();
        let (health, flows) = (sample.health(), self.flows.values_mut());
        let courses: Vec<Course> = flows
            .map(|flow| flow.settle(sample.spans, health))
            .collect();
        for course in &courses {
            if let Course::Ended(samples) = course {
                self.forgive(*samples);
            }
        }
        let stalled = courses.iter().filter(|course| **course == Course::Stalled);
        (risen as u64, stalled.count())
    }

    /// Takes a partition's marks of the last samples back.
    fn forgive(&mut self, samples: u32) {
        let columns = samples.div_ceil(SAMPLES) as usize;
        self.open.stalled = self.open.stalled.saturating_sub(1);
        for column in self.columns.iter_mut().rev().take(columns) {
            column.stalled = column.stalled.saturating_sub(1);
        }
    }

    fn fill(&mut self, acked: u64, stalled: usize) -> bool {
        self.open.acked += acked;
        self.open.stalled = self.open.stalled.max(stalled);
        self.filled += 1;
        if self.filled < SAMPLES {
            return false;
        }
        self.filled = 0;
        let column = std::mem::take(&mut self.open);
        let changed =
            column != Column::default() || self.columns.iter().any(|old| *old != Column::default());
        self.columns.push_back(column);
        if self.columns.len() > KEPT {
            self.columns.pop_front();
        }
        changed
    }

    /// The last columns, at most so many, the oldest first.
    pub(in crate::cli::ui) fn last(&self, most: usize) -> impl DoubleEndedIterator<Item = Column> {
        let skipped = self.columns.len().saturating_sub(most);
        self.columns.iter().skip(skipped).copied()
    }

    /// Records a second, over the last second.
    pub(in crate::cli::ui) fn rate(&self) -> u64 {
        self.last(10).map(|column| column.acked).sum()
    }

    /// The longest gap in the last columns, in columns.
    pub(in crate::cli::ui) fn longest_gap(&self, most: usize) -> usize {
        let mut longest = 0;
        let mut run = 0;
        for column in self.last(most) {
            run = if column.is_gap() { run + 1 } else { 0 };
            longest = longest.max(run);
        }
        longest
    }

    /// Partitions that stall now.
    pub(in crate::cli::ui) fn stalled(&self) -> usize {
        self.columns.back().map_or(0, |column| column.stalled)
    }

    /// Expects nothing of any flow until it is steady again: ours is about to end.
    pub(in crate::cli::ui) fn calm(&mut self) {
        for flow in self.flows.values_mut() {
            flow.steady = 0;
        }
    }

    /// Forgets everything: another cluster, or another life of it.
    pub(in crate::cli::ui) fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Flow {
    /// A watermark that falls is one that lags: who knows it best may have gone.
    fn rise(&mut self, high: i64) {
        self.risen = (high - self.high).max(0);
        self.high = self.high.max(high);
    }

    /// Ends a sample.
    fn settle(&mut self, spans: u32, health: Health) -> Course {
        let risen = std::mem::take(&mut self.risen);
        if risen > 0 {
            self.steady = if risen >= FLOW * i64::from(spans) {
                (self.steady + spans).min(MOST_STEADY)
            } else {
                // The last records before an outage may be few: they alone make no flow unsteady.
                self.steady.saturating_sub(WEAKENS * spans)
            };
            self.stalled = 0;
            return Course::Usual;
        }
        if self.steady < STEADY || self.stalled > ENDED {
            self.steady = 0;
            self.stalled = 0;
            return Course::Usual;
        }
        self.stall(spans, health)
    }

    fn stall(&mut self, spans: u32, health: Health) -> Course {
        let before = if self.stalled == 0 {
            Some(0)
        } else {
            self.peaceful
        };
        self.stalled += spans;
        self.peaceful = before
            .filter(|_| health == Health::Well)
            .map(|samples| samples + spans);
        match self.peaceful {
            Some(samples) if samples >= ENDED_IN_PEACE => {
                self.steady = 0;
                self.stalled = 0;
                Course::Ended(samples)
            }
            _ => Course::Stalled,
        }
    }
}

impl Sample {
    fn health(&self) -> Health {
        let well = |node: &NodeStatus| {
            let linked = node.links.iter().all(|link| link.linked && link.alive);
            let led = node.partitions.iter().all(|one| one.leader.is_some());
            node.ready && !node.leaving && linked && led
        };
        if self.silent == 0 && self.seen.iter().all(well) {
            Health::Well
        } else {
            Health::Troubled
        }
    }
}

fn highest(seen: &[NodeStatus]) -> HashMap<(TopicId, u32), i64> {
    let mut highest = HashMap::new();
    let partitions = seen.iter().flat_map(|node| &node.partitions);
    for partition in partitions.filter(|partition| !partition.topic.starts_with("__")) {
        let key = (partition.topic_id, partition.partition);
        let high = highest.entry(key).or_insert(partition.high_watermark);
        *high = (*high).max(partition.high_watermark);
    }
    highest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::ui::model::fixture::{node, partition};

    fn sample(high: i64) -> Sample {
        Sample {
            spans: 1,
            seen: vec![node(1, vec![partition("t", 0, 1, high)])],
            silent: 0,
        }
    }

    /// Ten columns of a steady flow of five records a sample; returns where it ends.
    fn steady(strip: &mut Strip) -> i64 {
        for number in 0..=20 {
            strip.sample(&sample(1_000 + 5 * number));
        }
        1_100
    }

    fn shape(strip: &Strip) -> String {
        let shape = |column: Column| match column {
            gap if gap.is_gap() => 'x',
            Column { acked: 0, .. } => '.',
            Column { stalled: 0, .. } => '#',
            Column { .. } => '%',
        };
        strip.last(KEPT).map(shape).collect()
    }

    #[test]
    fn what_was_there_before_is_not_acked_now() {
        let mut strip = Strip::default();
        assert!(!strip.sample(&sample(1_000_000)));
        assert!(!strip.sample(&sample(1_000_000)));
        assert_eq!(strip.rate(), 0);
        assert_eq!(shape(&strip), ".");
    }

    #[test]
    fn a_stall_of_a_tenth_of_a_second_marks_a_column_wherever_it_begins() {
        for offset in 0..2 {
            let mut strip = Strip::default();
            let high = steady(&mut strip);
            for number in 1..=offset {
                strip.sample(&sample(high + 5 * number));
            }
            let high = high + 5 * offset;
            strip.sample(&sample(high));
            strip.sample(&sample(high));
            for number in 1..=4 {
                strip.sample(&sample(high + 5 * number));
            }
            let shape = shape(&strip);
            assert!(shape.contains('x') || shape.contains("%%"), "{shape}");
        }
    }

    #[test]
    fn an_idle_cluster_has_no_gaps_and_does_not_change() {
        let mut strip = Strip::default();
        for _ in 0..100 {
            assert!(!strip.sample(&sample(7)));
        }
        strip.sample(&sample(1_007));
        assert!(strip.sample(&sample(1_007)), "a burst shows");
        for _ in 0..20 {
            strip.sample(&sample(1_007));
        }
        assert_eq!(strip.longest_gap(KEPT), 0, "a burst's end is no outage");
    }

    #[test]
    fn a_gap_counts_while_everybody_is_silent_and_ends_with_the_flow() {
        let mut strip = Strip::default();
        let high = steady(&mut strip);
        let silence = Sample {
            spans: 1,
            seen: Vec::new(),
            silent: 3,
        };
        // One closes the column that is open, two more make a column each.
        for _ in 0..9 {
            strip.sample(&silence);
        }
        assert_eq!(strip.longest_gap(KEPT), 4);
        assert_eq!(strip.stalled(), 1);
        strip.sample(&sample(high + 5));
        strip.sample(&sample(high + 10));
        assert_eq!(strip.stalled(), 0);
    }

    #[test]
    fn few_records_before_an_outage_do_not_hide_it() {
        let mut strip = Strip::default();
        let high = steady(&mut strip);
        for high in [high + 1, high + 2, high + 2, high + 2, high + 2] {
            strip.sample(&sample(high));
        }
        assert_eq!(strip.stalled(), 1);
    }

    #[test]
    fn a_flow_that_is_ended_on_purpose_is_no_outage() {
        let mut strip = Strip::default();
        let high = steady(&mut strip);
        strip.calm();
        for _ in 0..4 {
            strip.sample(&sample(high));
        }
        assert_eq!(strip.stalled(), 0);
    }

    #[test]
    fn a_flow_that_ended_among_the_well_was_no_outage() {
        let mut strip = Strip::default();
        let high = steady(&mut strip);
        for _ in 0..ENDED_IN_PEACE - 1 {
            strip.sample(&sample(high));
        }
        assert!(strip.stalled() > 0, "it could be one");
        strip.sample(&sample(high));
        strip.sample(&sample(high));
        assert_eq!((strip.stalled(), strip.longest_gap(KEPT)), (0, 0));
    }

    #[test]
    fn while_something_is_wrong_a_flow_ends_late() {
        let mut strip = Strip::default();
        let high = steady(&mut strip);
        let mut leaderless = sample(high);
        leaderless.seen[0].partitions[0].leader = None;
        for _ in 0..ENDED {
            strip.sample(&leaderless);
        }
        assert!(strip.stalled() > 0);
        for _ in 0..ENDED_IN_PEACE {
            strip.sample(&sample(high));
        }
        assert_eq!(strip.stalled(), 0);
        assert!(
            strip.longest_gap(KEPT) as u32 >= ENDED / SAMPLES - 1,
            "and stays on record"
        );
    }

    #[test]
    fn a_deleted_topic_is_no_outage() {
        let mut strip = Strip::default();
        steady(&mut strip);
        let without = Sample {
            spans: 2,
            seen: vec![node(1, Vec::new())],
            silent: 0,
        };
        strip.sample(&without);
        assert_eq!(strip.stalled(), 0);
    }

    #[test]
    fn a_late_sample_is_spread_over_its_time_and_loses_nothing() {
        let mut strip = Strip::default();
        strip.sample(&sample(0));
        strip.sample(&Sample {
            spans: 7,
            ..sample(100)
        });
        let columns: Vec<u64> = strip.last(KEPT).map(|column| column.acked).collect();
        assert_eq!(columns, [14, 28, 29, 29]);
    }
}
