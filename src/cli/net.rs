//! `net`: breaks links between nodes on purpose, and heals them.

use std::time::Duration;

use serde_json::json;

use super::cluster::ClusterArgs;
use super::context::Context;
use super::duration::lasting;
use super::outcome::{CommandResult, Failure, Outcome};
use super::render;
use crate::spec::show_duration;
use crate::supervisor::{Fault, grammar};

/// The long help of what breaks links: the same for all but for the example.
macro_rules! long {
    ($example:literal) => {
        concat!(
            "\
Exit codes:
  0  done
  2  no such node, or a fault that makes no sense
  5  the cluster's links go without relays
  6  no such cluster, or not running

Example:
  chronik-dev ",
            $example
        )
    };
}

/// What `net` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  chronik-dev net partition 1 2,3 --for 30s",
    after_long_help = "\
Exit codes:
  0  done
  2  no such node, or a fault that makes no sense
  5  the cluster's links go without relays
  6  no such cluster, or not running

Examples:
  chronik-dev net partition 1 2,3 --for 30s
  chronik-dev net cut 1..2
  chronik-dev net slow 1=3 200ms
  chronik-dev net heal"
)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Part the cluster into groups that do not reach each other
    #[command(after_help = "Example:\n  chronik-dev net partition 1,2 3", after_long_help = long!("net partition 1,2 3 --for 30s"))]
    Partition {
        /// Groups of nodes, such as 1,2 3; a node of no group is alone
        #[arg(value_name = "GROUP", required = true)]
        groups: Vec<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Let no byte of one node reach another
    #[command(after_help = "Example:\n  chronik-dev net cut 1..2", after_long_help = long!("net cut 1..2 --for 30s"))]
    Cut {
        /// FROM..TO
        #[arg(value_name = "A..B")]
        ends: String,
        #[command(flatten)]
        common: Common,
    },
    /// Delay every byte between two nodes, both ways
    #[command(after_help = "Example:\n  chronik-dev net slow 1=2 200ms", after_long_help = long!("net slow 1=2 200ms --for 30s"))]
    Slow {
        /// The two nodes
        #[arg(value_name = "A=B")]
        ends: String,
        /// How late, one way
        #[arg(value_name = "DELAY")]
        delay: String,
        #[command(flatten)]
        common: Common,
    },
    /// Heal all links
    #[command(
        after_help = "Example:\n  chronik-dev net heal",
        after_long_help = "\
Exit codes:
  0  done
  2  usage
  5  the cluster's links go without relays
  6  no such cluster, or not running

Example:
  chronik-dev net heal --cluster orders"
    )]
    Heal {
        #[command(flatten)]
        cluster: ClusterArgs,
    },
}

#[derive(Debug, clap::Args)]
struct Common {
    /// Heal it after this long
    #[arg(long = "for", value_name = "TIME", value_parser = lasting)]
    lasting: Option<Duration>,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// Runs `net`.
pub(super) fn run(context: &Context, args: &Args) -> CommandResult {
    let usage = |error: grammar::GrammarError| {
        Failure::usage(error.to_string()).hint("chronik-dev net --help shows examples of each")
    };
    let (fault, common) = match &args.what {
        What::Partition { groups, common } => (grammar::partition(groups).map_err(usage)?, common),
        What::Cut { ends, common } => (grammar::cut(ends).map_err(usage)?, common),
        What::Slow {
            ends,
            delay,
            common,
        } => (grammar::slow(ends, delay).map_err(usage)?, common),
        What::Heal { cluster } => return heal(context, cluster),
    };
    context.block_on(inject(fault, common))
}

async fn inject(fault: Fault, common: &Common) -> CommandResult {
    let handle = common.cluster.connect().await?;
    let text = fault.to_string();
    handle.break_links(fault, common.lasting).await?;
    let faults = handle.status().await?.faults;
    let ends = common.lasting.map_or_else(
        || format!("until {}", common.cluster.command("net heal")),
        |lasting| format!("for {}", show_duration(lasting)),
    );
    let data = json!({ "fault": text, "faults": render::to_json(&faults) });
    Ok(Outcome::new(data).with_text(format!("{text} {ends}")))
}

fn heal(context: &Context, cluster: &ClusterArgs) -> CommandResult {
    context.block_on(async {
        let handle = cluster.connect().await?;
        handle.heal().await?;
        let faults = handle.status().await?.faults;
        let data = json!({ "faults": render::to_json(&faults) });
        Ok(Outcome::new(data).with_text("all links are healed"))
    })
}
