//! A port that a cluster wants and somebody else has: who that is, and what helps.

use super::directory::list;
use super::name::ClusterName;
use super::places::Places;
use super::trouble::command;
use crate::ports::PortTaken;
use crate::spec::{PortPlan, Ports};

/// Where a port plan comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keep {
    /// It is stored with this cluster, which keeps it.
    Stored(ClusterName),
    /// It was chosen for a cluster that is yet to be made.
    Chosen,
}

/// A port that somebody else has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{taken}{}", by(rival.as_ref()))]
pub struct ContestedPort {
    /// Which, and which process has it.
    pub taken: PortTaken,
    /// The cluster of this user that runs on it.
    pub rival: Option<ClusterName>,
    /// Whether it could be another port.
    pub keep: Keep,
}

fn by(rival: Option<&ClusterName>) -> String {
    rival.map_or_else(String::new, |rival| format!(", of cluster {rival}"))
}

impl ContestedPort {
    /// Looks which other cluster of this user has the port.
    pub(super) fn new(places: &Places, keep: Keep, taken: PortTaken) -> Self {
        let rival = rival(places, &keep, taken.port);
        Self { taken, rival, keep }
    }

    /// What gets the port, or another one.
    pub(super) fn cures(&self) -> Vec<String> {
        let stop = match &self.rival {
            Some(rival) => {
                let down = command(rival.as_str(), "down");
                format!("{down} stops the cluster that has it")
            }
            None => String::from("end that process"),
        };
        let evade = match &self.keep {
            Keep::Chosen => String::from(
                "or choose another base: --port-base PORT (without one a new cluster finds its own)",
            ),
            Keep::Stored(cluster) => {
                let wipe = command(cluster.as_str(), "down --wipe");
                format!(
                    "a stored cluster keeps its ports: only {wipe} lets it begin on others, without its data"
                )
            }
        };
        vec![stop, evade]
    }
}

/// The running cluster whose plan has a port; the one that wants it is locked too, by who asks.
fn rival(places: &Places, keep: &Keep, port: u16) -> Option<ClusterName> {
    // This adds to an error: what cannot be read names nobody.
    let entries = list(places).unwrap_or_default();
    let has = |plan: &PortPlan| {
        let mut ports = plan.0.iter().flat_map(Ports::services);
        ports.any(|(_, own)| own == port)
    };
    let other = |name: &ClusterName| !matches!(keep, Keep::Stored(own) if own == name);
    let others = entries.into_iter().filter(|entry| other(&entry.name));
    let mut running = others.filter(|entry| entry.dir.is_locked());
    let found = running.find(|entry| {
        let spec = entry.dir.load_spec().ok().flatten();
        spec.is_some_and(|spec| has(&spec.ports))
    });
    found.map(|entry| entry.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{NodeId, Service};

    fn contested(rival: Option<&str>, keep: Keep) -> ContestedPort {
        let taken = PortTaken {
            port: 9092,
            service: Service::Kafka,
            node: NodeId(1),
            holder: None,
        };
        let rival = rival.map(|name| name.parse().unwrap());
        ContestedPort { taken, rival, keep }
    }

    #[test]
    fn what_is_advised_works() {
        let new = contested(None, Keep::Chosen).cures().join("; ");
        assert!(new.contains("--port-base PORT"), "{new}");
        let stored = contested(Some("blue"), Keep::Stored("dev".parse().unwrap()));
        assert!(stored.to_string().ends_with("is taken, of cluster blue"));
        let stored = stored.cures().join("; ");
        assert!(
            stored.starts_with("chronik-dev down --cluster blue"),
            "{stored}"
        );
        // A stored cluster refuses another base.
        assert!(!stored.contains("--port-base"), "{stored}");
    }
}
