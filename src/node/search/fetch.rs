//! Reading records from the log as documents.

use std::collections::HashMap;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::answer::{Document, SearchError};
use super::highlight::Marker;
use super::index::entry::{MESSAGE, own_object};
use super::question::{Source, Wanted};
use crate::node::storage::GroupLog;
use crate::protocol::records::{Batches, Record, Records};

/// Records of one request.
const MOST_RECORDS: usize = 10_000;
/// Bytes of an answer after which no further record is read: who wants more asks again, so that
/// no message between nodes is large.
const MOST_BYTES: usize = 1 << 20;

/// The wanted records that are committed and still there, in the order of `wanted`; without the
/// last ones when the answer is full.
pub(super) fn fetch(
    log: &GroupLog,
    below: i64,
    wanted: &Wanted,
) -> Result<Vec<Document>, SearchError> {
    if wanted.offsets.len() > MOST_RECORDS {
        let what = format!("more than {MOST_RECORDS} records at once");
        return Err(SearchError::TooMuch(what));
    }
    let marker = wanted.highlight.as_ref().map(Marker::new).transpose()?;
    let mut documents = Vec::with_capacity(wanted.offsets.len());
    let (mut batches, mut bytes) = (Opened::default(), 0);
    for offset in &wanted.offsets {
        if bytes > MOST_BYTES {
            break;
        }
        if *offset < log.log_start() || *offset >= below {
            continue;
        }
        if let Some(record) = batches.record(log, *offset, below)? {
            let document = document(record, wanted.source, marker.as_ref());
            bytes += weight(record, &document);
            documents.push(document);
        }
    }
    Ok(documents)
}

/// The records of the batch that was read last: neighbours are often wanted together.
#[derive(Default)]
struct Opened {
    records: HashMap<i64, Record>,
}

impl Opened {
    fn record(
        &mut self,
        log: &GroupLog,
        offset: i64,
        below: i64,
    ) -> Result<Option<&Record>, SearchError> {
        if !self.records.contains_key(&offset) {
            let batches = match log.read_batches(offset, below, 1) {
                Ok(batches) => batches,
                // Retention was faster.
                Err(_) if offset < log.log_start() => return Ok(None),
                Err(error) => return Err(SearchError::Failed(format!("the log: {error}"))),
            };
            self.records = open(batches)?;
        }
        Ok(self.records.get(&offset))
    }
}

fn open(batches: Bytes) -> Result<HashMap<i64, Record>, SearchError> {
    let failed = |error| SearchError::Failed(format!("a batch of the log: {error}"));
    let mut opened = HashMap::new();
    for batch in Batches::new(batches) {
        let records = Records::of(&batch.map_err(failed)?).map_err(failed)?;
        opened.extend(
            records
                .map_while(Result::ok)
                .map(|record| (record.offset, record)),
        );
    }
    Ok(opened)
}

/// About the bytes that a record takes in an answer.
fn weight(record: &Record, document: &Document) -> usize {
    let length = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
    let headers = record.headers.iter();
    let headers = headers.map(|(name, value)| name.len() + length(value));
    let marks = document.highlight.values().flatten().map(String::len);
    let source = document.source.as_ref().map_or(0, String::len);
    length(&record.key) + headers.sum::<usize>() + marks.sum::<usize>() + source
}

fn document(record: &Record, wanted: Source, marker: Option<&Marker>) -> Document {
    let is_read = wanted == Source::Whole || marker.is_some();
    let value = record.value.as_deref().filter(|_| is_read);
    let (value, written) = value.map_or((Value::Null, String::from("null")), source);
    let highlight = marker.map(|marker| marker.mark(&value)).unwrap_or_default();
    let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
    let headers = record.headers.iter();
    Document {
        offset: record.offset,
        timestamp: record.timestamp,
        key: record.key.as_ref().map(text),
        headers: headers
            .map(|(name, value)| (text(name), value.as_ref().map(text)))
            .collect(),
        source: (wanted == Source::Whole).then_some(written),
        highlight,
    }
}

/// The value as an object, and how it is written: an own one as it was produced, because neither
/// its numbers nor its order would survive. What is no text is shown as well as can be.
fn source(value: &[u8]) -> (Value, String) {
    if let Ok(text) = std::str::from_utf8(value)
        && let Some(object) = own_object(text)
    {
        return (Value::Object(object), text.trim().to_owned());
    }
    let text = String::from_utf8_lossy(value).into_owned();
    let message = Map::from_iter([(MESSAGE.to_owned(), Value::String(text))]);
    let message = Value::Object(message);
    let written = message.to_string();
    (message, written)
}
