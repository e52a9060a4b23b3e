//! `ui`: the live dashboard, which `up --ui` shows too.
//!
//! `model` is what is known and chosen, `input` what a key means, `view` what it looks like: all
//! three are pure. `shell` has the terminal, the tasks that look at the cluster and the channel
//! between them. It sees what any command sees: the supervisor's control socket, the nodes' own
//! HTTP, their log files. Nothing is drawn when nothing has changed.

mod input;
mod model;
mod shell;
mod view;
mod wish;

use super::cluster::{ClusterArgs, places};
use super::context::{Context, Format};
use super::outcome::{CommandResult, Failure, Outcome};
use super::render::Style;
use crate::supervisor::{ClusterHandle, Launched, Trouble, TroubleCode};

use shell::{Left, Show};
use view::Theme;

/// What `ui` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  chronik-dev ui",
    after_long_help = "\
Keys stop, kill, pause, restart and isolate the selected node, heal the links and run a scenario;
the last lines show the command line that each stands for. The strip of acks counts the records
that the cluster commits, of whatever client. `q` leaves, and the cluster runs on.

Exit codes:
  0  left; the cluster runs on
  2  no terminal to draw on: `status -w` needs none
  6  no such cluster, or not running

Example:
  chronik-dev ui --cluster orders"
)]
pub(super) struct Args {
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// Runs `ui`.
pub(super) fn run(context: &Context, args: &Args) -> CommandResult {
    need_terminal(context, &args.cluster)?;
    meet(context, &args.cluster)
}

/// Refuses to draw where nobody could see it.
pub(super) fn need_terminal(context: &Context, cluster: &ClusterArgs) -> Result<(), Failure> {
    if context.stdout.live() && context.format == Format::Text {
        return Ok(());
    }
    let message = "the dashboard needs a terminal that understands control codes";
    Err(Failure::usage(message).hint(cluster.command("status -w")))
}

/// Shows a cluster that runs already, and leaves it running.
pub(super) fn meet(context: &Context, cluster: &ClusterArgs) -> CommandResult {
    context.block_on(async {
        // Where there is nothing to look at, the usual error on the usual screen.
        cluster.connect().await?;
        match shell::run(show(context, cluster), None).await? {
            Left::Watching(_) | Left::Stop(_) | Left::Over(_) => Ok(Outcome::printed()),
        }
    })
}

/// Shows a cluster that is being started for the dashboard, and does with it what is chosen then.
pub(super) async fn hold(
    context: &Context,
    cluster: &ClusterArgs,
    launched: Launched,
) -> CommandResult {
    match shell::run(show(context, cluster), Some(launched)).await? {
        Left::Watching(launched) => let_go(context, cluster, launched).await,
        Left::Stop(launched) => stop(context, cluster, launched).await,
        Left::Over(None) => Ok(Outcome::printed()),
        Left::Over(Some(trouble)) => Err((*trouble).into()),
    }
}

fn show(context: &Context, cluster: &ClusterArgs) -> Show {
    Show {
        name: cluster.cluster.clone(),
        places: places(),
        theme: theme(context.stdout),
    }
}

fn theme(style: Style) -> Theme {
    if style.is_colored() {
        Theme::Colored
    } else {
        Theme::Plain
    }
}

async fn let_go(
    context: &Context,
    cluster: &ClusterArgs,
    launched: Option<Launched>,
) -> CommandResult {
    if let Some(launched) = launched {
        let let_go = launched.detach().await;
        let_go.map_err(|source| Failure::system("cannot let go of the cluster", &source))?;
        let down = cluster.command("down");
        context.say(format!(
            "cluster {} runs on; {down} stops it",
            cluster.cluster
        ));
    }
    Ok(Outcome::printed())
}

/// As the first Ctrl-C of `up`; a second one does not wait for the end, which comes all the same.
async fn stop(
    context: &Context,
    cluster: &ClusterArgs,
    launched: Option<Launched>,
) -> CommandResult {
    let Some(launched) = launched else {
        return Ok(Outcome::printed());
    };
    let formed = was_ready(cluster).await;
    context.say(format!("stopping cluster {}", cluster.cluster));
    tokio::select! {
        stopped = launched.stop() => stopped?,
        _again = tokio::signal::ctrl_c() => return Err(Failure::interrupted()),
    }
    context.say("all nodes stopped");
    if formed {
        Ok(Outcome::printed())
    } else {
        Err(Trouble::new(TroubleCode::Interrupted, "interrupted before it was ready").into())
    }
}

/// Ctrl-C of a cluster that was never ready counts as an interrupt.
async fn was_ready(cluster: &ClusterArgs) -> bool {
    let Ok(handle) = ClusterHandle::connect(&places(), &cluster.cluster).await else {
        return false;
    };
    let status = handle.status().await;
    status.is_ok_and(|status| status.took_ms.is_some())
}
