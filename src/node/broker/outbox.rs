//! Answers on their way out: written with one system call for as many as there are.

use std::collections::VecDeque;
use std::io::{self, IoSlice};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::limits::Share;

/// Slices of one write; more do not make it cheaper.
const SLICES: usize = 32;

/// An answer on its way out.
#[derive(Debug)]
pub(super) struct Answer {
    /// The frame, its length prefix included.
    bytes: Bytes,
    /// What it takes of the memory for answers; given back when all of it is written.
    _share: Option<Share>,
}

impl Answer {
    /// A frame with its share of the memory for answers, when it is one that needs any.
    pub(super) fn new(bytes: Bytes, share: Option<Share>) -> Self {
        Self {
            bytes,
            _share: share,
        }
    }
}

/// Answers that are not written yet, in order.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    answers: VecDeque<Answer>,
    bytes: usize,
}

impl Outbox {
    /// Adds an answer.
    pub(super) fn push(&mut self, answer: Answer) {
        assert!(
            !answer.bytes.is_empty(),
            "an answer has a length prefix at least"
        );
        self.bytes += answer.bytes.len();
        self.answers.push_back(answer);
    }

    /// Bytes that are not written yet.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether everything is written.
    pub(super) fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    /// Writes some of it. Nothing is lost or repeated when it is dropped.
    pub(super) async fn write_to(
        &mut self,
        writer: &mut (impl AsyncWrite + Unpin),
    ) -> io::Result<()> {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let used = self.answers.len().min(SLICES);
        for (slice, answer) in slices.iter_mut().zip(&self.answers) {
            *slice = IoSlice::new(&answer.bytes);
        }
        let written = writer.write_vectored(&slices[..used]).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.advance(written);
        Ok(())
    }

    fn advance(&mut self, mut written: usize) {
        self.bytes -= written;
        while let Some(first) = self.answers.front_mut() {
            if written < first.bytes.len() {
                first.bytes.advance(written);
                return;
            }
            written -= first.bytes.len();
            self.answers.pop_front();
        }
        assert!(written == 0, "no more is written than there was");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(bytes: impl Into<Bytes>) -> Answer {
        Answer::new(bytes.into(), None)
    }

    #[test]
    fn short_writes_continue_where_they_stopped() {
        let mut outbox = Outbox::default();
        for bytes in [b"abc".as_slice(), b"de", b"f"] {
            outbox.push(answer(bytes));
        }
        outbox.advance(1);
        assert_eq!(outbox.bytes(), 5);
        outbox.advance(4);
        assert_eq!(outbox.answers.len(), 1);
        assert_eq!(outbox.answers[0].bytes, b"f".as_slice());
        outbox.advance(1);
        assert!(outbox.is_empty());
    }

    #[tokio::test]
    async fn answers_leave_in_order() {
        let mut outbox = Outbox::default();
        let mut expected = Vec::new();
        for number in 0..100u8 {
            outbox.push(answer(vec![number; usize::from(number) + 1]));
            expected.extend(vec![number; usize::from(number) + 1]);
        }
        let mut written = Vec::new();
        while !outbox.is_empty() {
            outbox.write_to(&mut written).await.unwrap();
        }
        assert_eq!(written, expected);
    }
}
