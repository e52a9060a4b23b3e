//! The numbers by which a history names times, clients, partitions and values.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Microseconds since the start of the scenario, on its one monotonic clock.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Micros(pub u64);

impl Micros {
    /// The time that has passed since the start.
    pub fn of(elapsed: Duration) -> Self {
        Self(u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX))
    }

    /// The same as a duration.
    pub fn elapsed(self) -> Duration {
        Duration::from_micros(self.0)
    }

    /// From an earlier time to this one; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Micros {
    /// Seconds with six digits: `1.250013s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}s", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// One client of the scenario: a producer or a reader, with its own connections.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct ClientId(pub u32);

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client-{}", self.0)
    }
}

/// A partition: the topic's number (in the order of its `topic` events, from 0) and its index.
///
/// In the file it is `[topic, partition]`.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct TopicPartition(
    /// The topic's number.
    pub u32,
    /// The partition's index in the topic.
    pub u32,
);

/// A value's number, unique in a scenario.
///
/// A lane is what one producer sends to one partition. Numbers of a lane follow each other, so a
/// batch is one [`Run`]. With fewer than 8,192 lanes every number is exact in JavaScript too.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct ValueId(pub u64);

impl ValueId {
    /// Bits of the number within a lane.
    const SEQUENCE_BITS: u32 = 40;

    /// The `sequence`-th value of a lane.
    pub fn of(lane: u32, sequence: u64) -> Self {
        assert!(
            sequence < 1 << Self::SEQUENCE_BITS && lane < 1 << 24,
            "a lane has at most 2^40 values, and there are at most 2^24 lanes"
        );
        Self(u64::from(lane) << Self::SEQUENCE_BITS | sequence)
    }

    /// The value of this name (`v3.17`); `None` for anything else.
    pub fn named(name: &str) -> Option<Self> {
        let (lane, sequence) = name.strip_prefix('v')?.split_once('.')?;
        let (lane, sequence) = (lane.parse().ok()?, sequence.parse().ok()?);
        let fits = sequence < 1 << Self::SEQUENCE_BITS && lane < 1 << 24;
        fits.then(|| Self::of(lane, sequence))
    }
}

impl fmt::Display for ValueId {
    /// `v3.17`: lane 3, value 17.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lane = self.0 >> Self::SEQUENCE_BITS;
        let sequence = self.0 & ((1 << Self::SEQUENCE_BITS) - 1);
        write!(f, "v{lane}.{sequence}")
    }
}

/// Values with consecutive numbers; in the file `[first, count]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Run(
    /// The first one.
    pub ValueId,
    /// How many.
    pub u32,
);

impl Run {
    /// The numbers.
    pub fn ids(self) -> impl Iterator<Item = ValueId> {
        (self.0.0..self.0.0 + u64::from(self.1)).map(ValueId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_says_its_lane() {
        assert_eq!(ValueId::of(3, 17).to_string(), "v3.17");
        assert_eq!(ValueId::of(3, 17).0 + 1, ValueId::of(3, 18).0);
    }

    #[test]
    fn a_value_is_found_by_its_name() {
        let value = ValueId::of(3, 17);
        assert_eq!(ValueId::named(&value.to_string()), Some(value));
        for name in [
            "",
            "v",
            "v3",
            "3.17",
            "v3.17.1",
            "v3.-1",
            "v16777216.0",
            "v0.1099511627776",
        ] {
            assert_eq!(ValueId::named(name), None, "{name}");
        }
    }

    #[test]
    fn times_are_seconds_for_people() {
        assert_eq!(Micros(1_250_013).to_string(), "1.250013s");
        assert_eq!(Micros(5).since(Micros(7)), Duration::ZERO);
    }
}
