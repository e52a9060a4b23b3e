//! Committed group offsets never regress, and never pass what was processed.
//!
//! What counts as processed is what the group's members were given before the commit was sent, or
//! what the group was told to have committed already.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::super::history::{
    Assignment, Commit, CommitOutcome, Committed, Micros, ReadAnswer, TopicPartition,
};
use super::super::facts::Facts;
use super::super::findings::{Findings, Place};
use super::super::sweep::{Known, Start, largest_before};

/// One group's view of one partition.
#[derive(Default)]
struct View<'a> {
    commits: Vec<&'a Commit>,
    told: Vec<&'a Committed>,
    given: Vec<Known>,
}

/// Accuses each committed offset that went back, was made up, or passed what was processed.
pub(super) fn look(facts: &Facts<'_>, findings: &mut Findings<'_>) {
    let views = views(facts);
    for ((group, partition), view) in &views {
        let name = format!("group {group} on {}", facts.history.name_of(*partition));
        let place = Place::partition(*partition);
        findings.examined += (view.commits.len() + view.told.len()) as u64;
        regressions(view, place, &name, findings);
        passed(view, place, &name, findings);
        made_up(facts, view, place, &name, findings);
    }
}

fn views<'a>(facts: &Facts<'a>) -> BTreeMap<(Arc<str>, TopicPartition), View<'a>> {
    let mut views: BTreeMap<(Arc<str>, TopicPartition), View<'a>> = BTreeMap::new();
    for commit in &facts.history.commits {
        let key = (commit.group.clone(), commit.partition);
        views.entry(key).or_default().commits.push(commit);
    }
    for told in &facts.history.committed {
        let key = (told.group.clone(), told.partition);
        let view = views.entry(key).or_default();
        view.given.extend(told.offset.map(|size| Known {
            at: told.answered,
            size,
            place: 0,
        }));
        view.told.push(told);
    }
    for (place, read) in facts.history.reads.iter().enumerate() {
        let (Assignment::Group { group, .. }, ReadAnswer::Records { records, .. }) =
            (&read.assignment, &read.answer)
        else {
            continue;
        };
        let Some(view) = views.get_mut(&(group.clone(), read.partition)) else {
            continue;
        };
        view.given.push(Known {
            at: read.answered,
            size: records.end().unwrap_or(read.asked),
            place,
        });
    }
    views
}

/// What was committed, or told to be, is there for all who ask later, and for later commits.
fn regressions(view: &View<'_>, place: Place, name: &str, findings: &mut Findings<'_>) {
    let commits = view.commits.iter().enumerate();
    let done = commits.filter(|(_, commit)| commit.outcome == CommitOutcome::Ok);
    let done: Vec<_> = done.collect();
    let told = view.told.iter().enumerate();
    let known_by_commit = done.iter().map(|(place, commit)| Known {
        at: commit.answered,
        size: commit.offset,
        place: *place,
    });
    let known_by_fetch = told.clone().filter_map(|(place, told)| {
        Some(Known {
            at: told.answered,
            size: told.offset?,
            place,
        })
    });
    let known: Vec<Known> = known_by_commit.chain(known_by_fetch).collect();
    let starts = told.map(|(place, told)| Start {
        at: told.sent,
        place,
    });
    largest_before(starts.collect(), known.clone(), |at, before| {
        let told = view.told[at];
        if told.offset.is_none_or(|offset| offset < before.size) {
            findings.broken(place.at(told.answered), || {
                let now = told
                    .offset
                    .map_or_else(|| String::from("nothing"), |o| o.to_string());
                format!(
                    "{name}: {} tells at {} that {now} is committed, after {} had been at {}",
                    told.broker, told.answered, before.size, before.at,
                )
            });
        }
    });
    let starts = done.iter().map(|(place, commit)| Start {
        at: commit.sent,
        place: *place,
    });
    largest_before(starts.collect(), known, |at, before| {
        let commit = view.commits[at];
        if commit.offset < before.size {
            findings.broken(place.at(commit.answered), || {
                format!(
                    "{name}: {} takes {}'s commit of offset {} in generation {} at {}, after {} \
                     had been committed at {}",
                    commit.broker,
                    commit.client,
                    commit.offset,
                    commit.generation,
                    commit.answered,
                    before.size,
                    before.at,
                )
            });
        }
    });
}

/// No commit passes what the group was given before it was sent.
fn passed(view: &View<'_>, place: Place, name: &str, findings: &mut Findings<'_>) {
    let starts = view.commits.iter().enumerate();
    let starts = starts.map(|(place, commit)| Start {
        at: Micros(commit.sent.0.saturating_add(1)),
        place,
    });
    let mut judged = vec![false; view.commits.len()];
    let mut accuse = |at: usize, processed: Option<i64>| {
        let commit: &Commit = view.commits[at];
        if processed.is_some_and(|processed| commit.offset <= processed) {
            return;
        }
        findings.broken(place.at(commit.answered), || {
            let up_to = processed.map_or_else(|| String::from("nothing"), |p| format!("up to {p}"));
            format!(
                "{name}: {} commits offset {} at {}, having processed {up_to}",
                commit.client, commit.offset, commit.sent,
            )
        });
    };
    largest_before(starts.collect(), view.given.clone(), |at, given| {
        judged[at] = true;
        accuse(at, Some(given.size));
    });
    for (at, _) in judged.iter().enumerate().filter(|(_, judged)| !**judged) {
        accuse(at, None);
    }
}

