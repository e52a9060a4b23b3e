//! The ways to spoil a clean history; each gives `None` where there is nothing to spoil.

use rand::Rng;
use rand::rngs::StdRng;

use super::super::super::history::{
    Assignment, Attempt, CommitOutcome, History, Micros, Outcome, Read, ReadAnswer, Records,
    ReplicaRead, Run, Strange, Strangeness, TopicPartition, ValueId,
};
use super::super::story::NODES;
use crate::spec::NodeId;

/// One of these.
fn some<T>(all: impl Iterator<Item = T>, rng: &mut StdRng) -> Option<T> {
    let mut all: Vec<T> = all.collect();
    if all.is_empty() {
        return None;
    }
    let chosen = rng.random_range(0..all.len());
    Some(all.swap_remove(chosen))
}

/// The place of some acked attempt that satisfies `wanted`.
fn acked(history: &History, rng: &mut StdRng, wanted: fn(&Attempt) -> bool) -> Option<usize> {
    let attempts = history.attempts.iter().enumerate();
    let acked = attempts.filter(|(_, attempt)| attempt.acked().is_some() && wanted(attempt));
    some(acked.map(|(place, _)| place), rng)
}

/// The values of a copy, by offset.
fn values(replica: &ReplicaRead) -> Vec<ValueId> {
    let runs = replica.records.values.iter();
    runs.flat_map(|run| run.run().ids()).collect()
}

/// Changes the copies of a partition on some nodes; they stay dense from offset 0 on.
fn rewrite(
    history: &mut History,
    partition: TopicPartition,
    nodes: &[NodeId],
    change: impl Fn(&mut Vec<ValueId>),
) {
    for replica in &mut history.replicas {
        if replica.partition != partition || !nodes.contains(&replica.node) {
            continue;
        }
        let mut held = values(replica);
        change(&mut held);
        let mut records = Records {
            epochs: replica.records.epochs.clone(),
            ..Records::default()
        };
        for (offset, value) in held.iter().enumerate() {
            records.push(offset as i64, *value);
        }
        replica.end = held.len() as i64;
        replica.goal = replica.end;
        replica.records = records;
    }
}

pub(super) fn drop_record(history: &mut History, rng: &mut StdRng) -> Option<()> {
    drop_value(history, rng, &NODES, 0)
}

pub(super) fn drop_on_one(history: &mut History, rng: &mut StdRng) -> Option<()> {
    drop_value(history, rng, &NODES[2..], 0)
}

pub(super) fn drop_last_of_batch(history: &mut History, rng: &mut StdRng) -> Option<()> {
    drop_value(history, rng, &NODES, 1)
}

fn drop_value(history: &mut History, rng: &mut StdRng, nodes: &[NodeId], from: u32) -> Option<()> {
    // A plain producer's value may be in the log twice.
    let attempt = acked(history, rng, |attempt| {
        attempt.identity.is_some() && attempt.values.1 > 1
    })?;
    let attempt = &history.attempts[attempt];
    let step = if from == 0 {
        0
    } else {
        attempt.values.1 - from
    };
    let value = ValueId(attempt.values.0.0 + u64::from(step));
    rewrite(history, attempt.partition, nodes, |held| {
        held.retain(|kept| *kept != value);
    });
    Some(())
}

pub(super) fn cut_tail(history: &mut History, rng: &mut StdRng) -> Option<()> {
    let place = acked(history, rng, |attempt| attempt.identity.is_some())?;
    let attempt = &history.attempts[place];
    let (partition, base) = (attempt.partition, attempt.acked()?);
    rewrite(history, partition, &NODES, |held| {
        held.truncate(base as usize);
    });
    Some(())
}

pub(super) fn leave_unread(history: &mut History, rng: &mut StdRng) -> Option<()> {
    let replica = some(history.replicas.iter_mut(), rng)?;
    replica.unread = Some(String::from("error 78 until the deadline"));
    Some(())
}

