//! `_cat/indices`: topics as a table for people, or as JSON.

use std::sync::Arc;
use std::time::Instant;

use serde_json::{Map, Value, json};

use super::asked::Asked;
use super::parse::{Params, TOPICS, shown};
use super::refusal::Refusal;
use super::topics::{Leniency, resolve, shards};
use super::{Face, SOON, health};
use crate::node::metadata::TopicImage;
use crate::node::search::IndexStats;

/// Every column, as Elasticsearch names it; `lag` and what makes it are our own.
const COLUMNS: [&str; 13] = [
    "health",
    "status",
    "index",
    "uuid",
    "pri",
    "rep",
    "docs.count",
    "docs.deleted",
    "store.size",
    "pri.store.size",
    "splits",
    "partitions.answered",
    "lag",
];
/// The columns of a table that nobody chose columns for.
const USUAL: [&str; 11] = [
    "health",
    "status",
    "index",
    "uuid",
    "pri",
    "rep",
    "docs.count",
    "docs.deleted",
    "store.size",
    "pri.store.size",
    "lag",
];

/// The answer in one of its two forms.
pub(super) enum Listing {
    /// For programs.
    Json(Value),
    /// For people.
    Text(String),
}

/// One topic's values by column.
type Row = Map<String, Value>;

/// `GET /_cat/indices/{topics}`.
pub(super) async fn indices(
    face: &Face,
    names: Option<&str>,
    asked: &Asked,
) -> Result<Listing, Refusal> {
    let known = ["v", "h", "s", "local", "master_timeout", "health"];
    let params = Params::read(asked.line(), &[&known, &TOPICS])?;
    let columns = columns(&params)?;
    let topics = resolve(face, names, Leniency::of(&params)?)?;
    let mut rows = rows(face, &topics).await;
    if let Some(wanted) = params.get("health") {
        rows.retain(|row| row["health"] == wanted);
    }
    sort(&mut rows, params.get("s"))?;
    let head = if params.flag("v", false)? {
        Head::Shown
    } else {
        Head::Absent
    };
    match params.get("format") {
        Some("json") => {
            let row = |row: &Row| {
                columns
                    .iter()
                    .map(|name| ((*name).to_owned(), row[*name].clone()))
                    .collect::<Row>()
            };
            Ok(Listing::Json(rows.iter().map(row).collect()))
        }
        None | Some("txt" | "text") => Ok(Listing::Text(table(&columns, &rows, head))),
        Some(other) => {
            let reason = format!("[format] [{}] is neither [json] nor [text]", shown(other));
            Err(Refusal::argument(reason))
        }
    }
}

fn columns(params: &Params) -> Result<Vec<&'static str>, Refusal> {
    let Some(list) = params.get("h") else {
        return Ok(USUAL.to_vec());
    };
    list.split(',').map(column).collect()
}

fn column(name: &str) -> Result<&'static str, Refusal> {
    let name = match name {
        "i" | "idx" => "index",
        "h" => "health",
        "s" => "status",
        "id" => "uuid",
        "p" | "shards.primary" => "pri",
        "r" | "shards.replica" => "rep",
        "dc" | "docsCount" => "docs.count",
        "ss" | "storeSize" => "store.size",
        name => name,
    };
    let found = COLUMNS.into_iter().find(|known| *known == name);
    found.ok_or_else(|| {
        let reason = format!(
            "no column [{}]; there are {}",
            shown(name),
            COLUMNS.join(", ")
        );
        Refusal::argument(reason)
    })
}

async fn rows(face: &Face, topics: &[Arc<TopicImage>]) -> Vec<Row> {
    let shards = shards(topics);
    let stats = face.fan.counted(&shards, Instant::now() + SOON).await;
    let mut answered = shards.iter().zip(&stats);
    let of_topic = |topic: &Arc<TopicImage>| {
        let mine = answered.by_ref().take(topic.partitions.len());
        let known = mine.filter_map(|(_, stats)| stats.as_ref().ok()).copied();
        row(face, topic, &known.collect::<Vec<_>>())
    };
    topics.iter().map(of_topic).collect()
}

