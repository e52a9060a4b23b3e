//! What all runs found out, as text and as data.

use std::time::Duration;

use serde_json::{Value, json};

use super::arguments::Args;
use super::exit;
use crate::cli::context::Context;
use crate::cli::duration::millis;
use crate::cli::outcome::{CommandResult, Outcome};
use crate::cli::render::{Style, to_json};
use crate::scenarios::catalogue::Scenario;
use crate::scenarios::judge::Verdict;
use crate::scenarios::metrics::{Metric, Metrics, measure};
use crate::scenarios::runner::{Plan, Ran};

/// What was found out so far.
#[derive(Debug)]
pub(super) struct Findings {
    seed: u64,
    runs: Vec<Value>,
    passed: usize,
    failed: usize,
    unknown: usize,
    interrupted: bool,
    warnings: Vec<String>,
}

impl Findings {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            runs: Vec::new(),
            passed: 0,
            failed: 0,
            unknown: 0,
            interrupted: false,
            warnings: Vec::new(),
        }
    }

    /// Takes a run, and says how it went in a line.
    pub(super) fn add(
        &mut self,
        style: Style,
        scenario: Scenario,
        (ran, took): (Ran, Duration),
        plan: &Plan,
    ) -> String {
        let name = scenario.name();
        let word = match ran.judgement.verdict {
            Verdict::Passed => {
                self.passed += 1;
                style.green("PASS")
            }
            Verdict::Failed => {
                self.failed += 1;
                style.red("FAIL")
            }
            Verdict::Unknown => {
                self.unknown += 1;
                style.yellow("UNKNOWN")
            }
        };
        let metrics = measure(&ran.history);
        let counts = ran.judgement.counts;
        let mut line = format!("{word} {name} in {:.2} s", took.as_secs_f64());
        for (what, value) in figures(&metrics) {
            line.push_str(&format!(", {what} {value:.0}"));
        }
        line.push_str(&format!(", {} acked, {} lost", shown(counts.acked), shown(counts.lost)));
        for reason in &ran.judgement.reasons {
            line.push_str(&format!("\n  {reason}"));
        }
        self.runs.push(json!({
            "name": name,
            "verdict": ran.judgement.verdict.name(),
            "took_ms": millis(took),
            "counts": to_json(&counts),
            "anomalies": ran.judgement.anomalies().collect::<Vec<_>>(),
            "report": plan.keep,
        }));
        let named = |warning: String| format!("{name}: {warning}");
        self.warnings.extend(ran.warnings.into_iter().map(named));
        line
    }

    /// Nothing more is run.
    pub(super) fn interrupted(&mut self) {
        self.interrupted = true;
    }

    /// The end of the command.
    pub(super) fn conclude(self, _context: &Context, _args: &Args) -> CommandResult {
        let exit = exit(self.interrupted, self.failed, self.unknown);
        let data = json!({
            "seed": self.seed,
            "verdict": exit.code(),
            "scenarios": self.runs,
            "passed": self.passed,
            "failed": self.failed,
            "unknown": self.unknown,
        });
        let text = format!(
            "{} passed, {} failed, {} unknown",
            self.passed, self.failed, self.unknown
        );
        let outcome = Outcome::new(data).with_text(text).with_exit(exit);
        Ok(outcome.with_warnings(self.warnings))
    }
}

fn figures(metrics: &Metrics) -> Vec<(&'static str, f64)> {
    let all = Metric::ALL.iter();
    all.filter_map(|metric| Some((metric.key(), metrics.value(*metric)?)))
        .collect()
}

fn shown(count: Option<u64>) -> String {
    count.map_or_else(|| String::from("?"), |count| count.to_string())
}
