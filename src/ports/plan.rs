//! The port plan: pure arithmetic from a base port to the ports of every node.

use crate::spec::defaults::{MAX_NODES, PORT_BASE, PORT_CEILING, PORT_STRIDE};
use crate::spec::{PortPlan, Ports};

/// The search port is the last of a node's ports, this far above its Kafka port.
const LAST_SERVICE: u16 = 3;

const _: () = assert!(LAST_SERVICE < PORT_STRIDE, "nodes' ports must not overlap");
const _: () = assert!(
    PORT_BASE + (MAX_NODES - 1) * PORT_STRIDE + LAST_SERVICE < PORT_CEILING,
    "the largest cluster fits below the ceiling"
);

/// Whether the nodes of a plan have a search port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchPorts {
    /// One for each node.
    On,
    /// None; the number stays free.
    Off,
}

/// A cluster that has no plan from this base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A cluster has 1 to [`MAX_NODES`] nodes.
    #[error("{0} nodes: a cluster has 1 to {MAX_NODES}")]
    Nodes(usize),
    /// Port 0 is no port.
    #[error("port base 0: the base is a port number from 1")]
    Zero,
    /// The plan would reach into the range from which the system hands out ports by itself.
    #[error(
        "{nodes} nodes from port {base} reach port {highest}, and ports stay below {PORT_CEILING}: \
         the highest base is {highest_base}"
    )]
    Ceiling {
        /// The nodes asked for.
        nodes: u16,
        /// The base asked for.
        base: u16,
        /// The last port of such a plan.
        highest: u32,
        /// The highest base that this many nodes can have.
        highest_base: u16,
    },
}

/// The plan of `nodes` nodes from `base`: node i has Kafka on base + 100·(i-1), then Raft,
/// metrics and search on the next three ports.
pub fn plan(nodes: usize, base: u16, search: SearchPorts) -> Result<PortPlan, PlanError> {
    let highest_base = highest_base(nodes)?;
    if base == 0 {
        return Err(PlanError::Zero);
    }
    let nodes = nodes as u16;
    if base > highest_base {
        let above = (nodes - 1) * PORT_STRIDE + LAST_SERVICE;
        return Err(PlanError::Ceiling {
            nodes,
            base,
            highest: u32::from(base) + u32::from(above),
            highest_base,
        });
    }
    let of_node = |position: u16| ports_from(base + position * PORT_STRIDE, search);
    Ok(PortPlan((0..nodes).map(of_node).collect()))
}

/// The highest base from which a plan of this many nodes stays below the ceiling.
pub fn highest_base(nodes: usize) -> Result<u16, PlanError> {
    let count = u16::try_from(nodes)
        .ok()
        .filter(|count| (1..=MAX_NODES).contains(count))
        .ok_or(PlanError::Nodes(nodes))?;
    Ok(PORT_CEILING - 1 - (count - 1) * PORT_STRIDE - LAST_SERVICE)
}

fn ports_from(kafka: u16, search: SearchPorts) -> Ports {
    Ports {
        kafka,
        raft: kafka + 1,
        metrics: kafka + 2,
        search: match search {
            SearchPorts::On => Some(kafka + LAST_SERVICE),
            SearchPorts::Off => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::spec::NodeId;

    #[test]
    fn the_default_plan_is_the_known_one() {
        let plan = plan(3, PORT_BASE, SearchPorts::On).unwrap();
        let third = plan.of(NodeId(3));
        assert_eq!(
            (third.kafka, third.raft, third.metrics, third.search),
            (9292, 9293, 9294, Some(9295))
        );
        assert_eq!(plan.of(NodeId(1)).raft, 9093);
    }

    #[test]
    fn a_hundred_nodes_fit_without_a_collision() {
        let plan = plan(100, PORT_BASE, SearchPorts::On).unwrap();
        let ports: BTreeSet<u16> = plan
            .0
            .iter()
            .flat_map(|node| node.services().map(|(_, port)| port))
            .collect();
        assert_eq!(ports.len(), 400);
        assert!(ports.last().is_some_and(|last| *last < PORT_CEILING));
    }

    #[test]
    fn a_plan_without_search_has_no_search_port() {
        let plan = plan(1, 9092, SearchPorts::Off).unwrap();
        assert_eq!(plan.of(NodeId(1)).search, None);
    }

    #[test]
    fn what_cannot_be_planned_is_refused() {
        assert_eq!(plan(0, 9092, SearchPorts::On), Err(PlanError::Nodes(0)));
        assert_eq!(plan(101, 9092, SearchPorts::On), Err(PlanError::Nodes(101)));
        assert_eq!(plan(1, 0, SearchPorts::On), Err(PlanError::Zero));
        let highest = highest_base(3).unwrap();
        assert!(plan(3, highest, SearchPorts::On).is_ok());
        let error = plan(3, highest + 1, SearchPorts::On).unwrap_err();
        assert!(matches!(
            error,
            PlanError::Ceiling {
                highest: 32_000,
                ..
            }
        ));
        assert!(plan(100, u16::MAX, SearchPorts::On).is_err());
    }
}
