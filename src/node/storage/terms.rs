//! Where each term begins in a log: Kafka's leader epoch table.
//!
//! Keeps also the terms that brought no record, because a truncation can bring them back to the
//! end; the answers skip them, as Kafka's cache drops an epoch that starts where the next one does.

use super::LogPosition;

/// The first entry of a term.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TermStart {
    pub(super) term: u64,
    /// Its first index.
    pub(super) index: u64,
    /// The next offset before that entry.
    pub(super) offset: i64,
}

/// The terms of a log, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Terms(pub(super) Vec<TermStart>);

impl Terms {
    /// An entry was appended.
    pub(super) fn append(&mut self, at: LogPosition, offset: i64) {
        if self.0.last().is_none_or(|last| last.term != at.term) {
            self.0.push(TermStart {
                term: at.term,
                index: at.index,
                offset,
            });
        }
    }

    /// Entries after `last` are gone.
    pub(super) fn truncate(&mut self, last: Option<u64>) {
        self.0
            .retain(|start| last.is_some_and(|last| start.index <= last));
    }

    /// Entries up to `upto` are gone.
    pub(super) fn purge(&mut self, upto: u64) {
        let covering = self.0.partition_point(|start| start.index <= upto);
        self.0.drain(..covering.saturating_sub(1));
    }

    /// All entries are gone; the log continues after `at`.
    pub(super) fn reset(&mut self, at: LogPosition, next_offset: i64) {
        self.0.clear();
        self.append(at, next_offset);
    }

    /// The latest epoch at or below `epoch` and where it ended; (-1, -1) for a future one.
    pub(super) fn end_of(&self, epoch: i32, log_start: i64, log_end: i64) -> (i32, i64) {
        const UNKNOWN: (i32, i64) = (-1, -1);
        let (Some(latest), Ok(asked)) = (self.0.last(), u64::try_from(epoch)) else {
            return UNKNOWN;
        };
        if asked == latest.term {
            return (epoch, log_end);
        }
        let Some(higher) = self.visible().find(|start| start.term > asked) else {
            return UNKNOWN;
        };
        let floor = self
            .visible()
            .take_while(|start| start.term <= asked)
            .last();
        let found = floor.map_or(epoch, |start| start.term as i32);
        (found, higher.offset.max(log_start))
    }

    /// The epoch of the record at `offset`, which lies in the log.
    pub(super) fn at(&self, offset: i64) -> Option<i32> {
        self.visible()
            .take_while(|start| start.offset <= offset)
            .last()
            .map(|start| start.term as i32)
    }

    fn visible(&self) -> impl Iterator<Item = &TermStart> {
        let later = self.0.iter().skip(1).map(|start| start.offset);
        let later = later.chain([i64::MAX]);
        (self.0.iter().zip(later))
            .filter(|(start, next)| start.offset < *next)
            .map(|(start, _)| start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Terms {
        let mut terms = Terms::default();
        for (term, index, offset) in [(1, 0, 0), (1, 1, 0), (2, 5, 10), (3, 6, 10), (5, 9, 30)] {
            terms.append(LogPosition { term, index }, offset);
        }
        terms
    }

    #[test]
    fn epochs_end_as_in_kafkas_cache() {
        let terms = table();
        assert_eq!(terms.end_of(5, 0, 40), (5, 40));
        assert_eq!(terms.end_of(6, 0, 40), (-1, -1));
        assert_eq!(terms.end_of(4, 0, 40), (3, 30));
        assert_eq!(terms.end_of(3, 0, 40), (3, 30));
        // Term 2 brought no record: the cache never heard of it.
        assert_eq!(terms.end_of(2, 0, 40), (1, 10));
        assert_eq!(terms.end_of(0, 0, 40), (0, 0));
        assert_eq!(terms.end_of(-1, 0, 40), (-1, -1));
    }

    #[test]
    fn records_have_the_epoch_that_was_there() {
        let terms = table();
        assert_eq!(terms.at(9), Some(1));
        assert_eq!(terms.at(10), Some(3));
        assert_eq!(terms.at(35), Some(5));
    }

    #[test]
    fn a_truncation_brings_an_empty_term_back() {
        let mut terms = table();
        terms.truncate(Some(5));
        assert_eq!(terms.end_of(2, 0, 10), (2, 10));
        terms.truncate(None);
        assert_eq!(terms, Terms::default());
    }

    #[test]
    fn a_purge_keeps_the_term_that_covers_the_front() {
        let mut terms = table();
        terms.purge(7);
        assert_eq!(terms.0[0].term, 3);
        assert_eq!(terms.at(20), Some(3));
        assert_eq!(terms.end_of(1, 20, 40), (1, 20));
    }
}
