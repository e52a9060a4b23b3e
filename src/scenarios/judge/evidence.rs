//! What a person needs to understand a counter-example: the write, the reads around it, what groups
//! committed and were told, the faults that overlapped, and who led in which epoch over time.

use super::super::history::{
    Assignment, Attempt, Commit, CommitOutcome, Committed, FaultBegan, History, Micros, Outcome,
    Read, ReadAnswer, Records, TopicPartition, ValueId,
};
use super::findings::Place;
use super::verdict::Evidence;

/// Lines of each kind that are kept.
const KEPT: usize = 8;

/// What evidence is wanted for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot {
    partition: Option<TopicPartition>,
    offset: Option<i64>,
    value: Option<ValueId>,
    moment: Option<Micros>,
}

impl Spot {
    /// The place, with the value that was acked there when none is named.
    pub(super) fn of(history: &History, place: Place) -> Self {
        let acked = || {
            let (partition, offset) = (place.partition?, place.offset?);
            history.attempts.iter().find_map(|attempt| {
                let base = attempt.acked()?;
                let there = attempt.partition == partition
                    && (base..base + i64::from(attempt.values.1)).contains(&offset);
                there.then(|| ValueId(attempt.values.0.0 + (offset - base) as u64))
            })
        };
        Self {
            partition: place.partition,
            offset: place.offset,
            value: place.value.or_else(acked),
            moment: place.moment,
        }
    }
}

/// Everything around a spot, in the order of time.
pub(super) fn around(history: &History, spot: &Spot) -> Vec<Evidence> {
    let mut found = writes(history, spot);
    found.extend(reads(history, spot));
    found.extend(groups(history, spot));
    found.extend(replicas(history, spot));
    // What is said of a whole partition has no moment: all faults may matter.
    let has_moment = spot.offset.is_some() || spot.moment.is_some();
    let moments = found.iter().filter(|_| has_moment);
    let moments = moments.map(|evidence| evidence.at);
    let (from, to) = (moments.clone().min(), moments.max());
    found.extend(faults(history, from, to));
    found.extend(leaders(history, spot));
    found.sort();
    found
}

fn writes(history: &History, spot: &Spot) -> Vec<Evidence> {
    let Some(value) = spot.value else {
        return Vec::new();
    };
    let holds = |attempt: &&Attempt| {
        let first = attempt.values.0.0;
        (first..first + u64::from(attempt.values.1)).contains(&value.0)
    };
    let attempts = history.attempts.iter().filter(holds).take(KEPT);
    attempts
        .map(|attempt| write(history, attempt, value))
        .collect()
}

fn write(history: &History, attempt: &Attempt, value: ValueId) -> Evidence {
    let place = value.0 - attempt.values.0.0;
    let outcome = match &attempt.outcome {
        Outcome::Ok { base } => format!("acked at offset {}", base + place as i64),
        Outcome::Failed { code } => format!("refused with error {code}"),
        Outcome::Unknown { why, .. } => format!("unknown: {why}"),
    };
    let kind = match attempt.identity {
        Some(identity) => format!("sequence {}", i64::from(identity.sequence) + place as i64),
        None => String::from("plain"),
    };
    Evidence {
        at: attempt.sent,
        what: format!(
            "{} sends {value} to {} for {} ({kind}), after {:.3} ms {outcome}",
            attempt.client,
            attempt.broker,
            history.name_of(attempt.partition),
            attempt.answered.since(attempt.sent).as_secs_f64() * 1e3,
        ),
    }
}

/// The reads of clients that touch the offset or bring the value.
fn reads(history: &History, spot: &Spot) -> Vec<Evidence> {
    let touches = |read: &&Read| match &read.answer {
        ReadAnswer::Records { records, .. } => {
            let here = Some(read.partition) == spot.partition;
            let end = records.end().unwrap_or(read.asked);
            let around = spot
                .offset
                .is_some_and(|offset| (read.asked - 1..=end).contains(&offset));
            here && around
                || spot
                    .value
                    .is_some_and(|value| offset_of(records, value).is_some())
        }
        ReadAnswer::Error { .. } => {
            Some(read.partition) == spot.partition && spot.offset == Some(read.asked)
        }
        ReadAnswer::Lost { .. } => false,
    };
    let reads = history.reads.iter().filter(touches).take(KEPT);
    reads.map(|read| of_read(history, read, spot)).collect()
}

fn of_read(history: &History, read: &Read, spot: &Spot) -> Evidence {
    let brought = match &read.answer {
        ReadAnswer::Records {
            high_watermark,
            records,
            ..
        } => format!("{} (high watermark {high_watermark})", show(records, spot)),
        ReadAnswer::Error { code } => format!("error {code}"),
        ReadAnswer::Lost { why } => why.clone(),
    };
    Evidence {
        at: read.sent,
        what: format!(
            "{} reads {} from offset {} at {}: {brought}",
            read.client,
            history.name_of(read.partition),
            read.asked,
            read.broker,
        ),
    }
}

/// What groups did to a partition around the moment: each kind's last before it and first after.
fn groups(history: &History, spot: &Spot) -> Vec<Evidence> {
    let (Some(partition), Some(moment)) = (spot.partition, spot.moment) else {
        return Vec::new();
    };
    let commits = history.commits.iter();
    let commits = commits.filter(|commit| commit.partition == partition);
    let told = history.committed.iter();
    let told = told.filter(|told| told.partition == partition);
    let reads = history.reads.iter().filter(|read| {
        let grouped = matches!(read.assignment, Assignment::Group { .. });
        let brought =
            matches!(&read.answer, ReadAnswer::Records { records, .. } if records.count() > 0);
        read.partition == partition && grouped && brought
    });
    let commits = near(moment, commits.map(|commit| (commit.answered, commit)));
    let told = near(moment, told.map(|told| (told.answered, told)));
    let reads = near(moment, reads.map(|read| (read.answered, read)));
    let commits = commits.into_iter().map(|it| of_commit(history, it));
    let told = told.into_iter().map(|it| of_committed(history, it));
    let reads = reads.into_iter().map(|it| of_read(history, it, spot));
    commits.chain(told).chain(reads).collect()
}

