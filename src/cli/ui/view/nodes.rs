//! The nodes: one row each, as many columns as there is room for, and what is wrong below.

use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Text};
use ratatui::widgets::{Cell, Paragraph, Row, Table, TableState};

use super::theme::{Theme, bold};
use super::{pane, safe};
use crate::cli::render::tables::{self, or_dash};
use crate::cli::render::{Tone, counted};
use crate::cli::ui::model::Model;
use crate::spec::Role;
use crate::supervisor::{ClusterState, ClusterStatus, NodeView};

/// A column.
struct Column {
    title: &'static str,
    width: u16,
    /// Columns of a lower rank are kept where there is little room.
    rank: u8,
    align: Alignment,
    text: fn(&Model, &NodeView) -> (Tone, String),
}

const fn column(
    title: &'static str,
    width: u16,
    rank: u8,
    text: fn(&Model, &NodeView) -> (Tone, String),
) -> Column {
    Column {
        title,
        width,
        rank,
        align: Alignment::Right,
        text,
    }
}

const fn words(mut column: Column) -> Column {
    column.align = Alignment::Left;
    column
}

const COLUMNS: [Column; 16] = [
    words(column("NODE", 8, 0, |_, node| plain(node.name.as_str()))),
    words(column("STATE", 11, 1, |_, node| {
        let (tone, word) = tables::node_state(node);
        (tone, word.to_owned())
    })),
    words(column("ROLE", 9, 2, |_, node| role(node))),
    column("TERM", 4, 3, |_, node| plain(or_dash(node.term))),
    column("LAG", 5, 4, |_, node| lag(node)),
    column("CPU", 5, 5, cpu),
    column("MEM", 6, 6, memory),
    column("KAFKA", 5, 7, |_, node| plain(node.ports.kafka.to_string())),
    column("RAFT", 5, 8, |_, node| plain(node.ports.raft.to_string())),
    column("METRICS", 7, 11, |_, node| {
        plain(node.ports.metrics.to_string())
    }),
    column("SEARCH", 6, 12, |_, node| plain(or_dash(node.ports.search))),
    column("LED", 5, 9, |_, node| led(node)),
    column("LINKS", 5, 10, links),
    column("PID", 7, 13, |_, node| plain(or_dash(node.pid))),
    column("APPLIED", 7, 14, |_, node| plain(or_dash(node.applied))),
    column("RESTARTS", 8, 15, |_, node| {
        plain(node.restarts.to_string())
    }),
];

fn plain(text: impl Into<String>) -> (Tone, String) {
    (Tone::Plain, text.into())
}

fn role(node: &NodeView) -> (Tone, String) {
    match node.role {
        Some(Role::Leader) => (Tone::Good, String::from("★ leader")),
        other => plain(tables::role(other)),
    }
}

fn lag(node: &NodeView) -> (Tone, String) {
    let lag = node.load.as_ref().and_then(|load| load.lag);
    let tone = match lag {
        Some(0) | None => Tone::Plain,
        Some(_) => Tone::Doubt,
    };
    (tone, or_dash(lag))
}

fn led(node: &NodeView) -> (Tone, String) {
    let load = node.load.as_ref();
    plain(or_dash(
        load.map(|load| format!("{}/{}", load.led, load.partitions)),
    ))
}

fn cpu(model: &Model, node: &NodeView) -> (Tone, String) {
    let cpu = model.usage.get(&node.id).and_then(|usage| usage.cpu);
    plain(or_dash(cpu.map(|cpu| format!("{cpu} %"))))
}

fn memory(model: &Model, node: &NodeView) -> (Tone, String) {
    let usage = model.usage.get(&node.id);
    plain(or_dash(usage.map(|usage| format!("{} MB", usage.memory))))
}

fn links(model: &Model, node: &NodeView) -> (Tone, String) {
    match model.links.get(&node.id) {
        Some((linked, all)) if linked < all => (Tone::Doubt, format!("{linked}/{all}")),
        links => plain(or_dash(
            links.map(|(linked, all)| format!("{linked}/{all}")),
        )),
    }
}

/// Rows of the pane: its title, the headers, the nodes, and what is wrong.
pub(super) fn height(model: &Model, room: u16) -> u16 {
    let Some(status) = model.status() else {
        return 0;
    };
    2 + nodes(status, room) + notes(status, room)
}

/// The selected node is always among those that are shown.
fn nodes(status: &ClusterStatus, room: u16) -> u16 {
    (status.nodes.len() as u16).min((room / 4).max(3))
}

fn notes(status: &ClusterStatus, room: u16) -> u16 {
    let most = if room > 30 { 6 } else { 2 };
    (wrong(status).len() as u16).min(most)
}

