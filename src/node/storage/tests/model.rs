//! A log against a simple one in memory: random operations, with reopening in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;

use super::*;

/// What a log must hold, kept in the simplest way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Model {
    pub(super) entries: Vec<LogEntry>,
    pub(super) purged: Option<LogPosition>,
    pub(super) vote: Option<SavedVote>,
    pub(super) log_start: i64,
    pub(super) log_end: i64,
}

/// One call, with numbers that are made to fit when it is made.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Append { entries: u64, term_up: u64 },
    Vote,
    Truncate { keep: u64 },
    Purge { drop: u64 },
    Reset { ahead: u64 },
    Commit,
    State,
    Kill,
    Close,
}

/// A log, its model after each step, and how many steps were acknowledged.
pub(super) struct Pair {
    pub(super) log: Option<GroupLog>,
    pub(super) history: Vec<Model>,
    pub(super) acknowledged: Arc<AtomicUsize>,
    committed: Option<LogPosition>,
    n: u32,
}

impl Model {
    /// What a real log holds.
    pub(super) fn of(log: &GroupLog) -> Self {
        let state = log.state();
        Self {
            entries: all(log),
            purged: state.purged,
            vote: state.vote,
            log_start: log.log_start(),
            log_end: log.log_end(),
        }
    }

    fn last(&self) -> Option<LogPosition> {
        self.entries.last().map(|entry| entry.at).or(self.purged)
    }

    fn next(&self, term_up: u64) -> LogPosition {
        let last = self.last();
        at(
            last.map_or(1, |last| last.term) + term_up,
            last.map_or(0, |last| last.index + 1),
        )
    }

    /// Stamps by hand what the log must stamp.
    fn push(&mut self, mut entry: LogEntry) {
        if let Payload::Data(bytes) = &entry.payload {
            let mut stamped = bytes.to_vec();
            stamped[..8].copy_from_slice(&self.log_end.to_be_bytes());
            stamped[12..16].copy_from_slice(&(entry.at.term as i32).to_be_bytes());
            entry.payload = Payload::Data(Bytes::from(stamped));
        }
        self.log_end += offsets(&entry);
        self.entries.push(entry);
    }
}

fn offsets(entry: &LogEntry) -> i64 {
    match &entry.payload {
        Payload::Data(bytes) => i64::from(i32::from_be_bytes(bytes[57..61].try_into().unwrap())),
        _ => 0,
    }
}

fn entry(at: LogPosition) -> LogEntry {
    match at.index % 7 {
        0 => member(at.term, at.index),
        3 => blank(at.term, at.index),
        n => data(at.term, at.index, n as i32),
    }
}

impl Pair {
    pub(super) fn new(n: u32) -> Self {
        Self {
            log: None,
            history: vec![Model::default()],
            acknowledged: Arc::default(),
            committed: None,
            n,
        }
    }

    /// Opens the log in a new life of the storage, which must hold what was acknowledged.
    pub(super) fn reopen(&mut self, storage: &Storage) -> Result<(), String> {
        let log = records(storage, self.n);
        let found = Model::of(&log);
        let acknowledged = self.acknowledged.load(Ordering::SeqCst);
        let lawful = self.history[acknowledged..].contains(&found);
        if !lawful {
            let wanted = &self.history[acknowledged];
            return Err(format!(
                "log {}: {:?} and {} entries after {acknowledged} steps with {:?} and {} entries",
                self.n,
                found.last(),
                found.entries.len(),
                wanted.last(),
                wanted.entries.len(),
            ));
        }
        let state = log.state();
        if state.committed > state.last || state.committed > self.committed {
            return Err(format!("log {}: a commit position out of nowhere", self.n));
        }
        self.committed = state.committed;
        self.history = vec![found];
        self.acknowledged = Arc::default();
        self.log = Some(log);
        Ok(())
    }

    /// Makes a call on both. An error of the disk ends the life of this log.
    pub(super) fn step(&mut self, step: &Step) -> io::Result<()> {
        let log = self.log.clone().unwrap();
        let mut model = self.history.last().unwrap().clone();
        let number = self.history.len();
        let acknowledged = self.acknowledged.clone();
        let done: Done = Box::new(move |result| {
            if result.is_ok() {
                acknowledged.fetch_max(number, Ordering::SeqCst);
            }
        });
        let made = self.call(&log, &mut model, step, done);
        self.history.push(model);
        made
    }

