//! `up`: a cluster in the foreground, detached, met where it already runs, or only planned.

use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use serde_json::json;
use tokio::sync::broadcast;
use tokio::time::{Instant, sleep};

use super::cluster::{ClusterArgs, places};
use super::context::{Context, Format};
use super::outcome::{CommandResult, Exit, Failure, Outcome};
use super::render::progress::Progress;
use super::render::{self, tables};
use super::ui;
use crate::spec::{Settings, defaults, parse_duration};
use crate::supervisor::{
    Await, ClusterDir, ClusterEvent, ClusterHandle, ClusterState, ClusterStatus, DryRun, Ended,
    Home, LaunchRequest, Launched, Links, PortWish, SearchWish, Spawner, StartError, Trouble,
    TroubleCode, dry_run, find, launch, locate, supervise, sweep,
};

/// A lock that is about to be given back is looked at this often.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// What `up` takes. `CHRONIK_<FLAG>` sets any flag; the flag wins.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  chronik-dev up --nodes 3",
    after_long_help = "\
CHRONIK_<FLAG> sets any flag (CHRONIK_NODES=5); the flag wins.

Exit codes:
  0    the cluster was ready, and was stopped by `down` or by one Ctrl-C; with -d: it is ready
  2    usage, or what was asked contradicts the stored cluster
  3    not ready within --timeout
  4    a node died while starting
  5    a port, a directory or another precondition
  8    the directory is locked and its supervisor does not answer as that cluster
  130  interrupted before it was ready, or killed by a second Ctrl-C

Examples:
  chronik-dev up --nodes 3
  chronik-dev up -d --cluster orders --set num.partitions=6
  chronik-dev up --ephemeral --port-base 19092 --json"
)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(super) struct Args {
    /// How many nodes; as stored, or 3
    #[arg(long, env = "CHRONIK_NODES", value_name = "N",
          value_parser = clap::value_parser!(u16).range(1..=i64::from(defaults::MAX_NODES)))]
    nodes: Option<u16>,
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Return when the cluster is ready, and leave it running
    #[arg(short, long, env = "CHRONIK_DETACH", value_parser = FalseyValueParser::new())]
    detach: bool,
    /// Remove all data when the cluster stops
    #[arg(long, env = "CHRONIK_EPHEMERAL", value_parser = FalseyValueParser::new(),
          conflicts_with = "data_dir")]
    ephemeral: bool,
    /// Keep the cluster in this directory
    #[arg(long, env = "CHRONIK_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The first node's Kafka port; the default is 9092, moved up where it is taken
    #[arg(long, env = "CHRONIK_PORT_BASE", value_name = "PORT")]
    port_base: Option<NonZeroU16>,
    /// Leave search out
    #[arg(long, env = "CHRONIK_NO_SEARCH", value_parser = FalseyValueParser::new())]
    no_search: bool,
    /// Which nodes must be ready
    #[arg(long, env = "CHRONIK_WAIT", value_enum, default_value_t = Wait::All, value_name = "WHO")]
    wait: Wait,
    /// How long that may take
    #[arg(long, env = "CHRONIK_TIMEOUT", default_value = "60s", value_name = "TIME",
          value_parser = parse_duration)]
    timeout: Duration,
    /// Set a broker's default, by Kafka's name; can be repeated
    #[arg(
        long,
        env = "CHRONIK_SET",
        value_name = "KEY=VALUE",
        value_delimiter = ','
    )]
    set: Vec<String>,
    /// Leave out the relays that `net` breaks links with
    #[arg(long, env = "CHRONIK_DIRECT", value_parser = FalseyValueParser::new())]
    direct: bool,
    /// Show the dashboard; leaving it asks whether to stop the cluster
    #[arg(long, env = "CHRONIK_UI", value_parser = FalseyValueParser::new(),
          conflicts_with_all = ["detach", "dry_run"])]
    ui: bool,
    /// Say what would be started, and start nothing
    #[arg(long, env = "CHRONIK_DRY_RUN", value_parser = FalseyValueParser::new())]
    dry_run: bool,
}

/// `--wait`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Wait {
    /// All of them
    All,
    /// A majority
    Quorum,
    /// None
    None,
}

