//! Waiting for a condition, with a deadline that remembers what it saw last.

use std::time::{Duration, Instant};

/// Longer than anything takes, on a loaded machine too.
const DEADLINE: Duration = Duration::from_mins(1);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// Looks until there is something to return; panics with the last reason at the deadline.
pub(crate) async fn until<T>(what: &str, look: impl AsyncFnMut() -> Result<T, String>) -> T {
    let give_up = Instant::now() + DEADLINE;
    let mut look = look;
    loop {
        match look().await {
            Ok(found) => return found,
            Err(last) if Instant::now() > give_up => {
                panic!("waited {DEADLINE:?} in vain: {what}; last status: {last}")
            }
            Err(_not_yet) => tokio::time::sleep(PAUSE).await,
        }
    }
}