    fn call(
        &mut self,
        log: &GroupLog,
        model: &mut Model,
        step: &Step,
        done: Done,
    ) -> io::Result<()> {
        match *step {
            Step::Append { entries, term_up } => {
                let mut added = Vec::new();
                for n in 0..entries {
                    let next = model.next(if n == 0 { term_up } else { 0 });
                    added.push(entry(next));
                    model.push(entry(next));
                }
                log.append(added, done)
            }
            Step::Vote => {
                let vote = SavedVote {
                    term: model.vote.map_or(1, |vote| vote.term + 1),
                    voted_for: 3,
                    committed: false,
                };
                model.vote = Some(vote);
                log.save_vote(vote, done)
            }
            Step::Truncate { keep } => {
                let committed = self.committed.map_or(0, |at| at.index + 1);
                let first = model.entries.first().map_or(0, |entry| entry.at.index);
                let kept = keep.max(committed.saturating_sub(first)) as usize;
                for entry in model.entries.drain(kept.min(model.entries.len())..) {
                    model.log_end -= offsets(&entry);
                }
                log.truncate_after(model.last())
            }
            Step::Purge { drop } => {
                let dropped = (drop as usize).min(model.entries.len());
                let Some(upto) = dropped.checked_sub(1).map(|n| model.entries[n].at) else {
                    return Ok(());
                };
                model.log_start += model
                    .entries
                    .drain(..dropped)
                    .map(|e| offsets(&e))
                    .sum::<i64>();
                model.purged = Some(upto);
                log.purge(upto)
            }
            Step::Reset { ahead } => {
                let to = at(model.next(1).term, model.next(1).index + ahead);
                model.entries.clear();
                model.purged = Some(to);
                model.log_end += 10;
                model.log_start = model.log_end;
                self.committed = Some(to);
                log.save_state(to, b"snapshot")?;
                log.reset(to, model.log_end, done)
            }
            Step::Commit => {
                self.committed = self.committed.max(model.last());
                log.save_committed(self.committed)
            }
            Step::State => model
                .last()
                .map_or(Ok(()), |at| log.save_state(at, b"state")),
            Step::Kill | Step::Close => Ok(()),
        }
    }
}

pub(super) fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..20_u64, 0..2_u64).prop_map(|(entries, up)| Step::Append { entries, term_up: up }),
        2 => Just(Step::Vote),
        2 => (0..60_u64).prop_map(|keep| Step::Truncate { keep }),
        1 => (0..40_u64).prop_map(|drop| Step::Purge { drop }),
        1 => (0..3_u64).prop_map(|ahead| Step::Reset { ahead }),
        1 => Just(Step::Commit),
        1 => Just(Step::State),
        1 => Just(Step::Kill),
        1 => Just(Step::Close),
    ]
}

fn run(steps: &[(u32, Step)]) {
    let dir = ram_dir();
    let mut storage = open(dir.path());
    let mut pairs: Vec<Pair> = (0..3).map(Pair::new).collect();
    for pair in &mut pairs {
        pair.reopen(&storage).unwrap();
    }
    for (n, step) in steps {
        if matches!(step, Step::Kill | Step::Close) {
            if matches!(step, Step::Close) {
                storage.close().unwrap();
            }
            for pair in &mut pairs {
                pair.log = None;
            }
            drop(storage);
            storage = open(dir.path());
            for pair in &mut pairs {
                pair.reopen(&storage).unwrap();
            }
        } else {
            let pair = &mut pairs[*n as usize];
            pair.step(step).unwrap();
            let log = pair.log.as_ref().unwrap();
            assert_eq!(
                &Model::of(log),
                pair.history.last().unwrap(),
                "after {step:?}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn a_log_is_what_the_model_says(
        steps in proptest::collection::vec((0..3_u32, steps()), 1..60),
    ) {
        run(&steps);
    }
}
