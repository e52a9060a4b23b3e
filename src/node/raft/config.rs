//! openraft's configuration: one for all groups, each value with its reason.

use std::sync::Arc;
use std::time::Duration;

use openraft::{Config, SnapshotPolicy};

/// A leader asks its followers this often, so that its lease never lapses while it is idle.
pub(in crate::node::raft) const HEARTBEAT: Duration = Duration::from_secs(1);
/// Time-out of a vote or append; a dead link answers at once, so this is for stuck peers only.
pub(in crate::node::raft) const RPC_TIMEOUT: Duration = Duration::from_secs(2);

/// The configuration of every group.
pub(in crate::node::raft) fn raft_config() -> Arc<Config> {
    let config = Config {
        // Timers are off; these two bound the lease (a leader without an answer from a majority
        // for election_timeout_max refuses writes) and openraft's own RPC time-outs.
        heartbeat_interval: 1000,
        election_timeout_min: 2500,
        election_timeout_max: 4000,
        enable_tick: false,
        enable_heartbeat: false,
        enable_elect: false,
        enable_pre_vote: Some(true),
        // The state machine is volatile beyond its last seal, so a restarted leader must be
        // elected again before it leads.
        enable_leader_restore: Some(false),
        // A replica that lost its disk or set its log aside starts over; it has no vote until
        // its log has passed the mark (`GroupState::repair_until`), which keeps this safe.
        allow_log_reversion: Some(true),
        // Snapshots follow retention, not the count of entries.
        snapshot_policy: SnapshotPolicy::Never,
        replication_lag_threshold: u64::MAX,
        max_in_snapshot_log_to_keep: 0,
        purge_batch_size: 1,
        // Bytes are bounded by the log reader; this bounds the count.
        max_payload_entries: 512,
        // A peer that comes back resets this at once.
        backoff: "20ms 40ms 80ms ...500ms".to_owned(),
        install_snapshot_timeout: 60_000,
        ..Config::default()
    };
    Arc::new(config.validate().expect("constants that openraft accepts"))
}
