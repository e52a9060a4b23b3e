//! What the broker counts: plain atomics, for whoever renders them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::protocol::api::SERVED;

const BUCKETS: usize = 14;

/// A number that changes.
#[derive(Debug, Default)]
pub(in crate::node) struct Counter(AtomicU64);

impl Counter {
    /// The value now.
    pub(in crate::node) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    pub(super) fn subtract(&self, amount: u64) {
        self.0.fetch_sub(amount, Ordering::Relaxed);
    }
}

/// One API's requests.
#[derive(Debug, Default)]
pub(in crate::node) struct ApiStats {
    /// Requests that were answered (or done, with acks=0).
    pub(in crate::node) requests: Counter,
    /// Their time from the last byte of the request to the answer, summed, in microseconds.
    pub(in crate::node) micros: Counter,
    /// How many were within each of [`BrokerStats::LATENCY_BOUNDS`] and not the one before; the last is the
    /// rest.
    pub(in crate::node) buckets: [Counter; BUCKETS + 1],
}

impl ApiStats {
    pub(super) fn answered(&self, took: Duration) {
        let bucket = BrokerStats::LATENCY_BOUNDS.partition_point(|bound| *bound < took);
        self.requests.add(1);
        self.micros.add(took.as_micros() as u64);
        self.buckets[bucket].add(1);
    }
}

/// What the broker of this node counts since it started.
#[derive(Debug)]
pub(in crate::node) struct BrokerStats {
    /// By API, in the order of [`SERVED`].
    pub(in crate::node) apis: Vec<ApiStats>,
    /// Connections now.
    pub(in crate::node) connections: Counter,
    /// Connections ever accepted.
    pub(in crate::node) accepted: Counter,
    /// Connections refused because there were too many.
    pub(in crate::node) refused: Counter,
    /// Connections closed for what the client sent or did not do in time.
    pub(in crate::node) faulty: Counter,
    /// Bytes of requests.
    pub(in crate::node) bytes_in: Counter,
    /// Bytes of answers.
    pub(in crate::node) bytes_out: Counter,
    /// Bytes of record batches appended.
    pub(in crate::node) produced_bytes: Counter,
    /// Record batches appended.
    pub(in crate::node) produced_batches: Counter,
    /// Bytes of record batches sent to consumers.
    pub(in crate::node) fetched_bytes: Counter,
}

impl Default for BrokerStats {
    fn default() -> Self {
        Self {
            apis: SERVED.iter().map(|_| ApiStats::default()).collect(),
            connections: Counter::default(),
            accepted: Counter::default(),
            refused: Counter::default(),
            faulty: Counter::default(),
            bytes_in: Counter::default(),
            bytes_out: Counter::default(),
            produced_bytes: Counter::default(),
            produced_batches: Counter::default(),
            fetched_bytes: Counter::default(),
        }
    }
}

impl BrokerStats {
    /// Upper bounds of the latency buckets; what is slower falls into one more.
    pub(in crate::node) const LATENCY_BOUNDS: [Duration; BUCKETS] = [
        Duration::from_micros(100),
        Duration::from_micros(250),
        Duration::from_micros(500),
        Duration::from_millis(1),
        Duration::from_micros(2_500),
        Duration::from_millis(5),
        Duration::from_millis(10),
        Duration::from_millis(25),
        Duration::from_millis(50),
        Duration::from_millis(100),
        Duration::from_millis(250),
        Duration::from_millis(500),
        Duration::from_secs(1),
        Duration::from_millis(2_500),
    ];

    /// One API's numbers; `None` for an API that is not served.
    pub(in crate::node) fn api(&self, key: i16) -> Option<&ApiStats> {
        let row = SERVED.iter().position(|served| served.key as i16 == key)?;
        self.apis.get(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_falls_into_its_bucket() {
        let stats = BrokerStats::default();
        let api = stats.api(3).unwrap();
        api.answered(Duration::from_micros(100));
        api.answered(Duration::from_micros(101));
        api.answered(Duration::from_secs(9));
        assert_eq!(api.requests.get(), 3);
        assert_eq!(api.buckets[0].get(), 1);
        assert_eq!(api.buckets[1].get(), 1);
        assert_eq!(api.buckets[BUCKETS].get(), 1);
        assert!(stats.api(4).is_none());
    }
}
