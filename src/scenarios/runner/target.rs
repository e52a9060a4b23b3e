//! The cluster that a scenario runs on: one of its own, a running one of ours, or any other.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinSet;

use super::Plan;
use crate::client::bootstrap;
use crate::scenarios::halt::Halt;
use crate::scenarios::history::{Event, NodeEvent, NodeLife};
use crate::scenarios::workload::{Brokers, Recorder, brokers};
use crate::spec::{ClusterSpec, NodeId, Ports};
use crate::supervisor::{
    ClusterEvent, ClusterHandle, ClusterName, Guard, LaunchRequest, Launched, News, Spawner,
    Trouble, TroubleCode, launch, locate,
};

/// A broker that is met for the first time.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// What is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A fresh cluster of this many nodes, removed at the end.
    Fresh(u16),
    /// A running cluster of ours, left healed.
    Named(ClusterName),
    /// Any Kafka-compatible cluster, with no way in but its protocol.
    Foreign(Vec<SocketAddr>),
}

impl Target {
    /// Whether processes and links can be broken here.
    pub fn can_be_broken(&self) -> bool {
        !matches!(self, Self::Foreign(_))
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fresh(nodes) => write!(f, "a fresh cluster of {nodes} nodes"),
            Self::Named(name) => write!(f, "cluster {name}"),
            Self::Foreign(addrs) => {
                let addrs: Vec<String> = addrs.iter().map(ToString::to_string).collect();
                f.write_str(&addrs.join(","))
            }
        }
    }
}

/// The cluster, met.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) brokers: Brokers,
    /// Where nodes of ours answer HTTP.
    pub(super) metrics: BTreeMap<NodeId, SocketAddr>,
    /// Where nodes of ours are searched; empty while search is off.
    pub(super) search: BTreeMap<NodeId, SocketAddr>,
    pub(super) handle: Option<ClusterHandle>,
    launched: Option<Launched>,
    /// Mends a cluster that outlives this process, when that is killed.
    guard: Option<Guard>,
    news: JoinSet<()>,
}

/// The nodes that a history's header names, as far as they are known before the cluster is met.
pub(super) async fn nodes(plan: &Plan) -> Result<Vec<NodeId>, Halt> {
    match &plan.target {
        Target::Fresh(nodes) => Ok((1..=u64::from(*nodes)).map(NodeId).collect()),
        Target::Named(name) => Ok(locate(&plan.places, name)?.node_ids().collect()),
        Target::Foreign(addrs) => {
            let (_, view) = bootstrap::any(addrs, ANSWER_WITHIN).await?;
            Ok(view.brokers.iter().map(|broker| broker.id).collect())
        }
    }
}

impl Site {
    /// Starts or meets the cluster; what happens to its nodes is recorded from here on.
    pub(super) async fn open(plan: &Plan, recorder: &Recorder) -> Result<Self, Halt> {
        match &plan.target {
            Target::Fresh(nodes) => Self::fresh(plan, *nodes, recorder).await,
            Target::Named(name) => {
                let handle = ClusterHandle::connect(&plan.places, name).await?;
                let status = handle.wait_ready(ANSWER_WITHIN).await?;
                for node in &status.nodes {
                    note(recorder, node.id, NodeLife::Ready);
                }
                let spec = locate(&plan.places, name)?;
                let guard = handle.guard().await?;
                let site = Self::ours(&spec, handle, None, recorder).await?;
                Ok(Self {
                    guard: Some(guard),
                    ..site
                })
            }
            Target::Foreign(addrs) => Self::foreign(addrs).await,
        }
    }

    async fn fresh(plan: &Plan, nodes: u16, recorder: &Recorder) -> Result<Self, Halt> {
        let name = format!(
            "scenario-{}-{:04x}",
            std::process::id(),
            rand::random::<u16>()
        );
        let name: ClusterName = name.parse().expect("digits and dashes are a name");
        let request = LaunchRequest {
            nodes: Some(nodes),
            settings: plan.settings.clone(),
            ..LaunchRequest::ephemeral(name.clone())
        };
        let log = plan.places.open_supervisor_log(&name);
        let log = log.map_err(|error| Trouble::of(TroubleCode::Precondition, &error))?;
        let refused = |error: std::io::Error| Trouble::of(TroubleCode::Precondition, &error);
        let spawner = Spawner::own().map_err(refused)?;
        let mut launched = launch(&spawner, &request, log).await.map_err(refused)?;
        launched.ready(|event| record(recorder, event)).await?;
        let handle = ClusterHandle::connect(&plan.places, &name).await?;
        let spec = locate(&plan.places, &name)?;
        Self::ours(&spec, handle, Some(launched), recorder).await
    }

    async fn ours(
        spec: &ClusterSpec,
        handle: ClusterHandle,
        launched: Option<Launched>,
        recorder: &Recorder,
    ) -> Result<Self, Halt> {
        let mut news = JoinSet::new();
        news.spawn(listen(handle.subscribe().await?, recorder.clone()));
        let plans = || spec.node_ids().zip(&spec.ports.0);
        let kafka = plans().map(|(node, ports): (NodeId, &Ports)| (node, local(ports.kafka)));
        let metrics = plans().map(|(node, ports)| (node, local(ports.metrics)));
        let search = plans().filter_map(|(node, ports)| Some((node, local(ports.search?))));
        Ok(Self {
            brokers: brokers(kafka),
            metrics: metrics.collect(),
            search: search.collect(),
            handle: Some(handle),
            launched,
            guard: None,
            news,
        })
    }

    async fn foreign(addrs: &[SocketAddr]) -> Result<Self, Halt> {
        let (_, view) = bootstrap::any(addrs, ANSWER_WITHIN).await?;
        let known = view.brokers.iter();
        let known = known.filter_map(|broker| Some((broker.id, broker.addr?)));
        Ok(Self {
            brokers: brokers(known),
            metrics: BTreeMap::new(),
            search: BTreeMap::new(),
            handle: None,
            launched: None,
            guard: None,
            news: JoinSet::new(),
        })
    }

    /// Records nothing more of what happens to the nodes.
    pub(super) async fn deafen(&mut self) {
        self.news.shutdown().await;
    }

    /// Stops and removes a cluster that was started for the scenario; leaves any other as it is.
    pub(super) async fn close(self) -> Result<(), Trouble> {
        if let Some(guard) = self.guard {
            guard.release().await?;
        }
        match self.launched {
            Some(launched) => launched.stop().await,
            None => Ok(()),
        }
    }
}

async fn listen(mut news: News, recorder: Recorder) {
    while let Some(event) = news.next().await {
        record(&recorder, &event);
    }
}

fn record(recorder: &Recorder, event: &ClusterEvent) {
    match event {
        ClusterEvent::NodeSpawned { node, pid } => {
            note(recorder, *node, NodeLife::Spawned { pid: *pid });
        }
        ClusterEvent::NodeReady { node } => note(recorder, *node, NodeLife::Ready),
        ClusterEvent::NodeExited {
            node,
            exit,
            unasked,
        } => {
            let status = exit.to_string();
            let asked = !unasked;
            note(recorder, *node, NodeLife::Exited { status, asked });
        }
        _ => {}
    }
}

fn note(recorder: &Recorder, node: NodeId, life: NodeLife) {
    let at = recorder.now();
    recorder.record(Event::Node(NodeEvent { at, node, life }));
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}
