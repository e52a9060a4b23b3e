//! What can be wrong with the links, in the user's words and in a relay's: pure values.
//!
//! A [`Fault`] speaks of nodes, a [`LinkFault`] of the bytes in one direction of one relay. The
//! translation is [`Fault::on`]: what happens to bytes that one node sends another, whichever of
//! the two dialled the connection they travel on.

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroU64;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::spec::{NodeId, show_duration};

/// The longest delay of a slow link; beyond it a cut says what is meant.
pub const MAX_DELAY: Duration = Duration::from_mins(10);

/// A fault of the network between nodes, as a user or a scenario asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Groups that cannot talk to each other; a node of no group is alone.
    Partition(Vec<BTreeSet<NodeId>>),
    /// No byte from one node reaches the other, on either connection of the pair; held bytes
    /// are lost: what lived through it is reset at heal.
    Cut {
        /// Whose bytes are lost.
        from: NodeId,
        /// Who does not get them.
        to: NodeId,
    },
    /// As a cut, but at heal everything held is delivered, late and in order.
    Jam {
        /// Whose bytes are held.
        from: NodeId,
        /// Who gets them late.
        to: NodeId,
    },
    /// Every byte between two nodes is late, both ways.
    Slow {
        /// One node.
        a: NodeId,
        /// The other.
        b: NodeId,
        /// How late, one way.
        delay: Duration,
    },
    /// A narrow link between two nodes, each way.
    Throttle {
        /// One node.
        a: NodeId,
        /// The other.
        b: NodeId,
        /// Bytes a second on each connection, each way.
        bytes_per_s: NonZeroU64,
    },
    /// Every connection between two nodes is reset, and so is every new one.
    Reset {
        /// One node.
        a: NodeId,
        /// The other.
        b: NodeId,
    },
}

/// Why a fault makes no sense for a cluster.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// The cluster has no such node.
    #[error("{0} is not a node of this cluster")]
    UnknownNode(NodeId),
    /// A link needs two ends.
    #[error("{0} has no link to itself")]
    SameNode(NodeId),
    /// A node is on one side of a partition.
    #[error("{0} is in two groups of the partition")]
    InTwoGroups(NodeId),
    /// All nodes are in one group, or there is no group: nothing is parted.
    #[error("a partition needs groups that leave somebody apart")]
    NothingParted,
    /// The delay is out of range.
    #[error(
        "a delay of {} is out of range: more than 0 and at most {}",
        show_duration(*.0),
        show_duration(MAX_DELAY)
    )]
    Delay(Duration),
    /// The end of the fault cannot be expressed as a time.
    #[error("a fault for {} ends beyond all time", show_duration(*.0))]
    TooLong(Duration),
    /// More faults at once than anybody can keep apart.
    #[error("{0} faults are active already")]
    TooMany(usize),
    /// There is no such fault (any more).
    #[error("no fault {0} is active")]
    NoSuchFault(FaultId),
    /// The cluster runs without relays.
    #[error("this cluster's links go without relays, so they cannot be broken")]
    NoRelays,
}

/// A fault's number, from 1 within the life of a cluster's supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FaultId(pub u64);

impl fmt::Display for FaultId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A fault that is in effect; `fault` in words is its `Display`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActiveFault {
    /// By which it is healed alone.
    pub id: FaultId,
    /// What is broken.
    pub fault: Fault,
    /// When it ends by itself; `None`: when it is healed.
    pub until: Option<SystemTime>,
}

/// One direction of one relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// From the node that dials to the node that is dialled.
    Forward,
    /// The way back.
    Backward,
}

/// What happens to bytes in one direction; a later variant beats an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LinkFault {
    /// Nothing.
    Pass,
    /// They arrive this much later.
    Delay(Duration),
    /// Not more than this many arrive in a second.
    Rate(NonZeroU64),
    /// They wait for the heal: the relay stops reading, so the sender's window fills.
    Jam,
    /// They never arrive. The relay stops reading, and since nothing may be missing inside a
    /// living stream, the connections that lived through it are reset at heal.
    Drop,
    /// The connections are reset.
    Reset,
}

