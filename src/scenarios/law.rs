//! The laws by name, as histories, verdicts and reports spell them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What must hold, whatever was broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Law {
    /// What was acked is on every replica at the end.
    AckedIsDurable,
    /// No two values are ever seen at one offset.
    OneOffsetOneValue,
    /// An idempotent producer's value has one offset.
    NoDuplicate,
    /// Nothing is read that was not sent there, or was refused.
    NothingFromNowhere,
    /// Offsets follow the order of sends, readers neither go back nor skip.
    Order,
    /// A client's high watermark only rises, and what is below it can be read.
    HighWatermark,
    /// One node acks in a leader epoch.
    OneLeaderPerEpoch,
    /// A group's committed offsets only rise, and never pass what was processed.
    CommittedOffsets,
    /// All replicas of a partition are equal at the end.
    ReplicasConverge,
    /// All nodes describe the topics alike at the end.
    MetadataAgrees,
    /// Search finds what is committed, nothing else, and in the end all of it.
    SearchFollowsLog,
    /// No node ends unasked.
    NoNodeDies,
    /// What this scenario promises beside the laws.
    Promises,
}

impl Law {
    /// All of them, in the order of SCENARIOS.md.
    pub const ALL: [Self; 13] = [
        Self::AckedIsDurable,
        Self::OneOffsetOneValue,
        Self::NoDuplicate,
        Self::NothingFromNowhere,
        Self::Order,
        Self::HighWatermark,
        Self::OneLeaderPerEpoch,
        Self::CommittedOffsets,
        Self::ReplicasConverge,
        Self::MetadataAgrees,
        Self::SearchFollowsLog,
        Self::NoNodeDies,
        Self::Promises,
    ];

    /// The law's name in files and for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::AckedIsDurable => "acked-is-durable",
            Self::OneOffsetOneValue => "one-offset-one-value",
            Self::NoDuplicate => "no-duplicate",
            Self::NothingFromNowhere => "nothing-from-nowhere",
            Self::Order => "order",
            Self::HighWatermark => "high-watermark",
            Self::OneLeaderPerEpoch => "one-leader-per-epoch",
            Self::CommittedOffsets => "committed-offsets",
            Self::ReplicasConverge => "replicas-converge",
            Self::MetadataAgrees => "metadata-agrees",
            Self::SearchFollowsLog => "search-follows-log",
            Self::NoNodeDies => "no-node-dies",
            Self::Promises => "promises",
        }
    }

    /// The law in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::AckedIsDurable => "acked is durable",
            Self::OneOffsetOneValue => "one offset, one value",
            Self::NoDuplicate => "no duplicate",
            Self::NothingFromNowhere => "nothing from nowhere",
            Self::Order => "order",
            Self::HighWatermark => "high watermark never regresses",
            Self::OneLeaderPerEpoch => "one leader per epoch",
            Self::CommittedOffsets => "committed group offsets never regress",
            Self::ReplicasConverge => "replicas converge",
            Self::MetadataAgrees => "metadata agrees",
            Self::SearchFollowsLog => "search follows the log",
            Self::NoNodeDies => "no node dies unasked",
            Self::Promises => "the scenario's promises",
        }
    }
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_spell_a_law_by_its_name() {
        for law in Law::ALL {
            let text = serde_json::to_string(&law).unwrap();
            assert_eq!(text, format!("\"{}\"", law.name()));
        }
    }
}
