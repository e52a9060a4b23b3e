//! How long the machine keeps our own timers waiting: a budget must not blame a cluster for that.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

/// A timer of this length is set again and again.
const TIMER: Duration = Duration::from_millis(2);
/// A record's way leads through at least so many processes, one after the other, each of which
/// waits for its turn as we do.
const TURNS: u32 = 5;

/// Watches its own lateness until it is dropped.
#[derive(Debug)]
pub(super) struct Starvation {
    worst_us: Arc<AtomicU64>,
    _task: JoinSet<()>,
}

impl Starvation {
    /// Begins to watch.
    pub(super) fn watch() -> Self {
        let worst_us = Arc::new(AtomicU64::new(0));
        let mut task = JoinSet::new();
        task.spawn(watch(Arc::clone(&worst_us)));
        Self {
            worst_us,
            _task: task,
        }
    }

    /// The longest that a timer was late since the last call of [`Starvation::forget`].
    pub(super) fn worst(&self) -> Duration {
        Duration::from_micros(self.worst_us.load(Ordering::Relaxed))
    }

    /// Begins anew.
    pub(super) fn forget(&self) {
        self.worst_us.store(0, Ordering::Relaxed);
    }

    /// A budget with what the machine takes from everybody.
    pub(super) fn extend(&self, budget: Duration) -> Duration {
        budget + self.worst() * TURNS
    }
}

async fn watch(worst_us: Arc<AtomicU64>) {
    loop {
        let set = Instant::now();
        tokio::time::sleep(TIMER).await;
        let late = set.elapsed().saturating_sub(TIMER);
        worst_us.fetch_max(late.as_micros() as u64, Ordering::Relaxed);
    }
}
