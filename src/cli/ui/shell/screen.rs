//! The terminal: taken over, drawn on, and always given back as it was.

use std::io;

use ratatui::DefaultTerminal;

use crate::cli::ui::model::Model;
use crate::cli::ui::view::{self, Theme};

/// The terminal, while it is ours. Dropping it gives it back, and so does a panic.
pub(super) struct Screen {
    terminal: DefaultTerminal,
}

impl Screen {
    /// Takes the terminal over: raw keys, a screen of its own.
    pub(super) fn open() -> io::Result<Self> {
        let terminal = ratatui::try_init();
        if terminal.is_err() {
            // Some of it may be done already.
            drop(ratatui::try_restore());
        }
        Ok(Self {
            terminal: terminal?,
        })
    }

    /// Draws what differs from the last picture.
    pub(super) fn draw(&mut self, model: &Model, theme: Theme) -> io::Result<()> {
        self.terminal
            .draw(|frame| view::draw(model, theme, frame))
            .map(drop)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        drop(self.terminal.show_cursor());
        // A terminal that went away needs nothing back.
        drop(ratatui::try_restore());
    }
}
