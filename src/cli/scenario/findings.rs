//! What all runs found out: a report that grows, and how the command ends.

use super::arguments::Args;
use super::exit;
use crate::cli::context::Context;
use crate::cli::outcome::{Failure, Outcome};
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
        let stopped = report.conclusion() == Conclusion::Interrupted;
        let failed = report.number_of(Conclusion::Fail);
        let unknown = report.number_of(Conclusion::Unknown);
        let text = render::summary::text(report, context.stdout);
        let outcome = Outcome::new(data(report)).with_text(text);
        let outcome = outcome.with_exit(exit(stopped, failed, unknown));
        outcome.with_warnings(self.warnings)
    }
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
