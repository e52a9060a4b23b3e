//! Histograms whose buckets were counted elsewhere.

use prometheus::proto::{Bucket, Histogram, LabelPair, Metric, MetricFamily, MetricType};

use crate::node::broker::{ApiStats, BrokerStats};
use crate::node::storage::{SYNC_BOUNDS_US, StorageStats};
use crate::protocol::api::SERVED;

/// How long the write-ahead log's syncs took.
pub(super) fn syncs(storage: &StorageStats) -> MetricFamily {
    let bounds = SYNC_BOUNDS_US.map(|bound| bound as f64 / 1e6);
    let counts = storage.syncs.iter().copied();
    let metric = metric(&bounds, counts, storage.sync_us as f64 / 1e6, None);
    family(
        "chronik_wal_sync_seconds",
        "Time of one sync of the write-ahead log.",
        vec![metric],
    )
}

/// How long requests took, by API.
pub(super) fn requests(broker: &BrokerStats) -> MetricFamily {
    let bounds = BrokerStats::LATENCY_BOUNDS.map(|bound| bound.as_secs_f64());
    let one = |(served, api): (&crate::protocol::api::Served, &ApiStats)| {
        let counts = api.buckets.iter().map(crate::node::broker::Counter::get);
        let name = format!("{:?}", served.key);
        metric(
            &bounds,
            counts,
            api.micros.get() as f64 / 1e6,
            Some(("api", &name)),
        )
    };
    let metrics = SERVED.iter().zip(&broker.apis).map(one).collect();
    family(
        "chronik_request_seconds",
        "Time from a request to its answer, by API.",
        metrics,
    )
}

fn metric(
    bounds: &[f64],
    counts: impl Iterator<Item = u64>,
    sum: f64,
    label: Option<(&str, &str)>,
) -> Metric {
    let mut histogram = Histogram::default();
    let mut cumulative = 0;
    let mut buckets = Vec::new();
    for (position, count) in counts.enumerate() {
        cumulative += count;
        // The last bucket has no bound: the encoders write it as `+Inf`, from the count of all.
        if let Some(bound) = bounds.get(position) {
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(*bound);
            bucket.set_cumulative_count(cumulative);
            buckets.push(bucket);
        }
    }
    histogram.set_bucket(buckets);
    histogram.set_sample_count(cumulative);
    histogram.set_sample_sum(sum);
    let mut metric = Metric::default();
    metric.set_histogram(histogram);
    if let Some((name, value)) = label {
        let mut pair = LabelPair::default();
        pair.set_name(name.to_owned());
        pair.set_value(value.to_owned());
        metric.set_label(vec![pair]);
    }
    metric
}

fn family(name: &str, help: &str, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(MetricType::HISTOGRAM);
    family.set_metric(metrics);
    family
}
