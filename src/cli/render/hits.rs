//! Hits of a search as a table: where, when, the key, and the document with its matches marked.
//!
//! What comes from records is escaped: no record drives a terminal.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use console::{measure_text_width, truncate_str};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::table::GAP;
use super::{Style, Table, clock, counted, document, to_raw};
use crate::supervisor::escape;

/// Set around matches by the node: private characters that mean nothing in a text.
pub(in crate::cli) const OPEN: char = '\u{e000}';
/// The end of a match.
pub(in crate::cli) const CLOSE: char = '\u{e001}';
/// How wide a document is in a table that no terminal limits.
const MOST: usize = 500;
/// How wide a key is at most.
const MOST_KEY: usize = 40;
/// How wide a key and a document are at least.
const LEAST: usize = 12;
/// How wide a time is.
const TIME: usize = "1970-01-01T00:00:00.000Z".len();

/// An answer of `_search`, as far as it is shown.
#[derive(Debug)]
pub(in crate::cli) struct Found {
    /// Hits counted.
    pub(in crate::cli) total: u64,
    /// Whether there may be more.
    pub(in crate::cli) at_least: bool,
    /// How long the node took.
    pub(in crate::cli) took_ms: u64,
    /// Committed records that were not searched.
    pub(in crate::cli) lag: u64,
    /// The page.
    pub(in crate::cli) hits: Vec<Hit>,
    shards: Value,
}

/// The same as the node writes it.
#[derive(Debug, Deserialize)]
struct Answer {
    took: u64,
    hits: Page,
    #[serde(rename = "_shards")]
    shards: Value,
    #[serde(rename = "_chronik")]
    progress: Progress,
}

#[derive(Debug, Deserialize)]
struct Page {
    total: Total,
    hits: Vec<Hit>,
}

#[derive(Debug, Deserialize)]
struct Total {
    value: u64,
    relation: String,
}

#[derive(Debug, Deserialize)]
struct Progress {
    lag: u64,
}

/// The envelope's data.
#[derive(Serialize)]
struct Data<'a> {
    hits: Vec<HitData<'a>>,
    lag: u64,
    partitions: Value,
    query: Option<&'a str>,
    took_ms: u64,
    topic: &'a str,
    total: u64,
    total_is_exact: bool,
}

#[derive(Serialize)]
struct HitData<'a> {
    document: Box<RawValue>,
    headers: &'a Value,
    key: Option<&'a str>,
    offset: i64,
    partition: u32,
    score: Option<f64>,
    timestamp: Option<i64>,
    topic: &'a str,
}

/// One hit.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct Hit {
    #[serde(rename = "_index")]
    topic: String,
    #[serde(rename = "_partition")]
    partition: u32,
    #[serde(rename = "_offset")]
    offset: i64,
    #[serde(rename = "_timestamp")]
    timestamp: Option<i64>,
    #[serde(rename = "_key")]
    key: Option<String>,
    #[serde(rename = "_headers", default)]
    headers: Value,
    #[serde(rename = "_score")]
    score: Option<f64>,
    #[serde(rename = "_source")]
    source: Box<RawValue>,
    #[serde(default)]
    sort: Vec<Value>,
    #[serde(default)]
    highlight: BTreeMap<String, Vec<String>>,
}

impl Found {
    /// Reads an answer; `None` when it is none.
    pub(in crate::cli) fn read(answer: &[u8]) -> Option<Self> {
        let answer: Answer = serde_json::from_slice(answer).ok()?;
        Some(Self {
            total: answer.hits.total.value,
            at_least: answer.hits.total.relation == "gte",
            took_ms: answer.took,
            lag: answer.progress.lag,
            hits: answer.hits.hits,
            shards: answer.shards,
        })
    }

