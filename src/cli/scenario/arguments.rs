//! What `scenario` takes.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use crate::cli::outcome::Failure;
use crate::scenarios::catalogue::Scenario;
use crate::spec::{Settings, defaults};
use crate::supervisor::ClusterName;

/// What `scenario` takes.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Example:\n  chronik-dev scenario leader-failover\n  chronik-dev scenario all --report out",
    after_long_help = "\
Without --cluster each scenario builds a fresh cluster on free ports and removes it; with it, it
uses a running one and leaves it healed; with --bootstrap those that break nothing run against any
Kafka-compatible cluster.

Exit codes, the first that applies of:
  130  interrupted
  70   a bug of chronik-dev
  1    a scenario failed or a law was broken
  7    inconclusive: a scenario saw too little
  0    all passed
before any of them ran:
  2    usage
  5    a port or another precondition
  6    no such cluster, or not running

Examples:
  chronik-dev scenario all
  chronik-dev scenario leader-failover --runs 20 --report out
  chronik-dev scenario topic-replication --bootstrap localhost:9092"
)]
pub(in crate::cli) struct Args {
    /// Scenarios by name, or all
    #[arg(value_name = "NAME", required_unless_present = "list")]
    names: Vec<String>,
    /// Show the scenarios, and run none
    #[arg(long)]
    pub(super) list: bool,
    /// Let `all` mean every scenario
    #[arg(long)]
    extended: bool,
    /// How many nodes a fresh cluster has
    #[arg(long, default_value_t = defaults::NODES, value_name = "N",
          value_parser = clap::value_parser!(u16).range(1..=i64::from(defaults::MAX_NODES)),
          conflicts_with_all = ["cluster", "bootstrap"])]
    pub(super) nodes: u16,
    /// Run each scenario so often, and show the spread of its metrics
    #[arg(long, default_value_t = 1, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) runs: u32,
    /// The seed of all choices; random unless given
    #[arg(long, value_name = "S")]
    pub(super) seed: Option<u64>,
    /// Records that a phase waits for, and that topic-replication sends
    #[arg(long, default_value_t = 1_000, value_name = "N",
          value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(super) messages: u64,
    /// Bytes of each record's value
    #[arg(long, default_value_t = 512, value_name = "BYTES",
          value_parser = clap::value_parser!(u32).range(40..=100_000))]
    pub(super) size: u32,
    /// A running cluster of ours
    #[arg(long, value_name = "NAME", conflicts_with = "bootstrap")]
    pub(super) cluster: Option<ClusterName>,
    /// Brokers of any Kafka-compatible cluster
    #[arg(long, value_name = "HOST:PORT,...")]
    pub(super) bootstrap: Option<String>,
    /// Set a default of a fresh cluster, by Kafka's name; can be repeated
    #[arg(long, value_name = "KEY=VALUE", value_delimiter = ',',
          conflicts_with_all = ["cluster", "bootstrap"])]
    set: Vec<String>,
    /// Write histories, logs and reports into this directory
    #[arg(long, value_name = "DIR")]
    pub(super) report: Option<PathBuf>,
    /// Write the results as JUnit into this file
    #[arg(long, value_name = "FILE")]
    pub(super) junit: Option<PathBuf>,
}

/// Opens a file for writing and leaves it as it was.
fn check_file(file: &Path) -> std::io::Result<()> {
    let existed = file.exists();
    drop(OpenOptions::new().append(true).create(true).open(file)?);
    if existed {
        return Ok(());
    }
    std::fs::remove_file(file)
}

impl Args {
    /// The scenarios that are asked for, each once, in the order of the catalogue for `all`.
    pub(super) fn chosen(&self) -> Result<Vec<Scenario>, Failure> {
        let mut chosen = Vec::new();
        for name in &self.names {
            match name.as_str() {
                "all" => chosen.extend(self.all()),
                name => {
                    let found = name.parse::<Scenario>();
                    chosen.push(found.map_err(|error| Failure::usage(error.to_string()))?);
                }
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        chosen.retain(|scenario| seen.insert(*scenario));
        Ok(chosen)
    }

    /// What `all` means: on a foreign cluster only what breaks nothing.
    fn all(&self) -> impl Iterator<Item = Scenario> {
        let most = if self.extended {
            Scenario::ALL.len()
        } else {
            Scenario::USUAL
        };
        let foreign = self.bootstrap.is_some();
        let fits = move |scenario: &Scenario| !foreign || !scenario.breaks();
        Scenario::ALL.into_iter().take(most).filter(fits)
    }

    /// The `--set` values.
    pub(super) fn settings(&self) -> Result<Settings, Failure> {
        let words = self.set.iter().map(String::as_str);
        Settings::parse(words).map_err(|error| Failure::usage(format!("--set {error}")))
    }

    /// Refuses places that nothing can be written to, before anything runs.
    pub(super) fn check_outputs(&self) -> Result<(), Failure> {
        if let Some(file) = &self.junit {
            let doing = || format!("cannot write {}", file.display());
            check_file(file).map_err(|source| Failure::system(doing(), &source))?;
        }
        Ok(())
    }

    /// The command that repeats one run.
    pub(super) fn repeat(&self, scenario: Scenario, seed: u64) -> String {
        let mut words = format!("chronik-dev scenario {} --seed {seed}", scenario.name());
        let mut add = |flag: &str, value: &dyn std::fmt::Display| {
            words.extend([" ", flag, " ", &value.to_string()]);
        };
        match (&self.cluster, &self.bootstrap) {
            (Some(name), _) => add("--cluster", name),
            (None, Some(list)) => add("--bootstrap", list),
            (None, None) if self.nodes != defaults::NODES => add("--nodes", &self.nodes),
            (None, None) => {}
        }
        if self.messages != 1_000 {
            add("--messages", &self.messages);
        }
        if self.size != 512 {
            add("--size", &self.size);
        }
        for set in &self.set {
            add("--set", set);
        }
        words
    }
}
