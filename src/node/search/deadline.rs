//! Until when a search may take.

use std::time::Instant;

use super::answer::SearchError;

/// A moment after which a search ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline(Instant);

impl Deadline {
    /// At this moment.
    pub(super) fn at(moment: Instant) -> Self {
        Self(moment)
    }

    /// Whether there is time.
    pub(super) fn check(self) -> Result<(), SearchError> {
        if Instant::now() < self.0 {
            Ok(())
        } else {
            Err(SearchError::TimedOut)
        }
    }
}
