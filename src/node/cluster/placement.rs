//! Where a new topic's replicas go.
//!
//! First replicas lead: each goes to the live node that is first of the fewest, so that leaders
//! are spread. The others follow around the ring, the living before the dead: a node that is down
//! gets a replica only where there are not enough others, since it cannot vote for its first
//! leader.

use std::collections::BTreeMap;

use crate::spec::NodeId;

/// Chooses nodes for one partition after the other.
pub(super) struct Placement {
    /// The ring.
    pub(super) nodes: Vec<NodeId>,
    /// Those of them that live.
    pub(super) live: Vec<NodeId>,
    /// How many partitions name each node first.
    pub(super) led: BTreeMap<NodeId, usize>,
}

impl Placement {
    /// The next partition's `factor` replicas, at most as many as there are nodes.
    pub(super) fn next(&mut self, factor: usize) -> Vec<NodeId> {
        let first = self.first();
        let at = self.nodes.iter().position(|node| *node == first);
        let at = at.expect("the first one is of the ring");
        let ring = self.nodes.iter().cycle().skip(at).take(self.nodes.len());
        let (living, dead): (Vec<NodeId>, Vec<NodeId>) =
            ring.partition(|node| self.live.contains(node));
        *self.led.entry(first).or_default() += 1;
        living.into_iter().chain(dead).take(factor).collect()
    }

    fn first(&self) -> NodeId {
        let leads = |node: &&NodeId| self.led.get(node).copied().unwrap_or(0);
        let living = self.nodes.iter().filter(|node| self.live.contains(node));
        let first = living.min_by_key(leads).or(self.nodes.first());
        *first.expect("a cluster has nodes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(ids: &[u64]) -> Vec<NodeId> {
        ids.iter().copied().map(NodeId).collect()
    }

    fn placement(nodes: &[u64], live: &[u64]) -> Placement {
        Placement {
            nodes: ids(nodes),
            live: ids(live),
            led: BTreeMap::new(),
        }
    }

    fn placed(placement: &mut Placement, count: usize, factor: usize) -> Vec<Vec<NodeId>> {
        (0..count).map(|_| placement.next(factor)).collect()
    }

    #[test]
    fn first_replicas_rotate_and_the_others_follow_around_the_ring() {
        let mut three = placement(&[1, 2, 3], &[1, 2, 3]);
        let expected = [ids(&[1, 2, 3]), ids(&[2, 3, 1]), ids(&[3, 1, 2])];
        assert_eq!(placed(&mut three, 3, 3), expected);
        assert_eq!(three.next(2), ids(&[1, 2]));
    }

    #[test]
    fn the_dead_are_left_out_where_there_are_enough_others() {
        let mut three = placement(&[1, 2, 3], &[3, 1]);
        assert_eq!(placed(&mut three, 2, 1), [ids(&[1]), ids(&[3])]);
        assert_eq!(placed(&mut three, 2, 2), [ids(&[1, 3]), ids(&[3, 1])]);
    }

    #[test]
    fn the_dead_come_last_where_they_are_needed() {
        let mut three = placement(&[1, 2, 3], &[1, 3]);
        assert_eq!(placed(&mut three, 2, 3), [ids(&[1, 3, 2]), ids(&[3, 1, 2])]);
        let mut nobody = placement(&[1, 2], &[]);
        assert_eq!(nobody.next(2), ids(&[1, 2]));
    }

    #[test]
    fn who_leads_the_fewest_comes_first() {
        let mut three = placement(&[1, 2, 3], &[1, 2, 3]);
        three.led = BTreeMap::from([(NodeId(1), 2), (NodeId(2), 1)]);
        let firsts: Vec<NodeId> = (0..4).map(|_| three.next(1)[0]).collect();
        assert_eq!(firsts, ids(&[3, 2, 3, 1]));
    }
}
