//! A command line that clap did not take: help, version, or a usage error.

use std::ffi::OsStr;

use clap::error::ErrorKind;

use super::envelope_of;
use crate::cli::context::Context;
use crate::cli::outcome::{Exit, Failure};

/// Prints what clap has to say and returns the exit code; an envelope when `--json` was asked.
pub(in crate::cli) fn print(error: &clap::Error) -> u8 {
    let asked = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    if asked || !json_was_asked() {
        drop(error.print());
        return if asked {
            Exit::Ok.code()
        } else {
            Exit::Usage.code()
        };
    }
    let text = error.to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text).trim_end();
    let command = command(std::env::args().skip(1)).unwrap_or_default();
    drop(Context::raw(&envelope_of(&command, &Failure::usage(text))));
    Exit::Usage.code()
}

/// The first word that is no flag and no flag's value, if there is one.
fn command(mut words: impl Iterator<Item = String>) -> Option<String> {
    loop {
        let word = words.next()?;
        if word == "--color" {
            words.next();
        } else if !word.starts_with('-') {
            return Some(word);
        }
    }
}

fn json_was_asked() -> bool {
    std::env::args_os()
        .take_while(|word| word != OsStr::new("--"))
        .any(|word| word == OsStr::new("--json"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_flag_is_no_command() {
        let command = |line: &str| super::command(line.split(' ').map(str::to_owned));
        assert_eq!(command("--json"), None);
        assert_eq!(command("--color never --json statsu").unwrap(), "statsu");
        assert_eq!(command("kill nobody --json").unwrap(), "kill");
    }
}
