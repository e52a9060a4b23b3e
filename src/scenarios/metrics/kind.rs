//! The metrics by name, as the summary, JSON and JUnit spell them.

use std::fmt;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// First spawn until the cluster is formed.
    Formation,
    /// Loss of a leader until a survivor names the next.
    Election,
    /// The gap in the acks of a partition that lost its leader.
    Failover,
    /// Spawn of a restarted node until it is in sync.
    Rejoin,
    /// SIGTERM until the process is reaped.
    Shutdown,
    /// The gap in the acks around a SIGTERM.
    HandoverGap,
    /// Records acked.
    Replicated,
    /// Acked records read back from every replica.
    Recovered,
    /// Topics that every node lists.
    Topics,
}

/// In what a metric is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Milliseconds.
    Millis,
    /// A number of things.
    Count,
}

impl Metric {
    /// All of them, in the order of SCENARIOS.md.
    pub const ALL: [Self; 9] = [
        Self::Formation,
        Self::Election,
        Self::Failover,
        Self::Rejoin,
        Self::Shutdown,
        Self::HandoverGap,
        Self::Replicated,
        Self::Recovered,
        Self::Topics,
    ];

    /// The name for programs.
    pub fn key(self) -> &'static str {
        match self {
            Self::Formation => "formation_ms",
            Self::Election => "election_ms",
            Self::Failover => "failover_ms",
            Self::Rejoin => "rejoin_ms",
            Self::Shutdown => "shutdown_ms",
            Self::HandoverGap => "handover_gap_ms",
            Self::Replicated => "messages_replicated",
            Self::Recovered => "messages_recovered",
            Self::Topics => "topics",
        }
    }

    /// The name for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Formation => "Cluster Formation Time",
            Self::Election => "Leader Election Time",
            Self::Failover => "Leader Failover Time",
            Self::Rejoin => "Node Rejoin Time",
            Self::Shutdown => "Graceful Shutdown Time",
            Self::HandoverGap => "Handover Gap",
            Self::Replicated => "Messages Replicated",
            Self::Recovered => "Messages Recovered",
            Self::Topics => "Metadata Topics Count",
        }
    }

    /// In what it is told.
    pub fn unit(self) -> Unit {
        match self {
            Self::Replicated | Self::Recovered | Self::Topics => Unit::Count,
            _ => Unit::Millis,
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}
