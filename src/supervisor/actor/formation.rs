//! The way to READY: the ladder is asked after each batch of events, and a deadline ends it.

use std::time::Duration;

use tokio::time::Instant;

use super::Supervisor;
use super::nodes::SpawnError;
use super::stopping::Cause;
use crate::spec::{NodeId, show_duration};
use crate::supervisor::event::{ClusterEvent, PhaseName};
use crate::supervisor::exit::Exit;
use crate::supervisor::ladder::{Formation, Known, Ladder, Progress};
use crate::supervisor::request::LaunchRequest;
use crate::supervisor::status::Phase;
use crate::supervisor::trouble::{Trouble, TroubleCode};

/// A cluster that is not ready yet.
#[derive(Debug)]
pub(super) struct Forming {
    pub(super) ladder: Ladder,
    pub(super) deadline: Instant,
    timeout: Duration,
}

impl Forming {
    pub(super) fn new(
        request: &LaunchRequest,
        nodes: usize,
        formation: Formation,
        began: Instant,
    ) -> Self {
        Self {
            ladder: Ladder::new(nodes, request.wait, formation),
            deadline: began + request.timeout,
            timeout: request.timeout,
        }
    }
}

/// When which phase was passed.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) began: Instant,
    last: Instant,
    pub(super) phases: Vec<Phase>,
    pub(super) took: Option<Duration>,
}

impl Record {
    pub(super) fn new(began: Instant) -> Self {
        Self {
            began,
            last: began,
            phases: Vec::new(),
            took: None,
        }
    }

    fn pass(&mut self, name: PhaseName) -> Phase {
        let now = Instant::now();
        let phase = Phase {
            name,
            ms: (now - self.last).as_secs_f64() * 1e3,
        };
        self.last = now;
        self.phases.push(phase);
        phase
    }
}

impl Supervisor {
    /// Records and tells that a phase was passed.
    pub(super) fn pass(&mut self, name: PhaseName) {
        let phase = self.record.pass(name);
        self.tell(ClusterEvent::PhasePassed { phase });
    }

    /// How many brokers a node must name.
    pub(super) fn brokers_wanted(&self) -> usize {
        let forming = self.forming.as_ref();
        forming.map_or(1, |forming| forming.ladder.brokers_wanted())
    }

    /// Looks how far the cluster is, tells what is new, and says READY at the top.
    pub(super) fn climb(&mut self) {
        self.note_leader();
        let Some(forming) = &self.forming else { return };
        let known: Known = self
            .slots
            .iter()
            .filter(|slot| slot.runs())
            .map(|slot| (slot.id, &slot.facts))
            .collect();
        let progress = forming.ladder.progress(&known);
        self.tell_waits(&progress);
        for phase in PhaseName::ALL {
            let passed = progress.pending.is_none_or(|pending| phase < pending);
            let recorded = self.record.phases.iter().any(|past| past.name == phase);
            if passed && !recorded {
                self.pass(phase);
            }
        }
        if progress.pending.is_none() {
            self.become_ready();
        }
    }

    fn tell_waits(&mut self, progress: &Progress) {
        let mut news = Vec::new();
        for slot in &mut self.slots {
            let wait = progress.waits.get(&slot.id);
            let on = wait.map(|(_, on)| on.clone());
            if slot.said == on {
                continue;
            }
            slot.said.clone_from(&on);
            let node = slot.id;
            news.push(match wait.cloned() {
                Some((phase, on)) => ClusterEvent::NodeWaits { node, phase, on },
                None => ClusterEvent::NodeReady { node },
            });
        }
        for event in news {
            self.tell(event);
        }
    }

    fn become_ready(&mut self) {
        let forming = self
            .forming
            .take()
            .expect("only a forming cluster becomes ready");
        self.record.took = Some(self.record.began.elapsed());
        for slot in &mut self.slots {
            slot.said = None;
        }
        if forming.ladder.awaits_somebody()
            && let Err(error) = self.claimed.dir().set_formed()
        {
            let text = error.to_string();
            self.tell(ClusterEvent::Notice { text });
        }
        let status = Box::new(self.status());
        self.tell(ClusterEvent::Ready { status });
    }

    /// The leader with the highest term that a running node names.
    fn note_leader(&mut self) {
        let running = self.slots.iter().filter(|slot| slot.can_answer());
        let newest = running
            .filter_map(|slot| slot.facts.leader)
            .max_by_key(|(_, term)| *term);
        let leader = newest.filter(|(leader, _)| self.slots[leader.position()].can_answer());
        if leader != self.leader {
            self.leader = leader;
            let term = newest.map_or(0, |(_, term)| term);
            let leader = leader.map(|(leader, _)| leader);
            self.tell(ClusterEvent::LeaderChanged { leader, term });
        }
    }

    /// The deadline has passed: says what each node still waits for, and stops everything.
    pub(super) fn fail_by_deadline(&mut self) {
        let Some(forming) = self.forming.take() else {
            return;
        };
        let within = show_duration(forming.timeout);
        let waiting: Vec<&crate::supervisor::slot::Slot> = self
            .slots
            .iter()
            .filter(|slot| slot.said.is_some())
            .collect();
        let message = match waiting.as_slice() {
            [only] => format!("{} did not become ready within {within}", only.id),
            several => format!(
                "{} nodes did not become ready within {within}",
                several.len()
            ),
        };
        let mut trouble = Trouble::new(TroubleCode::NotReady, message);
        for slot in &waiting {
            let on = slot.said.as_deref().unwrap_or("its first report");
            trouble = trouble.fact(format!("last status: {} waits for {on}", slot.id));
        }
        if let Some(first) = waiting.first().map(|slot| slot.id) {
            trouble = self.with_log(trouble, first);
        }
        self.stop_all(Cause::Failure(
            trouble.hint("chronik-dev doctor looks for the usual causes"),
        ));
    }

    /// A node died before READY: says how, what it said last, and stops everything.
    pub(super) fn fail_by_death(&mut self, node: NodeId, exit: Exit) {
        let slot = &self.slots[node.position()];
        let message = format!("{node} died while starting: {exit}");
        let mut trouble = Trouble::new(TroubleCode::NodeDied, message);
        if let Some(on) = &slot.said {
            trouble = trouble.fact(format!("last status: waiting for {on}"));
        }
        let trouble = self.with_log(trouble, node);
        let details = serde_json::json!({ "node": node.0, "exit": exit });
        self.forming = None;
        self.stop_all(Cause::Failure(trouble.with_details(details)));
    }

    pub(super) fn fail_to_spawn(&mut self, error: &SpawnError) {
        let trouble = Trouble::of(TroubleCode::Precondition, error);
        self.forming = None;
        self.stop_all(Cause::Failure(trouble));
    }

    /// Adds what a node's current life said, and its log.
    fn with_log(&self, trouble: Trouble, node: NodeId) -> Trouble {
        let path = self.claimed.dir().node_log(node);
        let words = self.slots[node.position()].last_words();
        let trouble = words.add_to(trouble, &path);
        let cluster = &self.spec.name;
        trouble.hint(format!("chronik-dev logs {} --cluster {cluster}", node.0))
    }
}
