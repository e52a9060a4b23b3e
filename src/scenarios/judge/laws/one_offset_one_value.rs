//! One offset, one value: no two values are ever seen at one offset of a partition.
//!
//! Seen by whom does not matter: an ack, a reader and each replica must agree for ever.

use super::super::facts::{Facts, Kind, Offsets};
use super::super::findings::{Findings, Place};

/// Accuses each offset that held two values.
pub(super) fn look(facts: &Facts<'_>, findings: &mut Findings<'_>) {
    let present = facts.offsets.iter().map(Offsets::present);
    findings.examined = present.map(|offsets| offsets.len() as u64).sum();
    for clash in &facts.clashes {
        let mut place = Place::offset(clash.partition, clash.offset);
        if let Kind::Sent(index) = facts.contents.kind(clash.first) {
            place = place.with_value(facts.contents.values.id(index));
        }
        findings.broken(place, || {
            format!(
                "{} holds {} at offset {}, and {} too",
                facts.history.name_of(clash.partition),
                facts.contents.show(clash.first),
                clash.offset,
                facts.contents.show(clash.other),
            )
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Law;
    use super::super::super::story::{Story, strange};
    use super::super::super::verdict::LawResult;
    use crate::scenarios::history::{Event, Strangeness};

    fn says(story: Story) -> LawResult {
        story.says(Law::OneOffsetOneValue)
    }

    #[test]
    fn acks_readers_and_copies_agree() {
        let story = Story::new().acked(1, 0).read(0, 20, &[(0, 1)]).copies(&[1]);
        assert_eq!(says(story), LawResult::Passed);
        assert_eq!(says(Story::new()), LawResult::Unknown);
    }

    #[test]
    fn two_acks_at_one_offset_break_it() {
        assert_eq!(
            says(Story::new().acked(1, 0).acked(2, 0)),
            LawResult::Failed
        );
    }

    #[test]
    fn a_reader_that_saw_something_else_breaks_it() {
        let story = Story::new().acked(1, 0).acked(2, 1);
        assert_eq!(
            says(story.read(0, 90, &[(0, 2)]).copies(&[1, 2])),
            LawResult::Failed
        );
    }

    #[test]
    fn strange_bytes_are_another_value() {
        let story = Story::new().acked(1, 0).copies(&[1]);
        let corrupt = Event::Read(strange(0, 50, Strangeness::Corrupt));
        assert_eq!(says(story.event(corrupt)), LawResult::Failed);
    }
}
