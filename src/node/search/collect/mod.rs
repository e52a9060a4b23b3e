//! Running a question over the splits of a partition.

mod aggregations;
mod best;
mod keys;

use std::sync::Arc;

use tantivy::aggregation::AggregationSegmentCollector;
use tantivy::collector::SegmentCollector;
use tantivy::query::{EnableScoring, Query as Compiled, Scorer, Weight};
use tantivy::{DocId, DocSet, Searcher, SegmentReader, TERMINATED};

use self::aggregations::Asked;
use self::best::Best;
use self::keys::Keys;
use super::answer::{Hit, Mapping, SearchError};
use super::deadline::Deadline;
use super::index::split::Split;
use super::query::{Compiler, failed};
use super::question::{Order, Question, SortKey};

pub(super) use self::aggregations::conclude;
use tantivy::aggregation::intermediate_agg_result::IntermediateAggregationResults;

/// The best hits that one question may ask for.
const MOST_HITS: usize = 10_000;
/// Sort keys of one question.
const MOST_KEYS: usize = 16;
/// Documents between two looks at the deadline.
const LOOK: u32 = 1024;

/// What was found in all splits of a partition.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) total: u64,
    pub(super) hits: Vec<Hit>,
    pub(super) aggregations: Option<IntermediateAggregationResults>,
}

/// A partition to be searched.
pub(super) struct Where<'a> {
    /// Its splits, in order.
    pub(super) splits: &'a [Arc<Split>],
    /// Its index in the topic.
    pub(super) partition: u32,
    /// Records below are gone.
    pub(super) log_start: i64,
    /// The kinds of value in it.
    pub(super) mapping: &'a Mapping,
}

/// Runs a question until the deadline at most.
pub(super) fn gather(
    place: &Where<'_>,
    question: &Question,
    deadline: Deadline,
) -> Result<Gathered, SearchError> {
    check(question)?;
    let asked = question.aggregations.as_ref();
    let asked = asked.map(|asked| Asked::new(asked, place.mapping));
    let mut run = Run {
        question,
        deadline,
        compiler: Compiler::new(place.partition, deadline),
        asked: asked.transpose()?,
        log_start: place.log_start,
        gathered: Gathered::default(),
    };
    for split in run.in_order(place.splits) {
        deadline.check()?;
        if run.is_done() {
            break;
        }
        if let Some((searcher, segment)) = split.segment() {
            run.search(searcher, segment)?;
        }
    }
    run.gathered.total = run.gathered.total.min(question.count_to);
    Ok(run.gathered)
}

fn check(question: &Question) -> Result<(), SearchError> {
    if question.top > MOST_HITS {
        let what = format!("from + size is {}, more than {MOST_HITS}", question.top);
        return Err(SearchError::TooMuch(what));
    }
    if question.sort.len() > MOST_KEYS {
        let what = format!("more than {MOST_KEYS} sort keys");
        return Err(SearchError::TooMuch(what));
    }
    Ok(())
}

struct Run<'a> {
    question: &'a Question,
    deadline: Deadline,
    compiler: Compiler,
    asked: Option<Asked>,
    log_start: i64,
    gathered: Gathered,
}

impl Run<'_> {
    /// Where the newest come first, the newest splits are searched first.
    fn in_order<'s>(&self, splits: &'s [Arc<Split>]) -> Vec<&'s Arc<Split>> {
        if self.by_place() == Some(Order::Falling) {
            splits.iter().rev().collect()
        } else {
            splits.iter().collect()
        }
    }

    /// The order, when it is that of the log and so no later split has a better hit.
    fn by_place(&self) -> Option<Order> {
        let first = self.question.sort.first()?;
        (first.key == SortKey::Place).then_some(first.order)
    }

    /// Whether nothing that comes can change the answer.
    fn is_done(&self) -> bool {
        let top = self.question.top;
        let is_full = self.gathered.hits.len() >= top && (top == 0 || self.by_place().is_some());
        self.asked.is_none() && is_full && self.gathered.total >= self.question.count_to
    }

    fn search(&mut self, searcher: &Searcher, segment: &SegmentReader) -> Result<(), SearchError> {
        let query = self.compiler.compile(&self.question.query, segment)?;
        let keys = Keys::of(&self.question.sort, segment)?;
        let weight = weight(&*query, searcher, &keys)?;
        let aggregations = match &self.asked {
            Some(asked) => Some(asked.collector(segment)?),
            None => None,
        };
        let from = self.first_kept(segment)?;
        if aggregations.is_none() && self.question.top == 0 && from == 0 {
            let count = weight.count(segment).map_err(|error| failed(&error))?;
            self.gathered.total += u64::from(count);
            return Ok(());
        }
        let scorer = weight
            .scorer(segment, 1.0)
            .map_err(|error| failed(&error))?;
        self.collect(scorer, from, (keys, aggregations))
    }

    /// The first document that is not below the log start.
    fn first_kept(&self, segment: &SegmentReader) -> Result<DocId, SearchError> {
        let offsets = segment.fast_fields().i64("offset");
        let offsets = offsets.map_err(|error| failed(&error))?;
        let (mut low, mut high) = (0, segment.max_doc());
        while low < high {
            let middle = low.midpoint(high);
            if offsets.values.get_val(middle) < self.log_start {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    fn collect(
        &mut self,
        mut scorer: Box<dyn Scorer>,
        from: DocId,
        (keys, mut aggregations): (Keys, Option<AggregationSegmentCollector>),
    ) -> Result<(), SearchError> {
        let mut best = Best::new(self.question.top, keys);
        let stops_early = aggregations.is_none() && self.by_place() == Some(Order::Rising);
        let mut doc = scorer.doc();
        if doc < from {
            doc = scorer.seek(from);
        }
        let (mut until_look, mut count) = (LOOK, 0_u64);
        while doc != TERMINATED {
            until_look -= 1;
            if until_look == 0 {
                self.deadline.check()?;
                until_look = LOOK;
            }
            count += 1;
            if let Some(aggregations) = &mut aggregations {
                aggregations.collect(doc, 0.0);
            }
            best.offer(doc, &mut *scorer);
            if stops_early
                && count >= self.question.top as u64
                && self.gathered.total + count >= self.question.count_to
            {
                break;
            }
            doc = scorer.advance();
        }
        self.gathered.total += count;
        self.add(best, aggregations)
    }

    fn add(
        &mut self,
        best: Best,
        aggregations: Option<AggregationSegmentCollector>,
    ) -> Result<(), SearchError> {
        let hits = best.hits(&self.question.sort)?;
        self.gathered.hits.extend(hits);
        let sort = &self.question.sort;
        self.gathered.hits.sort_by(|a, b| keys::compare(sort, a, b));
        self.gathered.hits.truncate(self.question.top);
        if let Some(aggregations) = aggregations {
            let part = aggregations
                .harvest()
                .map_err(|error| aggregations::failed(&error))?;
            let all = self.gathered.aggregations.get_or_insert_default();
            all.merge_fruits(part)
                .map_err(|error| aggregations::failed(&error))?;
        }
        Ok(())
    }
}

fn weight(
    query: &dyn Compiled,
    searcher: &Searcher,
    keys: &Keys,
) -> Result<Box<dyn Weight>, SearchError> {
    let scoring = if keys.need_scores() {
        EnableScoring::enabled_from_searcher(searcher)
    } else {
        EnableScoring::disabled_from_searcher(searcher)
    };
    query.weight(scoring).map_err(|error| failed(&error))
}
