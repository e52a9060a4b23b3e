//! What happened, the newest last; and which scenario runs.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use super::theme::{Theme, bold};
use super::{pane, safe};
use crate::cli::render::Tone;
use crate::cli::ui::model::{Model, News};

pub(super) fn draw(model: &Model, theme: Theme, frame: &mut Frame<'_>, area: Rect) {
    let mut title = vec![bold(" events ")];
    if let Some(playing) = &model.playing {
        title.push(theme.span(Tone::News, format!("▶ {} ", safe(playing))));
    }
    let block = pane(theme, Line::from(title));
    let room = usize::from(block.inner(area).height);
    let skipped = model.news.len().saturating_sub(room);
    let lines = model.news.iter().skip(skipped);
    let lines: Vec<Line<'_>> = lines.map(|news| line(news, theme)).collect();
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn line(news: &News, theme: Theme) -> Line<'static> {
    Line::from(vec![
        theme.span(Tone::Quiet, format!("{} ", news.at)),
        theme.span(news.tone, safe(&news.text)),
    ])
}
