//! `down`: stops a cluster or all of them, and removes their data when asked.

use serde_json::json;

use super::cluster::{ClusterArgs, places};
use super::context::Context;
use super::outcome::{CommandResult, Failure, Outcome};
use crate::supervisor::{self, ClusterHandle, ClusterName, TroubleCode, locate};

/// What `down` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  chronik-dev down --wipe",
    after_long_help = "\
Exit codes:
  0  it is stopped
  6  no such cluster, or not running (with --wipe a stopped one is removed: 0)
  8  its directory is locked and its supervisor does not answer

Example:
  chronik-dev down --all"
)]
pub(super) struct Args {
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Stop every running cluster of this user
    #[arg(long)]
    all: bool,
    /// Remove all data, too
    #[arg(long)]
    wipe: bool,
}

/// Runs `down`.
pub(super) fn run(context: &Context, args: &Args) -> CommandResult {
    context.block_on(async {
        let names = names(args)?;
        let mut stopped = Vec::new();
        for name in &names {
            match down(context, args, name).await {
                Ok(()) => stopped.push(name),
                // With --all, what is not running is as asked.
                Err(failure) if args.all && failure.code == "NOT_RUNNING" => {}
                Err(failure) => return Err(failure),
            }
        }
        let data = json!({ "clusters": stopped, "wiped": args.wipe });
        Ok(Outcome::new(data))
    })
}

fn names(args: &Args) -> Result<Vec<ClusterName>, Failure> {
    if !args.all {
        return Ok(vec![args.cluster.cluster.clone()]);
    }
    let entries = supervisor::list(&places());
    let entries = entries.map_err(|error| {
        Failure::from(supervisor::Trouble::of(TroubleCode::Precondition, &error))
    })?;
    Ok(entries.into_iter().map(|entry| entry.name).collect())
}

async fn down(context: &Context, args: &Args, name: &ClusterName) -> Result<(), Failure> {
    let ephemeral = locate(&places(), name).is_ok_and(|spec| spec.ephemeral);
    let stopped = match ClusterHandle::connect(&places(), name).await {
        Ok(handle) => handle.down().await,
        Err(trouble) => Err(trouble),
    };
    match stopped {
        Err(trouble) if args.wipe && is_gone(trouble.code) => {}
        Err(trouble) => return Err(trouble.into()),
        Ok(()) => context.say(format!("cluster {name} is stopped")),
    }
    if args.wipe {
        match supervisor::wipe(&places(), name) {
            // It went with its supervisor.
            Err(trouble) if ephemeral && trouble.code == TroubleCode::NoCluster => {}
            wiped => wiped?,
        }
        context.say(format!("cluster {name} is removed"));
    }
    Ok(())
}

/// Nobody is there to be stopped; something may be there to be removed.
fn is_gone(code: TroubleCode) -> bool {
    matches!(code, TroubleCode::NotRunning | TroubleCode::NoCluster)
}
