//! Reports for programs.
//!
//! [`data`] is the contract of `scenario --json`; [`full`] is the same with every run in full: each
//! figure with the moments that it was measured between, every law, every counter-example. What was
//! not examined is null, never 0. An interrupted scenario counts among the unknown ones.

use serde_json::{Map, Value, json};

use super::conclusion::Conclusion;
use super::model::{Report, RunReport, ScenarioReport};
use super::text::{at_ms, millis};
use crate::scenarios::history::Fault;
use crate::scenarios::metrics::{Measured, Metric, Unit};

/// The envelope's `data` of `scenario --json`.
pub fn data(report: &Report) -> Value {
    with_scenarios(report, scenario)
}

/// What `report.json` holds: [`data`], and the runs of each scenario.
pub fn full(report: &Report) -> Value {
    let mut full = with_scenarios(report, |one| {
        let mut data = scenario(one);
        data["runs"] = one.runs.iter().map(run).collect();
        data
    });
    full["schema_version"] = json!(1);
    full
}

fn with_scenarios(report: &Report, show: impl Fn(&ScenarioReport) -> Value) -> Value {
    json!({
        "seed": report.seed,
        "verdict": report.conclusion().name(),
        "scenarios": report.scenarios.iter().map(show).collect::<Value>(),
        "passed": report.number_of(Conclusion::Pass),
        "failed": report.number_of(Conclusion::Fail),
        "unknown": report.number_of(Conclusion::Unknown)
            + report.number_of(Conclusion::Interrupted),
    })
}

fn scenario(scenario: &ScenarioReport) -> Value {
    json!({
        "name": scenario.name,
        "verdict": scenario.conclusion().name(),
        "took_ms": millis(scenario.took()),
        "metrics": metrics(scenario),
        "counts": {
            "acked": scenario.count(|counts| counts.acked),
            "read": scenario.count(|counts| counts.read),
            "lost": scenario.count(|counts| counts.lost),
            "duplicated": scenario.count(|counts| counts.duplicated),
            "reordered": scenario.count(|counts| counts.reordered),
            "unknown": scenario.count(|counts| counts.unknown),
        },
        "anomalies": scenario.anomalies().collect::<Vec<_>>(),
        "faults": scenario.runs.iter().flat_map(|run| &run.faults).map(fault).collect::<Value>(),
        "report": scenario.kept(),
    })
}

/// One value each, or the spread of several runs.
fn metrics(scenario: &ScenarioReport) -> Value {
    let shown = Metric::ALL.map(|metric| {
        let value = match scenario.runs.as_slice() {
            [only] => number(metric, only.metrics.value(metric)),
            _ => json!(scenario.spread(metric)),
        };
        (metric.key().to_owned(), value)
    });
    Value::Object(Map::from_iter(shown))
}

fn number(metric: Metric, value: Option<f64>) -> Value {
    match metric.unit() {
        Unit::Millis => json!(value),
        Unit::Count => json!(value.map(|value| value as u64)),
    }
}

fn fault(fault: &Fault) -> Value {
    json!({
        "fault": fault.to_string(),
        "kind": fault.began.kind,
        "nodes": fault.began.nodes,
        "edges": fault.began.edges,
        "began_ms": at_ms(fault.began.at),
        "ended_ms": fault.ended.map(at_ms),
        "proof": fault.proven.as_ref().map(|proven| &proven.proof),
    })
}

fn run(run: &RunReport) -> Value {
    let shown = Metric::ALL.map(|metric| {
        let value = match metric.unit() {
            Unit::Millis => json!(run.metrics.measured(metric).map(measured)),
            Unit::Count => number(metric, run.metrics.value(metric)),
        };
        (metric.key().to_owned(), value)
    });
    json!({
        "verdict": run.conclusion.name(),
        "took_ms": millis(run.took),
        "header": run.header,
        "metrics": Value::Object(Map::from_iter(shown)),
        "judgement": run.judgement,
        "faults": run.faults.iter().map(fault).collect::<Value>(),
        "kept": run.kept,
    })
}

/// A figure with its events, as they stand in the history (there in microseconds).
fn measured(measured: &Measured) -> Value {
    json!({
        "ms": millis(measured.length()),
        "from_ms": at_ms(measured.from),
        "to_ms": at_ms(measured.to),
        "what": measured.what,
    })
}
