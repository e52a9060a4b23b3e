//! The node's words to its parent: JSON lines on stdout.

use std::io::Write;

use crate::spec::NodeReport;

/// Writes reports; clones write to the same stdout.
#[derive(Debug, Clone, Copy)]
pub(in crate::node) struct Reporter;

impl Reporter {
    /// Writes one line at once. A parent that is gone reads nothing; its end is noticed on stdin.
    pub(in crate::node) fn report(self, report: &NodeReport) {
        let mut line = serde_json::to_string(report).expect("a report is plain data");
        line.push('\n');
        let mut stdout = std::io::stdout().lock();
        drop(
            stdout
                .write_all(line.as_bytes())
                .and_then(|()| stdout.flush()),
        );
    }
}
