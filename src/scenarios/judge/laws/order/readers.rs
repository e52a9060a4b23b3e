//! One reader's records within one assignment.

use std::collections::HashMap;

use super::super::super::super::history::{
    Assignment, ClientId, Read, ReadAnswer, Records, TopicPartition,
};
use super::super::super::facts::{Facts, Offsets};
use super::super::super::findings::{Findings, Place};

/// Accuses each read that goes back or skips.
pub(super) fn look(facts: &Facts<'_>, findings: &mut Findings<'_>) {
    let mut reads: Vec<&Read> = facts.history.reads.iter().collect();
    reads.sort_by_key(|read| (read.sent, read.answered));
    let mut next: HashMap<(ClientId, TopicPartition, &Assignment), i64> = HashMap::new();
    for read in reads {
        let ReadAnswer::Records {
            log_start, records, ..
        } = &read.answer
        else {
            continue;
        };
        let key = (read.client, read.partition, &read.assignment);
        let expected = next.get(&key).copied().unwrap_or(read.asked);
        let expected = expected.max(*log_start);
        let mut walk = Walk {
            facts,
            read,
            offsets: &facts.offsets[facts.number(read.partition)],
            expected,
        };
        walk.go(records, findings);
        next.insert(key, walk.expected);
    }
}

/// One read, record by record.
struct Walk<'f, 'h> {
    facts: &'f Facts<'h>,
    read: &'f Read,
    offsets: &'f Offsets,
    /// The first offset that was not read yet.
    expected: i64,
}

impl Walk<'_, '_> {
    fn go(&mut self, records: &Records, findings: &mut Findings<'_>) {
        let mut strange = records
            .strange
            .iter()
            .map(|strange| strange.offset)
            .peekable();
        for run in &records.values {
            while let Some(offset) = strange.next_if(|offset| *offset < run.0) {
                self.step(offset, offset + 1, findings);
            }
            self.step(run.0, run.end(), findings);
        }
        for offset in strange {
            self.step(offset, offset + 1, findings);
        }
    }

    /// Records from `first` up to `end` come next.
    fn step(&mut self, first: i64, end: i64, findings: &mut Findings<'_>) {
        findings.examined += (end - first) as u64;
        let (expected, read) = (self.expected, self.read);
        let name = || self.facts.history.name_of(read.partition);
        if first < expected {
            findings.broken(Place::offset(read.partition, first), || {
                let client = read.client;
                format!(
                    "{client} reads offset {first} of {} after offset {}",
                    name(),
                    expected - 1
                )
            });
        } else if let Some(skipped) = self.offsets.first_in(expected, first) {
            findings.broken(Place::offset(read.partition, skipped), || {
                let client = read.client;
                format!(
                    "{client} skips offset {skipped} of {}: it reads on at {first}, having read up \
                     to {expected}",
                    name()
                )
            });
        }
        self.expected = expected.max(end);
    }
}
