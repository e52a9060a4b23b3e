//! `consume TOPIC`: its records, one a line; alone, or shared with the members of a group.

mod group;
mod sink;

use std::collections::BTreeMap;
use std::time::Duration;

use super::context::Context;
use super::outcome::{CommandResult, Exit, Failure};
use super::target::{Target, TargetArgs};
use crate::client::ErrorCode;
use crate::client::consumer::{
    ConsumeError, Consumed, Consumer, ConsumerSettings, End, Partitions, Start,
};

use sink::Sink;

const GIVE_UP_AFTER: Duration = Duration::from_mins(1);

/// What `consume` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  chronik-dev consume orders --from-beginning",
    after_long_help = "With --from-beginning or --offset, reading stops at what is the end when it begins, unless --follow is given. \
Without them only new records are read, and reading goes on until --max or Ctrl-C.\n\n\
With --group the partitions are shared with the group's other consumers, of any client that has the range assignor. \
Reading begins where the group left off; in a partition of which it has read nothing, at the first record with --from-beginning, else at new ones. \
It goes on until --max or Ctrl-C; what was printed is committed, every half second and at the end.\n\n\
--format takes text with {topic} {partition} {offset} {timestamp} {key} {value} and \\t \\n in it, or the word json.\n\n\
Exit codes:\n  0    ok\n  2    usage\n  3    a partition could not be read, or a group not be joined, for a minute\n  5    no such topic or partition, or the group refuses\n  6    no such cluster, or not running\n\n\
Example:\n  chronik-dev consume orders --offset 10 --max 5 --format '{partition}@{offset} {key}={value}'"
)]
pub(super) struct Args {
    /// The topic
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
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
    /// Share the partitions with this consumer group, and commit what is printed
    #[arg(long, value_name = "NAME", conflicts_with_all = ["offset", "partition"],
          value_parser = clap::builder::NonEmptyStringValueParser::new())]
    group: Option<String>,
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
        if self.follow || self.group.is_some() || self.start() == Start::Latest {
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
    match &args.group {
        Some(group) => group::read(context, args, &target, group).await,
        None => alone(context, args, &target).await,
    }
}

async fn alone(context: &Context, args: &Args, target: &Target) -> CommandResult {
    let settings = ConsumerSettings {
        bootstrap: target.brokers.clone(),
        topic: args.topic.clone(),
        partitions: args.partition.map_or(Partitions::All, Partitions::One),
        start: args.start(),
        end: args.end(),
        place_within: GIVE_UP_AFTER,
        give_up_after: GIVE_UP_AFTER,
    };
    let refused = |error| failure(target, &args.topic, error);
    let mut consumer = Consumer::open(settings).await.map_err(refused)?;
    let mut reading = Reading {
        sink: Sink::new(context, args),
        cut: BTreeMap::new(),
    };
    let interrupted = tokio::select! {
        read = reading.drain(context, &mut consumer) => {
            read.map_err(|error| match error {
                Ended::Consume(error) => refused(error),
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
    let mut positions: BTreeMap<u32, i64> = consumer.positions().collect();
    positions.extend(reading.cut);
    Ok(reading.sink.conclude(&positions))
}

enum Ended {
    Consume(ConsumeError),
    Print(Failure),
}

struct Reading<'a> {
    sink: Sink<'a>,
    /// Where `--max` cut a partition's records.
    cut: BTreeMap<u32, i64>,
}

impl Reading<'_> {
    async fn drain(&mut self, context: &Context, consumer: &mut Consumer) -> Result<(), Ended> {
        while !self.sink.is_full() {
            let Some(told) = consumer.next().await.map_err(Ended::Consume)? else {
                break;
            };
            match told {
                Consumed::Records { partition, records } => {
                    let next = self.sink.take(partition, &records).map_err(Ended::Print)?;
                    let last = records.last().map(|record| record.offset + 1);
                    self.cut
                        .extend(next.filter(|_| next != last).map(|next| (partition, next)));
                }
                other => tell(context, &other),
            }
        }
        Ok(())
    }
}

/// Says what befell a reader beside the records.
fn tell(context: &Context, told: &Consumed) {
    match told {
        Consumed::Records { .. } => {}
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

fn failure(target: &Target, topic: &str, error: ConsumeError) -> Failure {
    match error {
        ConsumeError::Bootstrap(error) => target.unreachable(&error),
        ConsumeError::NoTopic(topic) => target.no_topic(&topic),
        ConsumeError::NoPartition { .. } => target.no_partition(topic, error.to_string()),
        ConsumeError::Stuck { .. } => {
            Failure::new(Exit::NotReady, "NO_ANSWER", error.to_string()).hint(target.look())
        }
        // A topic that was never there is no outage.
        ConsumeError::Unplaced { ref source, .. }
            if source.code() != Some(ErrorCode::UNKNOWN_TOPIC) =>
        {
            Failure::new(Exit::NotReady, "NO_ANSWER", error.to_string()).hint(target.look())
        }
        ConsumeError::Unplaced {
            ref source,
            partition,
        }
        | ConsumeError::Offsets {
            ref source,
            partition,
        } => target.refused(
            &format!("find the offsets of partition {partition}"),
            source,
        ),
    }
}
