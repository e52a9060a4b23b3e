//! The end of a cluster: everybody is asked at once, waited for, then killed.

use tokio::time::Instant;

use super::{Ended, Supervisor};
use crate::spec::NodeId;
use crate::spec::defaults::STOP_GRACE;
use crate::supervisor::event::ClusterEvent;
use crate::supervisor::node_task::Order;
use crate::supervisor::trouble::{Trouble, TroubleCode};

/// Why everything is being stopped.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cause {
    /// `down`.
    Command,
    /// Ctrl-C.
    Interrupt,
    /// The launching process went away.
    Launcher,
    /// The start failed.
    Failure(Trouble),
}

/// A cluster that is being stopped.
#[derive(Debug)]
pub(super) struct Stopping {
    cause: Cause,
    /// Whether the cluster had been ready.
    was_ready: bool,
    /// Whether a second Ctrl-C has cut it short.
    cut_short: bool,
}

impl Supervisor {
    /// Closes every lifeline at once; nodes flush and leave without handing over.
    pub(super) fn stop_all(&mut self, cause: Cause) {
        if self.stopping.is_some() {
            return;
        }
        let was_ready = self.record.took.is_some();
        self.forming = None;
        self.stopping = Some(Stopping {
            cause,
            was_ready,
            cut_short: false,
        });
        let kill_at = Instant::now() + STOP_GRACE;
        for slot in self.slots.iter_mut().filter(|slot| slot.runs()) {
            slot.broken = None;
            slot.ask_to_leave(Order::Leave, kill_at);
        }
        self.tell_who_runs();
    }

    /// The first Ctrl-C stops gracefully, the second kills at once.
    pub(super) fn on_interrupt(&mut self) {
        let Some(stopping) = &mut self.stopping else {
            return self.stop_all(Cause::Interrupt);
        };
        stopping.cut_short = true;
        for slot in self.slots.iter_mut().filter(|slot| slot.runs()) {
            slot.kill();
        }
    }

    pub(super) fn tell_who_runs(&self) {
        self.tell(ClusterEvent::Stopping {
            running: self.running(),
        });
    }

    fn running(&self) -> Vec<NodeId> {
        let running = self.slots.iter().filter(|slot| slot.runs());
        running.map(|slot| slot.id).collect()
    }

    /// How it ended, once everything is stopped and nobody runs.
    pub(super) fn ended(&self) -> Option<Ended> {
        let stopping = self.stopping.as_ref()?;
        if !self.running().is_empty() {
            return None;
        }
        Some(match &stopping.cause {
            _ if stopping.was_ready && stopping.cut_short => Ended::Killed,
            Cause::Command | Cause::Launcher if stopping.was_ready => Ended::Asked,
            Cause::Interrupt if stopping.was_ready => Ended::Interrupted,
            Cause::Failure(trouble) => Ended::Failed(trouble.clone()),
            Cause::Command | Cause::Launcher | Cause::Interrupt => {
                let message = "stopped before the cluster was ready";
                Ended::Failed(Trouble::new(TroubleCode::Interrupted, message))
            }
        })
    }

    /// The next moment at which something is due.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let kills = self.slots.iter().filter_map(|slot| slot.kill_at);
        let undone = self
            .slots
            .iter()
            .filter_map(|slot| slot.broken.as_ref()?.until);
        let undone = undone.map(|(at, _)| at);
        let formed = self.forming.as_ref().map(|forming| forming.deadline);
        kills.chain(undone).chain(formed).min()
    }

    /// Does what is due.
    pub(super) fn on_deadline(&mut self) {
        let now = Instant::now();
        for slot in &mut self.slots {
            if slot.kill_at.is_some_and(|at| at <= now) && slot.runs() {
                slot.kill();
            }
        }
        self.undo_what_is_due(now);
        if self
            .forming
            .as_ref()
            .is_some_and(|forming| forming.deadline <= now)
        {
            self.fail_by_deadline();
        }
    }
}
