//! Who leads what, as the observers last heard: the highest epoch is believed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::scenarios::history::TopicPartition;
use crate::spec::NodeId;

/// The highest epoch that was heard of each partition, and its leader while it lives.
type Table = BTreeMap<TopicPartition, (i32, Option<NodeId>)>;

/// A table that the observers of a scenario fill and its readers follow.
#[derive(Debug, Clone, Default)]
pub struct Leaders(Arc<Mutex<Table>>);

impl Leaders {
    /// Takes note of what a node says.
    pub fn told(&self, partition: TopicPartition, epoch: i32, leader: NodeId) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = table.entry(partition).or_insert((epoch, Some(leader)));
        if epoch > known.0 {
            *known = (epoch, Some(leader));
        }
    }

    /// The leader of a partition, once one is known.
    pub fn of(&self, partition: TopicPartition) -> Option<NodeId> {
        let table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.get(&partition).and_then(|(_, leader)| *leader)
    }

    /// A node's process has ended: when it is back it leads nothing before a higher epoch says so.
    pub fn gone(&self, node: NodeId) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, leader) in table.values_mut() {
            if *leader == Some(node) {
                *leader = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lower_epoch_is_not_believed_again() {
        let (leaders, partition) = (Leaders::default(), TopicPartition(0, 1));
        assert_eq!(leaders.of(partition), None);
        for (epoch, leader) in [(2, 1), (3, 2), (2, 1), (3, 3)] {
            leaders.told(partition, epoch, NodeId(leader));
        }
        assert_eq!(leaders.of(partition), Some(NodeId(2)));
    }

    #[test]
    fn a_node_that_ended_leads_nothing_until_a_higher_epoch_says_so() {
        let (leaders, partition) = (Leaders::default(), TopicPartition(0, 1));
        leaders.told(partition, 2, NodeId(1));
        leaders.gone(NodeId(2));
        assert_eq!(leaders.of(partition), Some(NodeId(1)));
        leaders.gone(NodeId(1));
        leaders.told(partition, 2, NodeId(1));
        assert_eq!(leaders.of(partition), None);
        leaders.told(partition, 3, NodeId(1));
        assert_eq!(leaders.of(partition), Some(NodeId(1)));
    }
}
