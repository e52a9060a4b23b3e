//! Log files that grow: what is new since the last look.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::Duration;

use super::line::Line;
use crate::cli::context::Context;
use crate::cli::outcome::Failure;
use crate::spec::NodeId;

/// Growing files are looked at this often, as `tail -f` does where nobody tells it.
const LOOK: Duration = Duration::from_millis(100);
/// What is read of one file in one look.
const MAX_READ: u64 = 64 << 20;

/// A node's log and how far it was read.
#[derive(Debug)]
pub(in crate::cli) struct LogFile {
    node: NodeId,
    path: PathBuf,
    read: u64,
    stamp: String,
    cut: Cut,
}

/// Whether the next line lost its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    No,
    Yes,
}

impl LogFile {
    /// A log that was not read yet.
    pub(in crate::cli) fn new(node: NodeId, path: PathBuf) -> Self {
        Self {
            node,
            path,
            read: 0,
            stamp: String::new(),
            cut: Cut::No,
        }
    }

    /// A log of which only the end was not read yet: so many bytes, or less.
    pub(in crate::cli) fn tail(node: NodeId, path: PathBuf, bytes: u64) -> Self {
        let length = std::fs::metadata(&path).map_or(0, |file| file.len());
        let mut log = Self::new(node, path);
        if length > bytes {
            log.read = length - bytes;
            // It begins in the middle of a line.
            log.cut = Cut::Yes;
        }
        log
    }

    /// The whole lines that were added since the last call; none where there is no log.
    pub(in crate::cli) fn read(&mut self) -> Vec<Line> {
        let bytes = self.added().unwrap_or_default();
        let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else {
            return Vec::new();
        };
        self.read += end as u64 + 1;
        let text = String::from_utf8_lossy(&bytes[..end]);
        let mut lines = Vec::new();
        let skipped = usize::from(std::mem::replace(&mut self.cut, Cut::No) == Cut::Yes);
        for text in text.lines().skip(skipped) {
            let line = Line::new(self.node, text, &self.stamp);
            line.time().clone_into(&mut self.stamp);
            lines.push(line);
        }
        lines
    }

    fn added(&mut self) -> std::io::Result<Vec<u8>> {
        let mut file = File::open(&self.path)?;
        if file.metadata()?.len() < self.read {
            // It was cut: it is another log from here.
            self.read = 0;
            self.cut = Cut::No;
        }
        file.seek(SeekFrom::Start(self.read))?;
        let mut bytes = Vec::new();
        file.take(MAX_READ).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// Prints what is added until Ctrl-C.
pub(super) async fn follow(
    context: &Context,
    files: &mut [LogFile],
    wants: impl Fn(&Line) -> bool,
) -> Result<(), Failure> {
    let mut looks = tokio::time::interval(LOOK);
    let interrupt = tokio::signal::ctrl_c();
    tokio::pin!(interrupt);
    loop {
        tokio::select! {
            _ = looks.tick() => {}
            _ = &mut interrupt => return Ok(()),
        }
        let mut lines: Vec<Line> = files.iter_mut().flat_map(LogFile::read).collect();
        lines.retain(&wants);
        lines.sort_by(|one, other| one.time().cmp(other.time()));
        for line in &lines {
            context.line(line.show(context.stdout))?;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn only_whole_new_lines_are_read() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("node.log");
        let mut file = File::create(&path).unwrap();
        let mut log = LogFile::new(NodeId(1), path);
        let texts = |lines: Vec<Line>| lines.into_iter().map(|line| line.text).collect::<Vec<_>>();
        file.write_all(b"one\ntw").unwrap();
        assert_eq!(texts(log.read()), ["one"]);
        assert!(log.read().is_empty());
        file.write_all(b"o\n").unwrap();
        assert_eq!(texts(log.read()), ["two"]);
    }

    #[test]
    fn a_tail_begins_with_a_whole_line() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("node.log");
        std::fs::write(&path, "first\nsecond\nthird\n").unwrap();
        let texts = |bytes| {
            let lines = LogFile::tail(NodeId(1), path.clone(), bytes).read();
            lines.into_iter().map(|line| line.text).collect::<Vec<_>>()
        };
        assert_eq!(texts(8), ["third"]);
        assert_eq!(texts(1_000), ["first", "second", "third"]);
        let missing = LogFile::tail(NodeId(1), place.path().join("none"), 8).read();
        assert!(missing.is_empty());
    }
}
