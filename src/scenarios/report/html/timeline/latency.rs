//! Latencies over time on a logarithmic scale: the median, the 99th percentile, the longest.

use std::fmt::Write as _;
use std::time::Duration;

use maud::{Markup, html};

use super::{LATENCY, Layout};
use crate::scenarios::report::course::{Course, Latency, Stretch};
use crate::scenarios::report::html::axis::{LEFT, RIGHT, n};
use crate::scenarios::report::text::millis;

/// The scale in powers of ten of a millisecond.
struct Scale {
    top: f64,
    least: i32,
    most: i32,
}

impl Scale {
    fn of(latencies: &[Latency], top: f64) -> Self {
        let shortest = latencies.iter().map(|one| one.p50).min();
        let longest = latencies.iter().map(|one| one.max).max();
        let power = |duration: Option<Duration>| {
            let ms = millis(duration.unwrap_or(Duration::from_millis(1))).max(0.01);
            ms.log10()
        };
        let least = power(shortest).floor() as i32;
        Self {
            top,
            least,
            most: (power(longest).ceil() as i32).max(least + 1),
        }
    }

    fn y(&self, latency: Duration) -> f64 {
        self.at(millis(latency).max(0.001).log10())
    }

    fn at(&self, power: f64) -> f64 {
        let share = (power - f64::from(self.least)) / f64::from(self.most - self.least);
        self.top + LATENCY * (1.0 - share.clamp(0.0, 1.0))
    }
}

fn shown_of(course: &Course, shown: Stretch) -> Vec<Latency> {
    let all = course.load.latencies.iter().copied();
    all.filter(|one| one.at >= shown.from && one.at <= shown.to)
        .collect()
}

/// Each window's moment and percentiles in µs, for the readout.
pub(super) fn readout(course: &Course, shown: Stretch) -> String {
    let windows = shown_of(course, shown).into_iter().map(|one| {
        let (p50, p99) = (one.p50.as_micros(), one.p99.as_micros());
        format!("{},{p50},{p99},{}", one.at.0, one.max.as_micros())
    });
    windows.collect::<Vec<_>>().join(";")
}

/// The part of the chart with the latencies.
pub(super) fn latencies(course: &Course, layout: &Layout) -> Markup {
    let latencies = shown_of(course, layout.axis.shown);
    let scale = Scale::of(&latencies, layout.latency);
    let line = |of: fn(&Latency) -> Duration| line(&latencies, layout, |one| scale.y(of(one)));
    html! {
        text.part x=(n(LEFT - 8.0)) y=(n(layout.latency - 9.0)) text-anchor="end" { "latency" }
        @for power in scale.least..=scale.most {
            @let y = scale.at(f64::from(power));
            line.grid x1=(n(LEFT)) x2=(n(RIGHT)) y1=(n(y)) y2=(n(y)) {}
            text.tick x=(n(LEFT - 8.0)) y=(n(y + 4.0)) text-anchor="end" { (label(power)) }
        }
        path.latency.max d=(line(|one| one.max)) {}
        path.latency.p99 d=(line(|one| one.p99)) {}
        path.latency.p50 d=(line(|one| one.p50)) {}
        (names(&latencies, layout, &scale))
    }
}

fn label(power: i32) -> String {
    match power {
        power if power >= 3 => format!("{} s", 10_i64.pow(power as u32 - 3)),
        power => format!("{} ms", 10_f64.powi(power)),
    }
}

/// Each line's name, at its right end; where two would overlap, the lower one gives way.
fn names(latencies: &[Latency], layout: &Layout, scale: &Scale) -> Markup {
    let last = latencies.last();
    let x = last.map_or(LEFT, |last| layout.axis.x(last.at));
    let mut above = f64::NEG_INFINITY;
    let named = last.map(|last| {
        [("max", last.max), ("p99", last.p99), ("p50", last.p50)].map(|(name, latency)| {
            let y = (scale.y(latency) + 3.0).max(above + 11.0);
            above = y;
            (name, y)
        })
    });
    html! {
        @for (name, y) in named.into_iter().flatten() {
            text class=(format!("name {name}")) x=(n((x + 4.0).min(RIGHT - 22.0))) y=(n(y)) { (name) }
        }
    }
}

/// A line through the windows, broken where nothing was to be sent.
fn line(latencies: &[Latency], layout: &Layout, y: impl Fn(&Latency) -> f64) -> String {
    let steps = latencies.windows(2).map(|pair| pair[1].at.0 - pair[0].at.0);
    let usual = steps.min().unwrap_or(0);
    let mut path = String::new();
    let mut previous = None::<u64>;
    for one in latencies {
        let follows = previous.is_some_and(|last| one.at.0 - last <= usual * 3);
        let command = if follows { 'L' } else { 'M' };
        let (x, y) = (n(layout.axis.x(one.at)), n(y(one)));
        let _infallible = write!(path, "{command}{x} {y}");
        previous = Some(one.at.0);
    }
    path
}
