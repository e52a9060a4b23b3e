//! The time of day, as it stands beside what happened.

use std::time::SystemTime;

use crate::cli::render::clock::timestamp;

/// `12:00:00`, UTC as in the nodes' logs.
pub(super) fn now() -> String {
    let stamp = timestamp(SystemTime::now());
    stamp.get(11..19).unwrap_or_default().to_owned()
}
