//! Which acked values the copies of a partition hold at the end.

use super::super::super::history::ReplicaRead;
use super::{Content, Facts};

/// Whether an acked value is where it belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Kept {
    /// On every copy that was read so far.
    Everywhere,
    /// A copy that was read so far lacks it.
    Lacking,
    /// No copy was read so far.
    Unread,
}

/// An acked value at the end.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Acked {
    /// The value's index.
    pub(in super::super) index: u32,
    /// The number of its partition.
    pub(in super::super) partition: usize,
    /// The offset at which it was acked.
    pub(in super::super) offset: i64,
    /// Whether it is there.
    pub(in super::super) kept: Kept,
}

/// All acked values, in the order of their indexes.
pub(super) fn acked(facts: &Facts<'_>) -> Vec<Acked> {
    let held = held(facts);
    let copies: Vec<Vec<&ReplicaRead>> = facts
        .partitions
        .iter()
        .map(|partition| facts.finals_of(*partition).collect())
        .collect();
    let mut acked = Vec::new();
    for (index, sent) in facts.sent.iter().enumerate() {
        let Some(offset) = facts.ack_of(index as u32) else {
            continue;
        };
        let partition = sent.meant as usize;
        let reaching = copies[partition]
            .iter()
            .filter(|copy| reaches(copy, offset));
        let kept = match reaching.count() {
            0 => Kept::Unread,
            copies if usize::from(held[index]) < copies => Kept::Lacking,
            _ => Kept::Everywhere,
        };
        acked.push(Acked {
            index: index as u32,
            partition,
            offset,
            kept,
        });
    }
    acked
}

/// Whether a copy was read far enough to hold what was acked at `offset`.
fn reaches(copy: &ReplicaRead, offset: i64) -> bool {
    copy.is_complete() || copy.end > offset
}

/// How many copies hold each value in its own partition.
fn held(facts: &Facts<'_>) -> Vec<u16> {
    let mut held = vec![0u16; facts.sent.len()];
    let mut last = vec![0u32; facts.sent.len()];
    for (place, copy) in facts.finals.values().enumerate() {
        let stamp = place as u32 + 1;
        let number = facts.number(copy.partition);
        facts.contents.each(&copy.records, |_, Content(index)| {
            let at = index as usize;
            let ours = facts
                .sent
                .get(at)
                .is_some_and(|sent| sent.meant as usize == number);
            if ours && last[at] != stamp {
                last[at] = stamp;
                held[at] = held[at].saturating_add(1);
            }
        });
    }
    held
}
