//! Lines of bounded length from a pipe: a child cannot make its parent hold more than this.

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// The longest line that is taken; the rest of a longer one is thrown away.
pub(super) const MAX_LINE: usize = 64 << 10;

/// Reads lines.
#[derive(Debug)]
pub(super) struct Lines<R> {
    source: BufReader<R>,
    line: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// Reads lines from `source`.
    pub(super) fn new(source: R) -> Self {
        Self {
            source: BufReader::new(source),
            line: Vec::new(),
        }
    }

    /// The next line without its end, cut at [`MAX_LINE`]; `None` at the end of the source.
    ///
    /// Cancel safe: what was read of a line is kept for the next call.
    pub(super) async fn next(&mut self) -> std::io::Result<Option<String>> {
        loop {
            let chunk = self.source.fill_buf().await?;
            if chunk.is_empty() {
                return Ok((!self.line.is_empty()).then(|| self.take()));
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let taken = &chunk[..end.unwrap_or(chunk.len())];
            let room = MAX_LINE.saturating_sub(self.line.len());
            self.line.extend_from_slice(&taken[..taken.len().min(room)]);
            let used = taken.len() + usize::from(end.is_some());
            self.source.consume(used);
            if end.is_some() {
                return Ok(Some(self.take()));
            }
        }
    }

    fn take(&mut self) -> String {
        let line = String::from_utf8_lossy(&self.line).into_owned();
        self.line.clear();
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn long_lines_are_cut_and_the_next_is_whole() {
        let text = format!("one\n{}\nthree", "x".repeat(3 * MAX_LINE));
        let mut lines = Lines::new(text.as_bytes());
        assert_eq!(lines.next().await.unwrap().unwrap(), "one");
        assert_eq!(lines.next().await.unwrap().unwrap().len(), MAX_LINE);
        assert_eq!(lines.next().await.unwrap().unwrap(), "three");
        assert_eq!(lines.next().await.unwrap(), None);
    }
}
