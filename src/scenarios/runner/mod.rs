//! Runs a scenario: opens its cluster, plays its phases, and leaves everything healed and removed,
//! whatever happens on the way.
//!
//! 1. open the book; 2. start or meet the cluster; 3. play, until the end, an interrupt or a halt;
//! 4. heal; 5. close the book and judge it; 6. keep what the report needs; 7. remove the cluster.
//!
//! It prints nothing: who watches reads the recorder's [`Glance`](super::workload::Glance).

mod choice;
mod finale;
mod formation;
mod keep;
mod searching;
mod stage;
mod starvation;
mod target;
mod topics;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::catalogue::Scenario;
use super::halt::Halt;
use super::history::{End, Ending, Event, Found, Header, Promise, RecordingError, VERSION};
use super::judge::judge;
use super::metrics::measure;
use super::report::RunReport;
use super::workload::{Arena, Leaders, Recorder, Sheet};
use crate::client::disk;
use crate::spec::Settings;
use crate::supervisor::{Places, TroubleCode};
use target::Site;

pub use stage::Stage;
pub use target::Target;

pub(in crate::scenarios) use stage::PROGRESS_WITHIN;

/// What a run is made of.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The cluster.
    pub target: Target,
    /// Where clusters are.
    pub places: Places,
    /// The `--set` values of a fresh cluster.
    pub settings: Settings,
    /// Records of the scenarios that send a number of them; the others' phases go by it.
    pub messages: u64,
    /// Bytes of a value.
    pub size: usize,
    /// The seed of all choices.
    pub seed: u64,
    /// How long a synced write takes on the disk of the nodes, where that is known.
    pub sync_p50: Option<Duration>,
    /// The command that repeats the run.
    pub repeat: String,
    /// Where the history, the logs and the data of a failure go; nowhere when `None`.
    pub keep: Option<Keep>,
}

/// Where one run is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keep {
    /// The report's directory.
    pub directory: PathBuf,
    /// The run's number in its scenario, from 1.
    pub number: usize,
}

/// A run that came to an end, be it a bad one.
#[derive(Debug)]
pub struct Ran {
    /// What happened, what the judge says of it, and what was measured.
    pub report: RunReport,
    /// What went wrong outside of the history, one line each.
    pub warnings: Vec<String>,
}

/// Shows the book of the scenario that runs to whoever wants to look.
pub type Viewer = watch::Sender<Option<Recorder>>;

/// Runs one scenario to its end. `interrupt` turns true when it is to stop.
pub async fn run(
    plan: &Plan,
    scenario: Scenario,
    mut interrupt: watch::Receiver<bool>,
    viewer: &Viewer,
) -> Result<Ran, Halt> {
    let began = Instant::now();
    let recorder = begin(plan, scenario).await?;
    viewer.send_replace(Some(recorder.clone()));
    recorder.step("starting the cluster");
    let opened = tokio::select! {
        biased;
        _told = interrupt.wait_for(|told| *told) => None,
        opened = Site::open(plan, &recorder) => Some(opened),
    };
    let site = match opened {
        Some(Ok(site)) => site,
        Some(Err(halt)) => {
            give_up(&recorder, halt)?;
            return conclude(&recorder, began, Ending::GaveUp);
        }
        None => return conclude(&recorder, began, Ending::Interrupted),
    };
    let mut stage = Stage::new(plan, prefix(scenario), arena(plan, &recorder, &site)?, site);
    let played = tokio::select! {
        biased;
        _told = interrupt.wait_for(|told| *told) => None,
        played = play(plan, scenario, &mut stage) => Some(played),
    };
    let ended = played.unwrap_or(Ok(Ending::Interrupted));
    leave(plan, stage, (began, ended)).await
}

/// Plays the phases. A scenario that cannot go on still asks the nodes what they know.
async fn play(plan: &Plan, scenario: Scenario, stage: &mut Stage) -> Result<Ending, Halt> {
    let own = matches!(plan.target, Target::Fresh(_)) && scenario != Scenario::CleanStartup;
    let played = async {
        if own {
            stage.formed().await?;
        }
        scenario.play(stage).await
    };
    let Err(halt) = played.await else {
        return Ok(Ending::Complete);
    };
    give_up(&stage.arena.recorder, halt)?;
    stage.ask_once_more().await;
    Ok(Ending::GaveUp)
}

