//! No duplicate: an idempotent producer's value has one offset.
//!
//! Without the idempotent producer a retry may store a value twice; that is counted, and allowed.

use super::super::facts::{Double, Facts};
use super::super::findings::{Findings, Place};

/// Accuses each value of an idempotent producer that has two offsets.
pub(super) fn look(facts: &Facts<'_>, findings: &mut Findings<'_>) {
    let found = facts.sent.iter().filter(|sent| sent.is_found());
    findings.examined = found.count() as u64;
    let mut allowed = 0u64;
    for double in &facts.doubles {
        let Double {
            index,
            first,
            other,
        } = *double;
        let sent = &facts.sent[index as usize];
        if !sent.guarded {
            allowed += 1;
            continue;
        }
        let value = facts.contents.values.id(index);
        let partition = facts.partitions[sent.meant as usize];
        findings.broken(Place::offset(partition, other).with_value(value), || {
            let name = facts.history.name_of(partition);
            format!("{value} is in {name} at offset {first} and at offset {other}")
        });
    }
    if allowed > 0 {
        findings.remark(format!(
            "{allowed} values of plain producers have two offsets, which a retry may cause"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::story::{Story, idempotent, lost, plain};
    use super::super::super::verdict::LawResult;
    use super::super::super::{Law, judge};
    use crate::scenarios::history::Outcome;

    fn says(story: Story) -> LawResult {
        story.says(Law::NoDuplicate)
    }

    #[test]
    fn a_retry_that_is_told_the_first_offset_is_lawful() {
        let story = Story::new().send(idempotent(1, 10, lost()));
        let story = story.send(idempotent(1, 20, Outcome::Ok { base: 0 }));
        assert_eq!(says(story.copies(&[1])), LawResult::Passed);
        assert_eq!(says(Story::new()), LawResult::Unknown);
    }

    #[test]
    fn an_idempotent_value_stored_twice_breaks_it() {
        let story = Story::new().send(idempotent(1, 10, lost()));
        let story = story.send(idempotent(1, 20, Outcome::Ok { base: 1 }));
        assert_eq!(says(story.copies(&[1, 1])), LawResult::Failed);
    }

    #[test]
    fn a_plain_value_stored_twice_is_counted_and_allowed() {
        let story = Story::new().send(plain(1, 10, lost()));
        let story = story
            .send(plain(1, 20, Outcome::Ok { base: 1 }))
            .copies(&[1, 1]);
        let judgement = judge(&story.told());
        let verdict = judgement.law(Law::NoDuplicate);
        assert_eq!(verdict.result, LawResult::Passed);
        assert!(verdict.remarks[0].starts_with("1 values of plain producers"));
        assert_eq!(judgement.counts.duplicated, Some(0));
        assert_eq!(judgement.counts.duplicates_allowed, Some(1));
    }

    #[test]
    fn a_value_that_moved_after_its_ack_breaks_it() {
        let story = Story::new().send(idempotent(1, 10, Outcome::Ok { base: 0 }));
        let story = story.send(idempotent(2, 20, Outcome::Ok { base: 1 }));
        assert_eq!(says(story.copies(&[2, 1])), LawResult::Failed);
    }
}
