//! A place in a query string, and what can be read there.

use super::{Included, Occur};
use crate::node::search::face::parse::Parsed;
use crate::node::search::face::parse::object::shown;
use crate::node::search::face::refusal::Refusal;

/// What joins two clauses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Joint {
    And,
    Or,
}

/// `[FROM TO TO]`.
#[derive(Debug)]
pub(super) struct Range {
    pub(super) from: String,
    pub(super) from_included: Included,
    pub(super) to: String,
    pub(super) to_included: Included,
}

/// A word as it stands there, escapes and all.
#[derive(Debug)]
pub(super) struct Word<'t> {
    raw: &'t str,
}

/// A place in the text.
#[derive(Debug)]
pub(super) struct Cursor<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    /// The next character that is no blank.
    pub(super) fn peek(&mut self) -> Option<char> {
        self.skip_blanks();
        self.rest().chars().next()
    }

    pub(super) fn is_at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    /// Steps over `token`, if it is next.
    pub(super) fn take(&mut self, token: &str) -> bool {
        self.skip_blanks();
        let there = self.rest().starts_with(token);
        if there {
            self.at += token.len();
        }
        there
    }

    /// Steps over a word in capitals, if it is next and ends there.
    fn take_keyword(&mut self, keyword: &str) -> bool {
        self.skip_blanks();
        let after = self.rest().strip_prefix(keyword);
        let ends = |rest: &str| {
            let next = rest.chars().next();
            next.is_none_or(|c| c.is_whitespace() || matches!(c, '(' | '"' | ')'))
        };
        let there = after.is_some_and(ends);
        if there {
            self.at += keyword.len();
        }
        there
    }

    /// `AND`, `&&`, `OR`, `||`.
    pub(super) fn joint(&mut self) -> Option<Joint> {
        if self.take_keyword("AND") || self.take("&&") {
            Some(Joint::And)
        } else if self.take_keyword("OR") || self.take("||") {
            Some(Joint::Or)
        } else {
            None
        }
    }

    /// `+`, `-`, `!`, `NOT`.
    pub(super) fn occur(&mut self) -> Option<Occur> {
        if self.take("+") {
            Some(Occur::Must)
        } else if self.take("-") || self.take("!") || self.take_keyword("NOT") {
            Some(Occur::Not)
        } else {
            None
        }
    }

    /// A field's name and the colon behind it, if they are next.
    pub(super) fn field(&mut self) -> Option<String> {
        self.skip_blanks();
        let length = word_length(self.rest(), Colon::Ends);
        let after = &self.rest()[length..];
        let other = self.rest().starts_with(['/', '<', '>']);
        if other || length == 0 || !after.starts_with(':') {
            return None;
        }
        let name = unescaped(&self.rest()[..length]);
        self.at += length + 1;
        Some(name)
    }

    /// A word; `None` where something else stands.
    pub(super) fn word(&mut self) -> Option<Word<'t>> {
        self.skip_blanks();
        let length = word_length(self.rest(), Colon::Belongs);
        if length == 0 {
            return None;
        }
        let raw = &self.rest()[..length];
        self.at += length;
        Some(Word { raw })
    }

    /// `"..."` and the number behind its `~`.
    pub(super) fn phrase(&mut self) -> Parsed<(String, usize)> {
        let text = unescaped(self.delimited('"')?);
        let slop = if self.rest().starts_with('~') {
            self.at += 1;
            self.number("slop")?
        } else {
            0.0
        };
        Ok((text, slop as usize))
    }

    /// `/.../`, with `\/` for a slash.
    pub(super) fn regex(&mut self) -> Parsed<String> {
        Ok(self.delimited('/')?.replace("\\/", "/"))
    }

    fn delimited(&mut self, delimiter: char) -> Parsed<&'t str> {
        let inside = &self.rest()[delimiter.len_utf8()..];
        let mut escaped = false;
        for (at, c) in inside.char_indices() {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                _ if c == delimiter => {
                    self.at += at + 2 * delimiter.len_utf8();
                    return Ok(&inside[..at]);
                }
                _ => {}
            }
        }
        Err(self.expected(&format!("a closing [{delimiter}]")))
    }

    /// `^2.5`.
    pub(super) fn boost(&mut self) -> Parsed<Option<f32>> {
        if !self.rest().starts_with('^') {
            return Ok(None);
        }
        self.at += 1;
        self.number("boost").map(|number| Some(number as f32))
    }

    fn number(&mut self, what: &str) -> Parsed<f64> {
        let rest = self.rest();
        let length = rest
            .bytes()
            .take_while(|b| b.is_ascii_digit() || *b == b'.')
            .count();
        let number = rest[..length].parse().ok();
        let number = number.filter(|number: &f64| number.is_finite());
        let number = number.ok_or_else(|| self.expected(&format!("a number ({what})")))?;
        self.at += length;
        Ok(number)
    }

    /// `[a TO b]`, `{a TO b}`.
    pub(super) fn range(&mut self) -> Parsed<Range> {
        let from_included = if self.take("[") {
            Included::Yes
        } else {
            Included::No
        };
        if from_included == Included::No && !self.take("{") {
            return Err(self.expected("[[] or [{]"));
        }
        let from = self.end()?;
        if !self.take_keyword("TO") {
            return Err(self.expected("TO"));
        }
        let to = self.end()?;
        let to_included = if self.take("]") {
            Included::Yes
        } else {
            Included::No
        };
        if to_included == Included::No && !self.take("}") {
            return Err(self.expected("[]] or [}]"));
        }
        Ok(Range {
            from,
            from_included,
            to,
            to_included,
        })
    }

    fn end(&mut self) -> Parsed<String> {
        if self.peek() == Some('"') {
            return Ok(unescaped(self.delimited('"')?));
        }
        let rest = self.rest();
        let ends = |c: char| c.is_whitespace() || matches!(c, ']' | '}');
        let length = rest.find(ends).unwrap_or(rest.len());
        if length == 0 {
            return Err(self.expected("a value"));
        }
        self.at += length;
        Ok(unescaped(&rest[..length]))
    }

    /// Something else should stand here.
    pub(super) fn expected(&self, what: &str) -> Refusal {
        let place = match shown(self.rest()) {
            rest if rest.is_empty() => "the end".to_owned(),
            rest => format!("[{rest}]"),
        };
        let reason = format!("failed to parse the query string: {what} is missing before {place}");
        Refusal::parsing(reason)
    }

    /// Nothing more should stand here.
    pub(super) fn stray(&self) -> Refusal {
        let rest = shown(self.rest());
        Refusal::parsing(format!(
            "failed to parse the query string: [{rest}] is too much (a reserved character is \
             escaped with \\)"
        ))
    }
}

