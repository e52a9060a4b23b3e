//! Stands in for the pipe where the system has no `splice`: there is none, and bytes are copied.

use std::io;

use tokio::net::TcpStream;

/// A pipe that cannot exist.
#[derive(Debug)]
pub(super) enum Pipe {}

impl Pipe {
    /// Always refused.
    pub(super) fn open() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Never called.
    pub(super) fn filled(&self) -> usize {
        match *self {}
    }

    /// Never called.
    pub(super) fn fill(&mut self, _source: &TcpStream) -> io::Result<usize> {
        match *self {}
    }

    /// Never called.
    pub(super) fn drain(&mut self, _sink: &TcpStream) -> io::Result<usize> {
        match *self {}
    }

    /// Never called.
    pub(super) fn into_content(self) -> io::Result<Vec<u8>> {
        match self {}
    }
}