/// Runs `up`.
pub(super) fn run(context: &Context, args: &Args) -> CommandResult {
    let request = args.request()?;
    if args.dry_run {
        return plan(context, &request);
    }
    if args.ui {
        ui::need_terminal(context, &args.cluster)?;
    }
    if let Ok(removed) = sweep(&places()) {
        for name in removed {
            context.say(format!(
                "removed ephemeral cluster {name}, whose supervisor is gone"
            ));
        }
    }
    if is_running(&request) {
        let attached = context.block_on(attach(context, args, &request));
        match attached {
            Ok(ready) if args.ui => return ui::meet(context, &args.cluster).map(|_left| ready),
            Err(failure) if failure.code == TroubleCode::NotRunning.as_str() => {}
            attached => return attached,
        }
        // It was on its way out: wait until it is gone, then begin anew.
        context.block_on(until_gone(&request))?;
    }
    if args.ui {
        return context.block_on(async {
            let launched = start(&request).await?;
            ui::hold(context, &args.cluster, launched).await
        });
    }
    if args.detach {
        context.block_on(detached(context, args, &request))
    } else {
        foreground(context, args, &request)
    }
}

fn is_running(request: &LaunchRequest) -> bool {
    find(&places(), &request.cluster).is_some_and(|dir| dir.is_locked())
}

async fn until_gone(request: &LaunchRequest) -> Result<(), Failure> {
    let deadline = Instant::now() + request.timeout;
    while is_running(request) {
        if Instant::now() > deadline {
            let message = format!("cluster {} does not end", request.cluster);
            return Err(Trouble::new(TroubleCode::Locked, message).into());
        }
        sleep(LOOK_AGAIN).await;
    }
    Ok(())
}

impl Args {
    fn request(&self) -> Result<LaunchRequest, Failure> {
        let words = self.set.iter().map(String::as_str);
        let settings = Settings::parse(words).map_err(|error| {
            Failure::usage(format!("--set: {error}"))
                .hint("chronik-dev up --set num.partitions=6, say")
        })?;
        Ok(LaunchRequest {
            cluster: self.cluster.cluster.clone(),
            nodes: self.nodes,
            home: self.home()?,
            ports: self
                .port_base
                .map_or(PortWish::Unsaid, |base| PortWish::Base(base.get())),
            search: if self.no_search {
                SearchWish::Off
            } else {
                SearchWish::Unsaid
            },
            links: if self.direct {
                Links::Direct
            } else {
                Links::Relayed
            },
            settings,
            wait: match self.wait {
                Wait::All => Await::All,
                Wait::Quorum => Await::Quorum,
                Wait::None => Await::None,
            },
            timeout: self.timeout,
        })
    }

    fn home(&self) -> Result<Home, Failure> {
        match &self.data_dir {
            _ if self.ephemeral => Ok(Home::Ephemeral),
            None => Ok(Home::Default),
            Some(path) => std::path::absolute(path)
                .map(Home::Chosen)
                .map_err(|source| {
                    Failure::system(format!("cannot use {}", path.display()), &source)
                }),
        }
    }
}

/// The supervisor is this process, until it is stopped.
fn foreground(context: &Context, args: &Args, request: &LaunchRequest) -> CommandResult {
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o077));
    let spawner =
        Spawner::own().map_err(|source| Failure::system("cannot find myself", &source))?;
    let talk = *context;
    let listen = move |events| watch(talk, events);
    let ended = supervise(
        &places(),
        spawner,
        request.clone(),
        listen,
        std::future::pending(),
    );
    match ended {
        Ok(Ended::Asked | Ended::Interrupted) => Ok(Outcome::printed()),
        Ok(Ended::Killed) => Ok(Outcome::printed().with_exit(Exit::Interrupted)),
        Ok(Ended::Failed(trouble)) => Err(trouble.into()),
        Err(StartError::Running(..)) => context.block_on(attach(context, args, request)),
        Err(error) => Err(error.trouble(&request.cluster).into()),
    }
}

