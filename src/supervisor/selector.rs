//! `SEL`: which nodes a command is about. A pure parser and a pure resolver.
//!
//! The resolver is given what is known; asking who leads a partition is its caller's business.
//! The same question on the same cluster gets the same nodes: `any` is the first node, followers
//! are taken from the last one down, and a majority begins with the leader.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::trouble::{Trouble, TroubleCode, command};
use crate::spec::NodeId;

/// Which nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Selector {
    /// `1`, `node-2`, `1,3`.
    Nodes(Vec<NodeId>),
    /// The leader of the metadata group.
    Leader,
    /// `leader:TOPIC/PARTITION`.
    PartitionLeader {
        /// The topic.
        topic: String,
        /// The partition's index.
        partition: u32,
    },
    /// One follower of the metadata group.
    Follower,
    /// One node.
    Any,
    /// As many nodes as can fail without losing the quorum.
    Minority,
    /// The least number of nodes whose failure loses the quorum, the leader among them.
    Majority,
    /// All nodes.
    All,
}

/// A text that selects nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} selects no nodes: expected 2, node-2, 1,3, leader, leader:TOPIC/PARTITION, follower, any, minority, majority or all"
)]
pub struct BadSelector(pub String);

impl FromStr for Selector {
    type Err = BadSelector;

    fn from_str(text: &str) -> Result<Self, BadSelector> {
        let wrong = || BadSelector(text.to_owned());
        match text {
            "leader" => return Ok(Self::Leader),
            "follower" => return Ok(Self::Follower),
            "any" => return Ok(Self::Any),
            "minority" => return Ok(Self::Minority),
            "majority" => return Ok(Self::Majority),
            "all" => return Ok(Self::All),
            _ => {}
        }
        if let Some(partition) = text.strip_prefix("leader:") {
            let (topic, partition) = partition.rsplit_once('/').ok_or_else(wrong)?;
            let partition = partition.parse().map_err(|_| wrong())?;
            if topic.is_empty() {
                return Err(wrong());
            }
            let topic = topic.to_owned();
            return Ok(Self::PartitionLeader { topic, partition });
        }
        let nodes: Result<Vec<NodeId>, _> = text.split(',').map(str::parse).collect();
        let mut nodes = nodes.map_err(|_| wrong())?;
        if nodes.contains(&NodeId(0)) {
            return Err(wrong());
        }
        nodes.sort_unstable();
        nodes.dedup();
        Ok(Self::Nodes(nodes))
    }
}

impl TryFrom<String> for Selector {
    type Error = BadSelector;

    fn try_from(text: String) -> Result<Self, BadSelector> {
        text.parse()
    }
}

impl From<Selector> for String {
    fn from(selector: Selector) -> Self {
        selector.to_string()
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nodes(nodes) => {
                let numbers: Vec<String> = nodes.iter().map(|node| node.0.to_string()).collect();
                f.write_str(&numbers.join(","))
            }
            Self::Leader => f.write_str("leader"),
            Self::PartitionLeader { topic, partition } => write!(f, "leader:{topic}/{partition}"),
            Self::Follower => f.write_str("follower"),
            Self::Any => f.write_str("any"),
            Self::Minority => f.write_str("minority"),
            Self::Majority => f.write_str("majority"),
            Self::All => f.write_str("all"),
        }
    }
}

/// What the resolver is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    /// How many nodes the cluster has.
    pub(super) nodes: usize,
    /// Those that the command can be about: running ones for `kill`, dead ones for `start`.
    pub(super) candidates: Vec<NodeId>,
    /// The leader of the metadata group, or of the partition for `leader:TOPIC/PARTITION`.
    pub(super) leader: Option<NodeId>,
}

/// Why a selector names no nodes here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unresolved {
    /// The cluster is smaller.
    #[error("there is no {node} in a cluster of {nodes} nodes")]
    NoSuchNode {
        /// What was asked for.
        node: NodeId,
        /// The cluster's size.
        nodes: usize,
    },
    /// Nobody leads the metadata group.
    #[error("no leader of the metadata group is known")]
    NoLeader,
    /// Nobody leads the partition, or there is none such.
    #[error("no leader of {topic}/{partition} is known")]
    NoPartitionLeader {
        /// The topic.
        topic: String,
        /// The partition's index.
        partition: u32,
    },
    /// Not enough nodes are in the state that the command is about.
    #[error("{selector} wants {wanted} node(s), and {found} can be chosen")]
    TooFew {
        /// What was asked for.
        selector: String,
        /// How many it stands for.
        wanted: usize,
        /// How many there are.
        found: usize,
    },
}

impl Selector {
    /// The nodes that are meant, in order.
    pub(super) fn resolve(&self, field: &Field) -> Result<Vec<NodeId>, Unresolved> {
        let majority = field.nodes / 2 + 1;
        let mut chosen = match self {
            Self::Nodes(nodes) => return exist(nodes, field.nodes),
            Self::All => return Ok(field.candidates.clone()),
            Self::Leader => return Ok(vec![field.leader.ok_or(Unresolved::NoLeader)?]),
            Self::PartitionLeader { topic, partition } => {
                let nobody = || Unresolved::NoPartitionLeader {
                    topic: topic.clone(),
                    partition: *partition,
                };
                return Ok(vec![field.leader.ok_or_else(nobody)?]);
            }
            Self::Any => self.first(1, field.candidates.clone())?,
            Self::Follower => self.first(1, field.followers())?,
            Self::Minority => self.first(field.nodes - majority, field.followers_first())?,
            Self::Majority => self.first(majority, field.leader_first())?,
        };
        chosen.sort_unstable();
        Ok(chosen)
    }

