//! What an event must satisfy to be taken into a history.
//!
//! Histories are read from files too, so nothing in them is believed: what passes here can be
//! judged without an overflow, and in memory that follows the file's size.

use super::{
    Attempt, Commit, Committed, Event, FaultId, History, LogEnd, Micros, Outcome, Read, ReadAnswer,
    Records, ReplicaRead, Run, SearchRead, Topic, TopicPartition,
};

/// Values of one batch; a frame of 100 MiB cannot hold more.
const MAX_BATCH: u32 = 1 << 20;
/// Values sent and records read of one history, all together: it is judged in memory.
const MAX_RECORDS: u64 = 32_000_000;
/// No log is so long.
const MAX_OFFSET: i64 = 1 << 48;
/// Partitions of one topic.
const MAX_PARTITIONS: usize = 100_000;

/// Why an event cannot be part of a history.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// It names a partition of no topic so far.
    #[error("topic {0} has no partition {1} in this history")]
    NoPartition(u32, u32),
    /// It names a fault that has not begun.
    #[error("fault {0} has not begun")]
    NoFault(u32),
    /// The fault has begun before.
    #[error("fault {0} begins twice")]
    SameFault(u32),
    /// It ends before it begins.
    #[error("it is answered at {answered}, before it was sent at {sent}")]
    Backwards {
        /// When it was sent.
        sent: Micros,
        /// When it was answered.
        answered: Micros,
    },
    /// A count that no batch or fetch has.
    #[error("{count} {what}, where {least} to {most} are possible")]
    Count {
        /// What is counted.
        what: &'static str,
        /// How many there are said to be.
        count: u64,
        /// The fewest.
        least: u64,
        /// The most.
        most: u64,
    },
    /// An offset that no log has.
    #[error("{offset} is no offset")]
    Offset {
        /// What is said to be one.
        offset: i64,
    },
    /// Records that are not in the order of their offsets.
    #[error("leader epochs are not in the order of their offsets at {offset}")]
    Epochs {
        /// The first offset that is out of order.
        offset: i64,
    },
    /// Values beyond the largest number.
    #[error("values from {first} on do not have {count} numbers")]
    Values {
        /// The first number.
        first: u64,
        /// How many follow.
        count: u32,
    },
    /// More than a judge's memory holds.
    #[error("more than {MAX_RECORDS} values and records in one history")]
    TooMany,
    /// Something follows the end.
    #[error("the scenario is over, and nothing follows")]
    Over,
}

/// Whether `event` can follow what `history` holds.
pub(super) fn check(history: &History, event: &Event) -> Result<(), EventError> {
    if history.end.is_some() {
        return Err(EventError::Over);
    }
    if history.records.saturating_add(records_in(event)) > MAX_RECORDS {
        return Err(EventError::TooMany);
    }
    match event {
        Event::Topic(topic) => of_topic(topic),
        Event::TopicDeleted(deleted) => partition(history, TopicPartition(deleted.topic, 0)),
        Event::Produce(attempt) => of_attempt(history, attempt),
        Event::Read(read) => of_read(history, read),
        Event::Replica(replica) => of_replica(history, replica),
        Event::Search(search) => of_search(history, search),
        Event::Commit(commit) => of_commit(history, commit),
        Event::Committed(committed) => of_committed(history, committed),
        Event::LogEnd(end) => of_log_end(history, end),
        Event::FaultBegan(began) => match known(history, began.fault) {
            Ok(()) => Err(EventError::SameFault(began.fault.0)),
            Err(_) => Ok(()),
        },
        Event::FaultProven(proven) => known(history, proven.fault),
        Event::FaultEnded(ended) => known(history, ended.fault),
        Event::Milestone(milestone) => match milestone.partition {
            Some(named) => partition(history, named),
            None => Ok(()),
        },
        Event::Metadata(_)
        | Event::Node(_)
        | Event::Phase(_)
        | Event::Promise(_)
        | Event::Healed(_)
        | Event::End(_) => Ok(()),
    }
}

/// How many values or records an event holds.
pub(super) fn records_in(event: &Event) -> u64 {
    match event {
        Event::Produce(attempt) => u64::from(attempt.values.1),
        Event::Replica(replica) => replica.records.count(),
        Event::Search(search) => search.hits.count(),
        Event::Read(read) => match &read.answer {
            ReadAnswer::Records { records, .. } => records.count(),
            ReadAnswer::Error { .. } | ReadAnswer::Lost { .. } => 0,
        },
        _ => 0,
    }
}

