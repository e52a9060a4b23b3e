//! `produce TOPIC`: a record for each line of stdin, or as many as were asked for.

use std::io::{BufRead, Read};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::bench::parse_acks;
use super::context::Context;
use super::duration::millis;
use super::outcome::{CommandResult, Exit, Failure, Outcome};
use super::render::counted;
use super::target::{Target, TargetArgs};
use crate::client::partitioner;
use crate::client::producer::{
    Acked, Acks, Event, Idempotence, NewRecord, OpenError, Producer, ProducerSettings, PushError,
};

/// The longest line: what a broker takes by default.
const MAX_LINE: u64 = 1_000_000;
/// Lines that are read ahead.
const READ_AHEAD: usize = 256;
/// An outage fails an attempt every few milliseconds.
const SAY_EVERY: Duration = Duration::from_secs(1);
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// What `produce` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  echo 'alice:hello' | chronik-dev produce orders --key-separator :",
    after_long_help = "Records with a key go to the partition that Kafka's own clients choose; those without, to all in turn. \
Each batch is sent again until it is acked, for a minute; the producer is idempotent with --acks all.\n\n\
Exit codes:\n  0    every record is acked\n  1    some were not\n  2    usage\n  5    no such topic or partition\n  6    no such cluster, or not running\n  130  interrupted\n\n\
Example:\n  chronik-dev produce orders --count 1000 --size 512"
)]
pub(super) struct Args {
    /// The topic, which must exist
    topic: String,
    /// What stands between key and value in a line; without it there are no keys
    #[arg(long, value_name = "TEXT", conflicts_with = "count")]
    key_separator: Option<String>,
    /// Send everything to this partition
    #[arg(long, value_name = "N")]
    partition: Option<u32>,
    /// Whose acknowledgement counts
    #[arg(long, value_name = "WHO", default_value = "all", value_parser = parse_acks)]
    acks: Acks,
    /// Send so many records instead of reading lines
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Bytes of each of these records
    #[arg(long, value_name = "BYTES", default_value_t = 100, requires = "count", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    size: u32,
    #[command(flatten)]
    target: TargetArgs,
}

/// Sends the records.
pub(super) fn run(context: &Context, args: &Args) -> CommandResult {
    let (sent, target) = context.block_on(send(context, args))?;
    sent.conclude(context, args, &target)
}

async fn send(context: &Context, args: &Args) -> Result<(Sending, Target), Failure> {
    let target = args.target.resolve().await?;
    let producer = open(args, &target).await?;
    let sending = Sending::new(args, producer);
    let mut sending = sending.map_err(|message| target.no_partition(&args.topic, message))?;
    let source = Source::of(args);
    tokio::select! {
        sent = sending.run(context, args, source) => sent?,
        _interrupt = tokio::signal::ctrl_c() => return Err(Failure::interrupted()),
    }
    Ok((sending, target))
}

async fn open(args: &Args, target: &Target) -> Result<Producer, Failure> {
    let mut settings = ProducerSettings::new(target.brokers.clone(), args.topic.clone());
    settings.acks = args.acks;
    if args.acks == Acks::One {
        settings.idempotence = Idempotence::Off;
    }
    let opened = Producer::open(settings, OPEN_TIMEOUT).await;
    opened.map_err(|error| match error {
        OpenError::NoTopic(topic) => target.no_topic(&topic),
        OpenError::Unreachable(source) if source.code().is_some() => {
            target.refused("start a producer", &source)
        }
        other => {
            Failure::new(Exit::NoCluster, "NOT_RUNNING", other.to_string()).hint(target.look())
        }
    })
}

/// Where records come from.
enum Source {
    Lines(mpsc::Receiver<std::io::Result<Vec<u8>>>),
    Count { left: u64, size: usize },
}

impl Source {
    fn of(args: &Args) -> Self {
        match args.count {
            Some(left) => Self::Count {
                left,
                size: args.size as usize,
            },
            None => Self::Lines(stdin_lines()),
        }
    }

