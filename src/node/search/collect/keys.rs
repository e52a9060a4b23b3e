//! What hits are ordered by.
//!
//! Within a split each key is a number: columns of text have the numbers of their values in order.
//! Between splits values are compared.

use std::cmp::Ordering;

use tantivy::columnar::{Column, ColumnType, DynamicColumn, MonotonicallyMappableToU64, StrColumn};
use tantivy::query::Scorer;
use tantivy::{DateTime, DocId, Score, SegmentReader};

use crate::node::search::answer::{Hit, SearchError};
use crate::node::search::query::{Target, failed, unreadable};
use crate::node::search::question::{Order, Scalar, SortBy, SortKey};

/// A key's value in a split: the class of the value, and its number there.
pub(super) type Key = Option<(Class, u64)>;

/// Classes of values in their order, where a field has several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    Number,
    Truth,
    Moment,
    Text,
}

/// The keys of one split.
pub(super) struct Keys {
    keys: Vec<(Source, Order)>,
    offsets: Column<i64>,
}

enum Source {
    Score,
    Place,
    Columns(Vec<Values>),
}

/// One column.
struct Values {
    class: Class,
    kind: ColumnType,
    numbers: Column<u64>,
    texts: Option<StrColumn>,
}

impl Keys {
    /// The keys of an order; by falling score when it is empty.
    pub(super) fn of(sort: &[SortBy], segment: &SegmentReader) -> Result<Self, SearchError> {
        let offsets = segment.fast_fields().i64("offset");
        let mut keys = Vec::with_capacity(sort.len().max(1));
        for by in sort {
            keys.push((Source::of(&by.key, segment)?, by.order));
        }
        if keys.is_empty() {
            keys.push((Source::Score, Order::Falling));
        }
        Ok(Self {
            keys,
            offsets: offsets.map_err(|error| failed(&error))?,
        })
    }

    /// Whether scores matter.
    pub(super) fn need_scores(&self) -> bool {
        self.keys
            .iter()
            .any(|(source, _)| matches!(source, Source::Score))
    }

    /// A score as a key.
    pub(super) fn score(score: Score) -> (Class, u64) {
        (Class::Number, f64::from(score).to_u64())
    }

    /// The reverse of [`Self::score`].
    pub(super) fn scored((_, number): (Class, u64)) -> Score {
        f64::from_u64(number) as Score
    }

    /// Reads the keys of the scorer's document.
    pub(super) fn read(&self, doc: DocId, scorer: &mut dyn Scorer, into: &mut Vec<Key>) {
        into.clear();
        for (source, order) in &self.keys {
            into.push(match source {
                Source::Score => Some(Self::score(scorer.score())),
                Source::Place => Some((Class::Number, u64::from(doc))),
                Source::Columns(columns) => columns
                    .iter()
                    .filter_map(|column| column.key(doc, *order))
                    .reduce(|a, b| {
                        if in_order(&a, &b, *order).is_le() {
                            a
                        } else {
                            b
                        }
                    }),
            });
        }
    }

    /// Which comes first; what has no value comes last.
    pub(super) fn compare(&self, a: &[Key], b: &[Key]) -> Ordering {
        let pairs = a.iter().zip(b).zip(&self.keys);
        let mut orders =
            pairs.map(|((a, b), (_, order))| missing_last(a.as_ref(), b.as_ref(), *order));
        orders
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }

    /// A document with its keys as a hit.
    pub(super) fn hit(
        &self,
        doc: DocId,
        keys: &[Key],
        sort: &[SortBy],
    ) -> Result<Hit, SearchError> {
        let offset = self.offsets.first(doc).unwrap_or(-1);
        let (mut score, mut values) = (None, Vec::with_capacity(sort.len()));
        for (key, (source, _)) in keys.iter().zip(&self.keys) {
            let value = match (source, key) {
                (Source::Score, Some((_, number))) => {
                    let found = f64::from_u64(*number);
                    score = Some(found as f32);
                    Some(Scalar::Fraction(found))
                }
                (Source::Place, _) => Some(Scalar::Whole(offset)),
                (Source::Columns(columns), Some(key)) => value(columns, key)?,
                (_, None) => None,
            };
            values.push(value);
        }
        values.truncate(sort.len());
        Ok(Hit {
            offset,
            score,
            sort: values,
        })
    }
}

/// Which of two hits of a partition comes first.
pub(super) fn compare(sort: &[SortBy], a: &Hit, b: &Hit) -> Ordering {
    let by_offset = a.offset.cmp(&b.offset);
    if sort.is_empty() {
        let score = |hit: &Hit| hit.score.unwrap_or(f32::MIN);
        return score(b).total_cmp(&score(a)).then(by_offset);
    }
    let pairs = a.sort.iter().zip(&b.sort).zip(sort);
    let mut orders = pairs.map(|((a, b), by)| {
        let a = a.as_ref().map(Comparable);
        let b = b.as_ref().map(Comparable);
        missing_last(a.as_ref(), b.as_ref(), by.order)
    });
    let order = orders.find(|order| order.is_ne());
    order.unwrap_or(by_offset)
}

