//! One producer's records on one partition.

use super::super::super::super::history::{Attempt, ClientId, Identity};
use super::super::super::facts::Facts;
use super::super::super::findings::{Findings, Place};

/// Attempts that a broker must append in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stream {
    /// One epoch of an idempotent producer.
    Idempotent(i64, i16),
    /// One connection of a plain producer.
    Plain(u32),
}

/// An acked attempt, and its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Acked {
    partition: u32,
    client: ClientId,
    stream: Stream,
    turn: u64,
    last: i64,
    place: u32,
}

/// Accuses each acked attempt whose offset is not above those of earlier turns.
pub(super) fn look(facts: &Facts<'_>, findings: &mut Findings<'_>) {
    let attempts = facts.history.attempts.iter().enumerate();
    let acked = attempts.filter_map(|(place, attempt)| acked(facts, place, attempt));
    let mut acked: Vec<Acked> = acked.collect();
    acked.sort_unstable();
    let mut highest: Option<Acked> = None;
    for next in acked {
        findings.examined += 1;
        let same = highest.filter(|before| {
            (before.partition, before.client, before.stream)
                == (next.partition, next.client, next.stream)
        });
        let Some(before) = same else {
            highest = Some(next);
            continue;
        };
        let attempt = &facts.history.attempts[next.place as usize];
        let base = attempt.acked().unwrap_or_default();
        if before.turn < next.turn && base <= before.last {
            accuse(facts, before, attempt, base, findings);
        }
        if next.last > before.last {
            highest = Some(next);
        }
    }
}

fn acked(facts: &Facts<'_>, place: usize, attempt: &Attempt) -> Option<Acked> {
    let last = attempt.last_offset()?;
    let (stream, turn) = match attempt.identity {
        Some(Identity {
            producer, epoch, ..
        }) => (
            Stream::Idempotent(producer, epoch),
            facts.first_of(attempt).number,
        ),
        None => (Stream::Plain(attempt.connection), attempt.number),
    };
    Some(Acked {
        partition: facts.number(attempt.partition) as u32,
        client: attempt.client,
        stream,
        turn,
        last,
        place: place as u32,
    })
}

fn accuse(
    facts: &Facts<'_>,
    before: Acked,
    attempt: &Attempt,
    base: i64,
    findings: &mut Findings<'_>,
) {
    let earlier = &facts.history.attempts[before.place as usize];
    let place = Place::offset(attempt.partition, base).with_value(attempt.values.0);
    findings.broken(place, || {
        format!(
            "{} sent {} after {} to {}, and it was acked at offset {base}, where the earlier one \
             ends at {}",
            attempt.client,
            attempt.values.0,
            earlier.values.0,
            facts.history.name_of(attempt.partition),
            before.last,
        )
    });
}
