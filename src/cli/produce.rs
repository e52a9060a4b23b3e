//! `produce TOPIC`: a record for each line of stdin, or as many as were asked for.

mod input;

use std::time::{Duration, Instant};

use clap::builder::NonEmptyStringValueParser;
use serde_json::{Value, json};

use super::bench::acks_words;
use super::context::Context;
use super::duration::millis;
use super::outcome::{CommandResult, Exit, Failure, Outcome};
use super::render::counted;
use super::target::{Target, TargetArgs};
use crate::client::producer::{
    Acked, Acks, AttemptError, Event, Failed, Idempotence, NewRecord, OpenError, Producer,
    ProducerSettings, PushError,
};
use crate::client::{CallError, ClientError, ErrorCode, bootstrap, partitioner};

use input::{Line, MAX_LINE, Source};

/// The topic's limit for a batch.
const MAX_BYTES: &str = "max.message.bytes";
/// An outage fails an attempt every few milliseconds.
const SAY_EVERY: Duration = Duration::from_secs(1);
/// The brokers are asked for so long until it is said that they do not answer.
const ASK_FOR: Duration = Duration::from_secs(2);
/// After so long it is believed that nobody is there.
const NOBODY_AFTER: Duration = Duration::from_secs(10);
/// A majority is waited for as long as an ack is.
const GIVE_UP_AFTER: Duration = Duration::from_mins(1);

/// What `produce` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  echo 'alice:hello' | chronik-dev produce orders --key-separator :",
    after_long_help = "Records with a key go to the partition that Kafka's own clients choose; those without, to all in turn. \
Each batch is sent again until it is acked, for a minute; the producer is idempotent with --acks all. \
A batch that is too large for the topic is split; a message that is too large ends the sending.\n\n\
Exit codes:\n  0    every record is acked\n  1    some were not\n  2    usage\n  5    no such topic or partition\n  6    no such cluster, or not running\n  130  interrupted\n\n\
Example:\n  chronik-dev produce orders --count 1000 --size 512"
)]
pub(super) struct Args {
    /// The topic, which must exist
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    topic: String,
    /// What stands between key and value in a line; without it there are no keys
    #[arg(long, value_name = "TEXT", conflicts_with = "count")]
    key_separator: Option<String>,
    /// Send everything to this partition
    #[arg(long, value_name = "N")]
    partition: Option<u32>,
    /// Whose acknowledgement counts
    #[arg(long, value_name = "WHO", default_value = "all", value_parser = acks_words())]
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
    let (sent, target, limit) = context.block_on(send(context, args))?;
    sent.conclude(context, args, (&target, limit))
}

/// What was sent to whom, and how large a message may be, where one was larger.
async fn send(
    context: &Context,
    args: &Args,
) -> Result<(Sending, Target, Option<String>), Failure> {
    let target = args.target.resolve().await?;
    let producer = open(context, args, &target).await?;
    let sending = Sending::new(args, producer);
    let mut sending = sending.map_err(|message| target.no_partition(&args.topic, message))?;
    let source = Source::of(args.count, args.size as usize);
    tokio::select! {
        sent = sending.run(context, args, source) => sent?,
        _interrupt = tokio::signal::ctrl_c() => return Err(Failure::interrupted()),
    }
    let limit = sending.limit(args, &target).await;
    Ok((sending, target, limit))
}

/// Opens a producer; waits for a majority, which a producer id takes.
async fn open(context: &Context, args: &Args, target: &Target) -> Result<Producer, Failure> {
    let (begun, settings) = (Instant::now(), settings(args, target));
    loop {
        let error = match Producer::open(settings.clone(), ASK_FOR).await {
            Ok(producer) => return Ok(producer),
            Err(error) => error,
        };
        let patience = match &error {
            OpenError::NoIdentity(source) if source.is_retriable() => GIVE_UP_AFTER,
            OpenError::Unreachable(source) if is_silent(source) => GIVE_UP_AFTER,
            OpenError::Unreachable(_) if !target.is_stopped() => NOBODY_AFTER,
            _ => Duration::ZERO,
        };
        if begun.elapsed() >= patience {
            return Err(unopened(args, target, error));
        }
        context.say(format!("{error}; trying again"));
    }
}

/// Somebody takes connections and does not answer: a node that hears no majority does so.
fn is_silent(error: &CallError) -> bool {
    !matches!(error, CallError::Client(ClientError::Refused { .. }))
}

