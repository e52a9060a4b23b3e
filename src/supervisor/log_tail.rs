//! The last error lines of a node's log, safe to print.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Lines that are shown.
const LINES: usize = 5;
/// The end of the log that is looked at.
const WINDOW: u64 = 64 << 10;
/// What marks a line as an error: the log's own level, and what a panic prints.
const ERRORS: [&str; 2] = ["ERROR", "panicked"];

/// The last error lines after byte `from`, or just the last lines where none is an error.
///
/// A log that cannot be read has none: this adds to an error, it is no error of its own.
pub(super) fn last_errors(path: &Path, from: u64) -> Vec<String> {
    let text = tail(path, from).unwrap_or_default();
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let errors: Vec<&str> = lines
        .iter()
        .copied()
        .filter(|line| is_error(line))
        .collect();
    let chosen = if errors.is_empty() { &lines } else { &errors };
    let skipped = chosen.len().saturating_sub(LINES);
    chosen[skipped..].iter().map(|line| escape(line)).collect()
}

/// Whether a log line tells of an error.
pub fn is_error(line: &str) -> bool {
    ERRORS.iter().any(|mark| line.contains(mark))
}

/// The last line of a log, safe to print.
pub fn last_line(path: &Path) -> Option<String> {
    let text = tail(path, 0).ok()?;
    text.lines()
        .rfind(|line| !line.trim().is_empty())
        .map(escape)
}

/// A line with its control characters written out, so that a log cannot drive a terminal, nor turn
/// around what stands beside it.
pub fn escape(line: &str) -> String {
    let mut safe = String::with_capacity(line.len());
    for c in line.chars() {
        if (c.is_control() && c != '\t') || turns(c) {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    safe
}

/// Whether a character changes the direction of text, or breaks lines unseen.
fn turns(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn tail(path: &Path, from: u64) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let end = file.metadata()?.len();
    file.seek(SeekFrom::Start(from.max(end.saturating_sub(WINDOW))))?;
    let mut bytes = Vec::new();
    file.take(WINDOW).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_this_life_are_shown_and_cannot_drive_a_terminal() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("node.log");
        let old = "ERROR of another life\n";
        std::fs::write(&path, format!("{old}INFO fine\nERROR \u{1b}[2J gone\n")).unwrap();
        let lines = last_errors(&path, old.len() as u64);
        assert_eq!(lines, ["ERROR \\u{1b}[2J gone"]);
        assert_eq!(
            escape("a\u{202e}b\u{2067}c é日"),
            "a\\u{202e}b\\u{2067}c é日"
        );
        std::fs::write(&path, "one\ntwo\n").unwrap();
        assert_eq!(last_errors(&path, 0), ["one", "two"]);
        assert!(last_errors(&place.path().join("none"), 0).is_empty());
    }
}