/// What a colon is to a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Colon {
    /// Its end: the word is a field's name.
    Ends,
    /// A part of it: a time of day, a URL.
    Belongs,
}

fn word_length(text: &str, colon: Colon) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ':' if colon == Colon::Ends => return at,
            '(' | ')' | '[' | ']' | '{' | '}' | '"' | '^' => return at,
            _ if c.is_whitespace() => return at,
            _ => {}
        }
    }
    text.len()
}

fn unescaped(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        // A lone backslash at the end is itself.
        text.push(if c == '\\' {
            chars.next().unwrap_or(c)
        } else {
            c
        });
    }
    text
}

impl Word<'_> {
    /// As it stands there.
    pub(super) fn raw(&self) -> &str {
        self.raw
    }

    /// Without escapes; a lone operator is none.
    pub(super) fn plain(&self) -> Parsed<String> {
        match self.raw {
            "AND" | "OR" | "NOT" | "&&" | "||" => Err(Refusal::parsing(format!(
                "failed to parse the query string: [{}] stands where a word is expected",
                self.raw
            ))),
            raw => Ok(unescaped(raw)),
        }
    }

    /// Whether it ends with `~` or `~2`.
    pub(super) fn is_fuzzy(&self) -> bool {
        let parts = self.raw.rsplit_once('~');
        parts.is_some_and(|(word, distance)| {
            let number = |byte: u8| byte.is_ascii_digit() || byte == b'.';
            !word.is_empty() && !word.ends_with('\\') && distance.bytes().all(number)
        })
    }

    /// Just `*`.
    pub(super) fn is_star(&self) -> bool {
        self.raw == "*"
    }

    /// Whether a `*` or `?` in it is not escaped.
    pub(super) fn has_wildcards(&self) -> bool {
        self.wildcards() > 0
    }

    /// What comes before the one `*` at the end.
    pub(super) fn prefix(&self) -> Option<String> {
        let before = self.raw.strip_suffix('*')?;
        (self.wildcards() == 1 && !before.ends_with('\\')).then(|| unescaped(before))
    }

    fn wildcards(&self) -> usize {
        let mut escaped = false;
        let mut count = 0;
        for c in self.raw.chars() {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '*' | '?' => count += 1,
                _ => {}
            }
        }
        count
    }
}
