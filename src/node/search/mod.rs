//! Search: finds committed records by their words.
//!
//! Off the write path and derived from the log: whatever is here can be thrown away and is built
//! again. Only the leader of a partition indexes it and answers for it, so a record is found once.
//!
//! ```text
//!  HTTP ─▶ face: Elasticsearch's words ─▶ Question ─┬▶ Search::find  (partitions led here)
//!                                                   └▶ peer link ─▶ Search::find (led elsewhere)
//!  the best of all ─▶ Wanted ─▶ Search::fetch (the records themselves, from the log)
//! ```
//!
//! [`question`] and [`answer`] are what crosses; they know no wire's shape.

mod answer;
mod face;
mod fan_out;
mod question;

use std::time::Instant;

use serde_json::Value;
use tantivy::aggregation::intermediate_agg_result::IntermediateAggregationResults;

pub(in crate::node) use self::answer::{
    Document, Found, Hit, IndexStats, Kind, Mapping, SearchError,
};
pub(in crate::node) use self::face::{Face, serve};
pub(in crate::node) use self::fan_out::FanOut;
pub(in crate::node) use self::question::{
    Edge, Field, Highlight, Order, Query, Question, Scalar, SortBy, SortKey, Wanted, Words,
};
use super::cluster::Cluster;
use crate::spec::GroupId;

/// A node's search; clones share it.
#[derive(Clone)]
pub(in crate::node) struct Search {
    cluster: Cluster,
}

impl Search {
    /// Starts the node's indexing. Its tasks are the cluster's, its work has a thread of its own.
    pub(in crate::node) fn start(cluster: &Cluster) -> Self {
        Self {
            cluster: cluster.clone(),
        }
    }

    /// What a partition that this node leads has for a question, until `until` at most. What is
    /// committed now and not indexed is indexed first, as far as there is time.
    pub(in crate::node) async fn find(
        &self,
        group: GroupId,
        question: Question,
        until: Instant,
    ) -> Result<Found, SearchError> {
        drop((group, question, until, &self.cluster));
        Err(SearchError::NotLeader)
    }

    /// The records at these offsets, in the order of `wanted`; without those that are not there
    /// (any more). At most 16 MiB of them: a caller that lacks some at the end asks again.
    pub(in crate::node) async fn fetch(
        &self,
        group: GroupId,
        wanted: Wanted,
    ) -> Result<Vec<Document>, SearchError> {
        drop((group, wanted, &self.cluster));
        Err(SearchError::NotLeader)
    }

    /// The kinds of value that were seen in a partition; empty where it is not led here.
    pub(in crate::node) fn mapping(&self, group: GroupId) -> Mapping {
        drop((group, &self.cluster));
        Mapping::new()
    }

    /// How far a partition's index is; `None` where it is not led here, or not searchable.
    pub(in crate::node) fn stats(&self, group: GroupId) -> Option<IndexStats> {
        drop((group, &self.cluster));
        None
    }
}

/// The aggregations of all partitions together, in Elasticsearch's shape, for what was `asked`.
pub(in crate::node) fn conclude(
    parts: Vec<IntermediateAggregationResults>,
    asked: &Value,
) -> Result<Value, SearchError> {
    drop((parts, asked));
    Err(SearchError::Failed(String::from("no aggregations yet")))
}
