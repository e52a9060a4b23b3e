//! What of a record is indexed, and how its text becomes words.
//!
//! Nothing is stored: a hit is an offset, and the record is read from the log.
//!
//! | field | holds |
//! |---|---|
//! | `doc` | the value's JSON object (plain text is `{"message": TEXT}`): words, and columns of whole values |
//! | `all` | the words of all text and the whole numbers of the value, of the key and the headers |
//! | `key`, `headers` | as they were sent, not as words |
//! | `long` | the paths of texts that are too long for a column |
//! | `partition`, `offset`, `timestamp` | columns |
//! | `moment` | the document's own `@timestamp`, else `timestamp`: a column |

use std::sync::LazyLock;

use tantivy::schema::{
    DateOptions, DateTimePrecision, FAST, Field, IndexRecordOption, JsonObjectOptions, Schema,
    TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::{
    LowerCaser, RemoveLongFilter, SimpleTokenizer, TextAnalyzer, TokenizerManager,
};

use super::whole::WholeTokenizer;

/// The format of splits: another one is built again. Raise it with every change here or in
/// [`super::document`].
pub(in crate::node::search) const FORMAT: u32 = 3;
/// Text is cut into words at everything that is no letter and no digit, in lower case.
pub(in crate::node::search) const WORDS: &str = "words";
/// Text is one word.
pub(in crate::node::search) const WHOLE: &str = "whole";
/// Bytes of a word; a longer one is none.
const LONGEST_WORD: usize = 255;

/// The fields of the one schema.
pub(in crate::node::search) struct Fields {
    pub(in crate::node::search) schema: Schema,
    pub(in crate::node::search) doc: Field,
    pub(in crate::node::search) all: Field,
    pub(in crate::node::search) key: Field,
    pub(in crate::node::search) headers: Field,
    pub(in crate::node::search) long: Field,
    pub(in crate::node::search) partition: Field,
    pub(in crate::node::search) offset: Field,
    pub(in crate::node::search) timestamp: Field,
    pub(in crate::node::search) moment: Field,
}

/// The one schema.
pub(in crate::node::search) static FIELDS: LazyLock<Fields> = LazyLock::new(|| {
    let mut schema = Schema::builder();
    let time = DateOptions::default()
        .set_fast()
        .set_precision(DateTimePrecision::Milliseconds);
    let doc = schema.add_json_field("doc", json(words()));
    let all = schema.add_text_field("all", TextOptions::default().set_indexing_options(words()));
    let key = schema.add_text_field("key", whole().set_fast(WHOLE));
    let headers = schema.add_json_field("headers", json(raw()));
    let long = schema.add_text_field("long", whole());
    let partition = schema.add_i64_field("partition", FAST);
    let offset = schema.add_i64_field("offset", FAST);
    let timestamp = schema.add_date_field("timestamp", time.clone());
    let moment = schema.add_date_field("moment", time);
    Fields {
        schema: schema.build(),
        doc,
        all,
        key,
        headers,
        long,
        partition,
        offset,
        timestamp,
        moment,
    }
});

fn words() -> TextFieldIndexing {
    TextFieldIndexing::default()
        .set_tokenizer(WORDS)
        .set_index_option(IndexRecordOption::WithFreqsAndPositions)
}

fn raw() -> TextFieldIndexing {
    TextFieldIndexing::default()
        .set_tokenizer(WHOLE)
        .set_fieldnorms(false)
        .set_index_option(IndexRecordOption::Basic)
}

fn whole() -> TextOptions {
    TextOptions::default().set_indexing_options(raw())
}

fn json(indexing: TextFieldIndexing) -> JsonObjectOptions {
    JsonObjectOptions::default()
        .set_indexing_options(indexing)
        .set_fast(WHOLE)
        .set_expand_dots_enabled()
}

/// The tokenizers by the names above, for words and for columns.
pub(in crate::node::search) fn tokenizers() -> TokenizerManager {
    // Fields without text want the default ones to be there.
    let tokenizers = TokenizerManager::default();
    tokenizers.register(WORDS, word_analyzer());
    tokenizers.register(WHOLE, WholeTokenizer::default());
    tokenizers
}

/// What makes words of text.
pub(in crate::node::search) fn word_analyzer() -> TextAnalyzer {
    TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(LONGEST_WORD + 1))
        .filter(LowerCaser)
        .build()
}
