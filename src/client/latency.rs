//! A histogram of latencies in fixed memory.
//!
//! Buckets grow with the value, 128 to each power of two, so that a percentile is within 0.8 % of
//! the truth; the largest value is kept exactly. Nothing is allocated per record.

use std::time::Duration;

/// Buckets to a power of two; below the first such power each nanosecond step has its own.
const STEPS: u64 = 128;
const STEP_BITS: u32 = STEPS.trailing_zeros();
/// 2^36 µs are 19 hours; what is longer counts as that.
const MAX_MICROS: u64 = (1 << 36) - 1;
const BUCKETS: usize = ((36 - STEP_BITS as usize) + 1) * STEPS as usize;

/// Latencies, counted by how long they were.
#[derive(Debug, Clone)]
pub struct Latencies {
    buckets: Vec<u64>,
    count: u64,
    max: Duration,
}

/// The usual figures of a distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Percentiles {
    /// Half are no longer.
    pub p50: Duration,
    /// 95 of 100 are no longer.
    pub p95: Duration,
    /// 99 of 100 are no longer.
    pub p99: Duration,
    /// The longest.
    pub max: Duration,
}

impl Default for Latencies {
    fn default() -> Self {
        Self {
            buckets: vec![0; BUCKETS],
            count: 0,
            max: Duration::ZERO,
        }
    }
}

impl Latencies {
    /// Counts `records` that all took `latency`.
    pub fn add(&mut self, latency: Duration, records: u32) {
        let micros = latency.as_micros().min(u128::from(MAX_MICROS)) as u64;
        self.buckets[bucket(micros)] += u64::from(records);
        self.count += u64::from(records);
        self.max = self.max.max(latency);
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The latency that `share` (0 to 1) of the records did not exceed; `None` without records.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let rank = ((share * self.count as f64).ceil() as u64).clamp(1, self.count.max(1));
        let mut seen = 0;
        let at = self.buckets.iter().position(|records| {
            seen += records;
            seen >= rank
        })?;
        // Never more than what was really seen.
        Some(Duration::from_micros(upper_end(at)).min(self.max))
    }

    /// The usual figures; `None` without records.
    pub fn percentiles(&self) -> Option<Percentiles> {
        Some(Percentiles {
            p50: self.quantile(0.50)?,
            p95: self.quantile(0.95)?,
            p99: self.quantile(0.99)?,
            max: self.max,
        })
    }
}

fn bucket(micros: u64) -> usize {
    if micros < STEPS {
        return micros as usize;
    }
    let power = micros.ilog2() - STEP_BITS;
    let step = (micros >> power) - STEPS;
    ((u64::from(power) + 1) * STEPS + step) as usize
}

/// The largest value of a bucket, and one more.
fn upper_end(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < STEPS {
        return bucket + 1;
    }
    let power = bucket / STEPS - 1;
    (STEPS + bucket % STEPS + 1) << power
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_has_no_percentiles() {
        assert_eq!(Latencies::default().percentiles(), None);
    }

    #[test]
    fn the_largest_is_exact() {
        let mut latencies = Latencies::default();
        latencies.add(Duration::from_nanos(1_234_567), 3);
        let found = latencies.percentiles().unwrap();
        assert_eq!(found.max, Duration::from_nanos(1_234_567));
        assert_eq!(found.p50, found.max);
        latencies.add(Duration::MAX, 1);
        assert_eq!(latencies.count(), 4);
    }

    proptest! {
        #[test]
        fn every_value_lies_in_its_bucket(micros in 0..=MAX_MICROS) {
            let at = bucket(micros);
            prop_assert!(at < BUCKETS);
            prop_assert!(micros < upper_end(at));
            prop_assert!(at == 0 || micros >= upper_end(at - 1));
        }

        #[test]
        fn a_percentile_is_within_one_in_a_hundred(
            values in prop::collection::vec(1_u64..10_000_000, 1..300),
            share in 0.01_f64..1.0,
        ) {
            let mut latencies = Latencies::default();
            for value in &values {
                latencies.add(Duration::from_micros(*value), 1);
            }
            let mut sorted = values;
            sorted.sort_unstable();
            let rank = ((share * sorted.len() as f64).ceil() as usize).max(1);
            let truth = sorted[rank - 1];
            let found = latencies.quantile(share).unwrap().as_micros() as u64;
            prop_assert!(found >= truth && found <= truth + truth / 100 + 1);
        }
    }
}
