//! A query that knows its records already.

use std::sync::Arc;

use tantivy::query::{
    BitSetDocSet, ConstScorer, EnableScoring, Explanation, Query, Scorer, Weight,
};
use tantivy::{BitSet, DocId, Score, SegmentReader, TantivyError};

/// Matches a set of one segment's documents, each with the score 1.
#[derive(Clone)]
pub(in crate::node::search) struct DocsQuery(Arc<BitSet>);

impl DocsQuery {
    /// These documents.
    pub(super) fn new(docs: BitSet) -> Self {
        Self(Arc::new(docs))
    }
}

impl std::fmt::Debug for DocsQuery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DocsQuery({} documents)", self.0.len())
    }
}

impl Query for DocsQuery {
    fn weight(&self, _: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(self.clone()))
    }
}

impl Weight for DocsQuery {
    fn scorer(&self, _: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        let docs = BitSetDocSet::from(BitSet::clone(&self.0));
        Ok(Box::new(ConstScorer::new(docs, boost)))
    }

    fn count(&self, _: &SegmentReader) -> tantivy::Result<u32> {
        Ok(u32::try_from(self.0.len()).unwrap_or(u32::MAX))
    }

    fn explain(&self, _: &SegmentReader, doc: DocId) -> tantivy::Result<Explanation> {
        if doc < self.0.max_value() && self.0.contains(doc) {
            return Ok(Explanation::new("DocsQuery", 1.0));
        }
        let what = format!("document {doc} is not in the set");
        Err(TantivyError::InvalidArgument(what))
    }
}
