//! Which cluster a client command talks to: one of ours by name, or any by its addresses.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::cluster::{ClusterArgs, places};
use super::environment;
use super::outcome::{Exit, Failure};
use crate::client::bootstrap::{self, BootstrapError};
use crate::client::{CallError, ClientError};
use crate::spec::{NodeId, Ports};
use crate::supervisor::{ClusterName, command, find, locate};

/// What chooses the cluster.
#[derive(Debug, clap::Args)]
pub(super) struct TargetArgs {
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Brokers of any Kafka-compatible cluster; wins over --cluster
    #[arg(long, value_name = "HOST:PORT,...")]
    bootstrap: Option<String>,
}

/// A cluster to talk to.
#[derive(Debug)]
pub(super) struct Target {
    /// Its brokers' addresses.
    pub(super) brokers: Vec<SocketAddr>,
    /// A directory on the disk that its nodes write to, as far as is known.
    pub(super) disk: PathBuf,
    /// Whether it is ours and was made without search.
    pub(super) searchless: bool,
    /// Its name; `None` for one that is not ours.
    name: Option<ClusterName>,
}

impl TargetArgs {
    /// Finds the cluster's addresses; does not dial them.
    pub(super) async fn resolve(&self) -> Result<Target, Failure> {
        let Some(list) = &self.bootstrap else {
            return self.stored();
        };
        let brokers = bootstrap::parse(list).await;
        Ok(Target {
            brokers: brokers.map_err(|error| {
                Failure::usage(format!("--bootstrap: {error}")).hint("such as 127.0.0.1:9092")
            })?,
            disk: environment::temp_dir(),
            searchless: false,
            name: None,
        })
    }

    fn stored(&self) -> Result<Target, Failure> {
        let (places, name) = (places(), &self.cluster.cluster);
        let spec = locate(&places, name)?;
        let address = |ports: &Ports| SocketAddr::from(([127, 0, 0, 1], ports.kafka));
        let data = find(&places, name).map(|directory| directory.node_data(NodeId(1)));
        Ok(Target {
            brokers: spec.ports.0.iter().map(address).collect(),
            disk: data
                .filter(|data| data.is_dir())
                .unwrap_or_else(environment::temp_dir),
            searchless: spec.ports.0.iter().all(|ports| ports.search.is_none()),
            name: Some(name.clone()),
        })
    }
}

impl Target {
    /// Nobody answers, or nobody could be asked.
    pub(super) fn unreachable(&self, error: &BootstrapError) -> Failure {
        match error {
            BootstrapError::Unreachable(reasons) => self.silent(reasons),
            other => self.silent(&[]).fact(other.to_string()),
        }
    }

    /// Nobody answers, for these reasons, and what helps; a stopped cluster needs no reasons.
    pub(super) fn silent(&self, reasons: &[CallError]) -> Failure {
        let Some(name) = &self.name else {
            let failure = Failure::new(Exit::NoCluster, "NOT_RUNNING", "no broker answers")
                .hint("check the addresses after --bootstrap, and that the brokers run");
            return with_facts(failure, reasons);
        };
        if self.is_stopped() {
            let message = format!("cluster {:?} is not running", name.as_str());
            return Failure::new(Exit::NoCluster, "NOT_RUNNING", message)
                .hint(self.command("up -d"));
        }
        let message = format!("no broker of cluster {:?} answers", name.as_str());
        let failure = Failure::new(Exit::NoCluster, "NOT_RUNNING", message).hint(self.look());
        with_facts(failure, reasons).hint(self.cure(reasons))
    }

    /// Whether it is ours and nobody runs it. Its supervisor may run on while all its nodes are down.
    pub(super) fn is_stopped(&self) -> bool {
        let runs = |name| find(&places(), name).is_some_and(|directory| directory.is_locked());
        self.name.as_ref().is_some_and(|name| !runs(name))
    }

    /// A node that is down takes no connection; one that is paused takes it and says nothing.
    fn cure(&self, reasons: &[CallError]) -> String {
        let down =
            |reason: &CallError| matches!(reason, CallError::Client(ClientError::Refused { .. }));
        if reasons.is_empty() || reasons.iter().any(down) {
            self.command("start all")
        } else {
            format!("{}, where nodes are paused", self.command("resume all"))
        }
    }

    /// A broker said no, or did not answer, while `doing`.
    pub(super) fn refused(&self, doing: &str, error: &CallError) -> Failure {
        let (code, hint) = match error.code().map(|code| code.0) {
            Some(3) => ("NO_TOPIC", self.command("topic list")),
            Some(36) => ("TOPIC_EXISTS", self.command("topic list")),
            // The request is wrong, not the cluster: name, partitions, replicas, configuration.
            Some(17 | 37 | 38 | 40) => {
                return Failure::new(Exit::Precondition, "REFUSED", format!("cannot {doing}"))
                    .fact(format!("caused by: {error}"))
                    .hint("chronik-dev topic create --help shows what can be asked for");
            }
            // What the broker says is all there is to it: asking again changes nothing.
            Some(_) if !error.is_retriable() => {
                return Failure::new(Exit::Precondition, "REFUSED", format!("cannot {doing}"))
                    .fact(format!("caused by: {error}"));
            }
            Some(_) => ("REFUSED", self.look()),
            None => ("NO_ANSWER", self.look()),
        };
        Failure::new(Exit::Precondition, code, format!("cannot {doing}"))
            .fact(format!("caused by: {error}"))
            .hint(hint)
    }

    /// There is no such topic.
    pub(super) fn no_topic(&self, topic: &str) -> Failure {
        let message = format!("there is no topic {topic:?}");
        Failure::new(Exit::Precondition, "NO_TOPIC", message)
            .hint(self.command(&format!("topic create {topic}")))
            .hint(self.command("topic list"))
    }

    /// The topic has no such partition.
    pub(super) fn no_partition(&self, topic: &str, message: String) -> Failure {
        Failure::new(Exit::Precondition, "NO_PARTITION", message)
            .hint(self.command(&format!("topic describe {topic}")))
    }

    /// Where to look when brokers do not do what they should; `status` knows our clusters only.
    pub(super) fn look(&self) -> String {
        match &self.name {
            Some(name) => {
                let status = command(name.as_str(), "status");
                format!("{status} shows whether a majority of the nodes runs")
            }
            None => String::from("look whether the brokers after --bootstrap run"),
        }
    }

    /// One of our commands, for this cluster, of those that take --bootstrap.
    pub(super) fn command(&self, words: &str) -> String {
        match &self.name {
            Some(name) => command(name.as_str(), words),
            None => format!("chronik-dev {words} --bootstrap {}", self.list()),
        }
    }

    fn list(&self) -> String {
        let brokers: Vec<String> = self.brokers.iter().map(ToString::to_string).collect();
        brokers.join(",")
    }
}

fn with_facts(failure: Failure, reasons: &[CallError]) -> Failure {
    let reasons = reasons.iter().map(ToString::to_string);
    reasons.fold(failure, Failure::fact)
}
