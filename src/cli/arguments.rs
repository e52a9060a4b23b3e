//! Every command and what they have in common.
//!
//! The words are a contract: people script against them. What a command takes stands in its own
//! file.

use clap::{Args, Parser, Subcommand};

use super::render::ColorChoice;
use super::{bench, completions, consume, produce, topic};

/// A real, Raft-replicated, Kafka-compatible cluster on this machine.
#[derive(Debug, Parser)]
#[command(
    name = "chronik-dev",
    version,
    about = "A real, Raft-replicated, Kafka-compatible cluster on a laptop",
    after_help = "Example:\n  chronik-dev up --nodes 3",
    after_long_help = EXIT_CODES,
    propagate_version = true,
    disable_help_subcommand = true,
)]
pub(super) struct Arguments {
    /// What all commands take.
    #[command(flatten)]
    pub(super) global: Global,
    /// What to do.
    #[command(subcommand)]
    pub(super) command: Command,
}

/// What all commands take.
#[derive(Debug, Args)]
pub(super) struct Global {
    /// Print one JSON object on stdout, and nothing else there
    #[arg(long, global = true, help_heading = "Output")]
    pub(super) json: bool,
    /// Say only what went wrong
    #[arg(
        short,
        long,
        global = true,
        conflicts_with = "verbose",
        help_heading = "Output"
    )]
    pub(super) quiet: bool,
    /// Say more
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Output")]
    pub(super) verbose: u8,
    /// When to colour what is said
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        help_heading = "Output"
    )]
    pub(super) color: ColorChoice,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Measure how fast the cluster acks
    Bench(bench::Args),
    /// Create, list, describe and delete topics
    Topic(topic::Args),
    /// Send records: lines of stdin, or as many as asked for
    Produce(produce::Args),
    /// Print a topic's records
    Consume(consume::Args),
    /// Print the completion script of a shell
    Completions(completions::Args),
}

impl Command {
    /// The word by which the command was called; it stands in the envelope.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Bench(_) => "bench",
            Self::Topic(_) => "topic",
            Self::Produce(_) => "produce",
            Self::Consume(_) => "consume",
            Self::Completions(_) => "completions",
        }
    }
}

/// The exit codes, as long help shows them.
pub(super) const EXIT_CODES: &str = "\
Exit codes:
  0    ok
  1    a scenario failed or a law was broken
  2    usage
  3    not ready in time
  4    a node died unasked
  5    a port or another precondition
  6    no such cluster, or not running
  7    inconclusive
  8    the cluster's directory is locked and its supervisor does not answer as that cluster
  70   a bug of chronik-dev
  130  interrupted

Example:
  chronik-dev up --nodes 3";
