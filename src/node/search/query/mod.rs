//! A question's query as tantivy runs it on one split.
//!
//! Compiled for each split on its own: which words begin with `ab` is looked up there, so that
//! nothing is expanded inside of tantivy, where no limit and no deadline would hold.

mod docs;
mod expand;
mod leaf;
mod target;
mod typed;

use tantivy::query::{
    AllQuery, BooleanQuery, BoostQuery, ConstScoreQuery, DisjunctionMaxQuery, EmptyQuery, Occur,
    Query as Compiled,
};
use tantivy::{SegmentReader, TantivyError};

use self::expand::Patterns;
use super::answer::SearchError;
use super::deadline::Deadline;
use super::question::{Query, Words};

pub(super) use self::docs::DocsQuery;
pub(super) use self::expand::{pattern, wildcard};
pub(super) use self::leaf::words_of;
pub(super) use self::target::Target;

/// Queries within each other.
const DEEPEST: usize = 64;
/// Queries and words of one question.
const MOST_CLAUSES: usize = 4_096;

/// What the queries of one question share over all splits of a partition.
pub(super) struct Compiler {
    partition: u32,
    patterns: Patterns,
    deadline: Deadline,
}

/// A compiler for one split.
struct Split<'a> {
    shared: &'a mut Compiler,
    segment: &'a SegmentReader,
    clauses: usize,
}

type Result<T> = std::result::Result<T, SearchError>;

impl Compiler {
    /// For one partition.
    pub(super) fn new(partition: u32, deadline: Deadline) -> Self {
        Self {
            partition,
            patterns: Patterns::default(),
            deadline,
        }
    }

    /// The query for a split's segment.
    pub(super) fn compile(
        &mut self,
        query: &Query,
        segment: &SegmentReader,
    ) -> Result<Box<dyn Compiled>> {
        let mut split = Split {
            shared: self,
            segment,
            clauses: 0,
        };
        split.query(query, DEEPEST)
    }
}

/// What tantivy says is wrong with a query, or with the index.
pub(super) fn failed(error: &TantivyError) -> SearchError {
    match error {
        TantivyError::InvalidArgument(what) => SearchError::Invalid(what.clone()),
        disk @ (TantivyError::IoError(_)
        | TantivyError::OpenReadError(_)
        | TantivyError::DataCorruption(_)) => SearchError::Unreadable(disk.to_string()),
        other => SearchError::Failed(other.to_string()),
    }
}

/// What is on disk of the index cannot be read.
pub(super) fn unreadable(error: &std::io::Error) -> SearchError {
    SearchError::Unreadable(error.to_string())
}

fn nothing() -> Box<dyn Compiled> {
    Box::new(EmptyQuery)
}

/// All records, with a score that adds nothing.
fn everything_unscored() -> Box<dyn Compiled> {
    Box::new(ConstScoreQuery::new(Box::new(AllQuery), 0.0))
}

fn any(mut queries: Vec<Box<dyn Compiled>>) -> Box<dyn Compiled> {
    match queries.len() {
        0 => nothing(),
        1 => queries.remove(0),
        _ => Box::new(BooleanQuery::union(queries)),
    }
}

fn every(mut queries: Vec<Box<dyn Compiled>>) -> Box<dyn Compiled> {
    match queries.len() {
        0 => nothing(),
        1 => queries.remove(0),
        _ => Box::new(BooleanQuery::intersection(queries)),
    }
}

fn joined(queries: Vec<Box<dyn Compiled>>, words: Words) -> Box<dyn Compiled> {
    match words {
        Words::Any => any(queries),
        Words::Every => every(queries),
    }
}

impl Split<'_> {
    fn query(&mut self, query: &Query, deeper: usize) -> Result<Box<dyn Compiled>> {
        let Some(deeper) = deeper.checked_sub(1) else {
            let what = format!("the query is nested deeper than {DEEPEST} levels");
            return Err(SearchError::TooMuch(what));
        };
        self.count(1)?;
        match query {
            Query::All => Ok(Box::new(AllQuery)),
            Query::Nothing => Ok(nothing()),
            Query::Bool {
                must,
                filter,
                should,
                must_not,
                at_least,
            } => self.boolean([must, filter, should, must_not], *at_least, deeper),
            Query::Best(queries) => {
                let queries = self.queries(queries, deeper)?;
                Ok(Box::new(DisjunctionMaxQuery::new(queries)))
            }
            Query::Boosted { query, by } => {
                if !by.is_finite() || *by < 0.0 {
                    return Err(SearchError::Invalid(format!("{by} is no boost")));
                }
                Ok(Box::new(BoostQuery::new(self.query(query, deeper)?, *by)))
            }
            leaf => self.leaf(leaf),
        }
    }

    fn queries(&mut self, queries: &[Query], deeper: usize) -> Result<Vec<Box<dyn Compiled>>> {
        queries
            .iter()
            .map(|query| self.query(query, deeper))
            .collect()
    }

    fn boolean(
        &mut self,
        [must, filter, should, must_not]: [&[Query]; 4],
        at_least: usize,
        deeper: usize,
    ) -> Result<Box<dyn Compiled>> {
        if at_least > should.len() {
            return Ok(nothing());
        }
        // Said once for all, so that who collects knows that no hit is better than another.
        let is_unscored = must.is_empty() && should.is_empty();
        let mut clauses: Vec<(Occur, Box<dyn Compiled>)> = Vec::new();
        let unscored = |query| Box::new(ConstScoreQuery::new(query, 0.0)) as Box<dyn Compiled>;
        let must = self.queries(must, deeper)?.into_iter();
        clauses.extend(must.map(|query| (Occur::Must, query)));
        let filter = self.queries(filter, deeper)?.into_iter();
        clauses.extend(filter.map(|query| (Occur::Must, unscored(query))));
        if clauses.is_empty() && at_least == 0 {
            clauses.push((Occur::Must, everything_unscored()));
        }
        let should = self.queries(should, deeper)?.into_iter();
        clauses.extend(should.map(|query| (Occur::Should, query)));
        let must_not = self.queries(must_not, deeper)?.into_iter();
        clauses.extend(must_not.map(|query| (Occur::MustNot, query)));
        let query = BooleanQuery::with_minimum_required_clauses(clauses, at_least);
        if is_unscored {
            return Ok(unscored(Box::new(query)));
        }
        Ok(Box::new(query))
    }

    fn count(&mut self, more: usize) -> Result<()> {
        self.clauses = self.clauses.saturating_add(more);
        if self.clauses > MOST_CLAUSES {
            let what = format!("the query has more than {MOST_CLAUSES} clauses and words");
            return Err(SearchError::TooMuch(what));
        }
        Ok(())
    }
}