/// Those that ended last before a moment, the moment included, and some that ended after it.
fn near<T>(moment: Micros, all: impl Iterator<Item = (Micros, T)>) -> Vec<T> {
    let mut all: Vec<_> = all.collect();
    all.sort_by_key(|(at, _)| *at);
    let after = all.partition_point(|(at, _)| *at <= moment);
    let kept = after.saturating_sub(KEPT)..all.len().min(after + KEPT / 2);
    all.drain(kept).map(|(_, one)| one).collect()
}

fn of_commit(history: &History, commit: &Commit) -> Evidence {
    let outcome = match &commit.outcome {
        CommitOutcome::Ok => String::from("committed"),
        CommitOutcome::Failed { code } => format!("refused with error {code}"),
        CommitOutcome::Unknown { why } => format!("unknown: {why}"),
    };
    Evidence {
        at: commit.sent,
        what: format!(
            "{} commits offset {} of {} for group {} in generation {} at {}: {outcome} at {}",
            commit.client,
            commit.offset,
            history.name_of(commit.partition),
            commit.group,
            commit.generation,
            commit.broker,
            commit.answered,
        ),
    }
}

fn of_committed(history: &History, told: &Committed) -> Evidence {
    let offset = told.offset.map(|offset| offset.to_string());
    Evidence {
        at: told.sent,
        what: format!(
            "{} asks {} what group {} has committed of {}: {} at {}",
            told.client,
            told.broker,
            told.group,
            history.name_of(told.partition),
            offset.as_deref().unwrap_or("nothing"),
            told.answered,
        ),
    }
}

fn replicas(history: &History, spot: &Spot) -> Vec<Evidence> {
    let here = history.replicas.iter().rev();
    let here = here.filter(|replica| Some(replica.partition) == spot.partition);
    let lines = here.take(KEPT).map(|replica| Evidence {
        at: replica.ended,
        what: format!(
            "{}'s copy of {} is read from {} to {}: {}",
            replica.node,
            history.name_of(replica.partition),
            replica.log_start,
            replica.end,
            show(&replica.records, spot),
        ),
    });
    lines.collect()
}

/// What some records say of the spot.
fn show(records: &Records, spot: &Spot) -> String {
    let mut said = vec![format!("{} records", records.count())];
    if let Some(offset) = spot.offset {
        said.push(
            match (value_at(records, offset), strange_at(records, offset)) {
                (Some(value), _) => format!("offset {offset} holds {value}"),
                (None, Some(kind)) => format!("offset {offset} holds {kind}"),
                (None, None) => format!("nothing at offset {offset}"),
            },
        );
    }
    if let Some(value) = spot.value {
        said.push(match offset_of(records, value) {
            Some(offset) => format!("{value} at offset {offset}"),
            None => format!("no {value}"),
        });
    }
    said.join(", ")
}

fn value_at(records: &Records, offset: i64) -> Option<ValueId> {
    let run = records
        .values
        .iter()
        .find(|run| (run.0..run.end()).contains(&offset))?;
    Some(ValueId(run.1.0 + (offset - run.0) as u64))
}

fn strange_at(records: &Records, offset: i64) -> Option<String> {
    let strange = records
        .strange
        .iter()
        .find(|strange| strange.offset == offset)?;
    Some(format!("{:?} bytes", strange.kind).to_lowercase())
}

fn offset_of(records: &Records, value: ValueId) -> Option<i64> {
    let holds = |first: u64, count: u32| value.0 >= first && value.0 - first < u64::from(count);
    let run = records.values.iter().find(|run| holds(run.1.0, run.2))?;
    Some(run.0 + (value.0 - run.1.0) as i64)
}

/// Faults between the first and the last of what was found; all of them when nothing was.
fn faults(history: &History, from: Option<Micros>, to: Option<Micros>) -> Vec<Evidence> {
    let (from, to) = (from.unwrap_or_default(), to.unwrap_or(Micros(u64::MAX)));
    let overlapping = history
        .faults
        .iter()
        .filter(|fault| fault.overlaps(from, to));
    let lines = overlapping.take(KEPT).flat_map(|fault| {
        let FaultBegan { at, .. } = fault.began;
        let ended = fault.ended.map(|at| Evidence {
            at,
            what: format!("fault ends: {fault}"),
        });
        let began = Evidence {
            at,
            what: format!("fault begins: {fault}"),
        };
        std::iter::once(began).chain(ended)
    });
    lines.collect()
}

/// Each change of a partition's leader or epoch, by the first node that told it.
fn leaders(history: &History, spot: &Spot) -> Vec<Evidence> {
    let Some(partition) = spot.partition else {
        return Vec::new();
    };
    let mut last = None;
    let mut lines = Vec::new();
    for (at, node, leader, epoch) in history.leaders_told(partition) {
        let newer = last.is_none_or(|(_, known)| epoch > known);
        if !newer {
            continue;
        }
        last = Some((leader, epoch));
        let who = leader.map_or_else(|| String::from("nobody"), |leader| leader.to_string());
        lines.push(Evidence {
            at,
            what: format!(
                "{node} tells that {who} leads {} in epoch {epoch}",
                history.name_of(partition)
            ),
        });
    }
    let surplus = lines.len().saturating_sub(2 * KEPT);
    lines.drain(..surplus);
    lines
}