    /// The next record's line; `None` at the end.
    async fn next(&mut self, number: u64) -> std::io::Result<Option<Vec<u8>>> {
        match self {
            Self::Lines(lines) => lines.recv().await.transpose(),
            Self::Count { left: 0, .. } => Ok(None),
            Self::Count { left, size } => {
                *left -= 1;
                let mut line = number.to_string().into_bytes();
                line.resize(*size, b'.');
                Ok(Some(line))
            }
        }
    }
}

/// Reads stdin on a thread that nobody waits for: a read from a terminal cannot be ended, and a
/// runtime would wait for it.
fn stdin_lines() -> mpsc::Receiver<std::io::Result<Vec<u8>>> {
    let (lines, receiver) = mpsc::channel(READ_AHEAD);
    std::thread::spawn(move || {
        let mut stdin = std::io::stdin().lock();
        while let Some(line) = read_line(&mut stdin).transpose() {
            let failed = line.is_err();
            if lines.blocking_send(line).is_err() || failed {
                break;
            }
        }
    });
    receiver
}

/// A line without its end; `None` at the end of the input.
fn read_line(input: &mut impl BufRead) -> std::io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    input
        .by_ref()
        .take(MAX_LINE + 2)
        .read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
    if line.len() as u64 > MAX_LINE {
        let message = format!("a line is longer than {MAX_LINE} bytes");
        return Err(std::io::Error::new(
            std::io::ErrorKind::InvalidData,
            message,
        ));
    }
    Ok(Some(line))
}

/// What became of one partition's records.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    messages: u64,
    first: Option<i64>,
    last: Option<i64>,
}

struct Sending {
    producer: Producer,
    started: Instant,
    number: u64,
    bytes: u64,
    tallies: Vec<Tally>,
    given_up: u64,
    failed_attempts: u64,
    last_trouble: Option<String>,
    said: Option<Instant>,
}

impl Sending {
    /// Refuses a partition that the topic does not have, in words.
    fn new(args: &Args, producer: Producer) -> Result<Self, String> {
        let partitions = producer.partitions();
        if let Some(partition) = args.partition.filter(|partition| *partition >= partitions) {
            let topic = &args.topic;
            return Err(format!(
                "topic {topic:?} has no partition {partition}, but {partitions} partitions from 0 on"
            ));
        }
        Ok(Self {
            tallies: vec![Tally::default(); partitions as usize],
            producer,
            started: Instant::now(),
            number: 0,
            bytes: 0,
            given_up: 0,
            failed_attempts: 0,
            last_trouble: None,
            said: None,
        })
    }

    async fn run(
        &mut self,
        context: &Context,
        args: &Args,
        mut source: Source,
    ) -> Result<(), Failure> {
        let mut ended = false;
        let mut held: Option<Vec<u8>> = None;
        while !ended || held.is_some() || self.producer.is_busy() {
            let busy = self.producer.is_busy();
            let reading = !ended && held.is_none();
            tokio::select! {
                line = source.next(self.number), if reading => {
                    let line = line.map_err(|error| Failure::system("cannot read stdin", &error))?;
                    ended = line.is_none();
                    held = line;
                }
                Some(event) = self.producer.next(), if busy => self.note(context, event),
            }
            if let Some(line) = held.take()
                && !self.push(args, &line)?
            {
                held = Some(line);
            }
        }
        Ok(())
    }

    /// Whether the line was taken; otherwise it waits for acks.
    fn push(&mut self, args: &Args, line: &[u8]) -> Result<bool, Failure> {
        let (key, value) = match &args.key_separator {
            Some(separator) => split(line, separator.as_bytes()),
            None => (None, line),
        };
        let partitions = self.producer.partitions();
        let partition = match (args.partition, key) {
            (Some(partition), _) => partition,
            (None, Some(key)) => partitioner::of_key(key, partitions),
            (None, None) => (self.number % u64::from(partitions)) as u32,
        };
        let value = Some(value);
        match self
            .producer
            .push(partition, NewRecord { key, value }, Instant::now())
        {
            Ok(_number) => {
                self.number += 1;
                self.bytes += line.len() as u64;
                Ok(true)
            }
            Err(PushError::Full) => Ok(false),
            Err(error @ PushError::NoPartition(_)) => Err(Failure::usage(error.to_string())),
        }
    }

