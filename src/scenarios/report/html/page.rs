//! The page around the scenarios: its head, the verdict over all, the overview.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::laws::grouped;
use super::scenario::section;
use crate::scenarios::judge::Counts;
use crate::scenarios::metrics::Metric;
use crate::scenarios::report::conclusion::Conclusion;
use crate::scenarios::report::model::{Report, ScenarioReport};
use crate::scenarios::report::text::{seconds, title, value};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// Nothing is loaded from anywhere.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'";

/// The whole document.
pub(super) fn page(report: &Report) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (report.conclusion().word()) " · chronik-dev scenarios" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (head(report))
                main {
                    (overview(report))
                    @for scenario in &report.scenarios { (section(scenario)) }
                }
                footer { "chronik-dev scenario · seed " code { (report.seed) } }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

/// A verdict as a shape, a word and a colour.
pub(super) fn badge(conclusion: Conclusion) -> Markup {
    let shape = match conclusion {
        Conclusion::Pass => "✓",
        Conclusion::Fail => "✗",
        Conclusion::Unknown => "?",
        Conclusion::Interrupted => "■",
    };
    html! {
        span class=(format!("badge {}", conclusion.name())) {
            span aria-hidden="true" { (shape) } " " (conclusion.word())
        }
    }
}

fn head(report: &Report) -> Markup {
    let (all, passed) = (report.scenarios.len(), report.number_of(Conclusion::Pass));
    let took = report.scenarios.iter().map(ScenarioReport::took).sum();
    let total = |of: fn(&Counts) -> Option<u64>| {
        let counts = report.scenarios.iter().filter_map(|one| one.count(of));
        counts.reduce(|sum, one| sum + one)
    };
    html! {
        header.top class=(report.conclusion().name()) {
            p.product { "chronik-dev scenarios" }
            h1 { (passed) " of " (all) " passed " (badge(report.conclusion())) }
            ul.facts {
                li { b { (seconds(took)) } " in all" }
                @if let Some(acked) = total(|counts| counts.acked) {
                    li { b { (grouped(acked)) } " records acked" }
                }
                @if let Some(lost) = total(|counts| counts.lost) {
                    li { b { (grouped(lost)) } " lost" }
                }
                @if let Some(duplicated) = total(|counts| counts.duplicated) {
                    li { b { (grouped(duplicated)) } " duplicated" }
                }
            }
        }
    }
}

fn overview(report: &Report) -> Markup {
    html! {
        @if report.scenarios.len() > 1 {
            nav.scroll {
                table.overview {
                    thead {
                        tr {
                            th { "scenario" } th { "verdict" } th.count { "acked" } th.count { "lost" }
                            th.count { "failover" } th.count { "rejoin" } th.count { "took" }
                        }
                    }
                    tbody { @for scenario in &report.scenarios { (row(scenario)) } }
                }
            }
        }
    }
}

fn row(scenario: &ScenarioReport) -> Markup {
    let count = |of: fn(&Counts) -> Option<u64>| {
        let count = scenario.count(of);
        count.map_or_else(|| String::from("–"), grouped)
    };
    let metric = |metric| {
        let worst = scenario.spread(metric).map(|spread| spread.max);
        worst.map_or_else(|| String::from("–"), |worst| value(metric, worst))
    };
    html! {
        tr {
            th scope="row" {
                a href=(format!("#{}", scenario.name)) { (title(&scenario.name)) }
            }
            td { (badge(scenario.conclusion())) }
            td.count { (count(|counts| counts.acked)) }
            td.count { (count(|counts| counts.lost)) }
            td.count { (metric(Metric::Failover)) }
            td.count { (metric(Metric::Rejoin)) }
            td.count { (seconds(scenario.took())) }
        }
    }
}
