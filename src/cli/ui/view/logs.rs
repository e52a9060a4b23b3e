//! The log pane: whose, which lines, and the command line that shows the same.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text;
use ratatui::widgets::Paragraph;

use super::theme::{Theme, bold};
use super::{pane, safe};
use crate::cli::logs::Line;
use crate::cli::render::Tone;
use crate::cli::ui::model::Model;
use crate::supervisor::{command, is_error};

/// `12:00:00.123` in `2026-01-31T12:00:00.123456Z`.
const CLOCK: std::ops::Range<usize> = 11..23;

pub(super) fn draw(model: &Model, theme: Theme, frame: &mut Frame<'_>, area: Rect) {
    let block = pane(theme, title(model, theme));
    let room = usize::from(block.inner(area).height);
    let lines = model.log.last(room);
    let lines: Vec<text::Line<'_>> = lines.iter().map(|line| shown(line, theme)).collect();
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn title(model: &Model, theme: Theme) -> text::Line<'static> {
    let whose = model.log.node();
    let whose = whose.map_or_else(|| String::from("all nodes"), |node| node.to_string());
    let mut spans = vec![bold(format!(" log of {whose} "))];
    let filter = model.log.filter();
    if !filter.text().is_empty() {
        spans.push(theme.span(Tone::News, format!("/{}/ ", safe(filter.text()))));
    }
    if !filter.is_valid() {
        spans.push(theme.span(Tone::Bad, "no regular expression yet: all is shown "));
    }
    let words = command(&model.cluster, &safe(&model.log.words()));
    spans.push(theme.span(Tone::Quiet, format!("$ {words} ")));
    text::Line::from(spans)
}

fn shown(line: &Line, theme: Theme) -> text::Line<'static> {
    let tone = match &line.text {
        text if is_error(text) => Tone::Bad,
        text if text.contains(" WARN ") => Tone::Doubt,
        _ => Tone::Plain,
    };
    // The date is the same for all that one sees here.
    let own = line
        .text
        .strip_prefix(line.time())
        .filter(|_| !line.time().is_empty());
    let (clock, text) = match (own, line.time().get(CLOCK)) {
        (Some(rest), Some(clock)) => (format!("{clock} "), rest.trim_start()),
        _ => (String::new(), line.text.as_str()),
    };
    text::Line::from(vec![
        theme.span(Tone::News, format!("{} ", line.node)),
        theme.span(Tone::Quiet, clock),
        theme.span(tone, safe(text)),
    ])
}
