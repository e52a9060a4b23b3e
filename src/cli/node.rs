//! `node --spec FILE`: one node in the foreground. The only door to the room `node`.

use std::path::PathBuf;

use super::context::Context;
use super::outcome::{CommandResult, Exit, Failure, Outcome};
use crate::node;
use crate::spec::{NodeExit, NodeSpec, unseal};

/// What `node` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  chronik-dev node --spec ~/.local/share/chronik-dev/clusters/dev/node-1/node.json",
    after_long_help = "\
The supervisor spawns this. By hand, under a debugger say: chronik-dev stop 2, then this with
--by-hand and node 2's spec. Its log goes to stderr, and Ctrl-C ends it.

Exit codes:
  0   it left as asked
  2   the spec file is wrong
  5   a port, the data directory or another precondition
  9   the disk failed or data is damaged
  70  a bug of chronik-dev

Example:
  chronik-dev node --spec ~/.local/share/chronik-dev/clusters/dev/node-1/node.json"
)]
pub(super) struct Args {
    /// The sealed spec file
    #[arg(long, value_name = "FILE")]
    spec: PathBuf,
    /// Live without a supervisor, whatever becomes of the one that wrote the spec
    #[arg(long)]
    by_hand: bool,
}

/// Runs the node on this thread, which is the main one.
pub(super) fn run(_: &Context, args: &Args) -> CommandResult {
    let path = args.spec.display();
    let text = std::fs::read_to_string(&args.spec)
        .map_err(|source| wrong_spec(format!("cannot read {path}: {source}")))?;
    let mut spec: NodeSpec =
        unseal(&text).map_err(|error| wrong_spec(format!("{path}: {error}")))?;
    if args.by_hand {
        spec.parent_pid = None;
    }
    let exit = node::run(&spec);
    let outcome = Outcome::printed();
    Ok(match exit {
        NodeExit::Left => outcome,
        other => outcome.with_exit(Exit::Child(other.code())),
    })
}

fn wrong_spec(message: String) -> Failure {
    Failure::usage(message)
        .hint("chronik-dev up writes a spec for each node, node-N/node.json in its directory")
        .hint("chronik-dev ls shows the directories")
}
