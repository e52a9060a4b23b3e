//! The picture: the model in, widgets out. Pure.
//!
//! ```text
//! chronik-dev  dev  ● ready  leader node-1 (term 1)  3/3 nodes ready
//! ── nodes ──────────────────────────────────────────────────────────
//! ── partitions ───────────────────── ── events ─────────────────────
//! ── acks per 100 ms ────────────────────────────────────────────────
//! ── log ────────────────────────────────────────────────────────────
//! $ the last command and how it went
//! keys, with the command line that each stands for
//! ```
//! What is told is told by a word or a shape; colour only helps to find it. Text of others has its
//! control characters written out, and what does not fit is cut at the edge.

mod absent;
mod acks;
mod events;
mod footer;
mod header;
mod logs;
mod nodes;
mod overlay;
mod partitions;
#[cfg(test)]
mod tests;
mod theme;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;
use ratatui::widgets::{Block, Borders};

use super::model::Model;
use crate::cli::render::Tone;
use crate::supervisor::escape;

pub(super) use theme::Theme;

/// Rows of the strip of acks, its title included, where there is little room and where there is
/// more.
const STRIP: (u16, u16) = (4, 6);
/// A screen of so many rows has more room.
const TALL: u16 = 32;

/// Draws everything.
pub(super) fn draw(model: &Model, theme: Theme, frame: &mut Frame<'_>) {
    let [top, body, bottom] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(3),
    ])
    .areas(frame.area());
    header::draw(model, theme, frame, top);
    match model.status() {
        Some(_) => panes(model, theme, frame, body),
        None => absent::draw(model, theme, frame, body),
    }
    footer::draw(model, theme, frame, bottom);
    overlay::draw(model, theme, frame);
}

fn panes(model: &Model, theme: Theme, frame: &mut Frame<'_>, area: Rect) {
    let tall = frame.area().height >= TALL;
    let strip = if tall { STRIP.1 } else { STRIP.0 };
    let [nodes, middle, acks, log] = Layout::vertical([
        Constraint::Length(nodes::height(model, area.height)),
        Constraint::Fill(1),
        Constraint::Length(strip),
        Constraint::Fill(1),
    ])
    .areas(area);
    let [left, _, right] = Layout::horizontal([
        Constraint::Fill(1),
        Constraint::Length(1),
        Constraint::Fill(1),
    ])
    .areas(middle);
    nodes::draw(model, theme, frame, nodes);
    partitions::draw(model, theme, frame, left);
    events::draw(model, theme, frame, right);
    acks::draw(model, theme, frame, acks);
    logs::draw(model, theme, frame, log);
}

/// A pane's title, on a line that parts it from what is above.
fn pane(theme: Theme, title: Line<'static>) -> Block<'static> {
    Block::new()
        .borders(Borders::TOP)
        .border_style(theme.tone(Tone::Quiet))
        .title(title)
}

/// Text of others, safe to draw.
fn safe(text: &str) -> String {
    escape(text).replace('\t', "  ")
}

/// `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
