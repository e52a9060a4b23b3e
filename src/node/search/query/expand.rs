//! Queries that stand for many words: by their beginning, with wildcards, by regular expression.
//!
//! The words are looked through one after the other, from the pattern's fixed beginning on, and the
//! deadline is looked at in between. No automaton is built.

use std::collections::HashMap;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};
use tantivy::BitSet;
use tantivy::columnar::StrColumn;
use tantivy::query::Query as Compiled;
use tantivy::schema::IndexRecordOption;

use super::docs::DocsQuery;
use super::target::{Place, Target};
use super::{Result, Split, failed, nothing, unreadable};
use crate::node::search::answer::SearchError;
use crate::node::search::deadline::Deadline;

/// Words of one split that a pattern may stand for.
const MOST_WORDS: usize = 10_000;
/// Characters of a pattern.
const LONGEST_PATTERN: usize = 1_000;
/// Bytes of a compiled pattern.
const PATTERN_SIZE: usize = 1 << 20;

/// The patterns of one question, compiled once.
#[derive(Default)]
pub(super) struct Patterns(HashMap<String, Arc<Regex>>);

impl Patterns {
    fn get(&mut self, pattern: &str) -> Result<Arc<Regex>> {
        if let Some(known) = self.0.get(pattern) {
            return Ok(Arc::clone(known));
        }
        let compiled = Arc::new(compile(pattern)?);
        self.0.insert(pattern.to_owned(), Arc::clone(&compiled));
        Ok(compiled)
    }
}

/// A regular expression that matches words as a whole.
pub(in crate::node::search) fn pattern(pattern: &str) -> Result<Regex> {
    check_length(pattern)?;
    compile(pattern)
}

/// A pattern of `*` and `?` as one.
pub(in crate::node::search) fn wildcard(pattern: &str) -> Result<Regex> {
    check_length(pattern)?;
    compile(&wildcards(pattern).1)
}

fn compile(pattern: &str) -> Result<Regex> {
    // A group of its own, so that `a|b` has its anchors on both sides.
    let whole = format!("^(?:{pattern})$");
    let regex = RegexBuilder::new(&whole)
        .dot_matches_new_line(true)
        .size_limit(PATTERN_SIZE)
        .dfa_size_limit(PATTERN_SIZE)
        .build();
    regex.map_err(|error| match error {
        regex::Error::CompiledTooBig(limit) => {
            SearchError::TooMuch(format!("the pattern compiles to more than {limit} bytes"))
        }
        other => SearchError::Invalid(format!("the pattern is wrong: {other}")),
    })
}

fn check_length(pattern: &str) -> Result<()> {
    if pattern.chars().count() <= LONGEST_PATTERN {
        return Ok(());
    }
    let what = format!("the pattern has more than {LONGEST_PATTERN} characters");
    Err(SearchError::TooMuch(what))
}

/// Which words a pattern stands for.
struct Wanted {
    prefix: String,
    pattern: Option<Arc<Regex>>,
}

impl Wanted {
    fn takes(&self, word: &[u8]) -> bool {
        match &self.pattern {
            None => true,
            Some(pattern) => std::str::from_utf8(word).is_ok_and(|word| pattern.is_match(word)),
        }
    }
}

/// A pattern of `*` and `?` as its fixed beginning and a regular expression; a backslash takes the
/// meaning from what follows.
fn wildcards(pattern: &str) -> (String, String) {
    let (mut prefix, mut expression) = (String::new(), String::new());
    let mut is_fixed = true;
    let mut rest = pattern.chars();
    while let Some(character) = rest.next() {
        let literal = match character {
            '*' | '?' => {
                is_fixed = false;
                expression.push_str(if character == '*' { ".*" } else { "." });
                continue;
            }
            '\\' => rest.next().unwrap_or('\\'),
            other => other,
        };
        if is_fixed {
            prefix.push(literal);
        }
        expression.push_str(&regex::escape(literal.encode_utf8(&mut [0; 4])));
    }
    (prefix, expression)
}

