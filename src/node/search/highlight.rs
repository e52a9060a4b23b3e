//! Marking the words of a query in a document.
//!
//! Works on the text alone, with the words as the index has them. What is marked is each word that
//! the query asks for; that the words of a phrase stand beside each other is not looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use regex::Regex;
use serde_json::Value;
use tantivy::tokenizer::TokenStream;

use super::answer::SearchError;
use super::index::schema::word_analyzer;
use super::query::{pattern, wildcard, words_of};
use super::question::{Field, Highlight, Query, Scalar};

/// Bytes of one text that are looked at.
const MOST_TEXT: usize = 1 << 20;

/// Marks the words of one query.
pub(super) struct Marker<'a> {
    asked: &'a Highlight,
    words: Vec<(Field, Word)>,
}

/// What is marked.
enum Word {
    Is(BTreeSet<String>),
    Begins(String),
    Fits(Regex),
}

impl Word {
    fn takes(&self, word: &str) -> bool {
        match self {
            Self::Is(words) => words.contains(word),
            Self::Begins(prefix) => word.starts_with(prefix),
            Self::Fits(pattern) => pattern.is_match(word),
        }
    }
}

impl<'a> Marker<'a> {
    /// For what was asked.
    pub(super) fn new(asked: &'a Highlight) -> Result<Self, SearchError> {
        let mut words = Vec::new();
        collect(&asked.query, &mut words)?;
        Ok(Self { asked, words })
    }

    /// The marked fragments of a document, by path.
    pub(super) fn mark(&self, source: &Value) -> BTreeMap<String, Vec<String>> {
        let mut marked: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let most = self.asked.fragments.max(1);
        texts(source, &mut String::new(), &mut |path, text| {
            if !self.wants(path) {
                return;
            }
            let fragments = self.fragments(path, text);
            if !fragments.is_empty() {
                let all = marked.entry(path.to_owned()).or_default();
                all.extend(fragments);
                all.truncate(most);
            }
        });
        marked
    }

    fn wants(&self, path: &str) -> bool {
        self.asked.fields.iter().any(|field| match field {
            Field::Everything => true,
            Field::Path(wanted) | Field::Whole(wanted) => wanted == path,
            _ => false,
        })
    }

    /// The places of words in a text that the query means there.
    fn matches(&self, path: &str, text: &str) -> Vec<Range<usize>> {
        let words: Vec<&Word> = self
            .words
            .iter()
            .filter(|(field, _)| match field {
                Field::Everything => true,
                Field::Path(of) | Field::Whole(of) => of == path,
                _ => false,
            })
            .map(|(_, word)| word)
            .collect();
        let mut found = Vec::new();
        let mut analyzer = word_analyzer();
        analyzer.token_stream(text).process(&mut |token| {
            if words.iter().any(|word| word.takes(&token.text)) {
                found.push(token.offset_from..token.offset_to);
            }
        });
        found
    }

    fn fragments(&self, path: &str, text: &str) -> Vec<String> {
        let text = &text[..text.floor_char_boundary(MOST_TEXT)];
        let matches = self.matches(path, text);
        if matches.is_empty() {
            return Vec::new();
        }
        if self.asked.fragment == 0 || self.asked.fragments == 0 {
            return vec![self.marked(text, 0..text.len(), &matches)];
        }
        let windows = windows(text, &matches, self.asked.fragment);
        windows
            .into_iter()
            .take(self.asked.fragments)
            .map(|window| self.marked(text, window, &matches))
            .collect()
    }

    fn marked(&self, text: &str, window: Range<usize>, matches: &[Range<usize>]) -> String {
        let mut out = String::with_capacity(window.len() + 16);
        let mut at = window.start;
        let inside = |place: &&Range<usize>| place.start >= window.start && place.end <= window.end;
        for place in matches.iter().filter(inside) {
            out.push_str(&text[at..place.start]);
            out.push_str(&self.asked.before);
            out.push_str(&text[place.clone()]);
            out.push_str(&self.asked.after);
            at = place.end;
        }
        out.push_str(&text[at..window.end]);
        out
    }
}

/// Pieces of a text of about `length` characters, each with a match that no piece before has.
fn windows(text: &str, matches: &[Range<usize>], length: usize) -> Vec<Range<usize>> {
    let mut windows: Vec<Range<usize>> = Vec::new();
    for place in matches {
        let covered = windows.last().map_or(0, |last| last.end);
        if place.end <= covered {
            continue;
        }
        let before = length.saturating_sub(place.len()) / 4;
        let start = back(text, place.start, before).max(covered.min(place.start));
        let end = forward(text, start, length).max(place.end);
        windows.push(start..end);
    }
    windows
}

