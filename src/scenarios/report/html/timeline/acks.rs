//! Acks per bin, stacked by broker, and below them what was tried without an ack.

use std::fmt::Write as _;
use std::ops::Range;

use maud::{Markup, html};

use super::{ACKS, Layout, MISSED};
use crate::scenarios::history::Micros;
use crate::scenarios::report::course::{BIN, Course, Stretch};
use crate::scenarios::report::html::axis::{LEFT, RIGHT, n, round_step};

/// The bins of a stretch.
fn bins(course: &Course, shown: Stretch) -> Range<usize> {
    let all = course.load.missed.len();
    let first = (shown.from.0 / BIN) as usize;
    let last = shown.to.0.div_ceil(BIN) as usize;
    first.min(all)..last.min(all)
}

/// The records acked in each bin, for the readout.
pub(super) fn totals(course: &Course, shown: Stretch) -> String {
    joined(bins(course, shown).map(|bin| course.load.total(bin)))
}

/// The records tried without an ack in each bin, for the readout.
pub(super) fn missed_of(course: &Course, shown: Stretch) -> String {
    joined(bins(course, shown).map(|bin| course.load.missed[bin]))
}

fn joined(counts: impl Iterator<Item = u32>) -> String {
    let shown = counts.map(|count| match count {
        0 => String::new(),
        count => count.to_string(),
    });
    shown.collect::<Vec<_>>().join(",")
}

/// The vertical scale: a burst after a stall must not flatten everything else.
fn limit(course: &Course, bins: Range<usize>) -> f64 {
    let mut totals: Vec<u32> = bins.map(|bin| course.load.total(bin)).collect();
    totals.retain(|total| *total > 0);
    totals.sort_unstable();
    let Some(max) = totals.last() else {
        return 1.0;
    };
    let usual = f64::from(totals[(totals.len() - 1) * 97 / 100]) * 1.5;
    let wanted = f64::from(*max).min(usual).max(1.0);
    let step = round_step(wanted / 4.0).max(1.0);
    (wanted / step).ceil() * step
}

/// The part of the chart with the acks.
pub(super) fn acks(course: &Course, layout: &Layout) -> Markup {
    let bins = bins(course, layout.axis.shown);
    let limit = limit(course, bins.clone());
    let base = layout.acks + ACKS;
    let y = |count: f64| base - (count / limit).min(1.0) * ACKS;
    let x = |bin: usize| layout.axis.x(Micros(bin as u64 * BIN));
    let brokers = course.palette.len();
    html! {
        (scale(limit, &y))
        @for (place, class) in (0..brokers).rev().map(|place| (place, format!("acks c{}", place % 9))) {
            path class=(class) d=(area(course, bins.clone(), place, (&x, &y))) {}
        }
        path.over d=(over(course, bins.clone(), limit, (&x, layout.acks))) {}
        line.base x1=(n(LEFT)) x2=(n(RIGHT)) y1=(n(base)) y2=(n(base)) {}
        path.missed d=(missed(course, bins, limit, (&x, base))) {}
        text.part x=(n(LEFT - 8.0)) y=(n(layout.acks - 8.0)) text-anchor="end" { "acks" }
        text.part x=(n(LEFT - 8.0)) y=(n(base + MISSED - 5.0)) text-anchor="end" { "not acked" }
    }
}

fn scale(limit: f64, y: &impl Fn(f64) -> f64) -> Markup {
    let step = round_step(limit / 4.0).max(1.0);
    let steps = (limit / step) as u32;
    html! {
        @for count in (0..=steps).map(|number| f64::from(number) * step) {
            line.grid x1=(n(LEFT)) x2=(n(RIGHT)) y1=(n(y(count))) y2=(n(y(count))) {}
            text.tick x=(n(LEFT - 8.0)) y=(n(y(count) + 4.0)) text-anchor="end" { (n(count)) }
        }
    }
}

type Scales<'a, X, Y> = (&'a X, &'a Y);

/// The acks of the brokers up to `place`, as steps; painted from the back they are a stack.
fn area<X: Fn(usize) -> f64, Y: Fn(f64) -> f64>(
    course: &Course,
    bins: Range<usize>,
    place: usize,
    (x, y): Scales<'_, X, Y>,
) -> String {
    let mut path = format!("M{} {}", n(x(bins.start)), n(y(0.0)));
    let mut level = 0;
    for bin in bins.clone() {
        let rows = course.load.acked[..=place].iter();
        let count: u32 = rows.map(|row| row[bin]).sum();
        if count != level {
            let _infallible = write!(path, "H{}V{}", n(x(bin)), n(y(f64::from(count))));
            level = count;
        }
    }
    let _infallible = write!(path, "H{}V{}Z", n(x(bins.end)), n(y(0.0)));
    path
}

/// A small arrow on each bin that is taller than the scale.
fn over<X: Fn(usize) -> f64>(
    course: &Course,
    bins: Range<usize>,
    limit: f64,
    (x, top): (&X, f64),
) -> String {
    let taller = bins.filter(|bin| f64::from(course.load.total(*bin)) > limit);
    let arrows = taller.map(|bin| {
        let middle = f64::midpoint(x(bin), x(bin + 1));
        format!("M{} {}l3 5h-6Z", n(middle), n(top - 6.0))
    });
    arrows.collect()
}

/// A bar downwards for each bin with attempts that were not acked; never too small to be seen.
fn missed<X: Fn(usize) -> f64>(
    course: &Course,
    bins: Range<usize>,
    limit: f64,
    (x, base): (&X, f64),
) -> String {
    let some = bins.filter(|bin| course.load.missed[*bin] > 0);
    let bars = some.map(|bin| {
        let share = (f64::from(course.load.missed[bin]) / limit).min(1.0);
        let (left, width) = (x(bin), (x(bin + 1) - x(bin)).max(1.5));
        let height = (share * MISSED).max(4.0);
        let (width, height) = (n(width), n(height));
        format!("M{} {}h{width}v{height}h-{width}Z", n(left), n(base + 1.0))
    });
    bars.collect()
}
