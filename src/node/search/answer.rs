//! What a partition answers, in no wire's shape.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tantivy::aggregation::intermediate_agg_result::IntermediateAggregationResults;

use super::question::Scalar;

/// One partition's answer to a question.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::node) struct Found {
    /// Hits counted, at most the question's `count_to`.
    pub(in crate::node) total: u64,
    /// The best hits in the question's order, at most its `top`.
    pub(in crate::node) hits: Vec<Hit>,
    /// The partition's part of the aggregations. What crosses the link has those of all of a
    /// node's partitions in one of them.
    pub(in crate::node) aggregations: Option<Packed>,
    /// The kinds of value in the aggregations' fields: numbers, moments, or (as text) both.
    pub(in crate::node) kinds: Mapping,
    /// Records below are searched.
    pub(in crate::node) indexed_to: i64,
    /// Records below are committed: what is between is not found yet.
    pub(in crate::node) high_watermark: i64,
}

/// A part of the aggregations between two pieces of work: as buckets it would take ten times
/// the memory, or more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::node) struct Packed(Vec<u8>);

impl Packed {
    /// Packs.
    pub(super) fn of(part: &IntermediateAggregationResults) -> Result<Self, SearchError> {
        let packed = rmp_serde::to_vec(part).map(Self);
        packed.map_err(|error| SearchError::Failed(error.to_string()))
    }

    /// The reverse of [`Self::of`].
    pub(super) fn open(self) -> Result<IntermediateAggregationResults, SearchError> {
        rmp_serde::from_slice(&self.0).map_err(|error| SearchError::Failed(error.to_string()))
    }
}

impl Serialize for Packed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Packed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self)
    }
}

/// One record that was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::node) struct Hit {
    /// Its offset.
    pub(in crate::node) offset: i64,
    /// Its score; `None` when the order is not by score.
    pub(in crate::node) score: Option<f32>,
    /// Its value for each key of the order; `None` where it has none.
    pub(in crate::node) sort: Vec<Option<Scalar>>,
}

/// One record as a document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::node) struct Document {
    /// Its offset.
    pub(in crate::node) offset: i64,
    /// Its time in ms since the epoch; -1 when it has none.
    pub(in crate::node) timestamp: i64,
    /// Its key as text (lossy), if it has one.
    pub(in crate::node) key: Option<String>,
    /// Its headers as text (lossy), in order.
    pub(in crate::node) headers: Vec<(String, Option<String>)>,
    /// Its value as JSON text: the object as it was produced, or `{"message": TEXT}`; `None` where
    /// it is not wanted.
    pub(in crate::node) source: Option<String>,
    /// Marked fragments by field name.
    pub(in crate::node) highlight: BTreeMap<String, Vec<String>>,
}

/// The kinds of value that were seen under a field name (a JSON path, without `_` fields).
pub(in crate::node) type Mapping = BTreeMap<String, Kind>;

/// A kind of value, as `_mapping` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(in crate::node) enum Kind {
    /// Words.
    Text,
    /// Whole numbers.
    Long,
    /// Numbers with fractions.
    Double,
    /// Truth values.
    Boolean,
    /// Moments.
    Date,
}

impl Kind {
    /// The kind of a path that has values of both.
    fn with(self, other: Self) -> Self {
        match (self, other) {
            (same, other) if same == other => same,
            (Self::Long | Self::Double, Self::Long | Self::Double) => Self::Double,
            _ => Self::Text,
        }
    }
}

/// Notes that a path has values of this kind, beside those that are known.
pub(super) fn note(mapping: &mut Mapping, path: &str, kind: Kind) {
    match mapping.get_mut(path) {
        Some(known) => *known = known.with(kind),
        None => drop(mapping.insert(path.to_owned(), kind)),
    }
}

/// How far a partition's index is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::node) struct IndexStats {
    /// Records that can be found.
    pub(in crate::node) records: u64,
    /// Records below are searched.
    pub(in crate::node) indexed_to: i64,
    /// Committed records that are not searched yet.
    pub(in crate::node) lag: u64,
    /// Splits on disk.
    pub(in crate::node) splits: u64,
    /// Their bytes.
    pub(in crate::node) bytes: u64,
}

/// Why a partition does not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub(in crate::node) enum SearchError {
    /// The topic is not searchable.
    #[error("the topic is not searchable (searchable.enabled=true makes it so)")]
    NotSearchable,
    /// This node does not lead the partition: ask who does.
    #[error("this node does not lead the partition")]
    NotLeader,
    /// The query is wrong; in words.
    #[error("{0}")]
    Invalid(String),
    /// The query would take too much; in words, with the limit.
    #[error("{0}")]
    TooMuch(String),
    /// The aggregations have more buckets than one answer may; in words, with the limit.
    #[error("{0}")]
    TooManyBuckets(String),
    /// The deadline passed.
    #[error("the search took longer than its deadline")]
    TimedOut,
    /// What is on disk of the index cannot be read; in words.
    #[error("the index cannot be read: {0}")]
    Unreadable(String),
    /// The log cannot be read, or a search ends otherwise; in words.
    #[error("{0}")]
    Failed(String),
}