    /// The envelope's data.
    pub(in crate::cli) fn data(&self, topic: &str, query: Option<&str>) -> Box<RawValue> {
        to_raw(&Data {
            topic,
            query,
            total: self.total,
            total_is_exact: !self.at_least,
            took_ms: self.took_ms,
            lag: self.lag,
            partitions: json!({
                "asked": self.shards["total"],
                "answered": self.shards["successful"],
                "failures": self.shards.get("failures").cloned().unwrap_or_else(|| json!([])),
            }),
            hits: self.hits.iter().map(Hit::data).collect(),
        })
    }

    /// Whether every partition answered.
    pub(in crate::cli) fn is_whole(&self) -> bool {
        self.shards["failures"].as_array().is_none_or(Vec::is_empty)
    }

    /// Partitions that did not answer, and an order that none of the hits has.
    pub(in crate::cli) fn warnings(&self) -> Vec<String> {
        self.silent().into_iter().chain(self.unsorted()).collect()
    }

    fn unsorted(&self) -> Option<String> {
        let asked = self.hits.first().is_some_and(|hit| !hit.sort.is_empty());
        let values = || self.hits.iter().flat_map(|hit| &hit.sort);
        let why = "no hit has the field to sort by, so they have no order";
        (asked && values().all(Value::is_null)).then(|| why.to_owned())
    }

    fn silent(&self) -> Option<String> {
        let failures = self.shards["failures"].as_array();
        let failures = failures.map_or(&[][..], Vec::as_slice);
        let first = failures.first()?;
        let reason = first["reason"]["reason"].as_str().unwrap_or_default();
        let count = counted(failures.len() as u64, "partition");
        Some(format!(
            "{count} of {} did not answer ({}/{}: {})",
            self.shards["total"],
            escape(first["index"].as_str().unwrap_or_default()),
            first["shard"],
            escape(reason)
        ))
    }
}

impl Hit {
    fn data(&self) -> HitData<'_> {
        HitData {
            topic: &self.topic,
            partition: self.partition,
            offset: self.offset,
            timestamp: self.timestamp,
            key: self.key.as_deref(),
            headers: &self.headers,
            score: self.score,
            document: document::compact(&self.source),
        }
    }

    fn place(&self, asked: &str) -> String {
        let place = format!("{}-{}", self.partition, self.offset);
        if self.topic == asked {
            place
        } else {
            format!("{}/{place}", self.topic)
        }
    }

    fn key(&self) -> String {
        let key = self.key.as_deref().map(shown);
        key.unwrap_or_else(|| String::from("-"))
    }

    fn time(&self) -> String {
        let ms = self.timestamp.and_then(|ms| u64::try_from(ms).ok());
        let time = ms.and_then(|ms| UNIX_EPOCH.checked_add(Duration::from_millis(ms)));
        time.map_or_else(|| String::from("-"), clock::timestamp)
    }

    /// The document with its marks: the text of a plain one, else JSON.
    fn document(&self) -> String {
        document::marked(&self.source, &self.highlight)
    }
}

/// The hits as a table; empty without any. On a terminal each hit is a line of it.
pub(in crate::cli) fn table(found: &Found, asked: &str, style: Style) -> String {
    if found.hits.is_empty() {
        return String::new();
    }
    let keys = found.hits.iter().map(Hit::key);
    let keys: Vec<String> = keys.collect();
    let places = found.hits.iter().map(|hit| escape(&hit.place(asked)));
    let places: Vec<String> = places.collect();
    let room = Room::of(&places, &keys, style.columns());
    let mut table = Table::new(&["RECORD", "TIME", "KEY", "DOCUMENT"]);
    for ((hit, place), key) in found.hits.iter().zip(places).zip(keys) {
        table.add_row([
            place,
            hit.time(),
            truncate_str(&key, room.key, "…").into_owned(),
            marked(&hit.document(), room.document, style),
        ]);
    }
    table.text()
}

/// How wide the columns are that can be shortened.
#[derive(Debug, PartialEq, Eq)]
struct Room {
    key: usize,
    document: usize,
}