/// The place some characters before, moved to the start of a word.
fn back(text: &str, from: usize, characters: usize) -> usize {
    let mut before = text[..from].char_indices().rev();
    let Some((at, _)) = characters.checked_sub(1).and_then(|nth| before.nth(nth)) else {
        return if characters == 0 { from } else { 0 };
    };
    match text[at..from].find(char::is_whitespace) {
        Some(space) if at > 0 => {
            let space = at + space;
            let rest = &text[space..from];
            space + rest.chars().next().map_or(0, char::len_utf8)
        }
        _ => at,
    }
}

/// The place some characters after, moved to the end of a word.
fn forward(text: &str, from: usize, characters: usize) -> usize {
    let Some((at, _)) = text[from..].char_indices().nth(characters) else {
        return text.len();
    };
    let end = from + at;
    text[from..end]
        .rfind(char::is_whitespace)
        .filter(|space| *space > characters / 2)
        .map_or(end, |space| from + space)
}

/// Each text of a document with its path.
fn texts(value: &Value, path: &mut String, visit: &mut dyn FnMut(&str, &str)) {
    match value {
        Value::String(text) => visit(path, text),
        Value::Array(values) => values.iter().for_each(|value| texts(value, path, visit)),
        Value::Object(fields) => {
            for (name, value) in fields {
                let parent = path.len();
                if parent > 0 {
                    path.push('.');
                }
                path.push_str(name);
                texts(value, path, visit);
                path.truncate(parent);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn collect(query: &Query, words: &mut Vec<(Field, Word)>) -> Result<(), SearchError> {
    let (field, word) = match query {
        Query::Match { field, text, .. } | Query::Phrase { field, text, .. } => {
            let of = words_of(text).into_iter().map(|(_, word)| word);
            (field, Word::Is(of.collect()))
        }
        Query::Terms { field, values } => {
            let texts = values.iter().filter_map(|value| match value {
                Scalar::Text(text) => Some(words_of(text)),
                _ => None,
            });
            let of = texts.flatten().map(|(_, word)| word);
            (field, Word::Is(of.collect()))
        }
        Query::Prefix { field, prefix } => (field, Word::Begins(prefix.clone())),
        Query::Wildcard { field, pattern } => (field, Word::Fits(wildcard(pattern)?)),
        Query::Regexp { field, pattern: of } => (field, Word::Fits(pattern(of)?)),
        Query::Bool { must, should, .. } => {
            let mut both = must.iter().chain(should);
            return both.try_for_each(|query| collect(query, words));
        }
        Query::Best(queries) => {
            return queries.iter().try_for_each(|query| collect(query, words));
        }
        Query::Boosted { query, .. } => return collect(query, words),
        Query::All | Query::Nothing | Query::Range { .. } | Query::Exists { .. } => return Ok(()),
    };
    words.push((field.clone(), word));
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::node::search::question::Words;

    fn asked(query: Query, fragment: usize) -> Highlight {
        Highlight {
            query,
            fields: vec![Field::Everything],
            before: "<".to_owned(),
            after: ">".to_owned(),
            fragment,
            fragments: 2,
        }
    }

    fn words(text: &str) -> Query {
        Query::Match {
            field: Field::Everything,
            text: text.to_owned(),
            words: Words::Any,
        }
    }

    #[test]
    fn words_are_marked_in_each_text() {
        let asked = asked(words("Fox dog"), 0);
        let source = json!({"a": "the FOX, and the dog", "b": {"c": ["no", "a fox"]}, "d": 7});
        let marked = Marker::new(&asked).unwrap().mark(&source);
        assert_eq!(marked["a"], ["the <FOX>, and the <dog>"]);
        assert_eq!(marked["b.c"], ["a <fox>"]);
        assert_eq!(marked.len(), 2);
    }

    #[test]
    fn fragments_are_cut_at_words_and_counted() {
        let text = format!(
            "{} needle {} needle {} needle",
            "hay ".repeat(50),
            "hay ".repeat(50),
            "hay ".repeat(50)
        );
        let asked = asked(words("needle"), 40);
        let marked = Marker::new(&asked).unwrap().mark(&json!({ "m": text }));
        assert_eq!(marked["m"].len(), 2);
        for fragment in &marked["m"] {
            assert!(fragment.contains("<needle>"), "{fragment}");
            assert!(fragment.len() <= 50, "{fragment}");
        }
    }

    #[test]
    fn any_text_is_cut_between_its_characters() {
        let text = "äöü😀 needle ".repeat(40);
        for length in 1..60 {
            let asked = asked(words("needle"), length);
            let marked = Marker::new(&asked)
                .unwrap()
                .mark(&json!({ "m": text.clone() }));
            assert!(marked["m"][0].contains("<needle>"), "{length}");
        }
    }
}