    /// Whether only a running cluster can tell who is meant.
    pub fn asks_who_leads(&self) -> bool {
        !matches!(self, Self::Nodes(_) | Self::All | Self::Any)
    }

    /// The nodes that are meant, whatever they are doing.
    pub fn choose(
        &self,
        cluster: &str,
        nodes: usize,
        leader: Option<NodeId>,
    ) -> Result<Vec<NodeId>, Trouble> {
        let field = Field {
            nodes,
            candidates: (1..=nodes as u64).map(NodeId).collect(),
            leader,
        };
        let chosen = self.resolve(&field);
        chosen.map_err(|error| error.trouble(cluster))
    }

    fn first(&self, wanted: usize, mut from: Vec<NodeId>) -> Result<Vec<NodeId>, Unresolved> {
        if from.len() < wanted {
            return Err(Unresolved::TooFew {
                selector: self.to_string(),
                wanted,
                found: from.len(),
            });
        }
        from.truncate(wanted);
        Ok(from)
    }
}

fn exist(wanted: &[NodeId], nodes: usize) -> Result<Vec<NodeId>, Unresolved> {
    match wanted.iter().find(|node| node.position() >= nodes) {
        Some(node) => Err(Unresolved::NoSuchNode { node: *node, nodes }),
        None => Ok(wanted.to_vec()),
    }
}

impl Unresolved {
    /// What a person is told, with commands for the cluster that was meant.
    pub(super) fn trouble(&self, cluster: &str) -> Trouble {
        let code = match self {
            Self::NoSuchNode { .. } => TroubleCode::Usage,
            Self::NoLeader | Self::NoPartitionLeader { .. } | Self::TooFew { .. } => {
                TroubleCode::Precondition
            }
        };
        let (words, shows) = match self {
            Self::NoPartitionLeader { topic, .. } => (
                format!("topic describe {topic}"),
                "its partitions and their leaders",
            ),
            _ => (String::from("status"), "the nodes"),
        };
        let command = command(cluster, &words);
        Trouble::of(code, self).hint(format!("{command} shows {shows}"))
    }
}

impl Field {
    /// Candidates that do not lead, the last one first.
    fn followers(&self) -> Vec<NodeId> {
        let follows = |node: &&NodeId| Some(**node) != self.leader;
        self.candidates
            .iter()
            .rev()
            .filter(follows)
            .copied()
            .collect()
    }

    fn followers_first(&self) -> Vec<NodeId> {
        let mut nodes = self.followers();
        nodes.extend(self.leader_candidate());
        nodes
    }

    fn leader_first(&self) -> Vec<NodeId> {
        let mut nodes: Vec<NodeId> = self.leader_candidate().into_iter().collect();
        nodes.extend(self.followers().into_iter().rev());
        nodes
    }

    fn leader_candidate(&self) -> Option<NodeId> {
        self.leader
            .filter(|leader| self.candidates.contains(leader))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn resolve(text: &str, nodes: usize, leader: Option<u64>) -> Result<Vec<u64>, Unresolved> {
        let field = Field {
            nodes,
            candidates: (1..=nodes as u64).map(NodeId).collect(),
            leader: leader.map(NodeId),
        };
        let chosen = text.parse::<Selector>().unwrap().resolve(&field)?;
        Ok(chosen.into_iter().map(|node| node.0).collect())
    }

    #[test]
    fn every_word_selects() {
        assert_eq!(resolve("node-2", 3, None), Ok(vec![2]));
        assert_eq!(resolve("3,1,3", 3, None), Ok(vec![1, 3]));
        assert_eq!(resolve("leader", 3, Some(2)), Ok(vec![2]));
        assert_eq!(resolve("leader:a/b/0", 3, Some(3)), Ok(vec![3]));
        assert_eq!(resolve("follower", 3, Some(3)), Ok(vec![2]));
        assert_eq!(resolve("any", 3, Some(1)), Ok(vec![1]));
        assert_eq!(resolve("minority", 5, Some(5)), Ok(vec![3, 4]));
        assert_eq!(resolve("majority", 5, Some(5)), Ok(vec![1, 2, 5]));
        assert_eq!(resolve("all", 2, None), Ok(vec![1, 2]));
    }

    #[test]
    fn what_cannot_be_resolved_says_why() {
        let missing = resolve("4", 3, None).unwrap_err();
        assert_eq!(
            missing.to_string(),
            "there is no node-4 in a cluster of 3 nodes"
        );
        assert_eq!(resolve("leader", 3, None), Err(Unresolved::NoLeader));
        let few = resolve("follower", 1, Some(1)).unwrap_err();
        assert_eq!(
            few.to_string(),
            "follower wants 1 node(s), and 0 can be chosen"
        );
    }

    #[test]
    fn the_hint_is_about_the_cluster_that_was_meant() {
        let hints = |select: &str, cluster: &str| {
            let select: Selector = select.parse().unwrap();
            select.choose(cluster, 3, None).unwrap_err().hints
        };
        assert_eq!(hints("9", "dev"), ["chronik-dev status shows the nodes"]);
        assert_eq!(
            hints("leader:orders/0", "blue"),
            [
                "chronik-dev topic describe orders --cluster blue shows its partitions and their \
                 leaders"
            ]
        );
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "0",
            "x",
            "1,",
            "leader:",
            "leader:t",
            "leader:/0",
            "1 2",
            "-1",
            "LEADER",
        ] {
            assert!(text.parse::<Selector>().is_err(), "{text:?} was taken");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_is_read_is_written_the_same(text in ".{0,24}") {
            if let Ok(selector) = text.parse::<Selector>() {
                prop_assert_eq!(selector.to_string().parse(), Ok(selector));
            }
        }
    }
}
