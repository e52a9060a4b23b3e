//! `logs`: the nodes' logs in one stream, by time, running cluster or not.

mod follow;
mod line;

use std::time::{Duration, SystemTime};

use regex::Regex;
use serde_json::json;

use super::cluster::{ClusterArgs, places};
use super::context::{Context, Format};
use super::outcome::{CommandResult, Failure, Outcome};
use super::render::clock::timestamp;
use crate::spec::{NodeId, parse_duration};
use crate::supervisor::{ClusterDir, Selector, find, is_error, leader_for, locate};

pub(super) use follow::LogFile;
pub(super) use line::Line;

/// What `logs` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  chronik-dev logs 2 -f --grep leader",
    after_long_help = "\
SEL: 2 or node-2, 1,3, leader, follower, any, minority, majority, all

Exit codes:
  0  ok
  2  no such node, or a wrong expression
  6  no such cluster, or SEL asks who leads and it is not running

Example:
  chronik-dev logs all --errors --since 30s"
)]
pub(super) struct Args {
    /// Which nodes; all unless said
    #[arg(value_name = "SEL")]
    select: Option<Selector>,
    /// Go on with what is written from now on
    #[arg(short, long, conflicts_with = "json")]
    follow: bool,
    /// Only lines of the last so long
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    since: Option<Duration>,
    /// Only lines that match this regular expression
    #[arg(long, value_name = "RE")]
    grep: Option<Regex>,
    /// Only lines that tell of an error
    #[arg(long)]
    errors: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// Runs `logs`.
pub(super) fn run(context: &Context, args: &Args) -> CommandResult {
    let spec = locate(&places(), &args.cluster.cluster)?;
    let dir = find(&places(), &args.cluster.cluster).expect("its spec was just read");
    let all: Vec<NodeId> = spec.node_ids().collect();
    context.block_on(async {
        let nodes = choose(args, all).await?;
        let mut files: Vec<LogFile> = nodes.iter().map(|node| open(&dir, *node)).collect();
        let mut lines: Vec<Line> = files.iter_mut().flat_map(LogFile::read).collect();
        lines.sort_by(|one, other| one.time().cmp(other.time()));
        let earliest = args.since.map(|since| timestamp(SystemTime::now() - since));
        lines.retain(|line| args.wants(line, earliest.as_deref()));
        if context.format == Format::Json {
            let data = lines
                .iter()
                .map(|line| json!({ "node": line.node.0, "line": line.text }));
            return Ok(Outcome::new(data.collect()));
        }
        print(context, &lines)?;
        if args.follow {
            follow::follow(context, &mut files, |line| args.wants(line, None)).await?;
        }
        Ok(Outcome::printed())
    })
}

fn open(dir: &ClusterDir, node: NodeId) -> LogFile {
    LogFile::new(node, dir.node_log(node))
}

/// Only a selector that asks who leads needs a running cluster.
async fn choose(args: &Args, all: Vec<NodeId>) -> Result<Vec<NodeId>, Failure> {
    let Some(select) = &args.select else {
        return Ok(all);
    };
    let cluster = args.cluster.cluster.as_str();
    if !select.asks_who_leads() {
        return Ok(select.choose(cluster, all.len(), None)?);
    }
    let status = args.cluster.connect().await?.status().await?;
    let leader = leader_for(select, &status).await;
    Ok(select.choose(cluster, all.len(), leader)?)
}

fn print(context: &Context, lines: &[Line]) -> Result<(), Failure> {
    lines
        .iter()
        .try_for_each(|line| context.line(line.show(context.stdout)))
}

impl Args {
    /// Timestamps of one format compare as text; a line without one belongs to the line before.
    fn wants(&self, line: &Line, earliest: Option<&str>) -> bool {
        let late_enough = earliest.is_none_or(|earliest| line.time() >= earliest);
        let matches = self
            .grep
            .as_ref()
            .is_none_or(|grep| grep.is_match(&line.text));
        late_enough && matches && (!self.errors || is_error(&line.text))
    }
}
