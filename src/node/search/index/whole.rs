//! Whole texts as single words, up to a number of characters.

use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

/// Characters of a text that has a column (sort, aggregations, whole values), as Elasticsearch's
/// `ignore_above`. Tantivy's own filter counts bytes.
const LONGEST: usize = 256;

/// Whether a text is short enough to be a whole value.
pub(in crate::node::search) fn is_whole(text: &str) -> bool {
    text.len() <= LONGEST || text.chars().nth(LONGEST).is_none()
}

/// Makes one word of a text, and none of one that is too long.
#[derive(Debug, Clone, Default)]
pub(super) struct WholeTokenizer {
    token: Token,
}

/// The one word.
pub(super) struct WholeStream<'a> {
    token: &'a mut Token,
    is_left: bool,
}

impl Tokenizer for WholeTokenizer {
    type TokenStream<'a> = WholeStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> WholeStream<'a> {
        let is_left = is_whole(text);
        self.token.reset();
        if is_left {
            self.token.position = 0;
            self.token.position_length = 1;
            self.token.offset_to = text.len();
            self.token.text.push_str(text);
        }
        WholeStream {
            token: &mut self.token,
            is_left,
        }
    }
}

impl TokenStream for WholeStream<'_> {
    fn advance(&mut self) -> bool {
        std::mem::take(&mut self.is_left)
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let mut tokenizer = WholeTokenizer::default();
        let mut words = Vec::new();
        tokenizer
            .token_stream(text)
            .process(&mut |token| words.push(token.text.clone()));
        words
    }

    #[test]
    fn characters_are_counted() {
        for text in ["", "A b", &"ü".repeat(LONGEST), &"😀".repeat(LONGEST)] {
            assert_eq!(words(text), [text]);
        }
        for text in ["x".repeat(LONGEST + 1), "ü".repeat(LONGEST + 1)] {
            assert!(words(&text).is_empty() && !is_whole(&text));
        }
    }
}