/// Shows every event until the last one; READY goes to stdout at its moment.
async fn watch(context: Context, mut events: broadcast::Receiver<ClusterEvent>) {
    let mut progress = Progress::new(&context);
    loop {
        let event = tokio::select! {
            event = events.recv() => event,
            () = progress.tick() => continue,
        };
        match event {
            Ok(event) => {
                progress.on(&event);
                if let ClusterEvent::Ready { status } = &event {
                    // A reader that went away does not end the cluster.
                    drop(print_ready(&context, status));
                }
            }
            Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

fn print_ready(context: &Context, status: &ClusterStatus) -> Result<(), Failure> {
    match context.format {
        Format::Text => context.line(ready_line(status)),
        Format::Json => {
            let outcome = Outcome::new(render::to_json(status));
            Context::raw(&render::envelope(context.command, &outcome))
        }
    }
}

/// The one stable line.
fn ready_line(status: &ClusterStatus) -> String {
    format!(
        "READY cluster={} nodes={} leader={} took={:.2}s bootstrap={}",
        status.cluster,
        status.nodes.len(),
        status.leader.as_deref().unwrap_or("none"),
        status.took_ms.unwrap_or(0.0) / 1e3,
        status.bootstrap
    )
}

/// The supervisor is another process, which runs on when it is ready.
async fn detached(context: &Context, args: &Args, request: &LaunchRequest) -> CommandResult {
    let launched = start(request).await?;
    match ready(context, launched).await {
        Ok((launched, status)) => {
            let let_go = launched.detach().await;
            let_go.map_err(|source| Failure::system("cannot let go of the cluster", &source))?;
            Ok(reached(&status))
        }
        Err(trouble) if trouble.code == TroubleCode::AlreadyRunning => {
            attach(context, args, request).await
        }
        Err(trouble) => Err(trouble.into()),
    }
}

/// Launches a supervisor in a process of its own.
pub(super) async fn start(request: &LaunchRequest) -> Result<Launched, Failure> {
    let log = places().open_supervisor_log(&request.cluster);
    let log = log.map_err(|error| Failure::from(Trouble::of(TroubleCode::Precondition, &error)))?;
    let spawner =
        Spawner::own().map_err(|source| Failure::system("cannot find myself", &source))?;
    let launched = launch(&spawner, request, log).await;
    launched.map_err(|source| Failure::system("cannot launch a supervisor", &source))
}

/// Waits until it is ready and shows the way there; Ctrl-C stops it.
pub(super) async fn ready(
    context: &Context,
    mut launched: Launched,
) -> Result<(Launched, ClusterStatus), Trouble> {
    let mut progress = Progress::new(context);
    let interrupt = tokio::signal::ctrl_c();
    tokio::pin!(interrupt);
    loop {
        let event = tokio::select! {
            event = launched.next() => event,
            () = progress.tick() => continue,
            _ = &mut interrupt => {
                launched.stop().await?;
                return Err(Trouble::new(TroubleCode::Interrupted, "interrupted"));
            }
        };
        let Some(event) = event else {
            return Err(launched.silence().await);
        };
        progress.on(&event);
        match event {
            ClusterEvent::Ready { status } => return Ok((launched, *status)),
            ClusterEvent::Failed { trouble } => return Err(trouble),
            _ => {}
        }
    }
}

/// The cluster runs already: waits for READY and prints it.
async fn attach(context: &Context, args: &Args, request: &LaunchRequest) -> CommandResult {
    let handle = ClusterHandle::connect(&places(), &request.cluster).await?;
    // Refuses what contradicts the stored cluster; its spec is there once it is being started.
    dry_run(&places(), request).map_err(|error| error.trouble(&request.cluster))?;
    context.say(format!("cluster {} is running already", request.cluster));
    let status = handle.wait_ready(request.timeout).await?;
    // A node that is down is not waited for: a majority may be, and then nothing is ready.
    if args.wait != Wait::None && !args.ui && status.ready_nodes() * 2 <= status.nodes.len() {
        return Err(mostly_down(args, &status));
    }
    let mut outcome = reached(&status);
    if status.state == ClusterState::Degraded {
        let down = status.nodes.iter().filter(|node| !node.is_ready());
        outcome.warnings.extend(down.map(|node| {
            let hint = args.cluster.command(&format!("start {}", node.id.0));
            format!("{}: {}; {hint}", node.name, tables::node_state(node).1)
        }));
    }
    outcome.warnings.extend(unmet(args, request, &status));
    Ok(outcome)
}

/// What was asked of a cluster that runs without it, and how to get it.
fn unmet(args: &Args, request: &LaunchRequest, status: &ClusterStatus) -> Option<String> {
    let stored = locate(&places(), &request.cluster).map(|spec| spec.settings);
    let stored = stored.unwrap_or_default();
    let missing = |(key, value): &(&str, &str)| !stored.iter().any(|held| held == (key, value));
    let sets = request.settings.iter().filter(missing);
    let mut words: Vec<String> = sets
        .map(|(key, value)| format!("--set {key}={value}"))
        .collect();
    if request.links == Links::Direct && !status.direct {
        words.push(String::from("--direct"));
    }
    let words = words.join(" ");
    (!words.is_empty()).then(|| {
        let down = args.cluster.command("down");
        let up = args.cluster.command(&format!("up -d {words}"));
        format!("the cluster runs without {words}, which nothing changes now; {down}, then {up}")
    })
}

fn mostly_down(args: &Args, status: &ClusterStatus) -> Failure {
    let message = format!(
        "cluster {} runs, and only {} of its {} nodes are ready",
        status.cluster,
        status.ready_nodes(),
        status.nodes.len()
    );
    let down = status.nodes.iter().filter(|node| !node.is_ready());
    let trouble = down.fold(
        Trouble::new(TroubleCode::NotReady, message),
        |trouble, node| trouble.fact(format!("{}: {}", node.name, tables::node_state(node).1)),
    );
    let failure = Failure::from(trouble.hint(args.cluster.command("start all")));
    failure.hint(args.cluster.command("status"))
}

/// What is told of a cluster that is ready, on stdout.
pub(super) fn reached(status: &ClusterStatus) -> Outcome {
    Outcome::new(render::to_json(status)).with_text(ready_line(status))
}

/// Says what would be started.
fn plan(context: &Context, request: &LaunchRequest) -> CommandResult {
    let plan = dry_run(&places(), request).map_err(|error| error.trouble(&request.cluster))?;
    let data = json!({
        "cluster": request.cluster,
        "stored": plan.stored,
        "nodes": plan.ports.0.len(),
        "bootstrap": plan.ports.bootstrap(),
        "directory": plan.directory.as_ref().map(ClusterDir::path),
        "links": plan.links,
        "settings": request.settings,
        "ports": tables::planned(&plan.ports),
    });
    let text = plan_text(context, request, &plan);
    Ok(Outcome::new(data)
        .with_text(text)
        .with_warnings(plan.notices))
}

fn plan_text(context: &Context, request: &LaunchRequest, plan: &DryRun) -> String {
    let stored = if plan.stored { "stored" } else { "new" };
    let links = match plan.links {
        Links::Relayed => "through relays",
        Links::Direct => "direct",
    };
    format!(
        "{stored} cluster {}, {} nodes, links {links}, bootstrap {}\n{}",
        request.cluster,
        plan.ports.0.len(),
        plan.ports.bootstrap(),
        tables::plan(context, &plan.ports)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::ClusterId;

    #[test]
    fn the_ready_line_is_stable() {
        let status = ClusterStatus {
            cluster: "dev".into(),
            state: ClusterState::Ready,
            cluster_id: ClusterId::random(),
            leader: Some("node-1".into()),
            term: Some(1),
            took_ms: Some(212.4),
            phases: Vec::new(),
            bootstrap: "127.0.0.1:9092,127.0.0.1:9192".into(),
            nodes: Vec::new(),
            faults: Vec::new(),
            direct: false,
            ephemeral: false,
            supervisor_pid: 1,
            directory: "/d".into(),
        };
        assert_eq!(
            ready_line(&status),
            "READY cluster=dev nodes=0 leader=node-1 took=0.21s \
             bootstrap=127.0.0.1:9092,127.0.0.1:9192"
        );
    }
}
