//! What a tone looks like; without colour by weight alone.

use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Span;

use crate::cli::render::Tone;

/// How things look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli::ui) enum Theme {
    /// In colour.
    Colored,
    /// `NO_COLOR`, `--color never`.
    Plain,
}

impl Theme {
    /// The style of a tone.
    pub(super) fn tone(self, tone: Tone) -> Style {
        let (color, weight) = match tone {
            Tone::Good => (Color::Green, Modifier::empty()),
            Tone::News => (Color::Cyan, Modifier::empty()),
            Tone::Doubt => (Color::Yellow, Modifier::empty()),
            Tone::Bad => (Color::Red, Modifier::BOLD),
            Tone::Quiet => return Style::new().add_modifier(Modifier::DIM),
            Tone::Plain => return Style::new(),
        };
        match self {
            Self::Colored => Style::new().fg(color).add_modifier(weight),
            Self::Plain => Style::new().add_modifier(weight),
        }
    }

    /// Text in a tone.
    pub(super) fn span(self, tone: Tone, text: impl Into<String>) -> Span<'static> {
        Span::styled(text.into(), self.tone(tone))
    }
}

/// What matters most.
pub(super) fn bold(text: impl Into<String>) -> Span<'static> {
    Span::styled(text.into(), Style::new().add_modifier(Modifier::BOLD))
}
