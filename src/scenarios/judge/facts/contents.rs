//! What a record can hold, under one small number.

use std::collections::HashMap;

use super::super::super::history::{History, ReadAnswer, Records, Run, Strangeness, ValueId};
use super::values::Values;

/// What a record holds: the index of a value that was sent, or, above those, of something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in super::super) struct Content(pub(in super::super) u32);

/// Something else than a value that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in super::super) enum Other {
    /// A sound value of this run that nobody sent.
    Phantom(ValueId),
    /// Strange bytes, by their checksum.
    Strange(Strangeness, u64),
}

/// A content, looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Kind {
    /// The index of a value that was sent.
    Sent(u32),
    /// Something else.
    Other(Other),
}

/// All contents of a history.
#[derive(Debug)]
pub(in super::super) struct Contents {
    /// The values that were sent.
    pub(in super::super) values: Values,
    numbers: HashMap<Other, u32>,
    others: Vec<Other>,
}

impl Contents {
    /// The contents of everything that was sent or read.
    pub(super) fn new(history: &History) -> Self {
        let mut contents = Self {
            values: Values::new(history.attempts.iter().map(|attempt| attempt.values)),
            numbers: HashMap::new(),
            others: Vec::new(),
        };
        for read in &history.reads {
            if let ReadAnswer::Records { records, .. } = &read.answer {
                contents.learn(records);
            }
        }
        for replica in &history.replicas {
            contents.learn(&replica.records);
        }
        contents
    }

    /// What a content is.
    pub(in super::super) fn kind(&self, content: Content) -> Kind {
        match (content.0 as usize).checked_sub(self.values.len()) {
            None => Kind::Sent(content.0),
            Some(place) => Kind::Other(self.others[place]),
        }
    }

    /// A content in words.
    pub(in super::super) fn show(&self, content: Content) -> String {
        match self.kind(content) {
            Kind::Sent(index) => self.values.id(index).to_string(),
            Kind::Other(Other::Phantom(value)) => format!("{value}, which nobody sent"),
            Kind::Other(Other::Strange(Strangeness::Foreign, hash)) => {
                format!("bytes of another origin ({hash:016x})")
            }
            Kind::Other(Other::Strange(Strangeness::Corrupt, hash)) => {
                format!("a value whose checksum fails ({hash:016x})")
            }
        }
    }

    /// Visits each record with its content: values first, then what is strange.
    pub(in super::super) fn each(&self, records: &Records, mut visit: impl FnMut(i64, Content)) {
        for run in &records.values {
            self.values.pieces(run.run(), |place, count, index| {
                for step in place..place + count {
                    let content = match index {
                        Some(index) => Content(index + (step - place)),
                        None => self.number(Other::Phantom(ValueId(run.1.0 + u64::from(step)))),
                    };
                    visit(run.0 + i64::from(step), content);
                }
            });
        }
        for strange in &records.strange {
            let other = Other::Strange(strange.kind, strange.hash);
            visit(strange.offset, self.number(other));
        }
    }

    fn number(&self, other: Other) -> Content {
        Content(self.numbers[&other])
    }

    fn learn(&mut self, records: &Records) {
        for run in &records.values {
            for value in self.not_sent(run.run()) {
                self.intern(Other::Phantom(value));
            }
        }
        for strange in &records.strange {
            self.intern(Other::Strange(strange.kind, strange.hash));
        }
    }

    fn not_sent(&self, run: Run) -> Vec<ValueId> {
        let mut found = Vec::new();
        self.values.pieces(run, |place, count, index| {
            if index.is_none() {
                let first = run.0.0 + u64::from(place);
                found.extend((first..first + u64::from(count)).map(ValueId));
            }
        });
        found
    }

    fn intern(&mut self, other: Other) {
        let next = (self.values.len() + self.others.len()) as u32;
        if let std::collections::hash_map::Entry::Vacant(free) = self.numbers.entry(other) {
            free.insert(next);
            self.others.push(other);
        }
    }
}
