//! The links that can break: one relay per dialled Raft edge, and the faults put upon them.
//!
//! Promises: pass-through without timers; a fault reaches existing and new connections of every
//! edge it names as one step, and so does its end (what a relay has read by then still goes
//! out); a node that dies is felt by its peers at once. It does not know what the bytes mean, and
//! judges nobody.
//!
//! ```text
//!            edge node-1 dials node-2          a cut 1..2 drops
//! node-1 ──▶ relay ──▶ node-2                  the forward bytes here
//! node-1 ◀── relay ◀── node-2
//!            edge node-2 dials node-1
//! node-2 ──▶ relay ──▶ node-1
//! node-2 ◀── relay ◀── node-1                  and the backward bytes here
//! ```

mod connection;
mod edge;
mod fault;
pub mod grammar;
mod lane;
#[cfg_attr(not(target_os = "linux"), path = "no_splice.rs")]
mod splice;
#[cfg(test)]
mod tests;
mod traffic;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use edge::{Relay, Switch};
use fault::LinkFault;
pub use fault::{ActiveFault, Fault, FaultError, FaultId, MAX_DELAY};
pub use traffic::Traffic;

use crate::spec::{NodeId, PortPlan};

/// Faults at once.
const MAX_FAULTS: usize = 64;

/// The edge from the node that dials to the node that is dialled.
type Edge = (NodeId, NodeId);

/// All relays of a cluster, and what is broken on purpose. Dropping it closes them.
#[derive(Debug)]
pub struct Relays {
    nodes: BTreeSet<NodeId>,
    edges: BTreeMap<Edge, Relay>,
    board: Arc<Board>,
    next_id: u64,
    timers: JoinSet<()>,
    /// Last, so that what runs on it ends first.
    road: Road,
}

/// The thread that all relays share with nobody: who waits for a disk or a node elsewhere in this
/// process must not make every link of the cluster silent at once.
#[derive(Debug)]
struct Road(Option<Runtime>);

/// The faults in effect and the switches that they move; shared with the timers.
#[derive(Debug)]
struct Board {
    switches: BTreeMap<Edge, Switch>,
    active: watch::Sender<Vec<ActiveFault>>,
}

impl Relays {
    /// Starts a relay for each of the N(N-1) edges.
    pub fn start(plan: &PortPlan) -> io::Result<Self> {
        let road = Road::open()?;
        let _on_the_road = road.handle().enter();
        let nodes: BTreeSet<NodeId> = (1..=plan.0.len() as u64).map(NodeId).collect();
        let mut edges = BTreeMap::new();
        let mut switches = BTreeMap::new();
        for from in &nodes {
            for to in nodes.iter().filter(|to| *to != from) {
                let upstream = SocketAddr::from((Ipv4Addr::LOCALHOST, plan.of(*to).raft));
                let (relay, switch) = Relay::start(*from, *to, upstream)?;
                edges.insert((*from, *to), relay);
                switches.insert((*from, *to), switch);
            }
        }
        let (active, _) = watch::channel(Vec::new());
        Ok(Self {
            nodes,
            edges,
            board: Arc::new(Board { switches, active }),
            next_id: 1,
            timers: JoinSet::new(),
            road,
        })
    }

    /// What node `from` must dial to reach node `to`; `None` when there is no such edge.
    pub fn dial_address(&self, from: NodeId, to: NodeId) -> Option<SocketAddr> {
        self.edges.get(&(from, to)).map(Relay::address)
    }

    /// What has passed on the connections that `from` dialled to `to`.
    pub fn probe(&self, from: NodeId, to: NodeId) -> Option<Traffic> {
        self.edges.get(&(from, to)).map(Relay::traffic)
    }

    /// Breaks something until it is healed.
    pub fn apply(&mut self, fault: Fault) -> Result<FaultId, FaultError> {
        self.add(fault, None)
    }

