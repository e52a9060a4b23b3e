//! The strip of acks: a column for each tenth of a second, the newest at the right.
//!
//! A column without acks where there should be some is full of crosses, one in which only some
//! partitions stalled is drawn in another shade: an outage is seen without reading.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{RenderDirection, Sparkline, SparklineBar};

use super::theme::{Theme, bold};
use super::{grouped, pane};
use crate::cli::render::{Tone, counted};
use crate::cli::ui::model::{Column, Model};

/// Fills a column in which nothing was acked.
const GAP: &str = "×";
/// Stands at the foot of a column in which nothing was to be acked.
const IDLE: &str = "·";
/// Fills the acks of a column in which a partition stalled.
const STALLED: &str = "▒";
/// So many times the mean fills a column.
const USUAL: u64 = 3;
/// Steps of one row.
const STEPS: u64 = 8;

pub(super) fn draw(model: &Model, theme: Theme, frame: &mut Frame<'_>, area: Rect) {
    let columns: Vec<Column> = model.strip.last(usize::from(area.width)).collect();
    let peak = columns.iter().map(|column| column.acked).max().unwrap_or(0);
    let block = pane(theme, title(model, theme, (peak, area.width)));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let steps = u64::from(inner.height) * STEPS;
    // To the right edge: the newest is the first bar of a strip that is drawn from there.
    let scale = (top(&columns, peak), steps);
    let bars = columns.iter().rev();
    let bars = bars.map(|column| bar(*column, theme, scale));
    let strip = Sparkline::default()
        .data(bars.collect::<Vec<_>>())
        .max(steps)
        .direction(RenderDirection::RightToLeft)
        .absent_value_symbol(GAP)
        .absent_value_style(theme.tone(Tone::Bad));
    frame.render_widget(strip, inner);
    reshape(&columns, theme, frame, inner);
}

/// What fills a column: a burst that follows an outage does not flatten all the others.
fn top(columns: &[Column], peak: u64) -> u64 {
    let flowing = columns.iter().filter(|column| column.acked > 0);
    let flowing = flowing.count().max(1) as u64;
    let acked: u64 = columns.iter().map(|column| column.acked).sum();
    peak.min(USUAL * acked.div_ceil(flowing)).max(1)
}

/// A column that has any acks shows at least the lowest step.
fn bar(column: Column, theme: Theme, (top, steps): (u64, u64)) -> SparklineBar {
    if column.is_gap() {
        return SparklineBar::from(None::<u64>);
    }
    let height = (column.acked * steps).div_ceil(top).min(steps);
    let tone = if column.stalled > 0 {
        Tone::Doubt
    } else {
        Tone::Good
    };
    SparklineBar::from(height).style(theme.tone(tone))
}

/// Shapes that bars do not have: idle columns a foot, stalled ones a shade.
fn reshape(columns: &[Column], theme: Theme, frame: &mut Frame<'_>, area: Rect) {
    let buffer = frame.buffer_mut();
    for (x, column) in (area.left()..area.right()).rev().zip(columns.iter().rev()) {
        let foot = area.bottom().saturating_sub(1);
        if *column == Column::default() && area.height > 0 {
            let cell = &mut buffer[(x, foot)];
            cell.set_symbol(IDLE).set_style(theme.tone(Tone::Quiet));
        }
        if column.stalled == 0 || column.is_gap() {
            continue;
        }
        for y in area.top()..area.bottom() {
            let cell = &mut buffer[(x, y)];
            if cell.symbol() != " " {
                cell.set_symbol(STALLED);
            }
        }
    }
}

fn title(model: &Model, theme: Theme, (peak, width): (u64, u16)) -> Line<'static> {
    let rate = grouped(model.strip.rate());
    let peak = grouped(peak);
    let mut spans = vec![
        bold(" acks per 100 ms "),
        theme.span(Tone::Plain, format!("{rate}/s, peak {peak} ")),
    ];
    let gap = model.strip.longest_gap(usize::from(width));
    if gap > 0 {
        let text = format!("× longest gap {:.1} s ", gap as f64 / 10.0);
        spans.push(theme.span(Tone::Bad, text));
    }
    let stalled = model.strip.stalled();
    if stalled > 0 {
        let text = format!("▒ {} stalled now ", counted(stalled as u64, "partition"));
        spans.push(theme.span(Tone::Doubt, text));
    }
    Line::from(spans)
}
