//! What the broker did for its clients.

use prometheus::Registry;

use super::register;
use crate::node::broker::{BrokerStats, Counter};
use crate::protocol::api::SERVED;

/// Connections, bytes and requests; how long requests took is a histogram of its own.
pub(super) fn register(registry: &Registry, stats: &BrokerStats) -> prometheus::Result<()> {
    let help = "Kafka connections now.";
    let now = stats.connections.get() as f64;
    register::gauge(registry, "chronik_connections", help, now)?;
    for (name, help, counter) in totals(stats) {
        register::total(registry, name, help, counter.get())?;
    }
    requests(registry, stats)
}

fn requests(registry: &Registry, stats: &BrokerStats) -> prometheus::Result<()> {
    let help = "Kafka requests answered, by API.";
    let counters = register::totals(registry, "chronik_requests_total", help, &["api"])?;
    for (served, api) in SERVED.iter().zip(&stats.apis) {
        let counter = counters.with_label_values(&[&format!("{:?}", served.key)]);
        counter.inc_by(api.requests.get());
    }
    Ok(())
}

fn totals(stats: &BrokerStats) -> [(&'static str, &'static str, &Counter); 8] {
    [
        (
            "chronik_connections_accepted_total",
            "Kafka connections accepted.",
            &stats.accepted,
        ),
        (
            "chronik_connections_refused_total",
            "Kafka connections refused: too many.",
            &stats.refused,
        ),
        (
            "chronik_connections_faulty_total",
            "Kafka connections closed for what they sent.",
            &stats.faulty,
        ),
        (
            "chronik_request_bytes_total",
            "Bytes of Kafka requests.",
            &stats.bytes_in,
        ),
        (
            "chronik_response_bytes_total",
            "Bytes of Kafka answers.",
            &stats.bytes_out,
        ),
        (
            "chronik_produced_bytes_total",
            "Bytes of record batches appended.",
            &stats.produced_bytes,
        ),
        (
            "chronik_produced_batches_total",
            "Record batches appended.",
            &stats.produced_batches,
        ),
        (
            "chronik_fetched_bytes_total",
            "Bytes of record batches sent to consumers.",
            &stats.fetched_bytes,
        ),
    ]
}