fn unopened(args: &Args, target: &Target, error: OpenError) -> Failure {
    match error {
        OpenError::NoTopic(topic) => target.no_topic(&topic),
        OpenError::NoIdentity(source) if !source.is_retriable() => {
            target.refused("start a producer", &source)
        }
        OpenError::Unreachable(source) if !is_silent(&source) => target.silent(&[source]),
        OpenError::NoIdentity(source) | OpenError::Unreachable(source) => {
            let message = format!(
                "no majority of the brokers answers: no message was sent to topic {:?}",
                args.topic
            );
            Failure::new(Exit::Failed, "NOT_DELIVERED", message)
                .fact(format!("caused by: {source}"))
                .hint(target.look())
        }
        other @ OpenError::NoBootstrap => {
            Failure::new(Exit::NoCluster, "NOT_RUNNING", other.to_string()).hint(target.look())
        }
    }
}

fn settings(args: &Args, target: &Target) -> ProducerSettings {
    let mut settings = ProducerSettings::new(target.brokers.clone(), args.topic.clone());
    settings.acks = args.acks;
    if args.acks == Acks::One {
        settings.idempotence = Idempotence::Off;
    }
    settings
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
    /// What ended the sending before the end of the input.
    too_large: Option<TooLarge>,
}

/// A record that nobody takes: no attempt makes it smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TooLarge {
    /// A line that is longer than this command sends.
    Line { number: u64, bytes: u64 },
    /// A record that the topic refuses, by the size of a batch with it alone.
    Record { partition: u32, bytes: usize },
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
            too_large: None,
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
                    held = line.and_then(|line| self.whole(line));
                }
                Some(event) = self.producer.next(), if busy => self.note(context, event),
            }
            if self.too_large.is_some() {
                // What was sent before is waited for.
                (ended, held) = (true, None);
            }
            if let Some(line) = held.take()
                && !self.push(args, &line)?
            {
                held = Some(line);
            }
        }
        Ok(())
    }

    fn whole(&mut self, line: Line) -> Option<Vec<u8>> {
        match line {
            Line::Whole(line) => Some(line),
            Line::TooLong(bytes) => {
                let number = self.number + 1;
                self.too_large = Some(TooLarge::Line { number, bytes });
                None
            }
        }
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
            Event::Failed(failed) => self.note_failure(context, &failed),
            Event::Unreachable { error, .. } => self.trouble(context, error.to_string()),
            Event::Moved {
                partition, leader, ..
            } => context.detail(format!("partition {partition}: trying {leader}")),
        }
    }

    fn note_failure(&mut self, context: &Context, failed: &Failed) {
        self.failed_attempts += 1;
        let (partition, bytes) = (failed.span.partition, failed.bytes);
        match (&failed.error, failed.span.records) {
            (AttemptError::Code(code), 1) if code.is_too_large() => {
                let large = TooLarge::Record { partition, bytes };
                self.too_large.get_or_insert(large);
            }
            (AttemptError::Code(code), records) if code.is_too_large() => context.detail(format!(
                "partition {partition}: {records} records are too large together ({bytes} bytes); \
                 sending them in halves"
            )),
            // It follows another one's failure, unless the last word is that it was given up.
            (AttemptError::Code(ErrorCode::OUT_OF_ORDER_SEQUENCE), _) => {
                let trouble = format!("partition {partition}: {}", failed.error);
                context.detail(format!("{trouble}; trying again"));
                self.last_trouble = Some(trouble);
            }
            (error, _) => self.trouble(context, format!("partition {partition}: {error}")),
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

    fn conclude(
        self,
        context: &Context,
        args: &Args,
        (target, limit): (&Target, Option<String>),
    ) -> CommandResult {
        let data = self.data(args);
        if let Some(large) = self.too_large {
            let acked: u64 = self.tallies.iter().map(|tally| tally.messages).sum();
            let acked = counted(acked, "message");
            return Err(large
                .failure(&args.topic, limit.as_deref())
                .fact(format!(
                    "{acked} acked before it, and nothing is sent after it"
                ))
                .with_data(data));
        }
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

    /// How large a batch the topic takes, where that is in the way and a broker says it.
    async fn limit(&self, args: &Args, target: &Target) -> Option<String> {
        let Some(TooLarge::Record { .. }) = self.too_large else {
            return None;
        };
        let (admin, _) = bootstrap::any(&target.brokers, ASK_FOR).await.ok()?;
        let configs = admin.topic_configs(&args.topic).await.ok()?;
        let limit = configs.into_iter().find(|entry| entry.name == MAX_BYTES);
        limit?.value
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

impl TooLarge {
    fn failure(self, topic: &str, limit: Option<&str>) -> Failure {
        let refused = |message| Failure::new(Exit::Failed, "NOT_DELIVERED", message);
        match self {
            Self::Line { number, bytes } => refused(format!(
                "line {number} has {bytes} bytes, and a message {MAX_LINE} at most"
            )),
            Self::Record { partition, bytes } => {
                let limit = limit.map_or_else(String::new, |limit| format!(" = {limit}"));
                refused(format!(
                    "a message for partition {partition} has {bytes} bytes as a batch of its own, \
                     and topic {topic:?} takes no more than its {MAX_BYTES}{limit}"
                ))
            }
        }
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
}
