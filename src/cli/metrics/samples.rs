//! Scrapes to test with.

use std::time::Duration;

use super::digest::Shot;
use super::scrape::Scrape;

/// A scrape so many seconds after the first.
pub(in crate::cli) fn shot(seconds: f64, text: &str) -> Shot {
    Shot {
        at: Duration::from_secs_f64(seconds),
        scrape: Scrape::parse(text).unwrap(),
    }
}

/// Two seconds of a node that appends 2 000 bytes in ten requests and fetches nothing.
pub(in crate::cli) fn story() -> Vec<Shot> {
    let told = |produced: u32, requests: u32, cpu: f64| {
        format!(
            "\
chronik_ready 1
chronik_metadata_term 3
chronik_metadata_role{{role=\"follower\"}} 0
chronik_metadata_role{{role=\"leader\"}} 1
chronik_partition_role{{topic=\"a\",partition=\"0\",role=\"leader\"}} 1
chronik_partition_role{{topic=\"a\",partition=\"0\",role=\"follower\"}} 0
chronik_partition_role{{topic=\"a\",partition=\"1\",role=\"leader\"}} 0
chronik_partition_role{{topic=\"a\",partition=\"1\",role=\"follower\"}} 1
chronik_partition_lag_records{{topic=\"a\",partition=\"0\"}} 0
chronik_partition_lag_records{{topic=\"a\",partition=\"1\"}} 7
chronik_produced_bytes_total {produced}
chronik_fetched_bytes_total 300
chronik_wal_bytes_total 0
chronik_request_seconds_bucket{{api=\"Produce\",le=\"0.001\"}} 4
chronik_request_seconds_bucket{{api=\"Produce\",le=\"0.01\"}} {requests}
chronik_request_seconds_bucket{{api=\"Produce\",le=\"+Inf\"}} {requests}
chronik_request_seconds_bucket{{api=\"Fetch\",le=\"0.001\"}} 0
chronik_request_seconds_bucket{{api=\"Fetch\",le=\"0.01\"}} 0
chronik_request_seconds_bucket{{api=\"Fetch\",le=\"+Inf\"}} 3
chronik_wal_sync_seconds_bucket{{le=\"+Inf\"}} 0
chronik_leader_changes_total 9
chronik_candidacies_total 2
chronik_elections_won_total 1
process_start_time_seconds 100
process_cpu_seconds_total {cpu}
process_resident_memory_bytes 43000000
process_open_fds 57
"
        )
    };
    vec![
        shot(0.0, &told(100, 4, 1.0)),
        shot(1.0, &told(1600, 8, 1.25)),
        shot(2.0, &told(2100, 14, 1.5)),
    ]
}
