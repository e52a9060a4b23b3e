//! The search for a plan that is free: where it starts, and whether it may move.

use super::lease::{LeaseError, PortLease, PortTaken, lease};
use super::locks::PortLocks;
use super::plan::{SearchPorts, highest_base, plan};
use crate::spec::defaults::{PORT_BASE, PORT_MOVE};

/// The lowest base of an ephemeral cluster; portpicker's range starts here.
const RANDOM_FROM: u16 = 15_000;
/// The end of portpicker's range, exclusive.
const RANDOM_TO: u16 = 25_000;
/// Random plans that are tried; a machine on which this many collide has no room.
const RANDOM_TRIES: usize = 64;

/// Which plan a new cluster takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanPolicy {
    /// The known plan from 9092; moves up as a whole by 10 until all of it is free.
    Default,
    /// The base that the user typed; a taken port is an error.
    Asked(u16),
    /// A random base: ephemeral clusters.
    Random,
}

/// A lease and how it came about.
#[derive(Debug)]
pub struct Acquired {
    /// The ports, held.
    pub lease: PortLease,
    /// How far the plan was moved up from the default base; 0 when it was not.
    pub moved_by: u16,
}

/// Finds and leases the ports of a new cluster.
pub fn acquire(
    locks: &PortLocks,
    nodes: usize,
    search: SearchPorts,
    policy: PlanPolicy,
) -> Result<Acquired, LeaseError> {
    match policy {
        PlanPolicy::Asked(base) => {
            let lease = lease(locks, plan(nodes, base, search)?)?;
            Ok(Acquired { lease, moved_by: 0 })
        }
        PlanPolicy::Default => {
            let highest = highest_base(nodes)?;
            let bases = (PORT_BASE..=highest).step_by(PORT_MOVE.into());
            let (lease, base) = first_free(locks, nodes, search, bases)?;
            let moved_by = base - PORT_BASE;
            Ok(Acquired { lease, moved_by })
        }
        PlanPolicy::Random => {
            let highest = highest_base(nodes)?.min(RANDOM_TO - 1);
            let bases = (0..RANDOM_TRIES).map(|_| random_base(highest));
            let (lease, _) = first_free(locks, nodes, search, bases)?;
            Ok(Acquired { lease, moved_by: 0 })
        }
    }
}

fn first_free(
    locks: &PortLocks,
    nodes: usize,
    search: SearchPorts,
    bases: impl Iterator<Item = u16>,
) -> Result<(PortLease, u16), LeaseError> {
    let mut last: Option<PortTaken> = None;
    let mut tried = 0;
    for base in bases {
        tried += 1;
        match lease(locks, plan(nodes, base, search)?) {
            Ok(lease) => return Ok((lease, base)),
            Err(LeaseError::Taken(taken)) => last = Some(taken),
            Err(other) => return Err(other),
        }
    }
    let last = last.expect("every policy names at least one base");
    Err(LeaseError::Exhausted { tried, last })
}

/// portpicker's choice where it fits; our own where it has none (it wants IPv6) or where its
/// last resort, a port of the system's choice, lies too high for the plan.
fn random_base(highest: u16) -> u16 {
    portpicker::pick_unused_port()
        .filter(|port| (RANDOM_FROM..=highest).contains(port))
        .unwrap_or_else(|| rand::random_range(RANDOM_FROM..=highest))
}
