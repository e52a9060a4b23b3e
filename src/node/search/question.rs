//! What is asked of a partition's records, in no wire's shape.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A question, the same for each partition of each topic that it is asked of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::node) struct Question {
    /// Which records.
    pub(in crate::node) query: Query,
    /// How many of the best hits are wanted: the page's `from + size`.
    pub(in crate::node) top: usize,
    /// The order; by falling score when empty. Ties break by partition, then by offset.
    pub(in crate::node) sort: Vec<SortBy>,
    /// Hits are counted exactly up to here; `u64::MAX` for all of them, 0 for none.
    pub(in crate::node) count_to: u64,
    /// Aggregations in Elasticsearch's shape (tantivy reads the same), checked against the limits.
    pub(in crate::node) aggregations: Option<Value>,
}

/// What an answer takes of the memory, about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::node) enum Heft {
    /// A few hits.
    Light,
    /// Aggregations, or a large page.
    Heavy,
}

/// Hits up to which a page is a light one.
const FEW: usize = 100;

impl Question {
    /// What its answer takes.
    pub(in crate::node) fn heft(&self) -> Heft {
        if self.aggregations.is_some() || self.top > FEW {
            Heft::Heavy
        } else {
            Heft::Light
        }
    }
}

/// Which records are meant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::node) enum Query {
    /// Every record.
    All,
    /// No record.
    Nothing,
    /// Records with words of `text`, analysed as the field is.
    Match {
        /// Where.
        field: Field,
        /// Words.
        text: String,
        /// Whether one word or every word must be there.
        words: Words,
    },
    /// Records with the words of `text` beside each other, at most `slop` moves apart.
    Phrase {
        /// Where.
        field: Field,
        /// Words in order.
        text: String,
        /// Moves allowed.
        slop: u32,
    },
    /// Records with exactly one of these values (a word as it was indexed, a number, a boolean).
    Terms {
        /// Where.
        field: Field,
        /// Values.
        values: Vec<Scalar>,
    },
    /// Records with a value between two bounds.
    Range {
        /// Where.
        field: Field,
        /// From below.
        lower: Edge,
        /// From above.
        upper: Edge,
    },
    /// Records with a word that begins so.
    Prefix {
        /// Where.
        field: Field,
        /// The beginning, as it is indexed (lower case).
        prefix: String,
    },
    /// Records with a word that fits a pattern of `*` (any run) and `?` (any one).
    Wildcard {
        /// Where.
        field: Field,
        /// The pattern.
        pattern: String,
    },
    /// Records with a word that a regular expression matches as a whole.
    Regexp {
        /// Where.
        field: Field,
        /// The expression, in the syntax of the `regex` crate without look-around.
        pattern: String,
    },
    /// Records that have any value there.
    Exists {
        /// Where.
        field: Field,
    },
    /// A combination.
    Bool {
        /// All of these, scored.
        must: Vec<Query>,
        /// All of these, not scored.
        filter: Vec<Query>,
        /// Any of these, scored.
        should: Vec<Query>,
        /// None of these.
        must_not: Vec<Query>,
        /// How many of `should` at least.
        at_least: usize,
    },
    /// The best of several, as `multi_match` scores.
    Best(Vec<Query>),
    /// The query with its score multiplied.
    Boosted {
        /// The query.
        query: Box<Query>,
        /// The factor.
        by: f32,
    },
}

/// How many of the words must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::node) enum Words {
    /// One of them.
    Any,
    /// Each of them.
    Every,
}

/// A part of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::node) enum Field {
    /// All text of the value, the key and the headers (`*`, `_all`, or no field named).
    Everything,
    /// The key as text (`_key`).
    Key,
    /// A header by its name (`_headers.NAME`).
    Header(String),
    /// The partition (`_partition`).
    Partition,
    /// The offset (`_offset`).
    Offset,
    /// The record's time (`_timestamp`), ms since the epoch.
    Timestamp,
    /// The document's own `@timestamp` where it has one that is a moment, else the record's time.
    Moment,
    /// A path in a JSON document (`user.name`). Plain text is a document `{"message": TEXT}`.
    Path(String),
    /// The whole value at a path as it was written, not its words (`user.name.keyword`).
    Whole(String),
}

/// A value that is compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::node) enum Scalar {
    /// Text.
    Text(String),
    /// A whole number.
    Whole(i64),
    /// A number with a fraction.
    Fraction(f64),
    /// A truth value.
    Truth(bool),
    /// A moment in ms since the epoch (for [`Field::Timestamp`], [`Field::Moment`] and dates in documents).
    Moment(i64),
}

/// One end of a range.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::node) enum Edge {
    /// None.
    Open,
    /// This value is in.
    Including(Scalar),
    /// This value is out.
    Excluding(Scalar),
}

/// One key of the order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::node) struct SortBy {
    /// By what.
    pub(in crate::node) key: SortKey,
    /// Which way.
    pub(in crate::node) order: Order,
}

/// What is sorted by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::node) enum SortKey {
    /// The score.
    Score,
    /// The place in the log: partition, then offset (`_doc`).
    Place,
    /// A field's value; records without it come last.
    Field(Field),
}

/// The way of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::node) enum Order {
    /// Small first.
    Rising,
    /// Large first.
    Falling,
}

/// Records that are wanted as documents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::node) struct Wanted {
    /// Offsets in the partition.
    pub(in crate::node) offsets: Vec<i64>,
    /// What to mark in them.
    pub(in crate::node) highlight: Option<Highlight>,
    /// What of their values is answered.
    pub(in crate::node) source: Source,
}

/// What of a record's value is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::node) enum Source {
    /// All of it.
    Whole,
    /// None of it.
    Nothing,
}

/// Words of a query, marked in the documents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::node) struct Highlight {
    /// The query whose words are marked.
    pub(in crate::node) query: Query,
    /// The fields to look at; [`Field::Everything`] for each text field that has a match.
    pub(in crate::node) fields: Vec<Field>,
    /// Set before a match.
    pub(in crate::node) before: String,
    /// Set after a match.
    pub(in crate::node) after: String,
    /// Characters of a fragment at most; 0 for the whole text.
    pub(in crate::node) fragment: usize,
    /// Fragments of a field at most.
    pub(in crate::node) fragments: usize,
}
