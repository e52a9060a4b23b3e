//! What all runs found out: a report that grows, and how the command ends.

use serde_json::json;

use super::arguments::Args;
use super::exit;
use crate::cli::context::Context;
use crate::cli::outcome::{Exit, Failure, Outcome};
use crate::cli::render;
use crate::scenarios::catalogue::Scenario;
use crate::scenarios::report::{self, Conclusion, Report, RunReport, ScenarioReport, data, junit};
use crate::scenarios::runner::Ran;

/// What was found out so far.
#[derive(Debug)]
pub(super) struct Findings {
    report: Report,
    warnings: Vec<String>,
}

impl Findings {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            report: Report {
                seed,
                scenarios: Vec::new(),
                interrupted: false,
            },
            warnings: Vec::new(),
        }
    }

    /// Takes one run, and writes the reports anew.
    pub(super) fn add(&mut self, args: &Args, scenario: Scenario, ran: Ran) -> Result<(), Failure> {
        let name = scenario.name();
        let named = |warning: String| format!("{name}: {warning}");
        self.warnings.extend(ran.warnings.into_iter().map(named));
        self.file(name, ran.report);
        if let Some(directory) = &args.report {
            let written = report::write(directory, &self.report);
            let doing = || format!("cannot write the report in {}", directory.display());
            written.map_err(|source| Failure::system(doing(), &source))?;
        }
        if let Some(file) = &args.junit {
            let written = std::fs::write(file, junit(&self.report));
            let doing = || format!("cannot write {}", file.display());
            written.map_err(|source| Failure::system(doing(), &source))?;
        }
        Ok(())
    }

    fn file(&mut self, name: &str, run: RunReport) {
        match self.report.scenarios.last_mut() {
            Some(last) if last.name == name => last.runs.push(run),
            _ => {
                let first = ScenarioReport::new(name, vec![run]);
                self.report.scenarios.push(first);
            }
        }
    }

    /// Not all that was asked for was run.
    pub(super) fn interrupted(&mut self) {
        self.report.interrupted = true;
    }

    /// The end of the command.
    pub(super) fn conclude(self, context: &Context) -> Outcome {
        let report = &self.report;
        let text = render::summary::text(report, context.stdout);
        let outcome = Outcome::new(data(report)).with_text(text);
        let outcome = outcome.with_warnings(self.warnings);
        match error(report) {
            Some(failure) => outcome.with_error(failure),
            None => outcome,
        }
    }
}

/// Why not all that was asked for passed.
fn error(report: &Report) -> Option<Failure> {
    let stopped = report.conclusion() == Conclusion::Interrupted;
    let failed = names(report, Conclusion::Fail);
    let unknown = names(report, Conclusion::Unknown);
    let exit = exit(stopped, failed.len(), unknown.len());
    let (code, told) = match exit {
        Exit::Ok => return None,
        Exit::Interrupted => ("INTERRUPTED", Conclusion::Interrupted),
        Exit::Failed => ("SCENARIO_FAILED", Conclusion::Fail),
        _ => ("INCONCLUSIVE", Conclusion::Unknown),
    };
    let telling = report.scenarios.iter();
    let telling = telling.filter(|one| one.conclusion() == told);
    let message = match told {
        Conclusion::Interrupted => String::from("interrupted"),
        _ => telling.clone().map(why).collect::<Vec<_>>().join("\n"),
    };
    let mut failure = Failure::new(exit, code, message);
    for one in telling {
        let repeat = &one.telling_run().header.repeat;
        failure = failure.hint(format!("repeat it: {repeat}"));
    }
    Some(failure.with_details(json!({"failed": failed, "unknown": unknown})))
}

fn names(report: &Report, conclusion: Conclusion) -> Vec<&str> {
    let all = report.scenarios.iter();
    let such = all.filter(|one| one.conclusion() == conclusion);
    such.map(|one| one.name.as_str()).collect()
}

/// A scenario's name with the first reason for how it ended.
fn why(scenario: &ScenarioReport) -> String {
    let reasons = &scenario.telling_run().judgement.reasons;
    let first = reasons.first().map_or("no reason is known", String::as_str);
    format!("{}: {first}", scenario.name)
}

/// How a run went, in a line that stays above the bar.
pub(super) fn line(title: &str, run: &RunReport) -> String {
    let conclusion = run.conclusion;
    format!(
        "{} {} {title} ({:.2}s)",
        conclusion.sign(),
        conclusion.word(),
        run.took.as_secs_f64()
    )
}
