//! One scenario in the summary: its verdict and why, on one line, and where to look further.

use super::{Line, Tone};
use crate::scenarios::metrics::{Metric, Unit};
use crate::scenarios::report::conclusion::Conclusion;
use crate::scenarios::report::model::{RunReport, ScenarioReport};
use crate::scenarios::report::text::{one_line, seconds, title, value};

/// Letters of a reason that are shown.
const REASON: usize = 160;

/// The lines of one scenario.
pub(super) fn scenario(scenario: &ScenarioReport) -> Vec<Line> {
    let conclusion = scenario.conclusion();
    let verdict = format!("  {} {}", conclusion.sign(), conclusion.word());
    let says = match conclusion {
        Conclusion::Pass => passed(scenario),
        _ => why(scenario),
    };
    let first = Line::of(conclusion.tone(), verdict)
        .and(Tone::Plain, " - ")
        .and(Tone::Header, title(&scenario.name))
        .and(Tone::Plain, format!(" ({says})"));
    let mut lines = vec![first];
    if conclusion == Conclusion::Pass {
        return lines;
    }
    if let Some(kept) = scenario.kept() {
        lines.push(aside(&format!("report: {}", kept.display())));
    }
    if conclusion == Conclusion::Fail {
        let repeat = &scenario.telling_run().header.repeat;
        lines.push(aside(&format!("repeat: {repeat}")));
    }
    lines
}

fn aside(text: &str) -> Line {
    Line::of(Tone::Aside, format!("      {}", one_line(text)))
}

/// The first reason, and how many more there are.
fn why(scenario: &ScenarioReport) -> String {
    let run = scenario.telling_run();
    let runs = match scenario.runs.len() {
        1 => String::new(),
        all => {
            let alike = scenario.runs.iter();
            let alike = alike.filter(|one| one.conclusion == run.conclusion);
            format!("{} of {all} runs: ", alike.count())
        }
    };
    let reasons = &run.judgement.reasons;
    let stopped = run.conclusion == Conclusion::Interrupted;
    let Some(first) = reasons.first().filter(|_| !stopped) else {
        return format!("{runs}stopped after {}", seconds(run.took));
    };
    let more = match reasons.len() - 1 {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    format!("{runs}{}{more}", shortened(&one_line(first)))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(REASON) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn passed(scenario: &ScenarioReport) -> String {
    let runs = match scenario.runs.len() {
        1 => None,
        all => Some(format!("{all}/{all} runs")),
    };
    let parts = runs
        .into_iter()
        .chain(times(scenario))
        .chain(counts(scenario));
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() {
        return format!("in {}", seconds(scenario.took()));
    }
    parts.join(", ")
}

/// What a scenario is about is said first. Every cluster is formed, so that counts in one only.
fn times(scenario: &ScenarioReport) -> Vec<String> {
    if scenario.name == "clean-startup" {
        let formed = scenario.spread(Metric::Formation);
        let formed = formed.map(|all| value(Metric::Formation, all.max));
        let formed = formed.map(|time| format!("{time} formation"));
        return formed
            .into_iter()
            .chain(healthy(scenario.telling_run()))
            .collect();
    }
    let told = [
        (Metric::Failover, "failover"),
        (Metric::Rejoin, "rejoin"),
        (Metric::HandoverGap, "handover gap"),
        (Metric::Shutdown, "exit"),
    ];
    let told = told
        .into_iter()
        .filter_map(|(metric, words)| Some(format!("{words} {}", figure(scenario, metric)?)));
    told.collect()
}

fn figure(scenario: &ScenarioReport, metric: Metric) -> Option<String> {
    assert!(metric.unit() == Unit::Millis, "counts are told elsewhere");
    let spread = scenario.spread(metric)?;
    Some(match scenario.runs.len() {
        1 if metric == Metric::HandoverGap => value(metric, spread.max),
        1 => format!("in {}", value(metric, spread.max)),
        _ => format!(
            "p50 {} / max {}",
            value(metric, spread.p50),
            value(metric, spread.max)
        ),
    })
}

fn healthy(run: &RunReport) -> Option<String> {
    let all = run.header.nodes.len();
    (all > 0).then(|| format!("{}/{all} nodes healthy", run.healthy))
}

fn counts(scenario: &ScenarioReport) -> Vec<String> {
    if scenario.name == "clean-startup" {
        return Vec::new();
    }
    let counted = [
        (scenario.count(|counts| counts.acked), "acked"),
        (scenario.count(|counts| counts.read), "read"),
        (scenario.count(|counts| counts.lost), "lost"),
    ];
    let told = counted
        .into_iter()
        .filter_map(|(count, word)| Some(format!("{} {word}", count?)));
    told.collect()
}