impl Room {
    /// A place and a time are shown whole, whatever there is room for.
    fn of(places: &[String], keys: &[String], columns: Option<u16>) -> Self {
        let widest = |texts: &[String]| texts.iter().map(|text| measure_text_width(text)).max();
        let key = widest(keys).unwrap_or(0).max("KEY".len());
        let Some(columns) = columns else {
            return Self {
                key: key.min(MOST_KEY),
                document: MOST,
            };
        };
        let place = widest(places).unwrap_or(0).max("RECORD".len());
        let left = usize::from(columns).saturating_sub(place + TIME + 3 * GAP);
        let key = key.min(MOST_KEY).min((left / 3).max(LEAST));
        let document = left.saturating_sub(key).max(LEAST);
        Self { key, document }
    }
}

/// Escaped, cut around the first match, and with the matches marked: bold where there is colour,
/// between `«` and `»` where there is none.
fn marked(text: &str, width: usize, style: Style) -> String {
    let (from, is_cut) = beginning(text, width);
    let mut out = String::from(if is_cut { "…" } else { "" });
    // What is wider than the column is not worth painting.
    let part: String = text[from..].chars().take(4 * width).collect();
    let ends_early = part.len() < text.len() - from;
    for (index, piece) in part.split(OPEN).enumerate() {
        let (inside, outside) = match piece.split_once(CLOSE) {
            Some(parts) if index > 0 => parts,
            None if index > 0 && ends_early => (piece, ""),
            _ => ("", piece),
        };
        if !inside.is_empty() {
            out.push_str(&style.found(&shown(inside)));
        }
        out.push_str(&shown(outside));
    }
    truncate_str(&out, width, "…").into_owned()
}

/// Where a text begins whose first match would not be seen otherwise, and whether that is later.
fn beginning(text: &str, width: usize) -> (usize, bool) {
    let Some(open) = text.find(OPEN) else {
        return (0, false);
    };
    let before = &text[..open];
    let wide = |text: &str| measure_text_width(&shown(text));
    if before.chars().take(width).count() < width && wide(before) + LEAST <= width * 2 / 3 {
        return (0, false);
    }
    if measure_text_width(&shown(&text.chars().take(2 * width).collect::<String>())) <= width {
        return (0, false);
    }
    let mut kept = 0;
    let mut chars = before.char_indices().rev();
    let first = chars.find(|(_, c)| {
        kept += wide(c.encode_utf8(&mut [0; 4]));
        kept > width / 3
    });
    first.map_or((0, false), |(at, c)| (at + c.len_utf8(), true))
}

