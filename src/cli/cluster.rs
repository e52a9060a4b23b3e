//! Which cluster a command is about, and how its troubles become failures.

use super::environment;
use super::outcome::{Exit, Failure};
use crate::supervisor::{ClusterHandle, ClusterName, Places, Trouble, TroubleCode, command};

/// The cluster's name.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct ClusterArgs {
    /// The cluster's name
    #[arg(
        long,
        value_name = "NAME",
        env = "CHRONIK_CLUSTER",
        default_value = "dev"
    )]
    pub(super) cluster: ClusterName,
}

impl ClusterArgs {
    /// Meets the running cluster.
    pub(super) async fn connect(&self) -> Result<ClusterHandle, Failure> {
        Ok(ClusterHandle::connect(&places(), &self.cluster).await?)
    }

    /// One of our commands for this cluster, as a hint shows it.
    pub(super) fn command(&self, words: &str) -> String {
        command(self.cluster.as_str(), words)
    }
}

/// Where this user's clusters are.
pub(super) fn places() -> Places {
    Places {
        data_home: environment::data_home(),
        runtime: environment::runtime_dir(),
        temp: environment::temp_dir(),
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        let exit = match trouble.code {
            TroubleCode::Usage => Exit::Usage,
            TroubleCode::NotReady => Exit::NotReady,
            TroubleCode::NodeDied => Exit::NodeDied,
            TroubleCode::PortTaken | TroubleCode::Precondition | TroubleCode::AlreadyRunning => {
                Exit::Precondition
            }
            TroubleCode::NoCluster | TroubleCode::NotRunning => Exit::NoCluster,
            TroubleCode::Locked => Exit::Locked,
            TroubleCode::Interrupted => Exit::Interrupted,
            TroubleCode::Bug => Exit::Bug,
        };
        let failure = Self::new(exit, trouble.code.as_str(), trouble.message);
        let failure = trouble.facts.into_iter().fold(failure, Self::fact);
        let failure = trouble.hints.into_iter().fold(failure, Self::hint);
        failure.with_details(trouble.details)
    }
}
