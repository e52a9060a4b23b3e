//! The only file that spawns, signals and reaps.
//!
//! A node gets its own process group, a lifeline pipe on stdin whose EOF means *leave*, a pipe on
//! stdout for its reports, and its log file as stderr. A process is signalled through the handle
//! that will reap it, so a pid that was reused is never hit.
//!
//! The system ends a node with the *thread* that spawned it (`PDEATHSIG`), so [`Spawner::node`]
//! is called from the main thread only; [`assert_main_thread`] is the check.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// Starts processes of one program, our own executable as a rule.
#[derive(Debug, Clone)]
pub struct Spawner {
    program: PathBuf,
}

/// A node process that was spawned and not yet reaped.
#[derive(Debug)]
pub(super) struct NodeProcess {
    child: Child,
    lifeline: Option<ChildStdin>,
    /// The node's report lines.
    pub(super) reports: Option<ChildStdout>,
}

impl Spawner {
    /// Spawns our own executable.
    pub fn own() -> io::Result<Self> {
        std::env::current_exe().map(Self::of)
    }

    /// Spawns another program that keeps the contract of `chronik-dev node`.
    pub fn of(program: PathBuf) -> Self {
        Self { program }
    }

    /// Spawns a node: `PROGRAM node --spec FILE`.
    pub(super) fn node(&self, spec: &Path, log: File) -> io::Result<NodeProcess> {
        let mut child = self
            .command()
            .args([OsStr::new("node"), OsStr::new("--spec"), spec.as_os_str()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        Ok(NodeProcess {
            lifeline: child.stdin.take(),
            reports: child.stdout.take(),
            child,
        })
    }

    /// Spawns a supervisor: `PROGRAM supervise`, with pipes on stdin and stdout.
    ///
    /// In our process group, so that it can call `setsid`.
    pub(super) fn supervisor(&self, log: File) -> io::Result<Child> {
        self.command()
            .arg("supervise")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one file that spawns"
    )]
    fn command(&self) -> Command {
        Command::new(&self.program)
    }
}

/// Where a user's command writes its stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserOutput {
    /// To ours.
    Stdout,
    /// To our stderr: our stdout is taken.
    Stderr,
}

/// Spawns a command of the user, with the terminal it has and some more environment.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one file that spawns"
)]
pub fn user_command(
    words: &[OsString],
    environment: &[(&str, String)],
    output: UserOutput,
) -> io::Result<Child> {
    let (program, arguments) = words
        .split_first()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no command"))?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .envs(environment.iter().map(|(key, value)| (key, value)))
        .kill_on_drop(true);
    if output == UserOutput::Stderr {
        command.stdout(io::stderr());
    }
    command.spawn()
}

impl NodeProcess {
    /// The process id, as long as it is not reaped.
    pub(super) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Sends a signal; nothing happens when the process was reaped.
    pub(super) fn signal(&self, signal: Signal) -> io::Result<()> {
        send(&self.child, signal)
    }

    /// Closes the lifeline: the node flushes and leaves, without handing over.
    pub(super) fn close_lifeline(&mut self) {
        self.lifeline = None;
    }

    /// Waits for its end and reaps it.
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }
}

/// Sends a signal to a child; nothing happens when it was reaped.
pub(super) fn send(child: &Child, signal: Signal) -> io::Result<()> {
    match child.id() {
        Some(pid) => Ok(kill(Pid::from_raw(pid.cast_signed()), signal)?),
        None => Ok(()),
    }
}

/// Asserts that the calling thread is the one whose end is the process's end.
pub(super) fn assert_main_thread() {
    #[cfg(target_os = "linux")]
    assert_eq!(
        nix::unistd::gettid(),
        nix::unistd::getpid(),
        "nodes die with the thread that spawned them: only the main thread may spawn"
    );
}

/// Whether the system has stopped a process (state T).
#[cfg(target_os = "linux")]
pub(super) fn is_stopped(pid: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return false;
    };
    // The state follows the name, which stands in parentheses and may hold anything.
    let state = stat.rsplit_once(')').map(|(_, rest)| rest.trim_start());
    state.is_some_and(|rest| rest.starts_with(['T', 't']))
}

/// Whether the system has stopped a process; taken for granted where `/proc` is missing.
#[cfg(not(target_os = "linux"))]
pub(super) fn is_stopped(_: u32) -> bool {
    true
}
