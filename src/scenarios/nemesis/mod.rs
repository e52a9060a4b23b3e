//! Breaks a cluster on purpose, proves that it is broken, and mends it.
//!
//! Every fault is an event when it begins, when it is proven, and when it ends. It acts through the
//! supervisor, which holds the processes and the links; the proofs are the system's.

mod link;
mod proof;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::halt::{Halt, until};
use super::history::{Event, FaultBegan, FaultEnded, FaultId, FaultKind, FaultProven, Micros};
use super::workload::{Arena, Leaders, Recorder};
use crate::spec::NodeId;
use crate::supervisor::{Action, ClusterHandle, ClusterStatus, Fault, NodeView, Selector, Verb};

/// A probe that is not answered in this time is blocked; unbroken links answer in a few ms.
const SILENCE: Duration = Duration::from_millis(60);
/// A healed link, or a probe before the cut, on a busy machine.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// The system shows what a signal did in microseconds.
const PROOF_WITHIN: Duration = Duration::from_secs(3);

/// Faults of one cluster.
#[derive(Debug)]
pub struct Nemesis {
    handle: ClusterHandle,
    recorder: Recorder,
    leaders: Leaders,
    lasting: Option<Duration>,
    at_work: BTreeMap<FaultId, Broken>,
}

/// What is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Broken {
    /// Nodes without a process.
    Down(Vec<NodeId>),
    /// Stopped processes.
    Paused(Vec<NodeId>),
    /// Links that carry nothing.
    Cut(Vec<(NodeId, NodeId)>),
}

impl Nemesis {
    /// Acts on this cluster. A fault that nobody ends is ended by the supervisor after `lasting`:
    /// a scenario that is killed leaves none behind for longer.
    pub fn new(handle: ClusterHandle, arena: &Arena, lasting: Option<Duration>) -> Self {
        Self {
            handle,
            recorder: arena.recorder.clone(),
            leaders: arena.leaders.clone(),
            lasting,
            at_work: BTreeMap::new(),
        }
    }

    /// The cluster.
    pub fn handle(&self) -> &ClusterHandle {
        &self.handle
    }

    /// SIGKILL, proven by the processes' absence.
    pub async fn kill(&mut self, nodes: &[NodeId]) -> Result<FaultId, Halt> {
        self.end_processes(FaultKind::Kill, nodes).await
    }

    /// SIGTERM, proven by the processes' absence; how they ended is in the history.
    pub async fn stop(&mut self, nodes: &[NodeId]) -> Result<FaultId, Halt> {
        self.end_processes(FaultKind::Stop, nodes).await
    }

    async fn end_processes(&mut self, kind: FaultKind, nodes: &[NodeId]) -> Result<FaultId, Halt> {
        let verb = match kind {
            FaultKind::Stop => Verb::Stop,
            _ => Verb::Kill,
        };
        let before = self.handle.status().await?;
        let fault = self.begin(kind, nodes, Vec::new());
        self.at_work.insert(fault, Broken::Down(nodes.to_vec()));
        self.act(verb, nodes).await?;
        self.prove(fault, nodes, &before, proof::gone).await?;
        for node in nodes {
            self.leaders.gone(*node);
        }
        Ok(fault)
    }

    /// SIGSTOP, proven by the processes' state.
    pub async fn pause(&mut self, nodes: &[NodeId]) -> Result<FaultId, Halt> {
        let before = self.handle.status().await?;
        let fault = self.begin(FaultKind::Pause, nodes, Vec::new());
        self.at_work.insert(fault, Broken::Paused(nodes.to_vec()));
        self.act(Verb::Pause, nodes).await?;
        self.prove(fault, nodes, &before, proof::paused).await?;
        Ok(fault)
    }

    /// Parts the cluster into two sides, proven by a probe of every link between them.
    pub async fn part(&mut self, sides: [&[NodeId]; 2]) -> Result<FaultId, Halt> {
        let edges = edges(sides);
        self.links_answer(&edges, "links carry bytes before the cut")
            .await?;
        let groups = sides.map(|side| side.iter().copied().collect::<BTreeSet<_>>());
        let fault = self.begin(FaultKind::Cut, &[], edges.clone());
        self.at_work.insert(fault, Broken::Cut(edges.clone()));
        let partition = Fault::Partition(groups.to_vec());
        self.handle.break_links(partition, self.lasting).await?;
        let proof = until("every cut link is silent", PROOF_WITHIN, async || {
            self.links_blocked(&edges).await
        });
        let proof = proof.await?;
        self.proven(fault, proof);
        Ok(fault)
    }

    /// Ends a fault: starts, resumes or heals what it broke, and waits until that is as it was.
    pub async fn end(&mut self, fault: FaultId) -> Result<(), Halt> {
        let Some(broken) = self.at_work.get(&fault).cloned() else {
            return Ok(());
        };
        let at = self.recorder.now();
        self.mend(&broken).await?;
        self.ended(fault, at);
        Ok(())
    }

