//! One scenario of the page: its verdict, metrics, runs.

use maud::{Markup, html};

use super::laws::laws;
use super::page::badge;
use super::tiles::tiles;
use super::timeline::timelines;
use crate::scenarios::report::conclusion::Conclusion;
use crate::scenarios::report::model::{RunReport, ScenarioReport};
use crate::scenarios::report::text::{at_ms, seconds, title};

/// Runs that are drawn; the histories of the others are in the directory.
const MOST_RUNS: usize = 12;

/// The section of a scenario.
pub(super) fn section(scenario: &ScenarioReport) -> Markup {
    html! {
        section.scenario id=(scenario.name) {
            header {
                h2 { (title(&scenario.name)) }
                (badge(scenario.conclusion()))
                span.aside { (seconds(scenario.took())) }
            }
            (tiles(scenario))
            @match scenario.runs.as_slice() {
                [only] => (run(only)),
                runs => (several(runs)),
            }
        }
    }
}

/// The runs that did not pass come first, each folded but the first.
fn several(runs: &[RunReport]) -> Markup {
    let mut order: Vec<(usize, &RunReport)> = (1..).zip(runs).collect();
    order.sort_by_key(|(_, run)| run.conclusion == Conclusion::Pass);
    let left_out = order.len().saturating_sub(MOST_RUNS);
    html! {
        @for (place, (number, one)) in order.into_iter().take(MOST_RUNS).enumerate() {
            details.run open[place == 0] {
                summary {
                    "Run " (number) " " (badge(one.conclusion)) " "
                    span.aside { (seconds(one.took)) ", seed " (one.header.seed) }
                }
                (run(one))
            }
        }
        @if left_out > 0 {
            p.aside {
                (left_out) " more runs are not drawn; their figures are in the tiles above and in "
                code { "report.json" } "."
            }
        }
    }
}

fn run(run: &RunReport) -> Markup {
    html! {
        @if run.conclusion != Conclusion::Pass && !run.judgement.reasons.is_empty() {
            div class=(format!("reasons {}", run.conclusion.name())) {
                @for reason in &run.judgement.reasons { p { (reason) } }
            }
        }
        (timelines(&run.course))
        (laws(run))
        (faults(run))
        (environment(run))
    }
}

fn faults(run: &RunReport) -> Markup {
    html! {
        @if !run.faults.is_empty() {
            h3 { "Faults" }
            div.scroll {
                table {
                    thead { tr { th { "fault" } th.count { "began" } th.count { "ended" } th { "proof" } } }
                    tbody {
                        @for fault in &run.faults {
                            tr {
                                th scope="row" { (fault) }
                                td.count { (format!("{:.1} ms", at_ms(fault.began.at))) }
                                td.count {
                                    @match fault.ended {
                                        Some(at) => (format!("{:.1} ms", at_ms(at))),
                                        None => "not seen",
                                    }
                                }
                                td.remarks {
                                    @match &fault.proven {
                                        Some(proven) => (proven.proof),
                                        None => "? not proven",
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn environment(run: &RunReport) -> Markup {
    let nodes: Vec<String> = run.header.nodes.iter().map(ToString::to_string).collect();
    html! {
        h3 { "Environment" }
        dl.environment {
            dt { "Repeat it" } dd { code { (run.header.repeat) } }
            dt { "Seed" } dd { code { (run.header.seed) } }
            dt { "Target" } dd { (run.header.target) }
            @if !nodes.is_empty() { dt { "Nodes" } dd { (nodes.join(", ")) } }
            @for (name, value) in run.settings() {
                @let (label, unit) = words(name);
                dt { (label) } dd { (value) (unit) }
            }
            @if let Some(kept) = &run.kept { dt { "Kept in" } dd { code { (kept.display()) } } }
        }
    }
}

/// A setting's name for people, and its unit.
fn words(name: &str) -> (String, &'static str) {
    match name {
        "sync_p50_ms" => (String::from("Machine's synced write, median"), " ms"),
        "load_average" => (String::from("Machine's load average"), ""),
        other => (other.replace('_', " "), ""),
    }
}
