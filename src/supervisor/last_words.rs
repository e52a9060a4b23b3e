//! What a node's process said before it ended, for whoever tells of its end.

use std::path::Path;

use super::log_tail::last_errors;
use super::trouble::Trouble;

/// The last words of a process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LastWords {
    /// Why it cannot go on, in its own words, and its advice.
    pub(super) fatal: Option<(String, Option<String>)>,
    /// The size of its log when the process was started.
    pub(super) log_from: u64,
}

impl LastWords {
    /// Adds them to what is told, with the log and its last error lines.
    pub(super) fn add_to(&self, mut trouble: Trouble, log: &Path) -> Trouble {
        if let Some((error, hint)) = &self.fatal {
            trouble = trouble.fact(format!("it said: {error}"));
            trouble.hints.extend(hint.clone());
        }
        let lines = last_errors(log, self.log_from);
        let trouble = trouble.fact(format!("log: {}", log.display()));
        let lines = lines.iter().map(|line| format!("  {line}"));
        lines.fold(trouble, Trouble::fact)
    }
}
