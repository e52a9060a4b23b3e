//! What a person can ask of the cluster with one key, and the command line that does the same.

use std::collections::BTreeSet;

use crate::cli::nodes;
use crate::scenarios::catalogue::Scenario;
use crate::spec::NodeId;
use crate::supervisor::{Action, Fault, Selector, Verb, command};

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wish {
    /// Something to one node.
    Act(Verb, NodeId),
    /// One node on one side, all others on the other.
    Isolate {
        /// Who is alone.
        node: NodeId,
        /// Who stay together.
        others: Vec<NodeId>,
    },
    /// All links as they were.
    Heal,
    /// A scenario on this cluster.
    Play(Scenario),
}

impl Wish {
    /// The command's words, without the cluster.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Act(verb, node) => format!("{} {}", nodes::word(*verb), node.0),
            Self::Isolate { node, others } => {
                let others: Vec<String> = others.iter().map(|other| other.0.to_string()).collect();
                format!("net partition {} {}", node.0, others.join(","))
            }
            Self::Heal => String::from("net heal"),
            Self::Play(scenario) => format!("scenario {}", scenario.name()),
        }
    }

    /// The whole command line.
    pub(super) fn command(&self, cluster: &str) -> String {
        match self {
            // Without a name a scenario makes a cluster of its own.
            Self::Play(_) => format!("chronik-dev {} --cluster {cluster}", self.words()),
            _ => command(cluster, &self.words()),
        }
    }
}

/// The supervisor's form of something that is done to one node.
pub(super) fn action(verb: Verb, node: NodeId) -> Action {
    Action {
        verb,
        select: Selector::Nodes(vec![node]),
        lasting: None,
        signal: None,
    }
}

/// The supervisor's form of an isolation.
pub(super) fn isolation(node: NodeId, others: &[NodeId]) -> Fault {
    let others: BTreeSet<NodeId> = others.iter().copied().collect();
    Fault::Partition(vec![BTreeSet::from([node]), others])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wish_is_a_command_line() {
        let isolate = Wish::Isolate {
            node: NodeId(2),
            others: vec![NodeId(1), NodeId(3)],
        };
        let kill = Wish::Act(Verb::Kill, NodeId(2));
        assert_eq!(kill.command("dev"), "chronik-dev kill 2");
        assert_eq!(
            kill.command("orders"),
            "chronik-dev kill 2 --cluster orders"
        );
        assert_eq!(isolate.command("dev"), "chronik-dev net partition 2 1,3");
        assert_eq!(Wish::Heal.command("dev"), "chronik-dev net heal");
        assert_eq!(
            Wish::Play(Scenario::LeaderFailover).command("dev"),
            "chronik-dev scenario leader-failover --cluster dev"
        );
    }

    #[test]
    fn an_isolated_node_leaves_the_others_together() {
        let fault = isolation(NodeId(2), &[NodeId(1), NodeId(3)]);
        let typed = crate::supervisor::grammar::partition(&["2", "1,3"]).unwrap();
        assert_eq!(fault, typed);
    }
}
