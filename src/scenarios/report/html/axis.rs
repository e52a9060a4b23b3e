//! Positions on a chart: where a moment or a value lies, and which of them get a label.

use crate::scenarios::history::Micros;
use crate::scenarios::report::course::Stretch;

/// The chart's inner left and right edge, in units of its view box.
pub(super) const LEFT: f64 = 92.0;
pub(super) const RIGHT: f64 = 988.0;

/// The time axis.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    pub(super) shown: Stretch,
}

impl Axis {
    /// Where a moment lies; outside ones lie at the edge.
    pub(super) fn x(&self, at: Micros) -> f64 {
        let (from, to) = (self.shown.from.0 as f64, self.shown.to.0 as f64);
        let share = (at.0 as f64 - from) / (to - from).max(1.0);
        LEFT + share.clamp(0.0, 1.0) * (RIGHT - LEFT)
    }

    /// Whether some of this stretch is shown.
    pub(super) fn shows(&self, at: Stretch) -> bool {
        at.to >= self.shown.from && at.from <= self.shown.to
    }

    /// Round moments with their labels, about eight of them.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        let step = round_step(self.shown.length() as f64 / 8.0);
        let first = (self.shown.from.0 as f64 / step).ceil() as u64;
        let last = (self.shown.to.0 as f64 / step).floor() as u64;
        let ticks = (first..=last).map(|number| {
            let micros = number as f64 * step;
            (self.x(Micros(micros as u64)), seconds(micros, step))
        });
        ticks.collect()
    }
}

fn seconds(micros: f64, step: f64) -> String {
    let digits = match step {
        step if step >= 1e6 => 0,
        step if step >= 1e5 => 1,
        _ => 2,
    };
    format!("{:.digits$} s", micros / 1e6)
}

/// 1, 2 or 5 times a power of ten, at least as large as asked.
pub(super) fn round_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.max(1e-9).log10().floor());
    let factors = [1.0, 2.0, 5.0, 10.0];
    let fits = factors
        .into_iter()
        .find(|factor| factor * power >= least * 0.999);
    fits.unwrap_or(10.0) * power
}

/// A number for an SVG attribute: one digit is a fraction of a pixel.
pub(super) fn n(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0")
        .map_or(text.clone(), ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round() {
        let steps = [0.9, 1.0, 1.1, 3.0, 70.0].map(round_step);
        for (step, wanted) in steps.into_iter().zip([1.0, 1.0, 2.0, 5.0, 100.0]) {
            assert!((step - wanted).abs() < 1e-9, "{step} for {wanted}");
        }
    }

    #[test]
    fn ticks_lie_inside_and_are_told_in_seconds() {
        let axis = Axis {
            shown: Stretch {
                from: Micros(1_910_000),
                to: Micros(2_400_000),
            },
        };
        let ticks = axis.ticks();
        assert!(ticks.iter().all(|(x, _)| (LEFT..=RIGHT).contains(x)));
        assert_eq!(ticks[0].1, "2.0 s");
    }
}
