//! A node's life from its first bind to its last sync.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use super::cluster::{
    Cluster, Foundation, PeerRequests, Readiness, run_control, run_hosting, run_readiness,
};
use super::http;
use super::identity;
use super::life::{self, Farewell, HasParent};
use super::link::Links;
use super::metadata::MetadataApplier;
use super::partition::Surroundings;
use super::raft::{
    Announcer, Claims, Elections, Group, Host, Members, Parts, RaftInbox, hand_over,
};
use super::report::Reporter;
use super::storage::{LogKind, Storage, StorageError, StorageOptions};
use crate::ports;
use crate::spec::{BootId, GroupId, NodeExit, NodeReport, NodeSpec};

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
    storage: Storage,
    links: Links,
    tasks: TaskTracker,
    leaving: watch::Sender<bool>,
    ready: watch::Receiver<Readiness>,
    serve: watch::Receiver<bool>,
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
    let hold = identity::take(&spec)?;
    check_ports(&spec)?;
    let node = start(spec).await?;
    let (stop, stopped) = watch::channel(false);
    let broker = super::broker::run(&node.cluster, node.serve.clone(), stopped);
    tokio::pin!(broker);
    let farewell = tokio::select! {
        farewell = life::farewell(has_parent) => {
            farewell.map_err(|error| Failure::io("cannot wait for signals", &error))?
        }
        error = &mut broker => return Err(Failure::precondition(error)),
        failed = node.storage.failed() => return Err(disk_failed(&failed)),
    };
    Reporter.report(&NodeReport::Leaving);
    node.leaving.send_replace(true);
    node.links.leave();
    tokio::select! {
        () = leave(&node, farewell, &mut broker, stop) => {}
        () = life::insisted(has_parent) => tracing::warn!("asked twice: leaving at once"),
    }
    drop(hold);
    Ok(())
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
        // Still serving: the broker's future runs on while leaderships move.
        tokio::pin!(broker);
        tokio::select! {
            () = hand_over(node.cluster.host(), &node.links) => {}
            error = &mut broker => tracing::warn!(error, "the listeners closed early"),
        }
        stop.send_replace(true);
        let closed = tokio::time::timeout(std::time::Duration::from_secs(1), broker);
        drop(closed.await);
    }
    for group in node.cluster.host().all() {
        group.shutdown().await;
    }
    node.links.close().await;
    if let Err(error) = node.storage.close() {
        tracing::error!(%error, "the last sync failed");
    }
    node.tasks.close();
}

/// A port that is taken is noticed before anything is written.
fn check_ports(spec: &NodeSpec) -> Result<(), Failure> {
    match ports::bind_loopback(spec.ports.kafka) {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::precondition(error.to_string())),
    }
}

async fn start(spec: NodeSpec) -> Result<Node, Failure> {
    let boot = BootId(rand::random());
    let storage = open_storage(&spec)?;
    let tasks = TaskTracker::new();
    let (host, claims, requests) = (Host::default(), Claims::default(), PeerRequests::default());
    let upstairs = Arc::new(requests.clone());
    let (inbox, survivors) = RaftInbox::new(host.clone(), claims.clone(), upstairs);
    let links = Links::start(&spec, boot, Arc::new(inbox)).await;
    let links = links.map_err(|error| Failure::io("the peer port cannot be bound", &error))?;
    let me = (spec.node, boot);
    let peers = spec.peers.iter().map(|peer| peer.id).collect();
    let announcer = Announcer::new(me, claims.clone(), links.clone(), peers);
    let (ticks, ticks_seen) = watch::channel(0);
    let around = Surroundings {
        claims: claims.clone(),
        announcer,
        peers: links.peers(),
        ticks: ticks_seen,
        settings: Arc::new(spec.settings.clone()),
    };

    let (applier, image, blank_term) = MetadataApplier::new();
    let log = storage.group(GroupId::METADATA, LogKind::Opaque);
    let log = log.map_err(|error| Failure::storage(&error))?;
    let members = Members {
        me: spec.node,
        voters: spec.node_ids(),
    };
    let applier = Box::new(applier);
    let group = Group::start(
        GroupId::METADATA,
        members,
        log,
        applier,
        links.clone(),
        &tasks,
    )
    .await;
    host.insert(group.map_err(|error| Failure::io("the metadata group cannot start", &error))?);

    let (leaving, leaving_seen) = watch::channel(false);
    let parts = Parts {
        me,
        host: host.clone(),
        claims,
        links: links.clone(),
        leaving: leaving_seen,
    };
    tasks.spawn(Elections::new(parts, survivors).run());
    let cluster = Cluster::new(Foundation {
        spec,
        boot,
        storage: storage.clone(),
        links: links.clone(),
        host,
        image,
        around,
        tasks: tasks.clone(),
    });
    requests.open(cluster.clone());
    tasks.spawn(run_hosting(cluster.clone()));
    tasks.spawn(run_control(cluster.clone(), ticks, blank_term));
    let (ready, ready_seen) = watch::channel(Readiness::NotReady("to start".to_owned()));
    let (serve, serve_seen) = watch::channel(false);
    tasks.spawn(run_readiness(cluster.clone(), Reporter, serve, ready));
    serve_http(&cluster, &ready_seen, &leaving, &tasks)?;
    Reporter.report(&NodeReport::Bound);
    Ok(Node {
        cluster,
        storage,
        links,
        tasks,
        leaving,
        ready: ready_seen,
        serve: serve_seen,
    })
}

fn serve_http(
    cluster: &Cluster,
    ready: &watch::Receiver<Readiness>,
    leaving: &watch::Sender<bool>,
    tasks: &TaskTracker,
) -> Result<(), Failure> {
    let listeners = ports::bind_loopback(cluster.spec().ports.metrics);
    let listeners = listeners.map_err(|error| Failure::precondition(error.to_string()))?;
    let face = http::Face::new(cluster.clone(), ready.clone(), leaving.subscribe());
    for listener in listeners {
        tasks.spawn(http::serve(listener, face.clone()));
    }
    Ok(())
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
