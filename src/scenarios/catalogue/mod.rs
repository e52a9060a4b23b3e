//! The scenarios by name: what each claims, what it has no matter for, and its phases.
//!
//! One file for each. A scenario reads as phases; what its steps are made of is the [`Stage`]'s.

mod clean_startup;
mod graceful_shutdown;
mod leader_failover;
mod metadata_persistence;
mod network_partition;
mod node_failure_recovery;
mod pause_leader;
mod quorum_loss;
mod rolling_restart;
mod search_after_failover;
mod topic_replication;

use std::str::FromStr;

use super::halt::Halt;
use super::history::{Absent, Claims, LEAST_ACKS};
use super::law::Law;
use super::runner::{Stage, Target};

/// Partitions of a loaded topic.
const PARTITIONS: u32 = 3;

/// A scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scenario {
    /// N nodes from nothing.
    CleanStartup,
    /// Records on every replica.
    TopicReplication,
    /// SIGKILL of a follower under load.
    NodeFailureRecovery,
    /// SIGKILL of the partition leader under load.
    LeaderFailover,
    /// SIGTERM to the leader under load.
    GracefulShutdown,
    /// All stopped, and all killed, and started again.
    MetadataPersistence,
    /// The leader on the minority side.
    NetworkPartition,
    /// SIGSTOP of the leader.
    PauseLeader,
    /// Each node in turn.
    RollingRestart,
    /// The majority killed.
    QuorumLoss,
    /// Leaders die and are cut off while their records are indexed.
    SearchAfterFailover,
}

/// A word that names no scenario.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no scenario {word:?}; there are {}", names())]
pub struct NoScenario {
    /// The word.
    pub word: String,
}

fn names() -> String {
    Scenario::ALL.map(Scenario::name).join(", ")
}

impl FromStr for Scenario {
    type Err = NoScenario;

    fn from_str(text: &str) -> Result<Self, NoScenario> {
        let found = Self::ALL
            .into_iter()
            .find(|scenario| scenario.name() == text);
        found.ok_or_else(|| NoScenario {
            word: text.to_owned(),
        })
    }
}

impl Scenario {
    /// All of them: first those of `all`, then those of `all --extended`.
    pub const ALL: [Self; 11] = [
        Self::CleanStartup,
        Self::TopicReplication,
        Self::NodeFailureRecovery,
        Self::LeaderFailover,
        Self::GracefulShutdown,
        Self::MetadataPersistence,
        Self::NetworkPartition,
        Self::PauseLeader,
        Self::RollingRestart,
        Self::QuorumLoss,
        Self::SearchAfterFailover,
    ];

