//! What the laws look up: every value that was sent, and what was seen at every offset.
//!
//! Built once for each history, in time and memory that follow its size. Values and offsets are
//! unique and dense, so nearly everything is an array. Facts accuse nobody; laws do.

mod contents;
mod copies;
mod offsets;
mod sent;
mod values;

use std::collections::{BTreeMap, HashSet};

use super::super::history::{
    Attempt, History, Micros, ReadAnswer, Records, ReplicaRead, TopicPartition,
};

use crate::spec::NodeId;

pub(super) use contents::{Content, Contents, Kind, Other};
pub(super) use copies::{Acked, Kept};
pub(super) use offsets::Offsets;
pub(super) use sent::Sent;

/// Two contents at one offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clash {
    /// The partition.
    pub(super) partition: TopicPartition,
    /// The offset.
    pub(super) offset: i64,
    /// What was seen there first.
    pub(super) first: Content,
    /// What was seen there too.
    pub(super) other: Content,
}

/// One value at two offsets of its partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Double {
    /// The value's index.
    pub(super) index: u32,
    /// Where it was seen first.
    pub(super) first: i64,
    /// Where it was seen too.
    pub(super) other: i64,
}

/// Everything that the laws look up.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    /// The history itself.
    pub(super) history: &'a History,
    /// What records hold.
    pub(super) contents: Contents,
    /// What became of each value that was sent, by index.
    pub(super) sent: Vec<Sent>,
    /// What was seen at each offset, by the partition's number.
    pub(super) offsets: Vec<Offsets>,
    /// Offsets with two contents, each once.
    pub(super) clashes: Vec<Clash>,
    /// Values with two offsets, each once.
    pub(super) doubles: Vec<Double>,
    /// Every partition; its place is its number.
    pub(super) partitions: Vec<TopicPartition>,
    /// The last reading of each copy, after everything was healed.
    pub(super) finals: BTreeMap<(TopicPartition, NodeId), &'a ReplicaRead>,
    /// Every acked value, and whether all copies hold it.
    pub(super) acked: Vec<Acked>,
    /// The number of each topic's first partition.
    starts: Vec<usize>,
}

impl<'a> Facts<'a> {
    /// The facts of a history.
    pub(super) fn new(history: &'a History) -> Self {
        let mut starts = Vec::with_capacity(history.topics.len());
        let mut next = 0;
        for topic in &history.topics {
            starts.push(next);
            next += topic.partitions.len();
        }
        let contents = Contents::new(history);
        let number = |attempt: &Attempt| number(&starts, attempt.partition) as u32;
        let sent = sent::sent(history, &contents.values, number);
        let mut facts = Self {
            history,
            contents,
            sent,
            offsets: tables(history, &starts, next),
            clashes: Vec::new(),
            doubles: Vec::new(),
            partitions: history.partitions().collect(),
            finals: finals(history),
            acked: Vec::new(),
            starts,
        };
        facts.look();
        facts.acked = copies::acked(&facts);
        facts
    }

    /// The number of a partition, from 0.
    pub(super) fn number(&self, partition: TopicPartition) -> usize {
        number(&self.starts, partition)
    }

    /// The first attempt to send what an attempt sends.
    pub(super) fn first_of(&self, attempt: &Attempt) -> &'a Attempt {
        let index = self.contents.values.index(attempt.values.0);
        &self.history.attempts[self.sent[index].first()]
    }

    /// The offset at which a value was acked.
    pub(super) fn ack_of(&self, index: u32) -> Option<i64> {
        let attempt = &self.history.attempts[self.sent[index as usize].acked()?];
        let first = self.contents.values.index(attempt.values.0);
        Some(attempt.acked()? + i64::from(index) - first as i64)
    }

    /// The last readings of a partition's copies.
    pub(super) fn finals_of(
        &self,
        partition: TopicPartition,
    ) -> impl Iterator<Item = &'a ReplicaRead> {
        let all = (partition, NodeId(0))..=(partition, NodeId(u64::MAX));
        self.finals.range(all).map(|(_, replica)| *replica)
    }

    /// Looks at every ack and every record once.
    fn look(&mut self) {
        let mut seen = Seen {
            contents: &self.contents,
            sent: std::mem::take(&mut self.sent),
            offsets: std::mem::take(&mut self.offsets),
            clashes: Vec::new(),
            clashed: HashSet::new(),
            doubles: Vec::new(),
        };
        for attempt in &self.history.attempts {
            seen.ack(number(&self.starts, attempt.partition), attempt);
        }
        for read in &self.history.reads {
            if let ReadAnswer::Records { records, .. } = &read.answer {
                seen.records(self.number(read.partition), read.partition, records);
            }
        }
        for replica in &self.history.replicas {
            let number = self.number(replica.partition);
            seen.records(number, replica.partition, &replica.records);
        }
        seen.offsets.iter_mut().for_each(Offsets::settle);
        let Seen {
            sent,
            offsets,
            clashes,
            doubles,
            ..
        } = seen;
        (self.sent, self.offsets) = (sent, offsets);
        (self.clashes, self.doubles) = (clashes, doubles);
    }
}

