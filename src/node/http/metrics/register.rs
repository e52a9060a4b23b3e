//! A number becomes a metric of a registry.

use prometheus::{Counter, Gauge, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry};

/// A number that goes up and down.
pub(super) fn gauge(
    registry: &Registry,
    name: &str,
    help: &str,
    value: f64,
) -> prometheus::Result<()> {
    let gauge = Gauge::new(name, help)?;
    gauge.set(value);
    registry.register(Box::new(gauge))
}

/// A whole number that only grows.
pub(super) fn total(
    registry: &Registry,
    name: &str,
    help: &str,
    value: u64,
) -> prometheus::Result<()> {
    let counter = IntCounter::new(name, help)?;
    counter.inc_by(value);
    registry.register(Box::new(counter))
}

/// A sum of seconds that only grows.
pub(super) fn seconds_total(
    registry: &Registry,
    name: &str,
    help: &str,
    value: f64,
) -> prometheus::Result<()> {
    let counter = Counter::new(name, help)?;
    counter.inc_by(value);
    registry.register(Box::new(counter))
}

/// Gauges that differ in their labels.
pub(super) fn gauges(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> prometheus::Result<IntGaugeVec> {
    let gauges = IntGaugeVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(gauges.clone()))?;
    Ok(gauges)
}

/// Counters that differ in their labels.
pub(super) fn totals(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> prometheus::Result<IntCounterVec> {
    let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(counters.clone()))?;
    Ok(counters)
}
