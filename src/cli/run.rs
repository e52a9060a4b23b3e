//! `run -- CMD`: an ephemeral cluster for as long as a command runs.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use serde_json::json;

use super::cluster::places;
use super::context::{Context, Format};
use super::outcome::{CommandResult, Exit, Failure, Outcome};
use super::render::progress::describe;
use super::{env, up};
use crate::spec::defaults;
use crate::supervisor::{
    ClusterEvent, ClusterName, LaunchRequest, Launched, UserOutput, locate, sweep, user_command,
};

/// What `run` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  chronik-dev run -- sh -c 'kcat -b $BOOTSTRAP_SERVERS -L'",
    after_long_help = "\
CMD sees BOOTSTRAP_SERVERS, KAFKA_BOOTSTRAP_SERVERS and what else `env` prints.

Exit codes: the command's own, or 128 and its signal; before it runs:
  3    the cluster was not ready in time
  4    a node died while starting
  5    a precondition, or no such command

Example:
  chronik-dev run --nodes 5 -- cargo test"
)]
pub(super) struct Args {
    /// How many nodes
    #[arg(long, default_value_t = defaults::NODES, value_name = "N",
          value_parser = clap::value_parser!(u16).range(1..=i64::from(defaults::MAX_NODES)))]
    nodes: u16,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// Runs `run`.
pub(super) fn run(context: &Context, args: &Args) -> CommandResult {
    // What a killed `run` left behind is in nobody's way: failing to remove it is no failure.
    drop(sweep(&places()));
    context.block_on(within_cluster(context, args))
}

async fn within_cluster(context: &Context, args: &Args) -> CommandResult {
    let name = format!("run-{}-{:04x}", std::process::id(), rand::random::<u16>());
    let name: ClusterName = name.parse().expect("digits and dashes are a name");
    let request = LaunchRequest {
        nodes: Some(args.nodes),
        ..LaunchRequest::ephemeral(name.clone())
    };
    let launched = up::start(&request).await?;
    let (mut launched, status) = up::ready(context, launched).await?;
    let spec = locate(&places(), &name)?;
    let output = match context.format {
        Format::Text => UserOutput::Stdout,
        Format::Json => UserOutput::Stderr,
    };
    let ended = match user_command(&args.command, &env::variables(&spec), output) {
        Ok(mut child) => attend(context, &mut launched, &mut child).await,
        Err(source) => Err(Failure::system(
            format!("cannot run {}", args.command[0].display()),
            &source,
        )),
    };
    launched.stop().await?;
    let exit = ended?;
    let code = exit
        .code()
        .unwrap_or_else(|| 128 + exit.signal().unwrap_or_default());
    let data = json!({
        "exit_code": code,
        "formation_ms": status.took_ms,
        "nodes": args.nodes,
    });
    Ok(Outcome::new(data).with_exit(Exit::Child(u8::try_from(code).unwrap_or(u8::MAX))))
}

/// Waits for the command; says what happens to the cluster meanwhile.
///
/// Ctrl-C goes to the command, which is in our terminal's foreground as we are: we wait for it.
async fn attend(
    context: &Context,
    launched: &mut Launched,
    child: &mut tokio::process::Child,
) -> Result<ExitStatus, Failure> {
    let failed = |source| Failure::system("cannot wait for the command", &source);
    let mut interrupts = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())
        .map_err(|source| Failure::system("cannot listen for signals", &source))?;
    loop {
        tokio::select! {
            ended = child.wait() => return ended.map_err(failed),
            _ = interrupts.recv() => {}
            event = launched.next() => if let Some(event) = event {
                report(context, &event);
            } else {
                context.warn("the cluster's supervisor is gone");
                return child.wait().await.map_err(failed);
            },
        }
    }
}

/// A node that dies under the command is worth a word.
fn report(context: &Context, event: &ClusterEvent) {
    if let ClusterEvent::NodeExited { unasked: true, .. } = event
        && let Some(text) = describe(event, context.stderr)
    {
        context.warn(text);
    }
}
