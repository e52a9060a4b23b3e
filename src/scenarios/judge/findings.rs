//! What one law's check gathers, until it is a verdict.

use super::super::Law;
use super::super::history::{History, Micros, TopicPartition, ValueId};
use super::evidence::{self, Spot};
use super::facts::Facts;
use super::verdict::{Anomaly, LawResult, LawVerdict};

/// Counter-examples that are kept for each law; more of them explain no more.
const KEPT: usize = 10;
/// Remarks that are kept for each law.
const REMARKS: usize = 10;

/// What a law's check has found so far.
#[derive(Debug)]
pub(super) struct Findings<'a> {
    law: Law,
    history: &'a History,
    /// Items looked at.
    pub(super) examined: u64,
    broken: u64,
    unseen: Vec<String>,
    remarks: Vec<String>,
    anomalies: Vec<Anomaly>,
}

/// Where a law was broken.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    /// The partition.
    pub(super) partition: Option<TopicPartition>,
    /// The offset.
    pub(super) offset: Option<i64>,
    /// The value.
    pub(super) value: Option<ValueId>,
    /// When a group's offset was wrong.
    pub(super) moment: Option<Micros>,
}

impl Place {
    /// A partition as a whole.
    pub(super) fn partition(partition: TopicPartition) -> Self {
        Self {
            partition: Some(partition),
            ..Self::default()
        }
    }

    /// An offset in a partition.
    pub(super) fn offset(partition: TopicPartition, offset: i64) -> Self {
        Self {
            offset: Some(offset),
            ..Self::partition(partition)
        }
    }

    /// The same with the value there.
    pub(super) fn with_value(self, value: ValueId) -> Self {
        Self {
            value: Some(value),
            ..self
        }
    }

    /// The same at a moment.
    pub(super) fn at(self, moment: Micros) -> Self {
        Self {
            moment: Some(moment),
            ..self
        }
    }
}

impl<'a> Findings<'a> {
    /// Nothing yet.
    pub(super) fn new(law: Law, facts: &Facts<'a>) -> Self {
        Self {
            law,
            history: facts.history,
            examined: 0,
            broken: 0,
            unseen: Vec::new(),
            remarks: Vec::new(),
            anomalies: Vec::new(),
        }
    }

    /// The law is broken; `what` is asked for the first few times only.
    pub(super) fn broken(&mut self, place: Place, what: impl FnOnce() -> String) {
        self.broken += 1;
        if self.anomalies.len() >= KEPT {
            return;
        }
        let history = self.history;
        self.anomalies.push(Anomaly {
            law: self.law,
            what: what(),
            partition: place.partition.map(|partition| history.name_of(partition)),
            offset: place.offset,
            value: place.value.map(|value| value.to_string()),
            evidence: evidence::around(history, &Spot::of(history, place)),
            repeat: history.header.repeat.clone(),
        });
    }

    /// Something that had to be looked at was not seen.
    pub(super) fn unseen(&mut self, what: impl FnOnce() -> String) {
        if self.unseen.len() < REMARKS {
            self.unseen.push(what());
        }
    }

    /// Something worth knowing that breaks nothing.
    pub(super) fn remark(&mut self, what: String) {
        if self.remarks.len() < REMARKS {
            self.remarks.push(what);
        }
    }

    /// The verdict.
    pub(super) fn conclude(mut self) -> LawVerdict {
        let nothing = self.examined == 0 && self.broken == 0;
        if nothing && self.unseen.is_empty() {
            self.unseen
                .push(String::from("there was nothing to look at"));
        }
        let result = match (self.broken, self.unseen.is_empty()) {
            (0, true) => LawResult::Passed,
            (0, false) => LawResult::Unknown,
            (_, _) => LawResult::Failed,
        };
        self.unseen.append(&mut self.remarks);
        LawVerdict {
            law: self.law,
            result,
            examined: self.examined,
            broken: self.broken,
            remarks: self.unseen,
            anomalies: self.anomalies,
        }
    }
}
