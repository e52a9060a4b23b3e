//! The load over time: acks by broker in bins of 10 ms, attempts that were not acked, latencies.

use std::time::Duration;

use crate::scenarios::history::{History, Micros};
use crate::spec::NodeId;

/// The width of a bin in µs.
pub(in crate::scenarios::report) const BIN: u64 = 10_000;
/// A longer history has wider latency windows instead of more of them.
const WINDOWS: u64 = 240;
/// The narrowest latency window in µs.
const NARROWEST: u64 = 50_000;
/// More bins than this (an hour) are not shown.
const MOST_BINS: usize = 360_000;

/// Latencies of the records that were to be sent in one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::scenarios::report) struct Latency {
    /// The window's middle.
    pub(in crate::scenarios::report) at: Micros,
    pub(in crate::scenarios::report) p50: Duration,
    pub(in crate::scenarios::report) p99: Duration,
    pub(in crate::scenarios::report) max: Duration,
}

/// What was sent and what came of it.
#[derive(Debug, Clone, Default)]
pub(in crate::scenarios::report) struct Load {
    /// Records acked in each bin, for each broker in the palette's order.
    pub(in crate::scenarios::report) acked: Vec<Vec<u32>>,
    /// Records in attempts that ended in each bin without an ack.
    pub(in crate::scenarios::report) missed: Vec<u32>,
    /// Latency from the intended send to the ack, window by window; none where nothing was sent.
    pub(in crate::scenarios::report) latencies: Vec<Latency>,
}

impl Load {
    pub(super) fn of(history: &History, palette: &[NodeId]) -> Self {
        let ends = history.attempts.iter().map(|attempt| attempt.answered.0);
        let bins = ends.max().map_or(0, |last| (last / BIN) as usize + 1);
        let bins = bins.min(MOST_BINS);
        let mut load = Self {
            acked: vec![vec![0; bins]; palette.len()],
            missed: vec![0; bins],
            latencies: latencies(history),
        };
        for attempt in &history.attempts {
            let bin = (attempt.answered.0 / BIN) as usize;
            let place = palette.binary_search(&attempt.broker);
            let row = match (attempt.acked(), place) {
                (Some(_), Ok(place)) => &mut load.acked[place],
                _ => &mut load.missed,
            };
            if let Some(count) = row.get_mut(bin) {
                *count = count.saturating_add(attempt.values.1);
            }
        }
        load
    }

    /// The end of the last bin.
    pub(super) fn end(&self) -> Micros {
        Micros(self.missed.len() as u64 * BIN)
    }

    /// Records acked in a bin by all brokers.
    pub(in crate::scenarios::report) fn total(&self, bin: usize) -> u32 {
        self.acked.iter().map(|row| row[bin]).sum()
    }
}

fn latencies(history: &History) -> Vec<Latency> {
    let acked = history.attempts.iter();
    let acked = acked.filter(|attempt| attempt.acked().is_some());
    let mut samples: Vec<(Micros, Duration, u32)> = acked
        .map(|attempt| {
            let latency = attempt.answered.since(attempt.intended);
            (attempt.intended, latency, attempt.values.1)
        })
        .collect();
    samples.sort_unstable();
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else {
        return Vec::new();
    };
    let width = ((last.0.0 - first.0.0) / WINDOWS).max(NARROWEST);
    let windows = samples.chunk_by(|a, b| a.0.0 / width == b.0.0 / width);
    windows.map(|window| latency(window, width)).collect()
}

fn latency(window: &[(Micros, Duration, u32)], width: u64) -> Latency {
    let mut sorted: Vec<(Duration, u32)> = window.iter().map(|one| (one.1, one.2)).collect();
    sorted.sort_unstable();
    let all: u64 = sorted.iter().map(|one| u64::from(one.1)).sum();
    let percentile = |percent: u64| {
        let rank = (all * percent).div_ceil(100);
        let mut seen = 0;
        let found = sorted.iter().find(|one| {
            seen += u64::from(one.1);
            seen >= rank
        });
        found.map_or(Duration::ZERO, |one| one.0)
    };
    Latency {
        at: Micros(window[0].0.0 / width * width + width / 2),
        p50: percentile(50),
        p99: percentile(99),
        max: percentile(100),
    }
}
