//! The tasks of one connection: what hyper spawns for it, and our readers.
//!
//! A crew ends with its connection: dropping it aborts every task, so that nothing of a lost
//! link lives on. Each task is also counted by the room's tracker, which `close` waits for.

use std::sync::{Arc, Mutex, Weak};

use tokio::task::JoinSet;
use tokio_util::task::TaskTracker;

/// The owner of one connection's tasks.
pub(super) struct Crew {
    tasks: Arc<Mutex<JoinSet<()>>>,
    tracker: TaskTracker,
}

/// Spawns into a crew for as long as it lives; afterwards futures are dropped unpolled.
#[derive(Clone)]
pub(super) struct Spawner {
    tasks: Weak<Mutex<JoinSet<()>>>,
    tracker: TaskTracker,
}

impl Crew {
    /// An empty crew whose tasks `tracker` counts.
    pub(super) fn new(tracker: &TaskTracker) -> Self {
        Self {
            tasks: Arc::default(),
            tracker: tracker.clone(),
        }
    }

    /// A handle that spawns into this crew and does not keep it alive.
    pub(super) fn spawner(&self) -> Spawner {
        Spawner {
            tasks: Arc::downgrade(&self.tasks),
            tracker: self.tracker.clone(),
        }
    }
}

impl Spawner {
    /// Runs a future until it ends or the crew does.
    pub(super) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        let Some(tasks) = self.tasks.upgrade() else {
            return;
        };
        let future = self.tracker.track_future(future);
        let mut tasks = tasks.lock().expect("spawning does not panic");
        while tasks.try_join_next().is_some() {}
        tasks.spawn(future);
    }
}

impl<F> hyper::rt::Executor<F> for Spawner
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, future: F) {
        self.spawn(future);
    }
}