impl Split<'_> {
    pub(super) fn prefix(&mut self, target: &Target, prefix: &str) -> Result<Box<dyn Compiled>> {
        let wanted = Wanted {
            prefix: prefix.to_owned(),
            pattern: None,
        };
        self.expand(target, &wanted)
    }

    pub(super) fn wildcard(&mut self, target: &Target, pattern: &str) -> Result<Box<dyn Compiled>> {
        check_length(pattern)?;
        let (prefix, expression) = wildcards(pattern);
        let pattern = Some(self.shared.patterns.get(&expression)?);
        self.expand(target, &Wanted { prefix, pattern })
    }

    pub(super) fn regexp(&mut self, target: &Target, pattern: &str) -> Result<Box<dyn Compiled>> {
        check_length(pattern)?;
        let wanted = Wanted {
            prefix: String::new(),
            pattern: Some(self.shared.patterns.get(pattern)?),
        };
        self.expand(target, &wanted)
    }

    fn expand(&mut self, target: &Target, wanted: &Wanted) -> Result<Box<dyn Compiled>> {
        match target {
            Target::Words(place) | Target::Exact(place) => self.in_postings(place, wanted),
            Target::Whole(place) => self.in_column(place, wanted),
            Target::Number(_) => Err(SearchError::Invalid(String::from(
                "a number has no beginning and no pattern",
            ))),
        }
    }

    fn in_postings(&mut self, place: &Place, wanted: &Wanted) -> Result<Box<dyn Compiled>> {
        let index = self.segment.inverted_index(place.indexed());
        let index = index.map_err(|error| failed(&error))?;
        let word = place.word(&wanted.prefix);
        let from = word.serialized_value_bytes();
        let skip = from.len() - wanted.prefix.len();
        let mut words = index.terms().range().ge(from);
        if let Some(end) = after(from) {
            words = words.lt(end);
        }
        let mut words = words.into_stream().map_err(|error| unreadable(&error))?;
        let mut docs = BitSet::with_max_value(self.segment.max_doc());
        let mut budget = Budget::new(self.shared.deadline);
        while words.advance() {
            budget.look()?;
            if !wanted.takes(&words.key()[skip..]) {
                continue;
            }
            budget.take()?;
            let postings = index
                .read_block_postings_from_terminfo(words.value(), IndexRecordOption::Basic)
                .map_err(|error| unreadable(&error))?;
            insert_all(postings, &mut docs);
        }
        Ok(Box::new(DocsQuery::new(docs)))
    }

    fn in_column(&mut self, place: &Place, wanted: &Wanted) -> Result<Box<dyn Compiled>> {
        let column = self.segment.fast_fields().str(&place.column());
        let Some(column) = column.map_err(|error| failed(&error))? else {
            return Ok(nothing());
        };
        let ords = ords(&column, wanted, self.shared.deadline)?;
        let mut docs = BitSet::with_max_value(self.segment.max_doc());
        for doc in 0..self.segment.max_doc() {
            if doc % 4096 == 0 {
                self.shared.deadline.check()?;
            }
            let mut values = column.ords().values_for_doc(doc);
            if values.any(|ord| ords.contains(ord as u32)) {
                docs.insert(doc);
            }
        }
        Ok(Box::new(DocsQuery::new(docs)))
    }
}

/// The numbers of the whole values that are wanted.
fn ords(column: &StrColumn, wanted: &Wanted, deadline: Deadline) -> Result<BitSet> {
    let dictionary = column.dictionary();
    let mut ords = BitSet::with_max_value(dictionary.num_terms() as u32);
    let mut values = dictionary
        .prefix_range(&wanted.prefix)
        .into_stream()
        .map_err(|error| unreadable(&error))?;
    let mut budget = Budget::new(deadline);
    while values.advance() {
        budget.look()?;
        if wanted.takes(values.key()) {
            budget.take()?;
            ords.insert(values.term_ord() as u32);
        }
    }
    Ok(ords)
}

fn insert_all(mut postings: tantivy::postings::BlockSegmentPostings, docs: &mut BitSet) {
    while !postings.docs().is_empty() {
        for doc in postings.docs() {
            docs.insert(*doc);
        }
        postings.advance();
    }
}

/// The first bytes after all that begin so; `None` when there is no end.
fn after(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte < 0xff)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

/// How many words may still be looked at and taken.
struct Budget {
    deadline: Deadline,
    looked: usize,
    taken: usize,
}

impl Budget {
    fn new(deadline: Deadline) -> Self {
        Self {
            deadline,
            looked: 0,
            taken: 0,
        }
    }

    fn look(&mut self) -> Result<()> {
        self.looked += 1;
        if self.looked.is_multiple_of(1024) {
            self.deadline.check()?;
        }
        Ok(())
    }

    fn take(&mut self) -> Result<()> {
        self.taken += 1;
        if self.taken <= MOST_WORDS {
            return Ok(());
        }
        let what = format!("the pattern stands for more than {MOST_WORDS} words: make it longer");
        Err(SearchError::TooMuch(what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_become_an_expression_with_its_fixed_beginning() {
        let split = |pattern| {
            let (prefix, expression) = wildcards(pattern);
            (prefix, expression)
        };
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(split("ab*c?"), pair("ab", "ab.*c."));
        assert_eq!(split(r"a.\*b"), pair("a.*b", r"a\.\*b"));
        assert_eq!(split("*"), pair("", ".*"));
        assert_eq!(split(r"a\"), pair(r"a\", r"a\\"));
    }

    #[test]
    fn the_end_of_a_prefix_is_after_all_that_begin_with_it() {
        assert_eq!(after(b"ab"), Some(b"ac".to_vec()));
        assert_eq!(after(b"a\xff"), Some(b"b".to_vec()));
        assert_eq!(after(b"\xff\xff"), None);
    }

    #[test]
    fn an_expression_matches_as_a_whole() {
        let both = compile("a|bc").unwrap();
        assert!(both.is_match("a") && both.is_match("bc") && !both.is_match("ac"));
    }
}
