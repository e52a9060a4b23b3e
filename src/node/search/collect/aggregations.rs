//! Aggregations: tantivy reads Elasticsearch's requests and answers in its shape.
//!
//! What is ours is the names of the fields, and the limits.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use tantivy::aggregation::agg_req::Aggregations;
use tantivy::aggregation::intermediate_agg_result::IntermediateAggregationResults;
use tantivy::aggregation::{
    AggContextParams, AggregationError, AggregationLimitsGuard, AggregationSegmentCollector,
};
use tantivy::columnar::ColumnType;
use tantivy::{SegmentReader, TantivyError};

use crate::node::search::answer::{Kind, Mapping, SearchError, note};
use crate::node::search::index::schema::tokenizers;
use crate::node::search::query::{self, Target};
use crate::node::search::question::Field;

/// Bytes of memory that the aggregations of one question may take in a partition.
const MEMORY: u64 = 32 << 20;
/// Buckets of one answer, as Elasticsearch's `search.max_buckets`.
const BUCKETS: u32 = 65_535;
/// Aggregations within each other.
const DEEPEST: usize = 16;

/// The aggregations of one question.
pub(super) struct Asked {
    request: Aggregations,
    /// The fields that a request names.
    fields: BTreeSet<String>,
    context: AggContextParams,
}

impl Asked {
    /// Reads them.
    pub(super) fn new(asked: &Value) -> Result<Self, SearchError> {
        let request = parse(asked)?;
        let mut fields = BTreeSet::new();
        note_fields(asked, &mut fields);
        let limits = AggregationLimitsGuard::new(Some(MEMORY), Some(BUCKETS));
        Ok(Self {
            request,
            fields,
            context: AggContextParams::new(limits, tokenizers()),
        })
    }

    /// What collects them from a segment.
    pub(super) fn collector(
        &self,
        segment: &SegmentReader,
    ) -> Result<AggregationSegmentCollector, SearchError> {
        AggregationSegmentCollector::from_agg_req_and_reader(
            &self.request,
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

/// The aggregations of all partitions together, in Elasticsearch's shape, for what was `asked`.
pub(in crate::node::search) fn conclude(
    parts: Vec<IntermediateAggregationResults>,
    asked: &Value,
) -> Result<Value, SearchError> {
    let request = parse(asked)?;
    let mut all = IntermediateAggregationResults::default();
    for part in parts {
        if let Some(foreign) = part.keys().find(|name| !request.contains_key(*name)) {
            let what = format!("a partition answers with the aggregation {foreign:?}");
            return Err(SearchError::Failed(what));
        }
        all.merge_fruits(part).map_err(|error| failed(&error))?;
    }
    let limits = AggregationLimitsGuard::new(Some(MEMORY), Some(BUCKETS));
    let all = all.into_final_result(request, limits);
    let all = all.map_err(|error| failed(&error))?;
    serde_json::to_value(all).map_err(|error| SearchError::Failed(error.to_string()))
}

/// What tantivy says is wrong with aggregations.
pub(super) fn failed(error: &TantivyError) -> SearchError {
    use AggregationError::{BucketLimitExceeded, MemoryExceeded};
    match error {
        TantivyError::AggregationError(
            limit @ (BucketLimitExceeded { .. } | MemoryExceeded { .. }),
        ) => SearchError::TooMuch(limit.to_string()),
        TantivyError::AggregationError(other) => SearchError::Invalid(other.to_string()),
        TantivyError::InvalidArgument(what) | TantivyError::SchemaError(what) => {
            SearchError::Invalid(what.clone())
        }
        other => query::failed(other),
    }
}

fn parse(asked: &Value) -> Result<Aggregations, SearchError> {
    let asked = renamed(asked, DEEPEST)?;
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
