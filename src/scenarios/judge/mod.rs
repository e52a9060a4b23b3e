//! The judge: a history in, a verdict out.
//!
//! Pure and blind: it knows what clients saw and nothing of how nodes work, so it judges a foreign
//! broker, and a stored history, exactly as it judges our own. Each law has its file under `laws`;
//! `facts` is what they look up, `evidence` what a counter-example needs to be understood, `claims`
//! what must have been seen for "passed". It takes time and memory in proportion to the history:
//! values are unique and carry their offsets, as in Jepsen's Kafka workload.
//!
//! "Passed" needs every applicable law to have held and to have had something to look at, and every
//! claim of the scenario to have been seen. One breach is "failed". Anything else is "unknown".

mod claims;
mod evidence;
mod facts;
mod findings;
mod laws;
#[cfg(test)]
mod story;
mod sweep;
#[cfg(test)]
mod tests;
mod verdict;

use super::Law;
use super::history::History;
use facts::{Facts, Kept};
use findings::Findings;

pub use verdict::{Anomaly, Counts, Evidence, Judgement, LawResult, LawVerdict, Verdict};

/// Judges a history.
pub fn judge(history: &History) -> Judgement {
    let facts = Facts::new(history);
    let laws: Vec<LawVerdict> = Law::ALL.map(|law| one(law, &facts)).into();
    let mut reasons = broken(&laws);
    let failed = !reasons.is_empty();
    reasons.extend(claims::unmet(history));
    reasons.extend(unseen(&laws));
    let verdict = match (failed, reasons.is_empty()) {
        (true, _) => Verdict::Failed,
        (false, true) => Verdict::Passed,
        (false, false) => Verdict::Unknown,
    };
    let counts = counts(&facts, &laws);
    Judgement {
        verdict,
        reasons,
        laws,
        counts,
    }
}

/// Looks at one law. One that is not applicable is looked at all the same: a breach is a breach.
fn one(law: Law, facts: &Facts<'_>) -> LawVerdict {
    let mut findings = Findings::new(law, facts);
    laws::look(law, facts, &mut findings);
    let verdict = findings.conclude();
    match absence(law, facts.history) {
        Some(why) if verdict.result != LawResult::Failed => LawVerdict {
            result: LawResult::NotApplicable,
            remarks: vec![why],
            ..verdict
        },
        _ => verdict,
    }
}

/// Why a law has no matter in this history.
fn absence(law: Law, history: &History) -> Option<String> {
    let absent = history
        .header
        .without
        .iter()
        .find(|absent| absent.law == law);
    let unasked = match law {
        Law::Promises if history.promises.is_empty() => {
            Some("the scenario promises nothing beside the laws")
        }
        Law::SearchFollowsLog if history.searches.is_empty() => {
            Some("nothing is searched in this scenario")
        }
        _ => None,
    };
    absent
        .map(|absent| absent.why.clone())
        .or_else(|| unasked.map(ToOwned::to_owned))
}

fn broken(laws: &[LawVerdict]) -> Vec<String> {
    let failed = laws
        .iter()
        .filter(|verdict| verdict.result == LawResult::Failed);
    failed
        .map(|verdict| {
            let first = verdict
                .anomalies
                .first()
                .map_or("", |anomaly| &anomaly.what);
            format!("{}: {first}", verdict.law)
        })
        .collect()
}

fn unseen(laws: &[LawVerdict]) -> Vec<String> {
    let unknown = laws
        .iter()
        .filter(|verdict| verdict.result == LawResult::Unknown);
    unknown
        .map(|verdict| {
            let first = verdict.remarks.first().map_or("", String::as_str);
            format!("{}: {first}", verdict.law)
        })
        .collect()
}

fn counts(facts: &Facts<'_>, laws: &[LawVerdict]) -> Counts {
    let looked = |law: Law| {
        laws.iter()
            .any(|verdict| verdict.law == law && verdict.examined > 0)
    };
    let broken = |law: Law| {
        let verdict = laws.iter().find(|verdict| verdict.law == law);
        verdict.map_or(0, |verdict| verdict.broken)
    };
    let sent = !facts.sent.is_empty();
    let unknown = facts
        .sent
        .iter()
        .filter(|value| value.acked().is_none() && !value.refused);
    let kept = |kept: Kept| {
        facts
            .acked
            .iter()
            .filter(|acked| acked.kept == kept)
            .count() as u64
    };
    let copies = looked(Law::AckedIsDurable);
    let allowed = facts.doubles.iter();
    let allowed = allowed.filter(|double| !facts.sent[double.index as usize].guarded);
    let doubles = looked(Law::NoDuplicate);
    Counts {
        acked: sent.then_some(facts.acked.len() as u64),
        read: copies.then(|| kept(Kept::Everywhere)),
        lost: copies.then(|| kept(Kept::Lacking)),
        duplicated: doubles.then(|| broken(Law::NoDuplicate)),
        duplicates_allowed: doubles.then(|| allowed.count() as u64),
        reordered: looked(Law::Order).then(|| broken(Law::Order)),
        unknown: sent.then(|| unknown.count() as u64),
    }
}
