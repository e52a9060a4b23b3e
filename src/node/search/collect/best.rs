//! The best documents of one split.

use std::cmp::Ordering;

use tantivy::query::Scorer;
use tantivy::{DocId, Score};

use super::keys::{Key, Keys};
use crate::node::search::answer::{Hit, SearchError};
use crate::node::search::question::SortBy;

/// A document that may be among the best.
struct Candidate {
    doc: DocId,
    keys: Box<[Key]>,
}

/// The best of the documents that were offered, in twice the room: it is sorted out when that is
/// full, and what is worse than the worst that was left is turned away at once.
pub(super) struct Best {
    top: usize,
    keys: Keys,
    kept: Vec<Candidate>,
    is_sorted_out: bool,
    offered: Vec<Key>,
}

impl Best {
    /// The best `top` by these keys.
    pub(super) fn new(top: usize, keys: Keys) -> Self {
        Self {
            top,
            keys,
            kept: Vec::new(),
            is_sorted_out: false,
            offered: Vec::new(),
        }
    }

    /// Offers the scorer's document.
    pub(super) fn offer(&mut self, doc: DocId, scorer: &mut dyn Scorer) {
        if self.top == 0 {
            return;
        }
        self.keys.read(doc, scorer, &mut self.offered);
        if self.is_sorted_out {
            // Documents come in their order, so an equal one is behind.
            let worst = &self.kept[self.top - 1].keys;
            if self.keys.compare(&self.offered, worst) != Ordering::Less {
                return;
            }
        }
        self.keep(doc);
    }

    /// Offers a document of which the score alone matters; the score that a later one must be
    /// better than, once there is one.
    pub(super) fn offer_scored(&mut self, doc: DocId, score: Score) -> Option<Score> {
        self.offered.clear();
        self.offered.push(Some(Keys::score(score)));
        self.keep(doc);
        let worst = self.is_sorted_out.then(|| &self.kept[self.top - 1].keys[0]);
        worst?.map(Keys::scored)
    }

    fn keep(&mut self, doc: DocId) {
        let keys = self.offered.as_slice().into();
        self.kept.push(Candidate { doc, keys });
        if self.kept.len() >= self.top.saturating_mul(2).max(64) {
            self.sort_out();
        }
    }

    fn sort_out(&mut self) {
        let keys = &self.keys;
        self.kept.sort_unstable_by(|a, b| {
            let order = keys.compare(&a.keys, &b.keys);
            order.then(a.doc.cmp(&b.doc))
        });
        self.kept.truncate(self.top);
        self.is_sorted_out = self.kept.len() == self.top;
    }

    /// The best as hits.
    pub(super) fn hits(mut self, sort: &[SortBy]) -> Result<Vec<Hit>, SearchError> {
        self.sort_out();
        let keys = &self.keys;
        self.kept
            .iter()
            .map(|kept| keys.hit(kept.doc, &kept.keys, sort))
            .collect()
    }
}
