//! `completions SHELL`: the script that completes our words in a shell.

use clap_complete::Shell;
use serde_json::json;

use super::context::Context;
use super::outcome::{CommandResult, Outcome};

/// What `completions` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  chronik-dev completions bash > ~/.local/share/bash-completion/completions/chronik-dev",
    after_long_help = "Exit codes:\n  0  ok\n  2  no such shell\n\nExample:\n  chronik-dev completions zsh > ~/.zfunc/_chronik-dev"
)]
pub(super) struct Args {
    /// The shell
    shell: Shell,
}

/// Prints the script.
#[expect(clippy::unnecessary_wraps, reason = "every command has this shape")]
pub(super) fn run(_: &Context, args: &Args, command: &clap::Command) -> CommandResult {
    let mut command = shown(command);
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "chronik-dev", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    Ok(Outcome::new(json!({ "script": script })).with_text(script))
}

/// The command line without what its help hides, too: shells would offer it.
fn shown(command: &clap::Command) -> clap::Command {
    let shown = command.get_subcommands().filter(|sub| !sub.is_hide_set());
    clap::Command::new("chronik-dev")
        .version(env!("CARGO_PKG_VERSION"))
        .propagate_version(true)
        .disable_help_subcommand(true)
        .args(command.get_arguments().cloned())
        .subcommands(shown.cloned())
}
