//! Durations at the edge: written as milliseconds. They are read by [`crate::spec`].

use std::time::Duration;

use crate::spec::parse_duration;

/// Milliseconds with fractions, as the envelope has them under names that end in `_ms`.
pub(super) fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// How long a fault is to last: some time at all.
pub(super) fn lasting(text: &str) -> Result<Duration, String> {
    let duration = parse_duration(text).map_err(|error| error.to_string())?;
    if duration.is_zero() {
        return Err(String::from("a fault that lasts no time is none"));
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn millis_keep_microseconds() {
        assert!((millis(Duration::from_micros(1500)) - 1.5).abs() < 1e-9);
    }

    #[test]
    fn a_fault_lasts_some_time() {
        assert_eq!(lasting("10s"), Ok(Duration::from_secs(10)));
        assert!(lasting("0s").is_err() && lasting("soon").is_err());
    }
}
