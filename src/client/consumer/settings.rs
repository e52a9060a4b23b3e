//! What a consumer reads: which partitions of a topic, from where, up to where.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

/// Where reading begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At the first record that is kept.
    Earliest,
    /// After the last record.
    Latest,
    /// At this offset, in each partition.
    Offset(i64),
}

/// Where reading ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// At what is the end when reading begins.
    Now,
    /// Never.
    Never,
}

/// Which partitions are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Partitions {
    /// All of the topic's.
    All,
    /// One.
    One(u32),
    /// These, each from its offset on; one without an offset begins at the start that is set.
    From(BTreeMap<u32, Option<i64>>),
}

impl Partitions {
    pub(super) fn has(&self, partition: u32) -> bool {
        match self {
            Self::All => true,
            Self::One(only) => *only == partition,
            Self::From(offsets) => offsets.contains_key(&partition),
        }
    }

    /// Where reading a partition begins, where that is said for it.
    pub(super) fn offset(&self, partition: u32) -> Option<i64> {
        match self {
            Self::From(offsets) => offsets.get(&partition).copied().flatten(),
            Self::All | Self::One(_) => None,
        }
    }
}

/// What to read.
#[derive(Debug, Clone)]
pub struct ConsumerSettings {
    /// Whom to ask first.
    pub bootstrap: Vec<SocketAddr>,
    /// The topic.
    pub topic: String,
    /// Of which partitions.
    pub partitions: Partitions,
    /// Where reading begins.
    pub start: Start,
    /// Where reading ends.
    pub end: End,
    /// For how long leaders are asked again where a partition begins and ends; zero asks once.
    pub place_within: Duration,
    /// After so long without a successful fetch of a partition, reading ends with an error.
    pub give_up_after: Duration,
}
