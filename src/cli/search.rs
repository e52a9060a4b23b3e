//! `search TOPIC QUERY`: records by their words, as a table.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::cluster::{ClusterArgs, places};
use super::context::Context;
use super::outcome::{CommandResult, Exit, Failure, Outcome};
use super::render::{counted, hits};
use crate::client::http::{self, HttpError};
use crate::supervisor::{escape, locate};

/// A node that does not say who it is within this time is not asked.
const ALIVE: Duration = Duration::from_secs(1);
/// Longer than a node takes for any search.
const TIMEOUT: Duration = Duration::from_secs(15);

/// What `search` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  chronik-dev search orders 'status:failed AND amount:>100'",
    after_long_help = "The query is a line of words, as Elasticsearch's query_string has it: words, \"phrases\", AND, OR, NOT, \
field:word, field:[1 TO 5], field:>5, word*, /regex/ and _exists_:field. Beside the fields of JSON documents there are \
_key, _partition, _offset, _timestamp and _headers.NAME; a text that is no JSON is the field message. Without a query every record is a hit.\n\n\
TOPIC can be several names with commas between them, and a pattern such as 'logs-*'.\n\n\
Matches stand between « and », or in bold where colour is wanted.\n\n\
Exit codes:\n  0  ok, whether or not something was found\n  2  usage, or a query that cannot be read\n  3  no partition answered in time\n  \
5  no such topic, it is not searchable, or search is off\n  6  no such cluster, or not running\n\n\
Example:\n  chronik-dev search 'logs-*' 'level:error AND _timestamp:>now-1h' --sort _timestamp:desc"
)]
pub(super) struct Args {
    /// The topic, several with commas, or a pattern
    topic: String,
    /// What to look for; every record without it
    #[arg(allow_hyphen_values = true)]
    query: Option<String>,
    /// Hits to show
    #[arg(long, value_name = "N", default_value_t = 10)]
    size: u32,
    /// Hits to pass over
    #[arg(long, value_name = "N", default_value_t = 0)]
    from: u32,
    /// Order by a field instead of by score, such as _timestamp:desc
    #[arg(long, value_name = "FIELD[:asc|desc]")]
    sort: Option<String>,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// Runs `search`.
pub(super) fn run(context: &Context, args: &Args) -> CommandResult {
    let answer = context.block_on(ask(args))?;
    let found = hits::Found::read(&answer).ok_or_else(strange)?;
    context.say(summary(args, &found));
    let text = hits::table(&found, &args.topic, context.stdout);
    let outcome = Outcome::exact(found.data(&args.topic, args.query.as_deref()));
    Ok(outcome.with_text(text).with_warnings(found.warnings()))
}

fn summary(args: &Args, found: &hits::Found) -> String {
    let least = if found.at_least { "at least " } else { "" };
    let shown = match found.hits.len() {
        0 => String::new(),
        n => format!(", {} to {} shown", args.from + 1, args.from as usize + n),
    };
    let lag = match found.lag {
        0 if found.is_whole() => String::from("all committed records searched"),
        0 => String::from("partitions are missing"),
        lag => format!("{} not searched yet", counted(lag, "committed record")),
    };
    let total = counted(found.total, "hit");
    format!("{least}{total} in {} ms{shown}; {lag}", found.took_ms)
}

/// Asks one node: any answers for the whole cluster.
async fn ask(args: &Args) -> Result<Bytes, Failure> {
    let addr = alive(args).await?;
    match http::post(addr, &path(args), body(args), TIMEOUT).await {
        Ok((200, body)) => Ok(body),
        Ok((status, body)) => Err(refused(args, status, &body)),
        Err(error) => Err(no_answer(args, &error)),
    }
}

/// The search port of the first node that is ready; of one that answers at least, when none is. A
/// node that is cut off answers, and knows little.
async fn alive(args: &Args) -> Result<SocketAddr, Failure> {
    let (mut reasons, mut unready) = (Vec::new(), None);
    for (search, metrics) in search_ports(args)? {
        match http::get(search, "/", ALIVE).await {
            Ok(_) if is_ready(metrics).await => return Ok(search),
            Ok(_) => unready = unready.or(Some(search)),
            Err(error) => reasons.push(error.to_string()),
        }
    }
    match unready {
        Some(search) => Ok(search),
        None => Err(not_running(args, reasons).await),
    }
}

async fn is_ready(metrics: SocketAddr) -> bool {
    let health = http::get(metrics, "/health/ready", ALIVE).await;
    health.is_ok_and(|(code, _)| code == 200)
}

/// Each node's search port, with the one that tells its health.
fn search_ports(args: &Args) -> Result<Vec<(SocketAddr, SocketAddr)>, Failure> {
    let spec = locate(&places(), &args.cluster.cluster)?;
    let local = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
    let ports = spec.ports.0.iter();
    let ports: Vec<(SocketAddr, SocketAddr)> = ports
        .filter_map(|ports| Some((local(ports.search?), local(ports.metrics))))
        .collect();
    if ports.is_empty() {
        let name = args.cluster.cluster.as_str();
        let message = format!("cluster {name:?} runs without search");
        return Err(Failure::new(Exit::Precondition, "SEARCH_OFF", message)
            .fact("it was made with --no-search, which stays as it is")
            .hint("chronik-dev up -d --cluster OTHER makes one with search"));
    }
    Ok(ports)
}

fn path(args: &Args) -> String {
    let topic: String = form_urlencoded::byte_serialize(args.topic.as_bytes()).collect();
    // A blank in a path is no plus sign.
    format!("/{}/_search", topic.replace('+', "%20"))
}

fn body(args: &Args) -> Bytes {
    let mut body = json!({ "from": args.from, "size": args.size });
    if let Some(query) = &args.query {
        body["query"] = json!({ "query_string": { "query": query } });
        body["highlight"] = json!({
            "pre_tags": [hits::OPEN.to_string()],
            "post_tags": [hits::CLOSE.to_string()],
            "number_of_fragments": 0,
            "fields": { "*": {} },
        });
    }
    match args
        .sort
        .as_deref()
        .map(|sort| sort.rsplit_once(':').unwrap_or((sort, "asc")))
    {
        // Records of one millisecond have an order too.
        Some((field @ "_timestamp", order)) => {
            body["sort"] = json!([{ field: order }, { "_offset": order }]);
        }
        Some((field, order)) => body["sort"] = json!([{ field: order }]),
        // Where all are equally good, the newest are looked for.
        None if args.query.is_none() => {
            body["sort"] = json!([{ "_timestamp": "desc" }, { "_offset": "desc" }]);
        }
        None => {}
    }
    Bytes::from(body.to_string())
}

fn refused(args: &Args, status: u16, body: &[u8]) -> Failure {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let error = &answer["error"];
    let reason = error["reason"].as_str().map(escape);
    let reason = reason.unwrap_or_else(|| format!("the node answered {status}"));
    let topic = error["index"]
        .as_str()
        .map_or_else(|| escape(&args.topic), escape);
    let failure = match (status, error["index"].is_string()) {
        (404, _) => {
            let message = format!("there is no topic {topic:?}");
            let create = format!("topic create {topic} --config searchable.enabled=true");
            Failure::new(Exit::Precondition, "NO_TOPIC", message)
                .hint(args.cluster.command(&create))
                .hint(args.cluster.command("topic list"))
        }
        (400, true) => {
            let message = format!("topic {topic:?} is not searchable");
            let create = "topic create NAME --config searchable.enabled=true";
            let down = args.cluster.command("down");
            let default = args.cluster.command("up -d --set search.default=true");
            Failure::new(Exit::Precondition, "NOT_SEARCHABLE", message)
                .fact("a topic is made searchable when it is created")
                .hint(args.cluster.command(create))
                .hint(format!(
                    "{down}, then {default} makes every new topic searchable"
                ))
        }
        (400 | 413, false) => Failure::new(Exit::Usage, "QUERY", "the query cannot be answered")
            .fact(format!("caused by: {reason}"))
            .hint("chronik-dev search --help shows what a query can say"),
        _ => Failure::new(Exit::NotReady, "NO_ANSWER", "the search was not answered")
            .fact(format!("caused by: {reason}"))
            .hint(args.cluster.command("status")),
    };
    failure.with_details(answer)
}

async fn not_running(args: &Args, reasons: Vec<String>) -> Failure {
    let name = args.cluster.cluster.as_str();
    let message = format!("no node of cluster {name:?} answers searches");
    let failure = Failure::new(Exit::NoCluster, "NOT_RUNNING", message);
    let failure = reasons.into_iter().fold(failure, Failure::fact);
    // Its supervisor may run on while all its nodes are down.
    let cure = match args.cluster.connect().await {
        Ok(_) => "start all",
        Err(_) => "up -d",
    };
    failure
        .hint(args.cluster.command("status"))
        .hint(args.cluster.command(cure))
}

fn no_answer(args: &Args, error: &HttpError) -> Failure {
    Failure::new(Exit::NotReady, "NO_ANSWER", "the search was not answered")
        .fact(format!("caused by: {error}"))
        .hint(args.cluster.command("status"))
}

/// Whoever listens there is no node of ours.
fn strange() -> Failure {
    Failure::new(
        Exit::Precondition,
        "NO_ANSWER",
        "what answers on the search port is no chronik-dev node",
    )
}
