//! The child process: one broker with its Raft groups, its storage and its HTTP face.
//!
//! Entered only through [`run`], by `chronik-dev node --spec FILE`. It talks to its parent with
//! lines on stdout ([`crate::spec::NodeReport`]), to the world with Kafka's protocol and HTTP,
//! and to its peers over the link. It never spawns a process and never reads the environment.

mod broker;
mod bugs;
mod cluster;
mod groups;
mod http;
mod identity;
mod life;
mod link;
mod metadata;
mod partition;
mod raft;
mod report;
mod search;
mod start;
mod storage;

use std::path::Path;

use tracing_appender::non_blocking::WorkerGuard;

use crate::spec::{NodeExit, NodeReport, NodeSpec};

use self::report::report;

/// More threads than this only pass one node's work around.
const MOST_WORKERS: usize = 4;

/// Runs one node until it is told to leave, and says how it ended. Must be called on the main
/// thread, before any other: the first act binds this process to its parent's life.
pub fn run(spec: &NodeSpec) -> NodeExit {
    if let Err(error) = life::bind_to_parent(spec.parent_pid) {
        return fatal(&start::Failure::precondition(error));
    }
    let _log = start_logging();
    let runtime = match runtime(spec) {
        Ok(runtime) => runtime,
        Err(error) => return fatal(&start::Failure::precondition(error.to_string())),
    };
    let ended = runtime.block_on(start::live(spec.clone()));
    // The thread that waits for stdin never returns while the parent lives.
    runtime.shutdown_background();
    match ended {
        Ok(()) => NodeExit::Left,
        Err(failure) => fatal(&failure),
    }
}

/// The node's share of the cores. Where that is less than two it runs on one thread: on two cores
/// three nodes with two threads each spend a fifth of an ack's time on waking each other.
fn runtime(spec: &NodeSpec) -> std::io::Result<tokio::runtime::Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let nodes = spec.peers.len() + 1;
    let mut builder = match cores / nodes {
        0 | 1 => tokio::runtime::Builder::new_current_thread(),
        share => {
            let mut threads = tokio::runtime::Builder::new_multi_thread();
            threads.worker_threads(share.min(MOST_WORKERS));
            threads
        }
    };
    builder.enable_all().build()
}

/// Takes from a dead node's data directory what a loss of power may take: unsynced bytes, whole or
/// in torn sectors, and unsynced names. The same `seed` gives the same loss.
///
/// Only a directory with a file named `ledger`, put there before the node started, has a record of
/// what was synced; any other is left as it is. An error is one of reading or writing those files.
pub fn power_cut(data_dir: &Path, seed: u64) -> std::io::Result<()> {
    storage::power_cut(data_dir, seed)
}

fn fatal(failure: &start::Failure) -> NodeExit {
    tracing::error!(error = failure.what, "the node cannot go on");
    report(&NodeReport::Fatal {
        error: failure.what.clone(),
        hint: failure.hint.clone(),
    });
    failure.exit
}

/// Logs to stderr, which the parent points at the node's log file, from a thread of its own: a
/// disk that is slow to take a line must not keep the node from answering pings. What is logged
/// before the guard is dropped is written.
fn start_logging() -> WorkerGuard {
    let (writer, guard) = tracing_appender::non_blocking(std::io::stderr());
    let filter = tracing_subscriber::EnvFilter::new("info,openraft=error");
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_target(false)
        .with_writer(writer);
    // A second node in one process (tests) keeps the first one's log.
    drop(log.try_init());
    guard
}
