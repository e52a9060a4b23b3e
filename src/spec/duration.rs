//! Durations as people type and read them: `200ms`, `10s`, `1.5s`, `1m30s`, `2h`, or bare seconds.

use std::time::Duration;

/// The units, longest first, with their length in seconds.
const UNITS: [(&str, f64); 4] = [("h", 3600.0), ("m", 60.0), ("s", 1.0), ("ms", 0.001)];
/// The unit of a number alone: seconds.
const BARE: usize = 2;

/// A text that is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}: expected a duration such as 200ms, 10s, 1m30s or 2h")]
pub struct DurationError(pub String);

/// Reads numbers with their units, longest unit first, or a number of seconds alone.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    read(text).ok_or_else(|| DurationError(text.to_owned()))
}

fn read(text: &str) -> Option<Duration> {
    let seconds = if text.ends_with(|last: char| last.is_ascii_digit()) {
        number(text)? * UNITS[BARE].1
    } else {
        sum_of_parts(text)?
    };
    let exact = Duration::try_from_secs_f64(seconds).ok()?;
    // A tenth of a millisecond has no exact binary form: round where nobody counts.
    let micros = u64::try_from((exact.as_nanos() + 500) / 1000).ok()?;
    Some(Duration::from_micros(micros))
}

/// The seconds of `1h2m3s4ms`, of which any may be left out, but not all.
fn sum_of_parts(text: &str) -> Option<f64> {
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut seconds = 0.0;
    loop {
        let (amount, behind) = rest.split_at(rest.find(|c: char| c.is_ascii_alphabetic())?);
        let end = behind.find(|c: char| !c.is_ascii_alphabetic());
        let (unit, behind) = behind.split_at(end.unwrap_or(behind.len()));
        // What is shorter than the last unit is all that may follow.
        let (_, length) = units.find(|(name, _)| *name == unit)?;
        seconds += number(amount)? * length;
        if behind.is_empty() {
            return Some(seconds);
        }
        rest = behind;
    }
}

/// Digits with at most one point among them: no sign, no exponent, no `inf`.
fn number(text: &str) -> Option<f64> {
    let plain = text.starts_with(|first: char| first.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || c == '.');
    plain.then(|| text.parse().ok())?
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
    fn units_follow_each_other_from_long_to_short() {
        let read = |text| parse_duration(text).unwrap();
        assert_eq!(read("1m30s"), Duration::from_secs(90));
        assert_eq!(read("1h5ms"), Duration::from_millis(3_600_005));
        assert_eq!(read("1h2m3s4ms"), Duration::from_millis(3_723_004));
        for text in ["30s1m", "1s1s", "1m30", "1mm", "1m 30s", "1ms1s", "m30s"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_number_alone_is_seconds() {
        let read = |text| parse_duration(text).unwrap();
        assert_eq!(read("10"), Duration::from_secs(10));
        assert_eq!(read("1.5"), Duration::from_millis(1500));
        assert_eq!(read("0"), Duration::ZERO);
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "", "s", "-1s", "-1", "1.", "1e3", "+1s", ".s", "1..5s", "1e3s", "infs", "nanms",
            "1 s", "10d", "9s9",
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
