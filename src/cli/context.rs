//! What every command is given: how to talk, and where things are.
//!
//! Data goes to stdout through [`Context::line`], talk to stderr through the rest. With `--json`
//! stdout belongs to the envelope, and `line` is silent.

use std::future::Future;
use std::io::Write;

use super::arguments::Global;
use super::outcome::Failure;
use super::render::Style;

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Text for people.
    Text,
    /// One envelope at the end.
    Json,
}

/// How much is said on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Talk {
    /// Only what went wrong.
    Quiet,
    /// Progress.
    Normal,
    /// Everything.
    Verbose,
}

/// What every command is given.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context {
    /// How data is printed.
    pub(super) format: Format,
    /// How much is said.
    pub(super) talk: Talk,
    /// How text looks on stdout.
    pub(super) stdout: Style,
    /// How text looks on stderr.
    pub(super) stderr: Style,
    /// The word by which the command was called.
    pub(super) command: &'static str,
}

impl Context {
    /// The context of a command line.
    pub(super) fn new(global: &Global, command: &'static str) -> Self {
        let talk = match (global.quiet, global.verbose) {
            (true, _) => Talk::Quiet,
            (false, 0) => Talk::Normal,
            (false, _) => Talk::Verbose,
        };
        Self {
            format: if global.json {
                Format::Json
            } else {
                Format::Text
            },
            talk,
            stdout: Style::of_stdout(global.color),
            stderr: Style::of_stderr(global.color),
            command,
        }
    }

    /// Prints a line of data; silent with `--json`.
    pub(super) fn line(&self, line: impl AsRef<str>) -> Result<(), Failure> {
        match self.format {
            Format::Json => Ok(()),
            Format::Text => print(line.as_ref()),
        }
    }

    /// Prints text on stdout whatever the format; only the envelope and raw data use it.
    pub(super) fn raw(text: &str) -> Result<(), Failure> {
        print(text)
    }

    /// Says a line of progress.
    pub(super) fn say(&self, line: impl AsRef<str>) {
        if self.talk >= Talk::Normal {
            complain(line.as_ref());
        }
    }

    /// Says a line that only the curious want.
    pub(super) fn detail(&self, line: impl AsRef<str>) {
        if self.talk >= Talk::Verbose {
            complain(line.as_ref());
        }
    }

    /// Says a line whatever the talk: warnings and errors.
    #[expect(clippy::unused_self, reason = "talk has one way out, the context")]
    pub(super) fn warn(&self, line: impl AsRef<str>) {
        complain(line.as_ref());
    }

    /// Runs a command that only waits for others, on this thread.
    #[expect(
        clippy::unused_self,
        reason = "commands know one way to run: the context"
    )]
    pub(super) fn block_on<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|source| Failure::system("cannot start the runtime", &source))?
            .block_on(work)
    }
}

/// Writes a line to stdout; a reader that went away ends the command without a word.
fn print(line: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    let written = stdout
        .write_all(line.as_bytes())
        .and_then(|()| {
            if line.ends_with('\n') {
                Ok(())
            } else {
                stdout.write_all(b"\n")
            }
        })
        .and_then(|()| stdout.flush());
    written.map_err(|source| Failure::stdout(&source))
}

/// Writes a line to stderr; when nobody can hear us there is nobody to tell.
fn complain(line: &str) {
    let mut stderr = std::io::stderr().lock();
    drop(stderr.write_all(format!("{line}\n").as_bytes()));
}
