//! Frames out of a byte stream: a 4-byte length, then the frame.
//!
//! The buffer grows as bytes arrive, never to what a length prefix promises. A frame comes out as
//! a slice of what was read, without a copy.

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes of a length prefix.
const PREFIX: usize = 4;
/// The least room for a read: half of the clients' frames fit.
const FIRST_READ: usize = 8 << 10;
/// The most room for a read that is not inside a large frame.
const LARGE_READ: usize = 64 << 10;

/// A length that no frame may have here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a frame of {declared} bytes where {limit} are allowed{}", self.guess())]
pub(super) struct FrameTooLarge {
    declared: u32,
    limit: usize,
}

impl FrameTooLarge {
    fn guess(&self) -> &'static str {
        match self.declared.to_be_bytes() {
            [0x16, 0x03, ..] => " (this looks like TLS, and the port speaks plain Kafka)",
            [b'G', b'E', b'T', b' '] | [b'P', b'O', b'S', b'T'] | [b'H', b'E', b'A', b'D'] => {
                " (this looks like HTTP, and the port speaks Kafka)"
            }
            _ => "",
        }
    }
}

/// The unread part of a connection's input.
#[derive(Debug)]
pub(super) struct Intake {
    buffer: BytesMut,
    limit: usize,
}

impl Intake {
    /// An empty intake whose frames have at most `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            limit,
        }
    }

    /// Allows other sizes from now on.
    pub(super) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Whether nothing of a next frame has arrived.
    pub(super) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// The size of the next frame, once its prefix is here.
    pub(super) fn frame_size(&self) -> Result<Option<usize>, FrameTooLarge> {
        let Some(prefix) = self.buffer.first_chunk::<PREFIX>() else {
            return Ok(None);
        };
        let declared = u32::from_be_bytes(*prefix);
        match usize::try_from(declared) {
            Ok(size) if size <= self.limit => Ok(Some(size)),
            _ => Err(FrameTooLarge {
                declared,
                limit: self.limit,
            }),
        }
    }

    /// The next frame, when all of it is here; it stays.
    pub(super) fn peek(&self, size: usize) -> Option<&[u8]> {
        self.buffer.get(PREFIX..PREFIX + size)
    }

    /// Takes out the frame that [`Intake::peek`] showed.
    pub(super) fn take(&mut self, size: usize) -> Bytes {
        self.buffer.advance(PREFIX);
        self.buffer.split_to(size).freeze()
    }

    /// Reads what has arrived; 0 at the end of the stream. Nothing is lost when it is dropped.
    pub(super) async fn fill(
        &mut self,
        reader: &mut (impl AsyncRead + Unpin),
    ) -> std::io::Result<usize> {
        self.make_room();
        reader.read_buf(&mut self.buffer).await
    }

    /// Twice what has arrived of this frame, but not much beyond its end.
    fn make_room(&mut self) {
        if self.buffer.len() < self.buffer.capacity() {
            return;
        }
        let room = match self.frame_size() {
            Ok(Some(size)) => {
                let missing = (PREFIX + size).saturating_sub(self.buffer.len());
                let doubled = self.buffer.len().max(LARGE_READ);
                missing.min(doubled).max(FIRST_READ)
            }
            _ => FIRST_READ,
        };
        self.buffer.reserve(room);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn frames(mut input: &[u8], limit: usize) -> Result<Vec<Bytes>, FrameTooLarge> {
        let mut intake = Intake::new(limit);
        let mut frames = Vec::new();
        loop {
            while let Some(size) = intake.frame_size()? {
                if intake.peek(size).is_none() {
                    break;
                }
                frames.push(intake.take(size));
            }
            if intake.fill(&mut input).await.unwrap() == 0 {
                return Ok(frames);
            }
        }
    }

    fn framed(bodies: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for body in bodies {
            bytes.extend((body.len() as u32).to_be_bytes());
            bytes.extend(*body);
        }
        bytes
    }

    #[tokio::test]
    async fn frames_come_out_as_they_went_in() {
        let large = vec![7; 300_000];
        let input = framed(&[b"one", b"", &large, b"two"]);
        let found = frames(&input, 1 << 20).await.unwrap();
        assert_eq!(found, [b"one".as_slice(), b"", &large, b"two"]);
    }

    #[tokio::test]
    async fn half_a_frame_is_no_frame() {
        let input = framed(&[b"one", b"two"]);
        let found = frames(&input[..input.len() - 1], 100).await.unwrap();
        assert_eq!(found, [b"one".as_slice()]);
    }

    #[tokio::test]
    async fn a_promise_of_bytes_gets_no_memory() {
        let mut intake = Intake::new(100 << 20);
        let mut input: &[u8] = &(100u32 << 20).to_be_bytes();
        intake.fill(&mut input).await.unwrap();
        assert!(intake.buffer.capacity() <= FIRST_READ);
        let some = vec![0; 3 * FIRST_READ];
        let mut input = &some[..];
        while intake.fill(&mut input).await.unwrap() > 0 {}
        assert!(intake.buffer.capacity() <= 2 * LARGE_READ);
    }

    #[tokio::test]
    async fn strangers_are_recognised() {
        let tls = frames(&[0x16, 0x03, 0x01, 0x02], 65536).await.unwrap_err();
        assert!(tls.to_string().contains("TLS"), "{tls}");
        let http = frames(b"GET / HTTP/1.1\r\n", 65536).await.unwrap_err();
        assert!(http.to_string().contains("HTTP"), "{http}");
        let negative = frames(&(-1i32).to_be_bytes(), 100 << 20).await.unwrap_err();
        assert!(negative.to_string().contains("4294967295"), "{negative}");
    }
}
