//! What to tell a person when a supervisor could not start: the code, the facts, the advice.

use serde_json::json;

use super::directory::DirectoryError;
use super::name::ClusterName;
use super::prepare::PrepareError;
use super::run::StartError;
use super::trouble::{Trouble, TroubleCode, command};
use crate::ports::{LeaseError, PortTaken};

impl StartError {
    /// The same as it crosses a process wall, with commands for the cluster that was meant.
    pub fn trouble(&self, cluster: &ClusterName) -> Trouble {
        match self {
            Self::Running(..) => Trouble::of(TroubleCode::AlreadyRunning, self),
            Self::Prepare(error) => error.trouble(cluster),
            Self::Place(_) | Self::System { .. } | Self::Remove(_) => {
                Trouble::of(TroubleCode::Precondition, self)
                    .hint("chronik-dev doctor looks for the usual causes")
            }
        }
    }
}

impl PrepareError {
    /// The same as it crosses a process wall, with commands for the cluster that was meant.
    pub fn trouble(&self, cluster: &ClusterName) -> Trouble {
        match self {
            Self::Directory(error) => directory(error, cluster.as_str()),
            Self::Mismatch { .. } => Trouble::of(TroubleCode::Usage, self)
                .hint(format!("leave it out to start {cluster} as it is stored"))
                .hint(format!(
                    "chronik-dev down --wipe --cluster {cluster} removes it with its data"
                ))
                .hint("--cluster NAME makes another cluster beside it"),
            Self::WrongCluster { found, asked, .. } => Trouble::of(TroubleCode::Precondition, self)
                .hint(format!(
                    "--cluster {found} starts the cluster that lives there"
                ))
                .hint(format!(
                    "or name another directory for {asked} with --data-dir"
                )),
            Self::Taken(contested) => {
                let trouble =
                    port_taken(Trouble::of(TroubleCode::PortTaken, self), &contested.taken);
                let cures = contested.cures();
                cures.into_iter().fold(trouble, Trouble::hint)
            }
            Self::Ports(error) => ports(error),
            Self::Locks(_) => Trouble::of(TroubleCode::Precondition, self),
        }
    }
}

fn directory(error: &DirectoryError, cluster: &str) -> Trouble {
    let trouble = Trouble::of(TroubleCode::Precondition, error);
    let up = command(cluster, "up");
    let wipe = command(cluster, "down --wipe");
    match error {
        DirectoryError::NotOurs(_) => {
            trouble.hint("name a directory that is empty or does not exist")
        }
        DirectoryError::Elsewhere(path) => {
            trouble.hint(format!("leave out --data-dir, or name {}", path.display()))
        }
        DirectoryError::Damaged { .. } => trouble.hint(format!("{up} sets it aside")),
        DirectoryError::SetAside { aside, .. } => trouble
            .hint(format!(
                "put a good copy in its place; the bad one is {}",
                aside.display()
            ))
            .hint(format!("or {wipe}, to begin anew without its data")),
        DirectoryError::Headless(path) => trouble
            .hint("put the file back; it may have been set aside as .bad beside it")
            .hint(format!(
                "or {wipe}, to begin anew without the data in {}",
                path.display()
            )),
        DirectoryError::Version { .. } => {
            trouble.hint("run the version of chronik-dev that wrote it, or make another cluster")
        }
        DirectoryError::Io { .. } => {
            trouble.hint("name a directory that this user can write with --data-dir")
        }
        DirectoryError::Seal { .. } => trouble,
    }
}

fn ports(error: &LeaseError) -> Trouble {
    match error {
        LeaseError::Taken(taken) | LeaseError::Exhausted { last: taken, .. } => {
            port_taken(Trouble::of(TroubleCode::PortTaken, error), taken)
                .hint("end that process, or choose another base: --port-base PORT")
        }
        LeaseError::Plan(_) => Trouble::of(TroubleCode::Usage, error),
        LeaseError::Locks(_) | LeaseError::Socket { .. } => {
            Trouble::of(TroubleCode::Precondition, error)
        }
    }
}

fn port_taken(trouble: Trouble, taken: &PortTaken) -> Trouble {
    let holder = taken.holder.as_ref();
    let details = json!({
        "port": taken.port,
        "service": taken.service,
        "node": taken.node.0,
        "holder": holder.map(|holder| json!({ "pid": holder.pid, "name": holder.name })),
    });
    trouble
        .with_details(details)
        .hint("chronik-dev ports shows who holds what")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wipes_is_said_of_the_cluster_that_was_meant() {
        let error = PrepareError::from(DirectoryError::Headless("blue".into()));
        let hints = error.trouble(&"blue".parse().unwrap()).hints;
        let wipe = hints.iter().find(|hint| hint.contains("--wipe")).unwrap();
        assert!(wipe.contains("down --wipe --cluster blue"), "{wipe}");
    }
}
