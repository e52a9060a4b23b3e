//! What this node keeps for one peer: the dialled streams and the newest accepted ones.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::hello::{Greeting, Rejection};
use super::wire::Wire;
use super::{Lane, LinkError};
use crate::spec::{NodeId, Peer};

/// One peer, as its tasks and callers share it.
pub(super) struct Edge {
    /// Who it is and where it is dialled.
    pub(super) peer: Peer,
    /// Dial the control lane now, if it is not standing.
    pub(super) redial: Notify,
    /// Somebody wants the bulk lane.
    pub(super) bulk_wanted: Notify,
    control: Mutex<Option<Arc<Wire>>>,
    bulk: watch::Sender<Bulk>,
    attempts: AtomicU64,
    accepted_control: Mutex<Option<Accepted>>,
    accepted_bulk: Mutex<Option<Accepted>>,
}

/// The dialled bulk stream.
#[derive(Clone, Default)]
struct Bulk {
    wire: Option<Arc<Wire>>,
    /// Attempts that failed.
    failures: u64,
}

/// The newest stream that the peer dialled on one lane.
struct Accepted {
    greeting: Greeting,
    close: CancellationToken,
}

impl Edge {
    /// Nothing stands yet.
    pub(super) fn new(peer: Peer) -> Self {
        Self {
            peer,
            redial: Notify::new(),
            bulk_wanted: Notify::new(),
            control: Mutex::default(),
            bulk: watch::Sender::new(Bulk::default()),
            attempts: AtomicU64::new(0),
            accepted_control: Mutex::default(),
            accepted_bulk: Mutex::default(),
        }
    }

    /// The number of the next attempt to dial.
    pub(super) fn next_attempt(&self) -> u64 {
        self.attempts.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The dialled control stream, when it stands.
    pub(super) fn control(&self) -> Option<Arc<Wire>> {
        lock(&self.control).clone()
    }

    /// The dialled stream of a lane; a bulk stream is dialled for the first who wants it.
    pub(super) async fn wire(&self, lane: Lane) -> Result<Arc<Wire>, LinkError> {
        let down = LinkError::Down(self.peer.id);
        let control = self.control().ok_or(down.clone())?;
        match lane {
            Lane::Control => Ok(control),
            Lane::Bulk => self.bulk().await.ok_or(down),
        }
    }

    async fn bulk(&self) -> Option<Arc<Wire>> {
        let mut bulk = self.bulk.subscribe();
        let now = bulk.borrow_and_update().clone();
        if now.wire.is_some() {
            return now.wire;
        }
        self.bulk_wanted.notify_one();
        let settled = bulk
            .wait_for(|bulk| bulk.wire.is_some() || bulk.failures > now.failures)
            .await;
        settled.ok()?.wire.clone()
    }

    /// A dialled stream stands.
    pub(super) fn stand(&self, lane: Lane, wire: Arc<Wire>) {
        match lane {
            Lane::Control => *lock(&self.control) = Some(wire),
            Lane::Bulk => self.bulk.send_modify(|bulk| bulk.wire = Some(wire)),
        }
    }

    /// The dialled stream of a lane is gone.
    pub(super) fn fall(&self, lane: Lane) {
        match lane {
            Lane::Control => *lock(&self.control) = None,
            Lane::Bulk => self.bulk.send_modify(|bulk| bulk.wire = None),
        }
    }

    /// An attempt to dial the bulk lane failed.
    pub(super) fn bulk_failed(&self) {
        self.bulk.send_modify(|bulk| bulk.failures += 1);
    }

    /// Lets in a stream that the peer dialled, in the place of an older one of the same lane.
    pub(super) fn admit(
        &self,
        greeting: Greeting,
        close: CancellationToken,
    ) -> Result<(), Rejection> {
        let mut accepted = self.accepted(greeting.lane);
        if let Some(older) = &*accepted {
            let newer_stands =
                older.greeting.boot == greeting.boot && older.greeting.attempt > greeting.attempt;
            if newer_stands {
                return Err(Rejection::Outdated {
                    there: greeting.node,
                    attempt: greeting.attempt,
                });
            }
            older.close.cancel();
        }
        *accepted = Some(Accepted { greeting, close });
        Ok(())
    }

    /// A stream that was let in is gone.
    pub(super) fn depart(&self, greeting: Greeting) {
        self.accepted(greeting.lane)
            .take_if(|accepted| accepted.greeting == greeting);
    }

    fn accepted(&self, lane: Lane) -> MutexGuard<'_, Option<Accepted>> {
        lock(match lane {
            Lane::Control => &self.accepted_control,
            Lane::Bulk => &self.accepted_bulk,
        })
    }

    /// The peer's id.
    pub(super) fn id(&self) -> NodeId {
        self.peer.id
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no holder of an edge's lock panics")
}
