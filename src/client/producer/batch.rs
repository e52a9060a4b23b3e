//! A batch on its way: filled while it waits, sealed when it may be sent, kept until it is acked.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use super::event::Run;
use crate::client::admin::ProducerIdentity;
use crate::protocol::records::{BatchBuilder, BatchHeader, Record, records};

/// Room for the lengths, deltas and counts of one record.
const RECORD_OVERHEAD: usize = 32;

/// A record to be sent: borrowed, since it is copied into its batch at once.
#[derive(Debug, Clone, Copy, Default)]
pub struct NewRecord<'a> {
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
}

impl NewRecord<'_> {
    /// Bytes that it takes in a batch, at most.
    pub(super) fn size(&self) -> usize {
        RECORD_OVERHEAD + self.key.map_or(0, <[u8]>::len) + self.value.map_or(0, <[u8]>::len)
    }
}

/// The batch that records are put into.
#[derive(Debug, Default)]
pub(super) struct OpenBatch {
    builder: BatchBuilder,
    runs: Vec<Run>,
    weight: usize,
}

impl OpenBatch {
    pub(super) fn push(&mut self, record: NewRecord<'_>, at: Instant) {
        self.builder.push(now_ms(), record.key, record.value, &[]);
        self.weight += record.size();
        match self.runs.last_mut() {
            Some(run) if run.at == at => run.records += 1,
            _ => self.runs.push(Run { records: 1, at }),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.builder.is_empty()
    }

    pub(super) fn size(&self) -> usize {
        self.builder.size()
    }

    pub(super) fn records(&self) -> u32 {
        self.builder.len() as u32
    }

    /// When its first record was meant to be sent.
    pub(super) fn born(&self) -> Option<Instant> {
        self.runs.first().map(|run| run.at)
    }

    /// The finished batch, numbered for its producer; leaves an empty one behind.
    pub(super) fn seal(
        &mut self,
        first: u64,
        identity: Option<(ProducerIdentity, i32)>,
    ) -> SealedBatch {
        let filled = std::mem::take(self);
        let records = filled.records();
        let born = filled.born().unwrap_or_else(Instant::now);
        let builder = match identity {
            Some((id, sequence)) => filled.builder.producer(id.id, id.epoch, sequence),
            None => filled.builder,
        };
        SealedBatch {
            bytes: builder.build(),
            first,
            records,
            weight: filled.weight,
            runs: filled.runs,
            born,
            sent: born,
            attempts: 0,
        }
    }
}

/// A batch whose bytes are fixed: every attempt sends the same ones.
#[derive(Debug)]
pub(super) struct SealedBatch {
    pub(super) bytes: Bytes,
    /// The partition's record number, counted from 0, of the first record.
    pub(super) first: u64,
    pub(super) records: u32,
    /// The sum of its records' sizes, as they were counted when they were pushed.
    pub(super) weight: usize,
    pub(super) runs: Vec<Run>,
    /// When its first record was meant to be sent.
    pub(super) born: Instant,
    /// When it was last sent.
    pub(super) sent: Instant,
    pub(super) attempts: u32,
}

impl SealedBatch {
    /// Its records as two batches, numbered as they were; `None` when it has but one.
    pub(super) fn halves(&self) -> Option<[Self; 2]> {
        // It was built here: it can be read.
        let header = BatchHeader::parse(&self.bytes).ok()?;
        let records = records(&self.bytes).ok()?;
        let (front, back) = records.split_at(records.len() / 2);
        if front.is_empty() {
            return None;
        }
        let middle = front.len() as u32;
        Some([
            self.part(&header, front, 0),
            self.part(&header, back, middle),
        ])
    }

    /// A batch of some of its records, of which the first is number `skip`.
    fn part(&self, header: &BatchHeader, records: &[Record], skip: u32) -> Self {
        let mut builder = BatchBuilder::new();
        if header.is_idempotent() {
            let sequence = header.base_sequence.wrapping_add(skip as i32) & i32::MAX;
            builder = builder.producer(header.producer_id, header.producer_epoch, sequence);
        }
        let mut weight = 0;
        for record in records {
            let (key, value) = (record.key.as_deref(), record.value.as_deref());
            builder.push(record.timestamp, key, value, &record.headers);
            weight += NewRecord { key, value }.size();
        }
        let count = records.len() as u32;
        Self {
            bytes: builder.build(),
            first: self.first + u64::from(skip),
            records: count,
            weight,
            runs: runs_of(&self.runs, skip, count),
            ..*self
        }
    }
}

/// The runs of `take` records after the first `skip`.
fn runs_of(runs: &[Run], mut skip: u32, mut take: u32) -> Vec<Run> {
    let mut part = Vec::new();
    for run in runs {
        let passed = run.records.min(skip);
        let records = (run.records - passed).min(take);
        (skip, take) = (skip - passed, take - records);
        if records > 0 {
            part.push(Run {
                records,
                at: run.at,
            });
        }
    }
    part
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}
