//! What the judge says, as data.

use serde::{Serialize, Serializer};

use super::super::Law;
use super::super::history::Micros;

/// Whether a scenario went well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum Verdict {
    /// Every law held, and enough was seen to say so.
    #[serde(rename = "pass")]
    Passed,
    /// A law was broken.
    #[serde(rename = "fail")]
    Failed,
    /// Too little was seen.
    #[serde(rename = "unknown")]
    Unknown,
}

impl Verdict {
    /// The word for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Passed => "pass",
            Self::Failed => "fail",
            Self::Unknown => "unknown",
        }
    }
}

/// What became of one law.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LawResult {
    /// It held.
    Passed,
    /// It was broken.
    Failed,
    /// Too little was seen.
    Unknown,
    /// The scenario or the target has no matter for it.
    NotApplicable,
}

impl LawResult {
    /// The word for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::NotApplicable => "not applicable",
        }
    }
}

/// One law, judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LawVerdict {
    /// The law.
    pub law: Law,
    /// What became of it.
    pub result: LawResult,
    /// How many items were looked at.
    pub examined: u64,
    /// How many times it was broken.
    pub broken: u64,
    /// Why it is unknown or not applicable, and what else is worth knowing.
    pub remarks: Vec<String>,
    /// The first times that it was broken.
    pub anomalies: Vec<Anomaly>,
}

/// One time that a law was broken, with what a person needs to understand it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Anomaly {
    /// The law.
    pub law: Law,
    /// What is wrong, in one line.
    pub what: String,
    /// The partition, as people call it.
    pub partition: Option<String>,
    /// The offset.
    pub offset: Option<i64>,
    /// The value.
    pub value: Option<String>,
    /// What happened around it, in the order of time.
    pub evidence: Vec<Evidence>,
    /// The command that repeats the scenario.
    pub repeat: String,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Evidence {
    /// When, in milliseconds since the start.
    #[serde(rename = "at_ms", serialize_with = "milliseconds")]
    pub at: Micros,
    /// What.
    pub what: String,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the shape that serde calls"
)]
fn milliseconds<S: Serializer>(at: &Micros, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(at.0 as f64 / 1e3)
}

/// Records counted; what was not examined is `None`, never 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Values acked.
    pub acked: Option<u64>,
    /// Acked values read back from every replica.
    pub read: Option<u64>,
    /// Acked values that a replica lacks.
    pub lost: Option<u64>,
    /// Values of idempotent producers that have two offsets.
    pub duplicated: Option<u64>,
    /// Values of plain producers that have two offsets: a retry may do that.
    pub duplicates_allowed: Option<u64>,
    /// Breaches of the order.
    pub reordered: Option<u64>,
    /// Values whose sender never learned what became of them.
    pub unknown: Option<u64>,
}

/// A history, judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// Why it is not "passed", one line each.
    pub reasons: Vec<String>,
    /// Every law.
    pub laws: Vec<LawVerdict>,
    /// The records.
    pub counts: Counts,
}

impl Judgement {
    /// One law's verdict.
    pub fn law(&self, law: Law) -> &LawVerdict {
        let found = self.laws.iter().find(|verdict| verdict.law == law);
        found.expect("every law is judged")
    }

    /// The counter-examples of all laws.
    pub fn anomalies(&self) -> impl Iterator<Item = &Anomaly> {
        self.laws.iter().flat_map(|verdict| &verdict.anomalies)
    }
}
