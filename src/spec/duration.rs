//! Durations as people type and read them: `200ms`, `10s`, `1.5s`, `1m`, `2h`.

use std::time::Duration;

/// The units, with their length in seconds; the first that fits is matched, so `ms` precedes `s`.
const UNITS: [(&str, f64); 4] = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];

/// A text that is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}: expected a duration such as 200ms, 10s, 1m or 2h")]
pub struct DurationError(pub String);

/// Reads a number with its unit; a number alone is refused, for it has no unit to guess.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let wrong = || DurationError(text.to_owned());
    let (number, seconds) = UNITS
        .iter()
        .find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)))
        .ok_or_else(wrong)?;
    let plain = number.starts_with(|first: char| first.is_ascii_digit())
        && number.chars().all(|c| c.is_ascii_digit() || c == '.');
    if !plain {
        return Err(wrong());
    }
    let amount: f64 = number.parse().map_err(|_| wrong())?;
    let exact = Duration::try_from_secs_f64(amount * seconds).map_err(|_| wrong())?;
    // A tenth of a millisecond has no exact binary form: round where nobody counts.
    let micros = u64::try_from((exact.as_nanos() + 500) / 1000).map_err(|_| wrong())?;
    Ok(Duration::from_micros(micros))
}

/// Writes a duration in the largest unit that has it whole; [`parse_duration`] reads it again,
/// to the microsecond.
pub fn show_duration(duration: Duration) -> String {
    let micros = duration.as_micros();
    let whole = |unit: u128| micros >= unit && micros.is_multiple_of(unit);
    if whole(3_600_000_000) {
        return format!("{}h", micros / 3_600_000_000);
    }
    if whole(60_000_000) {
        return format!("{}m", micros / 60_000_000);
    }
    if whole(1_000_000) {
        return format!("{}s", micros / 1_000_000);
    }
    if micros.is_multiple_of(1000) {
        return format!("{}ms", micros / 1000);
    }
    format!("{}.{:03}ms", micros / 1000, micros % 1000)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_unit_is_read() {
        let read = |text| parse_duration(text).unwrap();
        assert_eq!(read("200ms"), Duration::from_millis(200));
        assert_eq!(read("10s"), Duration::from_secs(10));
        assert_eq!(read("1.5s"), Duration::from_millis(1500));
        assert_eq!(read("1m"), Duration::from_mins(1));
        assert_eq!(read("2h"), Duration::from_hours(2));
        assert_eq!(read("0s"), Duration::ZERO);
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "", "10", "s", "-1s", "+1s", ".s", "1..5s", "1e3s", "infs", "nanms", "1 s", "10d",
            "9s9",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
        let far = format!("{}h", "9".repeat(400));
        assert!(parse_duration(&far).is_err());
    }

    #[test]
    fn the_largest_whole_unit_is_shown() {
        let show = |micros| show_duration(Duration::from_micros(micros));
        assert_eq!(show(200_000), "200ms");
        assert_eq!(show(1_500_000), "1500ms");
        assert_eq!(show(120_000_000), "2m");
        assert_eq!(show(7_200_000_000), "2h");
        assert_eq!(show(1_250), "1.250ms");
        assert_eq!(show(0), "0ms");
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_again(micros in 0u64..100_000_000_000) {
            let duration = Duration::from_micros(micros);
            prop_assert_eq!(parse_duration(&show_duration(duration)), Ok(duration));
        }

        #[test]
        fn any_text_gets_an_answer(text in "\\PC{0,20}") {
            let _ = parse_duration(&text);
        }
    }
}