fn of_topic(topic: &Topic) -> Result<(), EventError> {
    let partitions = topic.partitions.len() as u64;
    count("partitions", partitions, 1, MAX_PARTITIONS as u64)
}

fn of_attempt(history: &History, attempt: &Attempt) -> Result<(), EventError> {
    partition(history, attempt.partition)?;
    in_time(attempt.sent, attempt.answered)?;
    run(attempt.values)?;
    match attempt.outcome {
        Outcome::Ok { base } => offset(base),
        Outcome::Failed { .. } | Outcome::Unknown { .. } => Ok(()),
    }
}

fn of_read(history: &History, read: &Read) -> Result<(), EventError> {
    partition(history, read.partition)?;
    in_time(read.sent, read.answered)?;
    offset(read.asked)?;
    let ReadAnswer::Records {
        high_watermark,
        log_start,
        records,
    } = &read.answer
    else {
        return Ok(());
    };
    offset(*high_watermark)?;
    offset(*log_start)?;
    of_records(records)
}

fn of_replica(history: &History, replica: &ReplicaRead) -> Result<(), EventError> {
    partition(history, replica.partition)?;
    in_time(replica.began, replica.ended)?;
    for bound in [replica.log_start, replica.end, replica.goal] {
        offset(bound)?;
    }
    of_records(&replica.records)
}

fn of_search(history: &History, search: &SearchRead) -> Result<(), EventError> {
    partition(history, search.partition)?;
    in_time(search.sent, search.answered)?;
    search.goal.map_or(Ok(()), offset)?;
    of_records(&search.hits)
}

fn of_records(records: &Records) -> Result<(), EventError> {
    for values in &records.values {
        offset(values.0)?;
        count("values", u64::from(values.2), 1, MAX_RECORDS)?;
        numbers(values.run())?;
    }
    for strange in &records.strange {
        offset(strange.offset)?;
    }
    for pair in records.epochs.windows(2) {
        if pair[0].0 >= pair[1].0 {
            return Err(EventError::Epochs { offset: pair[1].0 });
        }
    }
    Ok(())
}

fn of_commit(history: &History, commit: &Commit) -> Result<(), EventError> {
    partition(history, commit.partition)?;
    in_time(commit.sent, commit.answered)?;
    offset(commit.offset)
}

fn of_committed(history: &History, committed: &Committed) -> Result<(), EventError> {
    partition(history, committed.partition)?;
    in_time(committed.sent, committed.answered)?;
    committed.offset.map_or(Ok(()), offset)
}

fn of_log_end(history: &History, end: &LogEnd) -> Result<(), EventError> {
    partition(history, end.partition)?;
    offset(end.end)
}

fn partition(history: &History, named: TopicPartition) -> Result<(), EventError> {
    let topic = history.topics.get(named.0 as usize);
    let there = topic.is_some_and(|topic| (named.1 as usize) < topic.partitions.len());
    if there {
        return Ok(());
    }
    Err(EventError::NoPartition(named.0, named.1))
}

fn known(history: &History, fault: FaultId) -> Result<(), EventError> {
    let begun = history
        .faults
        .iter()
        .any(|known| known.began.fault == fault);
    if begun {
        return Ok(());
    }
    Err(EventError::NoFault(fault.0))
}

fn in_time(sent: Micros, answered: Micros) -> Result<(), EventError> {
    if sent <= answered {
        return Ok(());
    }
    Err(EventError::Backwards { sent, answered })
}

fn run(values: Run) -> Result<(), EventError> {
    count("values", u64::from(values.1), 1, u64::from(MAX_BATCH))?;
    numbers(values)
}

fn numbers(values: Run) -> Result<(), EventError> {
    match values.0.0.checked_add(u64::from(values.1)) {
        Some(_) => Ok(()),
        None => Err(EventError::Values {
            first: values.0.0,
            count: values.1,
        }),
    }
}

fn offset(offset: i64) -> Result<(), EventError> {
    if (0..MAX_OFFSET).contains(&offset) {
        return Ok(());
    }
    Err(EventError::Offset { offset })
}

fn count(what: &'static str, count: u64, least: u64, most: u64) -> Result<(), EventError> {
    if (least..=most).contains(&count) {
        return Ok(());
    }
    Err(EventError::Count {
        what,
        count,
        least,
        most,
    })
}
