//! Real indexes over real logs, in directories of the tests' own.

mod counts;
mod levels;
mod odd;
mod queries;
mod ranking;

use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::Value;

use super::*;
use crate::node::search::answer::{Document, SearchError};
use crate::node::search::collect::{Gathered, Where, gather};
use crate::node::search::deadline::Deadline;
use crate::node::search::fetch::fetch;
use crate::node::search::question::{Field, Query, Question, Scalar, Source, Wanted, Words};
use crate::node::storage::{LogEntry, LogKind, LogPosition, Payload, Storage, StorageOptions};
use crate::protocol::records::{BatchBuilder, Header};
use crate::spec::{SyncMode, TopicId};

const OPTIONS: StorageOptions = StorageOptions {
    sync: SyncMode::Os,
    wal_bytes: 4 << 20,
    segment_bytes: 1 << 20,
};

/// A log, its index, and the directory of both.
struct Shelves {
    directory: tempfile::TempDir,
    log: GroupLog,
    index: PartitionIndex,
    term: u64,
}

fn group() -> GroupId {
    GroupId::partition(TopicId(uuid::Uuid::from_u128(7)), 3)
}

impl Shelves {
    fn new() -> Self {
        let directory = tempfile::tempdir_in("/dev/shm");
        let directory = directory.unwrap_or_else(|_| tempfile::tempdir().unwrap());
        let (storage, _) = Storage::open(directory.path(), OPTIONS).unwrap();
        let log = storage.group(group(), LogKind::Records).unwrap();
        Self {
            index: PartitionIndex::new(group(), log.clone(), home(&directory)),
            directory,
            log,
            term: 1,
        }
    }

    /// With these records' values, indexed.
    fn of(values: &[&str]) -> Self {
        let mut shelves = Self::new();
        shelves.push(values);
        shelves.settle();
        shelves
    }

    fn home(&self) -> PathBuf {
        home(&self.directory)
    }

    /// The same as after a restart of the node: nothing but the disk is left.
    fn restart(&mut self) {
        self.index = PartitionIndex::new(group(), self.log.clone(), self.home());
    }

    fn push(&mut self, values: &[&str]) {
        let mut batch = BatchBuilder::new();
        for value in values {
            batch.push(1000, None, Some(value.as_bytes()), &[]);
        }
        self.append(batch.build());
    }

    /// Many small documents in batches of a thousand: `n` is the offset, `word` one of ten.
    fn push_many(&mut self, count: i64) {
        let first = self.log.log_end();
        for from in (first..first + count).step_by(1000) {
            let mut batch = BatchBuilder::new();
            for n in from..(from + 1000).min(first + count) {
                let value = format!(r#"{{"n":{n},"word":"w{}"}}"#, n % 10);
                batch.push(n, Some(b"k"), Some(value.as_bytes()), &[]);
            }
            self.append(batch.build());
        }
    }

    fn push_record(&mut self, key: Option<&[u8]>, value: Option<&[u8]>, headers: &[Header]) {
        let mut batch = BatchBuilder::new();
        batch.push(1000, key, value, headers);
        self.append(batch.build());
    }

    fn append(&mut self, batch: Bytes) {
        let last = self.log.state().last;
        let index = last.map_or(0, |last| last.index + 1);
        let term = self.term;
        let entry = LogEntry {
            at: LogPosition { term, index },
            payload: Payload::Data(batch),
        };
        let (done, stored) = mpsc::channel();
        let done = Box::new(move |result| drop(done.send(result)));
        self.log.append(vec![entry], done).unwrap();
        stored.recv().unwrap().unwrap();
    }

    fn below(&self) -> i64 {
        self.log.log_end()
    }

    /// Indexes and joins until all is done.
    fn settle(&self) {
        self.settle_below(self.below());
    }

    fn settle_below(&self, below: i64) {
        let mut turn = self.index.blocking_turn();
        while self.index.advance(&mut turn, below).unwrap() {}
        while self.index.tidy().unwrap() {}
    }

    fn ask(&self, question: &Question) -> Result<Gathered, SearchError> {
        self.ask_until(question, Instant::now() + Duration::from_mins(1))
    }

    fn ask_until(&self, question: &Question, until: Instant) -> Result<Gathered, SearchError> {
        let splits = self.index.splits();
        let place = Where {
            splits: &splits,
            partition: group().partition,
            log_start: self.log.log_start(),
        };
        gather(&place, question, Deadline::at(until))
    }

    /// The offsets that a query finds, in their order.
    fn find(&self, query: Query) -> Vec<i64> {
        let found = self.ask(&question(query)).unwrap();
        let mut offsets: Vec<i64> = found.hits.iter().map(|hit| hit.offset).collect();
        offsets.sort_unstable();
        assert_eq!(
            found.total,
            offsets.len() as u64,
            "what is found is counted"
        );
        offsets
    }

    fn refuses(&self, query: Query) -> SearchError {
        match self.ask(&question(query)) {
            Err(error) => error,
            Ok(found) => panic!("found {}", found.total),
        }
    }

    fn count(&self, query: Query) -> u64 {
        let question = Question {
            top: 0,
            ..question(query)
        };
        self.ask(&question).unwrap().total
    }

    fn read(&self, offsets: &[i64]) -> Vec<Document> {
        self.read_of(offsets, Source::Whole)
    }

    fn read_of(&self, offsets: &[i64], source: Source) -> Vec<Document> {
        let wanted = Wanted {
            offsets: offsets.to_vec(),
            highlight: None,
            source,
        };
        fetch(&self.log, self.below(), &wanted).unwrap()
    }
}

fn home(directory: &tempfile::TempDir) -> PathBuf {
    directory.path().join("search").join("topic").join("3")
}

fn question(query: Query) -> Question {
    Question {
        query,
        top: 1000,
        sort: Vec::new(),
        count_to: u64::MAX,
        aggregations: None,
    }
}

fn path(path: &str) -> Field {
    Field::Path(path.to_owned())
}

fn whole(path: &str) -> Field {
    Field::Whole(path.to_owned())
}

fn any_of(field: Field, text: &str) -> Query {
    Query::Match {
        field,
        text: text.to_owned(),
        words: Words::Any,
    }
}

fn every_of(field: Field, text: &str) -> Query {
    Query::Match {
        field,
        text: text.to_owned(),
        words: Words::Every,
    }
}

fn term(field: Field, value: impl Into<Scalar>) -> Query {
    Query::Terms {
        field,
        values: vec![value.into()],
    }
}

impl From<&str> for Scalar {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Scalar {
    fn from(number: i64) -> Self {
        Self::Whole(number)
    }
}
