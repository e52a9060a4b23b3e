//! What was acked before another send began is before it in the log.

use super::super::super::super::history::Attempt;
use super::super::super::facts::Facts;
use super::super::super::findings::{Findings, Place};
use super::super::super::sweep::{Known, Start, largest_before};

/// Accuses each acked attempt that is not above what was acked before it was sent.
pub(super) fn look(facts: &Facts<'_>, findings: &mut Findings<'_>) {
    let attempts = &facts.history.attempts;
    let mut starts = vec![Vec::new(); facts.partitions.len()];
    let mut known = vec![Vec::new(); facts.partitions.len()];
    for (place, attempt) in attempts.iter().enumerate() {
        let Some(last) = attempt.last_offset() else {
            continue;
        };
        let number = facts.number(attempt.partition);
        // A repeated batch may have been appended by its first attempt.
        let began = match attempt.identity {
            Some(_) => facts.first_of(attempt).sent.min(attempt.sent),
            None => attempt.sent,
        };
        starts[number].push(Start { at: began, place });
        known[number].push(Known {
            at: attempt.answered,
            size: last,
            place,
        });
    }
    for (starts, known) in starts.into_iter().zip(known) {
        largest_before(starts, known, |place, before| {
            let attempt = &attempts[place];
            if attempt.acked().is_some_and(|base| base <= before.size) {
                accuse(facts, &attempts[before.place], attempt, findings);
            }
        });
    }
}

fn accuse(facts: &Facts<'_>, before: &Attempt, attempt: &Attempt, findings: &mut Findings<'_>) {
    let base = attempt.acked().unwrap_or_default();
    let place = Place::offset(attempt.partition, base).with_value(attempt.values.0);
    findings.broken(place, || {
        format!(
            "{} was sent at {} and acked at offset {base} of {}, though offset {} had been acked \
             at {}",
            attempt.values.0,
            attempt.sent,
            facts.history.name_of(attempt.partition),
            before.last_offset().unwrap_or_default(),
            before.answered,
        )
    });
}
