//! Verdicts as a whole: clean histories pass, and what was not seen is unknown.

use super::super::super::Law;
use super::super::super::history::{
    Absent, Ending, Event, History, Phase, Recording, read_history,
};
use super::super::judge;
use super::super::story::lost;
use super::super::verdict::{Counts, LawResult, Verdict};
use super::generator::{Shape, clean};

fn unknown(history: &History, reason: &str) {
    let judgement = judge(history);
    assert_eq!(
        judgement.verdict,
        Verdict::Unknown,
        "{:?}",
        judgement.reasons
    );
    let said = judgement.reasons.iter().any(|said| said.contains(reason));
    assert!(said, "{reason:?} is not among {:?}", judgement.reasons);
}

#[test]
fn no_clean_history_is_accused() {
    for seed in 0..200 {
        let shape = Shape {
            partitions: 1 + seed as u32 % 4,
            batch: 1 + seed as u32 % 7,
            ..Shape::SMALL
        };
        let judgement = judge(&clean(seed, shape));
        assert_eq!(
            judgement.verdict,
            Verdict::Passed,
            "seed {seed}: {:?}",
            judgement.reasons
        );
        assert_eq!(judgement.anomalies().count(), 0, "seed {seed}");
        let Counts {
            acked, read, lost, ..
        } = judgement.counts;
        assert_eq!((acked, lost), (read, Some(0)), "seed {seed}");
    }
}

#[test]
fn a_stored_history_has_the_same_verdict() {
    let history = clean(3, Shape::SMALL);
    let mut file = Vec::new();
    let mut recording = Recording::new(&mut file, history.header.clone()).unwrap();
    for topic in &history.topics {
        recording.record(Event::Topic(topic.clone())).unwrap();
    }
    for attempt in &history.attempts {
        let event = Event::Produce(attempt.clone());
        recording.record(event).unwrap();
    }
    let recorded = recording.finish().unwrap();
    let read = read_history(file.as_slice()).unwrap();
    assert_eq!(judge(&recorded), judge(&read));
}

#[test]
fn too_few_acks_are_unknown() {
    let claimed = |claimed| Shape {
        claimed,
        ..Shape::SMALL
    };
    unknown(
        &clean(1, claimed(100_000)),
        "acked records before the fault, and 100000 are needed",
    );
}

#[test]
fn a_phase_without_quorum_needs_no_acks() {
    let mut history = clean(1, Shape::SMALL);
    let (from, to) = (history.phases[1].at, history.phases[2].at);
    for attempt in &mut history.attempts {
        if (from..to).contains(&attempt.answered) {
            attempt.outcome = lost();
        }
    }
    unknown(&history, "0 acked records during the fault");
    history.phases[1].quorum = false;
    let judgement = judge(&history);
    let vacuous = judgement
        .reasons
        .iter()
        .any(|reason| reason.contains("acked records"));
    assert!(!vacuous, "{:?}", judgement.reasons);
}

#[test]
fn a_missing_phase_is_unknown() {
    let mut history = clean(1, Shape::SMALL);
    history.phases.retain(|mark| mark.phase != Phase::After);
    unknown(&history, "no phase after the fault");
}

#[test]
fn an_unproven_or_missing_fault_is_unknown() {
    let mut history = clean(1, Shape::SMALL);
    history.faults[0].proven = None;
    unknown(&history, "nothing proves the fault at 0.0");
    history.faults.clear();
    unknown(&history, "0 faults began, and 1 are claimed");
}

#[test]
fn a_claimed_leader_change_must_be_seen() {
    let mut history = clean(1, Shape::SMALL);
    for seen in &mut history.metadata {
        for partition in &mut seen.topics[0].partitions {
            (partition.leader, partition.epoch) = (Some(crate::spec::NodeId(1)), 1);
        }
    }
    unknown(&history, "no partition was seen to change its leader");
}

#[test]
fn faults_that_were_not_healed_are_unknown() {
    let mut history = clean(1, Shape::SMALL);
    history.healed = None;
    unknown(&history, "the faults were not healed");
}

#[test]
fn an_interrupted_scenario_is_unknown() {
    let mut history = clean(1, Shape::SMALL);
    if let Some(end) = &mut history.end {
        end.how = Ending::Interrupted;
    }
    unknown(&history, "interrupted");
    history.end = None;
    unknown(&history, "has no end");
}

#[test]
fn a_law_that_saw_nothing_is_unknown_unless_it_has_no_matter() {
    let mut history = clean(1, Shape::SMALL);
    history.commits.clear();
    history.committed.clear();
    unknown(&history, "committed group offsets");
    history.searches.clear();
    history.header.without.push(Absent {
        law: Law::CommittedOffsets,
        why: String::from("no group reads here"),
    });
    let judgement = judge(&history);
    assert_eq!(
        judgement.verdict,
        Verdict::Passed,
        "{:?}",
        judgement.reasons
    );
    let verdict = judgement.law(Law::CommittedOffsets);
    assert_eq!(verdict.result, LawResult::NotApplicable);
    assert_eq!(verdict.remarks, ["no group reads here"]);
    let verdict = judgement.law(Law::SearchFollowsLog);
    assert_eq!(verdict.result, LawResult::NotApplicable);
}

#[test]
fn nothing_seen_is_nothing_counted() {
    let mut history = clean(1, Shape::SMALL);
    history.replicas.clear();
    history.attempts.clear();
    history.reads.clear();
    let counts = judge(&history).counts;
    assert_eq!(counts, Counts::default());
}