    /// Breaks something for a while; it ends by itself, or earlier when it is healed.
    pub fn apply_for(&mut self, fault: Fault, lasting: Duration) -> Result<FaultId, FaultError> {
        let too_long = FaultError::TooLong(lasting);
        let end = Instant::now().checked_add(lasting);
        let end = end.ok_or_else(|| too_long.clone())?;
        let until = SystemTime::now().checked_add(lasting).ok_or(too_long)?;
        let id = self.add(fault, Some(until))?;
        while self.timers.try_join_next().is_some() {}
        let timer = end_at(Arc::clone(&self.board), id, end);
        self.timers.spawn_on(timer, self.road.handle());
        Ok(id)
    }

    /// Ends one fault.
    pub fn heal(&mut self, id: FaultId) -> Result<ActiveFault, FaultError> {
        self.board.remove(id).ok_or(FaultError::NoSuchFault(id))
    }

    /// Ends all faults, and says which there were.
    pub fn heal_all(&mut self) -> Vec<ActiveFault> {
        self.board.revise(std::mem::take)
    }

    /// What is broken now, the oldest first.
    pub fn faults(&self) -> Vec<ActiveFault> {
        self.board.active.borrow().clone()
    }

    /// The same, and every change of it: faults that end by themselves too.
    pub fn watch(&self) -> watch::Receiver<Vec<ActiveFault>> {
        self.board.active.subscribe()
    }

    fn add(&mut self, fault: Fault, until: Option<SystemTime>) -> Result<FaultId, FaultError> {
        fault.check(&self.nodes)?;
        let active = self.board.active.borrow().len();
        if active >= MAX_FAULTS {
            return Err(FaultError::TooMany(active));
        }
        let id = FaultId(self.next_id);
        self.next_id += 1;
        self.board
            .revise(|faults| faults.push(ActiveFault { id, fault, until }));
        self.road.settle();
        Ok(id)
    }
}

impl Road {
    fn open() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("relays")
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    /// Returns when whatever the thread was at when this was called is over: a relay that was about
    /// to move bytes has moved them, and moves no more before it has looked at the faults again.
    fn settle(&self) {
        let (passed, heard) = std::sync::mpsc::channel();
        self.handle().spawn(async move {
            let _nobody_waits = passed.send(());
        });
        let _thread_ended = heard.recv();
    }

    fn handle(&self) -> &Handle {
        let runtime = self.0.as_ref();
        runtime.expect("it is taken when dropped only").handle()
    }
}

impl Drop for Road {
    /// Without waiting: this may run on a thread that must not.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Board {
    fn remove(&self, id: FaultId) -> Option<ActiveFault> {
        self.revise(|faults| {
            let position = faults.iter().position(|fault| fault.id == id)?;
            Some(faults.remove(position))
        })
    }

    /// Changes the faults and moves every switch to match, as one step.
    fn revise<T>(&self, change: impl FnOnce(&mut Vec<ActiveFault>) -> T) -> T {
        let mut result = None;
        self.active.send_modify(|faults| {
            result = Some(change(faults));
            for ((from, to), switch) in &self.switches {
                switch.set(combined(faults, *from, *to), combined(faults, *to, *from));
            }
        });
        result.expect("send_modify runs its closure")
    }
}

/// What all faults together do to bytes from one node to another.
fn combined(faults: &[ActiveFault], from: NodeId, to: NodeId) -> LinkFault {
    faults
        .iter()
        .map(|active| active.fault.on(from, to))
        .fold(LinkFault::Pass, LinkFault::and)
}

/// Ends a fault at its time, or itself when the fault was healed before.
async fn end_at(board: Arc<Board>, id: FaultId, end: Instant) {
    let mut active = board.active.subscribe();
    let healed = active.wait_for(|faults| faults.iter().all(|fault| fault.id != id));
    tokio::select! {
        () = sleep_until(end) => {}
        _ = healed => return,
    }
    board.remove(id);
}
