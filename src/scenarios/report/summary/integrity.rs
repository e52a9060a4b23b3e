//! The metrics of all scenarios together.
//!
//! A metric is that of the scenario that is about it, where that one ran; else the worst of the
//! others, by name. Records are added up over everything that ran.

use super::{Line, Tone};
use crate::scenarios::metrics::Metric;
use crate::scenarios::report::model::{Report, ScenarioReport};
use crate::scenarios::report::text::{several, spread, value};

/// The scenario that is about a metric.
fn home(metric: Metric) -> &'static str {
    match metric {
        Metric::Formation => "clean-startup",
        Metric::Election | Metric::Failover => "leader-failover",
        Metric::Rejoin => "node-failure-recovery",
        Metric::Shutdown | Metric::HandoverGap => "graceful-shutdown",
        Metric::Replicated | Metric::Recovered => "topic-replication",
        Metric::Topics => "metadata-persistence",
    }
}

/// The times.
pub(super) fn performance(report: &Report) -> Vec<Line> {
    let times = [
        Metric::Formation,
        Metric::Election,
        Metric::Failover,
        Metric::Rejoin,
        Metric::Shutdown,
        Metric::HandoverGap,
    ];
    let lines = times.into_iter().filter_map(|metric| one(report, metric));
    lines.collect()
}

/// The counts.
pub(super) fn data(report: &Report) -> Vec<Line> {
    let records = [Metric::Replicated, Metric::Recovered];
    let records = records
        .into_iter()
        .filter_map(|metric| total(report, metric));
    records.chain(one(report, Metric::Topics)).collect()
}

fn line(metric: Metric, says: &str) -> Line {
    Line::of(Tone::Metric, format!("[METRIC] {metric}: {says}"))
}

fn one(report: &Report, metric: Metric) -> Option<Line> {
    let home = report.scenarios.iter().find(|one| one.name == home(metric));
    if let Some(scenario) = home {
        let Some(says) = says(scenario, metric) else {
            return Some(line(metric, "").and(Tone::Doubt, "not measured"));
        };
        return Some(line(metric, &says));
    }
    let measured = report.scenarios.iter().filter_map(|scenario| {
        let worst = scenario.spread(metric)?.max;
        Some((scenario, worst))
    });
    let (scenario, _) = measured.max_by(|a, b| a.1.total_cmp(&b.1))?;
    let says = says(scenario, metric)?;
    Some(match report.scenarios.len() {
        1 => line(metric, &says),
        _ => line(metric, &says).and(Tone::Aside, format!(" ({})", scenario.name)),
    })
}

fn says(scenario: &ScenarioReport, metric: Metric) -> Option<String> {
    let spread_of_runs = scenario.spread(metric)?;
    Some(match scenario.runs.len() {
        1 => value(metric, spread_of_runs.max),
        runs => format!("{} ({runs} runs)", spread(metric, &spread_of_runs)),
    })
}

/// The sum over all runs, with its spread where they are runs of one scenario. Where a run has
/// acked records and did not read them back, the sum says so.
fn total(report: &Report, metric: Metric) -> Option<Line> {
    let runs = || report.scenarios.iter().flat_map(|scenario| &scenario.runs);
    let values = runs().filter_map(|run| run.metrics.value(metric));
    let sum = values.reduce(|sum, one| sum + one)?;
    let missing = runs().filter(|run| {
        run.metrics.value(Metric::Replicated).is_some() && run.metrics.value(metric).is_none()
    });
    let mut told = line(metric, &value(metric, sum));
    if let [scenario] = report.scenarios.as_slice()
        && scenario.runs.len() > 1
        && let Some(each) = scenario.spread(metric)
    {
        told = told.and(
            Tone::Aside,
            format!(" (each run: {})", spread(metric, &each)),
        );
    }
    Some(match missing.count() {
        0 => told,
        runs => told.and(
            Tone::Doubt,
            format!(" (not read back in {})", several(runs, "run")),
        ),
    })
}