/// What is known while everything is looked at.
struct Seen<'a> {
    contents: &'a Contents,
    sent: Vec<Sent>,
    offsets: Vec<Offsets>,
    clashes: Vec<Clash>,
    clashed: HashSet<(TopicPartition, i64)>,
    doubles: Vec<Double>,
}

impl Seen<'_> {
    fn ack(&mut self, number: usize, attempt: &Attempt) {
        let Some(base) = attempt.acked() else {
            return;
        };
        let first = self.contents.values.index(attempt.values.0) as u32;
        for step in 0..attempt.values.1 {
            let offset = base + i64::from(step);
            self.sight(number, attempt.partition, offset, Content(first + step));
        }
    }

    fn records(&mut self, number: usize, partition: TopicPartition, records: &Records) {
        let contents = self.contents;
        contents.each(records, |offset, content| {
            self.sight(number, partition, offset, content);
        });
    }

    fn sight(&mut self, number: usize, partition: TopicPartition, offset: i64, content: Content) {
        if let Some(first) = self.offsets[number].put(offset, content)
            && self.clashed.insert((partition, offset))
        {
            self.clashes.push(Clash {
                partition,
                offset,
                first,
                other: content,
            });
        }
        let Some(sent) = self.sent.get_mut(content.0 as usize) else {
            return;
        };
        if sent.meant as usize != number {
            return;
        }
        match sent.found {
            None => sent.found = Some(offset),
            Some(first) if first != offset && !sent.doubled => {
                sent.doubled = true;
                self.doubles.push(Double {
                    index: content.0,
                    first,
                    other: offset,
                });
            }
            Some(_) => {}
        }
    }
}

fn number(starts: &[usize], partition: TopicPartition) -> usize {
    starts[partition.0 as usize] + partition.1 as usize
}

/// The last reading of each copy; those from before the healing do not count.
fn finals(history: &History) -> BTreeMap<(TopicPartition, NodeId), &ReplicaRead> {
    let healed = history.healed.unwrap_or(Micros(u64::MAX));
    let settled = history.replicas.iter();
    let settled = settled.filter(|replica| replica.began >= healed);
    settled
        .map(|replica| ((replica.partition, replica.node), replica))
        .collect()
}

/// A table for each partition, of a size that follows what was seen there.
fn tables(history: &History, starts: &[usize], count: usize) -> Vec<Offsets> {
    let mut first = vec![i64::MAX; count];
    let mut records = vec![0usize; count];
    let mut note = |partition, from: i64, number_of: usize| {
        let number = number(starts, partition);
        first[number] = first[number].min(from);
        records[number] += number_of;
    };
    for attempt in &history.attempts {
        if let Some(base) = attempt.acked() {
            note(attempt.partition, base, attempt.values.1 as usize);
        }
    }
    let reads = history.reads.iter().filter_map(|read| match &read.answer {
        ReadAnswer::Records { records, .. } => Some((read.partition, records)),
        ReadAnswer::Error { .. } | ReadAnswer::Lost { .. } => None,
    });
    let replicas = history.replicas.iter();
    let replicas = replicas.map(|replica| (replica.partition, &replica.records));
    for (partition, records) in reads.chain(replicas) {
        for run in &records.values {
            note(partition, run.0, run.2 as usize);
        }
        for strange in &records.strange {
            note(partition, strange.offset, 1);
        }
    }
    let sizes = first.into_iter().zip(records);
    sizes
        .map(|(first, records)| Offsets::new(first, records))
        .collect()
}
