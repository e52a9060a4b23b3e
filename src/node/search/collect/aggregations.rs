//! Aggregations: tantivy reads Elasticsearch's requests and answers in its shape.
//!
//! What is ours is the names of the fields, and the limits.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use tantivy::aggregation::agg_req::Aggregations;
use tantivy::aggregation::agg_result::AggregationResults;
use tantivy::aggregation::intermediate_agg_result::{IntermediateAggregationResults, PruneMode};
use tantivy::aggregation::{
    AggContextParams, AggregationError, AggregationLimitsGuard, AggregationSegmentCollector,
};
use tantivy::collector::SegmentCollector;
use tantivy::columnar::ColumnType;
use tantivy::{SegmentReader, TantivyError};

use super::buckets::{MOST, ROOM, weight, widened};
use crate::node::search::answer::{Kind, Mapping, Packed, SearchError, note};
use crate::node::search::index::schema::tokenizers;
use crate::node::search::query::{self, Target};
use crate::node::search::question::Field;

/// Bytes of memory that the aggregations of one question may take in a split.
const MEMORY: u64 = 16 << 20;
/// Buckets of one answer, as Elasticsearch's `search.max_buckets`.
const BUCKETS: u32 = 65_535;
/// Aggregations within each other.
const DEEPEST: usize = 16;

/// Where lists of terms are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::node::search) enum Cut {
    /// Where the room ends.
    Room,
    /// At what a node tells, since others tell of the same terms.
    Told,
    /// At what is asked for: nobody else has a part.
    Asked,
}

/// A request as it is read: as it was asked, and with lists as long as there is room.
struct Request {
    asked: Aggregations,
    wide: Aggregations,
}

/// The aggregations of one question.
pub(super) struct Asked {
    request: Request,
    /// The fields that a request names.
    fields: BTreeSet<String>,
    context: AggContextParams,
}

impl Request {
    fn read(asked: &Value) -> Result<Self, SearchError> {
        let asked = renamed(asked, DEEPEST)?;
        Ok(Self {
            wide: parse(widened(&asked, ROOM))?,
            asked: parse(asked)?,
        })
    }

    /// Joins a part to those that were before.
    fn join(
        &self,
        all: &mut Option<IntermediateAggregationResults>,
        part: IntermediateAggregationResults,
    ) -> Result<(), SearchError> {
        if let Some(foreign) = part.keys().find(|name| !self.asked.contains_key(*name)) {
            let what = format!("a partition answers with the aggregation {foreign:?}");
            return Err(SearchError::Failed(what));
        }
        match all {
            None => *all = Some(part),
            Some(all) => all.merge_fruits(part).map_err(|error| failed(&error))?,
        }
        all.as_mut().map_or(Ok(()), |all| self.fit(all))
    }

    /// Cuts what has no room; what still has none is refused.
    fn fit(&self, all: &mut IntermediateAggregationResults) -> Result<(), SearchError> {
        if weight(all) <= ROOM {
            return Ok(());
        }
        self.cut(all, Cut::Room)?;
        let bytes = weight(all);
        if bytes > MOST {
            let what = format!(
                "the aggregations take {} MiB, more than {}: take a smaller [size], or fewer levels",
                bytes >> 20,
                MOST >> 20
            );
            return Err(SearchError::TooManyBuckets(what));
        }
        Ok(())
    }

    fn cut(&self, all: &mut IntermediateAggregationResults, at: Cut) -> Result<(), SearchError> {
        let cut = match at {
            Cut::Room => all.prune_intermediate_results(&self.wide, PruneMode::Intermediate),
            Cut::Told => all.prune_intermediate_results(&self.asked, PruneMode::Intermediate),
            Cut::Asked => all.prune_intermediate_results(&self.asked, PruneMode::Final),
        };
        cut.map_err(|error| failed(&error))
    }
}

impl Asked {
    /// Reads them.
    pub(super) fn new(asked: &Value) -> Result<Self, SearchError> {
        let request = Request::read(asked)?;
        let mut fields = BTreeSet::new();
        note_fields(asked, &mut fields);
        let limits = AggregationLimitsGuard::new(Some(MEMORY), Some(BUCKETS));
        Ok(Self {
            request,
            fields,
            context: AggContextParams::new(limits, tokenizers()),
        })
    }

    /// Joins what a split has to what others have.
    pub(super) fn join(
        &self,
        all: &mut Option<IntermediateAggregationResults>,
        split: AggregationSegmentCollector,
    ) -> Result<(), SearchError> {
        let part = split.harvest().map_err(|error| failed(&error))?;
        self.request.join(all, part)
    }

    /// What collects them from a segment.
    pub(super) fn collector(
        &self,
        segment: &SegmentReader,
    ) -> Result<AggregationSegmentCollector, SearchError> {
        AggregationSegmentCollector::from_agg_req_and_reader(
            &self.request.wide,
            segment,
            0,
            &self.context,
        )
        .map_err(|error| failed(&error))
    }

