//! A line of a log: whose it is, when it was written, what it says.

use crate::cli::render::Style;
use crate::spec::NodeId;
use crate::supervisor::{escape, is_error};

/// Bytes of `2026-01-31T12:00:00`: what tells a timestamp from other words.
const STAMP: usize = 19;

/// A line of a node's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Line {
    /// Whose.
    pub(in crate::cli) node: NodeId,
    /// What it says.
    pub(in crate::cli) text: String,
    /// When, as it stands in the log; that of the line before where it has none.
    stamp: String,
}

impl Line {
    /// A line after one with this timestamp.
    pub(in crate::cli) fn new(node: NodeId, text: &str, before: &str) -> Self {
        let own = text.split_whitespace().next().filter(|word| is_stamp(word));
        Self {
            node,
            text: text.to_owned(),
            stamp: own.unwrap_or(before).to_owned(),
        }
    }

    /// When it was written; orders as text.
    pub(in crate::cli) fn time(&self) -> &str {
        &self.stamp
    }

    /// The line as it is printed: whose, and its control characters written out.
    pub(in crate::cli) fn show(&self, style: Style) -> String {
        let text = escape(&self.text);
        let text = if is_error(&self.text) {
            style.red(&text)
        } else {
            text
        };
        format!("{} {text}", style.cyan(&format!("{} |", self.node)))
    }
}

fn is_stamp(word: &str) -> bool {
    let form = b"0000-00-00T00:00:00";
    word.len() >= STAMP
        && word.bytes().zip(form).all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            other => byte == *other,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_a_timestamp_belongs_to_the_one_before() {
        let first = Line::new(NodeId(1), "2026-01-31T12:00:00.5Z  INFO up", "");
        assert_eq!(first.time(), "2026-01-31T12:00:00.5Z");
        let second = Line::new(NodeId(1), "  at src/lib.rs:1", first.time());
        assert_eq!(second.time(), first.time());
    }

    #[test]
    fn a_log_cannot_drive_the_terminal() {
        let line = Line::new(NodeId(1), "a\u{1b}[2Jb", "");
        assert_eq!(line.show(Style::plain()), "node-1 | a\\u{1b}[2Jb");
    }
}
