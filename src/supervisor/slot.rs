//! A node as the actor keeps it: its state, what is known of it, and what is owed to it.

use nix::sys::signal::Signal;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::directory::ClusterDir;
use super::facts::Facts;
use super::last_words::LastWords;
use super::node_state::{ExitCause, NodeState};
use super::node_task::{Life, Order};
use super::status::NodeView;
use crate::spec::{NodeId, Ports, Role};

/// What ends a timed fault of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Undo {
    /// Start it again.
    Start,
    /// Resume it.
    Resume,
}

/// A process that is broken on purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    /// What was done, in words: `pause node-3`.
    pub(super) what: String,
    /// When it ends by itself, and how.
    pub(super) until: Option<(Instant, Undo)>,
}

/// A node.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) id: NodeId,
    pub(super) ports: Ports,
    pub(super) state: NodeState,
    pub(super) facts: Facts,
    /// Counts its processes.
    pub(super) lives: u32,
    /// The size of its log when the current process was started.
    pub(super) log_from: u64,
    /// When a node that was asked to leave is killed.
    pub(super) kill_at: Option<Instant>,
    pub(super) broken: Option<Broken>,
    /// What it was last said to wait for.
    pub(super) said: Option<String>,
    orders: Option<mpsc::Sender<Order>>,
    probes: Vec<AbortHandle>,
    pub(super) asked_brokers: Asked,
    pub(super) asked_health: Asked,
    data_dir: String,
    log: String,
}

/// Whether a probe was started in this life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// Not yet.
    No,
    /// It runs, or has found what it wanted.
    Yes,
}

impl Slot {
    pub(super) fn new(id: NodeId, ports: Ports, dir: &ClusterDir) -> Self {
        Self {
            id,
            ports,
            state: NodeState::Idle,
            facts: Facts::default(),
            lives: 0,
            log_from: 0,
            kill_at: None,
            broken: None,
            said: None,
            orders: None,
            probes: Vec::new(),
            asked_brokers: Asked::No,
            asked_health: Asked::No,
            data_dir: dir.node_data(id).display().to_string(),
            log: dir.node_log(id).display().to_string(),
        }
    }

    /// Begins a new life; its orders go to `orders`.
    pub(super) fn begin(&mut self, pid: u32, orders: mpsc::Sender<Order>) -> Life {
        self.state = self.state.started(pid);
        self.facts = Facts::default();
        self.lives += 1;
        self.kill_at = None;
        self.broken = None;
        self.said = None;
        self.orders = Some(orders);
        self.asked_brokers = Asked::No;
        self.asked_health = Asked::No;
        self.life()
    }

    /// The current or last life.
    pub(super) fn life(&self) -> Life {
        Life {
            node: self.id,
            number: self.lives,
        }
    }

    /// Ties a probe to this life.
    pub(super) fn owns(&mut self, probe: AbortHandle) {
        self.probes.push(probe);
    }

    /// Ends what belongs to a life that is over.
    pub(super) fn bury(&mut self) {
        self.probes.drain(..).for_each(|probe| probe.abort());
        self.orders = None;
        self.kill_at = None;
        self.facts.ready = false;
        self.facts.healthy = false;
    }

    /// Passes an order to the node's task.
    ///
    /// A full queue means that the task is busy with the order that all others wait for; a
    /// closed one, that the process is gone and its exit is on its way.
    pub(super) fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            let _ = orders.try_send(order);
        }
    }

    /// Whether there is a process.
    pub(super) fn runs(&self) -> bool {
        self.state.pid().is_some()
    }

    /// Whether the node can answer: it runs and is not paused.
    pub(super) fn can_answer(&self) -> bool {
        matches!(
            self.state,
            NodeState::Starting { .. } | NodeState::Ready { .. }
        )
    }

    /// Asks the node to leave and gives it until `kill_at`.
    pub(super) fn ask_to_leave(&mut self, how: Order, kill_at: Instant) {
        if matches!(self.state, NodeState::Paused { .. }) {
            self.order(Order::Signal(Signal::SIGCONT));
        }
        self.state = self.state.stopping();
        self.order(how);
        self.kill_at = Some(kill_at);
    }

    /// Sends a signal of the user's choice; an end by it counts as asked for.
    pub(super) fn signal(&mut self, signal: Signal) {
        if ends_a_process(signal) {
            self.state = self.state.stopping();
        }
        self.order(Order::Signal(signal));
    }

    /// Kills the process.
    pub(super) fn kill(&mut self) {
        self.state = self.state.stopping();
        self.order(Order::Signal(Signal::SIGKILL));
        self.kill_at = None;
    }

    /// The node as `status` shows it.
    pub(super) fn view(&self, leader: Option<NodeId>) -> NodeView {
        let (exit, died) = match self.state {
            NodeState::Exited { exit, cause } => {
                (Some(exit.to_string()), cause == ExitCause::Unasked)
            }
            _ => (None, false),
        };
        let role = leader
            .filter(|_| self.can_answer())
            .map(|leader| match leader {
                leader if leader == self.id => Role::Leader,
                _ => Role::Follower,
            });
        NodeView {
            id: self.id,
            name: self.id.to_string(),
            state: self.state.word().to_owned(),
            pid: self.state.pid(),
            role,
            restarts: self.lives.saturating_sub(1),
            ports: self.ports,
            data_dir: self.data_dir.clone(),
            log: self.log.clone(),
            waiting_for: self.waiting_for(),
            exit,
            died,
            term: self
                .facts
                .leader
                .map(|(_, term)| term)
                .filter(|_| self.runs()),
            applied: self.facts.applied.filter(|_| self.runs()),
            load: None,
            last_words: self.last_words(),
        }
    }

    /// What the current or last process said of its end.
    pub(super) fn last_words(&self) -> LastWords {
        LastWords {
            fatal: self.facts.fatal.clone(),
            log_from: self.log_from,
        }
    }

    fn waiting_for(&self) -> Option<String> {
        if !self.can_answer() || self.facts.ready {
            return None;
        }
        let said = self.said.clone().or_else(|| self.facts.not_ready.clone());
        Some(said.unwrap_or_else(|| String::from("its first report")))
    }
}

/// Whether a signal ends a process that does not handle it and is no debugging aid.
pub(super) fn ends_a_process(signal: Signal) -> bool {
    use Signal::{
        SIGABRT, SIGBUS, SIGFPE, SIGHUP, SIGILL, SIGINT, SIGKILL, SIGQUIT, SIGSEGV, SIGTERM,
    };
    matches!(
        signal,
        SIGABRT
            | SIGBUS
            | SIGFPE
            | SIGHUP
            | SIGILL
            | SIGINT
            | SIGKILL
            | SIGQUIT
            | SIGSEGV
            | SIGTERM
    )
}