pub(super) fn draw(model: &Model, theme: Theme, frame: &mut Frame<'_>, area: Rect) {
    let Some(status) = model.status() else {
        return;
    };
    let title = Line::from(vec![
        bold(" nodes "),
        theme.span(Tone::Quiet, phases(status)),
    ]);
    let block = pane(theme, title);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let [rows, below] = Layout::vertical([
        Constraint::Length(1 + nodes(status, frame.area().height.saturating_sub(4))),
        Constraint::Fill(1),
    ])
    .areas(inner);
    table(model, theme, frame, rows);
    let lines = wrong(status).into_iter().map(|(tone, text)| {
        let text = format!("  {text}");
        Line::from(theme.span(tone, text))
    });
    frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()), below);
}

fn table(model: &Model, theme: Theme, frame: &mut Frame<'_>, area: Rect) {
    let chosen = fitting(area.width);
    let widths = chosen.iter().map(|column| Constraint::Length(column.width));
    let headers = chosen.iter().map(|column| {
        let title = Text::from(theme.span(Tone::Quiet, column.title));
        Cell::from(title.alignment(column.align))
    });
    let nodes = model.status().map(|status| &status.nodes[..]);
    let rows = nodes.unwrap_or_default().iter().map(|node| {
        let cells = chosen.iter().map(|column| {
            let (tone, text) = (column.text)(model, node);
            let text = Text::from(theme.span(tone, text));
            Cell::from(text.alignment(column.align))
        });
        Row::new(cells)
    });
    let table = Table::new(rows, widths)
        .header(Row::new(headers))
        .column_spacing(1)
        .highlight_symbol("▸ ")
        .row_highlight_style(Style::new().add_modifier(Modifier::BOLD));
    let mut state = TableState::new().with_selected(model.selected);
    frame.render_stateful_widget(table, area, &mut state);
}

/// The columns of the lowest ranks that fit, in their order.
fn fitting(width: u16) -> Vec<&'static Column> {
    const MARK: u16 = 2;
    let mut ranked: Vec<&Column> = COLUMNS.iter().collect();
    ranked.sort_by_key(|column| column.rank);
    let mut used = MARK;
    let kept = ranked.iter().take_while(|column| {
        used += column.width + 1;
        // The last one needs no space after it.
        used <= width + 1
    });
    let most = kept.count() as u8;
    COLUMNS.iter().filter(|column| column.rank < most).collect()
}

/// What was passed on the way to ready, while it is under way.
fn phases(status: &ClusterStatus) -> String {
    if status.state != ClusterState::Starting {
        return String::new();
    }
    let passed = status.phases.iter();
    let passed = passed.map(|phase| format!("{} {:.0} ms", phase.name.as_str(), phase.ms));
    format!("{} ", passed.collect::<Vec<_>>().join(" · "))
}

/// What is broken, what died, and who waits for what.
fn wrong(status: &ClusterStatus) -> Vec<(Tone, String)> {
    let faults = status.faults.iter().map(|fault| {
        let ends = tables::ends(&status.cluster, fault);
        (Tone::Doubt, format!("broken: {} ({ends})", fault.fault))
    });
    let died = status.nodes.iter().filter(|node| node.died);
    let died = died.map(|node| {
        let how = node.exit.as_deref().unwrap_or("nobody knows how");
        (Tone::Bad, format!("✗ {} died: {}", node.name, safe(how)))
    });
    let waiting = status.nodes.iter().filter_map(|node| {
        let on = safe(node.waiting_for.as_ref()?);
        // Some reasons say themselves what is there and what is waited for.
        let link = if on.contains("waiting for") {
            ":"
        } else {
            " waits for"
        };
        Some((Tone::News, format!("{}{link} {on}", node.name)))
    });
    let ready = status.ready_nodes();
    let majority = status.nodes.len() / 2 + 1;
    let few = status.state == ClusterState::Degraded && ready < majority;
    let few = few.then(|| {
        let ready = counted(ready as u64, "node");
        let text = format!("✗ no majority: {ready} ready, {majority} needed to write");
        (Tone::Bad, text)
    });
    few.into_iter()
        .chain(died)
        .chain(faults)
        .chain(waiting)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_places_in_an_order() {
        let mut ranks: Vec<u8> = COLUMNS.iter().map(|column| column.rank).collect();
        ranks.sort_unstable();
        assert_eq!(ranks, (0..COLUMNS.len() as u8).collect::<Vec<_>>());
    }

    #[test]
    fn columns_fit_and_the_first_ones_stay() {
        for width in 0..200 {
            let chosen = fitting(width);
            let used: u16 = chosen.iter().map(|column| column.width + 1).sum();
            assert!(chosen.is_empty() || used <= width, "{width}");
        }
        let titles: Vec<&str> = fitting(60).iter().map(|column| column.title).collect();
        assert_eq!(
            titles,
            ["NODE", "STATE", "ROLE", "TERM", "LAG", "CPU", "MEM"]
        );
        assert!(fitting(80).iter().any(|column| column.title == "RAFT"));
        assert_eq!(fitting(200).len(), COLUMNS.len());
    }
}
