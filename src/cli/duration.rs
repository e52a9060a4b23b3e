//! Durations at the edge: written as milliseconds. They are read by [`crate::spec`].

use std::time::Duration;

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
