//! Runs with judgements made by hand.

use std::time::Duration;

use super::{HOSTILE, KILLED, LED_AGAIN, LOAD, Plot, report};
use crate::scenarios::Law;
use crate::scenarios::history::Micros;
use crate::scenarios::judge::{
    Anomaly, Counts, Evidence, Judgement, LawResult, LawVerdict, Verdict,
};
use crate::scenarios::metrics::measure;
use crate::scenarios::report::{Report, RunReport, ScenarioReport};

/// A judgement made by hand, with one law of each result: what documents show of it stays the
/// same whatever the judge learns.
fn judgement(verdict: Verdict) -> Judgement {
    let law = |law, result, examined| LawVerdict {
        law,
        result,
        examined,
        broken: 0,
        remarks: Vec::new(),
        anomalies: Vec::new(),
    };
    let failed = verdict == Verdict::Failed;
    let mut durable = law(Law::AckedIsDurable, LawResult::Passed, 14_640);
    let mut order = law(Law::Order, LawResult::Passed, 14_640);
    let mut absent = law(Law::CommittedOffsets, LawResult::NotApplicable, 0);
    absent.remarks = vec![String::from("no group reads in this scenario")];
    if failed {
        durable.result = LawResult::Failed;
        durable.broken = 2;
        durable.anomalies = vec![anomaly()];
    }
    if verdict == Verdict::Unknown {
        order.result = LawResult::Unknown;
        order.remarks = vec![String::from("node-3's copy was not read: time-out")];
    }
    let reasons = match verdict {
        Verdict::Passed => Vec::new(),
        Verdict::Failed => vec![format!("acked is durable: {}", anomaly().what)],
        Verdict::Unknown => vec![String::from("order: node-3's copy was not read: time-out")],
    };
    let counts = Counts {
        acked: Some(14_640),
        read: (verdict != Verdict::Unknown).then_some(14_638 + 2 * u64::from(!failed)),
        lost: (verdict != Verdict::Unknown).then_some(2 * u64::from(failed)),
        duplicated: Some(0),
        duplicates_allowed: Some(0),
        reordered: Some(0),
        unknown: Some(0),
    };
    let laws = vec![durable, order, absent];
    Judgement {
        verdict,
        reasons,
        laws,
        counts,
    }
}

fn anomaly() -> Anomaly {
    let evidence = |at, what: &str| Evidence {
        at: Micros(at),
        what: what.to_owned(),
    };
    Anomaly {
        law: Law::AckedIsDurable,
        what: String::from("v0.17 was acked at offset 17 of orders-0 and is on no replica"),
        partition: Some(String::from("orders-0")),
        offset: Some(17),
        value: Some(String::from("v0.17")),
        evidence: vec![
            evidence(
                2_499_000,
                "client-1 sends v0.17 to node-1 for orders-0, acked",
            ),
            evidence(KILLED, "fault begins: kill node-1"),
            evidence(
                LED_AGAIN,
                "node-3 tells that node-2 leads orders-0 in epoch 2",
            ),
            evidence(LOAD.end, HOSTILE),
        ],
        repeat: String::from("chronik-dev scenario leader-failover --seed 42"),
    }
}

/// A run of a plot with a judgement made by hand.
pub(crate) fn judged(plot: Plot, verdict: Verdict) -> ScenarioReport {
    let history = plot.history();
    let metrics = measure(&history);
    let took = Duration::from_millis(5_640);
    let run = RunReport::new(&history, judgement(verdict), metrics, took);
    ScenarioReport::new(plot.scenario, vec![run])
}

/// One scenario of each conclusion, and one with several runs.
pub(crate) fn one_of_each() -> Report {
    let named = |scenario| Plot {
        scenario,
        ..Plot::good()
    };
    let mut several = judged(named("network-partition"), Verdict::Passed);
    several.runs.extend(
        judged(
            Plot {
                slower: 31_000,
                ..named("network-partition")
            },
            Verdict::Passed,
        )
        .runs,
    );
    let mut failed = judged(Plot::good(), Verdict::Failed);
    failed.runs[0].kept = Some("out/leader-failover/run-1".into());
    report(vec![
        judged(named("clean-startup"), Verdict::Passed),
        failed,
        judged(named("pause-leader"), Verdict::Unknown),
        several,
        judged(Plot::interrupted(), Verdict::Unknown),
    ])
}
