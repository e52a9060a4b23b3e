//! The supervisor's one loop: every change of a cluster is an [`Event`], handled in turn.
//!
//! It runs as the root future of the runtime, on the main thread, because nodes die with the
//! thread that spawned them. It never waits for a single node: processes, probes, signals and
//! commands are tasks that send events, and what others wait for is in the `watch` that it
//! publishes after each batch of events.

mod commands;
mod formation;
mod nodes;
mod stopping;
mod view;

use std::sync::Arc;

use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::directory::ClaimedDir;
use super::event::ClusterEvent;
use super::exit::Exit;
use super::node_task::Life;
use super::prepare::Prepared;
use super::relay::Relays;
use super::request::LaunchRequest;
use super::slot::Slot;
use super::spawn::Spawner;
use super::status::ClusterStatus;
use super::trouble::Trouble;
use crate::ports::PortLease;
use crate::spec::{ClusterSpec, NodeReport};

pub(super) use commands::{Command, Deed, Fate};
use formation::Forming;
use stopping::Stopping;

/// Events that can wait for the actor.
pub(super) const MAX_EVENTS: usize = 1024;
/// Events that a slow listener may lag behind before it misses some.
pub(super) const MAX_NEWS: usize = 4096;

/// Everything that can happen to a supervisor.
#[derive(Debug)]
pub(super) enum Event {
    /// A node said something.
    Report { life: Life, report: NodeReport },
    /// A node printed something that is no report.
    Chatter { life: Life },
    /// A node was reaped.
    Exited { life: Life, exit: Exit },
    /// The system has stopped a node as asked.
    Paused { life: Life },
    /// A signal could not be sent.
    OrderFailed { life: Life, reason: String },
    /// A node's Metadata was asked.
    Brokers {
        life: Life,
        found: Result<usize, String>,
    },
    /// A node's health was asked.
    Health {
        life: Life,
        found: Result<(), String>,
    },
    /// Somebody wants something done.
    Command {
        command: Command,
        answer: oneshot::Sender<Result<(), Trouble>>,
    },
    /// The faults of the network are others than before.
    FaultsChanged,
    /// Ctrl-C or a like signal.
    Interrupt,
    /// The process that launched us went away before it let go of us.
    LauncherGone,
}

/// How a supervisor ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ended {
    /// `down`, or the launching process let go of its lifeline.
    Asked,
    /// The cluster was ready, then Ctrl-C stopped every node.
    Interrupted,
    /// The cluster was ready, and a second Ctrl-C killed what still ran.
    Killed,
    /// It did not get ready; all is stopped.
    Failed(Trouble),
}

/// A running cluster.
pub(super) struct Supervisor {
    spec: ClusterSpec,
    claimed: ClaimedDir,
    lease: PortLease,
    relays: Option<Relays>,
    spawner: Spawner,
    slots: Vec<Slot>,
    forming: Option<Forming>,
    stopping: Option<Stopping>,
    /// What `phases` and `took_ms` of the status say.
    record: formation::Record,
    leader: Option<(crate::spec::NodeId, u64)>,
    tasks: JoinSet<()>,
    events: mpsc::Sender<Event>,
    inbox: mpsc::Receiver<Event>,
    news: broadcast::Sender<ClusterEvent>,
    view: watch::Sender<Arc<ClusterStatus>>,
}

/// What is left of a cluster that has stopped: its ports and its directory, still ours.
pub(super) struct Remains {
    pub(super) claimed: ClaimedDir,
    pub(super) ephemeral: bool,
    _lease: PortLease,
}

/// The ends of the channels by which others meet the actor.
pub(super) struct Wiring {
    pub(super) events: mpsc::Sender<Event>,
    pub(super) inbox: mpsc::Receiver<Event>,
    pub(super) news: broadcast::Sender<ClusterEvent>,
    pub(super) view: watch::Sender<Arc<ClusterStatus>>,
}

impl Supervisor {
    /// A supervisor of a prepared cluster; nothing runs yet.
    pub(super) fn new(
        prepared: Prepared,
        relays: Option<Relays>,
        spawner: Spawner,
        (request, began): (&LaunchRequest, Instant),
        wiring: Wiring,
    ) -> Self {
        let spec = prepared.spec;
        let dir = prepared.claimed.dir();
        let slots = spec
            .node_ids()
            .map(|id| Slot::new(id, spec.ports.of(id), dir))
            .collect();
        let forming = Forming::new(request, spec.nodes(), prepared.formation, began);
        Self {
            slots,
            forming: Some(forming),
            stopping: None,
            record: formation::Record::new(began),
            leader: None,
            tasks: JoinSet::new(),
            claimed: prepared.claimed,
            lease: prepared.lease,
            spec,
            relays,
            spawner,
            events: wiring.events,
            inbox: wiring.inbox,
            news: wiring.news,
            view: wiring.view,
        }
    }

    /// Starts every node and runs until all of them are gone.
    pub(super) async fn run(mut self) -> (Ended, Remains) {
        self.watch_faults();
        self.pass(super::event::PhaseName::Prepared);
        self.start_all();
        loop {
            self.climb();
            self.publish();
            if let Some(ended) = self.ended() {
                let remains = Remains {
                    claimed: self.claimed,
                    ephemeral: self.spec.ephemeral,
                    _lease: self.lease,
                };
                return (ended, remains);
            }
            let deadline = self.next_deadline();
            tokio::select! {
                Some(event) = self.inbox.recv() => self.handle(event),
                () = until(deadline) => self.on_deadline(),
            }
            // Whatever else has arrived belongs to the same picture.
            while let Ok(event) = self.inbox.try_recv() {
                self.handle(event);
            }
            while self.tasks.try_join_next().is_some() {}
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Report { life, report } => self.on_report(life, report),
            Event::Chatter { life } => self.on_chatter(life),
            Event::Exited { life, exit } => self.on_exit(life, exit),
            Event::Paused { life } => self.on_paused(life),
            Event::OrderFailed { life, reason } => self.on_order_failed(life, &reason),
            Event::Brokers { life, found } => self.on_brokers(life, found),
            Event::Health { life, found } => self.on_health(life, found),
            Event::Command { command, answer } => {
                let done = self.command(command);
                // Whoever asked looks at the picture next: it must show what was done.
                self.publish();
                // Whoever asked may have gone; the deed is done all the same.
                drop(answer.send(done));
            }
            Event::FaultsChanged => self.on_faults_changed(),
            Event::Interrupt => self.on_interrupt(),
            Event::LauncherGone => self.stop_all(stopping::Cause::Launcher),
        }
    }

    /// Tells whoever listens.
    fn tell(&self, event: ClusterEvent) {
        // Nobody listening is no failure.
        drop(self.news.send(event));
    }

    /// The slot of a life that is still the current one.
    fn current(&mut self, life: Life) -> Option<&mut Slot> {
        let slot = self.slots.get_mut(life.node.position())?;
        (slot.life() == life).then_some(slot)
    }
}

/// Sleeps until a deadline, or for ever when there is none.
async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