    fn note(&mut self, context: &Context, event: Event) {
        match event {
            Event::Acked(ack) => self.note_ack(context, &ack),
            Event::GaveUp(span) => self.given_up += u64::from(span.records),
            Event::Failed(failed) => {
                self.failed_attempts += 1;
                let partition = failed.span.partition;
                self.trouble(context, format!("partition {partition}: {}", failed.error));
            }
            Event::Unreachable { error, .. } => self.trouble(context, error.to_string()),
            Event::Moved {
                partition, leader, ..
            } => context.detail(format!("partition {partition}: trying {leader}")),
        }
    }

    fn note_ack(&mut self, context: &Context, ack: &Acked) {
        let tally = &mut self.tallies[ack.span.partition as usize];
        tally.messages += u64::from(ack.span.records);
        if let Some(base) = ack.base_offset {
            tally.first = tally.first.or(Some(base));
            tally.last = Some(base + i64::from(ack.span.records) - 1);
        }
        context.detail(format!(
            "partition {}: {} records acked by {}",
            ack.span.partition, ack.span.records, ack.broker
        ));
    }

    /// Says what went wrong, but not more than once a second.
    fn trouble(&mut self, context: &Context, trouble: String) {
        if self.said.is_none_or(|at| at.elapsed() > SAY_EVERY) {
            context.say(format!("{trouble}; trying again"));
            self.said = Some(Instant::now());
        }
        self.last_trouble = Some(trouble);
    }

    fn conclude(self, context: &Context, args: &Args, target: &Target) -> CommandResult {
        let data = self.data(args);
        if self.given_up > 0 {
            let (lost, of) = (self.given_up, self.number);
            let message = format!(
                "{lost} of {of} messages were not acked by topic {:?}",
                args.topic
            );
            let failure = Failure::new(Exit::Failed, "NOT_DELIVERED", message).with_data(data);
            return Err(match self.last_trouble {
                Some(trouble) => failure.fact(format!("caused by: {trouble}")),
                None => failure,
            }
            .hint(target.look()));
        }
        context.say(format!("{} acked", counted(self.number, "message")));
        Ok(Outcome::new(data))
    }

    fn data(&self, args: &Args) -> Value {
        let partition = |(partition, tally): (usize, &Tally)| {
            json!({
                "partition": partition,
                "messages": tally.messages,
                "first_offset": tally.first,
                "last_offset": tally.last,
            })
        };
        let partitions: Vec<Value> = self.tallies.iter().enumerate().map(partition).collect();
        json!({
            "topic": args.topic,
            "messages": self.number - self.given_up,
            "bytes": self.bytes,
            "took_ms": millis(self.started.elapsed()),
            "failed_attempts": self.failed_attempts,
            "partitions": partitions,
        })
    }
}

/// Key and value of a line; one without the separator has no key.
fn split<'a>(line: &'a [u8], separator: &[u8]) -> (Option<&'a [u8]>, &'a [u8]) {
    if separator.is_empty() {
        return (None, line);
    }
    let at = line
        .windows(separator.len())
        .position(|part| part == separator);
    match at {
        Some(at) => (Some(&line[..at]), &line[at + separator.len()..]),
        None => (None, line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_split_at_the_first_separator() {
        assert_eq!(split(b"a:b:c", b":"), (Some(&b"a"[..]), &b"b:c"[..]));
        assert_eq!(split(b"abc", b"::"), (None, &b"abc"[..]));
        assert_eq!(split(b"abc", b""), (None, &b"abc"[..]));
    }

    #[test]
    fn lines_lose_their_ends_and_nothing_else() {
        let mut input = &b"a\r\n\nb"[..];
        assert_eq!(read_line(&mut input).unwrap().unwrap(), b"a");
        assert_eq!(read_line(&mut input).unwrap().unwrap(), b"");
        assert_eq!(read_line(&mut input).unwrap().unwrap(), b"b");
        assert!(read_line(&mut input).unwrap().is_none());
    }

    #[test]
    fn a_line_without_an_end_is_refused() {
        let endless = vec![b'x'; MAX_LINE as usize + 10];
        assert!(read_line(&mut &endless[..]).is_err());
    }
}