    /// The scenarios of `all`.
    pub const USUAL: usize = 7;

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::CleanStartup => "clean-startup",
            Self::TopicReplication => "topic-replication",
            Self::NodeFailureRecovery => "node-failure-recovery",
            Self::LeaderFailover => "leader-failover",
            Self::GracefulShutdown => "graceful-shutdown",
            Self::MetadataPersistence => "metadata-persistence",
            Self::NetworkPartition => "network-partition",
            Self::PauseLeader => "pause-leader",
            Self::RollingRestart => "rolling-restart",
            Self::QuorumLoss => "quorum-loss",
            Self::SearchAfterFailover => "search-after-failover",
        }
    }

    /// What happens in it.
    pub fn words(self) -> &'static str {
        match self {
            Self::CleanStartup => "N nodes from nothing; every broker lists all, and all serve",
            Self::TopicReplication => "records on every replica, equal record by record",
            Self::NodeFailureRecovery => "SIGKILL a follower under load, restart it, catch up",
            Self::LeaderFailover => "SIGKILL the partition leader under load",
            Self::GracefulShutdown => "SIGTERM to the leader under load; leadership moves first",
            Self::MetadataPersistence => "all stopped, then all killed; all is as before",
            Self::NetworkPartition => "a split with the leader on the minority side, then heal",
            Self::PauseLeader => "SIGSTOP the leader, wake it; it acks nothing stale",
            Self::RollingRestart => "each node restarted in turn, under load",
            Self::QuorumLoss => "kill the majority; writes block; start it again",
            Self::SearchAfterFailover => "leaders die and are cut off; search follows the log",
        }
    }

    /// Whether processes or links are broken in it.
    pub fn breaks(self) -> bool {
        !matches!(self, Self::CleanStartup | Self::TopicReplication)
    }

    /// Whether it makes sense on a target of so many nodes.
    pub fn check(self, target: &Target, nodes: usize) -> Result<(), Halt> {
        let name = self.name();
        if self.breaks() && !target.can_be_broken() {
            let why = format!("{name} breaks nodes or links, and {target} is not ours to break");
            return Err(Halt::Unfit(why));
        }
        if self.breaks() && nodes < 3 {
            let why =
                format!("{name} needs three nodes, of which a majority can go on without one");
            return Err(Halt::Unfit(why));
        }
        Ok(())
    }

    /// What must have been seen.
    pub fn claims(self, nodes: usize, messages: u64) -> Claims {
        match self {
            Self::CleanStartup => Claims {
                acks: clean_startup::RECORDS,
                ..Claims::load()
            },
            Self::TopicReplication => Claims {
                acks: messages.min(LEAST_ACKS),
                ..Claims::load()
            },
            Self::NodeFailureRecovery | Self::QuorumLoss => Claims::faults(1),
            Self::MetadataPersistence => Claims::faults(2),
            Self::LeaderFailover
            | Self::GracefulShutdown
            | Self::NetworkPartition
            | Self::PauseLeader => Claims::faults(1).with_leader_change(),
            Self::SearchAfterFailover => Claims::faults(2).with_leader_change(),
            Self::RollingRestart => Claims::faults(nodes as u32).with_leader_change(),
        }
    }

    /// Laws without matter here.
    pub fn without(self, target: &Target) -> Vec<Absent> {
        let absent = |law, why: &str| Absent {
            law,
            why: why.to_owned(),
        };
        let mut without = Vec::new();
        if !self.breaks() {
            without.push(absent(
                Law::CommittedOffsets,
                "no group reads in this scenario",
            ));
        }
        if self == Self::CleanStartup {
            let why = "its topic is gone at the end; a promise says what each replica gave back";
            let laws = [
                Law::AckedIsDurable,
                Law::OneLeaderPerEpoch,
                Law::ReplicasConverge,
            ];
            without.extend(laws.map(|law| absent(law, why)));
        }
        if !target.can_be_broken() {
            without.push(absent(
                Law::NoNodeDies,
                "the nodes' processes are not ours to see",
            ));
        }
        without
    }

    /// Plays it.
    pub(super) async fn play(self, stage: &mut Stage) -> Result<(), Halt> {
        match self {
            Self::CleanStartup => clean_startup::play(stage).await,
            Self::TopicReplication => topic_replication::play(stage).await,
            Self::NodeFailureRecovery => node_failure_recovery::play(stage).await,
            Self::LeaderFailover => leader_failover::play(stage).await,
            Self::GracefulShutdown => graceful_shutdown::play(stage).await,
            Self::MetadataPersistence => metadata_persistence::play(stage).await,
            Self::NetworkPartition => network_partition::play(stage).await,
            Self::PauseLeader => pause_leader::play(stage).await,
            Self::RollingRestart => rolling_restart::play(stage).await,
            Self::QuorumLoss => quorum_loss::play(stage).await,
            Self::SearchAfterFailover => search_after_failover::play(stage).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_is_found_by_its_name() {
        for scenario in Scenario::ALL {
            assert_eq!(scenario.name().parse(), Ok(scenario));
        }
        let error = "nothing".parse::<Scenario>().unwrap_err().to_string();
        assert!(error.contains("leader-failover"), "{error}");
    }

    #[test]
    fn nothing_of_a_foreign_cluster_is_broken() {
        let foreign = Target::Foreign(Vec::new());
        for scenario in Scenario::ALL {
            let fits = scenario.check(&foreign, 3).is_ok();
            assert_eq!(fits, !scenario.breaks(), "{scenario:?}");
            let small = scenario.check(&Target::Fresh(1), 1).is_ok();
            assert_eq!(small, !scenario.breaks(), "{scenario:?}");
        }
    }
}
