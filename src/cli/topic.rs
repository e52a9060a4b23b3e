//! `topic create|list|describe|delete`.

use std::collections::BTreeMap;

use clap::builder::NonEmptyStringValueParser;
use serde_json::{Value, json};

use super::context::Context;
use super::outcome::{CommandResult, Failure, Outcome};
use super::render::Table;
use super::target::{Target, TargetArgs};
use crate::client::CallError;
use crate::client::admin::{
    Admin, ClusterView, ConfigEntry, ConfigSource, NewTopic, OffsetSpec, PartitionView, TopicView,
};
use crate::client::bootstrap;
use crate::spec::NodeId;

const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

/// What `topic` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  chronik-dev topic create orders --partitions 3",
    after_long_help = "Exit codes:\n  0  ok\n  2  usage\n  5  the broker refused, or there is no such topic\n  6  no such cluster, or not running\n\nExample:\n  chronik-dev topic describe orders"
)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Create a topic
    Create(Create),
    /// List all topics
    List(List),
    /// Describe a topic: its partitions, leaders, replicas and configuration
    #[command(
        after_help = "Example:\n  chronik-dev topic describe orders",
        after_long_help = "Exit codes:\n  0  ok\n  2  usage\n  5  there is no such topic, or the broker did not answer\n  6  no such cluster, or not running\n\nExample:\n  chronik-dev topic describe orders --json"
    )]
    Describe(Named),
    /// Delete a topic and its records
    #[command(
        after_help = "Example:\n  chronik-dev topic delete orders",
        after_long_help = "Exit codes:\n  0  deleted\n  2  usage\n  5  there is no such topic, or the broker refused, or did not answer\n  6  no such cluster, or not running\n\nExample:\n  chronik-dev topic delete orders"
    )]
    Delete(Named),
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  chronik-dev topic create orders --partitions 3 --config retention.ms=3600000",
    after_long_help = "Exit codes:\n  0  created\n  2  usage\n  5  it exists, or the broker refused, or did not answer\n  6  no such cluster, or not running\n\nExample:\n  chronik-dev topic create orders --partitions 3 --config retention.ms=3600000"
)]
struct Create {
    /// The topic's name
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    name: String,
    /// Partitions; the cluster's default without it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    partitions: Option<u32>,
    /// Replicas of each partition; the cluster's default without it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    replication_factor: Option<u16>,
    /// A configuration value; can be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    config: Vec<(String, String)>,
    #[command(flatten)]
    target: TargetArgs,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  chronik-dev topic list --json",
    after_long_help = "Exit codes:\n  0  ok\n  2  usage\n  5  the broker did not answer\n  6  no such cluster, or not running\n\nExample:\n  chronik-dev topic list --json"
)]
struct List {
    #[command(flatten)]
    target: TargetArgs,
}

#[derive(Debug, clap::Args)]
struct Named {
    /// The topic's name
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    name: String,
    #[command(flatten)]
    target: TargetArgs,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text
        .split_once('=')
        .ok_or_else(|| format!("{text:?} is not of the form KEY=VALUE"))?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

/// Runs the command.
pub(super) fn run(context: &Context, args: &Args) -> CommandResult {
    context.block_on(async {
        match &args.action {
            Action::Create(args) => create(context, args).await,
            Action::List(args) => list(context, args).await,
            Action::Describe(args) => describe(args).await,
            Action::Delete(args) => delete(context, args).await,
        }
    })
}

async fn create(context: &Context, args: &Create) -> CommandResult {
    let target = args.target.resolve().await?;
    let admin = controller(&target).await?;
    let topic = NewTopic {
        name: args.name.clone(),
        partitions: args.partitions,
        replication_factor: args.replication_factor,
        configs: args.config.clone(),
    };
    let doing = format!("create topic {:?}", args.name);
    let id = admin.create_topic(topic).await;
    let id = id.map_err(|error| target.refused(&doing, &error))?;
    context.say(format!("created topic {}", args.name));
    let id = id.map(|id| id.to_string());
    let outcome = Outcome::new(json!({ "name": args.name, "id": id }));
    Ok(outcome.with_warnings(never_searched(args, &target).into_iter().collect()))
}

/// A topic that wants to be searched, where nobody searches.
fn never_searched(args: &Create, target: &Target) -> Option<String> {
    let wanted = |(key, value): &(String, String)| key == "searchable.enabled" && value == "true";
    let why = "the cluster was made with --no-search: nothing indexes or searches this topic";
    (target.searchless && args.config.iter().any(wanted)).then(|| why.to_owned())
}

async fn delete(context: &Context, args: &Named) -> CommandResult {
    let target = args.target.resolve().await?;
    let admin = controller(&target).await?;
    let doing = format!("delete topic {:?}", args.name);
    let deleted = admin.delete_topic(&args.name).await;
    deleted.map_err(|error| target.refused(&doing, &error))?;
    context.say(format!("deleted topic {}", args.name));
    Ok(Outcome::new(json!({ "name": args.name })))
}

async fn controller(target: &Target) -> Result<Admin, Failure> {
    let found = bootstrap::controller(&target.brokers, TIMEOUT).await;
    found.map_err(|error| target.unreachable(&error))
}

async fn any(target: &Target) -> Result<Admin, Failure> {
    let found = bootstrap::any(&target.brokers, TIMEOUT).await;
    Ok(found.map_err(|error| target.unreachable(&error))?.0)
}

async fn list(context: &Context, args: &List) -> CommandResult {
    let target = args.target.resolve().await?;
    let view = any(&target).await?.metadata(None).await;
    let view = view.map_err(|error| target.refused("list the topics", &error))?;
    if view.topics.is_empty() {
        let create = target.command("topic create NAME");
        context.say(format!("no topics; {create} makes one"));
    }
    let data: Vec<Value> = view.topics.iter().map(summary).collect();
    Ok(Outcome::new(Value::Array(data)).with_text(list_text(&view.topics)))
}

fn replicas(topic: &TopicView) -> usize {
    let counts = topic
        .partitions
        .iter()
        .map(|partition| partition.replicas.len());
    counts.max().unwrap_or(0)
}

fn summary(topic: &TopicView) -> Value {
    json!({
        "name": topic.name,
        "id": topic.id.map(|id| id.to_string()),
        "partitions": topic.partitions.len(),
        "replication_factor": replicas(topic),
        "internal": topic.internal,
    })
}

fn list_text(topics: &[TopicView]) -> String {
    if topics.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["TOPIC", "PARTITIONS", "REPLICAS", ""]);
    for topic in topics {
        let internal = if topic.internal { "internal" } else { "" };
        table.add_row([
            topic.name.clone(),
            topic.partitions.len().to_string(),
            replicas(topic).to_string(),
            internal.to_owned(),
        ]);
    }
    table.text()
}

