//! Whether enough was seen to believe a verdict (the rules against vacuity of SCENARIOS.md).

use std::collections::BTreeMap;

use super::super::history::{Ending, History, Micros, Phase, TopicPartition};
use crate::spec::NodeId;

/// Why a history cannot carry "passed", one line each.
pub(super) fn unmet(history: &History) -> Vec<String> {
    let mut reasons: Vec<String> = ending(history).into_iter().collect();
    reasons.extend(faults(history));
    reasons.extend(acks(history));
    reasons.extend(leader_change(history));
    reasons
}

fn ending(history: &History) -> Option<String> {
    let why = match history.end.map(|end| end.how) {
        Some(Ending::Complete) => return None,
        Some(Ending::Interrupted) => "the scenario was interrupted",
        Some(Ending::GaveUp) => "the scenario could not go on",
        None => "the history has no end: its scenario was interrupted, or the file was cut",
    };
    Some(why.to_owned())
}

fn faults(history: &History) -> Vec<String> {
    let claimed = history.header.claims.faults as usize;
    let begun = history.faults.len();
    let mut reasons = Vec::new();
    if begun < claimed {
        reasons.push(format!("{begun} faults began, and {claimed} are claimed"));
    }
    if begun > 0 && history.healed.is_none() {
        reasons.push(String::from("the faults were not healed"));
    }
    let unproven = history.faults.iter().filter(|fault| fault.proven.is_none());
    reasons.extend(
        unproven.map(|fault| format!("nothing proves the fault at {}: {fault}", fault.began.at)),
    );
    reasons
}

/// Acked records in each phase that must have some.
fn acks(history: &History) -> Vec<String> {
    let least = history.header.claims.acks;
    let times = ack_times(history);
    if history.header.claims.faults == 0 {
        let all: u64 = times.iter().map(|(_, records)| records).sum();
        let reason = format!("{all} acked records, and {least} are needed");
        return (all < least).then_some(reason).into_iter().collect();
    }
    let mut reasons = Vec::new();
    for (phase, word) in [
        (Phase::Before, "before"),
        (Phase::During, "during"),
        (Phase::After, "after"),
    ] {
        let windows = windows(history, phase);
        if windows.is_empty() {
            reasons.push(format!("the history has no phase {word} the fault"));
            continue;
        }
        let with_quorum = windows.iter().filter(|window| window.quorum);
        let mut all = 0;
        let mut expected = false;
        for window in with_quorum {
            expected = true;
            let within = times
                .iter()
                .filter(|(at, _)| window.from <= *at && *at < window.to);
            all += within.map(|(_, records)| records).sum::<u64>();
        }
        if expected && all < least {
            reasons.push(format!(
                "{all} acked records {word} the fault, and {least} are needed"
            ));
        }
    }
    reasons
}

fn ack_times(history: &History) -> Vec<(Micros, u64)> {
    let acked = history
        .attempts
        .iter()
        .filter(|attempt| attempt.acked().is_some());
    acked
        .map(|attempt| (attempt.answered, u64::from(attempt.values.1)))
        .collect()
}

/// A time in one phase.
struct Window {
    from: Micros,
    to: Micros,
    quorum: bool,
}

fn windows(history: &History, phase: Phase) -> Vec<Window> {
    let marks = &history.phases;
    let ends = marks.iter().skip(1).map(|mark| mark.at);
    let ends = ends.chain([Micros(u64::MAX)]);
    let windows = marks
        .iter()
        .zip(ends)
        .filter(|(mark, _)| mark.phase == phase);
    windows
        .map(|(mark, to)| Window {
            from: mark.at,
            to,
            quorum: mark.quorum,
        })
        .collect()
}

/// After the first fault some partition must be led by another node than before.
fn leader_change(history: &History) -> Option<String> {
    if !history.header.claims.leader_change {
        return None;
    }
    let Some(fault) = history.faults.iter().map(|fault| fault.began.at).min() else {
        return Some(String::from(
            "no fault, and so no change of leader, was seen",
        ));
    };
    let mut before: BTreeMap<TopicPartition, (i32, NodeId)> = BTreeMap::new();
    for partition in history.partitions() {
        for (at, _, leader, epoch) in history.leaders_told(partition) {
            let Some(leader) = leader else {
                continue;
            };
            let known = before.get(&partition);
            if at < fault {
                if known.is_none_or(|(newest, _)| epoch >= *newest) {
                    before.insert(partition, (epoch, leader));
                }
            } else if known.is_some_and(|(newest, old)| epoch > *newest && leader != *old) {
                return None;
            }
        }
    }
    Some(String::from(
        "no partition was seen to change its leader after the fault",
    ))
}
