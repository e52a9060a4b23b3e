//! A checker of a few lines for each law, quadratic and obvious: it must agree with the fast one on
//! histories that were changed at random.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, Strategy, any, prop_assert_eq, proptest};

use super::super::super::Law;
use super::super::super::history::{
    Assignment, Attempt, CommitOutcome, Committed, History, Micros, Outcome, Read, ReadAnswer,
    TopicPartition, ValueId,
};
use super::super::judge;
use super::super::verdict::LawResult;
use super::generator::{Shape, clean};

/// The laws that have a naive form.
const LAWS: [Law; 8] = [
    Law::AckedIsDurable,
    Law::OneOffsetOneValue,
    Law::NoDuplicate,
    Law::NothingFromNowhere,
    Law::Order,
    Law::HighWatermark,
    Law::OneLeaderPerEpoch,
    Law::CommittedOffsets,
];

/// One record that somebody saw, or was told of.
#[derive(Clone, Copy)]
struct Sighting {
    partition: TopicPartition,
    offset: i64,
    value: ValueId,
    at: Micros,
    acked: bool,
}

struct Naive<'a> {
    history: &'a History,
    seen: Vec<Sighting>,
}

impl<'a> Naive<'a> {
    fn new(history: &'a History) -> Self {
        let mut seen = Vec::new();
        for attempt in &history.attempts {
            let Some(base) = attempt.acked() else {
                continue;
            };
            for (offset, value) in (base..).zip(attempt.values.ids()) {
                let (partition, at) = (attempt.partition, attempt.answered);
                seen.push(Sighting {
                    partition,
                    offset,
                    value,
                    at,
                    acked: true,
                });
            }
        }
        for read in &history.reads {
            for (offset, value) in records(read) {
                let (partition, at) = (read.partition, read.answered);
                seen.push(Sighting {
                    partition,
                    offset,
                    value,
                    at,
                    acked: false,
                });
            }
        }
        for copy in &history.replicas {
            for (offset, value) in copy.records.values.iter().flat_map(|run| run.pairs()) {
                let (partition, at) = (copy.partition, copy.ended);
                seen.push(Sighting {
                    partition,
                    offset,
                    value,
                    at,
                    acked: false,
                });
            }
        }
        Self { history, seen }
    }

    fn broken(&self) -> BTreeSet<Law> {
        let broken = LAWS.into_iter().filter(|law| match law {
            Law::AckedIsDurable => self.lost(),
            Law::OneOffsetOneValue => self.two_values(),
            Law::NoDuplicate => self.two_offsets(),
            Law::NothingFromNowhere => self.appeared(),
            Law::Order => self.disordered(),
            Law::HighWatermark => self.watermark(),
            Law::OneLeaderPerEpoch => self.two_leaders(),
            _ => self.uncommitted(),
        });
        broken.collect()
    }

