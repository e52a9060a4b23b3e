//! Runs what was asked for, one after the other, and shows how it goes; Ctrl-C ends it in order.

use std::path::PathBuf;
use std::pin::pin;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::arguments::Args;
use super::bar::Bar;
use super::findings::{Findings, line};
use crate::cli::context::Context;
use crate::cli::outcome::{CommandResult, Exit, Failure};
use crate::cli::render::summary::header;
use crate::scenarios::Halt;
use crate::scenarios::catalogue::Scenario;
use crate::scenarios::history::RecordingError;
use crate::scenarios::runner::{Keep, Plan, Ran, Viewer, run};
use crate::supervisor::command;

/// The signals that ask a run to end.
struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Interrupts {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}

/// Runs everything and tells how it went.
pub(super) async fn drive(
    context: &Context,
    args: &Args,
    plan: Plan,
    chosen: Vec<Scenario>,
) -> CommandResult {
    let listening = Interrupts::listen();
    let mut interrupts =
        listening.map_err(|source| Failure::system("cannot listen for signals", &source))?;
    let (stop, stopped) = watch::channel(false);
    let mut findings = Findings::new(plan.seed);
    let mut bar = Bar::new(context);
    'all: for scenario in chosen {
        for number in 0..args.runs {
            let plan = of_run(args, &plan, (scenario, number));
            if number == 0 {
                bar.line(&header(scenario.name(), context.stderr));
            }
            bar.title(title(args, scenario, number));
            let viewer = Viewer::new(None);
            let mut running = pin!(run(&plan, scenario, stopped.clone(), &viewer));
            let ran: Ran = loop {
                tokio::select! {
                    ran = &mut running => break ran.map_err(|halt| failure(args, halt))?,
                    () = interrupts.next() => {
                        stop.send_replace(true);
                    }
                    () = Bar::tick() => {}
                }
                if let Some(recorder) = &*viewer.borrow() {
                    bar.show(&recorder.glance());
                }
            };
            bar.line(&line(&title(args, scenario, number), &ran.report));
            findings.add(args, scenario, ran)?;
            if *stop.borrow() {
                findings.interrupted();
                break 'all;
            }
        }
    }
    drop(bar);
    Ok(findings.conclude(context))
}

fn title(args: &Args, scenario: Scenario, number: u32) -> String {
    match args.runs {
        1 => scenario.name().to_owned(),
        runs => format!("{} {}/{runs}", scenario.name(), number + 1),
    }
}

/// The plan of one run: its own seed, and its own place in the report.
fn of_run(args: &Args, plan: &Plan, (scenario, number): (Scenario, u32)) -> Plan {
    let seed = plan.seed.wrapping_add(u64::from(number));
    let keep = |report: &PathBuf| Keep {
        directory: report.clone(),
        number: number as usize + 1,
    };
    Plan {
        seed,
        repeat: args.repeat(scenario, seed),
        keep: args.report.as_ref().map(keep),
        ..plan.clone()
    }
}

/// Where to look when no broker answers.
fn look(args: &Args) -> String {
    match &args.cluster {
        Some(cluster) => {
            let status = command(cluster.as_str(), "status");
            format!("{status} shows whether a majority of the nodes runs")
        }
        None => String::from("check the addresses after --bootstrap, and that the brokers run"),
    }
}

/// What is not the cluster's fault.
fn failure(args: &Args, halt: Halt) -> Failure {
    match halt {
        Halt::Trouble(trouble) => trouble.into(),
        Halt::Unfit(why) => Failure::usage(why),
        Halt::SearchOff => Failure::new(Exit::Precondition, "SEARCH_OFF", halt.to_string())
            .hint("chronik-dev scenario search-after-failover makes a cluster with search"),
        Halt::Bootstrap(error) => Failure::new(Exit::NoCluster, "NOT_RUNNING", "no broker answers")
            .fact(error.to_string())
            .hint(look(args)),
        Halt::Recording(RecordingError::Write(error)) => {
            Failure::system("cannot write the history", &error)
        }
        Halt::Recording(RecordingError::Event(error)) => {
            Failure::new(Exit::Bug, "BUG", "the history contradicts itself").fact(error.to_string())
        }
        other @ (Halt::Late { .. } | Halt::Call(_)) => {
            Failure::new(Exit::Bug, "BUG", other.to_string())
        }
    }
}