async fn describe(args: &Named) -> CommandResult {
    let target = args.target.resolve().await?;
    let admin = any(&target).await?;
    let refused = |error: CallError| target.refused("describe the topic", &error);
    let view = admin.metadata(Some(&[&args.name])).await.map_err(refused)?;
    let topic = view.topic(&args.name);
    let topic = topic.filter(|topic| topic.error.is_none());
    let topic = topic.ok_or_else(|| target.no_topic(&args.name))?;
    let configs = admin.topic_configs(&args.name).await.map_err(refused)?;
    let extents = extents(&view, topic).await;
    let data = described(topic, &extents, &configs);
    Ok(Outcome::new(data).with_text(described_text(topic, &extents, &configs)))
}

/// The first and the next offset of each partition, where its leader says so.
type Extents = BTreeMap<u32, (i64, i64)>;

async fn extents(view: &ClusterView, topic: &TopicView) -> Extents {
    let mut leaders: BTreeMap<NodeId, Vec<u32>> = BTreeMap::new();
    for partition in &topic.partitions {
        if let Some(leader) = partition.leader {
            leaders.entry(leader).or_default().push(partition.index);
        }
    }
    let mut found = Extents::new();
    for (leader, partitions) in leaders {
        let Some(addr) = view.addr(leader) else {
            continue;
        };
        // Offsets are an extra here: a leader that cannot be asked leaves them out.
        let Ok(admin) = Admin::connect(addr, TIMEOUT).await else {
            continue;
        };
        for partition in partitions {
            if let Ok(extent) = extent(&admin, &topic.name, partition).await {
                found.insert(partition, extent);
            }
        }
    }
    found
}

async fn extent(admin: &Admin, topic: &str, partition: u32) -> Result<(i64, i64), CallError> {
    let first = admin
        .list_offset(topic, partition, OffsetSpec::Earliest)
        .await?;
    let next = admin
        .list_offset(topic, partition, OffsetSpec::Latest)
        .await?;
    Ok((first.offset, next.offset))
}

fn described(topic: &TopicView, extents: &Extents, configs: &[ConfigEntry]) -> Value {
    let partition = |partition: &PartitionView| {
        let extent = extents.get(&partition.index);
        json!({
            "partition": partition.index,
            "leader": partition.leader,
            "epoch": partition.epoch,
            "replicas": partition.replicas,
            "isr": partition.isr,
            "log_start": extent.map(|extent| extent.0),
            "log_end": extent.map(|extent| extent.1),
            "error": partition.error.map(|error| error.to_string()),
        })
    };
    let config = |config: &ConfigEntry| json!({ "name": config.name, "value": config.value, "source": source(config.source) });
    let mut data = summary(topic);
    data["partitions"] = topic.partitions.iter().map(partition).collect();
    data["configs"] = configs.iter().map(config).collect();
    data
}

fn source(source: ConfigSource) -> &'static str {
    match source {
        ConfigSource::Topic => "topic",
        ConfigSource::Broker => "broker",
        ConfigSource::Default => "default",
        ConfigSource::Other(_) => "other",
    }
}

fn described_text(topic: &TopicView, extents: &Extents, configs: &[ConfigEntry]) -> String {
    let mut table = Table::new(&["PARTITION", "LEADER", "EPOCH", "REPLICAS", "ISR", "OFFSETS"]);
    for partition in &topic.partitions {
        let extent = extents.get(&partition.index);
        let trouble = partition.error.map(|error| error.to_string());
        let leader = partition.leader.map(|leader| leader.to_string());
        table.add_row([
            partition.index.to_string(),
            leader.or(trouble).unwrap_or_else(|| "none".to_owned()),
            partition.epoch.to_string(),
            ids(&partition.replicas),
            ids(&partition.isr),
            extent.map_or_else(
                || "unknown".to_owned(),
                |(first, next)| format!("{first}..{next}"),
            ),
        ]);
    }
    let id = topic
        .id
        .map_or_else(String::new, |id| format!(" (id {id})"));
    let mut lines = vec![format!("{}{id}", topic.name), table.text()];
    let set = configs
        .iter()
        .filter(|config| config.source == ConfigSource::Topic);
    for config in set {
        let value = config.value.as_deref().unwrap_or("(hidden)");
        lines.push(format!("{}={value}", config.name));
    }
    lines.join("\n")
}

fn ids(nodes: &[NodeId]) -> String {
    let nodes: Vec<String> = nodes.iter().map(|node| node.0.to_string()).collect();
    nodes.join(",")
}
