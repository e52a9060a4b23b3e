//! A record as it is indexed.
//!
//! Anything that a producer can send is indexed: what is too deep, too wide or no text is left
//! out, and the record is still found by what is left, by its key and by its offset.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};
use tantivy::DateTime;
use tantivy::schema::{Document, Field, OwnedValue};

use super::moment;
use super::schema::FIELDS;
use super::whole::is_whole;
use crate::node::search::Kind;
use crate::node::search::answer::note;
use crate::protocol::records::Record;

/// Objects and arrays within each other that are looked into.
const DEEPEST: usize = 20;
/// Values of one record that are indexed by their path.
const MOST_VALUES: usize = 1000;
/// Stands in `long` for the key; no path is it.
pub(in crate::node::search) const LONG_KEY: &str = "\0key";
/// Bytes of a path and of a header's name.
const LONGEST_NAME: usize = 512;
/// Headers of one record.
const MOST_HEADERS: usize = 100;
/// Paths of one split; what comes under another one is found as text only.
pub(super) const MOST_PATHS: usize = 2000;
/// New paths that one record brings: one absurd record does not take the room of all others.
const MOST_NEW_PATHS: usize = 250;
/// Separators of tantivy's own.
const RESERVED: [char; 2] = ['\0', '\u{1}'];

/// The kinds of value by path, of a split.
pub(super) type Kinds = BTreeMap<String, Kind>;

/// Where a document says when it was.
const MOMENT: &str = "@timestamp";
/// Where a value's plain text is.
pub(in crate::node::search) const MESSAGE: &str = "message";

/// One record's fields.
#[derive(Debug)]
pub(super) struct Entry {
    /// What is no text of the value.
    fields: Vec<(Field, OwnedValue)>,
    /// The value's object.
    doc: Option<OwnedValue>,
}

impl Document for Entry {
    type Value<'a> = &'a OwnedValue;
    type FieldsValuesIter<'a> = std::vec::IntoIter<(Field, &'a OwnedValue)>;

    fn iter_fields_and_values(&self) -> Self::FieldsValuesIter<'_> {
        let mut all = Vec::with_capacity(self.fields.len() + 8);
        all.extend(self.fields.iter().map(|(field, value)| (*field, value)));
        if let Some(doc) = &self.doc {
            all.push((FIELDS.doc, doc));
            texts(doc, &mut all);
        }
        all.into_iter()
    }
}

/// The texts of the value are in `all` too, without a copy.
fn texts<'a>(value: &'a OwnedValue, all: &mut Vec<(Field, &'a OwnedValue)>) {
    match value {
        OwnedValue::Str(_) => all.push((FIELDS.all, value)),
        OwnedValue::Array(values) => values.iter().for_each(|value| texts(value, all)),
        OwnedValue::Object(fields) => fields.iter().for_each(|(_, value)| texts(value, all)),
        _ => {}
    }
}

/// A record's value as the object that it is, or `{"message": TEXT}`; `None` when it is no text.
pub(in crate::node::search) fn object(value: &[u8]) -> Option<Map<String, Json>> {
    let text = std::str::from_utf8(value).ok()?;
    own_object(text).or_else(|| {
        let message = Json::String(text.to_owned());
        Some(Map::from_iter([(MESSAGE.to_owned(), message)]))
    })
}

/// The object that a text is.
pub(in crate::node::search) fn own_object(text: &str) -> Option<Map<String, Json>> {
    let is_one = text.trim_start().starts_with('{');
    is_one.then(|| serde_json::from_str(text).ok()).flatten()
}

/// The entry of a record. Paths that are new go into `kinds`.
pub(super) fn entry(partition: u32, record: &Record, kinds: &mut Kinds) -> Entry {
    let mut fields = place(partition, record);
    if let Some(key) = record.key.as_deref().and_then(text) {
        if is_whole(key) {
            fields.push((FIELDS.key, OwnedValue::Str(key.to_owned())));
        } else {
            fields.push((FIELDS.long, OwnedValue::Str(LONG_KEY.to_owned())));
        }
        fields.push((FIELDS.all, OwnedValue::Str(key.to_owned())));
    }
    fields.extend(headers(record));
    let object = record.value.as_deref().and_then(object);
    let own = object.as_ref().and_then(own_moment);
    if let Some(moment) = own.or_else(|| time(record.timestamp)) {
        fields.push((FIELDS.moment, OwnedValue::Date(moment)));
    }
    let doc = object.map(|object| {
        let mut walk = Walk::new(kinds, &mut fields);
        let doc = walk.object(object, DEEPEST);
        OwnedValue::Object(doc)
    });
    Entry { fields, doc }
}

/// The entry of a record whose content cannot be indexed.
pub(super) fn bare(partition: u32, record: &Record) -> Entry {
    let mut fields = place(partition, record);
    let time = time(record.timestamp);
    fields.extend(time.map(|time| (FIELDS.moment, OwnedValue::Date(time))));
    Entry { fields, doc: None }
}

fn place(partition: u32, record: &Record) -> Vec<(Field, OwnedValue)> {
    let mut fields = vec![
        (FIELDS.partition, OwnedValue::I64(i64::from(partition))),
        (FIELDS.offset, OwnedValue::I64(record.offset)),
    ];
    if let Some(time) = time(record.timestamp) {
        fields.push((FIELDS.timestamp, OwnedValue::Date(time)));
    }
    fields
}

/// When a document says that it was: a date, or ms since the epoch.
fn own_moment(object: &Map<String, Json>) -> Option<DateTime> {
    match object.get(MOMENT)? {
        Json::String(text) => moment::parse(text),
        value => value.as_i64().and_then(time),
    }
}

