//! In the place of the panes, while there is no cluster to show.

use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Wrap};

use super::theme::{Theme, bold};
use super::{events, safe};
use crate::cli::render::Tone;
use crate::cli::ui::model::{Contact, Hold, Model};
use crate::supervisor::Trouble;

pub(super) fn draw(model: &Model, theme: Theme, frame: &mut Frame<'_>, area: Rect) {
    let lines = match &model.contact {
        Contact::Gone(trouble) => gone(model, trouble, theme),
        _ => seeking(model, theme),
    };
    let height = lines.len() as u16;
    let [_, middle, _, below] = Layout::vertical([
        Constraint::Fill(1),
        Constraint::Length(height),
        Constraint::Fill(1),
        Constraint::Length((area.height / 3).max(3)),
    ])
    .areas(area);
    let text = Paragraph::new(lines).alignment(Alignment::Center);
    frame.render_widget(text.wrap(Wrap { trim: true }), middle);
    events::draw(model, theme, frame, below);
}

fn gone(model: &Model, trouble: &Trouble, theme: Theme) -> Vec<Line<'static>> {
    let mut lines = vec![
        Line::from(theme.span(Tone::Bad, "✗ no cluster")),
        Line::default(),
        Line::from(bold(safe(&trouble.message))),
    ];
    let facts = trouble.facts.iter().map(|fact| safe(fact));
    lines.extend(facts.map(|fact| Line::from(theme.span(Tone::Quiet, fact))));
    lines.push(Line::default());
    let start = format!("chronik-dev up -d --cluster {}", model.cluster);
    lines.push(Line::from(format!("{start} starts it")));
    lines.push(Line::from(
        theme.span(Tone::News, "◌ waiting for it to come back; q quits"),
    ));
    lines
}

fn seeking(model: &Model, theme: Theme) -> Vec<Line<'static>> {
    let what = match model.hold {
        Hold::Ours => format!("◌ starting cluster {}", model.cluster),
        Hold::Theirs => format!("◌ looking for cluster {}", model.cluster),
    };
    vec![Line::from(theme.span(Tone::News, what))]
}
