//! Everything before the first spawn: the spec that is stored or made, and its ports.
//!
//! A stored cluster keeps its nodes and ports; what was asked and contradicts them is refused.
//! [`plan`] answers the same question without touching anything (`--dry-run`).

use std::path::{Path, PathBuf};
use std::time::Duration;

use rand::RngCore;
use tokio::time::{Instant, sleep};

use super::contested::{ContestedPort, Keep};
use super::directory::{Claim, ClaimedDir, ClusterDir, DirectoryError, claim, find, spec_in};
use super::ladder::Formation;
use super::places::Places;
use super::request::{Home, LaunchRequest, Links, PortWish, SearchWish};
use crate::ports::{
    self, Acquired, LeaseError, LockError, PlanPolicy, PortLease, PortLocks, SearchPorts,
};
use crate::spec::defaults::{MAX_RELAYED_NODES, NODES, PORT_BASE};
use crate::spec::{ClusterId, ClusterSpec, PortPlan, Settings};

/// The nodes of a killed supervisor are gone by then: the promise.
const LAST_NODES_GONE: Duration = Duration::from_secs(1);
/// Between two attempts to lease.
const LEASE_AGAIN: Duration = Duration::from_millis(5);

/// Why a cluster cannot be prepared.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// Its directory.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// What was asked contradicts what is stored.
    #[error("cluster {cluster} is stored with {stored}, and {asked} was asked for")]
    Mismatch {
        /// The cluster.
        cluster: String,
        /// What is stored: "3 nodes".
        stored: String,
        /// What was asked: "5 nodes".
        asked: String,
    },
    /// The directory that was named is another cluster's.
    #[error("{} is the directory of cluster {found} (id {id}), and {asked} was asked for", path.display())]
    WrongCluster {
        /// The directory.
        path: PathBuf,
        /// Whose it is.
        found: String,
        /// That cluster's id.
        id: ClusterId,
        /// The cluster that was asked for.
        asked: String,
    },
    /// One of its ports.
    #[error(transparent)]
    Taken(#[from] ContestedPort),
    /// Its ports.
    #[error(transparent)]
    Ports(LeaseError),
    /// The directory of port locks.
    #[error(transparent)]
    Locks(#[from] LockError),
}

/// A cluster whose directory and ports are ours.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) claimed: ClaimedDir,
    pub(super) spec: ClusterSpec,
    pub(super) formation: Formation,
    pub(super) lease: PortLease,
    pub(super) links: Links,
    /// What the user should know of it.
    pub(super) notices: Vec<String>,
}

/// A claimed directory, or the one that somebody else has.
pub(super) fn take(places: &Places, request: &LaunchRequest) -> Result<Claim, PrepareError> {
    if let Home::Chosen(path) = &request.home {
        refuse_foreign(path, request)?;
    }
    Ok(claim(places, &request.cluster, &request.home)?)
}

/// Refuses a directory that another cluster's spec lies in, before anything is linked to it.
fn refuse_foreign(path: &Path, request: &LaunchRequest) -> Result<(), PrepareError> {
    // A directory that cannot be read, or whose spec is damaged, is told of when it is claimed.
    spec_in(path).map_or(Ok(()), |spec| refuse_name(path, &spec, request))
}

fn refuse_name(
    path: &Path,
    spec: &ClusterSpec,
    request: &LaunchRequest,
) -> Result<(), PrepareError> {
    if spec.name == request.cluster.as_str() {
        return Ok(());
    }
    Err(PrepareError::WrongCluster {
        path: path.to_owned(),
        found: spec.name.clone(),
        id: spec.id,
        asked: request.cluster.to_string(),
    })
}

/// Makes or loads the spec and leases the ports.
///
/// A directory that was made for this and never got a spec is removed again.
pub(super) async fn prepare(
    places: &Places,
    claimed: ClaimedDir,
    request: &LaunchRequest,
) -> Result<Prepared, PrepareError> {
    match prepare_spec(places, claimed.dir(), request).await {
        Ok((spec, lease, notices)) => Ok(Prepared {
            formation: formation(claimed.dir()),
            links: if spec.direct {
                Links::Direct
            } else {
                Links::Relayed
            },
            claimed,
            spec,
            lease,
            notices,
        }),
        Err(error) => {
            if matches!(claimed.dir().load_spec(), Ok(None)) && !is_set_aside(&error) {
                claimed.wipe()?;
            }
            Err(error)
        }
    }
}

