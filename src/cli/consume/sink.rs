//! Where consumed records go: stdout at once, or the envelope at the end.

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::{Value, json};

use super::Args;
use crate::cli::context::{Context, Format};
use crate::cli::outcome::{Failure, Outcome};
use crate::protocol::records::Record;

/// With `--json` all records are held until the end; more than this must be asked for.
const MAX_IN_ENVELOPE: u64 = 10_000;

/// Where records go: stdout at once, or the envelope at the end.
pub(super) struct Sink<'a> {
    topic: &'a str,
    format: Style<'a>,
    /// Records that are still wanted.
    left: u64,
    /// Whether an envelope is cut at our limit, not at the user's.
    limited: bool,
    read: u64,
}

enum Style<'a> {
    Template(&'a str),
    JsonLines,
    Envelope(Vec<Value>),
}

impl<'a> Sink<'a> {
    pub(super) fn new(context: &Context, args: &'a Args) -> Self {
        let format = match (context.format, args.format.as_str()) {
            (Format::Json, _) => Style::Envelope(Vec::new()),
            (Format::Text, "json") => Style::JsonLines,
            (Format::Text, template) => Style::Template(template),
        };
        let envelope = matches!(format, Style::Envelope(_));
        let all = if envelope { MAX_IN_ENVELOPE } else { u64::MAX };
        Self {
            topic: &args.topic,
            format,
            left: args.max.unwrap_or(all),
            limited: envelope && args.max.is_none(),
            read: 0,
        }
    }

    /// Whether no more records are wanted.
    pub(super) fn is_full(&self) -> bool {
        self.left == 0
    }

    /// Prints the records that are wanted; returns the offset after the last one of them.
    pub(super) fn take(
        &mut self,
        partition: u32,
        records: &[Record],
    ) -> Result<Option<i64>, Failure> {
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX);
        let records = &records[..records.len().min(wanted)];
        self.left -= records.len() as u64;
        self.read += records.len() as u64;
        let mut out = Vec::new();
        for record in records {
            match &mut self.format {
                Style::Template(template) => {
                    fill(&mut out, template, self.topic, partition, record);
                }
                Style::JsonLines => out.extend(as_json(partition, record).to_string().into_bytes()),
                Style::Envelope(all) => {
                    all.push(as_json(partition, record));
                    continue;
                }
            }
            out.push(b'\n');
        }
        print(&out)?;
        Ok(records.last().map(|record| record.offset + 1))
    }

    /// The outcome, with the offset to go on from in each partition.
    pub(super) fn conclude(self, positions: &BTreeMap<u32, i64>) -> Outcome {
        let position =
            |(partition, offset)| json!({ "partition": partition, "next_offset": offset });
        let positions: Vec<Value> = positions.iter().map(position).collect();
        let messages = match self.format {
            Style::Envelope(all) => all,
            Style::Template(_) | Style::JsonLines => Vec::new(),
        };
        let outcome = Outcome::new(json!({
            "topic": self.topic,
            "count": self.read,
            "messages": messages,
            "positions": positions,
        }));
        if self.limited && self.left == 0 {
            let warning = format!("stopped after {MAX_IN_ENVELOPE} messages; --max asks for more");
            return outcome.with_warnings(vec![warning]);
        }
        outcome
    }
}

/// Values are printed as they are, text or not.
fn print(out: &[u8]) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    let printed = stdout.write_all(out).and_then(|()| stdout.flush());
    printed.map_err(|error| Failure::stdout(&error))
}

fn as_json(partition: u32, record: &Record) -> Value {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers = record
        .headers
        .iter()
        .map(|(key, value)| json!({ "key": text(key), "value": value.as_deref().map(text) }));
    json!({
        "partition": partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "key": record.key.as_deref().map(text),
        "value": record.value.as_deref().map(text),
        "headers": headers.collect::<Vec<_>>(),
    })
}

/// Puts a record into a template; what is in braces and no name stays as it is.
fn fill(out: &mut Vec<u8>, template: &str, topic: &str, partition: u32, record: &Record) {
    let mut rest = template;
    while let Some(at) = rest.find(['{', '\\']) {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        rest = &rest[at..];
        let taken = escape(out, rest).or_else(|| field(out, rest, topic, partition, record));
        let taken = taken.unwrap_or_else(|| {
            out.push(rest.as_bytes()[0]);
            1
        });
        rest = &rest[taken..];
    }
    out.extend_from_slice(rest.as_bytes());
}

/// Bytes of the template that were an escape, if they were.
fn escape(out: &mut Vec<u8>, rest: &str) -> Option<usize> {
    let byte = match rest.get(..2)? {
        "\\t" => b'\t',
        "\\n" => b'\n',
        "\\\\" => b'\\',
        _ => return None,
    };
    out.push(byte);
    Some(2)
}

/// Bytes of the template that were a field, if they were.
fn field(
    out: &mut Vec<u8>,
    rest: &str,
    topic: &str,
    partition: u32,
    record: &Record,
) -> Option<usize> {
    let name = rest.strip_prefix('{')?.split_once('}')?.0;
    match name {
        "topic" => out.extend_from_slice(topic.as_bytes()),
        "partition" => out.extend(partition.to_string().bytes()),
        "offset" => out.extend(record.offset.to_string().bytes()),
        "timestamp" => out.extend(record.timestamp.to_string().bytes()),
        "key" => out.extend_from_slice(record.key.as_deref().unwrap_or_default()),
        "value" => out.extend_from_slice(record.value.as_deref().unwrap_or_default()),
        _ => return None,
    }
    Some(name.len() + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: &str) -> String {
        let record = Record {
            offset: 7,
            timestamp: 1000,
            key: Some("k".into()),
            value: Some("v{key}".into()),
            headers: Vec::new(),
        };
        let mut out = Vec::new();
        fill(&mut out, template, "t", 2, &record);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_template_is_filled_once() {
        assert_eq!(filled("{value}"), "v{key}");
        assert_eq!(
            filled("{topic}/{partition}@{offset}\\t{key} {timestamp}"),
            "t/2@7\tk 1000"
        );
    }

    #[test]
    fn what_is_no_field_stays() {
        assert_eq!(
            filled("{\"v\": \"{value}\"} {x} \\q {"),
            "{\"v\": \"v{key}\"} {x} \\q {"
        );
    }
}
