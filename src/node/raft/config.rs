//! openraft's configuration: one for all groups, each value with its reason.

use std::sync::Arc;
use std::time::Duration;

use openraft::{Config, SnapshotPolicy};

/// openraft's lease, switched off: ten years in milliseconds. A lapsed lease makes a leader refuse
/// writes, so it would have to be renewed by heartbeats; whether a leader may take writes is the
/// failure detector's word here, reads use ReadIndex, and every vote bypasses leases.
const NO_LEASE: u64 = 10 * 365 * 24 * 3_600_000;
/// Time-out of a vote or append; a dead link answers at once, so this is for stuck peers only.
pub(in crate::node::raft) const RPC_TIMEOUT: Duration = Duration::from_secs(2);

/// The configuration of every group.
pub(in crate::node::raft) fn raft_config() -> Arc<Config> {
    let config = Config {
        // Timers are off. The minimum bounds how long a transfer's target waits for its flush;
        // the maximum is the lease.
        heartbeat_interval: 1000,
        election_timeout_min: 2500,
        election_timeout_max: NO_LEASE,
        enable_tick: false,
        enable_heartbeat: false,
        enable_elect: false,
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