fn row(face: &Face, topic: &Arc<TopicImage>, known: &[IndexStats]) -> Row {
    let sum = |of: fn(&IndexStats) -> u64| known.iter().map(of).sum::<u64>();
    let replicas = topic.partitions.first().map_or(1, |one| one.replicas.len());
    let size = bytes(sum(|stats| stats.bytes));
    let health = health::of_topic(face.fan.cluster(), topic);
    // Elasticsearch's own JSON has texts throughout.
    let values = [
        ("health", health.word().to_owned()),
        ("status", String::from("open")),
        ("index", topic.name.clone()),
        ("uuid", topic.id.to_string()),
        ("pri", topic.partitions.len().to_string()),
        ("rep", (replicas - 1).to_string()),
        ("docs.count", sum(|stats| stats.records).to_string()),
        ("docs.deleted", String::from("0")),
        ("store.size", size.clone()),
        ("pri.store.size", size),
        ("splits", sum(|stats| stats.splits).to_string()),
        ("partitions.answered", known.len().to_string()),
        ("lag", sum(|stats| stats.lag).to_string()),
    ];
    let entry = |(name, value): (&str, String)| (name.to_owned(), json!(value));
    values.into_iter().map(entry).collect()
}

fn bytes(count: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("gb", 1 << 30), ("mb", 1 << 20), ("kb", 1 << 10)];
    match UNITS.into_iter().find(|(_, unit)| count >= *unit) {
        Some((name, unit)) => format!("{:.1}{name}", count as f64 / unit as f64),
        None => format!("{count}b"),
    }
}

/// `?s=column:desc`.
fn sort(rows: &mut [Row], by: Option<&str>) -> Result<(), Refusal> {
    let Some(by) = by else {
        return Ok(());
    };
    let (name, falling) = match by.split_once(':') {
        Some((name, "desc")) => (name, true),
        Some((name, "asc")) => (name, false),
        Some(_) => return Err(Refusal::argument("[s] is a column with :asc or :desc")),
        None => (by, false),
    };
    let name = column(name)?;
    rows.sort_by(|a, b| {
        let (a, b) = (text(&a[name]), text(&b[name]));
        let by_number = a.parse::<u64>().ok().zip(b.parse::<u64>().ok());
        let ordering = by_number.map_or_else(|| a.cmp(b), |(a, b)| a.cmp(&b));
        if falling {
            ordering.reverse()
        } else {
            ordering
        }
    });
    Ok(())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Whether a table's columns are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Head {
    Shown,
    Absent,
}

fn owned(columns: &[&str]) -> Vec<String> {
    columns.iter().map(|name| (*name).to_owned()).collect()
}

/// Columns as wide as what is in them; numbers to the right, as Elasticsearch has them.
fn table(columns: &[&str], rows: &[Row], head: Head) -> String {
    let head = (head == Head::Shown).then(|| owned(columns));
    let cells = |row: &Row| {
        columns
            .iter()
            .map(|name| text(&row[*name]).to_owned())
            .collect()
    };
    let body: Vec<Vec<String>> = rows.iter().map(cells).collect();
    let lines: Vec<Vec<String>> = head.into_iter().chain(body).collect();
    let width = |index: usize| {
        lines
            .iter()
            .map(|line| line[index].len())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let mut out = String::new();
    for line in &lines {
        let cells = line.iter().zip(&widths).zip(columns);
        let cells = cells.map(|((cell, width), name)| match *name {
            "health" | "status" | "index" | "uuid" => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        let cells: Vec<String> = cells.collect();
        out.push_str(cells.join(" ").trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Row> {
        let row = |name: &str, count: &str| {
            let mut row = Row::new();
            row.insert(String::from("index"), json!(name));
            row.insert(String::from("docs.count"), json!(count));
            row
        };
        vec![row("orders", "9"), row("a", "10")]
    }

    #[test]
    fn a_table_has_even_columns() {
        let text = table(&["index", "docs.count"], &rows(), Head::Shown);
        assert_eq!(
            text,
            "index  docs.count\norders          9\na              10\n"
        );
        assert_eq!(table(&["index"], &rows(), Head::Absent), "orders\na\n");
    }

    #[test]
    fn numbers_sort_as_numbers() {
        let mut rows = rows();
        sort(&mut rows, Some("docs.count:desc")).unwrap();
        assert_eq!(rows[0]["index"], "a");
        sort(&mut rows, Some("docs.count")).unwrap();
        assert_eq!(rows[0]["index"], "orders");
        assert!(sort(&mut rows, Some("nope")).is_err());
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(bytes(0), "0b");
        assert_eq!(bytes(1536), "1.5kb");
        assert_eq!(bytes(3 << 30), "3.0gb");
    }
}
