//! What others may ask of the actor: done at once, waited for elsewhere.

use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::time::Instant;

use super::Supervisor;
use super::stopping::Cause;
use crate::spec::NodeId;
use crate::spec::defaults::STOP_GRACE;
use crate::supervisor::event::ClusterEvent;
use crate::supervisor::node_state::NodeState;
use crate::supervisor::node_task::Order;
use crate::supervisor::relay::{Fault, FaultError};
use crate::supervisor::slot::{Broken, Undo, ends_a_process};
use crate::supervisor::trouble::{Trouble, TroubleCode, command};

/// What is to happen to a node's process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::supervisor) enum Fate {
    /// SIGKILL, unless another signal is named.
    Kill(Signal),
    /// SIGTERM: it hands over and leaves, or is killed after the grace.
    Stop,
    /// SIGSTOP.
    Pause,
    /// SIGCONT.
    Resume,
    /// It gets a process.
    Start,
}

/// What is to happen to which nodes, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::supervisor) struct Deed {
    pub(in crate::supervisor) fate: Fate,
    pub(in crate::supervisor) nodes: Vec<NodeId>,
    /// After this long it is undone.
    pub(in crate::supervisor) lasting: Option<Duration>,
}

/// What others may ask of the actor.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::supervisor) enum Command {
    /// Do something to processes.
    Do(Deed),
    /// Break links.
    Break(Fault, Option<Duration>),
    /// Heal all links.
    Heal,
    /// Stop everything.
    Down,
}

impl Supervisor {
    pub(super) fn command(&mut self, command: Command) -> Result<(), Trouble> {
        if self.stopping.is_some() && command != Command::Down {
            let message = "the cluster is being stopped";
            return Err(Trouble::new(TroubleCode::NotRunning, message));
        }
        match command {
            Command::Do(deed) => deed
                .nodes
                .iter()
                .try_for_each(|node| self.doom(*node, &deed)),
            Command::Break(fault, lasting) => self.break_links(fault, lasting),
            Command::Heal => {
                if let Some(relays) = &mut self.relays {
                    relays.heal_all();
                }
                Ok(())
            }
            Command::Down => {
                self.stop_all(Cause::Command);
                Ok(())
            }
        }
    }

    /// Does something to one node; what is so already is left as it is.
    fn doom(&mut self, node: NodeId, deed: &Deed) -> Result<(), Trouble> {
        let slot = &mut self.slots[node.position()];
        let until = |undo| deed.lasting.map(|lasting| (Instant::now() + lasting, undo));
        match deed.fate {
            Fate::Kill(signal) if slot.runs() => {
                if signal == Signal::SIGKILL {
                    slot.kill();
                    slot.broken = Some(broken("kill", node, until(Undo::Start)));
                } else {
                    slot.signal(signal);
                    if ends_a_process(signal) {
                        slot.broken = Some(broken("kill", node, until(Undo::Start)));
                    }
                }
            }
            Fate::Stop if slot.runs() => {
                slot.ask_to_leave(Order::Signal(Signal::SIGTERM), Instant::now() + STOP_GRACE);
                slot.broken = Some(broken("stop", node, until(Undo::Start)));
                self.tell(ClusterEvent::NodeStopping { node });
            }
            Fate::Pause if slot.can_answer() => {
                slot.order(Order::Pause);
                slot.broken = Some(broken("pause", node, until(Undo::Resume)));
            }
            Fate::Resume => self.resume(node),
            Fate::Start if !slot.runs() => {
                return self
                    .start(node)
                    .map_err(|error| Trouble::of(TroubleCode::Precondition, &error));
            }
            Fate::Kill(_) | Fate::Stop | Fate::Pause | Fate::Start => {}
        }
        Ok(())
    }

    fn resume(&mut self, node: NodeId) {
        let slot = &mut self.slots[node.position()];
        if matches!(slot.state, NodeState::Paused { .. }) {
            slot.order(Order::Signal(Signal::SIGCONT));
            slot.state = slot.state.resumed();
            slot.broken = None;
            self.tell(ClusterEvent::NodeResumed { node });
        }
    }

    /// Ends the timed faults of processes whose time has come.
    pub(super) fn undo_what_is_due(&mut self, now: Instant) {
        let due = self.slots.iter().filter_map(|slot| {
            let (at, undo) = slot.broken.as_ref()?.until?;
            (at <= now).then_some((slot.id, undo))
        });
        for (node, undo) in due.collect::<Vec<_>>() {
            self.undo(node, undo);
        }
    }

    fn undo(&mut self, node: NodeId, undo: Undo) {
        let slot = &mut self.slots[node.position()];
        match undo {
            Undo::Resume => self.resume(node),
            // It has not even gone yet: kill it, and look again when it is reaped.
            Undo::Start if slot.runs() => {
                if slot.kill_at.is_none_or(|at| at > Instant::now()) {
                    slot.kill();
                }
                slot.broken = Some(broken("kill", node, Some((Instant::now() + RETRY, undo))));
            }
            Undo::Start => {
                slot.broken = None;
                if let Err(error) = self.start(node) {
                    let text = format!("{node} was not started again: {error}");
                    self.tell(ClusterEvent::Notice { text });
                }
            }
        }
    }

    fn break_links(&mut self, fault: Fault, lasting: Option<Duration>) -> Result<(), Trouble> {
        let cluster = &self.spec.name;
        let refused = |error: FaultError| {
            let code = match error {
                FaultError::NoRelays | FaultError::TooMany(_) => TroubleCode::Precondition,
                _ => TroubleCode::Usage,
            };
            let hint = match error {
                FaultError::NoRelays => String::from("start the cluster again without --direct"),
                FaultError::TooMany(_) => {
                    format!("{} ends all of them", command(cluster, "net heal"))
                }
                _ => format!(
                    "chronik-dev net --help shows examples, and {} the nodes",
                    command(cluster, "status")
                ),
            };
            Trouble::of(code, &error).hint(hint)
        };
        let relays = self
            .relays
            .as_mut()
            .ok_or(FaultError::NoRelays)
            .map_err(refused)?;
        let applied = match lasting {
            Some(lasting) => relays.apply_for(fault, lasting),
            None => relays.apply(fault),
        };
        applied.map(drop).map_err(refused)
    }
}

/// A process that outlives its own fault's time is looked at again after this.
const RETRY: Duration = Duration::from_millis(50);

fn broken(verb: &str, node: NodeId, until: Option<(Instant, Undo)>) -> Broken {
    Broken {
        what: format!("{verb} {node}"),
        until,
    }
}
