//! Every command and what they have in common.
//!
//! The words are a contract: people script against them. What a command takes stands in its own
//! file.

use clap::{Args, Parser, Subcommand};

use super::render::ColorChoice;
use super::{
    bench, completions, consume, doctor, down, env, faults, logs, ls, metrics, net, node, nodes,
    ports, produce, run, scenario, search, status, topic, ui, up, verify,
};

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
    /// Start a cluster
    Up(up::Args),
    /// Stop a cluster
    Down(down::Args),
    /// Show roles, terms, lag, ports, pids and faults of a running cluster
    Status(status::Args),
    /// List every cluster of this user, running or stopped
    Ls(ls::Args),
    /// Show the port plans, planned and in use, and who holds what
    Ports(ports::Args),
    /// Show the nodes' logs
    Logs(logs::Args),
    /// Kill nodes
    #[command(after_help = nodes::KILL.short, after_long_help = nodes::KILL.long)]
    Kill(nodes::KillArgs),
    /// Stop nodes gracefully
    #[command(after_help = nodes::STOP.short, after_long_help = nodes::STOP.long)]
    Stop(nodes::TimedArgs),
    /// Start nodes that were killed, stopped or died
    #[command(after_help = nodes::START.short, after_long_help = nodes::START.long)]
    Start(nodes::PlainArgs),
    /// Stop and start nodes, one after the other
    #[command(after_help = nodes::RESTART.short, after_long_help = nodes::RESTART.long)]
    Restart(nodes::PlainArgs),
    /// Pause nodes as they are
    #[command(after_help = nodes::PAUSE.short, after_long_help = nodes::PAUSE.long)]
    Pause(nodes::TimedArgs),
    /// Let paused nodes go on
    #[command(after_help = nodes::RESUME.short, after_long_help = nodes::RESUME.long)]
    Resume(nodes::PlainArgs),
    /// Break and heal the links between nodes
    Net(net::Args),
    /// Show what is broken on purpose right now
    Faults(faults::Args),
    /// Print the environment by which programs find the cluster
    Env(env::Args),
    /// Run a command with a cluster of its own
    Run(run::Args),
    /// Break a cluster on purpose, and prove what survived
    Scenario(scenario::Args),
    /// Look for what would spoil a cluster, and say what cures it
    Doctor(doctor::Args),
    /// Measure how fast the cluster acks
    Bench(bench::Args),
    /// Create, list, describe and delete topics
    Topic(topic::Args),
    /// Send records: lines of stdin, or as many as asked for
    Produce(produce::Args),
    /// Print a topic's records
    Consume(consume::Args),
    /// Find a topic's records by their words
    Search(search::Args),
    /// Watch a cluster live, and break it with single keys
    Ui(ui::Args),
    /// Watch the nodes' metrics for a moment, or export them to Prometheus and Grafana
    Metrics(metrics::Args),
    /// Judge a recorded history again
    Verify(verify::Args),
    /// Print the completion script of a shell
    Completions(completions::Args),
    /// Run one node in the foreground
    Node(node::Args),
    /// Run a cluster for the process at the other end of stdin
    #[command(hide = true)]
    Supervise,
}

impl Command {
    /// The word by which the command was called; it stands in the envelope.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Up(_) => "up",
            Self::Down(_) => "down",
            Self::Status(_) => "status",
            Self::Ls(_) => "ls",
            Self::Ports(_) => "ports",
            Self::Logs(_) => "logs",
            Self::Kill(_) => "kill",
            Self::Stop(_) => "stop",
            Self::Start(_) => "start",
            Self::Restart(_) => "restart",
            Self::Pause(_) => "pause",
            Self::Resume(_) => "resume",
            Self::Net(_) => "net",
            Self::Faults(_) => "faults",
            Self::Env(_) => "env",
            Self::Run(_) => "run",
            Self::Scenario(_) => "scenario",
            Self::Doctor(_) => "doctor",
            Self::Bench(_) => "bench",
            Self::Topic(_) => "topic",
            Self::Produce(_) => "produce",
            Self::Consume(_) => "consume",
            Self::Search(_) => "search",
            Self::Ui(_) => "ui",
            Self::Metrics(_) => "metrics",
            Self::Verify(_) => "verify",
            Self::Completions(_) => "completions",
            Self::Node(_) => "node",
            Self::Supervise => "supervise",
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_help_has_an_example_and_every_long_help_the_exit_codes() {
        let mut root = Arguments::command();
        root.build();
        for command in root.get_subcommands_mut() {
            if command.is_hide_set() {
                continue;
            }
            let short = command.render_help().to_string();
            let long = command.render_long_help().to_string();
            let name = command.get_name();
            assert!(short.contains("Example"), "{name}:\n{short}");
            assert!(long.contains("Example"), "{name}:\n{long}");
            assert!(long.contains("Exit codes"), "{name}:\n{long}");
        }
    }

    #[test]
    fn every_name_is_its_word() {
        for words in [
            &["up"][..],
            &["status"],
            &["kill", "1"],
            &["doctor"],
            &["net", "heal"],
        ] {
            let line = std::iter::once("chronik-dev").chain(words.iter().copied());
            let arguments = Arguments::try_parse_from(line).unwrap();
            assert_eq!(arguments.command.name(), words[0]);
        }
    }
}
