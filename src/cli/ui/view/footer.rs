//! The last lines: the last command and how it went, and the keys with the command line that each
//! stands for, about the node that is selected.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use super::safe;
use super::theme::{Theme, bold};
use crate::cli::render::Tone;
use crate::cli::ui::input::Deed;
use crate::cli::ui::model::{How, Load, Mode, Model, Said};
use crate::cli::ui::wish::Wish;

/// Keys to deeds, in the order of the line.
const DEEDS: [(&str, Deed); 4] = [
    ("k", Deed::Kill),
    ("s", Deed::Stop),
    ("p", Deed::Pause),
    ("r", Deed::Restart),
];

pub(super) fn draw(model: &Model, theme: Theme, frame: &mut Frame<'_>, area: Rect) {
    let rows = Layout::vertical([Constraint::Length(1); 3]);
    let [first, second, third] = rows.areas(area);
    let last = match &model.mode {
        Mode::Filtering { .. } => filter(model, theme),
        _ => said(model, theme),
    };
    frame.render_widget(last, first);
    frame.render_widget(deeds(model, theme, second.width), second);
    frame.render_widget(rest(model, theme, third.width), third);
}

fn filter(model: &Model, theme: Theme) -> Line<'static> {
    Line::from(vec![
        theme.span(Tone::News, " /"),
        bold(safe(model.log.filter().text())),
        Span::raw("▏"),
        theme.span(Tone::Quiet, "  Enter keeps the filter, Esc gives it up"),
    ])
}

fn said(model: &Model, theme: Theme) -> Line<'static> {
    let Some(Said { command, how }) = &model.said else {
        return Line::from(theme.span(Tone::Quiet, " each key is a command line; ? explains"));
    };
    let (tone, how) = match how {
        How::Doing => (Tone::News, String::from("…")),
        How::Done(how) => (Tone::Good, format!("✓ {}", safe(how))),
        How::Failed(how) => (Tone::Bad, format!("✗ {}", safe(how))),
    };
    Line::from(vec![
        theme.span(Tone::Quiet, " $ "),
        bold(command.clone()),
        Span::raw("  "),
        theme.span(tone, how),
    ])
}

fn deeds(model: &Model, theme: Theme, width: u16) -> Line<'static> {
    let wished = DEEDS
        .iter()
        .filter_map(|(key, deed)| Some((*key, model.meant(*deed)?)));
    let healing = model.status().map(|_| ("h", Wish::Heal));
    // Last, since it names every other node.
    let isolating = model.meant(Deed::Isolate).map(|wish| ("i", wish));
    let mut spans = vec![Span::raw(" ")];
    for (key, wish) in wished.chain(healing).chain(isolating) {
        spans.extend([
            key_of(key, theme),
            Span::raw(format!(" {}  ", wish.words())),
        ]);
    }
    if model.cluster != "dev" && model.status().is_some() {
        let cluster = format!("--cluster {}", model.cluster);
        push_whole(&mut spans, &[theme.span(Tone::Quiet, cluster)], width);
    }
    Line::from(spans)
}

fn rest(model: &Model, theme: Theme, width: u16) -> Line<'static> {
    let scenario = if model.playing.is_some() {
        "end scenario"
    } else {
        "scenario"
    };
    let load = match model.load {
        Load::Off => "load",
        Load::On => "end load",
    };
    let all = [
        ("x", scenario),
        ("w", load),
        ("l", "log"),
        ("/", "filter"),
        ("?", "help"),
        ("q", "quit"),
        ("↑↓", "node"),
        ("PgUp/Dn", "scroll"),
    ];
    let met = model.status().is_some();
    let mut spans = vec![Span::raw(" ")];
    for (key, word) in all
        .into_iter()
        .filter(|(key, _)| met || matches!(*key, "?" | "q"))
    {
        let what = [key_of(key, theme), Span::raw(format!(" {word}"))];
        if !push_whole(&mut spans, &what, width) {
            break;
        }
        spans.push(Span::raw("  "));
    }
    Line::from(spans)
}

/// Adds what has room as a whole; says whether it had.
fn push_whole(spans: &mut Vec<Span<'static>>, more: &[Span<'static>], width: u16) -> bool {
    let needed: usize = spans.iter().chain(more).map(Span::width).sum();
    let fits = needed <= usize::from(width);
    if fits {
        spans.extend_from_slice(more);
    }
    fits
}

fn key_of(key: &'static str, theme: Theme) -> Span<'static> {
    Span::styled(key, bold("").style.patch(theme.tone(Tone::News)))
}