    fn attempts_of(&self, value: ValueId) -> Vec<&'a Attempt> {
        let attempts = self.history.attempts.iter();
        let mut of: Vec<_> = attempts
            .filter(|a| a.values.ids().any(|id| id == value))
            .collect();
        of.sort_by_key(|attempt| attempt.number);
        of
    }

    fn lost(&self) -> bool {
        self.seen.iter().filter(|seen| seen.acked).any(|acked| {
            let copies = self.history.replicas.iter();
            copies
                .filter(|copy| copy.partition == acked.partition)
                .any(|copy| {
                    let mut held = copy.records.values.iter().flat_map(|run| run.run().ids());
                    !held.any(|value| value == acked.value)
                })
        })
    }

    fn two_values(&self) -> bool {
        self.pairs(|a, b| a.offset == b.offset && a.value != b.value)
    }

    fn two_offsets(&self) -> bool {
        self.pairs(|a, b| {
            if a.value != b.value || a.offset == b.offset {
                return false;
            }
            let attempts = self.attempts_of(a.value);
            let Some(first) = attempts
                .first()
                .filter(|first| first.partition == a.partition)
            else {
                return false;
            };
            let same =
                |other: &&Attempt| other.identity.is_some() && other.identity == first.identity;
            attempts.iter().all(same)
        })
    }

    /// Whether two sightings in one partition are to blame.
    fn pairs(&self, blame: impl Fn(&Sighting, &Sighting) -> bool) -> bool {
        self.seen.iter().enumerate().any(|(place, a)| {
            let others = self.seen[place + 1..].iter();
            others
                .filter(|b| a.partition == b.partition)
                .any(|b| blame(a, b))
        })
    }

    fn appeared(&self) -> bool {
        self.seen.iter().filter(|seen| !seen.acked).any(|seen| {
            let attempts = self.attempts_of(seen.value);
            let Some(first) = attempts.first() else {
                return true;
            };
            let refused = |attempt: &&Attempt| matches!(attempt.outcome, Outcome::Failed { .. });
            first.partition != seen.partition
                || first.sent > seen.at
                || attempts.iter().all(refused)
        })
    }

    fn disordered(&self) -> bool {
        self.sends_disordered()
            || self
                .history
                .reads
                .iter()
                .any(|read| self.read_disordered(read))
    }

    fn sends_disordered(&self) -> bool {
        let acked: Vec<&Attempt> = self
            .history
            .attempts
            .iter()
            .filter(|attempt| attempt.acked().is_some())
            .collect();
        let first = |attempt: &Attempt| self.attempts_of(attempt.values.0)[0];
        acked.iter().any(|a| {
            acked
                .iter()
                .filter(|b| a.partition == b.partition)
                .any(|b| {
                    let began = match b.identity {
                        Some(_) => first(b).sent.min(b.sent),
                        None => b.sent,
                    };
                    let producer = |a: &Attempt| a.identity.map(|id| (id.producer, id.epoch));
                    let turn = |a: &Attempt| match a.identity {
                        Some(_) => first(a).number,
                        None => a.number,
                    };
                    let stream = a.client == b.client
                        && producer(a) == producer(b)
                        && (producer(a).is_some() || a.connection == b.connection);
                    let before = a.answered < began || stream && turn(a) < turn(b);
                    before && b.acked() <= a.last_offset()
                })
        })
    }

    /// Whether a read goes back behind, or leaves out, what its assignment has come to.
    fn read_disordered(&self, read: &Read) -> bool {
        let own = |other: &&Read| {
            (other.client, other.partition, &other.assignment)
                == (read.client, read.partition, &read.assignment)
        };
        let mine: Vec<&Read> = self.history.reads.iter().filter(own).collect();
        let before = mine.iter().filter(|other| other.sent < read.sent);
        let ends = before.flat_map(|other| records(other).into_iter().map(|(at, _)| at + 1));
        let started = mine
            .iter()
            .filter(|other| matches!(other.answer, ReadAnswer::Records { .. }));
        let started = started
            .min_by_key(|other| other.sent)
            .map_or(read.asked, |read| read.asked);
        let mut next = ends.max().unwrap_or(0).max(started);
        for (offset, _) in records(read) {
            let exists = |at: i64| {
                let mut here = self
                    .seen
                    .iter()
                    .filter(|seen| seen.partition == read.partition);
                here.any(|seen| seen.offset == at)
            };
            if offset < next || (next..offset).any(exists) {
                return true;
            }
            next = offset + 1;
        }
        false
    }

    fn watermark(&self) -> bool {
        let reads = &self.history.reads;
        reads.iter().any(|read| {
            let refused = read.answer == ReadAnswer::Error { code: 1 };
            let acked = self.history.attempts.iter().any(|attempt| {
                attempt.partition == read.partition
                    && attempt.answered < read.sent
                    && attempt.last_offset() >= Some(read.asked)
            });
            let above = records(read)
                .last()
                .is_some_and(|last| Some(last.0) >= told(read));
            let fell = told(read).is_some()
                && reads.iter().any(|earlier| {
                    earlier.client == read.client
                        && earlier.partition == read.partition
                        && earlier.answered < read.sent
                        && told(earlier) > told(read)
                });
            refused && acked || above || fell
        })
    }

    fn two_leaders(&self) -> bool {
        let acked = |a: &Attempt| {
            let copies = self.history.replicas.iter().rev();
            let copy = copies.clone().find(|copy| copy.partition == a.partition)?;
            let base = a.acked().filter(|base| *base < copy.end)?;
            let first = a.identity.is_none() || self.attempts_of(a.values.0)[0] == a;
            copy.records.epoch_at(base).filter(|_| first)
        };
        let attempts = &self.history.attempts;
        attempts.iter().any(|a| {
            acked(a).is_some()
                && attempts.iter().any(|b| {
                    a.partition == b.partition && a.broker != b.broker && acked(a) == acked(b)
                })
        })
    }

    fn uncommitted(&self) -> bool {
        let History {
            commits, committed, ..
        } = self.history;
        let done = commits
            .iter()
            .filter(|commit| commit.outcome == CommitOutcome::Ok);
        let known = |at: Micros, partition: TopicPartition| {
            let by_commit = done.clone().filter(move |c| c.partition == partition);
            let by_commit = by_commit.filter(move |c| c.answered < at).map(|c| c.offset);
            let told = committed.iter().filter(move |c| c.partition == partition);
            let told = told
                .filter(move |c| c.answered < at)
                .filter_map(|c| c.offset);
            by_commit.chain(told).max()
        };
        let fell = done
            .clone()
            .any(|c| Some(c.offset) < known(c.sent, c.partition));
        let told_less = committed
            .iter()
            .any(|c| c.offset < known(c.sent, c.partition));
        let invented = |told: &Committed| {
            let mut asked = commits
                .iter()
                .filter(|commit| commit.partition == told.partition);
            told.offset
                .is_some_and(|offset| !asked.any(|commit| commit.offset == offset))
        };
        let passed = commits.iter().any(|commit| {
            let given = self.history.reads.iter().filter(|read| {
                matches!(read.assignment, Assignment::Group { .. })
                    && told(read).is_some()
                    && read.partition == commit.partition
                    && read.answered <= commit.sent
            });
            let ends = given.map(|read| records(read).last().map_or(read.asked, |last| last.0 + 1));
            let told = committed
                .iter()
                .filter(|told| told.partition == commit.partition && told.answered <= commit.sent);
            let processed = ends.chain(told.filter_map(|told| told.offset)).max();
            processed.is_none_or(|processed| commit.offset > processed)
        });
        fell || told_less || passed || committed.iter().any(invented)
    }
}

