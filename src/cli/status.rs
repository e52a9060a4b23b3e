//! `status`: a running cluster as its supervisor and its nodes describe it, once or live.

use std::time::{Duration, SystemTime};

use tokio::time::timeout;

use super::cluster::ClusterArgs;
use super::context::{Context, Format};
use super::outcome::{CommandResult, Exit, Failure, Outcome};
use super::render::clock::timestamp;
use super::render::progress::describe;
use super::render::{self, tables};
use crate::supervisor::{ClusterHandle, ClusterStatus, News};

/// A live status is asked anew at each event, and at least this often.
const REFRESH: Duration = Duration::from_secs(1);

/// What `status` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  chronik-dev status -w",
    after_long_help = "\
Exit codes:
  0  it answered; with --exit-code: and all nodes are ready
  3  with --exit-code: a node is not ready
  4  with --exit-code: a node died unasked
  6  no such cluster, or not running
  8  its directory is locked and its supervisor does not answer

Example:
  chronik-dev status --exit-code --json"
)]
pub(super) struct Args {
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Show every change until Ctrl-C; off a terminal a line for each
    #[arg(short, long, conflicts_with = "json")]
    watch: bool,
    /// Tell by the exit code whether all nodes are ready
    #[arg(long)]
    exit_code: bool,
}

/// Runs `status`.
pub(super) fn run(context: &Context, args: &Args) -> CommandResult {
    context.block_on(async {
        let handle = args.cluster.connect().await?;
        if args.watch {
            return watch(context, &handle).await;
        }
        let status = handle.status().await?;
        let outcome = Outcome::new(render::to_json(&status));
        let exit = if args.exit_code {
            exit(&status)
        } else {
            Exit::Ok
        };
        Ok(outcome
            .with_text(tables::status(context, &status))
            .with_exit(exit))
    })
}

fn exit(status: &ClusterStatus) -> Exit {
    if status.nodes.iter().any(|node| node.died) {
        return Exit::NodeDied;
    }
    if status.ready_nodes() < status.nodes.len() {
        return Exit::NotReady;
    }
    Exit::Ok
}

async fn watch(context: &Context, handle: &ClusterHandle) -> CommandResult {
    assert!(
        context.format == Format::Text,
        "clap refuses --watch with --json"
    );
    let mut news = handle.subscribe().await?;
    let interrupt = tokio::signal::ctrl_c();
    tokio::pin!(interrupt);
    loop {
        show(context, &handle.status().await?)?;
        tokio::select! {
            told = changed(context, &mut news) => if told?.is_none() {
                return Ok(Outcome::printed());
            },
            _ = &mut interrupt => return Ok(Outcome::printed()),
        }
    }
}

/// On a terminal each picture takes the place of the one before.
fn show(context: &Context, status: &ClusterStatus) -> Result<(), Failure> {
    let text = tables::status(context, status);
    if context.stdout.live() {
        // Home, then clear to the end: no flicker.
        return context.line(format!("\u{1b}[H\u{1b}[2J{text}"));
    }
    context.line(text)
}

/// Waits until the picture is to be shown again; `None` when there will be no other.
///
/// Off a terminal one picture is enough: each change is a line, until the end.
async fn changed(context: &Context, news: &mut News) -> Result<Option<()>, Failure> {
    if context.stdout.live() {
        return Ok(match timeout(REFRESH, news.next()).await {
            Ok(event) => event.map(drop),
            Err(_elapsed) => Some(()),
        });
    }
    while let Some(event) = news.next().await {
        if let Some(text) = describe(&event, context.stdout) {
            context.line(format!("{} {text}", timestamp(SystemTime::now())))?;
        }
    }
    Ok(None)
}