impl LinkFault {
    /// The stronger of two faults on the same bytes.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Delay(one), Self::Delay(two)) => Self::Delay(one.max(two)),
            (Self::Rate(one), Self::Rate(two)) => Self::Rate(one.min(two)),
            _ if self.strength() >= other.strength() => self,
            _ => other,
        }
    }

    fn strength(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Delay(_) => 1,
            Self::Rate(_) => 2,
            Self::Jam => 3,
            Self::Drop => 4,
            Self::Reset => 5,
        }
    }
}

impl Fault {
    /// What this fault does to bytes that `from` sends to `to`.
    pub(super) fn on(&self, from: NodeId, to: NodeId) -> LinkFault {
        let between = |a: &NodeId, b: &NodeId| (from, to) == (*a, *b) || (from, to) == (*b, *a);
        match self {
            Self::Partition(groups) => {
                let together = |group: &BTreeSet<_>| group.contains(&from) && group.contains(&to);
                if groups.iter().any(together) {
                    LinkFault::Pass
                } else {
                    LinkFault::Drop
                }
            }
            Self::Cut { from: a, to: b } if (from, to) == (*a, *b) => LinkFault::Drop,
            Self::Jam { from: a, to: b } if (from, to) == (*a, *b) => LinkFault::Jam,
            Self::Slow { a, b, delay } if between(a, b) => LinkFault::Delay(*delay),
            Self::Throttle { a, b, bytes_per_s } if between(a, b) => LinkFault::Rate(*bytes_per_s),
            Self::Reset { a, b } if between(a, b) => LinkFault::Reset,
            _ => LinkFault::Pass,
        }
    }

    /// Whether the fault makes sense for a cluster of these nodes.
    pub fn check(&self, nodes: &BTreeSet<NodeId>) -> Result<(), FaultError> {
        match self {
            Self::Partition(groups) => check_groups(groups, nodes),
            Self::Cut { from: a, to: b }
            | Self::Jam { from: a, to: b }
            | Self::Throttle { a, b, .. }
            | Self::Reset { a, b } => check_pair(*a, *b, nodes),
            Self::Slow { a, b, delay } => {
                if delay.is_zero() || *delay > MAX_DELAY {
                    return Err(FaultError::Delay(*delay));
                }
                check_pair(*a, *b, nodes)
            }
        }
    }
}

fn check_pair(a: NodeId, b: NodeId, nodes: &BTreeSet<NodeId>) -> Result<(), FaultError> {
    if let Some(unknown) = [a, b].into_iter().find(|node| !nodes.contains(node)) {
        return Err(FaultError::UnknownNode(unknown));
    }
    if a == b {
        return Err(FaultError::SameNode(a));
    }
    Ok(())
}

fn check_groups(groups: &[BTreeSet<NodeId>], nodes: &BTreeSet<NodeId>) -> Result<(), FaultError> {
    let mut seen = BTreeSet::new();
    for node in groups.iter().flatten() {
        if !nodes.contains(node) {
            return Err(FaultError::UnknownNode(*node));
        }
        if !seen.insert(*node) {
            return Err(FaultError::InTwoGroups(*node));
        }
    }
    if groups.is_empty() || groups.iter().any(|group| group == nodes) {
        return Err(FaultError::NothingParted);
    }
    Ok(())
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Partition(groups) => {
                let sides: Vec<String> = groups.iter().map(names).collect();
                write!(f, "partition {}", sides.join(" | "))
            }
            Self::Cut { from, to } => write!(f, "cut {from}..{to}"),
            Self::Jam { from, to } => write!(f, "jam {from}..{to}"),
            Self::Slow { a, b, delay } => write!(f, "slow {a}={b} {}", show_duration(*delay)),
            Self::Throttle { a, b, bytes_per_s } => {
                write!(f, "throttle {a}={b} {bytes_per_s} bytes/s")
            }
            Self::Reset { a, b } => write!(f, "reset {a}={b}"),
        }
    }
}