fn is_set_aside(error: &PrepareError) -> bool {
    matches!(error, PrepareError::Directory(_))
}

fn formation(dir: &ClusterDir) -> Formation {
    if dir.formed() {
        Formation::Again
    } else {
        Formation::First
    }
}

async fn prepare_spec(
    places: &Places,
    dir: &ClusterDir,
    request: &LaunchRequest,
) -> Result<(ClusterSpec, PortLease, Vec<String>), PrepareError> {
    let locks = Places::port_locks()?;
    let stored = dir.load_or_set_aside()?;
    let mut notices = Vec::new();
    let (mut spec, lease) = if let Some(spec) = stored.clone() {
        refuse_name(dir.path(), &spec, request)?;
        check(&spec, request)?;
        let lease = lease_again(&locks, &spec.ports).await;
        (
            spec,
            lease.map_err(|error| contested(places, kept(request), error))?,
        )
    } else {
        let acquired = acquire(places, &locks, request)?;
        if acquired.moved_by > 0 {
            notices.push(moved(acquired.moved_by));
        }
        (new_spec(request, acquired.lease.plan()), acquired.lease)
    };
    for (key, value) in request.settings.iter() {
        let set = spec.settings.set(key, value);
        set.expect("the settings of a request were checked when they were read");
    }
    let many = spec.nodes() > MAX_RELAYED_NODES;
    if many && request.links == Links::Relayed {
        notices.push(without_relays(spec.nodes()));
    }
    spec.direct = many || request.links == Links::Direct;
    if stored.as_ref() != Some(&spec) {
        dir.save_spec(&spec)?;
    }
    Ok((spec, lease, notices))
}

/// Leases the ports of a stored cluster.
///
/// When its supervisor was killed an instant ago, its nodes may still be on their way out: a
/// taken port is tried again for as long as that may take.
async fn lease_again(locks: &PortLocks, plan: &PortPlan) -> Result<PortLease, LeaseError> {
    let deadline = Instant::now() + LAST_NODES_GONE;
    loop {
        match ports::lease(locks, plan.clone()) {
            Err(LeaseError::Taken(_)) if Instant::now() < deadline => sleep(LEASE_AGAIN).await,
            other => return other,
        }
    }
}

/// Finds and leases the ports of a new cluster.
fn acquire(
    places: &Places,
    locks: &PortLocks,
    request: &LaunchRequest,
) -> Result<Acquired, PrepareError> {
    let nodes = usize::from(request.nodes.unwrap_or(NODES));
    let acquired = ports::acquire(locks, nodes, search(request), policy(request));
    acquired.map_err(|error| contested(places, Keep::Chosen, error))
}

fn kept(request: &LaunchRequest) -> Keep {
    Keep::Stored(request.cluster.clone())
}

fn contested(places: &Places, keep: Keep, error: LeaseError) -> PrepareError {
    match error {
        LeaseError::Taken(taken) => ContestedPort::new(places, keep, taken).into(),
        other => PrepareError::Ports(other),
    }
}

fn moved(by: u16) -> String {
    format!("a port of the default plan is taken: all ports moved up by {by}")
}

fn without_relays(nodes: usize) -> String {
    format!(
        "{nodes} nodes are more than {MAX_RELAYED_NODES}: links go without relays, and `net` \
         cannot break them"
    )
}

fn new_spec(request: &LaunchRequest, plan: &PortPlan) -> ClusterSpec {
    ClusterSpec {
        name: request.cluster.to_string(),
        id: ClusterId::random(),
        secret: secret(),
        ports: plan.clone(),
        settings: Settings::default(),
        direct: false,
        ephemeral: request.home == Home::Ephemeral,
    }
}

/// 32 random bytes in hex.
fn secret() -> String {
    use std::fmt::Write;
    let mut bytes = [0; 32];
    rand::rng().fill_bytes(&mut bytes);
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes everything");
        text
    })
}

fn search(request: &LaunchRequest) -> SearchPorts {
    match request.search {
        SearchWish::Unsaid => SearchPorts::On,
        SearchWish::Off => SearchPorts::Off,
    }
}