pub(super) fn same_offset(history: &mut History, rng: &mut StdRng) -> Option<()> {
    let one = acked(history, rng, |_| true)?;
    let other = acked(history, rng, |_| true)?;
    let base = history.attempts[other].acked()?;
    let differ = history.attempts[one].values != history.attempts[other].values
        && history.attempts[one].partition == history.attempts[other].partition;
    history.attempts[one].outcome = Outcome::Ok { base };
    differ.then_some(())
}

pub(super) fn swap_records(history: &mut History, rng: &mut StdRng) -> Option<()> {
    let place = acked(history, rng, |attempt| attempt.values.1 > 1)?;
    let attempt = &history.attempts[place];
    let (partition, base) = (attempt.partition, attempt.acked()? as usize);
    rewrite(history, partition, &NODES, |held| held.swap(base, base + 1));
    Some(())
}

pub(super) fn overwrite(history: &mut History, rng: &mut StdRng) -> Option<()> {
    let read = some(reads_with(history, 1), rng)?;
    let (partition, offset) = (read.partition, read.asked as usize);
    rewrite(history, partition, &NODES, |held| {
        let last = held.len() - 1;
        held.swap(offset, last);
    });
    let length = values(
        history
            .replicas
            .iter()
            .find(|copy| copy.partition == partition)?,
    )
    .len();
    (offset + 1 < length).then_some(())
}

pub(super) fn offset_plus_one(history: &mut History, rng: &mut StdRng) -> Option<()> {
    let place = acked(history, rng, |attempt| attempt.identity.is_some())?;
    let base = history.attempts[place].acked()? + 1;
    history.attempts[place].outcome = Outcome::Ok { base };
    Some(())
}

pub(super) fn store_twice(history: &mut History, rng: &mut StdRng) -> Option<()> {
    let place = acked(history, rng, |attempt| attempt.identity.is_some())?;
    let attempt = &history.attempts[place];
    let (partition, values) = (attempt.partition, attempt.values);
    rewrite(history, partition, &NODES, |held| held.extend(values.ids()));
    Some(())
}

pub(super) fn phantom(history: &mut History, rng: &mut StdRng) -> Option<()> {
    let partition = some(history.partitions().collect::<Vec<_>>().into_iter(), rng)?;
    rewrite(history, partition, &NODES, |held| {
        held.push(ValueId::of(500, 3));
    });
    Some(())
}

/// Reads that bring at least so many records.
fn reads_with(history: &History, least: u64) -> impl Iterator<Item = Read> {
    let enough = move |read: &&Read| match &read.answer {
        ReadAnswer::Records { records, .. } => records.count() >= least,
        _ => false,
    };
    let reads: Vec<Read> = history.reads.iter().filter(enough).cloned().collect();
    reads.into_iter()
}

/// Changes one read that brings at least so many records.
fn change_read(
    history: &mut History,
    rng: &mut StdRng,
    least: u64,
    change: impl FnOnce(&mut i64, &mut Records),
) -> Option<()> {
    let chosen = some(reads_with(history, least), rng)?;
    let read = history.reads.iter_mut().find(|read| **read == chosen)?;
    let ReadAnswer::Records {
        high_watermark,
        records,
        ..
    } = &mut read.answer
    else {
        return None;
    };
    change(high_watermark, records);
    Some(())
}

pub(super) fn phantom_read(history: &mut History, rng: &mut StdRng) -> Option<()> {
    change_read(history, rng, 1, |_, records| {
        records.values[0].1 = ValueId::of(501, 0);
    })
}

pub(super) fn refused(history: &mut History, rng: &mut StdRng) -> Option<()> {
    let attempts = history.attempts.iter();
    let failed = attempts.filter(|attempt| matches!(attempt.outcome, Outcome::Failed { .. }));
    let attempt = some(failed, rng)?;
    let value = attempt.values.0;
    let others = history
        .attempts
        .iter()
        .filter(|other| other.values.0 == value);
    if others.count() > 1 {
        return None;
    }
    let partition = attempt.partition;
    rewrite(history, partition, &NODES, |held| held.push(value));
    Some(())
}

