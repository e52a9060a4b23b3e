//! Lanes of nodes and partitions, and the marks across all parts: faults, elections, changes.

use maud::{Markup, html};

use super::{FLAGS, LANE, Layout};
use crate::scenarios::report::course::{Course, Lane, LaneSpan, Mark, State, Stretch};
use crate::scenarios::report::html::axis::{Axis, LEFT, n};

/// The height of a lane's bar.
const BAR: f64 = 15.0;
/// A letter's width, as a guess.
const LETTER: f64 = 6.6;
/// Leader changes closer than this on the chart share a mark.
const CLOSE: f64 = 6.0;

/// One lane below the other.
pub(super) fn lanes(course: &Course, lanes: &[Lane], top: f64, axis: &Axis) -> Markup {
    html! {
        @for (number, lane) in lanes.iter().enumerate() {
            @let y = top + number as f64 * LANE;
            text.lane x=(n(LEFT - 8.0)) y=(n(y + 11.5)) text-anchor="end" {
                (fitting(&lane.name, LEFT - 14.0)) title { (lane.name) }
            }
            @for one in lane.spans.iter().filter(|one| axis.shows(one.at)) {
                (span(course, one, y, axis))
            }
        }
    }
}

/// The end of a name says more than its beginning.
fn fitting(name: &str, width: f64) -> String {
    let letters = (width / LETTER) as usize;
    let all = name.chars().count();
    if all <= letters {
        return name.to_owned();
    }
    let end: String = name.chars().skip(all + 1 - letters).collect();
    format!("…{end}")
}

fn span(course: &Course, one: &LaneSpan, y: f64, axis: &Axis) -> Markup {
    let (left, right) = (axis.x(one.at.from), axis.x(one.at.to));
    let width = (right - left).max(2.0);
    let said = short(one);
    let fits = width > said.chars().count() as f64 * LETTER + 8.0;
    html! {
        rect class=(class(course, one.state)) x=(n(left)) y=(n(y)) width=(n(width)) height=(n(BAR))
            rx="2"
        {
            title { (format!("{} ({} to {})", one.words, one.at.from, one.at.to)) }
        }
        @if fits {
            text class=(if one.state == State::Electing { "within on-wait" } else { "within" }) x=(n(left + 5.0)) y=(n(y + 11.0)) { (said) }
        }
    }
}

fn short(one: &LaneSpan) -> String {
    match one.state {
        State::LedBy(node) => node.to_string(),
        _ => one.words.clone(),
    }
}

fn class(course: &Course, state: State) -> String {
    match state {
        State::Up => String::from("bar up"),
        State::Starting => String::from("bar starting"),
        State::Broken => String::from("bar broken"),
        State::Electing => String::from("bar electing"),
        State::LedBy(node) => {
            let place = course.palette.binary_search(&node).unwrap_or(0);
            format!("bar led c{}", place % 9)
        }
    }
}

/// Faults and elections as bands behind everything.
pub(super) fn bands(course: &Course, layout: &Layout) -> Markup {
    html! {
        @for fault in shown(&course.faults, &layout.axis) {
            (band("band fault", fault, layout))
        }
        @for election in shown(&course.elections, &layout.axis) {
            (band("band election", election, layout))
        }
    }
}

fn shown<'a>(marks: &'a [Mark], axis: &Axis) -> impl Iterator<Item = &'a Mark> {
    let axis = *axis;
    marks.iter().filter(move |mark| axis.shows(mark.at))
}

fn band(class: &str, mark: &Mark, layout: &Layout) -> Markup {
    let (left, right) = (layout.axis.x(mark.at.from), layout.axis.x(mark.at.to));
    html! {
        rect class=(class) x=(n(left)) y=(n(FLAGS)) width=(n((right - left).max(1.5)))
            height=(n(layout.bottom - FLAGS))
        {
            title { (format!("{} ({} to {})", mark.words, mark.at.from, mark.at.to)) }
        }
    }
}

/// The words of the faults, and a diamond for each leader change, above the chart.
pub(super) fn flags(course: &Course, layout: &Layout) -> Markup {
    let mut free = LEFT;
    let faults = shown(&course.faults, &layout.axis).map(|fault| {
        let x = layout.axis.x(fault.at.from);
        let width = fault.words.chars().count() as f64 * LETTER + 20.0;
        let fits = x >= free && x + width < 1000.0;
        free = if fits { x + width } else { free };
        (x, fits.then(|| fault.words.clone()))
    });
    html! {
        @for (x, words) in faults {
            line.fault x1=(n(x)) x2=(n(x)) y1="4" y2=(n(layout.bottom)) {}
            @if let Some(words) = words {
                text.flag x=(n(x + 4.0)) y="13" { "✕ " (words) }
            }
        }
        @for (x, words) in changes(course, &layout.axis) {
            line.change x1=(n(x)) x2=(n(x)) y1=(n(FLAGS - 8.0)) y2=(n(layout.bottom)) {}
            path.change d=(format!("M{} {}l5 6l-5 6l-5-6Z", n(x), n(FLAGS - 18.0))) {
                title { (words) }
            }
        }
    }
}

/// Leader changes with their words; those that would lie upon each other are one.
fn changes(course: &Course, axis: &Axis) -> Vec<(f64, String)> {
    let mut marks = Vec::<(f64, String)>::new();
    for change in &course.changes {
        let at = Stretch {
            from: change.at,
            to: change.at,
        };
        if !axis.shows(at) {
            continue;
        }
        let x = axis.x(change.at);
        let words = format!("{} {}", change.at, change.words);
        match marks.last_mut() {
            Some((last, said)) if x - *last < CLOSE => {
                said.push('\n');
                said.push_str(&words);
            }
            _ => marks.push((x, words)),
        }
    }
    marks
}
