//! Queries of one field.

use std::ops::Bound;

use tantivy::query::{
    AllQuery, ExistsQuery, PhraseQuery, Query as Compiled, RangeQuery, TermQuery,
};
use tantivy::schema::{IndexRecordOption, Term};
use tantivy::tokenizer::TokenStream;
use tantivy::{BitSet, DocId};

use super::docs::DocsQuery;
use super::target::{Number, Place, Target};
use super::{Result, Split, any, failed, joined, nothing, typed, unreadable};
use crate::node::search::answer::SearchError;
use crate::node::search::index::entry::LONG_KEY;
use crate::node::search::index::schema::{FIELDS, word_analyzer};
use crate::node::search::question::{Edge, Field, Query, Scalar, Words};

/// The words of a text and their positions.
pub(in crate::node::search) fn words_of(text: &str) -> Vec<(usize, String)> {
    let mut analyzer = word_analyzer();
    let mut stream = analyzer.token_stream(text);
    let mut words = Vec::new();
    stream.process(&mut |token| words.push((token.position, token.text.clone())));
    words
}

fn term(term: Term) -> Box<dyn Compiled> {
    Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs))
}

impl Split<'_> {
    pub(super) fn leaf(&mut self, query: &Query) -> Result<Box<dyn Compiled>> {
        match query {
            Query::Match { field, text, words } => self.matching(&Target::of(field), text, *words),
            Query::Phrase { field, text, slop } => self.phrase(&Target::of(field), text, *slop),
            Query::Terms { field, values } => self.terms(&Target::of(field), values),
            Query::Range {
                field,
                lower,
                upper,
            } => self.range(field, lower, upper),
            Query::Exists { field } => Ok(exists(&Target::of(field))),
            Query::Prefix { field, prefix } => self.prefix(&Target::of(field), prefix),
            Query::Wildcard { field, pattern } => self.wildcard(&Target::of(field), pattern),
            Query::Regexp { field, pattern } => self.regexp(&Target::of(field), pattern),
            Query::All
            | Query::Nothing
            | Query::Bool { .. }
            | Query::Best(_)
            | Query::Boosted { .. } => unreachable!("not of one field"),
        }
    }

    fn matching(&mut self, target: &Target, text: &str, words: Words) -> Result<Box<dyn Compiled>> {
        let Target::Words(place) = target else {
            return self.terms(target, &[Scalar::Text(text.to_owned())]);
        };
        let mut all: Vec<String> = words_of(text).into_iter().map(|(_, word)| word).collect();
        all.sort_unstable();
        all.dedup();
        self.count(all.len())?;
        let all = all.iter().map(|word| term(place.word(word))).collect();
        let mut found = vec![joined(all, words)];
        if place.is_document() {
            found.extend(typed::of_text(text).iter().map(|value| value.query(place)));
        }
        Ok(any(found))
    }

    fn phrase(&mut self, target: &Target, text: &str, slop: u32) -> Result<Box<dyn Compiled>> {
        let words = words_of(text);
        match (target, words.len()) {
            (Target::Words(place), 2..) => {
                self.count(words.len())?;
                let words = words.iter();
                let words = words.map(|(at, word)| (*at, place.word(word))).collect();
                let phrase = PhraseQuery::new_with_offset_and_slop(words, slop);
                let mut found: Vec<Box<dyn Compiled>> = vec![Box::new(phrase)];
                if place.is_document() {
                    // `-15.375` and a date have several words, and are none.
                    found.extend(typed::of_text(text).iter().map(|value| value.query(place)));
                }
                Ok(any(found))
            }
            _ => self.matching(target, text, Words::Every),
        }
    }

    fn terms(&mut self, target: &Target, values: &[Scalar]) -> Result<Box<dyn Compiled>> {
        self.count(values.len())?;
        let mut found = Vec::with_capacity(values.len());
        for value in values {
            found.push(self.exactly(target, value)?);
        }
        Ok(any(found))
    }

    fn exactly(&mut self, target: &Target, value: &Scalar) -> Result<Box<dyn Compiled>> {
        match target {
            Target::Words(place) if !place.is_document() => {
                Ok(term(place.word(&typed::text(value))))
            }
            Target::Exact(place) => Ok(term(place.word(&typed::text(value)))),
            Target::Words(place) => {
                let mut found = Vec::new();
                if let Scalar::Text(text) = value {
                    found.push(term(place.word(text)));
                }
                found.extend(typed::of(value).iter().map(|value| value.query(place)));
                Ok(any(found))
            }
            Target::Whole(place) => {
                let mut found = Vec::new();
                if let Scalar::Text(text) = value {
                    found.push(self.whole(place, text)?);
                }
                found.extend(typed::of(value).iter().map(|value| value.query(place)));
                Ok(any(found))
            }
            Target::Number(number) => {
                let value = typed::whole(value)?;
                self.number(*number, Bound::Included(value), Bound::Included(value))
            }
        }
    }

    /// Records whose text at a path is exactly this: one pass over a column of numbers.
    fn whole(&self, place: &Place, text: &str) -> Result<Box<dyn Compiled>> {
        let column = self.segment.fast_fields().str(&place.column());
        let Some(column) = column.map_err(|error| failed(&error))? else {
            return Ok(nothing());
        };
        let ord = column.dictionary().term_ord(text);
        let Some(ord) = ord.map_err(|error| unreadable(&error))? else {
            return Ok(nothing());
        };
        let mut docs = Vec::new();
        let all = 0..self.segment.max_doc();
        column
            .ords()
            .get_docids_for_value_range(ord..=ord, all, &mut docs);
        Ok(self.docs(docs))
    }

    pub(super) fn docs(&self, docs: impl IntoIterator<Item = DocId>) -> Box<dyn Compiled> {
        let mut set = BitSet::with_max_value(self.segment.max_doc());
        for doc in docs {
            set.insert(doc);
        }
        Box::new(DocsQuery::new(set))
    }

    fn range(&mut self, field: &Field, lower: &Edge, upper: &Edge) -> Result<Box<dyn Compiled>> {
        let target = Target::of(field);
        if matches!((lower, upper), (Edge::Open, Edge::Open)) {
            return Ok(exists(&target));
        }
        match &target {
            Target::Number(number) => {
                let (lower, upper) = (typed::edge(lower)?, typed::edge(upper)?);
                self.number(*number, lower, upper)
            }
            Target::Words(place) if !place.is_document() => Err(SearchError::Invalid(
                String::from("a range needs a field, not all text together"),
            )),
            Target::Exact(place) => {
                let word = |value: &Scalar| place.word(&typed::text(value));
                Ok(between(lower, upper, word))
            }
            Target::Words(place) | Target::Whole(place) => {
                let ranges = typed::ranges(place, lower, upper)?;
                let ranges = ranges.into_iter();
                Ok(any(ranges
                    .map(|(lower, upper)| column_range(lower, upper))
                    .collect()))
            }
        }
    }

    fn number(
        &self,
        number: Number,
        lower: Bound<i64>,
        upper: Bound<i64>,
    ) -> Result<Box<dyn Compiled>> {
        match number {
            Number::Partition => {
                let here = i64::from(self.shared.partition);
                let is_in = std::ops::RangeBounds::contains(&(lower, upper), &here);
                Ok(if is_in { Box::new(AllQuery) } else { nothing() })
            }
            Number::Offset => self.offsets(lower, upper),
            Number::Timestamp => Ok(typed::time_range(FIELDS.timestamp, lower, upper)),
            Number::Moment => Ok(typed::time_range(FIELDS.moment, lower, upper)),
        }
    }

    /// Offsets rise through a split.
    fn offsets(&self, lower: Bound<i64>, upper: Bound<i64>) -> Result<Box<dyn Compiled>> {
        let offsets = self.segment.fast_fields().i64("offset");
        let offsets = offsets.map_err(|error| failed(&error))?.values;
        let first_with = |is_past: &dyn Fn(i64) -> bool| {
            let (mut low, mut high) = (0, self.segment.max_doc());
            while low < high {
                let middle = low.midpoint(high);
                if is_past(offsets.get_val(middle)) {
                    high = middle;
                } else {
                    low = middle + 1;
                }
            }
            low
        };
        let from = match lower {
            Bound::Included(bound) => first_with(&|offset| offset >= bound),
            Bound::Excluded(bound) => first_with(&|offset| offset > bound),
            Bound::Unbounded => 0,
        };
        let to = match upper {
            Bound::Included(bound) => first_with(&|offset| offset > bound),
            Bound::Excluded(bound) => first_with(&|offset| offset >= bound),
            Bound::Unbounded => self.segment.max_doc(),
        };
        Ok(self.docs(from..to.max(from)))
    }
}

