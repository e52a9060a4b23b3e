//! Reads argv and the environment, prints, exits. Nobody else may.
//!
//! One file for each command; `arguments` names them all, `context` is what each is given,
//! `outcome` is what each gives back, and `render` turns both into text. The exit codes and the
//! `--json` envelope are a contract (see `outcome`); nothing here decides anything about a
//! cluster.

mod arguments;
mod bench;
mod completions;
mod consume;
mod context;
mod duration;
mod environment;
mod outcome;
mod produce;
mod render;
mod target;
mod topic;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use arguments::{Arguments, Command};
use context::Context;
use outcome::{CommandResult, Exit};

/// Runs the command line.
pub fn main() -> ExitCode {
    let exit = catch_unwind(AssertUnwindSafe(run)).unwrap_or(Exit::Bug.code());
    ExitCode::from(exit)
}

fn run() -> u8 {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return render::usage::print(&error),
    };
    let context = Context::new(&arguments.global, arguments.command.name());
    let result = dispatch(&context, arguments.command);
    render::conclude(&context, result)
}

fn dispatch(context: &Context, command: Command) -> CommandResult {
    match command {
        Command::Bench(args) => bench::run(context, &args),
        Command::Topic(args) => topic::run(context, &args),
        Command::Produce(args) => produce::run(context, &args),
        Command::Consume(args) => consume::run(context, &args),
        Command::Completions(args) => completions::run(context, &args, Arguments::command()),
    }
}
