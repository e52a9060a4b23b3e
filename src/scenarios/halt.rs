//! Why a scenario does not go on.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::history::RecordingError;
use crate::client::CallError;
use crate::client::bootstrap::BootstrapError;
use crate::supervisor::Trouble;

/// Between two looks at a condition.
const LOOK_AGAIN: Duration = Duration::from_millis(3);

/// Why a scenario does not go on.
#[derive(Debug, thiserror::Error)]
pub enum Halt {
    /// The cluster did not do in time what it should: this counts against it.
    #[error("{what} within {} s; {last}", .within.as_secs_f64())]
    Late {
        /// What should have happened, as a promise.
        what: String,
        /// How long was waited.
        within: Duration,
        /// What was seen last.
        last: String,
    },
    /// The supervisor could not do what it was asked.
    #[error(transparent)]
    Trouble(#[from] Trouble),
    /// A broker did not do what it was asked.
    #[error(transparent)]
    Call(#[from] CallError),
    /// No broker to talk to.
    #[error(transparent)]
    Bootstrap(#[from] BootstrapError),
    /// Something could not be recorded.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// The scenario makes no sense on this cluster.
    #[error("{0}")]
    Unfit(String),
    /// What the scenario looks at was left out of this cluster.
    #[error("search is off on this cluster (it was made with --no-search)")]
    SearchOff,
}

/// Waits until `look` finds what it looks for; it says what it sees instead.
pub(super) async fn until<T>(
    what: &str,
    within: Duration,
    mut look: impl AsyncFnMut() -> Result<T, String>,
) -> Result<T, Halt> {
    let deadline = Instant::now() + within;
    loop {
        let last = match look().await {
            Ok(found) => return Ok(found),
            Err(last) => last,
        };
        if Instant::now() > deadline {
            let what = what.to_owned();
            return Err(Halt::Late { what, within, last });
        }
        sleep(LOOK_AGAIN).await;
    }
}

/// [`until`] for what needs no waiting itself.
pub(super) async fn until_now<T>(
    what: &str,
    within: Duration,
    look: impl Fn() -> Result<T, String>,
) -> Result<T, Halt> {
    until(what, within, async || look()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wait_that_fails_says_what_it_saw() {
        let within = Duration::from_millis(10);
        let waited = until_now("a leader is named", within, || {
            Err::<(), _>(String::from("nobody leads"))
        });
        let halt = waited.await.unwrap_err();
        assert_eq!(
            halt.to_string(),
            "a leader is named within 0.01 s; nobody leads"
        );
    }
}
