//! What became of each value that was sent.

use super::super::super::history::{Attempt, History, Identity, Outcome, ValueId};
use super::values::Values;

/// No attempt.
const NONE: u32 = u32::MAX;

/// One value that was sent.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Sent {
    first: u32,
    acked: u32,
    /// The number of the partition that it was meant for.
    pub(in super::super) meant: u32,
    /// Whether a broker can tell its repetitions: all attempts have one identity.
    pub(in super::super) guarded: bool,
    /// Whether every attempt was refused.
    pub(in super::super) refused: bool,
    /// Whether it has a second offset.
    pub(super) doubled: bool,
    /// The offset at which it was first seen in its partition.
    pub(super) found: Option<i64>,
}

impl Sent {
    /// The place in the history of the first attempt.
    pub(in super::super) fn first(&self) -> usize {
        self.first as usize
    }

    /// Whether it was acked or read at all.
    pub(in super::super) fn is_found(&self) -> bool {
        self.found.is_some()
    }

    /// The place in the history of the attempt that was acked.
    pub(in super::super) fn acked(&self) -> Option<usize> {
        (self.acked != NONE).then_some(self.acked as usize)
    }
}

impl Default for Sent {
    fn default() -> Self {
        Self {
            first: NONE,
            acked: NONE,
            meant: 0,
            guarded: true,
            refused: true,
            doubled: false,
            found: None,
        }
    }
}

/// All values that were sent, by index; `number` is that of an attempt's partition.
pub(super) fn sent(
    history: &History,
    values: &Values,
    number: impl Fn(&Attempt) -> u32,
) -> Vec<Sent> {
    let mut all = vec![Sent::default(); values.len()];
    for (place, attempt) in history.attempts.iter().enumerate() {
        let start = values.index(attempt.values.0);
        let sent = &mut all[start..start + attempt.values.1 as usize];
        for (value, sent) in attempt.values.ids().zip(sent) {
            let before = (sent.first != NONE).then(|| &history.attempts[sent.first as usize]);
            note(sent, place, attempt);
            sent.guarded &= identity(attempt, value).is_some()
                && before.is_none_or(|other| identity(other, value) == identity(attempt, value));
            if before.is_none_or(|other| attempt.number < other.number) {
                sent.first = place as u32;
                sent.meant = number(attempt);
            }
        }
    }
    all
}

fn note(sent: &mut Sent, place: usize, attempt: &Attempt) {
    match attempt.outcome {
        Outcome::Ok { .. } => {
            sent.acked = place as u32;
            sent.refused = false;
        }
        Outcome::Unknown { .. } => sent.refused = false,
        Outcome::Failed { .. } => {}
    }
}

/// The producer, its epoch and the sequence number by which a broker knows a value.
fn identity(attempt: &Attempt, value: ValueId) -> Option<(i64, i16, i64)> {
    let Identity {
        producer,
        epoch,
        sequence,
    } = attempt.identity?;
    let step = (value.0 - attempt.values.0.0) as i64;
    Some((producer, epoch, i64::from(sequence) + step))
}
