//! Making a split of records from the log.

use std::io;
use std::ops::Range;
use std::path::Path;

use bytes::Bytes;
use tantivy::directory::RamDirectory;
use tantivy::{Directory, Index, SingleSegmentIndexWriter};

use super::directory::SplitDirectory;
use super::entry::{self, Entry, Kinds};
use super::schema::{FIELDS, tokenizers};
use super::split::Content;
use crate::node::storage::GroupLog;
use crate::protocol::records::{BatchHeader, Batches, Record, Records};

/// Bytes from which tantivy sizes its tables for a split in memory, and for a large one.
const TABLES: std::ops::RangeInclusive<usize> = 300_000..=15_000_000;
/// The same for each record.
const TABLES_A_RECORD: usize = 1000;
/// Bytes of memory after which a split is full, whatever it holds.
const FULL: usize = 40 << 20;
/// Bytes of the log that are read at once.
const READ: usize = 1 << 20;

/// A split in the making.
pub(super) struct Builder {
    writer: SingleSegmentIndexWriter<Entry>,
    plan: Plan,
    content: Content,
}

/// Which records a split is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    /// The partition that they are in.
    pub(super) partition: u32,
    /// The first offset.
    pub(super) from: i64,
    /// How many at most.
    pub(super) most: u64,
    /// What of each.
    pub(super) depth: Depth,
}

/// What of a record is indexed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// All.
    Full,
    /// Only where it is: its content made the indexer fail.
    Bare,
}

impl Builder {
    /// A split in memory.
    pub(super) fn in_memory(plan: Plan) -> tantivy::Result<Self> {
        Self::new(RamDirectory::create(), plan)
    }

    /// A split in a directory that is empty.
    pub(super) fn on_disk(home: &Path, plan: Plan) -> tantivy::Result<Self> {
        Self::new(SplitDirectory::open(home), plan)
    }

    fn new(directory: impl Into<Box<dyn Directory>>, plan: Plan) -> tantivy::Result<Self> {
        let wanted = usize::try_from(plan.most).unwrap_or(usize::MAX);
        let tables = wanted.saturating_mul(TABLES_A_RECORD);
        let tables = tables.clamp(*TABLES.start(), *TABLES.end());
        Ok(Self {
            writer: writer(directory, tables)?,
            plan,
            content: Content::starting_at(plan.from),
        })
    }

    /// Takes records of this range from the log, from its start, until it ends or the split is
    /// full. How far it came is in the content.
    pub(super) fn fill(&mut self, log: &GroupLog, below: i64) -> io::Result<()> {
        while self.content.end < below && !self.is_full() {
            let from = self.content.end;
            let batches = log.read_batches(from, below, READ)?;
            for batch in Batches::new(batches) {
                let batch = batch.map_err(|error| invalid(&error))?;
                self.batch(&batch, below).map_err(|error| failed(&error))?;
                if self.is_full() {
                    break;
                }
            }
            if self.content.end <= from {
                // `below` is within a batch, or the log has changed: there is more another time.
                break;
            }
        }
        if self.content.end > self.content.first {
            self.content.epoch = log.epoch_at(self.content.end - 1);
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.content.records >= self.plan.most || self.writer.mem_usage() >= FULL
    }

    fn batch(&mut self, batch: &Bytes, below: i64) -> tantivy::Result<()> {
        let Ok(header) = BatchHeader::parse(batch) else {
            return Ok(());
        };
        let end = (header.last_offset() + 1).min(below);
        if header.is_control() {
            self.content.end = self.content.end.max(end);
            return Ok(());
        }
        let Ok(records) = Records::of(batch) else {
            self.content.unread += u64::try_from(header.count).unwrap_or(0);
            self.content.end = self.content.end.max(end);
            return Ok(());
        };
        self.records(records, self.content.end..below)?;
        if !self.is_full() {
            self.content.end = self.content.end.max(end);
        }
        Ok(())
    }

    fn records(&mut self, records: Records, wanted: Range<i64>) -> tantivy::Result<()> {
        for record in records {
            let Ok(record) = record else {
                self.content.unread += 1;
                return Ok(());
            };
            if record.offset < wanted.start {
                continue;
            }
            if record.offset >= wanted.end || self.is_full() {
                return Ok(());
            }
            self.writer
                .add_document(self.plan.entry(&record, &mut self.content.kinds))?;
            self.content.records += 1;
            self.content.end = record.offset + 1;
        }
        Ok(())
    }

    /// The index and what it holds.
    pub(super) fn finish(self) -> tantivy::Result<(Index, Content)> {
        Ok((self.writer.finalize()?, self.content))
    }
}

/// An index without a record.
pub(super) fn empty(directory: impl Into<Box<dyn Directory>>) -> tantivy::Result<Index> {
    writer(directory, *TABLES.start())?.finalize()
}

fn writer(
    directory: impl Into<Box<dyn Directory>>,
    tables: usize,
) -> tantivy::Result<SingleSegmentIndexWriter<Entry>> {
    Index::builder()
        .schema(FIELDS.schema.clone())
        .tokenizers(tokenizers())
        .fast_field_tokenizers(tokenizers())
        .single_segment_index_writer(directory, tables)
}

impl Plan {
    fn entry(&self, record: &Record, kinds: &mut Kinds) -> Entry {
        match self.depth {
            Depth::Full => entry::entry(self.partition, record, kinds),
            Depth::Bare => entry::bare(self.partition, record),
        }
    }
}

fn invalid(error: &dyn std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error.to_string())
}

fn failed(error: &tantivy::TantivyError) -> io::Error {
    io::Error::other(error.to_string())
}
