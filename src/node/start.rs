//! A node's life from its first bind to its last sync.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use super::broker::Broker;
use super::bugs;
use super::cluster::{
    Cluster, Door, Foundation, PeerRequests, Readiness, run_control, run_hosting, run_readiness,
};
use super::http;
use super::identity::{self, Births};
use super::life::{self, Farewell, HasParent};
use super::link::Links;
use super::metadata::MetadataApplier;
use super::partition::Surroundings;
use super::raft::{
    Announcer, Around, Claims, Elections, Group, Host, Members, Parts, Past, RaftInbox, Signals,
    Survivors, hand_over,
};
use super::report::report;
use super::search::{self, FanOut, Search};
use super::storage::{LogKind, Storage, StorageError, StorageOptions};
use crate::ports;
use crate::spec::{BootId, GroupId, NodeExit, NodeReport, NodeSpec};

/// The Raft cores of a leaving node end within this time, or are left behind.
const CORES_END: Duration = Duration::from_secs(1);
/// The same, and the links', where the lifeline has ended: such a node is gone within a second,
/// its last sync included, whatever its peers do meanwhile.
const CORES_END_AT_ONCE: Duration = Duration::from_millis(200);

/// Why a node cannot go on.
#[derive(Debug)]
pub(in crate::node) struct Failure {
    pub(in crate::node) exit: NodeExit,
    pub(in crate::node) what: String,
    pub(in crate::node) hint: Option<String>,
}

impl Failure {
    pub(in crate::node) fn precondition(what: String) -> Self {
        Self {
            exit: NodeExit::Precondition,
            what,
            hint: None,
        }
    }

    pub(in crate::node) fn io(what: &str, error: &std::io::Error) -> Self {
        Self {
            exit: NodeExit::Precondition,
            what: format!("{what}: {error}"),
            hint: None,
        }
    }

    fn storage(error: &StorageError) -> Self {
        let exit = match error {
            StorageError::Refused(_) => NodeExit::Precondition,
            StorageError::Io { .. } => NodeExit::Storage,
        };
        Self {
            exit,
            what: error.to_string(),
            hint: None,
        }
    }
}

/// A node that runs, and what ends with it.
struct Node {
    cluster: Cluster,
    broker: Broker,
    leaving: watch::Sender<bool>,
    open: watch::Receiver<bool>,
    opened: watch::Sender<bool>,
}

/// Runs the node until it leaves.
///
/// 1. the data directory and the ports are taken, the storage is opened and verified
/// 2. the peers are dialled, the metadata group runs, partitions follow from it
/// 3. Kafka clients come in when the metadata leader is known and its commits are applied
/// 4. a farewell: leaderships are handed over (SIGTERM), listeners close, everything is synced
pub(in crate::node) async fn live(spec: NodeSpec) -> Result<(), Failure> {
    let has_parent = if spec.parent_pid.is_some() {
        HasParent::Yes
    } else {
        HasParent::No
    };
    bugs::plant(&spec);
    let hold = identity::take(&spec)?;
    check_ports(&spec)?;
    let node = start(spec).await?;
    let (stop, stopped) = watch::channel(false);
    let broker = node
        .broker
        .clone()
        .run(node.open.clone(), node.opened.clone(), stopped);
    tokio::pin!(broker);
    let farewell = tokio::select! {
        farewell = life::farewell(has_parent) => {
            farewell.map_err(|error| Failure::io("cannot wait for signals", &error))?
        }
        error = &mut broker => return Err(Failure::precondition(error)),
        failed = node.cluster.storage().failed() => return Err(disk_failed(&failed)),
        failed = alarm(&node.cluster) => return Err(disk_failed(&failed)),
    };
    report(&NodeReport::Leaving);
    node.leaving.send_replace(true);
    node.cluster.links().leave();
    tokio::select! {
        () = leave(&node, farewell, &mut broker, stop) => {}
        () = life::insisted(has_parent, farewell) => tracing::warn!("asked twice: leaving at once"),
    }
    drop(hold);
    Ok(())
}

/// Ends when a group's core has ended with an error.
async fn alarm(cluster: &Cluster) -> String {
    let mut alarm = cluster.signals().alarm.subscribe();
    match alarm.wait_for(Option::is_some).await {
        Ok(what) => what.clone().unwrap_or_default(),
        // The sender is in what this call holds.
        Err(_) => std::future::pending().await,
    }
}

