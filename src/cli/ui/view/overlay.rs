//! What lies over the panes: the help, the scenarios, the question at the end.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Padding, Paragraph};

use super::theme::{Theme, bold};
use crate::cli::render::Tone;
use crate::cli::ui::model::{Mode, Model};
use crate::cli::ui::wish::Wish;
use crate::scenarios::catalogue::Scenario;

/// Keys and what they do.
const HELP: [(&str, &str); 17] = [
    ("↑ ↓ 1-9", "select a node"),
    ("k", "kill it: SIGKILL"),
    ("s", "stop it: it hands over and leaves"),
    ("p", "pause it, or resume it: SIGSTOP, SIGCONT"),
    ("r", "restart it, or start it where it is down"),
    ("i", "isolate it: no byte to or from the others"),
    ("h", "heal all links"),
    (
        "x",
        "run a scenario on this cluster, or end the one that runs",
    ),
    (
        "w",
        "write 100 records a second to the topic ui-load, or end it",
    ),
    ("l", "the next node's log, then that of all"),
    ("/", "filter the log by a regular expression"),
    ("PgUp PgDn", "scroll the partitions"),
    ("q Ctrl-C", "quit"),
    ("", ""),
    ("█", "records committed in 100 ms, of whatever client"),
    ("▒", "some were, and a partition that took records stalled"),
    (
        "×",
        "none were, although records had been flowing: an outage",
    ),
];

pub(super) fn draw(model: &Model, theme: Theme, frame: &mut Frame<'_>) {
    match &model.mode {
        Mode::Watching | Mode::Filtering { .. } => {}
        Mode::Helped => open(frame, theme, (" help ", help(theme))),
        Mode::Choosing { at } => open(
            frame,
            theme,
            (" run a scenario ", scenarios(model, theme, *at)),
        ),
        Mode::Leaving => open(frame, theme, (" quit ", leaving(model, theme))),
    }
}

/// A box in the middle, as large as what is in it.
fn open(frame: &mut Frame<'_>, theme: Theme, (title, lines): (&'static str, Vec<Line<'static>>)) {
    let wide = lines.iter().map(Line::width).max().unwrap_or(0) as u16;
    let area = centered(frame.area(), wide + 4, lines.len() as u16 + 2);
    let block = Block::bordered()
        .title(bold(title))
        .padding(Padding::horizontal(1))
        .border_style(theme.tone(Tone::News));
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn centered(room: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(room.width), height.min(room.height));
    Rect {
        x: room.x + (room.width - width) / 2,
        y: room.y + (room.height - height) / 2,
        width,
        height,
    }
}

fn help(theme: Theme) -> Vec<Line<'static>> {
    let line = |(key, what): (&'static str, &'static str)| {
        let key = theme.span(Tone::News, format!("{key:<10}"));
        Line::from(vec![key, Span::raw(what)])
    };
    HELP.into_iter().map(line).collect()
}

fn scenarios(model: &Model, theme: Theme, at: usize) -> Vec<Line<'static>> {
    let rows = Scenario::ALL.into_iter().enumerate();
    let rows = rows.map(|(place, scenario)| {
        let chosen = place == at;
        let mark = if chosen { "▸ " } else { "  " };
        let line = Line::from(vec![
            Span::raw(mark),
            theme.span(Tone::News, format!("{:<22}", scenario.name())),
            Span::raw(scenario.words()),
        ]);
        let weight = if chosen {
            Modifier::BOLD
        } else {
            Modifier::empty()
        };
        line.style(Style::new().add_modifier(weight))
    });
    let command = Wish::Play(Scenario::ALL[at]).command(&model.cluster);
    let last = [
        Line::default(),
        Line::from(vec![theme.span(Tone::Quiet, "$ "), bold(command)]),
        Line::from(theme.span(Tone::Quiet, "Enter runs it, Esc goes back")),
    ];
    rows.chain(last).collect()
}

fn leaving(model: &Model, theme: Theme) -> Vec<Line<'static>> {
    let choice = |key: &'static str, what: String| {
        Line::from(vec![
            theme.span(Tone::News, format!("{key:<8}")),
            Span::raw(what),
        ])
    };
    let ephemeral = model.status().is_some_and(|status| status.ephemeral);
    let data = if ephemeral {
        "its data is removed"
    } else {
        "its data stays"
    };
    vec![
        Line::from(format!(
            "cluster {} was started with this dashboard",
            model.cluster
        )),
        Line::default(),
        choice("Enter", format!("stop it, as Ctrl-C of `up` does; {data}")),
        choice(
            "d",
            String::from("leave it running in the background, as `up -d` does"),
        ),
        choice("Esc", String::from("go on watching")),
    ]
}
