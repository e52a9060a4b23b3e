//! Partitions × nodes: a shape for each replica; where there are too many nodes, the leader's name.

use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Rect};
use ratatui::text::{Line, Text};
use ratatui::widgets::{Cell as Field, Row as Fields, Table};

use super::theme::{Theme, bold};
use super::{grouped, pane, safe};
use crate::cli::render::Tone;
use crate::cli::render::tables::or_dash;
use crate::cli::ui::model::{Cell, Model, Row};
use crate::spec::NodeId;

/// What the shapes mean, the longest that fits.
const LEGENDS: [&str; 2] = [
    "★ leader ● in sync ○ behind ✗ silent ",
    "★ leader ○ behind ",
];
/// What a partition's name needs at least.
const NAME: u16 = 14;

/// A column: its title, its width, and what stands in it.
struct Column {
    title: String,
    width: u16,
    text: Show,
}

/// What stands in a column.
type Show = Box<dyn Fn(&Row) -> (Tone, String)>;

pub(super) fn draw(model: &Model, theme: Theme, frame: &mut Frame<'_>, area: Rect) {
    let columns = columns(&model.nodes(), area.width);
    let room = usize::from(area.height.saturating_sub(2));
    let skipped = model.scroll.min(model.rows.len().saturating_sub(room));
    let rows = model.rows.iter().skip(skipped).take(room);
    let rows = rows.map(|row| fields(row, &columns, theme));
    let widths = columns
        .iter()
        .map(|column| Constraint::Length(column.width));
    let widths = std::iter::once(Constraint::Fill(1)).chain(widths);
    let titles = columns.iter().map(|column| {
        let title = Text::from(theme.span(Tone::Quiet, column.title.clone()));
        Field::from(title.alignment(Alignment::Right))
    });
    let first = Field::from(theme.span(Tone::Quiet, "PARTITION"));
    let header = Fields::new(std::iter::once(first).chain(titles));
    let hidden = model.rows.len().saturating_sub(skipped + room);
    let title = title(theme, (skipped, hidden));
    let block = pane(theme, with_legend(title, model, theme, area.width));
    let table = Table::new(rows, widths).header(header).column_spacing(1);
    let inner = block.inner(area);
    frame.render_widget(table.block(block), area);
    if model.rows.is_empty() && inner.height > 1 {
        let hint = "none yet; w makes one and writes to it";
        let below = Rect {
            y: inner.y + 1,
            height: 1,
            ..inner
        };
        frame.render_widget(Line::from(theme.span(Tone::Quiet, hint)), below);
    }
}

/// What is out of sight.
fn title(theme: Theme, (above, below): (usize, usize)) -> Line<'static> {
    let mut spans = vec![bold(" partitions ")];
    if above + below > 0 {
        let hidden = format!("↑{above} ↓{below} ");
        spans.push(theme.span(Tone::News, hidden));
    }
    Line::from(spans)
}

/// And what the shapes mean, as far as there is room for it.
fn with_legend(mut title: Line<'static>, model: &Model, theme: Theme, width: u16) -> Line<'static> {
    let room = usize::from(width).saturating_sub(title.width());
    let legends = LEGENDS.map(|legend| theme.span(Tone::Quiet, legend));
    let fitting = legends.into_iter().find(|legend| legend.width() <= room);
    title
        .spans
        .extend(fitting.filter(|_| !model.rows.is_empty()));
    title
}

fn fields(row: &Row, columns: &[Column], theme: Theme) -> Fields<'static> {
    let name = if row.leader.is_none() {
        theme.span(Tone::Bad, format!("✗ {}: no leader", safe(&row.name)))
    } else {
        theme.span(Tone::Plain, safe(&row.name))
    };
    let texts = columns.iter().map(|column| {
        let (tone, text) = (column.text)(row);
        let text = Text::from(theme.span(tone, text));
        Field::from(text.alignment(Alignment::Right))
    });
    Fields::new(std::iter::once(Field::from(name)).chain(texts))
}

/// As many columns as fit: the replicas, then in-sync count, watermark and leader epoch.
fn columns(nodes: &[NodeId], width: u16) -> Vec<Column> {
    let mut columns = replicas(nodes);
    let used = |columns: &[Column]| columns.iter().map(|column| column.width + 1).sum::<u16>();
    if NAME + used(&columns) > width {
        columns = vec![column("LEADER", 8, |row| {
            (Tone::Plain, or_dash(row.leader))
        })];
    }
    let figures = [
        column("ISR", 5, in_sync),
        column("RECORDS", 11, |row| {
            let end = u64::try_from(row.high_watermark).unwrap_or(0);
            (Tone::Plain, grouped(end))
        }),
        column("TERM", 4, |row| (Tone::Plain, row.term.to_string())),
    ];
    for figure in figures {
        if NAME + used(&columns) + figure.width < width {
            columns.push(figure);
        }
    }
    columns
}

/// One column for each node, headed by its number.
fn replicas(nodes: &[NodeId]) -> Vec<Column> {
    let replica = |(place, node): (usize, &NodeId)| Column {
        title: node.0.to_string(),
        width: 3,
        text: Box::new(move |row| row.cells.get(place).map_or_else(blank, |cell| shape(*cell))),
    };
    nodes.iter().enumerate().map(replica).collect()
}

fn column(title: &str, width: u16, text: impl Fn(&Row) -> (Tone, String) + 'static) -> Column {
    Column {
        title: title.to_owned(),
        width,
        text: Box::new(text),
    }
}

fn blank() -> (Tone, String) {
    (Tone::Plain, String::new())
}

fn shape(cell: Cell) -> (Tone, String) {
    let (tone, shape) = match cell {
        Cell::Absent => (Tone::Quiet, " "),
        Cell::Leader => (Tone::Good, "★"),
        Cell::InSync => (Tone::Plain, "●"),
        Cell::Behind => (Tone::Doubt, "○"),
        Cell::Repairing => (Tone::Doubt, "!"),
        Cell::Silent => (Tone::Bad, "✗"),
    };
    (tone, shape.to_owned())
}

fn in_sync(row: &Row) -> (Tone, String) {
    let whole = row.isr.len() >= row.replicas;
    let tone = if whole { Tone::Plain } else { Tone::Doubt };
    (tone, format!("{}/{}", row.isr.len(), row.replicas))
}
