//! Both encoders over the same families, and families that come and go.

use std::time::Duration;

use prometheus::proto::MetricFamily;
use prometheus::{Registry, TextEncoder};

use super::search::{self, SearchLag};
use super::{histogram, openmetrics, register};
use crate::node::broker::BrokerStats;
use crate::node::storage::StorageStats;

/// One family of each kind, and a label that has to be escaped.
fn families() -> Vec<MetricFamily> {
    let registry = Registry::new();
    register::gauge(&registry, "chronik_ready", "1 when \"ready\".", 1.0).unwrap();
    register::total(&registry, "chronik_wal_bytes_total", "Bytes\\written.", 7).unwrap();
    register::seconds_total(&registry, "process_cpu_seconds_total", "CPU.", 0.25).unwrap();
    let names = ["version", "topic"];
    let info = register::gauges(&registry, "chronik_build_info", "Build.", &names).unwrap();
    info.with_label_values(&["0.1.0", "a\"b\\c\nd"]).set(1);
    let requests = register::totals(&registry, "chronik_requests_total", "Requests.", &["api"]);
    requests.unwrap().with_label_values(&["Fetch"]).inc_by(3);
    let mut families = registry.gather();
    families.push(histogram::syncs(&storage()));
    families
}

fn storage() -> StorageStats {
    let mut storage = StorageStats {
        sync_us: 2_500_000,
        ..StorageStats::default()
    };
    storage.syncs[0] = 2;
    storage.syncs[3] = 5;
    // The last one is beyond every bound.
    storage.syncs[storage.syncs.len() - 1] = 1;
    storage
}

#[test]
fn openmetrics_keeps_its_words() {
    insta::assert_snapshot!(openmetrics::encode(&families()));
}

#[test]
fn the_classic_format_keeps_its_words() {
    let text = TextEncoder::new().encode_to_string(&families()).unwrap();
    insta::assert_snapshot!(text);
}

#[test]
fn both_formats_tell_the_same_numbers() {
    let numbers = |text: &str| {
        let mut numbers: Vec<String> = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.rsplit_once(' '))
            .map(|(_, number)| number.to_owned())
            .collect();
        numbers.sort_unstable();
        numbers
    };
    let classic = TextEncoder::new().encode_to_string(&families()).unwrap();
    let open = openmetrics::encode(&families());
    assert_eq!(numbers(&classic), numbers(&open));
    assert!(numbers(&open).len() > 15, "{open}");
}

#[test]
fn every_api_has_its_latencies() {
    let text = openmetrics::encode(&[histogram::requests(&BrokerStats::default())]);
    for api in ["Produce", "Fetch", "Metadata", "JoinGroup"] {
        let all = format!("chronik_request_seconds_bucket{{api=\"{api}\",le=\"+Inf\"}} 0\n");
        assert!(text.contains(&all), "{text}");
    }
    let bounds = BrokerStats::LATENCY_BOUNDS;
    assert_eq!(bounds[bounds.len() - 1], Duration::from_millis(2_500));
    assert!(text.contains("le=\"1.0\""), "a whole bound is a float");
}

#[test]
fn search_has_a_family_only_where_it_has_partitions() {
    let registry = Registry::new();
    search::register(&registry, &[]).unwrap();
    assert_eq!(registry.gather(), []);
    let registry = Registry::new();
    let lag = SearchLag {
        topic: "orders".to_owned(),
        partition: 2,
        records: 17,
    };
    search::register(&registry, &[lag]).unwrap();
    let text = openmetrics::encode(&registry.gather());
    let line = "chronik_search_lag_records{partition=\"2\",topic=\"orders\"} 17\n";
    assert!(text.contains(line), "{text}");
}
