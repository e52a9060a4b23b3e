//! Durations at the edge: read from words, written as milliseconds.

use std::time::Duration;

use crate::spec::{DurationError, parse_duration};

/// Reads `200ms`, `30s`, `1m`: a value parser for clap.
pub(super) fn parse(text: &str) -> Result<Duration, DurationError> {
    parse_duration(text)
}

/// Milliseconds with fractions, as the envelope has them under names that end in `_ms`.
pub(super) fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn millis_keep_microseconds() {
        assert!((millis(Duration::from_micros(1500)) - 1.5).abs() < 1e-9);
    }
}