/// A time that a column can hold.
fn time(timestamp: i64) -> Option<DateTime> {
    let fits = timestamp >= 0 && timestamp.checked_mul(1_000_000).is_some();
    fits.then(|| DateTime::from_timestamp_millis(timestamp))
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

fn headers(record: &Record) -> Vec<(Field, OwnedValue)> {
    let mut named: BTreeMap<&str, Vec<OwnedValue>> = BTreeMap::new();
    let mut fields = Vec::new();
    for (name, value) in record.headers.iter().take(MOST_HEADERS) {
        let name = text(name).filter(|name| is_name(name));
        let value = value.as_deref().and_then(text);
        if let (Some(name), Some(value)) = (name, value) {
            let value = OwnedValue::Str(value.to_owned());
            fields.push((FIELDS.all, value.clone()));
            named.entry(name).or_default().push(value);
        }
    }
    if !named.is_empty() {
        let named = named.into_iter();
        let named = named.map(|(name, values)| (name.to_owned(), OwnedValue::Array(values)));
        fields.push((FIELDS.headers, OwnedValue::Object(named.collect())));
    }
    fields
}

fn is_name(name: &str) -> bool {
    name.len() <= LONGEST_NAME && !name.contains(RESERVED)
}

/// A walk through one record's value.
struct Walk<'a> {
    kinds: &'a mut Kinds,
    /// What goes to other fields than `doc`.
    aside: &'a mut Vec<(Field, OwnedValue)>,
    path: String,
    values: usize,
    new_paths: usize,
}

impl<'a> Walk<'a> {
    fn new(kinds: &'a mut Kinds, aside: &'a mut Vec<(Field, OwnedValue)>) -> Self {
        Self {
            kinds,
            aside,
            path: String::new(),
            values: 0,
            new_paths: 0,
        }
    }

    fn object(&mut self, object: Map<String, Json>, deeper: usize) -> Vec<(String, OwnedValue)> {
        let mut fields = Vec::with_capacity(object.len().min(MOST_VALUES));
        for (name, value) in object {
            let parent = self.path.len();
            if parent > 0 {
                self.path.push('.');
            }
            self.path.push_str(&name);
            let is_named = !name.contains(RESERVED) && self.path.len() <= LONGEST_NAME;
            let value = if is_named {
                self.value(value, deeper)
            } else {
                self.nameless(value, deeper)
            };
            if let Some(value) = value {
                fields.push((name, value));
            }
            self.path.truncate(parent);
        }
        fields
    }

    fn value(&mut self, value: Json, deeper: usize) -> Option<OwnedValue> {
        let (value, kind) = match value {
            Json::Null => return None,
            Json::Array(_) | Json::Object(_) if deeper == 0 => return self.nameless(value, 0),
            Json::Array(values) => {
                let values = values.into_iter();
                let values = values.filter_map(|value| self.value(value, deeper - 1));
                return Some(OwnedValue::Array(values.collect()));
            }
            Json::Object(object) => {
                return Some(OwnedValue::Object(self.object(object, deeper - 1)));
            }
            Json::Bool(truth) => (OwnedValue::Bool(truth), Kind::Boolean),
            Json::Number(number) => self.number(&number)?,
            Json::String(text) => self.text(text),
        };
        self.values += 1;
        if self.values <= MOST_VALUES && self.knows(kind) {
            return Some(value);
        }
        if let OwnedValue::Str(_) = value {
            self.aside.push((FIELDS.all, value));
        }
        None
    }

    fn number(&mut self, number: &serde_json::Number) -> Option<(OwnedValue, Kind)> {
        if let Some(whole) = number.as_i64() {
            let words = OwnedValue::Str(whole.to_string());
            self.aside.push((FIELDS.all, words));
            return Some((OwnedValue::I64(whole), Kind::Long));
        }
        // Beyond 63 bits it is compared as a fraction, so that a path has one kind of number.
        let number = number.as_f64().filter(|number| number.is_finite())?;
        Some((OwnedValue::F64(number), Kind::Double))
    }

    fn text(&mut self, text: String) -> (OwnedValue, Kind) {
        if let Some(moment) = moment::parse(&text) {
            self.aside.push((FIELDS.all, OwnedValue::Str(text)));
            return (OwnedValue::Date(moment), Kind::Date);
        }
        if !is_whole(&text) {
            self.note_long();
        }
        (OwnedValue::Str(text), Kind::Text)
    }

    /// This path and those of the objects around it have a value that is in no column.
    fn note_long(&mut self) {
        let dots = self.path.match_indices('.').map(|(at, _)| at);
        for end in dots.chain([self.path.len()]) {
            let path = OwnedValue::Str(self.path[..end].to_owned());
            self.aside.push((FIELDS.long, path));
        }
    }

    /// Whether this path has its place in the split; a new one takes one while there are some.
    fn knows(&mut self, kind: Kind) -> bool {
        if !self.kinds.contains_key(&self.path) {
            if self.kinds.len() >= MOST_PATHS || self.new_paths >= MOST_NEW_PATHS {
                return false;
            }
            self.new_paths += 1;
        }
        note(self.kinds, &self.path, kind);
        true
    }

    /// What has no path of its own is found as text.
    fn nameless(&mut self, value: Json, deeper: usize) -> Option<OwnedValue> {
        match value {
            Json::String(text) => self.aside.push((FIELDS.all, OwnedValue::Str(text))),
            Json::Array(values) if deeper > 0 => {
                for value in values {
                    self.nameless(value, deeper - 1);
                }
            }
            Json::Object(object) if deeper > 0 => {
                for (_, value) in object {
                    self.nameless(value, deeper - 1);
                }
            }
            _ => {}
        }
        None
    }
}
