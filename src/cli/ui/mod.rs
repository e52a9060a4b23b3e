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
use super::outcome::{CommandResult, Exit, Failure, Outcome};
use super::render::Style;
use super::up;
use crate::supervisor::{Launched, Pace, Trouble, TroubleCode};

use shell::{Held, Left, Show, Signals};
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
        Left::Watching(held) => let_go(context, cluster, held).await,
        Left::Stop(held) => stop(context, cluster, held).await,
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

/// As `up -d`: the line on stdout is that of a cluster that is ready.
async fn let_go(context: &Context, cluster: &ClusterArgs, held: Option<Held>) -> CommandResult {
    let Some(Held { launched, ready }) = held else {
        return Ok(Outcome::printed());
    };
    let let_go = launched.detach().await;
    let_go.map_err(|source| Failure::system("cannot let go of the cluster", &source))?;
    let (name, down) = (&cluster.cluster, cluster.command("down"));
    context.say(format!("cluster {name} runs on; {down} stops it"));
    let Some(status) = ready else {
        let up = cluster.command("up -d");
        context.say(format!("it is not ready yet; {up} waits for it"));
        return Ok(Outcome::printed());
    };
    Ok(up::reached(&status))
}

/// As `up`: the first Ctrl-C was the dashboard's, a second one kills at once.
async fn stop(context: &Context, cluster: &ClusterArgs, held: Option<Held>) -> CommandResult {
    let Some(Held { launched, ready }) = held else {
        return Ok(Outcome::printed());
    };
    let failed = |source| Failure::system("cannot listen for signals", &source);
    let mut signals = Signals::listen().map_err(failed)?;
    context.say(format!(
        "stopping cluster {}; Ctrl-C kills its nodes at once",
        cluster.cluster
    ));
    let pace = launched.stop_or_kill(async || signals.next().await).await?;
    context.say("all nodes stopped");
    match (ready, pace) {
        (Some(_), Pace::Graceful) => Ok(Outcome::printed()),
        (Some(_), Pace::Hurried) => Ok(Outcome::printed().with_exit(Exit::Interrupted)),
        (None, _) => {
            Err(Trouble::new(TroubleCode::Interrupted, "interrupted before it was ready").into())
        }
    }
}
