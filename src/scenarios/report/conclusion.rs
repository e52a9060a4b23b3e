//! How a run, a scenario or all of them ended.

use crate::scenarios::history::{Ending, History};
use crate::scenarios::judge::Verdict;

/// The judge's verdict, or that there was no end to judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Conclusion {
    /// Every law held, and enough was seen to say so.
    Pass,
    /// A law was broken.
    Fail,
    /// Too little was seen.
    Unknown,
    /// It was stopped before its end, and no law was broken until then.
    Interrupted,
}

impl Conclusion {
    /// What a history and its verdict come to.
    pub fn of(history: &History, verdict: Verdict) -> Self {
        let interrupted = history
            .end
            .is_some_and(|end| end.how == Ending::Interrupted);
        match verdict {
            Verdict::Failed => Self::Fail,
            Verdict::Passed | Verdict::Unknown if interrupted => Self::Interrupted,
            Verdict::Passed => Self::Pass,
            Verdict::Unknown => Self::Unknown,
        }
    }

    /// The name for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Unknown => "unknown",
            Self::Interrupted => "interrupted",
        }
    }

    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::Unknown => "UNKNOWN",
            Self::Interrupted => "INTERRUPTED",
        }
    }

    /// The shape for people.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Pass => "✅",
            Self::Fail => "❌",
            Self::Unknown => "⚠️",
            Self::Interrupted => "⏹️",
        }
    }

    /// What several come to: the first of failed, interrupted, unknown that occurs. Nothing at all
    /// is unknown.
    pub fn of_all(all: impl Iterator<Item = Self>) -> Self {
        all.max_by_key(|one| one.weight()).unwrap_or(Self::Unknown)
    }

    fn weight(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Unknown => 1,
            Self::Interrupted => 2,
            Self::Fail => 3,
        }
    }
}
