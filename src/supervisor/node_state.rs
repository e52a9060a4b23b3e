//! The states of a node process and the lawful ways between them.
//!
//! ```text
//! Idle ──▶ Starting ──▶ Ready ──▶ Stopping ──▶ Exited ──▶ Starting (another life)
//!             │  ▲        │ ▲        ▲
//!             ▼  │        ▼ │        │           any state with a process ──▶ Exited
//!            Paused ◀───▶ Paused ────┘
//! ```

use super::exit::Exit;

/// What a node process is doing; each state carries what exists in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NodeState {
    /// Never started.
    Idle,
    /// Runs, and was not ready yet.
    Starting {
        /// Its process.
        pid: u32,
    },
    /// Has been ready.
    Ready {
        /// Its process.
        pid: u32,
    },
    /// Stopped by SIGSTOP.
    Paused {
        /// Its process.
        pid: u32,
        /// What it goes back to.
        before: BeforePause,
    },
    /// Was asked to leave, or killed, and is not reaped yet.
    Stopping {
        /// Its process.
        pid: u32,
    },
    /// Reaped.
    Exited {
        /// How it ended.
        exit: Exit,
        /// Whether we had asked for it.
        cause: ExitCause,
    },
}

/// What a paused node was doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BeforePause {
    /// Starting.
    Starting,
    /// Ready.
    Ready,
}

/// Whose wish an exit was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExitCause {
    /// The supervisor's.
    Asked,
    /// Nobody's.
    Unasked,
}

impl NodeState {
    /// The process, when there is one.
    pub(super) fn pid(self) -> Option<u32> {
        match self {
            Self::Starting { pid }
            | Self::Ready { pid }
            | Self::Paused { pid, .. }
            | Self::Stopping { pid } => Some(pid),
            Self::Idle | Self::Exited { .. } => None,
        }
    }

    /// The word that stands in `status`.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Starting { .. } => "starting",
            Self::Ready { .. } => "ready",
            Self::Paused { .. } => "paused",
            Self::Stopping { .. } => "stopping",
            Self::Exited { .. } => "exited",
        }
    }

    /// A new process.
    pub(super) fn started(self, pid: u32) -> Self {
        assert!(self.pid().is_none(), "one process at a time: {self:?}");
        Self::Starting { pid }
    }

    /// The node says that it is ready; late words of a paused or leaving one change nothing.
    pub(super) fn ready(self) -> Self {
        match self {
            Self::Starting { pid } => Self::Ready { pid },
            other => other,
        }
    }

    /// SIGSTOP was sent.
    pub(super) fn paused(self) -> Self {
        match self {
            Self::Starting { pid } => Self::Paused {
                pid,
                before: BeforePause::Starting,
            },
            Self::Ready { pid } => Self::Paused {
                pid,
                before: BeforePause::Ready,
            },
            other => panic!("only a running node is paused, not {other:?}"),
        }
    }

    /// SIGCONT was sent.
    pub(super) fn resumed(self) -> Self {
        match self {
            Self::Paused { pid, before } => match before {
                BeforePause::Starting => Self::Starting { pid },
                BeforePause::Ready => Self::Ready { pid },
            },
            other => panic!("only a paused node is resumed, not {other:?}"),
        }
    }

    /// It was asked to leave, or killed.
    pub(super) fn stopping(self) -> Self {
        let pid = self.pid().expect("only a process can be stopped");
        Self::Stopping { pid }
    }

    /// It was reaped.
    pub(super) fn exited(self, exit: Exit) -> Self {
        assert!(self.pid().is_some(), "only a process can exit: {self:?}");
        let cause = match self {
            Self::Stopping { .. } => ExitCause::Asked,
            _ => ExitCause::Unasked,
        };
        Self::Exited { exit, cause }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_ends_where_it_began() {
        let ready = NodeState::Idle.started(7).ready();
        assert_eq!(ready.paused().resumed(), ready);
        let starting = NodeState::Idle.started(7);
        assert_eq!(starting.paused().resumed(), starting);
    }

    #[test]
    fn an_exit_remembers_whose_wish_it_was() {
        let running = NodeState::Idle.started(7).ready();
        let cause = |state| match state {
            NodeState::Exited { cause, .. } => cause,
            other => panic!("{other:?}"),
        };
        let asked = running.stopping().exited(Exit::Code(0));
        assert_eq!(cause(asked), ExitCause::Asked);
        let unasked = running.exited(Exit::Signal(9));
        assert_eq!(cause(unasked), ExitCause::Unasked);
        assert_eq!(unasked.started(8).pid(), Some(8));
    }

    #[test]
    #[should_panic(expected = "one process at a time")]
    fn a_running_node_is_not_started_again() {
        let _ = NodeState::Idle.started(7).started(8);
    }
}
