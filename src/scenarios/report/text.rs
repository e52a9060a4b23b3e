//! Names and figures as people read them.

use std::time::Duration;

use crate::scenarios::history::Micros;
use crate::scenarios::metrics::{Metric, Spread, Unit};

/// `leader-failover` as a title: `Leader Failover`.
pub fn title(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let mut letters = word.chars();
        let first = letters.next().map(|first| first.to_uppercase().to_string());
        first.unwrap_or_default() + letters.as_str()
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Seconds: `0.21s`, and a third digit where two say nothing.
pub(super) fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds >= 0.01 || seconds == 0.0 {
        format!("{seconds:.2}s")
    } else {
        format!("{seconds:.3}s")
    }
}

/// A metric's value: seconds, or a plain number.
pub(super) fn value(metric: Metric, value: f64) -> String {
    match metric.unit() {
        Unit::Millis => seconds(Duration::from_secs_f64(value / 1e3)),
        Unit::Count => format!("{value:.0}"),
    }
}

/// `min 0.04s, p50 0.05s, p95 0.06s, max 0.07s`.
pub(super) fn spread(metric: Metric, spread: &Spread) -> String {
    let show = |figure| value(metric, figure);
    format!(
        "min {}, p50 {}, p95 {}, max {}",
        show(spread.min),
        show(spread.p50),
        show(spread.p95),
        show(spread.max)
    )
}

/// Milliseconds with fractions.
pub(super) fn millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e3
}

/// A moment in milliseconds.
pub(super) fn at_ms(at: Micros) -> f64 {
    at.0 as f64 / 1e3
}

/// `1 run`, `2 runs`.
pub(super) fn several(number: usize, thing: &str) -> String {
    match number {
        1 => format!("1 {thing}"),
        _ if thing.ends_with(char::is_uppercase) => format!("{number} {thing}S"),
        _ => format!("{number} {thing}s"),
    }
}

/// One line without control characters: text of a node or of a foreign broker may hold any.
pub(super) fn one_line(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_titles() {
        assert_eq!(title("clean-startup"), "Clean Startup");
        assert_eq!(title("chaos"), "Chaos");
        assert_eq!(title(""), "");
    }

    #[test]
    fn seconds_say_something() {
        let shown = |micros| seconds(Duration::from_micros(micros));
        assert_eq!(shown(210_400), "0.21s");
        assert_eq!(shown(3_400), "0.003s");
        assert_eq!(shown(18_450_000), "18.45s");
        assert_eq!(shown(0), "0.00s");
    }
}
