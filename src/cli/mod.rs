//! Reads argv and the environment, prints, exits. Nobody else may.
//!
//! One file for each command; `arguments` names them all, `context` is what each is given,
//! `outcome` is what each gives back, and `render` turns both into text. The exit codes and the
//! `--json` envelope are a contract (see `outcome`); nothing here decides anything about a
//! cluster.

mod arguments;
mod bench;
mod cluster;
mod completions;
mod consume;
mod context;
mod doctor;
mod down;
mod duration;
mod env;
mod environment;
mod faults;
mod inherited;
mod logs;
mod ls;
mod metrics;
mod net;
mod node;
mod nodes;
mod open_files;
mod outcome;
mod ports;
mod produce;
mod render;
mod run;
mod scenario;
mod search;
mod status;
mod supervise;
mod target;
mod topic;
mod ui;
mod up;
mod verify;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use arguments::{Arguments, Command};
use context::Context;
use outcome::{CommandResult, Exit};

use crate::supervisor::Verb;

/// Runs the command line.
pub fn main() -> ExitCode {
    let exit = catch_unwind(AssertUnwindSafe(execute)).unwrap_or(Exit::Bug.code());
    ExitCode::from(exit)
}

fn execute() -> u8 {
    open_files::raise();
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
        Command::Up(args) => up::run(context, &args),
        Command::Down(args) => down::run(context, &args),
        Command::Status(args) => status::run(context, &args),
        Command::Ls(args) => ls::run(context, &args),
        Command::Ports(args) => ports::run(context, &args),
        Command::Logs(args) => logs::run(context, &args),
        Command::Kill(args) => nodes::kill(context, &args),
        Command::Stop(args) => nodes::for_a_while(context, Verb::Stop, &args),
        Command::Start(args) => nodes::plainly(context, Verb::Start, &args),
        Command::Restart(args) => nodes::plainly(context, Verb::Restart, &args),
        Command::Pause(args) => nodes::for_a_while(context, Verb::Pause, &args),
        Command::Resume(args) => nodes::plainly(context, Verb::Resume, &args),
        Command::Net(args) => net::run(context, &args),
        Command::Faults(args) => faults::run(context, &args),
        Command::Env(args) => env::run(context, &args),
        Command::Run(args) => run::run(context, &args),
        Command::Scenario(args) => scenario::run(context, &args),
        Command::Doctor(args) => doctor::run(context, &args),
        Command::Bench(args) => bench::run(context, &args),
        Command::Topic(args) => topic::run(context, &args),
        Command::Produce(args) => produce::run(context, &args),
        Command::Consume(args) => consume::run(context, &args),
        Command::Search(args) => search::run(context, &args),
        Command::Ui(args) => ui::run(context, &args),
        Command::Metrics(args) => metrics::run(context, &args),
        Command::Verify(args) => verify::run(context, &args),
        Command::Completions(args) => completions::run(context, &args, &Arguments::command()),
        Command::Node(args) => node::run(context, &args),
        Command::Supervise => supervise::run(context),
    }
}
