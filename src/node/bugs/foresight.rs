//! Which offsets batches will get, as a leader that acks too early must tell them.

use std::collections::VecDeque;

/// The entries of one proposer that are under way, by the offset that each begins at if all land.
///
/// Keeps nothing without the feature.
#[derive(Default)]
pub(in crate::node) struct Foresight {
    bases: VecDeque<i64>,
    next: i64,
}

impl Foresight {
    const IS_NEEDED: bool = cfg!(feature = "planted-bugs");

    /// An entry of so many records departs from a log that ends at `log_end`; where it begins.
    pub(in crate::node) fn depart(&mut self, log_end: i64, records: i64) -> i64 {
        let base = self.promise(log_end, records);
        if Self::IS_NEEDED {
            self.bases.push_back(base);
        }
        base
    }

    /// Offsets for records that will never depart; where they begin.
    pub(in crate::node) fn promise(&mut self, log_end: i64, records: i64) -> i64 {
        let base = self.next.max(log_end);
        self.next = base + records;
        base
    }

    /// The oldest entry has landed, or failed.
    pub(in crate::node) fn land(&mut self) {
        self.bases.pop_front();
    }

    /// What departs from here on goes by where the log then ends.
    pub(in crate::node) fn forget(&mut self) {
        self.next = 0;
    }

    /// Where the entries under way begin, oldest first.
    pub(in crate::node) fn bases(&self) -> impl Iterator<Item = i64> {
        self.bases.iter().copied()
    }
}