fn records(read: &Read) -> Vec<(i64, ValueId)> {
    match &read.answer {
        ReadAnswer::Records { records, .. } => {
            records.values.iter().flat_map(|run| run.pairs()).collect()
        }
        _ => Vec::new(),
    }
}

fn told(read: &Read) -> Option<i64> {
    match read.answer {
        ReadAnswer::Records { high_watermark, .. } => Some(high_watermark),
        _ => None,
    }
}

/// One change at random: what, where, how.
type Change = (u8, usize, i64);

fn change(history: &mut History, (what, place, by): Change) {
    let of = |len: usize| place % len.max(1);
    let small = by.rem_euclid(4) + 1;
    match what % 10 {
        0 => {
            let at = of(history.attempts.len());
            if let Outcome::Ok { base } = &mut history.attempts[at].outcome {
                *base = (*base + small - 3).max(0);
            }
        }
        1 => {
            let at = of(history.attempts.len());
            history.attempts[at].outcome = Outcome::Failed { code: 29 };
        }
        2 => {
            let at = of(history.attempts.len());
            history.attempts.swap_remove(at);
        }
        3 => {
            let at = of(history.attempts.len());
            history.attempts[at].broker.0 = small as u64 % 3 + 1;
        }
        4 => {
            let at = of(history.reads.len());
            if let Some(Read {
                answer: ReadAnswer::Records { high_watermark, .. },
                ..
            }) = history.reads.get_mut(at)
            {
                *high_watermark = (*high_watermark - small).max(0);
            }
        }
        5 => {
            let at = of(history.reads.len());
            if let Some(read) = history.reads.get_mut(at) {
                shift(&mut read.answer, small);
            }
        }
        6 => {
            let at = of(history.reads.len());
            if let Some(read) = history.reads.get_mut(at) {
                read.answer = ReadAnswer::Error { code: 1 };
            }
        }
        7 => {
            let at = of(history.replicas.len());
            let runs = &mut history.replicas[at].records.values;
            let at = of(runs.len());
            runs[at].1.0 += small as u64 - 1;
        }
        8 => {
            let at = of(history.commits.len());
            if let Some(commit) = history.commits.get_mut(at) {
                commit.offset = (commit.offset + small - 3).max(0);
            }
        }
        _ => {
            let at = of(history.committed.len());
            if let Some(told) = history.committed.get_mut(at) {
                told.offset = told.offset.map(|offset| (offset + small - 3).max(0));
            }
        }
    }
}

fn shift(answer: &mut ReadAnswer, by: i64) {
    if let ReadAnswer::Records { records, .. } = answer
        && let Some(run) = records.values.last_mut()
    {
        run.0 += by - 2;
        run.0 = run.0.max(0);
    }
}

fn histories() -> impl Strategy<Value = History> {
    let shape = Shape {
        partitions: 2,
        batches: 60,
        batch: 3,
        claimed: 0,
    };
    let changes = vec((any::<u8>(), any::<usize>(), any::<i64>()), 0..4);
    (any::<u64>(), changes).prop_map(move |(seed, changes)| {
        let mut history = clean(seed, shape);
        for one in changes {
            change(&mut history, one);
        }
        history
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn the_fast_checker_agrees_with_the_naive_one(history in histories()) {
        let judgement = judge(&history);
        let failed = |law: &Law| judgement.law(*law).result == LawResult::Failed;
        let fast: BTreeSet<Law> = LAWS.into_iter().filter(failed).collect();
        prop_assert_eq!(fast, Naive::new(&history).broken());
    }
}
