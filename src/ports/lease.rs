//! The lease: all ports of a plan, kept for one launcher as long as the value lives.

use std::io;

use socket2::Socket;

use super::holder::{Holder, holder_of};
use super::locks::{Attempt, LockError, PortLock, PortLocks};
use super::loopback::{Family, families, families_of, probe, reserve};
use super::plan::PlanError;
use crate::spec::{NodeId, PortPlan, Service};

/// A port of the plan that somebody else has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("port {port} ({service} of {node}) is taken{}", by(holder.as_ref()))]
pub struct PortTaken {
    /// The port.
    pub port: u16,
    /// What it was wanted for.
    pub service: Service,
    /// The node that wanted it.
    pub node: NodeId,
    /// Who has it, when the system tells.
    pub holder: Option<Holder>,
}

fn by(holder: Option<&Holder>) -> String {
    holder.map_or_else(String::new, |holder| format!(" by {holder}"))
}

/// Why there is no lease.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// A port of the plan is in use; another plan may do.
    #[error(transparent)]
    Taken(#[from] PortTaken),
    /// No plan of this size and base exists.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Every plan that was tried has a taken port; the last one found is named.
    #[error("no free port plan in {tried} tries")]
    Exhausted {
        /// How many plans were tried.
        tried: usize,
        /// The obstacle of the last one.
        #[source]
        last: PortTaken,
    },
    /// The lock directory cannot be used.
    #[error(transparent)]
    Locks(#[from] LockError),
    /// The system refuses sockets for a reason that another plan does not change, too many open
    /// files say.
    #[error("cannot reserve port {port}")]
    Socket {
        /// The port at which it refused.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
}

/// The ports of a plan, held. Dropping it gives them back.
#[derive(Debug)]
pub struct PortLease {
    plan: PortPlan,
    kept: Vec<KeptPort>,
}

/// Sockets go before the lock, so that the next launcher finds the port free.
#[derive(Debug)]
struct KeptPort {
    _sockets: Vec<Socket>,
    _lock: PortLock,
}

impl PortLease {
    /// What is leased.
    pub fn plan(&self) -> &PortPlan {
        &self.plan
    }

    /// The number of ports that are held.
    pub fn ports(&self) -> usize {
        self.kept.len()
    }
}

/// Leases all ports of a plan, or none.
///
/// This is how a stored plan comes back: the same ports, or the error that names the first one
/// that is taken, its service, its node and its holder.
pub fn lease(locks: &PortLocks, plan: PortPlan) -> Result<PortLease, LeaseError> {
    let available = families();
    let kept: Result<Vec<KeptPort>, LeaseError> = wanted(&plan)
        .map(|wanted| keep(locks, wanted, available))
        .collect();
    let kept = kept?;
    Ok(PortLease { plan, kept })
}

/// Every port of a plan that somebody has now; keeps none.
pub fn survey(locks: &PortLocks, plan: &PortPlan) -> Result<Vec<PortTaken>, LeaseError> {
    let available = families();
    let mut found = Vec::new();
    for wanted in wanted(plan) {
        match keep(locks, wanted, available) {
            Ok(_free) => {}
            Err(LeaseError::Taken(taken)) => found.push(taken),
            Err(other) => return Err(other),
        }
    }
    Ok(found)
}

/// A port of a plan and what it is for.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    node: NodeId,
    service: Service,
    port: u16,
}

fn wanted(plan: &PortPlan) -> impl Iterator<Item = Wanted> {
    plan.0.iter().enumerate().flat_map(|(position, ports)| {
        let node = NodeId(position as u64 + 1);
        ports.services().map(move |(service, port)| Wanted {
            node,
            service,
            port,
        })
    })
}

fn keep(locks: &PortLocks, wanted: Wanted, available: &[Family]) -> Result<KeptPort, LeaseError> {
    let port = wanted.port;
    let families = families_of(wanted.service, available);
    let taken = |holder| PortTaken {
        port,
        service: wanted.service,
        node: wanted.node,
        holder,
    };
    let lock = match locks.lock(port)? {
        Attempt::Locked(lock) => lock,
        Attempt::Held(holder) => return Err(taken(holder).into()),
    };
    let refused = |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => taken(holder_of(port)).into(),
        _ => LeaseError::Socket { port, source },
    };
    for family in families {
        probe(port, *family).map_err(refused)?;
    }
    let sockets: io::Result<Vec<Socket>> = families
        .iter()
        .map(|family| reserve(port, *family))
        .collect();
    Ok(KeptPort {
        _sockets: sockets.map_err(refused)?,
        _lock: lock,
    })
}
