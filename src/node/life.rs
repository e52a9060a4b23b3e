//! What ends a node: its parent's death, EOF on stdin, and signals.

use nix::sys::signal::Signal;
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};

/// Binds this process to its parent: on Linux the kernel kills it when the parent dies, a paused
/// one too. `Err` says that the parent is not (any more) the one that the spec names.
pub(in crate::node) fn bind_to_parent(parent: Option<u32>) -> Result<(), String> {
    let Some(parent) = parent else { return Ok(()) };
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)
        .map_err(|error| format!("cannot bind to the parent's life: {error}"))?;
    let now = nix::unistd::getppid().as_raw();
    if u32::try_from(now) == Ok(parent) {
        return Ok(());
    }
    Err(format!(
        "the parent is process {now}, and the spec names {parent}: the launcher is gone"
    ))
}

/// How a node is asked to leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::node) enum Farewell {
    /// SIGTERM: hand over, then leave.
    HandOver,
    /// stdin is at its end: the whole cluster goes down (or the parent died); flush and leave.
    AtOnce,
}

/// Waits for the first farewell.
pub(in crate::node) async fn farewell(has_parent: HasParent) -> std::io::Result<Farewell> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => Ok(Farewell::HandOver),
        _ = interrupt.recv() => Ok(Farewell::HandOver),
        () = end_of_stdin(), if has_parent == HasParent::Yes => Ok(Farewell::AtOnce),
    }
}

/// Waits for a second farewell, which is immediate.
///
/// A lifeline that is at its end stays so: it says nothing for a second time.
pub(in crate::node) async fn insisted(has_parent: HasParent, first: Farewell) {
    let has_parent = match first {
        Farewell::HandOver => has_parent,
        Farewell::AtOnce => HasParent::No,
    };
    // The handlers could be installed once, so they can again.
    drop(farewell(has_parent).await);
}

/// Whether stdin is a lifeline to a parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::node) enum HasParent {
    /// It is.
    Yes,
    /// The node was started by hand.
    No,
}

async fn end_of_stdin() {
    let mut stdin = tokio::io::stdin();
    let mut waste = [0; 256];
    // An error on stdin is its end.
    while stdin.read(&mut waste).await.is_ok_and(|count| count > 0) {}
}
