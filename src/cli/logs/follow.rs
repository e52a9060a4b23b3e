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
pub(super) struct LogFile {
    node: NodeId,
    path: PathBuf,
    read: u64,
    stamp: String,
}

impl LogFile {
    /// A log that was not read yet.
    pub(super) fn new(node: NodeId, path: PathBuf) -> Self {
        Self {
            node,
            path,
            read: 0,
            stamp: String::new(),
        }
    }

    /// The whole lines that were added since the last call; none where there is no log.
    pub(super) fn read(&mut self) -> Vec<Line> {
        let bytes = self.added().unwrap_or_default();
        let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else {
            return Vec::new();
        };
        self.read += end as u64 + 1;
        let text = String::from_utf8_lossy(&bytes[..end]);
        let mut lines = Vec::new();
        for text in text.lines() {
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
}
