//! A supervisor from its first step to its last: claims, prepares, runs, cleans up.
//!
//! 1. Claim the directory; 2. bind the control socket; 3. lease the ports; 4. start the relays;
//! 5. run the actor until nobody runs; 6. take back what was lent, remove what was ephemeral.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::actor::{Ended, Event, MAX_EVENTS, MAX_NEWS, Remains, Supervisor, Wiring};
use super::control::server::{ControlSocket, Desk};
use super::directory::{Claim, ClusterDir, DirectoryError};
use super::event::ClusterEvent;
use super::places::{PlaceError, Places};
use super::prepare::{PrepareError, Prepared, prepare, take};
use super::relay::Relays;
use super::request::{LaunchRequest, Links};
use super::spawn::{Spawner, assert_main_thread};
use super::status::ClusterStatus;

/// Why a supervisor did not run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A living supervisor has the cluster: ask that one.
    #[error("cluster {0} is running already")]
    Running(String, ClusterDir),
    /// Its directory or ports.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// The directory of its control socket.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// Something that the system refused.
    #[error("cannot {doing}")]
    System {
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// It ran, and left something behind.
    #[error("cannot remove what was ephemeral")]
    Remove(#[source] DirectoryError),
}

fn system(doing: &'static str) -> impl FnOnce(io::Error) -> StartError {
    move |source| StartError::System { doing, source }
}

/// Runs a cluster until it is stopped; must be called on the main thread.
///
/// `listen` is given every event and runs beside the supervisor until the last one; `launcher`
/// ends when the process that launched us has gone without letting go.
pub fn supervise<L, W>(
    places: &Places,
    spawner: Spawner,
    request: LaunchRequest,
    listen: impl FnOnce(broadcast::Receiver<ClusterEvent>) -> L,
    launcher: W,
) -> Result<Ended, StartError>
where
    L: Future<Output = ()> + Send + 'static,
    W: Future<Output = ()> + Send + 'static,
{
    assert_main_thread();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(system("start the runtime"))?;
    // The root future runs on this thread, and with it every spawn.
    runtime.block_on(async {
        let (news, heard) = broadcast::channel(MAX_NEWS);
        let mut listeners = JoinSet::new();
        listeners.spawn(listen(heard));
        let ended = run(places, spawner, request, news, launcher).await;
        listeners.join_next().await;
        ended
    })
}

pub(super) async fn run(
    places: &Places,
    spawner: Spawner,
    request: LaunchRequest,
    news: broadcast::Sender<ClusterEvent>,
    launcher: impl Future<Output = ()> + Send + 'static,
) -> Result<Ended, StartError> {
    let began = Instant::now();
    let interrupts = Interrupts::listen().map_err(system("listen for signals"))?;
    let claimed = match take(places, &request)? {
        Claim::Taken(claimed) => claimed,
        Claim::Busy(dir) => return Err(StartError::Running(request.cluster.to_string(), dir)),
    };
    let socket = places.socket(request.cluster.as_str(), claimed.dir().path())?;
    let socket = ControlSocket::bind(&socket).map_err(system("bind the control socket"))?;
    let prepared = prepare(places, claimed, &request).await?;
    announce(&news, &prepared);
    let relays = relays(&prepared)?;
    let (events, inbox) = mpsc::channel(MAX_EVENTS);
    let (view, seen) = watch::channel(Arc::new(blank(&prepared)));
    let desk = Desk {
        events: events.clone(),
        view: seen,
        news: news.clone(),
    };
    let mut helpers = JoinSet::new();
    helpers.spawn(interrupts.forward(events.clone()));
    helpers.spawn(watch_launcher(launcher, events.clone()));
    helpers.spawn(socket.serve(desk));
    let wiring = Wiring {
        events,
        inbox,
        news: news.clone(),
        view,
    };
    let supervisor = Supervisor::new(prepared, relays, spawner, (&request, began), wiring);
    let (ended, remains) = supervisor.run().await;
    let removed = clear(remains);
    last_words(&news, &ended);
    helpers.shutdown().await;
    removed.map_err(StartError::Remove)?;
    Ok(ended)
}

fn announce(news: &broadcast::Sender<ClusterEvent>, prepared: &Prepared) {
    let starting = ClusterEvent::Starting {
        cluster: prepared.spec.name.clone(),
        nodes: prepared.spec.nodes(),
        directory: prepared.claimed.dir().path().to_owned(),
    };
    let notices = prepared.notices.iter().cloned();
    let notices = notices.map(|text| ClusterEvent::Notice { text });
    for event in std::iter::once(starting).chain(notices) {
        // Nobody listening is no failure.
        drop(news.send(event));
    }
}

fn last_words(news: &broadcast::Sender<ClusterEvent>, ended: &Ended) {
    let last = match ended {
        Ended::Asked | Ended::Interrupted | Ended::Killed => ClusterEvent::Stopped,
        Ended::Failed(trouble) => ClusterEvent::Failed {
            trouble: trouble.clone(),
        },
    };
    drop(news.send(last));
}

fn relays(prepared: &Prepared) -> Result<Option<Relays>, StartError> {
    match prepared.links {
        Links::Direct => Ok(None),
        Links::Relayed => Relays::start(&prepared.spec.ports)
            .map(Some)
            .map_err(system("start the relays")),
    }
}

/// Gives the ports and the lock back, and removes what was ephemeral.
fn clear(remains: Remains) -> Result<(), DirectoryError> {
    if remains.ephemeral {
        return remains.claimed.wipe();
    }
    Ok(())
}

/// The picture before the actor's first one.
fn blank(prepared: &Prepared) -> ClusterStatus {
    ClusterStatus::starting(&prepared.spec, prepared.claimed.dir().path())
}

async fn watch_launcher(launcher: impl Future<Output = ()>, events: mpsc::Sender<Event>) {
    launcher.await;
    // Nobody to tell means that the actor has ended already.
    drop(events.send(Event::LauncherGone).await);
}

/// Signals closer than this are one: `timeout` and others send theirs to the process and to its
/// group, and nobody presses Ctrl-C twice as fast.
const ONE_PRESS: Duration = Duration::from_millis(50);

/// The signals that end a supervisor, and the one that must not stop it.
struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    /// Held, so that Ctrl-Z does nothing: the relays must run on.
    suspend: Signal,
}

impl Interrupts {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            suspend: signal(SignalKind::from_raw(nix::sys::signal::SIGTSTP as i32))?,
        })
    }

    async fn forward(mut self, events: mpsc::Sender<Event>) {
        let mut last: Option<Instant> = None;
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => {}
                _ = self.terminate.recv() => {}
                _ = self.hangup.recv() => {}
                _ = self.suspend.recv() => continue,
            }
            if last.is_some_and(|last| last.elapsed() < ONE_PRESS) {
                continue;
            }
            last = Some(Instant::now());
            if events.send(Event::Interrupt).await.is_err() {
                return;
            }
        }
    }
}
