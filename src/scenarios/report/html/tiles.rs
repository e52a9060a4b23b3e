//! The metrics as tiles: the figure, and between which events it lies.

use maud::{Markup, html};

use super::axis::n;
use super::laws::grouped;
use crate::scenarios::metrics::{Metric, Spread, Unit};
use crate::scenarios::report::model::ScenarioReport;
use crate::scenarios::report::text::value;

/// The metrics of a scenario; those that were not examined are named below.
pub(super) fn tiles(scenario: &ScenarioReport) -> Markup {
    let (seen, unseen): (Vec<_>, Vec<_>) = Metric::ALL
        .into_iter()
        .map(|metric| (metric, scenario.spread(metric)))
        .partition(|(_, spread)| spread.is_some());
    let unseen: Vec<&str> = unseen.iter().map(|(metric, _)| metric.label()).collect();
    html! {
        div.tiles {
            @for (metric, spread) in seen {
                @if let Some(spread) = spread { (tile(scenario, metric, &spread)) }
            }
        }
        @if !unseen.is_empty() {
            p.aside { "Not examined here: " (unseen.join(", ")) "." }
        }
    }
}

fn tile(scenario: &ScenarioReport, metric: Metric, spread: &Spread) -> Markup {
    html! {
        div.tile {
            h4 { (metric) }
            @if let [only] = scenario.runs.as_slice() {
                p.figure { (precise(metric, spread.max)) }
                @if let Some(measured) = only.metrics.measured(metric) {
                    p.aside { (measured.what) br; (measured.from) " to " (measured.to) }
                }
            } @else {
                p.figure { (precise(metric, spread.p50)) small { " p50" } }
                (dots(scenario, metric, spread))
                p.aside {
                    "min " (precise(metric, spread.min)) " · p95 " (precise(metric, spread.p95))
                    " · max " (precise(metric, spread.max))
                }
            }
        }
    }
}

/// Milliseconds below a second, as the summary's two digits would hide what tuning moves.
fn precise(metric: Metric, figure: f64) -> String {
    match metric.unit() {
        Unit::Count => grouped(figure as u64),
        Unit::Millis if figure < 1000.0 => format!("{figure:.1} ms"),
        Unit::Millis => value(metric, figure),
    }
}

/// One dot for each run, from the least to the largest.
fn dots(scenario: &ScenarioReport, metric: Metric, spread: &Spread) -> Markup {
    let width = (spread.max - spread.min).max(f64::MIN_POSITIVE);
    let values = scenario.runs.iter();
    let values = values.filter_map(|run| run.metrics.value(metric));
    html! {
        svg.dots viewBox="0 0 200 14" aria-hidden="true" {
            line x1="4" x2="196" y1="7" y2="7" {}
            @for value in values {
                circle cx=(n(4.0 + (value - spread.min) / width * 192.0)) cy="7" r="3.5" {}
            }
        }
    }
}