fn disk_failed(error: &str) -> Failure {
    Failure {
        exit: NodeExit::Storage,
        what: format!("the disk failed: {error}"),
        hint: Some("a failed sync is never repeated; make room or replace the disk, then start the node again".to_owned()),
    }
}

async fn leave(
    node: &Node,
    farewell: Farewell,
    broker: impl Future<Output = String>,
    stop: watch::Sender<bool>,
) {
    if farewell == Farewell::HandOver {
        bugs::begin_to_leave().await;
        // Still serving: the broker's future runs on while leaderships move.
        tokio::pin!(broker);
        tokio::select! {
            () = hand_over(node.cluster.host(), node.cluster.links(), node.cluster.claims()) => {}
            error = &mut broker => tracing::warn!(error, "the listeners closed early"),
        }
        stop.send_replace(true);
        let closed = tokio::time::timeout(Duration::from_secs(1), broker);
        drop(closed.await);
    }
    stop.send_replace(true);
    let groups = node.cluster.host().all();
    let ended = join_all(groups.iter().map(|group| group.shutdown()));
    let within = match farewell {
        Farewell::HandOver => CORES_END,
        Farewell::AtOnce => CORES_END_AT_ONCE,
    };
    if tokio::time::timeout(within, ended).await.is_err() {
        tracing::warn!("not every Raft core ended in time");
    }
    let closed = tokio::time::timeout(within, node.cluster.links().close());
    if closed.await.is_err() {
        tracing::warn!("the links did not close in time");
    }
    let storage = node.cluster.storage().clone();
    let closed = tokio::task::spawn_blocking(move || storage.close()).await;
    match closed {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "the last sync failed"),
        Err(error) => tracing::error!(%error, "the storage did not close"),
    }
    node.cluster.tasks().close();
}

/// A port that is taken is noticed before anything is written.
fn check_ports(spec: &NodeSpec) -> Result<(), Failure> {
    match ports::bind_loopback(spec.ports.kafka) {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::precondition(error.to_string())),
    }
}

async fn start(spec: NodeSpec) -> Result<Node, Failure> {
    let (metrics_port, search_port) = (spec.ports.metrics, spec.ports.search);
    let (ground, survivors, requests) = lay_ground(spec).await?;
    let (cluster, blank_term, ticks) = build(ground).await?;
    requests.open(cluster.clone());
    let tasks = cluster.tasks().clone();
    let (leaving, leaving_seen) = watch::channel(false);
    let parts = Parts {
        me: (cluster.spec().node, cluster.boot()),
        host: cluster.host().clone(),
        claims: cluster.claims().clone(),
        links: cluster.links().clone(),
        leaving: leaving_seen.clone(),
        stir: cluster.signals().stir.subscribe(),
    };
    tasks.spawn(Elections::new(parts, survivors).run());
    tasks.spawn(run_hosting(cluster.clone()));
    tasks.spawn(run_control(cluster.clone(), ticks, blank_term));
    let (ready, ready_seen) = watch::channel(Readiness::NotReady("to start".to_owned()));
    let (open, open_seen) = watch::channel(false);
    let (opened, opened_seen) = watch::channel(false);
    let door = Door {
        open,
        opened: opened_seen,
    };
    tasks.spawn(run_readiness(cluster.clone(), door, ready));
    let broker = Broker::new(cluster.clone());
    let index = search_port.map(|_| Search::start(&cluster));
    let sources = http::Sources {
        cluster: cluster.clone(),
        broker: Arc::clone(broker.stats()),
        search: index.clone().map(search_lags),
    };
    let face = http::Face::new(sources, ready_seen, leaving_seen);
    serve_http(&face, metrics_port, &tasks)?;
    if let (Some(port), Some(index)) = (search_port, index) {
        requests.open_questions(Arc::new(index.clone()));
        let face = search::Face::new(FanOut::new(cluster.clone(), index), face);
        serve_search(&face, port, &tasks)?;
    }
    report(&NodeReport::Bound);
    Ok(Node {
        cluster,
        broker,
        leaving,
        open: open_seen,
        opened,
    })
}

