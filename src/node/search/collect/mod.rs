//! Running a question over the splits of a partition.

mod aggregations;
mod best;
mod buckets;
mod keys;
mod shape;

use std::sync::Arc;

use tantivy::aggregation::AggregationSegmentCollector;
use tantivy::collector::SegmentCollector;
use tantivy::query::{EnableScoring, Query as Compiled, Scorer, Weight};
use tantivy::{DocId, DocSet, Score, Searcher, SegmentReader, TERMINATED};

use self::aggregations::Asked;
use self::best::Best;
use self::keys::Keys;
use self::shape::Shape;
use super::answer::{Hit, Mapping, SearchError};
use super::deadline::Deadline;
use super::index::split::Split;
use super::query::{Compiler, failed};
use super::question::{Order, Question, SortKey};

pub(super) use self::aggregations::{Cut, conclude, joined};
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
    /// Numbers and moments in the aggregations' fields.
    pub(super) kinds: Mapping,
}

/// A partition to be searched.
pub(super) struct Where<'a> {
    /// Its splits, in order.
    pub(super) splits: &'a [Arc<Split>],
    /// Its index in the topic.
    pub(super) partition: u32,
    /// Records below are gone.
    pub(super) log_start: i64,
}

/// Runs a question until the deadline at most.
pub(super) fn gather(
    place: &Where<'_>,
    question: &Question,
    deadline: Deadline,
) -> Result<Gathered, SearchError> {
    check(question)?;
    let asked = question.aggregations.as_ref();
    let asked = asked.map(Asked::new);
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

/// A look at each hit of a split.
struct Walk {
    /// The first document.
    from: DocId,
    keys: Keys,
    aggregations: Option<AggregationSegmentCollector>,
    /// The hits are in the total already.
    is_counted: bool,
    /// The first hits are the best.
    is_in_order: bool,
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
        let shape = Shape::of(&*query);
        let keys = Keys::of(&self.question.sort, segment)?;
        let scoring = if self.question.top > 0 && keys.need_scores() {
            EnableScoring::enabled_from_searcher(searcher)
        } else {
            EnableScoring::disabled_from_searcher(searcher)
        };
        let weight = query.weight(scoring).map_err(|error| failed(&error))?;
        let from = self.first_kept(segment)?;
        let mut walk = Walk {
            from,
            keys,
            aggregations: self.collector(segment)?,
            is_counted: false,
            is_in_order: self.is_in_order(shape),
        };
        let is_whole = walk.aggregations.is_none() && from == 0;
        let count = is_whole.then(|| shape.count(&*weight, segment)).transpose();
        if let Some(count) = count.map_err(|error| failed(&error))?.flatten() {
            self.gathered.total += u64::from(count);
            if self.question.top == 0 {
                return Ok(());
            }
            if shape.is_scored_alone() && self.question.sort.is_empty() {
                return self.prune(segment, (&*weight, shape), walk.keys);
            }
            walk.is_counted = true;
        }
        let scorer = weight
            .scorer(segment, 1.0)
            .map_err(|error| failed(&error))?;
        self.collect(scorer, walk)
    }

    fn collector(
        &mut self,
        segment: &SegmentReader,
    ) -> Result<Option<AggregationSegmentCollector>, SearchError> {
        let Some(asked) = &self.asked else {
            return Ok(None);
        };
        asked.note_kinds(segment, &mut self.gathered.kinds)?;
        asked.collector(segment).map(Some)
    }

    /// Whether a split's hits come in the order that is asked for.
    fn is_in_order(&self, shape: Shape) -> bool {
        let is_level = shape.is_level() && self.question.sort.is_empty();
        is_level || self.question.top == 0 || self.by_place() == Some(Order::Rising)
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

    /// The best of one word's hits: those that are not better are turned away by their score alone,
    /// and where that is known of a block of them, the block is skipped.
    fn prune(
        &mut self,
        segment: &SegmentReader,
        (weight, shape): (&dyn Weight, Shape),
        keys: Keys,
    ) -> Result<(), SearchError> {
        let mut best = Best::new(self.question.top, keys);
        let (mut until_look, mut in_time) = (LOOK, Ok(()));
        let mut worst = self.worst();
        let mut offer = |doc: DocId, score: Score| {
            until_look -= 1;
            if until_look == 0 {
                in_time = self.deadline.check();
                until_look = LOOK;
            }
            if in_time.is_err() {
                // Nothing is better: the rest is skipped.
                return Score::INFINITY;
            }
            worst = best.offer_scored(doc, score).unwrap_or(worst);
            worst
        };
        let mut bar = self.worst();
        let done = if shape == Shape::Word {
            weight.for_each_pruning(bar, segment, &mut offer)
        } else {
            weight.for_each(segment, &mut |doc, score| {
                if score > bar {
                    bar = offer(doc, score);
                }
            })
        };
        done.map_err(|error| failed(&error))?;
        in_time?;
        self.add(best, None)
    }

    /// The score that a hit of a later split must be better than.
    fn worst(&self) -> Score {
        let last = self.question.top.checked_sub(1);
        let last = last.and_then(|last| self.gathered.hits.get(last));
        last.and_then(|hit| hit.score).unwrap_or(Score::MIN)
    }

    fn collect(&mut self, mut scorer: Box<dyn Scorer>, walk: Walk) -> Result<(), SearchError> {
        let mut aggregations = walk.aggregations;
        let mut best = Best::new(self.question.top, walk.keys);
        let stops_early = aggregations.is_none() && walk.is_in_order;
        let mut doc = scorer.doc();
        if doc < walk.from {
            doc = scorer.seek(walk.from);
        }
        let (mut until_look, mut count) = (LOOK, 0_u64);
        let counted = |count| if walk.is_counted { 0 } else { count };
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
            let is_enough = || {
                let total = self.gathered.total + counted(count);
                walk.is_counted || total >= self.question.count_to
            };
            if stops_early && count >= self.question.top as u64 && is_enough() {
                break;
            }
            doc = scorer.advance();
        }
        self.gathered.total += counted(count);
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
        if let (Some(asked), Some(split)) = (&self.asked, aggregations) {
            asked.join(&mut self.gathered.aggregations, split)?;
        }
        Ok(())
    }
}
