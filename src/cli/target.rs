//! Which cluster a client command talks to: one of ours by name, or any by its addresses.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::cluster::{ClusterArgs, places};
use super::environment;
use super::outcome::{Exit, Failure};
use crate::client::CallError;
use crate::client::bootstrap::{self, BootstrapError};
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
        let failure = match &self.name {
            Some(name) => {
                let message = format!("no broker of cluster {:?} answers", name.as_str());
                Failure::new(Exit::NoCluster, "NOT_RUNNING", message)
                    .hint(self.look())
                    .hint(self.command("up -d"))
            }
            None => Failure::new(Exit::NoCluster, "NOT_RUNNING", "no broker answers")
                .hint("check the addresses after --bootstrap, and that the brokers run"),
        };
        match error {
            BootstrapError::Unreachable(reasons) => reasons
                .iter()
                .fold(failure, |failure, reason| failure.fact(reason.to_string())),
            other => failure.fact(other.to_string()),
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
