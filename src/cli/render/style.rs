//! Colour, where it is wanted and understood. Meaning never rests on it.

use console::{Style as Paint, Term};

use crate::cli::environment::{self, ColorWish};

/// `--color`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum ColorChoice {
    /// On a terminal that wants it
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What a text means, for whoever paints it; a word or a shape says the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Tone {
    /// As it should be.
    Good,
    /// On its way.
    News,
    /// Not as it should be, or not for long.
    Doubt,
    /// Broken.
    Bad,
    /// Beside the point.
    Quiet,
    /// Nothing more than it says.
    Plain,
}

/// How text looks on one of the two streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) struct Style {
    colored: bool,
    live: bool,
    /// How wide the terminal is, where there is one that says so.
    columns: Option<u16>,
}

impl Style {
    /// The style of stdout.
    pub(in crate::cli) fn of_stdout(choice: ColorChoice) -> Self {
        Self::of(choice, &Term::stdout())
    }

    /// The style of stderr.
    pub(in crate::cli) fn of_stderr(choice: ColorChoice) -> Self {
        Self::of(choice, &Term::stderr())
    }

    /// No colour and no moving lines.
    pub(in crate::cli) fn plain() -> Self {
        Self {
            colored: false,
            live: false,
            columns: None,
        }
    }

    /// Colour, whatever the stream is.
    #[cfg(test)]
    pub(in crate::cli) fn colored() -> Self {
        Self {
            colored: true,
            live: false,
            columns: None,
        }
    }

    /// A terminal that wants no colour.
    #[cfg(test)]
    pub(in crate::cli) fn on_a_terminal() -> Self {
        Self {
            colored: false,
            live: true,
            columns: None,
        }
    }

    /// The same, so wide.
    #[cfg(test)]
    pub(in crate::cli) fn on_a_terminal_of(columns: u16) -> Self {
        Self {
            columns: Some(columns),
            ..Self::on_a_terminal()
        }
    }

    fn of(choice: ColorChoice, term: &Term) -> Self {
        let terminal = term.is_term();
        let colored = match (choice, environment::color_wish()) {
            (ColorChoice::Always, _) | (ColorChoice::Auto, ColorWish::Always) => true,
            (ColorChoice::Never, _) | (ColorChoice::Auto, ColorWish::Never) => false,
            (ColorChoice::Auto, ColorWish::Unsaid) => terminal,
        };
        Self {
            colored,
            live: terminal && !environment::dumb_terminal(),
            columns: term.size_checked().map(|(_, columns)| columns),
        }
    }

    /// Whether lines may be drawn over: a terminal that understands control codes.
    pub(in crate::cli) fn live(self) -> bool {
        self.live
    }

    /// How wide the terminal is; `None` where there is none, or it does not say.
    pub(in crate::cli) fn columns(self) -> Option<u16> {
        self.columns
    }

    /// Whether there is colour.
    pub(in crate::cli) fn is_colored(self) -> bool {
        self.colored
    }

    /// As it is meant.
    pub(in crate::cli) fn tone(self, tone: Tone, text: &str) -> String {
        match tone {
            Tone::Good => self.green(text),
            Tone::News => self.cyan(text),
            Tone::Doubt => self.yellow(text),
            Tone::Bad => self.red(text),
            Tone::Quiet => self.dim(text),
            Tone::Plain => text.to_owned(),
        }
    }

    /// Trouble.
    pub(in crate::cli) fn red(self, text: &str) -> String {
        self.paint(text, Paint::new().red().bold())
    }

    /// Doubt.
    pub(in crate::cli) fn yellow(self, text: &str) -> String {
        self.paint(text, Paint::new().yellow())
    }

    /// Success.
    pub(in crate::cli) fn green(self, text: &str) -> String {
        self.paint(text, Paint::new().green())
    }

    /// Advice and information.
    pub(in crate::cli) fn cyan(self, text: &str) -> String {
        self.paint(text, Paint::new().cyan())
    }

    /// Information.
    pub(in crate::cli) fn blue(self, text: &str) -> String {
        self.paint(text, Paint::new().blue())
    }

    /// The header of a scenario.
    pub(in crate::cli) fn magenta(self, text: &str) -> String {
        self.paint(text, Paint::new().magenta().bold())
    }

    /// A figure that matters.
    pub(in crate::cli) fn bold(self, text: &str) -> String {
        self.paint(text, Paint::new().bold())
    }

    /// What is beside the point.
    pub(in crate::cli) fn dim(self, text: &str) -> String {
        self.paint(text, Paint::new().dim())
    }

    /// Words that were looked for: in bold, or between marks where nothing is styled.
    pub(in crate::cli) fn found(self, text: &str) -> String {
        if self.colored {
            self.bold(text)
        } else {
            format!("«{text}»")
        }
    }

    fn paint(self, text: &str, paint: Paint) -> String {
        paint.force_styling(self.colored).apply_to(text).to_string()
    }
}
