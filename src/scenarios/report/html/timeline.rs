//! The timeline of a run: acks, attempts without an ack, nodes, leaders and latencies above one
//! time axis, with faults, elections and leader changes marked across all of them.

mod acks;
mod latency;
mod strips;

use maud::{Markup, html};

use super::axis::{Axis, LEFT, RIGHT, n};
use crate::scenarios::report::course::{BIN, Course, Stretch};
use crate::scenarios::report::text::{at_ms, several};

/// Height of the strip with the marks' words.
const FLAGS: f64 = 40.0;
/// Height of the acks.
const ACKS: f64 = 170.0;
/// Height of what was not acked, below.
const MISSED: f64 = 20.0;
/// Height of one lane with the space below it.
const LANE: f64 = 21.0;
/// Height of the latencies.
const LATENCY: f64 = 120.0;
/// Space between the parts.
const GAP: f64 = 16.0;
/// Space for the times at the bottom.
const TIMES: f64 = 22.0;

/// Where each part lies: its top.
#[derive(Debug, Clone, Copy)]
struct Layout {
    axis: Axis,
    acks: f64,
    nodes: f64,
    leaders: f64,
    latency: f64,
    bottom: f64,
}

impl Layout {
    fn of(course: &Course, shown: Stretch) -> Self {
        let nodes = FLAGS + ACKS + MISSED + GAP;
        let leaders = nodes + course.nodes.len() as f64 * LANE + GAP / 2.0;
        let latency = leaders + course.leaders.len() as f64 * LANE + GAP * 1.5;
        Self {
            axis: Axis { shown },
            acks: FLAGS,
            nodes,
            leaders,
            latency,
            bottom: latency + LATENCY,
        }
    }
}

/// The whole run, and closer what is worth it.
pub(super) fn timelines(course: &Course) -> Markup {
    html! {
        figure {
            figcaption { "Acks per 10 ms by the broker that gave them" }
            (chart(course, course.whole, "the whole run"))
        }
        @if let Some(closer) = &course.closer {
            figure {
                figcaption { "Closer: " (closer.words) }
                (chart(course, closer.at, &closer.words))
            }
        }
        (legend(course))
    }
}

fn chart(course: &Course, shown: Stretch, words: &str) -> Markup {
    let layout = Layout::of(course, shown);
    let height = layout.bottom + TIMES;
    html! {
        div.scroll {
            svg.timeline viewBox=(format!("0 0 1000 {}", n(height))) role="img"
                aria-label=(format!("timeline of {words}"))
                data-from=(shown.from.0) data-to=(shown.to.0) data-bin=(BIN)
                data-left=(n(LEFT)) data-right=(n(RIGHT))
                data-acks=(acks::totals(course, shown)) data-missed=(acks::missed_of(course, shown))
                data-latency=(latency::readout(course, shown))
            {
                (times(&layout))
                (strips::bands(course, &layout))
                (acks::acks(course, &layout))
                (strips::lanes(course, &course.nodes, layout.nodes, &layout.axis))
                (strips::lanes(course, &course.leaders, layout.leaders, &layout.axis))
                (latency::latencies(course, &layout))
                (strips::flags(course, &layout))
                line.cursor x1="0" x2="0" y1=(n(FLAGS)) y2=(n(layout.bottom)) {}
            }
        }
        p.readout aria-hidden="true" { "\u{a0}" }
    }
}

/// The grid of time, with its labels at the bottom.
fn times(layout: &Layout) -> Markup {
    html! {
        @for (x, label) in layout.axis.ticks() {
            line.grid x1=(n(x)) x2=(n(x)) y1=(n(FLAGS)) y2=(n(layout.bottom)) {}
            text.tick x=(n(x)) y=(n(layout.bottom + 16.0)) text-anchor="middle" { (label) }
        }
    }
}

fn legend(course: &Course) -> Markup {
    html! {
        ul.legend {
            @for (place, node) in course.palette.iter().enumerate() {
                li { i class=(format!("swatch c{}", place % 9)) {} (node) }
            }
            li { i.swatch.missed {} "not acked" }
            li { i.swatch.fault {} "fault" }
            li { i.swatch.electing {} "no leader named yet" }
            li { i.diamond { "◆" } "leader change" }
            @if course.more_leaders > 0 {
                li.aside { (course.more_leaders) " more partitions are left out" }
            }
        }
        @if !course.changes.is_empty() {
            details.changes {
                summary { (several(course.changes.len(), "leader change")) }
                ul {
                    @for change in course.changes.iter().take(200) {
                        li { time { (format!("{:.1} ms", at_ms(change.at))) } (change.words) }
                    }
                }
            }
        }
    }
}
