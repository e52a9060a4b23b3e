//! Histograms with one bucket for each power of two, under the names that openraft uses.
//!
//! The published crate of this name builds its tables for all sixteen bucket widths when the first
//! histogram is made: 25 MB of memory, and the time to fill it, in each node process, for numbers
//! that openraft keeps for itself. This one needs half a kilobyte a histogram. It has what openraft
//! calls and nothing else; ARCHITECTURE.md says when it can go.

use std::fmt;
use std::marker::PhantomData;

/// One bucket for zero and one for each bit length of a `u64`.
const BUCKETS: usize = 65;

/// Counts of values by their bit length. `T` is the published crate's slot metadata, unused here.
pub struct Histogram<T = ()> {
    counts: Box<[u64; BUCKETS]>,
    slots: PhantomData<T>,
}

impl<T> Histogram<T> {
    /// An empty histogram.
    pub fn new() -> Self {
        Self { counts: Box::new([0; BUCKETS]), slots: PhantomData }
    }

    /// Counts one value.
    pub fn record(&mut self, value: u64) {
        self.record_n(value, 1);
    }

    /// Counts a value `count` times.
    pub fn record_n(&mut self, value: u64, count: u64) {
        self.counts[bucket(value)] += count;
    }

    /// How many values were counted.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The smallest value of the bucket in which the share `p` (0 to 1) of all values is reached;
    /// 0 when nothing was counted.
    pub fn percentile(&self, p: f64) -> u64 {
        let wanted = (self.total() as f64 * p).ceil().max(1.0) as u64;
        let mut seen = 0;
        let reached = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        reached.map_or(0, smallest)
    }

    /// The usual percentiles at once.
    pub fn percentile_stats(&self) -> PercentileStats {
        PercentileStats {
            samples: self.total(),
            p0_1: self.percentile(0.001),
            p1: self.percentile(0.01),
            p5: self.percentile(0.05),
            p10: self.percentile(0.1),
            p50: self.percentile(0.5),
            p90: self.percentile(0.9),
            p99: self.percentile(0.99),
            p99_9: self.percentile(0.999),
        }
    }
}

/// The bucket of a value: its bit length.
fn bucket(value: u64) -> usize {
    (u64::BITS - value.leading_zeros()) as usize
}

/// The smallest value of a bucket.
fn smallest(bucket: usize) -> u64 {
    if bucket == 0 { 0 } else { 1 << (bucket - 1) }
}

impl<T> Default for Histogram<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Clone for Histogram<T> {
    fn clone(&self) -> Self {
        Self { counts: self.counts.clone(), slots: PhantomData }
    }
}

impl<T> PartialEq for Histogram<T> {
    fn eq(&self, other: &Self) -> bool {
        self.counts == other.counts
    }
}

impl<T> Eq for Histogram<T> {}

impl<T> fmt::Debug for Histogram<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Histogram({})", self.percentile_stats())
    }
}

/// Percentiles of a histogram, each as the smallest value of its bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PercentileStats {
    /// Values counted.
    pub samples: u64,
    /// 0.1 % are at most in this bucket.
    pub p0_1: u64,
    /// 1 %.
    pub p1: u64,
    /// 5 %.
    pub p5: u64,
    /// 10 %.
    pub p10: u64,
    /// The median.
    pub p50: u64,
    /// 90 %.
    pub p90: u64,
    /// 99 %.
    pub p99: u64,
    /// 99.9 %.
    pub p99_9: u64,
}

impl fmt::Display for PercentileStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} samples, p50 {}, p90 {}, p99 {}, p99.9 {}",
            self.samples, self.p50, self.p90, self.p99, self.p99_9
        )
    }
}

/// Several histograms under each other, a line each.
#[derive(Debug, Clone, Default)]
pub struct AsciiChart {
    lines: Vec<String>,
}

impl AsciiChart {
    /// An empty chart.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a line for one histogram.
    #[must_use]
    pub fn add<T>(mut self, name: impl fmt::Display, histogram: Histogram<T>) -> Self {
        self.lines.push(format!("{name}: {}", histogram.percentile_stats()));
        self
    }
}

impl fmt::Display for AsciiChart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fall_into_the_bucket_of_their_bit_length() {
        let mut histogram = Histogram::<()>::new();
        for value in [0, 1, 2, 3, 4, 1000, u64::MAX] {
            histogram.record(value);
        }
        assert_eq!(histogram.total(), 7);
        assert_eq!(histogram.percentile(0.0), 0);
        assert_eq!(histogram.percentile(0.5), 2);
        assert_eq!(histogram.percentile(1.0), 1 << 63);
    }

    #[test]
    fn an_empty_histogram_has_zero_everywhere() {
        let stats = Histogram::<()>::new().percentile_stats();
        assert_eq!((stats.samples, stats.p50, stats.p99_9), (0, 0, 0));
    }
}