/// Nothing is told to be committed that no member asked to commit.
fn made_up(
    facts: &Facts<'_>,
    view: &View<'_>,
    place: Place,
    name: &str,
    findings: &mut Findings<'_>,
) {
    let asked: BTreeSet<i64> = view.commits.iter().map(|commit| commit.offset).collect();
    for told in &view.told {
        let Some(offset) = told.offset.filter(|offset| !asked.contains(offset)) else {
            continue;
        };
        if facts.history.end.is_none() {
            findings
                .unseen(|| format!("{name}: who committed {offset} before the history was cut"));
            continue;
        }
        findings.broken(place.at(told.answered), || {
            format!(
                "{name}: {} tells at {} that {offset} is committed, which nobody did",
                told.broker, told.answered,
            )
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Law;
    use super::super::super::judge;
    use super::super::super::story::{Story, commit, committed, group_read};
    use super::super::super::verdict::LawResult;
    use crate::scenarios::history::CommitOutcome;

    fn says(story: Story) -> LawResult {
        story.says(Law::CommittedOffsets)
    }

    /// A group that was given two records and has committed the first.
    fn story() -> Story {
        let story = Story::new().acked(1, 0).acked(2, 1);
        let story = story.event(committed(None, 5));
        let story = story.event(group_read(0, 40, &[(0, 1), (1, 2)]));
        story.event(commit(1, 50, CommitOutcome::Ok))
    }

    fn refused() -> CommitOutcome {
        CommitOutcome::Failed { code: 22 }
    }

    #[test]
    fn commits_that_follow_the_records_are_lawful() {
        let story = story().event(committed(Some(1), 60));
        let story = story.event(commit(2, 70, CommitOutcome::Ok));
        assert_eq!(says(story.event(committed(Some(2), 80))), LawResult::Passed);
        assert_eq!(says(Story::new()), LawResult::Unknown);
    }

    #[test]
    fn an_unanswered_commit_may_be_there_or_not() {
        let unknown = || CommitOutcome::Unknown {
            why: String::from("time-out"),
        };
        for told in [1, 2] {
            let story = story().event(commit(2, 60, unknown()));
            assert_eq!(
                says(story.event(committed(Some(told), 80))),
                LawResult::Passed
            );
        }
    }

    #[test]
    fn a_committed_offset_that_goes_back_breaks_it() {
        let forward = || story().event(commit(2, 60, CommitOutcome::Ok));
        assert_eq!(
            says(forward().event(committed(Some(1), 80))),
            LawResult::Failed
        );
        assert_eq!(
            says(forward().event(committed(None, 80))),
            LawResult::Failed
        );
        let told = story()
            .event(commit(2, 60, refused()))
            .event(committed(Some(2), 70));
        assert_eq!(says(told.event(committed(Some(1), 80))), LawResult::Failed);
    }

    #[test]
    fn a_late_commit_that_is_taken_breaks_it() {
        let forward = || story().event(commit(2, 60, CommitOutcome::Ok));
        assert_eq!(
            says(forward().event(commit(1, 80, CommitOutcome::Ok))),
            LawResult::Failed
        );
        assert_eq!(
            says(forward().event(commit(1, 80, refused()))),
            LawResult::Passed
        );
    }

    #[test]
    fn a_commit_beyond_what_was_given_breaks_it() {
        assert_eq!(
            says(story().event(commit(3, 80, CommitOutcome::Ok))),
            LawResult::Failed
        );
        let early = Story::new().event(commit(1, 10, CommitOutcome::Ok));
        assert_eq!(says(early), LawResult::Failed);
    }

    #[test]
    fn an_offset_that_nobody_committed_breaks_it() {
        assert_eq!(
            says(story().event(committed(Some(2), 80))),
            LawResult::Failed
        );
    }

    #[test]
    fn a_break_is_shown_with_the_commits_and_fetches_around_it() {
        let story = story().event(commit(2, 60, CommitOutcome::Ok));
        let judgement = judge(&story.event(committed(Some(1), 80)).told());
        let anomaly = &judgement.law(Law::CommittedOffsets).anomalies[0];
        let lines: Vec<&str> = anomaly.evidence.iter().map(|it| it.what.as_str()).collect();
        let told = |words: &str| lines.iter().any(|line| line.contains(words));
        assert!(told("commits offset 2 of t-0 for group g"), "{lines:#?}");
        assert!(
            told("asks node-1 what group g has committed of t-0: 1"),
            "{lines:#?}"
        );
        assert!(told("reads t-0 from offset 0"), "{lines:#?}");
    }
}
