//! `consume TOPIC`: its records, one a line.

use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};

use super::context::{Context, Format};
use super::outcome::{CommandResult, Exit, Failure, Outcome};
use super::target::{Target, TargetArgs};
use crate::client::consumer::{ConsumeError, Consumed, Consumer, ConsumerSettings, End, Start};
use crate::protocol::records::Record;

/// With `--json` all records are held until the end; more than this must be asked for.
const MAX_IN_ENVELOPE: u64 = 10_000;
const GIVE_UP_AFTER: Duration = Duration::from_mins(1);

/// What `consume` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  chronik-dev consume orders --from-beginning",
    after_long_help = "With --from-beginning or --offset, reading stops at what is the end when it begins, unless --follow is given. \
Without them only new records are read, and reading goes on until --max or Ctrl-C.\n\n\
--format takes text with {topic} {partition} {offset} {timestamp} {key} {value} and \\t \\n in it, or the word json.\n\n\
Exit codes:\n  0    ok\n  2    usage\n  3    a partition could not be read for a minute\n  5    no such topic or partition\n  6    no such cluster, or not running\n\n\
Example:\n  chronik-dev consume orders --offset 10 --max 5 --format '{partition}@{offset} {key}={value}'"
)]
pub(super) struct Args {
    /// The topic
    topic: String,
    /// Start at the first record that is kept
    #[arg(long, conflicts_with = "offset")]
    from_beginning: bool,
    /// Start at this offset
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(0..))]
    offset: Option<i64>,
    /// Read this partition only
    #[arg(long, value_name = "N")]
    partition: Option<u32>,
    /// Stop after so many records
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max: Option<u64>,
    /// Wait for more at the end
    #[arg(short, long)]
    follow: bool,
    /// How a record is printed
    #[arg(long, value_name = "FORMAT", default_value = "{value}")]
    format: String,
    #[command(flatten)]
    target: TargetArgs,
}

impl Args {
    fn start(&self) -> Start {
        match self.offset {
            Some(offset) => Start::Offset(offset),
            None if self.from_beginning => Start::Earliest,
            None => Start::Latest,
        }
    }

    fn end(&self) -> End {
        if self.follow || self.start() == Start::Latest {
            End::Never
        } else {
            End::Now
        }
    }
}

/// Reads and prints the records.
pub(super) fn run(context: &Context, args: &Args) -> CommandResult {
    context.block_on(read(context, args))
}

async fn read(context: &Context, args: &Args) -> CommandResult {
    let target = args.target.resolve().await?;
    let settings = ConsumerSettings {
        bootstrap: target.brokers.clone(),
        topic: args.topic.clone(),
        partition: args.partition,
        start: args.start(),
        end: args.end(),
        give_up_after: GIVE_UP_AFTER,
    };
    let consumer = Consumer::open(settings).await;
    let mut consumer = consumer.map_err(|error| failure(&target, error))?;
    let mut sink = Sink::new(context, args);
    let interrupted = tokio::select! {
        read = drain(context, &mut consumer, &mut sink) => {
            read.map_err(|error| match error {
                Ended::Consume(error) => failure(&target, error),
                Ended::Print(failure) => failure,
            })?;
            false
        }
        _interrupt = tokio::signal::ctrl_c() => true,
    };
    // Ctrl-C is how following ends; anything else was not meant to be cut short.
    if interrupted && args.end() == End::Now {
        return Err(Failure::interrupted());
    }
    Ok(sink.conclude(&consumer))
}

enum Ended {
    Consume(ConsumeError),
    Print(Failure),
}

async fn drain(
    context: &Context,
    consumer: &mut Consumer,
    sink: &mut Sink<'_>,
) -> Result<(), Ended> {
    while sink.left > 0 {
        let Some(told) = consumer.next().await.map_err(Ended::Consume)? else {
            break;
        };
        match told {
            Consumed::Records { partition, records } => {
                sink.take(partition, &records).map_err(Ended::Print)?;
            }
            Consumed::Trouble(error) => context.detail(format!("{error}; asking who leads now")),
            Consumed::Skipped {
                partition,
                from,
                to,
            } => context.warn(format!(
                "partition {partition}: the records from {from} to before {to} are gone"
            )),
        }
    }
    Ok(())
}

fn failure(target: &Target, error: ConsumeError) -> Failure {
    match error {
        ConsumeError::Bootstrap(error) => target.unreachable(&error),
        ConsumeError::NoTopic(topic) => target.no_topic(&topic),
        ConsumeError::NoPartition { .. } => {
            Failure::new(Exit::Precondition, "NO_PARTITION", error.to_string())
        }
        ConsumeError::Stuck { .. } => Failure::new(Exit::NotReady, "NO_ANSWER", error.to_string())
            .hint(target.command("status")),
        ConsumeError::Offsets {
            ref source,
            partition,
        } => target.refused(
            &format!("find the offsets of partition {partition}"),
            source,
        ),
    }
}

/// Where records go: stdout at once, or the envelope at the end.
struct Sink<'a> {
    topic: &'a str,
    format: Style<'a>,
    left: u64,
    cut: bool,
    read: u64,
}

enum Style<'a> {
    Template(&'a str),
    JsonLines,
    Envelope(Vec<Value>),
}

impl<'a> Sink<'a> {
    fn new(context: &Context, args: &'a Args) -> Self {
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
            cut: envelope && args.max.is_none(),
            read: 0,
        }
    }

    fn take(&mut self, partition: u32, records: &[Record]) -> Result<(), Failure> {
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
        print(&out)
    }

    fn conclude(self, consumer: &Consumer) -> Outcome {
        let position =
            |(partition, offset)| json!({ "partition": partition, "next_offset": offset });
        let positions: Vec<Value> = consumer.positions().map(position).collect();
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
        if self.cut && self.left == 0 {
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
    printed.map_err(|error| Failure::new(Exit::Ok, Failure::STDOUT_CLOSED, error.to_string()))
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