/// A text of a record as it goes to a terminal.
fn shown(text: &str) -> String {
    escape(&text.replace([OPEN, CLOSE], "")).replace('\t', "\\t")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(hit: &Value) -> Found {
        let answer = json!({
            "took": 3,
            "_shards": { "total": 3, "successful": 2, "failed": 1, "failures": [
                { "index": "orders", "shard": 1, "reason": { "reason": "the partition has no leader" } },
            ] },
            "hits": { "total": { "value": 1, "relation": "eq" }, "hits": [hit] },
            "_chronik": { "lag": 0 },
        });
        Found::read(answer.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_hit_is_a_line_with_its_matches_marked() {
        let hit = json!({
            "_index": "orders", "_partition": 0, "_offset": 7, "_timestamp": 0, "_key": "k\u{1b}[1m",
            "_score": 1.5, "_source": { "n": 1, "user": { "name": "ann b" } },
            "highlight": { "user.name": ["\u{e000}ann\u{e001} b"], "n": ["\u{e000}1\u{e001}"] },
        });
        let text = table(&found(&hit), "orders", Style::plain());
        let line = text.lines().last().unwrap();
        assert!(line.starts_with("0-7"), "{line}");
        assert!(line.contains("1970-01-01T00:00:00.000Z"), "{line}");
        assert!(line.contains("k\\u{1b}[1m"), "{line}");
        assert!(
            line.ends_with("{\"n\":1,\"user\":{\"name\":\"«ann» b\"}}"),
            "{line}"
        );
        let colored = table(&found(&hit), "other", Style::colored());
        assert!(
            colored.contains("\u{1b}[1mann\u{1b}[0m") && colored.contains("orders/0-7"),
            "{colored}"
        );
    }

    #[test]
    fn a_text_cannot_drive_a_terminal() {
        let text = format!("\u{1b}[2J\nx\t{OPEN}y{CLOSE}{CLOSE}{OPEN}\u{202e}");
        assert_eq!(
            marked(&text, MOST, Style::plain()),
            "\\u{1b}[2J\\nx\\t«y»\\u{202e}"
        );
        let long = marked(&"x".repeat(2000), MOST, Style::plain());
        assert_eq!(long.chars().count(), MOST);
    }

    #[test]
    fn a_document_is_cut_around_its_first_match() {
        let far = format!(
            "{}{OPEN}needle{CLOSE}{}",
            "é ".repeat(900),
            " z".repeat(900)
        );
        for width in [12, 40, MOST] {
            let line = marked(&far, width, Style::plain());
            assert!(line.contains("«needle") || width == 12, "{line}");
            assert!(line.starts_with('…') && line.ends_with('…'), "{line}");
            assert_eq!(measure_text_width(&line), width, "{line}");
            let colored = marked(&far, width, Style::colored());
            assert!(measure_text_width(&colored) <= width, "{colored}");
        }
        let near = format!("a {OPEN}b{CLOSE} c");
        assert_eq!(marked(&near, 40, Style::plain()), "a «b» c");
        let wide = format!("{}{OPEN}語{CLOSE}", "日".repeat(100));
        let line = marked(&wide, 40, Style::plain());
        assert!(
            line.contains("«語»") && measure_text_width(&line) <= 40,
            "{line}"
        );
        let whole = format!("{OPEN}{}", "x".repeat(900));
        let line = marked(&whole, 40, Style::plain());
        assert!(
            line.starts_with("«x") && measure_text_width(&line) <= 40,
            "{line}"
        );
    }

    #[test]
    fn rows_fit_a_terminal() {
        let hit = json!({
            "_index": "orders", "_partition": 0, "_offset": 7, "_timestamp": 0,
            "_key": "k".repeat(340), "_source": { "text": "x".repeat(900) },
        });
        let width = |style: Style| {
            let text = table(&found(&hit), "orders", style);
            assert!(
                text.contains("1970-01-01T00:00:00.000Z") && text.contains("0-7"),
                "{text}"
            );
            text.lines().map(measure_text_width).max().unwrap()
        };
        assert_eq!(width(Style::on_a_terminal_of(80)), 80);
        assert_eq!(width(Style::on_a_terminal_of(200)), 200);
        // Too narrow for a place and a time: these are not cut.
        assert!(width(Style::on_a_terminal_of(20)) > 20);
        let piped = width(Style::plain());
        assert_eq!(piped, 6 + TIME + 3 * GAP + MOST_KEY + MOST);
    }

    #[test]
    fn what_did_not_answer_is_a_warning() {
        let hit = json!({ "_index": "orders", "_partition": 0, "_offset": 7, "_source": {} });
        let warnings = found(&hit).warnings();
        assert_eq!(
            warnings,
            ["1 partition of 3 did not answer (orders/1: the partition has no leader)"]
        );
        let data = found(&hit).data("orders", None);
        let data: Value = serde_json::from_str(data.get()).unwrap();
        assert_eq!(data["partitions"]["answered"], 2);
    }

    #[test]
    fn an_order_that_no_hit_has_is_a_warning() {
        let mut hit = json!({ "_index": "orders", "_partition": 0, "_offset": 7, "_source": {} });
        hit["sort"] = json!([null]);
        assert!(found(&hit).warnings()[1].starts_with("no hit has the field"));
        hit["sort"] = json!([null, 3]);
        assert_eq!(found(&hit).warnings().len(), 1);
    }

    #[test]
    fn another_answer_is_none() {
        for other in ["{\"hits\":[]}", "null", "", "{"] {
            assert!(Found::read(other.as_bytes()).is_none(), "{other}");
        }
    }
}