fn names(group: &BTreeSet<NodeId>) -> String {
    let names: Vec<String> = group.iter().map(ToString::to_string).collect();
    names.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: NodeId = NodeId(1);
    const TWO: NodeId = NodeId(2);
    const THREE: NodeId = NodeId(3);

    fn group(nodes: &[u64]) -> BTreeSet<NodeId> {
        nodes.iter().copied().map(NodeId).collect()
    }

    #[test]
    fn a_partition_parts_groups_both_ways_and_leaves_the_unnamed_alone() {
        let fault = Fault::Partition(vec![group(&[1, 2])]);
        assert_eq!(fault.on(ONE, TWO), LinkFault::Pass);
        for (from, to) in [(ONE, THREE), (THREE, ONE), (TWO, THREE), (THREE, NodeId(4))] {
            assert_eq!(fault.on(from, to), LinkFault::Drop, "{from} to {to}");
        }
    }

    #[test]
    fn a_cut_is_one_way_and_slow_is_both() {
        let cut = Fault::Cut { from: ONE, to: TWO };
        assert_eq!(cut.on(ONE, TWO), LinkFault::Drop);
        assert_eq!(cut.on(TWO, ONE), LinkFault::Pass);
        let delay = Duration::from_millis(5);
        let slow = Fault::Slow {
            a: ONE,
            b: TWO,
            delay,
        };
        assert_eq!(slow.on(ONE, TWO), LinkFault::Delay(delay));
        assert_eq!(slow.on(TWO, ONE), LinkFault::Delay(delay));
        assert_eq!(slow.on(TWO, THREE), LinkFault::Pass);
    }

    #[test]
    fn the_stronger_fault_wins_in_any_order() {
        let short = LinkFault::Delay(Duration::from_millis(1));
        let long = LinkFault::Delay(Duration::from_millis(9));
        assert_eq!(short.and(long), long);
        assert_eq!(long.and(short), long);
        assert_eq!(LinkFault::Drop.and(long), LinkFault::Drop);
        assert_eq!(LinkFault::Pass.and(LinkFault::Jam), LinkFault::Jam);
        assert_eq!(LinkFault::Reset.and(LinkFault::Drop), LinkFault::Reset);
    }

    #[test]
    fn a_fault_that_makes_no_sense_says_why() {
        let nodes = group(&[1, 2, 3]);
        let check = |fault: Fault| fault.check(&nodes).unwrap_err();
        let cut = |from, to| Fault::Cut { from, to };
        assert_eq!(
            check(cut(ONE, NodeId(9))),
            FaultError::UnknownNode(NodeId(9))
        );
        assert_eq!(check(cut(ONE, ONE)), FaultError::SameNode(ONE));
        let twice = Fault::Partition(vec![group(&[1]), group(&[1, 2])]);
        assert_eq!(check(twice), FaultError::InTwoGroups(ONE));
        let whole = Fault::Partition(vec![nodes.clone()]);
        assert_eq!(check(whole), FaultError::NothingParted);
        let delay = Duration::from_mins(100);
        let late = Fault::Slow {
            a: ONE,
            b: TWO,
            delay,
        };
        assert_eq!(
            check(late).to_string(),
            "a delay of 100m is out of range: more than 0 and at most 10m"
        );
    }

    #[test]
    fn faults_are_told_in_words() {
        let told = |fault: Fault| fault.to_string();
        assert_eq!(
            told(Fault::Cut { from: ONE, to: TWO }),
            "cut node-1..node-2"
        );
        let parts = Fault::Partition(vec![group(&[1, 2]), group(&[3])]);
        assert_eq!(told(parts), "partition node-1,node-2 | node-3");
        let delay = Duration::from_millis(200);
        let slow = Fault::Slow {
            a: ONE,
            b: THREE,
            delay,
        };
        assert_eq!(told(slow), "slow node-1=node-3 200ms");
    }
}