pub(super) fn wrong_partition(history: &mut History, rng: &mut StdRng) -> Option<()> {
    let place = acked(history, rng, |_| true)?;
    let attempt = &history.attempts[place];
    let other = TopicPartition(0, 1 - attempt.partition.1);
    let value = attempt.values.0;
    rewrite(history, other, &NODES, |held| held.push(value));
    Some(())
}

pub(super) fn corrupt(history: &mut History, rng: &mut StdRng) -> Option<()> {
    change_read(history, rng, 1, |_, records| {
        let offset = records.values[0].0;
        records.values[0].0 += 1;
        records.values[0].1.0 += 1;
        records.values[0].2 -= 1;
        if records.values[0].2 == 0 {
            records.values.remove(0);
        }
        records.strange.push(Strange {
            offset,
            kind: Strangeness::Corrupt,
            hash: 1,
        });
    })
}

/// Two batches of one idempotent producer change places, in the acks and in every copy.
pub(super) fn swap_sends(history: &mut History, rng: &mut StdRng) -> Option<()> {
    let one = acked(history, rng, |attempt| {
        attempt.identity.is_some() && attempt.values.1 == 1
    })?;
    let (client, first) = (history.attempts[one].client, history.attempts[one].values);
    let same = |(_, attempt): &(usize, &Attempt)| {
        let single = attempt.values.1 == 1 && attempt.values != first;
        attempt.client == client && attempt.acked().is_some() && single
    };
    let other = some(history.attempts.iter().enumerate().filter(same), rng)?.0;
    exchange(history, one, other)
}

/// A batch that was acked early is in the log after one that was sent later by somebody else.
pub(super) fn append_late(history: &mut History, rng: &mut StdRng) -> Option<()> {
    let one = acked(history, rng, |attempt| attempt.values.1 == 1)?;
    let early = history.attempts[one].clone();
    let later = |(_, attempt): &(usize, &Attempt)| {
        attempt.client != early.client
            && attempt.partition == early.partition
            && attempt.values.1 == 1
            && attempt.acked().is_some()
            && attempt.sent > early.answered
    };
    let other = some(history.attempts.iter().enumerate().filter(later), rng)?.0;
    let repeated = |values: Run| {
        let all = history.attempts.iter();
        all.filter(|attempt| attempt.values == values).count() > 1
    };
    if repeated(early.values) || repeated(history.attempts[other].values) {
        return None;
    }
    exchange(history, one, other)
}

fn exchange(history: &mut History, one: usize, other: usize) -> Option<()> {
    let bases = (
        history.attempts[one].acked()?,
        history.attempts[other].acked()?,
    );
    history.attempts[one].outcome = Outcome::Ok { base: bases.1 };
    history.attempts[other].outcome = Outcome::Ok { base: bases.0 };
    let partition = history.attempts[one].partition;
    rewrite(history, partition, &NODES, |held| {
        held.swap(bases.0 as usize, bases.1 as usize);
    });
    history.reads.clear();
    Some(())
}

pub(super) fn rewind(history: &mut History, rng: &mut StdRng) -> Option<()> {
    let read = some(reads_with(history, 1), rng)?;
    let mut again = read.clone();
    let late = history.reads.iter().map(|read| read.answered.0).max()?;
    (again.sent, again.answered) = (Micros(late + 10), Micros(late + 20));
    if matches!(again.assignment, Assignment::Group { .. }) {
        return None;
    }
    history.reads.push(again);
    Some(())
}

pub(super) fn skip(history: &mut History, rng: &mut StdRng) -> Option<()> {
    change_read(history, rng, 2, |_, records| {
        let first = &mut records.values[0];
        (first.0, first.1.0, first.2) = (first.0 + 1, first.1.0 + 1, first.2 - 1);
        if first.2 == 0 {
            records.values.remove(0);
        }
    })
}

pub(super) fn watermark_back(history: &mut History, rng: &mut StdRng) -> Option<()> {
    let read = some(reads_with(history, 1), rng)?;
    let later = |other: &&mut Read| {
        let same = other.client == read.client && other.partition == read.partition;
        same && other.sent > read.answered
    };
    let ReadAnswer::Records {
        high_watermark: told,
        ..
    } = read.answer
    else {
        return None;
    };
    let other = history.reads.iter_mut().find(later)?;
    if let ReadAnswer::Records { high_watermark, .. } = &mut other.answer {
        *high_watermark = told - 1;
    }
    Some(())
}

