//! The threads that searches work on: few, and of low priority.
//!
//! Whatever grows with a question or its answer runs here, never on the node's own thread, which
//! pings, replicates and acks. A thread's priority can be lowered but not raised again, so these
//! are not the threads that the node's other blocking work has.

use tokio::runtime::{Builder, Runtime};

use super::answer::SearchError;

/// Lower than that of all that acks wait for; the greatest is 19.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// Threads for searches; they end when nothing is searched for a while.
pub(super) struct Workers {
    /// Its threads for what blocks are all that is used of it.
    runtime: Option<Runtime>,
}

impl Workers {
    /// At most so many threads.
    pub(super) fn new(most: usize) -> Self {
        let runtime = Builder::new_current_thread()
            .max_blocking_threads(most)
            .thread_name("search")
            .on_thread_start(yield_to_others)
            .build();
        if let Err(error) = &runtime {
            tracing::error!(%error, "no threads for search: nothing is found here");
        }
        Self {
            runtime: runtime.ok(),
        }
    }

    /// Works on one of the threads, once one is free.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, SearchError> + Send + 'static,
    ) -> Result<T, SearchError> {
        let Some(runtime) = &self.runtime else {
            return Err(SearchError::Failed(String::from("no threads for search")));
        };
        let done = runtime.spawn_blocking(work).await;
        done.unwrap_or_else(|error| Err(SearchError::Failed(format!("the search failed: {error}"))))
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        // A node that leaves waits for no search.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Search is never in the way of what is acked: on Linux a thread has a priority of its own.
#[cfg(target_os = "linux")]
pub(super) fn yield_to_others() {
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::warn!(%error, "search keeps its priority");
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn yield_to_others() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_one_searchs_failure() {
        let workers = Workers::new(1);
        let failed: Result<(), _> = workers.run(|| panic!("a search of a test")).await;
        assert!(matches!(failed, Err(SearchError::Failed(_))), "{failed:?}");
        assert_eq!(workers.run(|| Ok(1)).await, Ok(1));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_search_yields_and_who_asks_does_not() {
        let own = rustix::process::getpriority_process(None);
        let workers = Workers::new(2);
        let theirs = workers.run(|| Ok(rustix::process::getpriority_process(None)));
        let theirs = theirs.await.unwrap();
        assert_eq!(theirs, Ok(NICENESS.max(own.unwrap())));
        assert_eq!(rustix::process::getpriority_process(None), own);
    }
}
