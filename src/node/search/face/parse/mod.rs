//! Elasticsearch's requests, understood: JSON and parameters become a question.
//!
//! Pure: no index, no clock but the moment that is handed in. Whatever is not served is an error
//! that names it; nothing is ignored silently. Depth and size are bounded before anything recurses.

mod aggregations;
mod field;
mod highlight;
mod leaf;
mod lucene;
mod moment;
mod object;
mod params;
mod query;
mod range;
mod request;
mod sort;
mod source;

#[cfg(test)]
mod tests;

use super::refusal::Refusal;

pub(super) use leaf::place;
pub(super) use moment::length;
pub(super) use object::{Object, shown, texts};
pub(super) use params::Params;
pub(super) use params::TOPICS;
pub(super) use request::{
    SearchRequest, count_params, count_request, search_params, search_request,
};
pub(super) use source::{SourceFilter, fits};

type Parsed<T> = Result<T, Refusal>;

/// What the parser knows beside the text, and what is left of its allowance.
#[derive(Debug)]
pub(super) struct Scope {
    /// The moment that `now` means, in ms since the epoch.
    now_ms: i64,
    clauses: usize,
}

/// Queries inside queries.
const MAX_DEPTH: usize = 64;
/// Queries in one request.
const MAX_CLAUSES: usize = 1024;
/// Characters of a regular expression or a pattern.
const MAX_PATTERN: usize = 1000;

impl Scope {
    /// A scope at a moment in ms since the epoch.
    pub(super) fn at(now_ms: i64) -> Self {
        Self { now_ms, clauses: 0 }
    }

    /// Counts one more query, `depth` deep.
    fn enter(&mut self, depth: usize) -> Parsed<()> {
        if depth > MAX_DEPTH {
            let reason = format!("the query is nested deeper than {MAX_DEPTH}");
            return Err(Refusal::parsing(reason));
        }
        self.clauses += 1;
        if self.clauses > MAX_CLAUSES {
            let reason = format!("the query has more than {MAX_CLAUSES} clauses");
            return Err(Refusal::parsing(reason));
        }
        Ok(())
    }
}
