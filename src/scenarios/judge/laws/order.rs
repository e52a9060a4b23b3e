//! Order: offsets follow the order of sends, and readers neither go back nor skip.
//!
//! Three rules. One producer's acked records on one partition have offsets in the order in which
//! they were sent; for an idempotent producer that is the order of first attempts, for a plain one
//! it holds within a connection. A reader's offsets rise within one assignment, over no existing
//! record. An offset that was acked before another send began is smaller than that send's.

mod producers;
mod readers;
mod real_time;

use super::super::facts::Facts;
use super::super::findings::Findings;

/// Accuses each breach of the three rules.
pub(super) fn look(facts: &Facts<'_>, findings: &mut Findings<'_>) {
    producers::look(facts, findings);
    readers::look(facts, findings);
    real_time::look(facts, findings);
}

#[cfg(test)]
mod tests {
    use super::super::super::Law;
    use super::super::super::story::{Story, idempotent, lost, plain, read};
    use super::super::super::verdict::LawResult;
    use crate::scenarios::history::{Assignment, Attempt, ClientId, Event, Micros, Outcome, Read};

    fn says(story: Story) -> LawResult {
        story.says(Law::Order)
    }

    /// An attempt that takes its time, so that it has no order with others by the clock.
    fn slow(attempt: Attempt) -> Attempt {
        Attempt {
            answered: Micros(900),
            ..attempt
        }
    }

    #[test]
    fn offsets_in_the_order_of_sends_are_lawful() {
        let story = Story::new().acked(1, 0).acked(2, 1).acked(3, 5);
        assert_eq!(says(story.copies(&[1, 2])), LawResult::Passed);
        assert_eq!(says(Story::new()), LawResult::Unknown);
    }

    #[test]
    fn one_connection_keeps_its_order_and_two_need_not() {
        let later = slow(plain(2, 20, Outcome::Ok { base: 0 }));
        let earlier = slow(plain(1, 10, Outcome::Ok { base: 1 }));
        let other = Attempt {
            connection: 2,
            ..earlier.clone()
        };
        let story = Story::new().send(later.clone());
        assert_eq!(says(story.send(earlier)), LawResult::Failed);
        assert_eq!(
            says(Story::new().send(later).send(other)),
            LawResult::Passed
        );
    }

    #[test]
    fn an_idempotent_producer_keeps_its_order_over_connections() {
        let later = slow(idempotent(2, 20, Outcome::Ok { base: 0 }));
        let earlier = Attempt {
            connection: 2,
            ..slow(idempotent(1, 10, Outcome::Ok { base: 1 }))
        };
        assert_eq!(
            says(Story::new().send(later).send(earlier)),
            LawResult::Failed
        );
    }

    #[test]
    fn a_repeated_batch_counts_from_its_first_attempt() {
        let story = Story::new().send(idempotent(1, 10, lost()));
        let story = story.send(idempotent(2, 20, Outcome::Ok { base: 1 }));
        let story = story.send(idempotent(1, 30, Outcome::Ok { base: 0 }));
        assert_eq!(says(story.copies(&[1, 2])), LawResult::Passed);
    }

    #[test]
    fn an_ack_before_a_send_is_before_it_in_the_log() {
        let first = Attempt {
            client: ClientId(2),
            ..plain(1, 10, Outcome::Ok { base: 5 })
        };
        let overlapping = plain(2, 15, Outcome::Ok { base: 4 });
        let after = plain(2, 16, Outcome::Ok { base: 4 });
        let story = Story::new().send(first.clone());
        assert_eq!(says(story.send(overlapping)), LawResult::Passed);
        assert_eq!(
            says(Story::new().send(first).send(after)),
            LawResult::Failed
        );
    }

    #[test]
    fn a_reader_goes_on_where_it_was() {
        let story = Story::new().acked(1, 0).acked(2, 1).acked(3, 3);
        let story = story
            .read(0, 100, &[(0, 1)])
            .read(1, 110, &[(1, 2), (3, 3)]);
        assert_eq!(
            says(story.copies(&[1, 2])),
            LawResult::Passed,
            "offset 2 does not exist"
        );
    }

    #[test]
    fn a_reader_that_goes_back_breaks_it() {
        let story = Story::new().acked(1, 0).acked(2, 1);
        let story = story
            .read(0, 100, &[(0, 1), (1, 2)])
            .read(2, 110, &[(1, 2)]);
        assert_eq!(says(story), LawResult::Failed);
    }

    #[test]
    fn a_reader_that_skips_breaks_it() {
        let story = || Story::new().acked(1, 0).acked(2, 1).acked(3, 2);
        assert_eq!(
            says(story().read(0, 100, &[(0, 1), (2, 3)])),
            LawResult::Failed
        );
        let apart = story().read(0, 100, &[(0, 1)]).read(1, 110, &[(2, 3)]);
        assert_eq!(says(apart), LawResult::Failed);
        assert_eq!(says(story().read(0, 100, &[(1, 2)])), LawResult::Failed);
    }

    #[test]
    fn a_new_assignment_starts_anywhere() {
        let again = Read {
            assignment: Assignment::Own(1),
            ..read(0, 120, 2, &[(0, 1), (1, 2)])
        };
        let story = Story::new().acked(1, 0).acked(2, 1).read(1, 100, &[(1, 2)]);
        assert_eq!(says(story.event(Event::Read(again))), LawResult::Passed);
    }
}
