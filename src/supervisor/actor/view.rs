//! The picture of the cluster that the actor publishes.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::time::Instant;

use super::Supervisor;
use crate::supervisor::event::ClusterEvent;
use crate::supervisor::relay::Relays;
use crate::supervisor::status::{ClusterState, ClusterStatus, FaultView, NodeView};

impl Supervisor {
    /// Shows the current picture to everybody who watches.
    pub(super) fn publish(&self) {
        self.view.send_replace(Arc::new(self.status()));
    }

    /// The cluster as it is now.
    pub(super) fn status(&self) -> ClusterStatus {
        let leader = self.leader.map(|(leader, _)| leader);
        let nodes: Vec<NodeView> = self.slots.iter().map(|slot| slot.view(leader)).collect();
        ClusterStatus {
            cluster: self.spec.name.clone(),
            state: self.state(&nodes),
            cluster_id: self.spec.id,
            leader: leader.map(|leader| leader.to_string()),
            term: self.leader.map(|(_, term)| term),
            took_ms: self.record.took.map(|took| took.as_secs_f64() * 1e3),
            phases: self.record.phases.clone(),
            bootstrap: self.spec.ports.bootstrap(),
            nodes,
            faults: self.faults(),
            direct: self.spec.direct,
            ephemeral: self.spec.ephemeral,
            supervisor_pid: std::process::id(),
            directory: self.claimed.dir().path().display().to_string(),
        }
    }

    fn state(&self, nodes: &[NodeView]) -> ClusterState {
        if self.stopping.is_some() {
            return ClusterState::Stopping;
        }
        if self.forming.is_some() {
            return ClusterState::Starting;
        }
        if nodes.iter().all(NodeView::is_ready) {
            ClusterState::Ready
        } else {
            ClusterState::Degraded
        }
    }

    /// What is broken on purpose: processes first, then links.
    fn faults(&self) -> Vec<FaultView> {
        let now = Instant::now();
        let processes = self.slots.iter().filter_map(|slot| slot.broken.as_ref());
        let processes = processes.map(|broken| FaultView {
            id: None,
            fault: broken.what.clone(),
            ends_in_ms: broken.until.map(|(at, _)| (at - now).as_secs_f64() * 1e3),
            ends_at: broken.until.map(|(at, _)| at),
        });
        let links = self.relays.iter().flat_map(Relays::faults);
        let left = |until: SystemTime| until.duration_since(SystemTime::now()).unwrap_or_default();
        let links = links.map(|active| FaultView {
            id: Some(active.id.0),
            fault: active.fault.to_string(),
            ends_in_ms: active.until.map(|until| left(until).as_secs_f64() * 1e3),
            ends_at: active.until.map(|until| now + left(until)),
        });
        processes.chain(links).collect()
    }

    pub(super) fn on_faults_changed(&self) {
        let faults = self.faults().into_iter().map(|fault| fault.fault).collect();
        self.tell(ClusterEvent::FaultsChanged { faults });
    }
}
