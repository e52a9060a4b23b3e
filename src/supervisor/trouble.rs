//! Errors as they cross a process wall: a code to branch on, and words for a person.
//!
//! The supervisor says it over its control socket and, while starting, to the process that
//! launched it. Text is rendered by the command line only.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What kind of trouble; each stands for one exit code of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TroubleCode {
    /// What was asked makes no sense, or not for this cluster.
    Usage,
    /// Not ready in time.
    NotReady,
    /// A node died unasked.
    NodeDied,
    /// A port of the plan is taken.
    PortTaken,
    /// A directory, a socket or another precondition.
    Precondition,
    /// There is no such cluster.
    NoCluster,
    /// The cluster is not running.
    NotRunning,
    /// A living supervisor has the cluster: ask that one.
    AlreadyRunning,
    /// The directory is locked and nobody answers as that cluster.
    Locked,
    /// Ctrl-C, or the launching process went away.
    Interrupted,
    /// A bug of ours.
    Bug,
}

/// One of our commands for the cluster of this name, as a person would type it.
pub fn command(cluster: &str, words: &str) -> String {
    match cluster {
        "dev" => format!("chronik-dev {words}"),
        name => format!("chronik-dev {words} --cluster {name}"),
    }
}

impl TroubleCode {
    /// The code as it stands in the envelope.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Usage => "USAGE",
            Self::NotReady => "NOT_READY",
            Self::NodeDied => "NODE_DIED",
            Self::PortTaken => "PORT_TAKEN",
            Self::Precondition => "PRECONDITION",
            Self::NoCluster => "NO_CLUSTER",
            Self::NotRunning => "NOT_RUNNING",
            Self::AlreadyRunning => "ALREADY_RUNNING",
            Self::Locked => "LOCKED",
            Self::Interrupted => "INTERRUPTED",
            Self::Bug => "BUG",
        }
    }
}

/// Something that did not work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Trouble {
    /// What to branch on.
    pub code: TroubleCode,
    /// What failed, in one line.
    pub message: String,
    /// What is known beside it, one fact each.
    pub facts: Vec<String>,
    /// What to do next.
    pub hints: Vec<String>,
    /// The same for programs.
    pub details: Value,
}

impl Trouble {
    /// Trouble with its message.
    pub fn new(code: TroubleCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            facts: Vec::new(),
            hints: Vec::new(),
            details: Value::Object(serde_json::Map::new()),
        }
    }

    /// The same for an error, its causes as facts.
    pub fn of(code: TroubleCode, error: &dyn std::error::Error) -> Self {
        let mut trouble = Self::new(code, error.to_string());
        let mut cause = error.source();
        while let Some(error) = cause {
            trouble = trouble.fact(format!("caused by: {error}"));
            cause = error.source();
        }
        trouble
    }

    /// The same with one more fact.
    #[must_use]
    pub fn fact(mut self, fact: impl Into<String>) -> Self {
        self.facts.push(fact.into());
        self
    }

    /// The same with one more hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The same with details for programs.
    #[must_use]
    pub fn with_details(mut self, details: Value) -> Self {
        self.details = details;
        self
    }
}
