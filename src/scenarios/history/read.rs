//! What was read: by clients while it happened, and from every replica at the end.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{ClientId, Micros, Run, TopicPartition, ValueId};
use crate::spec::NodeId;

/// One fetch of one partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Read {
    /// Who reads.
    pub client: ClientId,
    /// Why it reads this partition; a new assignment may start anywhere.
    pub assignment: Assignment,
    /// The partition.
    pub partition: TopicPartition,
    /// The offset asked for.
    pub asked: i64,
    /// When it was asked.
    pub sent: Micros,
    /// When it was answered or given up.
    pub answered: Micros,
    /// Who was asked.
    pub broker: NodeId,
    /// What came back.
    pub answer: ReadAnswer,
}

/// By what right a client reads a partition.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Assignment {
    /// It chose the partition itself; another number each time that it starts over.
    Own(u64),
    /// Its group gave it the partition.
    Group {
        /// The group's name.
        group: Arc<str>,
        /// The group's generation.
        generation: i32,
    },
}

/// What a fetch brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadAnswer {
    /// Records, or none yet.
    Records {
        /// The high watermark that the broker told.
        high_watermark: i64,
        /// The log start that the broker told.
        log_start: i64,
        /// The records, from the offset asked for.
        records: Records,
    },
    /// The broker says no.
    Error {
        /// The Kafka error code.
        code: i16,
    },
    /// No answer.
    Lost {
        /// What happened.
        why: String,
    },
}

/// Records of one partition in the order in which they came.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Records {
    /// Records with values of this run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<ValueRun>,
    /// Records with anything else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub strange: Vec<Strange>,
    /// Where a batch of another leader epoch begins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub epochs: Vec<EpochRun>,
}

/// Consecutive values at consecutive offsets; in the file `[offset, value, count]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueRun(
    /// The first offset.
    pub i64,
    /// The value there.
    pub ValueId,
    /// How many.
    pub u32,
);

impl ValueRun {
    /// The values.
    pub fn run(self) -> Run {
        Run(self.1, self.2)
    }

    /// Each offset with its value.
    pub fn pairs(self) -> impl Iterator<Item = (i64, ValueId)> {
        (self.0..).zip(self.run().ids())
    }

    /// The first offset behind it.
    pub fn end(self) -> i64 {
        self.0 + i64::from(self.2)
    }
}

/// From this offset on batches carry this leader epoch; in the file `[offset, epoch]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochRun(
    /// The first offset.
    pub i64,
    /// The partition leader epoch in the batch's header.
    pub i32,
);

/// A record that holds no sound value of this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strange {
    /// Its offset.
    pub offset: i64,
    /// What is strange about it.
    pub kind: Strangeness,
    /// A checksum of its bytes, to tell one from another.
    pub hash: u64,
}

/// What is wrong with a record's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strangeness {
    /// No value of this run.
    Foreign,
    /// A value of ours whose checksum fails.
    Corrupt,
}

impl Records {
    /// Takes a record with a value of this run.
    pub fn push(&mut self, offset: i64, value: ValueId) {
        if let Some(last) = self.values.last_mut()
            && last.end() == offset
            && last.1.0.checked_add(u64::from(last.2)) == Some(value.0)
        {
            last.2 += 1;
            return;
        }
        self.values.push(ValueRun(offset, value, 1));
    }

    /// Takes note of the leader epoch of the batch that begins at `offset`.
    pub fn push_epoch(&mut self, offset: i64, epoch: i32) {
        if self.epochs.last().is_none_or(|last| last.1 != epoch) {
            self.epochs.push(EpochRun(offset, epoch));
        }
    }

    /// How many records there are.
    pub fn count(&self) -> u64 {
        let values: u64 = self.values.iter().map(|run| u64::from(run.2)).sum();
        values + self.strange.len() as u64
    }

    /// The first offset behind the last record; `None` without records.
    pub fn end(&self) -> Option<i64> {
        let value = self.values.last().map(|run| run.end());
        let strange = self.strange.last().map(|strange| strange.offset + 1);
        value.max(strange)
    }

    /// The leader epoch at an offset, as far as it was told.
    pub fn epoch_at(&self, offset: i64) -> Option<i32> {
        let after = self.epochs.partition_point(|run| run.0 <= offset);
        Some(self.epochs[after.checked_sub(1)?].1)
    }
}

/// One replica's log at the end, read by plain fetches sent to that replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaRead {
    /// The replica.
    pub node: NodeId,
    /// The partition.
    pub partition: TopicPartition,
    /// When reading began.
    pub began: Micros,
    /// When it ended.
    pub ended: Micros,
    /// The replica's log start.
    pub log_start: i64,
    /// The first offset behind what was read.
    pub end: i64,
    /// The offset that had to be reached: behind the largest acked one, or the leader's log end.
    pub goal: i64,
    /// A rolling hash over offset, leader epoch, key, value, headers and timestamp of each record.
    pub hash: u64,
    /// Why it was not read up to the goal; `None` when it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<String>,
    /// Its records.
    pub records: Records,
}

impl ReplicaRead {
    /// Whether all of it was read.
    pub fn is_complete(&self) -> bool {
        self.unread.is_none() && self.end >= self.goal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_become_one_run() {
        let mut records = Records::default();
        for (offset, value) in [(0, 5), (1, 6), (2, 8), (4, 9)] {
            records.push(offset, ValueId(value));
        }
        let runs = [(0, 5, 2), (2, 8, 1), (4, 9, 1)];
        let runs = runs.map(|(offset, value, count)| ValueRun(offset, ValueId(value), count));
        assert_eq!(records.values, runs);
        assert_eq!((records.count(), records.end()), (4, Some(5)));
    }

    #[test]
    fn an_epoch_lasts_until_the_next() {
        let mut records = Records::default();
        for (offset, epoch) in [(0, 1), (3, 1), (5, 4)] {
            records.push_epoch(offset, epoch);
        }
        let at = |offset| records.epoch_at(offset);
        assert_eq!(
            (at(-1), at(0), at(4), at(5), at(99)),
            (None, Some(1), Some(1), Some(4), Some(4))
        );
    }
}
