//! `faults`: what is broken on purpose right now, and until when.

use super::cluster::ClusterArgs;
use super::context::Context;
use super::outcome::{CommandResult, Outcome};
use super::render::{self, Table, tables};

/// What `faults` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  chronik-dev faults",
    after_long_help = "Exit codes:\n  0  ok\n  6  no such cluster, or not running\n\nExample:\n  chronik-dev faults --json"
)]
pub(super) struct Args {
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// Runs `faults`.
pub(super) fn run(context: &Context, args: &Args) -> CommandResult {
    let status = context.block_on(async { Ok(args.cluster.connect().await?.status().await?) })?;
    let faults = status.faults;
    let outcome = Outcome::new(render::to_json(&faults));
    if faults.is_empty() {
        context.say("nothing is broken on purpose");
        return Ok(outcome);
    }
    let mut table = Table::new(&["FAULT", "ENDS"]);
    for fault in &faults {
        let ends = fault.ends_in_ms.map_or_else(
            || format!("with {}", tables::cure(&status.cluster, fault)),
            |ms| format!("in {:.1} s", ms / 1e3),
        );
        table.add_row([fault.fault.clone(), ends]);
    }
    Ok(outcome.with_text(table.text()))
}
