//! The actor's dealings with single nodes: starting them, hearing them, burying them.

use std::path::Path;

use tokio::sync::mpsc;

use super::{Event, Supervisor};
use crate::spec::{NodeId, NodeReport, NodeSpec, Peer};
use crate::supervisor::directory::DirectoryError;
use crate::supervisor::event::ClusterEvent;
use crate::supervisor::exit::Exit;
use crate::supervisor::node_state::{ExitCause, NodeState};
use crate::supervisor::node_task::{Life, MAX_ORDERS, attend};
use crate::supervisor::probe;
use crate::supervisor::slot::Asked;

/// Why a node was not started.
#[derive(Debug, thiserror::Error)]
pub(super) enum SpawnError {
    /// Its files.
    #[error("cannot prepare {node}")]
    Files {
        /// The node.
        node: NodeId,
        /// Which file, and why.
        source: DirectoryError,
    },
    /// The system refused the process.
    #[error("cannot spawn {node}")]
    Spawn {
        /// The node.
        node: NodeId,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Supervisor {
    /// Spawns every node; spec files are written before the first one.
    pub(super) fn start_all(&mut self) {
        let ids: Vec<NodeId> = self.spec.node_ids().collect();
        let written = ids.iter().try_for_each(|id| self.write_spec(*id));
        let started = written.and_then(|()| ids.iter().try_for_each(|id| self.spawn(*id)));
        if let Err(error) = started {
            self.fail_to_spawn(&error);
        }
    }

    /// Starts a node that has no process.
    pub(super) fn start(&mut self, node: NodeId) -> Result<(), SpawnError> {
        self.write_spec(node)?;
        self.spawn(node)
    }

    fn write_spec(&self, node: NodeId) -> Result<(), SpawnError> {
        let written = self.claimed.dir().write_node_spec(&self.node_spec(node));
        written
            .map(drop)
            .map_err(|source| SpawnError::Files { node, source })
    }

    fn spawn(&mut self, node: NodeId) -> Result<(), SpawnError> {
        let dir = self.claimed.dir();
        let log = dir.open_node_log(node);
        let log = log.map_err(|source| SpawnError::Files { node, source })?;
        let log_from = log.metadata().map_or(0, |found| found.len());
        let spec = dir.node_spec(node);
        let process = self.spawner.node(Path::new(&spec), log);
        let process = process.map_err(|source| SpawnError::Spawn { node, source })?;
        let pid = process
            .pid()
            .expect("a process that was just spawned is not reaped");
        let (orders, obeyed) = mpsc::channel(MAX_ORDERS);
        let slot = &mut self.slots[node.position()];
        slot.log_from = log_from;
        let life = slot.begin(pid, orders);
        self.tasks
            .spawn(attend(life, process, obeyed, self.events.clone()));
        self.tell(ClusterEvent::NodeSpawned { node, pid });
        Ok(())
    }

    /// What a node is told at each start; relays have other addresses each time.
    fn node_spec(&self, node: NodeId) -> NodeSpec {
        let peers = self.spec.node_ids().filter(|peer| *peer != node);
        let peer = |id: NodeId| {
            let ports = self.spec.ports.of(id);
            let relayed = self
                .relays
                .as_ref()
                .and_then(|relays| relays.dial_address(node, id));
            Peer {
                id,
                dial: relayed.unwrap_or_else(|| ([127, 0, 0, 1], ports.raft).into()),
                kafka_port: ports.kafka,
            }
        };
        NodeSpec {
            cluster_name: self.spec.name.clone(),
            cluster_id: self.spec.id,
            secret: self.spec.secret.clone(),
            node,
            parent_pid: Some(std::process::id()),
            ports: self.spec.ports.of(node),
            peers: peers.map(peer).collect(),
            data_dir: self.claimed.dir().node_data(node),
            settings: self.spec.settings.clone(),
        }
    }

    pub(super) fn on_report(&mut self, life: Life, report: NodeReport) {
        let Some(slot) = self.current(life) else {
            return;
        };
        let was_ready = slot.facts.ready;
        slot.facts.learn(report);
        if slot.facts.ready {
            slot.state = slot.state.ready();
        }
        let node = life.node;
        let news = match (was_ready, slot.facts.ready) {
            (false, true) => Some(ClusterEvent::NodeReady { node }),
            (true, false) => {
                let reason = slot.facts.not_ready.clone().unwrap_or_default();
                Some(ClusterEvent::NodeNotReady { node, reason })
            }
            _ => None,
        };
        // While the cluster forms, the ladder tells how far each node is.
        if let Some(news) = news.filter(|_| self.forming.is_none()) {
            self.tell(news);
        }
        self.probe(life);
    }

    /// Starts the probes that the node's reports allow.
    fn probe(&mut self, life: Life) {
        let wanted = self.brokers_wanted();
        let events = self.events.clone();
        let slot = &mut self.slots[life.node.position()];
        let ports = slot.ports;
        if slot.facts.serving && slot.asked_brokers == Asked::No {
            slot.asked_brokers = Asked::Yes;
            let probe = probe::brokers(life, ports, wanted, events.clone());
            slot.owns(self.tasks.spawn(probe));
        }
        if slot.facts.ready && slot.asked_health == Asked::No {
            slot.asked_health = Asked::Yes;
            slot.owns(self.tasks.spawn(probe::health(life, ports, events)));
        }
    }

    pub(super) fn on_brokers(&mut self, life: Life, found: Result<usize, String>) {
        if let Some(slot) = self.current(life) {
            match found {
                Ok(brokers) => slot.facts.brokers = Some(brokers),
                Err(reason) => slot.facts.probe = Some(reason),
            }
        }
    }

    pub(super) fn on_health(&mut self, life: Life, found: Result<(), String>) {
        if let Some(slot) = self.current(life) {
            match found {
                Ok(()) => slot.facts.healthy = true,
                Err(reason) => slot.facts.probe = Some(reason),
            }
        }
    }

    pub(super) fn on_chatter(&mut self, life: Life) {
        if self.current(life).is_some() {
            let text = format!("{} printed a line on stdout that is no report", life.node);
            self.tell(ClusterEvent::Notice { text });
        }
    }

    pub(super) fn on_paused(&mut self, life: Life) {
        let node = life.node;
        if let Some(slot) = self.current(life)
            && slot.can_answer()
        {
            slot.state = slot.state.paused();
            self.tell(ClusterEvent::NodePaused { node });
        }
    }

    pub(super) fn on_order_failed(&mut self, life: Life, reason: &str) {
        let text = format!("{}: {reason}", life.node);
        self.tell(ClusterEvent::Notice { text });
    }

    pub(super) fn on_exit(&mut self, life: Life, exit: Exit) {
        let Some(slot) = self.current(life) else {
            return;
        };
        slot.bury();
        slot.state = slot.state.exited(exit);
        let unasked = matches!(
            slot.state,
            NodeState::Exited {
                cause: ExitCause::Unasked,
                ..
            }
        );
        let node = life.node;
        self.tell(ClusterEvent::NodeExited {
            node,
            exit,
            unasked,
        });
        if self.stopping.is_some() {
            self.tell_who_runs();
        } else if unasked && self.forming.is_some() {
            self.fail_by_death(node, exit);
        }
    }

    /// Forwards every change of the relays' faults as an event.
    pub(super) fn watch_faults(&mut self) {
        let Some(relays) = &self.relays else { return };
        let mut faults = relays.watch();
        let events = self.events.clone();
        self.tasks.spawn(async move {
            while faults.changed().await.is_ok() {
                if events.send(Event::FaultsChanged).await.is_err() {
                    return;
                }
            }
        });
    }
}