/// What stands before the first group runs: the disk and the links.
struct Ground {
    spec: NodeSpec,
    boot: BootId,
    storage: Storage,
    links: Links,
    host: Host,
    claims: Claims,
    births: Births,
}

async fn lay_ground(spec: NodeSpec) -> Result<(Ground, Survivors, PeerRequests), Failure> {
    let boot = BootId(rand::random());
    let births = Births::read(&spec.data_dir)?;
    let storage = open_storage(&spec)?;
    let (host, claims, requests) = (Host::default(), Claims::default(), PeerRequests::default());
    let upstairs = Arc::new(requests.clone());
    let (inbox, survivors) = RaftInbox::new(host.clone(), claims.clone(), upstairs, births.clone());
    let links = Links::start(&spec, boot, Arc::new(inbox)).await;
    let links = links.map_err(|error| Failure::io("the peer port cannot be bound", &error))?;
    Ok((
        Ground {
            spec,
            boot,
            storage,
            links,
            host,
            claims,
            births,
        },
        survivors,
        requests,
    ))
}

/// Starts the metadata group and builds the view over it.
async fn build(
    ground: Ground,
) -> Result<(Cluster, watch::Receiver<u64>, watch::Sender<u64>), Failure> {
    let Ground {
        spec,
        boot,
        storage,
        links,
        host,
        claims,
        births,
    } = ground;
    let peers = spec.peers.iter().map(|peer| peer.id).collect();
    let announcer = Announcer::new((spec.node, boot), claims.clone(), links.clone(), peers);
    let (ticks, ticks_seen) = watch::channel(0);
    let around = Surroundings {
        claims,
        announcer,
        peers: links.peers(),
        ticks: ticks_seen,
        settings: Arc::new(spec.settings.clone()),
    };
    let tasks = TaskTracker::new();
    let (applier, image, blank_term) = MetadataApplier::new();
    let log = storage.group(GroupId::METADATA, LogKind::Opaque);
    let log = log.map_err(|error| Failure::storage(&error))?;
    bugs::found_metadata(log.state().last.map(|last| last.index));
    // An empty metadata log has a vote in the first formation only.
    let past = Past::MayBeLost;
    let members = Members {
        me: spec.node,
        voters: spec.node_ids(),
        past,
    };
    let applier = Box::new(applier);
    let signals = Signals::default();
    let raft_around = Around {
        links: &links,
        signals: &signals,
        tasks: &tasks,
    };
    let group = Group::start(GroupId::METADATA, members, log, applier, raft_around).await;
    host.insert(group.map_err(|error| Failure::io("the metadata group cannot start", &error))?);
    let cluster = Cluster::new(Foundation {
        spec,
        boot,
        storage,
        links,
        host,
        image,
        around,
        tasks,
        births,
        signals,
    });
    Ok((cluster, blank_term, ticks))
}

fn serve_http(face: &http::Face, port: u16, tasks: &TaskTracker) -> Result<(), Failure> {
    let listeners = ports::bind_loopback(port);
    let listeners = listeners.map_err(|error| Failure::precondition(error.to_string()))?;
    for listener in listeners {
        tasks.spawn(http::serve(listener, face.clone()));
    }
    Ok(())
}

fn serve_search(face: &search::Face, port: u16, tasks: &TaskTracker) -> Result<(), Failure> {
    let listeners = ports::bind_loopback(port);
    let listeners = listeners.map_err(|error| Failure::precondition(error.to_string()))?;
    for listener in listeners {
        tasks.spawn(search::serve(listener, face.clone()));
    }
    Ok(())
}

fn search_lags(index: Search) -> http::SearchLags {
    let lag = |(topic, partition, records)| http::SearchLag {
        topic,
        partition,
        records,
    };
    Arc::new(move || index.lags().into_iter().map(lag).collect())
}

fn open_storage(spec: &NodeSpec) -> Result<Storage, Failure> {
    let options = StorageOptions {
        sync: spec.settings.sync(),
        wal_bytes: spec.settings.wal_bytes(),
        segment_bytes: spec.settings.segment_bytes(),
    };
    let (storage, damage) =
        Storage::open(&spec.data_dir, options).map_err(|error| Failure::storage(&error))?;
    for found in &damage {
        tracing::error!(group = %found.group, what = found.what, "a damaged log is set aside and fetched again");
    }
    Ok(storage)
}
