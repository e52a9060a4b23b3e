//! The first line: which cluster, and how it is.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::theme::{Theme, bold};
use crate::cli::render::{Tone, tables};
use crate::cli::ui::model::{Contact, Hold, Load, Model};
use crate::supervisor::ClusterStatus;

pub(super) fn draw(model: &Model, theme: Theme, frame: &mut Frame<'_>, area: Rect) {
    let mut spans = vec![
        theme.span(Tone::News, " chronik-dev "),
        bold(format!(" {} ", model.cluster)),
        Span::raw(" "),
    ];
    match &model.contact {
        Contact::Met(status) => {
            let (tone, word) = tables::cluster_state(status.state);
            spans.push(theme.span(tone, word));
            spans.push(Span::raw(facts(status)));
        }
        Contact::Seeking if model.hold == Hold::Ours => {
            spans.push(theme.span(Tone::News, "◌ starting"));
        }
        Contact::Seeking => spans.push(theme.span(Tone::News, "◌ looking for it")),
        Contact::Gone(_) => spans.push(theme.span(Tone::Bad, "✗ no cluster")),
    }
    if model.load == Load::On {
        spans.push(theme.span(Tone::News, "  ▶ load"));
    }
    if let Some(status) = model.status() {
        let used: usize = spans.iter().map(Span::width).sum();
        let room = usize::from(area.width).saturating_sub(used);
        spans.push(theme.span(Tone::Quiet, addresses(&status.bootstrap, room)));
    }
    frame.render_widget(Line::from(spans), area);
}

/// All addresses, or the first one: half an address is none.
fn addresses(bootstrap: &str, room: usize) -> String {
    let first = bootstrap.split(',').next().unwrap_or_default();
    let choices = [format!("  {bootstrap}"), format!("  {first},…")];
    let fitting = choices
        .into_iter()
        .find(|text| text.chars().count() <= room);
    fitting.unwrap_or_default()
}

fn facts(status: &ClusterStatus) -> String {
    let leader = match (&status.leader, status.term) {
        (Some(leader), Some(term)) => format!("leader {leader} (term {term})"),
        _ => String::from("no leader"),
    };
    let ready = status.ready_nodes();
    let links = if status.direct { "  links direct" } else { "" };
    let kind = if status.ephemeral { "  ephemeral" } else { "" };
    format!(
        "  {leader}  {ready}/{} nodes ready{links}{kind}",
        status.nodes.len()
    )
}
