//! JUnit: suite = run of a scenario, case = law, properties = metrics, failure = counter-example.
//!
//! A law that is not applicable is skipped. What is unknown is an error, since it is never green.

use std::fmt::Write as _;

use maud::{Markup, PreEscaped, html};

use super::conclusion::Conclusion;
use super::model::{Report, RunReport, ScenarioReport};
use crate::scenarios::judge::{Anomaly, LawResult, LawVerdict};
use crate::scenarios::metrics::Metric;

/// The report as an XML document.
pub fn junit(report: &Report) -> String {
    let runs = || report.scenarios.iter().flat_map(|scenario| &scenario.runs);
    let tally = runs().fold(Tally::default(), |sum, run| sum.and(&Tally::of(run)));
    let seconds: f64 = runs().map(|run| run.took.as_secs_f64()).sum();
    let document = html! {
        (PreEscaped("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"))
        testsuites name="chronik-dev scenario" tests=(tally.tests) failures=(tally.failures)
            errors=(tally.errors) skipped=(tally.skipped) time=(format!("{seconds:.3}"))
        {
            (PreEscaped("\n"))
            @for scenario in &report.scenarios {
                @for (number, run) in scenario.runs.iter().enumerate() {
                    (suite(&suite_name(scenario, number), run))
                }
            }
        }
    };
    let mut text = document.into_string();
    text.push('\n');
    text
}

fn suite_name(scenario: &ScenarioReport, number: usize) -> String {
    match scenario.runs.len() {
        1 => scenario.name.clone(),
        all => format!("{} (run {} of {all})", scenario.name, number + 1),
    }
}

fn suite(name: &str, run: &RunReport) -> Markup {
    let tally = Tally::of(run);
    let of = run.header.scenario.as_str();
    html! {
        testsuite name=(clean(name)) tests=(tally.tests) failures=(tally.failures)
            errors=(tally.errors) skipped=(tally.skipped)
            time=(format!("{:.3}", run.took.as_secs_f64()))
        {
            (PreEscaped("\n"))
            (properties(run))
            @for law in &run.judgement.laws { (case(of, law)) }
            @if is_inconclusive(run) { (verdict_case(of, run)) }
        }
        (PreEscaped("\n"))
    }
}

fn properties(run: &RunReport) -> Markup {
    let metrics = Metric::ALL.map(|metric| (metric.key(), run.metrics.value(metric)));
    let header = [
        ("seed", run.header.seed.to_string()),
        ("target", run.header.target.clone()),
        ("repeat", run.header.repeat.clone()),
        ("verdict", run.conclusion.name().to_owned()),
    ];
    html! {
        properties {
            (PreEscaped("\n"))
            @for (name, value) in &header { (property(name, value)) }
            @for (name, value) in run.settings() { (property(name, value)) }
            @for (name, value) in metrics {
                @if let Some(value) = value { (property(name, &value.to_string())) }
            }
        }
        (PreEscaped("\n"))
    }
}

fn property(name: &str, value: &str) -> Markup {
    html! {
        property name=(clean(name)) value=(clean(value)) {}
        (PreEscaped("\n"))
    }
}

fn case(scenario: &str, law: &LawVerdict) -> Markup {
    let remark = || law.remarks.first().map_or("", String::as_str);
    html! {
        testcase classname=(clean(scenario)) name=(law.law.name()) assertions=(law.examined) {
            @match law.result {
                LawResult::Passed => {},
                LawResult::Failed => {
                    failure type="law" message=(clean(&broken(law))) { (counter_examples(law)) }
                },
                LawResult::Unknown => error type="unknown" message=(clean(remark())) {
                    (clean(&law.remarks.join("\n")))
                },
                LawResult::NotApplicable => skipped message=(clean(remark())) {},
            }
        }
        (PreEscaped("\n"))
    }
}

/// A verdict that is neither green nor a broken law, as a case of its own with all its reasons.
fn verdict_case(scenario: &str, run: &RunReport) -> Markup {
    let word = run.conclusion.name();
    html! {
        testcase classname=(clean(scenario)) name="verdict" {
            error type=(word) message=(format!("the verdict is {word}")) {
                (clean(&run.judgement.reasons.join("\n")))
            }
        }
        (PreEscaped("\n"))
    }
}

fn is_inconclusive(run: &RunReport) -> bool {
    matches!(
        run.conclusion,
        Conclusion::Unknown | Conclusion::Interrupted
    )
}

fn broken(law: &LawVerdict) -> String {
    let first = law.anomalies.first();
    let first = first.map_or_else(|| law.law.to_string(), |anomaly| anomaly.what.clone());
    match law.broken {
        0 | 1 => first,
        times => format!("{first} (broken {times} times)"),
    }
}

fn counter_examples(law: &LawVerdict) -> String {
    let shown: Vec<String> = law.anomalies.iter().map(counter_example).collect();
    clean(&shown.join("\n"))
}

fn counter_example(anomaly: &Anomaly) -> String {
    let mut text = format!("{}\n", anomaly.what);
    for evidence in &anomaly.evidence {
        let _infallible = writeln!(text, "  {}  {}", evidence.at, evidence.what);
    }
    let _infallible = writeln!(text, "  repeat: {}", anomaly.repeat);
    text
}

/// Without what XML 1.0 cannot hold.
fn clean(text: &str) -> String {
    let kept = |c: &char| {
        matches!(c, '\t' | '\n') || !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}')
    };
    text.chars().filter(kept).collect()
}

#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
}

impl Tally {
    fn of(run: &RunReport) -> Self {
        let number = |result| {
            let laws = run.judgement.laws.iter();
            laws.filter(|law| law.result == result).count()
        };
        let beside = usize::from(is_inconclusive(run));
        Self {
            tests: run.judgement.laws.len() + beside,
            failures: number(LawResult::Failed),
            errors: number(LawResult::Unknown) + beside,
            skipped: number(LawResult::NotApplicable),
        }
    }

    fn and(self, other: &Self) -> Self {
        Self {
            tests: self.tests + other.tests,
            failures: self.failures + other.failures,
            errors: self.errors + other.errors,
            skipped: self.skipped + other.skipped,
        }
    }
}
