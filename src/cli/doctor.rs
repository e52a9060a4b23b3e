//! `doctor`: what on this machine would spoil a cluster, each finding with its cure.

use serde_json::{Value, json};

use super::cluster::{ClusterArgs, places};
use super::context::Context;
use super::outcome::{CommandResult, Exit, Failure, Outcome};
use super::render::Style;
use crate::ports::{SearchPorts, plan};
use crate::spec::{PortPlan, defaults};
use crate::supervisor::{Finding, Health, PlanOf, deaths, examine, find, locate};

/// What `doctor` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  chronik-dev doctor",
    after_long_help = "\
It changes nothing. The ports are those of the stored cluster, or else of the default plan.

Exit codes:
  0  nothing that keeps a cluster from running
  5  something does

Example:
  chronik-dev doctor --json"
)]
pub(super) struct Args {
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// Runs `doctor`.
pub(super) fn run(context: &Context, args: &Args) -> CommandResult {
    let name = &args.cluster.cluster;
    let of = match find(&places(), name) {
        Some(directory) if directory.is_locked() => PlanOf::Running(name),
        Some(_) => PlanOf::Stopped(name),
        None => PlanOf::New,
    };
    let mut findings = examine(&places(), &port_plan(args)?, of);
    findings.extend(context.block_on(async { Ok(deaths(&places()).await) })?);
    let data: Value = findings.iter().map(json).collect();
    let lines: Vec<String> = findings
        .iter()
        .map(|one| line(one, context.stdout))
        .collect();
    let bad = findings
        .iter()
        .any(|finding| finding.health() == Health::Bad);
    let exit = if bad { Exit::Precondition } else { Exit::Ok };
    Ok(Outcome::new(data)
        .with_text(lines.join("\n"))
        .with_exit(exit))
}

fn port_plan(args: &Args) -> Result<PortPlan, Failure> {
    if let Ok(spec) = locate(&places(), &args.cluster.cluster) {
        return Ok(spec.ports);
    }
    let nodes = usize::from(defaults::NODES);
    let first = plan(nodes, defaults::PORT_BASE, SearchPorts::On);
    first.map_err(|error| Failure::usage(error.to_string()))
}

fn word(health: Health) -> &'static str {
    match health {
        Health::Good => "good",
        Health::Poor => "poor",
        Health::Bad => "bad",
    }
}

fn json(finding: &Finding) -> Value {
    json!({
        "check": finding.check(),
        "health": word(finding.health()),
        "finding": finding.to_string(),
        "cure": finding.cure(),
    })
}

fn line(finding: &Finding, style: Style) -> String {
    let mark = match finding.health() {
        Health::Good => style.green("✓ good"),
        Health::Poor => style.yellow("! poor"),
        Health::Bad => style.red("✗ bad "),
    };
    let cure = finding.cure().map_or_else(String::new, |cure| {
        format!("\n{:21}{} {cure}", "", style.cyan("cure:"))
    });
    format!("{mark}  {:<11}  {finding}{cure}", finding.check())
}