fn missing_last<T: Ord>(a: Option<&T>, b: Option<&T>, order: Order) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => in_order(a, b, order),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}

fn in_order<T: Ord>(a: &T, b: &T, order: Order) -> Ordering {
    match order {
        Order::Rising => a.cmp(b),
        Order::Falling => b.cmp(a),
    }
}

impl Source {
    fn of(key: &SortKey, segment: &SegmentReader) -> Result<Self, SearchError> {
        let field = match key {
            SortKey::Score => return Ok(Self::Score),
            SortKey::Place => return Ok(Self::Place),
            SortKey::Field(field) => field,
        };
        let Some(name) = Target::of(field).column() else {
            let what = "all text together has no order: sort by a field";
            return Err(SearchError::Invalid(what.to_owned()));
        };
        let handles = segment.fast_fields().dynamic_column_handles(&name);
        let mut columns = Vec::new();
        for handle in handles.map_err(|error| failed(&error))? {
            let column = handle.open();
            let column = column.map_err(|error| unreadable(&error))?;
            columns.extend(Values::of(column));
        }
        Ok(Self::Columns(columns))
    }
}

impl Values {
    fn of(column: DynamicColumn) -> Option<Self> {
        let kind = column.column_type();
        let (class, numbers, texts) = match column {
            DynamicColumn::Bool(column) => (Class::Truth, column.to_u64_monotonic(), None),
            DynamicColumn::I64(column) => (Class::Number, column.to_u64_monotonic(), None),
            DynamicColumn::U64(column) => (Class::Number, column.to_u64_monotonic(), None),
            DynamicColumn::F64(column) => (Class::Number, column.to_u64_monotonic(), None),
            DynamicColumn::DateTime(column) => (Class::Moment, column.to_u64_monotonic(), None),
            DynamicColumn::Str(column) => (Class::Text, column.ords().clone(), Some(column)),
            DynamicColumn::IpAddr(_) | DynamicColumn::Bytes(_) => return None,
        };
        Some(Self {
            class,
            kind,
            numbers,
            texts,
        })
    }

    /// The value of a document that comes first; of several the least or the greatest.
    fn key(&self, doc: DocId, order: Order) -> Option<(Class, u64)> {
        let values = self.numbers.values_for_doc(doc);
        let value = match order {
            Order::Rising => values.min(),
            Order::Falling => values.max(),
        };
        value.map(|value| (self.class, value))
    }

    fn value(&self, number: u64) -> Result<Option<Scalar>, SearchError> {
        if let Some(texts) = &self.texts {
            let mut text = String::new();
            let found = texts.ord_to_str(number, &mut text);
            let found = found.map_err(|error| unreadable(&error))?;
            return Ok(found.then_some(Scalar::Text(text)));
        }
        Ok(Some(match self.kind {
            ColumnType::Bool => Scalar::Truth(number != 0),
            ColumnType::I64 => Scalar::Whole(i64::from_u64(number)),
            ColumnType::U64 => Scalar::Whole(i64::try_from(number).unwrap_or(i64::MAX)),
            ColumnType::F64 => Scalar::Fraction(f64::from_u64(number)),
            ColumnType::DateTime => {
                Scalar::Moment(DateTime::from_u64(number).into_timestamp_millis())
            }
            ColumnType::Str | ColumnType::IpAddr | ColumnType::Bytes => return Ok(None),
        }))
    }
}

fn value(
    columns: &[Values],
    (class, number): &(Class, u64),
) -> Result<Option<Scalar>, SearchError> {
    match columns.iter().find(|column| column.class == *class) {
        Some(column) => column.value(*number),
        None => Ok(None),
    }
}

/// A value that is ordered as its class is, then by itself.
struct Comparable<'a>(&'a Scalar);

impl Comparable<'_> {
    fn class(&self) -> Class {
        match self.0 {
            Scalar::Whole(_) | Scalar::Fraction(_) => Class::Number,
            Scalar::Truth(_) => Class::Truth,
            Scalar::Moment(_) => Class::Moment,
            Scalar::Text(_) => Class::Text,
        }
    }
}

impl Ord for Comparable<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.0, other.0) {
            (Scalar::Whole(a), Scalar::Whole(b)) | (Scalar::Moment(a), Scalar::Moment(b)) => {
                a.cmp(b)
            }
            (Scalar::Fraction(a), Scalar::Fraction(b)) => a.total_cmp(b),
            (Scalar::Whole(a), Scalar::Fraction(b)) => (*a as f64).total_cmp(b),
            (Scalar::Fraction(a), Scalar::Whole(b)) => a.total_cmp(&(*b as f64)),
            (Scalar::Truth(a), Scalar::Truth(b)) => a.cmp(b),
            (Scalar::Text(a), Scalar::Text(b)) => a.cmp(b),
            _ => self.class().cmp(&other.class()),
        }
    }
}

impl PartialOrd for Comparable<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Comparable<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Comparable<'_> {}
