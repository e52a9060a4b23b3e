//! The node's words to its parent: JSON lines on stdout.

use std::io::Write;

use crate::spec::NodeReport;

/// Writes one line at once. A parent that is gone reads nothing; its end is noticed on stdin.
pub(in crate::node) fn report(report: &NodeReport) {
    let mut line = serde_json::to_string(report).expect("a report is plain data");
    line.push('\n');
    let mut stdout = std::io::stdout().lock();
    // Nobody reads what the parent does not.
    drop(
        stdout
            .write_all(line.as_bytes())
            .and_then(|()| stdout.flush()),
    );
}
