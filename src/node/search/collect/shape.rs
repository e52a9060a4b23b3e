//! What of a query's answer is known without a look at each hit.

use tantivy::SegmentReader;
use tantivy::query::{AllQuery, ConstScoreQuery, Query as Compiled, RangeQuery, TermQuery, Weight};

use crate::node::search::index::schema::FIELDS;
use crate::node::search::query::DocsQuery;

/// What kind of query it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// One word of all text: the dictionary knows how many hits it has, and its postings know the
    /// best score of each block of them, so that whole blocks are skipped.
    Word,
    /// One value of a path: its hits are counted by the dictionary. Its postings know no scores,
    /// since tantivy has no lengths of the texts in a JSON field.
    Value,
    /// Each document.
    All,
    /// Documents that are known, and score alike: the first are the best.
    Set,
    /// Hits that score alike.
    Level,
    /// Anything else: each hit is looked at.
    Other,
}

impl Shape {
    /// The shape of a query.
    pub(super) fn of(query: &dyn Compiled) -> Self {
        if let Some(query) = query.downcast_ref::<TermQuery>() {
            match query.term().field() {
                field if field == FIELDS.all => Self::Word,
                field if field == FIELDS.doc => Self::Value,
                // Neither lengths nor frequencies: such hits score alike.
                _ => Self::Set,
            }
        } else if query.is::<AllQuery>() {
            Self::All
        } else if query.is::<DocsQuery>() {
            Self::Set
        } else if query.is::<ConstScoreQuery>() || query.is::<RangeQuery>() {
            Self::Level
        } else {
            Self::Other
        }
    }

    /// How many hits it has, when that is known without a walk.
    pub(super) fn count(
        self,
        weight: &dyn Weight,
        segment: &SegmentReader,
    ) -> tantivy::Result<Option<u32>> {
        match self {
            Self::All => Ok(Some(segment.num_docs())),
            Self::Word | Self::Value | Self::Set => weight.count(segment).map(Some),
            Self::Level | Self::Other => Ok(None),
        }
    }

    /// Whether its hits are told apart by a score that is had at once.
    pub(super) fn is_scored_alone(self) -> bool {
        matches!(self, Self::Word | Self::Value)
    }

    /// Whether no hit is better than the first.
    pub(super) fn is_level(self) -> bool {
        matches!(self, Self::All | Self::Set | Self::Level)
    }
}
