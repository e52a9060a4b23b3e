//! The environment: read here and nowhere else (clap reads `CHRONIK_*` for `up`).
//!
//! Other code gets plain values; no setting travels between rooms through the environment.

use std::path::{Path, PathBuf};

/// What the environment says about colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColorWish {
    /// `NO_COLOR` is set and not empty, or `TERM=dumb`.
    Never,
    /// `CLICOLOR_FORCE` is set and not `0`.
    Always,
    /// Nothing.
    Unsaid,
}

/// The wish about colour; <https://no-color.org> and <https://bixense.com/clicolors>.
pub(super) fn color_wish() -> ColorWish {
    if set("NO_COLOR").is_some() {
        return ColorWish::Never;
    }
    if set("CLICOLOR_FORCE").is_some_and(|value| value != "0") {
        return ColorWish::Always;
    }
    if dumb_terminal() || set("CLICOLOR").is_some_and(|value| value == "0") {
        return ColorWish::Never;
    }
    ColorWish::Unsaid
}

/// Whether the terminal understands no control codes.
pub(super) fn dumb_terminal() -> bool {
    set("TERM").is_some_and(|value| value == "dumb")
}

/// Where the clusters of this user live: `XDG_DATA_HOME` or `~/.local/share`.
pub(super) fn data_home() -> PathBuf {
    absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .unwrap_or_else(temp_dir)
}

/// The per-user runtime directory, where the system has one.
pub(super) fn runtime_dir() -> Option<PathBuf> {
    absolute("XDG_RUNTIME_DIR").filter(|path| path.is_dir())
}

/// Where ephemeral clusters live.
pub(super) fn temp_dir() -> PathBuf {
    std::env::temp_dir()
}

/// The user's shell by name, such as `fish`.
pub(super) fn shell() -> Option<String> {
    let shell = set("SHELL")?;
    let name = Path::new(&shell).file_name()?;
    Some(name.to_string_lossy().into_owned())
}

/// A directory that the specification wants absolute; a relative one counts as unset.
fn absolute(key: &str) -> Option<PathBuf> {
    set(key)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
}

#[expect(clippy::disallowed_methods, reason = "this is the one file that reads")]
fn set(key: &str) -> Option<String> {
    std::env::var(key).ok().filter(|value| !value.is_empty())
}
