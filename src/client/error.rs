//! Why a call to a broker has no answer, or an answer that says no.
//!
//! The variants are named by what the caller can conclude: whether the request may have had an
//! effect matters more than which system call failed.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::error::ResponseError;

/// A call without an answer. It is cloned to every request that was under way.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ClientError {
    /// No connection was made: the request had no effect.
    #[error("{addr} does not take connections: {source}")]
    Refused {
        /// What was dialled.
        addr: SocketAddr,
        /// The system's reason.
        source: Arc<io::Error>,
    },
    /// The connection ended before the answer: the request may have had an effect.
    #[error("{addr} closed the connection: {why}")]
    Closed {
        /// The broker's address.
        addr: SocketAddr,
        /// How it ended.
        why: Arc<str>,
    },
    /// No answer in time: the request may have had an effect.
    #[error("{addr} did not answer within {after:?}")]
    Timeout {
        /// The broker's address.
        addr: SocketAddr,
        /// How long was waited.
        after: Duration,
    },
    /// What came back is not the answer: the request may have had an effect.
    #[error("{addr} sent something that is not an answer: {why}")]
    Malformed {
        /// The broker's address.
        addr: SocketAddr,
        /// What is wrong with it.
        why: Arc<str>,
    },
    /// The request cannot be written in the version that was asked for; nothing was sent.
    #[error("the request cannot be encoded: {why}")]
    Unsendable {
        /// What does not fit.
        why: Arc<str>,
    },
    /// So many requests wait already that this one was not taken; nothing was sent.
    #[error("too many requests wait for {addr}")]
    Busy {
        /// The broker's address.
        addr: SocketAddr,
    },
}

impl ClientError {
    /// Whether the request certainly had no effect.
    pub fn is_certain(&self) -> bool {
        matches!(
            self,
            Self::Refused { .. } | Self::Unsendable { .. } | Self::Busy { .. }
        )
    }

    pub(super) fn refused(addr: SocketAddr, source: io::Error) -> Self {
        let source = Arc::new(source);
        Self::Refused { addr, source }
    }

    pub(super) fn closed(addr: SocketAddr, why: &str) -> Self {
        let why = why.into();
        Self::Closed { addr, why }
    }

    pub(super) fn malformed(addr: SocketAddr, why: impl fmt::Display) -> Self {
        let why = why.to_string().into();
        Self::Malformed { addr, why }
    }

    pub(super) fn unsendable(why: impl fmt::Display) -> Self {
        let why = why.to_string().into();
        Self::Unsendable { why }
    }
}

/// A Kafka error code that is not 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ErrorCode(pub i16);

impl ErrorCode {
    /// The broker does not know what went wrong.
    pub const UNKNOWN_SERVER_ERROR: Self = Self(-1);
    /// The leader has moved, or moves.
    pub const NOT_LEADER: Self = Self(6);
    /// The offset is outside of the log.
    pub const OFFSET_OUT_OF_RANGE: Self = Self(1);
    /// No such topic or partition, or not yet known here.
    pub const UNKNOWN_TOPIC: Self = Self(3);
    /// The topic exists already.
    pub const TOPIC_EXISTS: Self = Self(36);
    /// The batch is larger than the topic takes.
    pub const MESSAGE_TOO_LARGE: Self = Self(10);
    /// The batch is larger than a segment.
    pub const RECORD_LIST_TOO_LARGE: Self = Self(18);
    /// A gap in an idempotent producer's sequence.
    pub const OUT_OF_ORDER_SEQUENCE: Self = Self(45);
    /// The batch is in the log already.
    pub const DUPLICATE_SEQUENCE: Self = Self(46);
    /// The offset is above this replica's high watermark (KIP-392).
    pub const OFFSET_NOT_AVAILABLE: Self = Self(78);

    /// The error of a wire code; `None` for 0.
    pub fn of(code: i16) -> Option<Self> {
        (code != 0).then_some(Self(code))
    }

    /// `Ok` for 0.
    pub fn check(code: i16) -> Result<(), Self> {
        Self::of(code).map_or(Ok(()), Err)
    }

    /// Whether a smaller batch could be taken.
    pub fn is_too_large(self) -> bool {
        matches!(self, Self::MESSAGE_TOO_LARGE | Self::RECORD_LIST_TOO_LARGE)
    }

    /// Whether Kafka's definition lets a client try again.
    pub fn is_retriable(self) -> bool {
        ResponseError::try_from_code(self.0).is_none_or(|error| error.is_retriable())
    }
}

impl fmt::Display for ErrorCode {
    /// `NotLeaderOrFollower (6)`: the name that Kafka's documentation has, and the number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match ResponseError::try_from_code(self.0) {
            None | Some(ResponseError::Unknown(_)) => write!(f, "error {}", self.0),
            Some(known) => write!(f, "{known} ({})", self.0),
        }
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A typed call that did not succeed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CallError {
    /// There is no answer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The broker answered, and says no.
    #[error("{addr} answers {code}{}", .message.as_ref().map(|text| format!(": {text}")).unwrap_or_default())]
    Broker {
        /// Who says no.
        addr: SocketAddr,
        /// Which no.
        code: ErrorCode,
        /// The broker's own words, where it has some.
        message: Option<String>,
    },
}

impl CallError {
    /// Whether asking again, another broker perhaps, can help.
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Client(error) => !matches!(error, ClientError::Unsendable { .. }),
            Self::Broker { code, .. } => code.is_retriable(),
        }
    }

    /// The broker's error code, when the broker answered.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Client(_) => None,
            Self::Broker { code, .. } => Some(*code),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_its_name_and_its_number() {
        assert_eq!(ErrorCode(6).to_string(), "NotLeaderOrFollower (6)");
        assert_eq!(ErrorCode(4711).to_string(), "error 4711");
        assert_eq!(ErrorCode::of(0), None);
        assert!(ErrorCode(6).is_retriable());
        assert!(!ErrorCode(45).is_retriable());
    }

    #[test]
    fn a_brokers_no_carries_its_words() {
        let error = CallError::Broker {
            addr: "127.0.0.1:9092".parse().unwrap(),
            code: ErrorCode(36),
            message: Some("topic 'a' exists".to_owned()),
        };
        assert_eq!(
            error.to_string(),
            "127.0.0.1:9092 answers TopicAlreadyExists (36): topic 'a' exists"
        );
    }
}
