//! What the groups of a node count of their leaders and elections.

use std::sync::atomic::{AtomicU64, Ordering};

use super::group::Standing;
use crate::spec::NodeId;

/// Over all groups of the node, the metadata group among them, since it started.
#[derive(Debug, Default)]
pub(in crate::node) struct ElectionStats {
    leaders: AtomicU64,
    candidacies: AtomicU64,
    won: AtomicU64,
}

impl ElectionStats {
    /// Leaders learned of, each in its term; the first of a group counts too.
    pub(in crate::node) fn leaders(&self) -> u64 {
        self.leaders.load(Ordering::Relaxed)
    }

    /// Times that this node stood by its own decision.
    pub(in crate::node) fn candidacies(&self) -> u64 {
        self.candidacies.load(Ordering::Relaxed)
    }

    /// Times that this node became a leader.
    pub(in crate::node) fn won(&self) -> u64 {
        self.won.load(Ordering::Relaxed)
    }

    /// This node stands.
    pub(super) fn stood(&self) {
        self.candidacies.fetch_add(1, Ordering::Relaxed);
    }

    fn led_by(&self, leader: NodeId, me: NodeId) {
        self.leaders.fetch_add(1, Ordering::Relaxed);
        if leader == me {
            self.won.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The last leader of one group that was counted.
#[derive(Debug, Default)]
pub(super) struct LastLeader(Option<(u64, NodeId)>);

impl LastLeader {
    /// Counts the leader of a standing, once in its term.
    pub(super) fn see(&mut self, now: Standing, me: NodeId, stats: &ElectionStats) {
        let Some(leader) = now.leader else { return };
        if self.0.replace((now.term, leader)) != Some((now.term, leader)) {
            stats.led_by(leader, me);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(term: u64, leader: Option<u64>) -> Standing {
        Standing {
            term,
            leader: leader.map(NodeId),
            leads: leader == Some(1),
        }
    }

    #[test]
    fn a_leader_counts_once_in_its_term() {
        let (stats, mut last) = (ElectionStats::default(), LastLeader::default());
        for now in [
            standing(0, None),
            standing(1, Some(1)),
            standing(1, Some(1)),
            standing(1, None),
            standing(1, Some(1)),
            standing(2, None),
            standing(2, Some(2)),
            standing(3, Some(2)),
        ] {
            last.see(now, NodeId(1), &stats);
        }
        assert_eq!(stats.leaders(), 3);
        assert_eq!(stats.won(), 1);
        assert_eq!(stats.candidacies(), 0);
    }
}
