//! `bench`: how fast a cluster acks.

use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::context::{Context, Talk};
use super::duration::millis;
use super::outcome::{CommandResult, Exit, Failure, Outcome};
use super::target::{Target, TargetArgs};
use crate::client::bench::{Bench, BenchError, BenchPlan, BenchReport, Progress};
use crate::client::producer::{Acks, Packing};

/// Records in flight are held in memory, twice at most.
const MAX_IN_FLIGHT_BYTES: u64 = 1 << 30;

/// What `bench` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  chronik-dev bench --messages 200000 --in-flight 500",
    after_long_help = "In flight are the unacked records over all partitions of the benchmark's own topic. \
There is one connection to each broker; what is waiting is batched, without lingering.\n\n\
Exit codes:\n  0    ok\n  1    records were given up\n  2    usage\n  5    a broker refused\n  6    no such cluster, or not running\n  130  interrupted\n\n\
Example:\n  chronik-dev bench --in-flight 1 --messages 5000"
)]
pub(super) struct Args {
    /// Records to send
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    messages: u64,
    /// Bytes of each record's value
    #[arg(long, value_name = "BYTES", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    size: u32,
    /// Records that are unacked at once
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    in_flight: u32,
    /// Whose acknowledgement counts
    #[arg(long, value_name = "WHO", default_value = "all", value_parser = acks_words())]
    acks: Acks,
    /// Partitions of the topic
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    topic_partitions: u32,
    /// Send each record in a request of its own
    #[arg(long)]
    one_per_request: bool,
    #[command(flatten)]
    target: TargetArgs,
}

/// Reads `all` or `1`; Kafka's own name for all is -1.
pub(super) fn acks_words() -> impl TypedValueParser<Value = Acks> {
    let words = [
        PossibleValue::new("all").alias("-1"),
        PossibleValue::new("1"),
    ];
    PossibleValuesParser::new(words).map(|word| match word.as_str() {
        "1" => Acks::One,
        _ => Acks::All,
    })
}

/// Runs the benchmark.
pub(super) fn run(context: &Context, args: &Args) -> CommandResult {
    if u64::from(args.in_flight) * u64::from(args.size) > MAX_IN_FLIGHT_BYTES {
        return Err(Failure::usage(
            "--in-flight times --size is more than 1 GiB",
        ));
    }
    let report = context.block_on(measure(context, args))?;
    let outcome = Outcome::new(data(args, &report)).with_text(text(args, &report));
    if report.given_up > 0 {
        let message = format!(
            "{} of {} messages were not acked",
            report.given_up, args.messages
        );
        return Err(Failure::new(Exit::Failed, "NOT_DELIVERED", message).with_data(outcome.data));
    }
    let warnings = match report.failed_attempts {
        0 => Vec::new(),
        failed => vec![format!(
            "attempts that failed and were made again: {failed}"
        )],
    };
    Ok(outcome.with_warnings(warnings))
}

async fn measure(context: &Context, args: &Args) -> Result<BenchReport, Failure> {
    let target = args.target.resolve().await?;
    let failed = |error| failure(&target, &error);
    let mut bench = Bench::prepare(plan(args, &target)).await.map_err(failed)?;
    let bar = bar(context, args.messages);
    let measured = tokio::select! {
        measured = bench.run(|progress| show(&bar, progress)) => measured.map_err(failed),
        _interrupt = tokio::signal::ctrl_c() => Err(Failure::interrupted()),
    };
    bar.finish_and_clear();
    if let Err(error) = bench.clean_up().await {
        context.warn(format!("warning: {error}"));
    }
    measured
}

fn plan(args: &Args, target: &Target) -> BenchPlan {
    BenchPlan {
        bootstrap: target.brokers.clone(),
        messages: args.messages,
        size: args.size as usize,
        in_flight: args.in_flight,
        acks: args.acks,
        partitions: args.topic_partitions,
        packing: if args.one_per_request {
            Packing::OnePerRequest
        } else {
            Packing::Together
        },
        disk: target.disk.clone(),
    }
}

fn failure(target: &Target, error: &BenchError) -> Failure {
    match error {
        BenchError::Bootstrap(error) => target.unreachable(error),
        BenchError::Create { source, .. } => target.refused("create the topic", source),
        BenchError::Delete { source, .. } => target.refused("delete the topic", source),
        BenchError::Open(_) | BenchError::Push { .. } => {
            Failure::new(Exit::Precondition, "NO_ANSWER", error.to_string()).hint(target.look())
        }
    }
}

fn bar(context: &Context, messages: u64) -> ProgressBar {
    if !context.stderr.live() || context.talk < Talk::Normal {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {percent:>3}%  {msg}  {elapsed}");
    ProgressBar::new(messages).with_style(style.expect("the template is ours"))
}

fn show(bar: &ProgressBar, progress: Progress) {
    let rate = progress.acked as f64 / progress.elapsed.as_secs_f64().max(f64::EPSILON);
    bar.set_position(progress.acked);
    bar.set_message(format!("{rate:.0} acks/s"));
}

fn data(args: &Args, report: &BenchReport) -> Value {
    let latency = report.latency.map(|found| {
        json!({
            "p50": millis(found.p50),
            "p95": millis(found.p95),
            "p99": millis(found.p99),
            "max": millis(found.max),
        })
    });
    json!({
        "messages": report.messages,
        "bytes": report.bytes,
        "took_ms": millis(report.took),
        "messages_per_s": rounded(report.messages_per_second()),
        "mb_per_s": rounded(report.megabytes_per_second()),
        "latency_ms": latency,
        "acks": acks(args),
        "in_flight": args.in_flight,
        "partitions": args.topic_partitions,
        "records_per_batch": rounded(report.records_per_batch),
        "largest_gap_ms": millis(report.largest_gap),
        "failed_attempts": report.failed_attempts,
        "given_up": report.given_up,
        "sync_p50_ms": report.sync_p50.map(millis),
        "load_average": report.load_average,
    })
}

fn acks(args: &Args) -> &'static str {
    match args.acks {
        Acks::All => "all",
        Acks::One => "1",
    }
}

fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

fn text(args: &Args, report: &BenchReport) -> String {
    let mut lines = vec![
        format!(
            "{} messages of {} bytes, acks={}, {} in flight, {} partitions",
            report.messages,
            args.size,
            acks(args),
            args.in_flight,
            args.topic_partitions
        ),
        format!(
            "  rate     {:.0} messages/s, {:.1} MB/s, in {:.2} s",
            report.messages_per_second(),
            report.megabytes_per_second(),
            report.took.as_secs_f64()
        ),
    ];
    if let Some(found) = report.latency {
        lines.push(format!(
            "  latency  p50 {}, p95 {}, p99 {}, max {}",
            ms(found.p50),
            ms(found.p95),
            ms(found.p99),
            ms(found.max)
        ));
    }
    lines.push(format!(
        "  batches  {:.1} records each",
        report.records_per_batch
    ));
    lines.push(format!(
        "  gap      {} at most between two acks of a partition",
        ms(report.largest_gap)
    ));
    lines.push(format!(
        "  machine  {} for a 4 KiB write with fdatasync (p50), load average {}",
        report.sync_p50.map_or_else(|| "unknown".to_owned(), ms),
        report
            .load_average
            .map_or_else(|| "unknown".to_owned(), |load| load.to_string())
    ));
    lines.join("\n")
}

fn ms(duration: Duration) -> String {
    format!("{:.2} ms", millis(duration))
}