fn between(lower: &Edge, upper: &Edge, term: impl Fn(&Scalar) -> Term) -> Box<dyn Compiled> {
    let bound = |edge: &Edge| match edge {
        Edge::Open => Bound::Unbounded,
        Edge::Including(value) => Bound::Included(term(value)),
        Edge::Excluding(value) => Bound::Excluded(term(value)),
    };
    column_range(bound(lower), bound(upper))
}

/// A range over a column.
pub(super) fn column_range(lower: Bound<Term>, upper: Bound<Term>) -> Box<dyn Compiled> {
    Box::new(RangeQuery::new(lower, upper))
}

fn exists(target: &Target) -> Box<dyn Compiled> {
    match target {
        Target::Words(place) | Target::Whole(place) if place.is_document() => {
            let column = Box::new(ExistsQuery::new(place.column(), true)) as Box<dyn Compiled>;
            let long = place.long().unwrap_or_default();
            any(vec![
                column,
                term(Term::from_field_text(FIELDS.long, &long)),
            ])
        }
        Target::Exact(place) => {
            let column = Box::new(ExistsQuery::new(place.column(), true)) as Box<dyn Compiled>;
            let long = term(Term::from_field_text(FIELDS.long, LONG_KEY));
            let is_key = place.indexed() == FIELDS.key;
            any(std::iter::once(column)
                .chain(is_key.then_some(long))
                .collect())
        }
        Target::Number(Number::Timestamp) => {
            Box::new(ExistsQuery::new("timestamp".to_owned(), false))
        }
        Target::Number(Number::Moment) => Box::new(ExistsQuery::new("moment".to_owned(), false)),
        Target::Words(_) | Target::Whole(_) | Target::Number(_) => Box::new(AllQuery),
    }
}
