//! Where the records of `produce` come from: the lines of stdin, or a count.

use std::io::{BufRead, Read};

use tokio::sync::mpsc;

/// The longest line: what a broker takes by default.
pub(super) const MAX_LINE: u64 = 1_000_000;
/// Lines that are read ahead.
const READ_AHEAD: usize = 256;

/// Where records come from.
pub(super) enum Source {
    Lines(mpsc::Receiver<std::io::Result<Line>>),
    Count { left: u64, size: usize },
}

impl Source {
    /// So many records of this size, or the lines of stdin.
    pub(super) fn of(count: Option<u64>, size: usize) -> Self {
        match count {
            Some(left) => Self::Count { left, size },
            None => Self::Lines(stdin_lines()),
        }
    }

    /// The next record's line; `None` at the end.
    pub(super) async fn next(&mut self, number: u64) -> std::io::Result<Option<Line>> {
        match self {
            Self::Lines(lines) => lines.recv().await.transpose(),
            Self::Count { left: 0, .. } => Ok(None),
            Self::Count { left, size } => {
                *left -= 1;
                let mut line = number.to_string().into_bytes();
                line.resize(*size, b'.');
                Ok(Some(Line::Whole(line)))
            }
        }
    }
}

/// A line of the input.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Not longer than a record may be.
    Whole(Vec<u8>),
    /// Longer than a record may be: its bytes, which were passed over.
    TooLong(u64),
}

/// Reads stdin on a thread that nobody waits for: a read from a terminal cannot be ended, and a
/// runtime would wait for it.
fn stdin_lines() -> mpsc::Receiver<std::io::Result<Line>> {
    let (lines, receiver) = mpsc::channel(READ_AHEAD);
    std::thread::spawn(move || {
        let mut stdin = std::io::stdin().lock();
        while let Some(line) = read_line(&mut stdin).transpose() {
            let failed = line.is_err();
            if lines.blocking_send(line).is_err() || failed {
                break;
            }
        }
    });
    receiver
}

/// A line without its end; `None` at the end of the input.
fn read_line(input: &mut impl BufRead) -> std::io::Result<Option<Line>> {
    let mut line = Vec::new();
    input
        .by_ref()
        .take(MAX_LINE + 2)
        .read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    let ended = line.last() == Some(&b'\n');
    if ended {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
    let length = line.len() as u64;
    if length > MAX_LINE {
        let rest = if ended { 0 } else { pass_over(input)? };
        return Ok(Some(Line::TooLong(length + rest)));
    }
    Ok(Some(Line::Whole(line)))
}

/// Reads to the end of a line and counts its bytes, without keeping them.
fn pass_over(input: &mut impl BufRead) -> std::io::Result<u64> {
    let mut passed = 0;
    loop {
        let part = input.fill_buf()?;
        let end = part.iter().position(|byte| *byte == b'\n');
        let length = end.unwrap_or(part.len());
        passed += length as u64;
        let last = end.is_some() || part.is_empty();
        input.consume(length + usize::from(end.is_some()));
        if last {
            return Ok(passed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_lose_their_ends_and_nothing_else() {
        let mut input = &b"a\r\n\nb"[..];
        for line in ["a", "", "b"] {
            let read = read_line(&mut input).unwrap();
            assert_eq!(read, Some(Line::Whole(line.into())));
        }
        assert!(read_line(&mut input).unwrap().is_none());
    }

    #[test]
    fn a_line_that_is_too_long_is_measured_and_passed_over() {
        let mut input = vec![b'x'; 1_500_000];
        input.extend(b"\nnext\n");
        let mut input = &input[..];
        let long = read_line(&mut input).unwrap();
        assert_eq!(long, Some(Line::TooLong(1_500_000)));
        let next = read_line(&mut input).unwrap();
        assert_eq!(next, Some(Line::Whole(b"next".into())));
    }
}