    /// Ends everything that is still broken, whatever fails on the way; says what could not be.
    pub async fn heal_all(&mut self) -> Vec<String> {
        let mut failures = Vec::new();
        for (fault, broken) in self.at_work.clone() {
            let at = self.recorder.now();
            match self.mend(&broken).await {
                Ok(()) => self.ended(fault, at),
                Err(error) => failures.push(error.to_string()),
            }
        }
        failures
    }

    async fn mend(&self, broken: &Broken) -> Result<(), Halt> {
        match broken {
            Broken::Down(nodes) => self.act(Verb::Start, nodes).await,
            Broken::Paused(nodes) => self.act(Verb::Resume, nodes).await,
            Broken::Cut(edges) => {
                self.handle.heal().await?;
                self.links_answer(edges, "healed links carry bytes").await
            }
        }
    }

    fn begin(&self, kind: FaultKind, nodes: &[NodeId], edges: Vec<(NodeId, NodeId)>) -> FaultId {
        let fault = self.recorder.next_fault();
        self.recorder.record(Event::FaultBegan(FaultBegan {
            at: self.recorder.now(),
            fault,
            kind,
            nodes: nodes.to_vec(),
            edges,
        }));
        fault
    }

    async fn prove(
        &self,
        fault: FaultId,
        nodes: &[NodeId],
        before: &ClusterStatus,
        proof: fn(u32, &NodeView) -> Result<String, String>,
    ) -> Result<(), Halt> {
        let shown = until("the fault is proven", PROOF_WITHIN, async || {
            let now = self
                .handle
                .status()
                .await
                .map_err(|error| error.to_string())?;
            let mut proofs = Vec::new();
            for node in nodes {
                let was = view(before, *node)?;
                let pid = was.pid.ok_or_else(|| format!("{node} did not run"))?;
                proofs.push(proof(pid, view(&now, *node)?)?);
            }
            Ok(proofs.join("; "))
        });
        let shown = shown.await?;
        self.proven(fault, shown);
        Ok(())
    }

    fn proven(&self, fault: FaultId, proof: String) {
        let at = self.recorder.now();
        self.recorder
            .record(Event::FaultProven(FaultProven { at, fault, proof }));
    }

    fn ended(&mut self, fault: FaultId, at: Micros) {
        self.at_work.remove(&fault);
        self.recorder
            .record(Event::FaultEnded(FaultEnded { at, fault }));
    }

    async fn act(&self, verb: Verb, nodes: &[NodeId]) -> Result<(), Halt> {
        let action = Action {
            verb,
            select: Selector::Nodes(nodes.to_vec()),
            lasting: match verb {
                Verb::Start | Verb::Restart | Verb::Resume => None,
                Verb::Kill | Verb::Stop | Verb::Pause => self.lasting,
            },
            signal: None,
        };
        self.handle.act(action).await?;
        Ok(())
    }

    async fn links_answer(&self, edges: &[(NodeId, NodeId)], what: &str) -> Result<(), Halt> {
        until(what, ANSWER_WITHIN, async || {
            for (from, to) in edges {
                let way = link::way(self.handle.dir(), *from, *to)?;
                let answered = link::answers(way, ANSWER_WITHIN).await;
                answered.map_err(|why| format!("{from} to {to}: {why}"))?;
            }
            Ok(())
        })
        .await
    }

    /// Probes all edges at once, and expects no answer from any.
    async fn links_blocked(&self, edges: &[(NodeId, NodeId)]) -> Result<String, String> {
        let probes = edges.iter().map(async |(from, to)| {
            let way = link::way(self.handle.dir(), *from, *to)?;
            match link::answers(way, SILENCE).await {
                Ok(()) => Err(format!("a probe from {from} to {to} is answered")),
                Err(how) => Ok(format!("probe {from}..{to}: {how}")),
            }
        });
        let shown = futures::future::try_join_all(probes).await?;
        Ok(shown.join("; "))
    }
}

fn view(status: &ClusterStatus, node: NodeId) -> Result<&NodeView, String> {
    let found = status.nodes.iter().find(|view| view.id == node);
    found.ok_or_else(|| format!("there is no {node}"))
}

/// Every way between two sides, in both directions.
fn edges(sides: [&[NodeId]; 2]) -> Vec<(NodeId, NodeId)> {
    let pairs = sides[0]
        .iter()
        .flat_map(|one| sides[1].iter().map(|other| (*one, *other)));
    pairs
        .flat_map(|(one, other)| [(one, other), (other, one)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_cuts_every_way_between_its_sides() {
        let [one, two, three] = [1, 2, 3].map(NodeId);
        assert_eq!(
            edges([&[one], &[two, three]]),
            [(one, two), (two, one), (one, three), (three, one)]
        );
    }
}