pub(super) fn past_watermark(history: &mut History, rng: &mut StdRng) -> Option<()> {
    change_read(history, rng, 1, |high_watermark, records| {
        *high_watermark = records.end().unwrap_or_default() - 1;
    })
}

pub(super) fn out_of_range(history: &mut History, rng: &mut StdRng) -> Option<()> {
    let place = acked(history, rng, |_| true)?;
    let attempt = &history.attempts[place];
    let (partition, asked, after) = (attempt.partition, attempt.acked()?, attempt.answered);
    let reads = history.reads.iter_mut();
    let mut later = reads.filter(|read| read.partition == partition && read.sent > after);
    let read = later.next()?;
    read.asked = asked;
    read.answer = ReadAnswer::Error { code: 1 };
    Some(())
}

pub(super) fn deposed(history: &mut History, rng: &mut StdRng) -> Option<()> {
    let healed = history.faults[0].ended?;
    let attempts = history.attempts.iter_mut();
    let late = attempts.filter(|attempt| {
        attempt.sent > healed && attempt.identity.is_none() && attempt.acked().is_some()
    });
    let attempt = some(late, rng)?;
    attempt.broker = NodeId(attempt.broker.0 % 3 + 1);
    Some(())
}

pub(super) fn commit_back(history: &mut History, rng: &mut StdRng) -> Option<()> {
    let told = history.committed.iter_mut();
    let told = some(
        told.filter(|told| told.offset.is_some_and(|at| at > 0)),
        rng,
    )?;
    let (group, partition, before) = (told.group.clone(), told.partition, told.sent);
    let done = history.commits.iter().filter(|commit| {
        commit.group == group
            && commit.partition == partition
            && commit.outcome == CommitOutcome::Ok
            && commit.answered < before
    });
    let highest = done.map(|commit| commit.offset).max()?;
    told.offset = Some(highest - 1);
    (highest > 0).then_some(())
}

pub(super) fn commit_gone(history: &mut History, _: &mut StdRng) -> Option<()> {
    let told = history.committed.iter_mut();
    let done = history
        .commits
        .iter()
        .map(|commit| (commit.partition, &commit.outcome));
    let done: Vec<_> = done
        .filter(|(_, outcome)| **outcome == CommitOutcome::Ok)
        .collect();
    let mut last = told
        .rev()
        .filter(|told| done.iter().any(|(at, _)| *at == told.partition));
    last.next()?.offset = None;
    Some(())
}

pub(super) fn commit_passes(history: &mut History, rng: &mut StdRng) -> Option<()> {
    let commit = some(history.commits.iter_mut(), rng)?;
    commit.offset += 5_000;
    Some(())
}

pub(super) fn diverge(history: &mut History, rng: &mut StdRng) -> Option<()> {
    let place = acked(history, rng, |_| true)?;
    let attempt = &history.attempts[place];
    let (partition, base) = (attempt.partition, attempt.acked()? as usize);
    rewrite(history, partition, &NODES[1..2], |held| {
        held[base] = ValueId::of(0, 0);
    });
    (attempt_value(history, place) != ValueId::of(0, 0)).then_some(())
}

fn attempt_value(history: &History, place: usize) -> ValueId {
    history.attempts[place].values.0
}

pub(super) fn diverge_byte(history: &mut History, rng: &mut StdRng) -> Option<()> {
    some(history.replicas.iter_mut(), rng)?.hash += 1;
    Some(())
}

pub(super) fn metadata_differs(history: &mut History, _: &mut StdRng) -> Option<()> {
    let last = history.metadata.last_mut()?;
    last.topics[0].partitions[1].epoch += 1;
    Some(())
}

pub(super) fn topic_gone(history: &mut History, _: &mut StdRng) -> Option<()> {
    for seen in &mut history.metadata {
        seen.topics.clear();
    }
    (!history.metadata.is_empty()).then_some(())
}
