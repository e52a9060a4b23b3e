//! What the judge says: a table of the laws, and the counter-examples with what explains them.

use maud::{Markup, html};

use crate::scenarios::judge::{Anomaly, LawResult, LawVerdict};
use crate::scenarios::report::model::RunReport;

/// The table of laws and the counter-examples of a run.
pub(super) fn laws(run: &RunReport) -> Markup {
    html! {
        h3 { "Laws" }
        div.scroll {
            table.laws {
                thead {
                    tr { th { "law" } th { "result" } th.count { "examined" } th.count { "broken" } th { "remarks" } }
                }
                tbody { @for law in &run.judgement.laws { (row(law)) } }
            }
        }
        @if run.judgement.anomalies().next().is_some() {
            h3 { "Counter-examples" }
            @for (number, anomaly) in run.judgement.anomalies().enumerate() {
                (counter_example(anomaly, number < 2))
            }
        }
    }
}

fn row(law: &LawVerdict) -> Markup {
    let (class, sign) = sign(law.result);
    html! {
        tr class=(class) {
            th scope="row" { (law.law) }
            td.result { span.sign aria-hidden="true" { (sign) } " " (law.result.name()) }
            td.count { (grouped(law.examined)) }
            td.count { (grouped(law.broken)) }
            td.remarks { @for remark in &law.remarks { p { (remark) } } }
        }
    }
}

fn sign(result: LawResult) -> (&'static str, &'static str) {
    match result {
        LawResult::Passed => ("pass", "✓"),
        LawResult::Failed => ("fail", "✗"),
        LawResult::Unknown => ("unknown", "?"),
        LawResult::NotApplicable => ("absent", "–"),
    }
}

/// Digits in groups of three, with thin spaces.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    let groups = groups.map(String::from_utf8_lossy);
    groups.collect::<Vec<_>>().join("\u{202f}")
}

fn counter_example(anomaly: &Anomaly, open: bool) -> Markup {
    html! {
        details.example open[open] {
            summary { span.law { (anomaly.law) } " " (anomaly.what) }
            (place(anomaly))
            @if !anomaly.evidence.is_empty() {
                ol.evidence {
                    @for evidence in &anomaly.evidence {
                        li class=(kind(&evidence.what)) {
                            time { (evidence.at) } span { (evidence.what) }
                        }
                    }
                }
            }
            p.repeat { "Repeat it: " code { (anomaly.repeat) } }
        }
    }
}

fn place(anomaly: &Anomaly) -> Markup {
    let offset = anomaly.offset.map(|offset| offset.to_string());
    let known = [
        ("partition", anomaly.partition.as_ref()),
        ("offset", offset.as_ref()),
        ("value", anomaly.value.as_ref()),
    ];
    html! {
        p.place {
            @for (name, value) in known {
                @if let Some(value) = value { span { (name) " " code { (value) } } }
            }
        }
    }
}

/// Faults and leaders stand out among reads and writes.
fn kind(what: &str) -> &'static str {
    if what.starts_with("fault ") {
        "fault"
    } else if what.contains(" leads ") {
        "leader"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_grouped() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
    }
}
