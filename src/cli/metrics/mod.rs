//! `metrics`: a digest of the nodes' Prometheus metrics, or the files by which Prometheus and
//! Grafana see them.

mod dashboard;
mod digest;
mod export;
mod histogram;
#[cfg(test)]
pub(in crate::cli) mod samples;
mod scrape;
mod watch;

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use super::cluster::{ClusterArgs, places};
use super::context::Context;
use super::duration::millis;
use super::outcome::{CommandResult, Exit, Failure, Outcome};
use super::render::metrics as render;
use crate::spec::{ClusterSpec, NodeId, Ports, parse_duration};
use crate::supervisor::{ClusterHandle, Selector, leader_for, locate};

pub(in crate::cli) use digest::{Figures, Latency, Over, Traffic, digest};
pub(in crate::cli) use histogram::Quantile;

/// Watching for longer is a monitoring system's affair.
const LONGEST: Duration = Duration::from_mins(10);

/// What `metrics` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  chronik-dev metrics leader --over 10s",
    after_long_help = "\
SEL: 2 or node-2, 1,3, leader, leader:TOPIC/PARTITION, follower, any, minority, majority, all

Every node is scraped eleven times, evenly over the time that is watched. Rates are those of that
time. Latencies are read from histograms, so they are as exact as the buckets; those of fetches
hold the wait that a consumer asks for. A star marks a latency of the node's whole life, where
nothing happened in the time that was watched.

With --export nothing is scraped: DIR gets prometheus.yml with the cluster's real targets,
grafana/chronik-dev.json to import, and a README. A file there that chronik-dev did not write, or
that was changed since, is never overwritten.

Exit codes:
  0    ok, also when some of the nodes are silent
  2    usage
  5    a file is in the way, or cannot be written
  6    no such cluster, or not running
  130  interrupted

Example:
  chronik-dev metrics --export monitoring"
)]
pub(super) struct Args {
    /// Which nodes; all unless said
    #[arg(value_name = "SEL")]
    select: Option<Selector>,
    /// Watch for so long
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = parse_over, conflicts_with = "export")]
    over: Duration,
    /// Write what Prometheus and Grafana need into this directory
    #[arg(long, value_name = "DIR")]
    export: Option<PathBuf>,
    #[command(flatten)]
    cluster: ClusterArgs,
}

fn parse_over(text: &str) -> Result<Duration, String> {
    let over = parse_duration(text).map_err(|error| error.to_string())?;
    if over.is_zero() || over > LONGEST {
        return Err("from 1ms to 10m".to_owned());
    }
    Ok(over)
}

/// A node, with its figures or the reason why there are none.
#[derive(Debug)]
pub(in crate::cli) struct NodeDigest {
    /// Which.
    pub(in crate::cli) node: NodeId,
    /// What it told.
    pub(in crate::cli) figures: Result<Figures, String>,
}

/// Runs `metrics`.
pub(super) fn run(context: &Context, args: &Args) -> CommandResult {
    let spec = locate(&places(), &args.cluster.cluster)?;
    context.block_on(async {
        if let Some(directory) = &args.export {
            let nodes = chosen(args, &spec).await?;
            return export::run(directory, &spec.name, &nodes);
        }
        // A cluster that is not running is an error with its own words, not three silent nodes.
        args.cluster.connect().await?;
        let nodes = chosen(args, &spec).await?;
        let watched = tokio::select! {
            watched = watch::watch(&nodes, args.over) => watched,
            _interrupt = tokio::signal::ctrl_c() => return Err(Failure::interrupted()),
        };
        let nodes: Vec<NodeDigest> = watched.into_iter().map(node_digest).collect();
        told(context, args, &nodes)
    })
}

async fn chosen(args: &Args, spec: &ClusterSpec) -> Result<Vec<(NodeId, Ports)>, Failure> {
    let nodes = match &args.select {
        None => spec.node_ids().collect(),
        Some(select) if !select.asks_who_leads() => {
            select.choose(&spec.name, spec.nodes(), None)?
        }
        Some(select) => {
            let handle: ClusterHandle = args.cluster.connect().await?;
            let leader = leader_for(select, &handle.status().await?).await;
            select.choose(&spec.name, spec.nodes(), leader)?
        }
    };
    Ok(nodes
        .into_iter()
        .map(|node| (node, spec.ports.of(node)))
        .collect())
}

fn node_digest(watched: watch::Watched) -> NodeDigest {
    let figures = match watched.silent {
        Some(reason) => Err(reason),
        None => digest(&watched.shots).ok_or_else(|| "was never asked".to_owned()),
    };
    NodeDigest {
        node: watched.node,
        figures,
    }
}

fn told(context: &Context, args: &Args, nodes: &[NodeDigest]) -> CommandResult {
    let cluster = args.cluster.cluster.as_str();
    let data = json!({
        "cluster": cluster,
        "window_ms": millis(args.over),
        "nodes": nodes.iter().map(render::json).collect::<Vec<_>>(),
    });
    if nodes.iter().all(|node| node.figures.is_err()) {
        let message = format!("no node of cluster {cluster:?} tells its metrics");
        let failure = Failure::new(Exit::NoCluster, "NO_ANSWER", message).with_data(data);
        let failure = failure
            .hint(args.cluster.command("status"))
            .hint(args.cluster.command("start all"));
        return Err(nodes.iter().fold(failure, |failure, node| {
            let reason = node.figures.as_ref().err();
            failure.fact(format!("{}: {}", node.node, reason.map_or("", |r| r)))
        }));
    }
    let silent = nodes.iter().filter_map(|node| {
        let reason = node.figures.as_ref().err()?;
        Some(format!("{} does not tell its metrics: {reason}", node.node))
    });
    let headline = format!(
        "cluster {cluster}, over {}",
        crate::spec::show_duration(args.over)
    );
    Ok(Outcome::new(data)
        .with_warnings(silent.collect())
        .with_text(render::text(&headline, nodes, context.stdout)))
}
