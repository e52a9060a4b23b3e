//! One partition of `__consumer_offsets` with its coordinator: the shell around the pure part.
//!
//! ```text
//!   requests ──► Shard (lock, never across await) ──► Coordinator
//!                  │ queue of writes                      ▲
//!                  ▼                                      │ written, expire
//!               Driver: loads, appends one batch at a time, fires timers
//! ```
//! The driver alone appends, one batch at a time, and takes what has queued up meanwhile into the
//! next: so the log has the order in which changes were made, and what requests see follows it.
//! While the partition is not led from here, every request is told NOT_COORDINATOR.

mod driver;
mod load;
mod log;

#[cfg(test)]
pub(in crate::node::groups) mod tests;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kafka_protocol::ResponseError;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::timeout;

use super::coordinator::Coordinator;
use super::group::{Answer, Effects, Now, Ticket, Write};
use super::limits;
use crate::node::partition::Serving;
pub(super) use log::OffsetsLog;

/// Whether requests can be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Another node leads, or none.
    Resting,
    /// The log is being read.
    Loading,
    /// Requests are served, in this term.
    Live {
        /// The leader epoch.
        epoch: i32,
    },
    /// The node leaves.
    Closed,
}

/// The coordinator of one partition, while it is led from here.
struct Live {
    epoch: i32,
    coordinator: Coordinator,
    waiting: HashMap<Ticket, oneshot::Sender<Answer>>,
    tickets: u64,
    queue: VecDeque<Write>,
}

/// One partition of `__consumer_offsets`.
pub(super) struct Shard<L> {
    log: Arc<L>,
    initial_delay: Duration,
    phase: watch::Sender<Phase>,
    live: Mutex<Option<Live>>,
    /// The driver has something to append, or an earlier deadline.
    wake: Notify,
}

impl<L: OffsetsLog> Shard<L> {
    /// A shard at rest, until its [`Shard::run`] is polled.
    pub(super) fn new(log: Arc<L>, initial_delay: Duration) -> Self {
        Self {
            log,
            initial_delay,
            phase: watch::Sender::new(Phase::Resting),
            live: Mutex::new(None),
            wake: Notify::new(),
        }
    }

    /// Makes a request that is answered at once.
    pub(super) async fn tell<R>(
        &self,
        request: impl FnOnce(&mut Coordinator, Now, &mut Effects) -> R + Send,
    ) -> Result<R, ResponseError> {
        self.ready().await?;
        self.enter(|live| live.apply(request))
    }

    /// Makes a request whose answer may take `wait`; `None` when it took longer.
    pub(super) async fn ask(
        &self,
        wait: Duration,
        request: impl FnOnce(&mut Coordinator, Ticket, Now, &mut Effects) + Send,
    ) -> Result<Option<Answer>, ResponseError> {
        self.ready().await?;
        let answer = self.enter(|live| live.ask(request))??;
        match timeout(wait, answer).await {
            Ok(answer) => answer.map(Some).map_err(|_| ResponseError::NotCoordinator),
            Err(_) => Ok(None),
        }
    }

    /// Does housekeeping when the partition is led from here, and nothing otherwise.
    pub(super) fn tend(&self, work: impl FnOnce(&mut Coordinator, Now, &mut Effects)) {
        // Not being the coordinator is no error for those who did not ask.
        let _ = self.enter(|live| live.apply(work));
    }

    /// Waits, not long, until the log has been loaded.
    async fn ready(&self) -> Result<(), ResponseError> {
        let mut phase = self.phase.subscribe();
        let settled = phase.wait_for(|phase| match (phase, self.log.serving()) {
            (Phase::Closed, _) | (_, Serving::Follower { .. }) => true,
            (Phase::Live { epoch: live }, Serving::Leader { epoch }) => *live == epoch,
            (Phase::Resting | Phase::Loading, Serving::Leader { .. }) => false,
        });
        match timeout(limits::LOAD_WAIT, settled).await {
            Err(_) => Err(ResponseError::CoordinatorLoadInProgress),
            Ok(Ok(phase)) if matches!(*phase, Phase::Live { .. }) => Ok(()),
            Ok(_) => Err(ResponseError::NotCoordinator),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works on the live coordinator, and wakes the driver when it has to do something sooner.
    fn enter<R>(&self, work: impl FnOnce(&mut Live) -> R) -> Result<R, ResponseError> {
        let mut guard = self.lock();
        let live = guard.as_mut().ok_or(ResponseError::NotCoordinator)?;
        if !self.leads(live.epoch) {
            return Err(ResponseError::NotCoordinator);
        }
        let (deadline, queued) = (live.coordinator.deadline(), live.queue.len());
        let result = work(live);
        let sooner = is_sooner(live.coordinator.deadline(), deadline);
        if sooner || live.queue.len() > queued {
            self.wake.notify_one();
        }
        Ok(result)
    }

    fn leads(&self, epoch: i32) -> bool {
        self.log.serving() == Serving::Leader { epoch }
    }
}

fn is_sooner(after: Option<Instant>, before: Option<Instant>) -> bool {
    after.is_some_and(|after| before.is_none_or(|before| after < before))
}

impl Live {
    fn new(epoch: i32, coordinator: Coordinator) -> Self {
        Self {
            epoch,
            coordinator,
            waiting: HashMap::new(),
            tickets: 0,
            queue: VecDeque::new(),
        }
    }

    fn apply<R>(&mut self, work: impl FnOnce(&mut Coordinator, Now, &mut Effects) -> R) -> R {
        let mut fx = Effects::default();
        let result = work(&mut self.coordinator, now(), &mut fx);
        self.settle(fx);
        result
    }

    fn ask(
        &mut self,
        request: impl FnOnce(&mut Coordinator, Ticket, Now, &mut Effects),
    ) -> Result<oneshot::Receiver<Answer>, ResponseError> {
        if self.queue.len() >= limits::QUEUED_WRITES {
            return Err(ResponseError::CoordinatorNotAvailable);
        }
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let (sender, answer) = oneshot::channel();
        self.waiting.insert(ticket, sender);
        self.apply(|coordinator, now, fx| request(coordinator, ticket, now, fx));
        Ok(answer)
    }

    fn settle(&mut self, fx: Effects) {
        for (ticket, answer) in fx.answers {
            if let Some(sender) = self.waiting.remove(&ticket) {
                // A client that went away needs no answer.
                let _ = sender.send(answer);
            }
        }
        self.queue.extend(fx.writes);
    }
}

/// The moment.
fn now() -> Now {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    let wall_ms = since_epoch.map_or(0, |since| since.as_millis() as i64);
    Now {
        at: Instant::now(),
        wall_ms,
    }
}