fn policy(request: &LaunchRequest) -> PlanPolicy {
    match request.ports {
        PortWish::Unsaid => PlanPolicy::Default,
        PortWish::Base(base) => PlanPolicy::Asked(base),
        PortWish::Random => PlanPolicy::Random,
    }
}

/// Refuses a request that contradicts a stored cluster.
pub(super) fn check(spec: &ClusterSpec, request: &LaunchRequest) -> Result<(), PrepareError> {
    let mismatch = |stored: String, asked: String| {
        Err(PrepareError::Mismatch {
            cluster: spec.name.clone(),
            stored,
            asked,
        })
    };
    if let Some(nodes) = request.nodes.filter(|n| usize::from(*n) != spec.nodes()) {
        return mismatch(format!("{} nodes", spec.nodes()), format!("{nodes}"));
    }
    let base = spec.ports.0[0].kafka;
    if let PortWish::Base(asked) = request.ports
        && asked != base
    {
        return mismatch(format!("port base {base}"), format!("{asked}"));
    }
    let has_search = spec.ports.0[0].search.is_some();
    if request.search == SearchWish::Off && has_search {
        return mismatch(String::from("search"), String::from("--no-search"));
    }
    if request.home == Home::Ephemeral && !spec.ephemeral {
        let stored = String::from("data that is kept");
        return mismatch(stored, String::from("--ephemeral"));
    }
    Ok(())
}

/// Refuses a directory when the cluster is stored in another one.
fn refuse_elsewhere(stored: Option<&ClusterDir>, chosen: &Path) -> Result<(), PrepareError> {
    let chosen = std::fs::canonicalize(chosen).ok();
    match stored.filter(|dir| Some(dir.path()) != chosen.as_deref()) {
        Some(dir) => Err(DirectoryError::Elsewhere(dir.path().to_owned()).into()),
        None => Ok(()),
    }
}

/// What a request would run, without touching anything.
#[derive(Debug, Clone, PartialEq)]
pub struct DryRun {
    /// The ports.
    pub ports: PortPlan,
    /// The cluster's directory, when it exists.
    pub directory: Option<ClusterDir>,
    /// Whether the cluster is stored.
    pub stored: bool,
    /// How its links would go.
    pub links: Links,
    /// What the user should know of it.
    pub notices: Vec<String>,
}

/// Answers what a request would run, or what would keep it from running.
pub fn dry_run(places: &Places, request: &LaunchRequest) -> Result<DryRun, PrepareError> {
    let directory = find(places, &request.cluster);
    if let Home::Chosen(path) = &request.home {
        refuse_foreign(path, request)?;
        refuse_elsewhere(directory.as_ref(), path)?;
    }
    let stored = directory
        .as_ref()
        .map(ClusterDir::load_spec)
        .transpose()?
        .flatten();
    let mut notices = Vec::new();
    // Whoever runs it has its ports.
    let runs = directory.as_ref().is_some_and(ClusterDir::is_locked);
    let ports = match &stored {
        Some(spec) => {
            check(spec, request)?;
            if !runs {
                let lease = ports::lease(&Places::port_locks()?, spec.ports.clone());
                lease.map_err(|error| contested(places, kept(request), error))?;
            }
            spec.ports.clone()
        }
        None if runs => planned(request)?,
        None => {
            let acquired = acquire(places, &Places::port_locks()?, request)?;
            notices.extend((acquired.moved_by > 0).then(|| moved(acquired.moved_by)));
            acquired.lease.plan().clone()
        }
    };
    let many = ports.0.len() > MAX_RELAYED_NODES;
    Ok(DryRun {
        links: if many { Links::Direct } else { request.links },
        ports,
        directory,
        stored: stored.is_some(),
        notices,
    })
}

/// The plan of a cluster that is being made at this moment: its own maker finds the ports.
fn planned(request: &LaunchRequest) -> Result<PortPlan, PrepareError> {
    let nodes = usize::from(request.nodes.unwrap_or(NODES));
    let base = match request.ports {
        PortWish::Base(base) => base,
        PortWish::Unsaid | PortWish::Random => PORT_BASE,
    };
    let plan = ports::plan(nodes, base, search(request));
    plan.map_err(|error| PrepareError::Ports(error.into()))
}