    /// Notes which fields of a segment have numbers and which have moments.
    pub(super) fn note_kinds(
        &self,
        segment: &SegmentReader,
        kinds: &mut Mapping,
    ) -> Result<(), SearchError> {
        for field in &self.fields {
            let handles = segment.fast_fields().dynamic_column_handles(&column(field));
            for handle in handles.map_err(|error| failed(&error))? {
                let kind = match handle.column_type() {
                    ColumnType::DateTime => Kind::Date,
                    ColumnType::I64 | ColumnType::U64 | ColumnType::F64 => Kind::Double,
                    _ => continue,
                };
                note(kinds, field, kind);
            }
        }
        Ok(())
    }
}

/// The fields of a request that are known to be sound.
fn note_fields(asked: &Value, fields: &mut BTreeSet<String>) {
    let parts = asked.as_object().into_iter().flatten();
    for (name, part) in parts {
        match part {
            Value::String(field) if name == "field" => drop(fields.insert(field.clone())),
            part => note_fields(part, fields),
        }
    }
}

/// Parts of the aggregations that were `asked` for as one part; `None` of none.
pub(in crate::node::search) fn joined(
    parts: Vec<Packed>,
    asked: &Value,
    cut: Cut,
) -> Result<Option<Packed>, SearchError> {
    let all = opened(parts, &Request::read(asked)?, cut)?;
    all.as_ref().map(Packed::of).transpose()
}

/// One part after the other, so that two are in memory as buckets, not all.
fn opened(
    parts: Vec<Packed>,
    request: &Request,
    cut: Cut,
) -> Result<Option<IntermediateAggregationResults>, SearchError> {
    let mut all = None;
    for part in parts {
        request.join(&mut all, part.open()?)?;
    }
    if let Some(all) = &mut all {
        request.cut(all, cut)?;
    }
    Ok(all)
}

/// The aggregations of all partitions together, for what was `asked`.
pub(in crate::node::search) fn conclude(
    parts: Vec<Packed>,
    asked: &Value,
) -> Result<AggregationResults, SearchError> {
    let request = Request::read(asked)?;
    // What is cut now need not become buckets of an answer first.
    let all = opened(parts, &request, Cut::Asked)?.unwrap_or_default();
    let limits = AggregationLimitsGuard::new(Some(MEMORY), Some(BUCKETS));
    all.into_final_result(request.asked, limits)
        .map_err(|error| failed(&error))
}

/// What tantivy says is wrong with aggregations.
pub(super) fn failed(error: &TantivyError) -> SearchError {
    use AggregationError::{BucketLimitExceeded, MemoryExceeded};
    match error {
        TantivyError::AggregationError(BucketLimitExceeded { limit, current }) => {
            SearchError::TooManyBuckets(format!(
                "Trying to create too many buckets. Must be less than or equal to: [{limit}] but \
                 was [{current}]"
            ))
        }
        TantivyError::AggregationError(limit @ MemoryExceeded { .. }) => {
            SearchError::TooManyBuckets(limit.to_string())
        }
        TantivyError::AggregationError(other) => SearchError::Invalid(other.to_string()),
        TantivyError::InvalidArgument(what) | TantivyError::SchemaError(what) => {
            SearchError::Invalid(what.clone())
        }
        other => query::failed(other),
    }
}

fn parse(asked: Value) -> Result<Aggregations, SearchError> {
    serde_json::from_value(asked)
        .map_err(|error| SearchError::Invalid(format!("the aggregations: {error}")))
}

/// The same with the names of columns in the place of the fields'.
fn renamed(asked: &Value, deeper: usize) -> Result<Value, SearchError> {
    let Some(deeper) = deeper.checked_sub(1) else {
        let what = format!("the aggregations are nested deeper than {DEEPEST} levels");
        return Err(SearchError::TooMuch(what));
    };
    let Value::Object(named) = asked else {
        let what = "aggregations are an object of named ones";
        return Err(SearchError::Invalid(what.to_owned()));
    };
    let mut all = Map::new();
    for (name, one) in named {
        all.insert(name.clone(), one_renamed(one, deeper)?);
    }
    Ok(Value::Object(all))
}

fn one_renamed(one: &Value, deeper: usize) -> Result<Value, SearchError> {
    let Value::Object(parts) = one else {
        return Ok(one.clone());
    };
    let mut all = Map::new();
    for (name, part) in parts {
        match name.as_str() {
            "aggs" | "aggregations" => {
                all.insert("aggs".to_owned(), renamed(part, deeper)?);
            }
            _ => {
                all.insert(name.clone(), with_column(part));
            }
        }
    }
    Ok(Value::Object(all))
}

fn with_column(kind: &Value) -> Value {
    let mut kind = kind.clone();
    if let Some(Value::String(field)) = kind.get_mut("field") {
        *field = column(field);
    }
    kind
}

/// The column of a field as a request names it.
fn column(name: &str) -> String {
    let field = match name {
        "_key" => Field::Key,
        "_partition" => Field::Partition,
        "_offset" => Field::Offset,
        "_timestamp" => Field::Timestamp,
        "@timestamp" => Field::Moment,
        _ => match name.strip_prefix("_headers.") {
            Some(header) => Field::Header(header.to_owned()),
            None => Field::Whole(name.strip_suffix(".keyword").unwrap_or(name).to_owned()),
        },
    };
    Target::of(&field)
        .column()
        .unwrap_or_else(|| name.to_owned())
}