/// Heals, closes the book, keeps what is worth it, and removes the cluster; then tells how it went.
async fn leave(
    plan: &Plan,
    mut stage: Stage,
    (began, ended): (Instant, Result<Ending, Halt>),
) -> Result<Ran, Halt> {
    let recorder = stage.arena.recorder.clone();
    recorder.step("cleaning up");
    let mut warnings = match &mut stage.nemesis {
        Some(nemesis) => nemesis.heal_all().await,
        None => Vec::new(),
    };
    stage.hush().await;
    if !matches!(plan.target, Target::Fresh(_)) {
        warnings.extend(stage.delete_all().await);
    }
    let mut ran = match ended {
        Ok(ending) => conclude(&recorder, began, ending),
        Err(halt) => Err(halt),
    };
    if let (Ok(ran), Some(keep)) = (&mut ran, &plan.keep) {
        let handle = stage.site.handle.as_ref();
        let kept = keep::keep(plan, handle, keep, &mut ran.report).await;
        warnings.extend(kept.err());
    }
    let closed = stage.site.close().await;
    warnings.extend(closed.err().map(|trouble| trouble.to_string()));
    let mut ran = ran?;
    ran.warnings.extend(warnings);
    Ok(ran)
}

async fn begin(plan: &Plan, scenario: Scenario) -> Result<Recorder, Halt> {
    let nodes = target::nodes(plan).await?;
    scenario.check(&plan.target, nodes.len())?;
    let settings = [
        ("messages", plan.messages.to_string()),
        ("size", plan.size.to_string()),
        ("seed", plan.seed.to_string()),
    ];
    let settings = settings.into_iter().chain(machine(plan));
    let settings = settings.map(|(key, value)| (key.to_owned(), value));
    let set = plan.settings.iter();
    let set = set.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let header = Header {
        version: VERSION,
        scenario: scenario.name().to_owned(),
        seed: plan.seed,
        // Exact in JavaScript, too.
        run: rand::random::<u64>() >> 11,
        target: plan.target.to_string(),
        repeat: plan.repeat.clone(),
        claims: scenario.claims(nodes.len(), plan.messages),
        without: scenario.without(&plan.target),
        nodes,
        settings: settings.chain(set).collect(),
    };
    let sheet: Sheet = match &plan.keep {
        Some(keep) => {
            let file = keep::history_file(keep, scenario.name());
            Box::new(file.map_err(RecordingError::Write)?)
        }
        None => Box::new(std::io::sink()),
    };
    Ok(Recorder::begin(sheet, header).map_err(RecordingError::Write)?)
}

/// What the machine was like, as far as it is known: figures without it explain little.
fn machine(plan: &Plan) -> impl Iterator<Item = (&'static str, String)> {
    let sync = plan.sync_p50.map(|sync| sync.as_secs_f64() * 1e3);
    let sync = sync.map(|ms| ("sync_p50_ms", format!("{ms:.3}")));
    let load = disk::load_average().map(|load| ("load_average", format!("{load:.2}")));
    sync.into_iter().chain(load)
}

fn arena(plan: &Plan, recorder: &Recorder, site: &Site) -> Result<Arena, Halt> {
    if site.brokers.is_empty() {
        return Err(Halt::Unfit(format!("{} has no broker", plan.target)));
    }
    Ok(Arena {
        recorder: recorder.clone(),
        brokers: site.brokers.clone(),
        leaders: Leaders::default(),
        run: recorder.look(|history| history.header.run).unwrap_or(0),
    })
}

/// A name that no topic of another run has.
fn prefix(scenario: Scenario) -> String {
    format!("{}-{:08x}", scenario.name(), rand::random::<u32>())
}

/// Turns what a cluster owed into a broken promise; what is not its fault ends the run.
fn give_up(recorder: &Recorder, halt: Halt) -> Result<(), Halt> {
    let (what, why) = match halt {
        Halt::Late { what, within, last } => {
            (format!("{what} within {} s", within.as_secs_f64()), last)
        }
        Halt::Call(error) => (
            String::from("brokers do what they are asked"),
            error.to_string(),
        ),
        Halt::Trouble(trouble)
            if matches!(trouble.code, TroubleCode::NotReady | TroubleCode::NodeDied) =>
        {
            let facts = trouble.facts.join("; ");
            let why = format!("{}; {facts}", trouble.message);
            (String::from("nodes start and end as they are asked"), why)
        }
        other => return Err(other),
    };
    let (at, found) = (recorder.now(), Found::Broken { why });
    recorder.record(Event::Promise(Promise { at, what, found }));
    Ok(())
}

/// Closes the book, judges it and measures.
fn conclude(recorder: &Recorder, began: Instant, how: Ending) -> Result<Ran, Halt> {
    let at = recorder.now();
    recorder.record(Event::End(End { at, how }));
    let history = recorder.finish()?;
    let (judgement, metrics) = (judge(&history), measure(&history));
    Ok(Ran {
        report: RunReport::new(&history, judgement, metrics, began.elapsed()),
        warnings: Vec::new(),
    })
}
