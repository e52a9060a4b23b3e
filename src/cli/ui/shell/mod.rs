//! The terminal, the tasks and the channel between them: everything about the dashboard that is
//! not pure.
//!
//! ```text
//!  control socket ─ contact ─┐
//!  nodes' HTTP ──── sampler ─┤
//!  log files ────── tail ────┼─▶ one bounded channel ─▶ model ─▶ picture, when it has changed
//!  commands ─────── deeds ───┤                            ▲
//!  load ─────────── load ────┘          keys, signals ────┘
//! ```
//! Every task belongs to one set, which ends with the dashboard. One that panics ends it.

mod clock;
mod contact;
mod deeds;
mod load;
mod sampler;
mod screen;
mod tail;
mod usage;

use crossterm::event::{Event, EventStream};
use futures::StreamExt;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet, LocalSet};

use super::input;
use super::model::{Effect, Hold, How, Leave, Message, Model, Said};
use super::view::Theme;
use super::wish::Wish;
use crate::cli::outcome::Failure;
use crate::scenarios::catalogue::Scenario;
use crate::supervisor::{ClusterEvent, ClusterName, ClusterStatus, Launched, Places, Trouble};

use screen::Screen;

/// Messages that wait; who has more to say waits too.
const MESSAGES: usize = 256;

/// What is shown.
#[derive(Debug, Clone)]
pub(in crate::cli::ui) struct Show {
    /// The cluster.
    pub(in crate::cli::ui) name: ClusterName,
    /// Where clusters are.
    pub(in crate::cli::ui) places: Places,
    /// How it looks.
    pub(in crate::cli::ui) theme: Theme,
}

/// How the dashboard was left, with the cluster that was held.
#[derive(Debug)]
pub(in crate::cli::ui) enum Left {
    /// The cluster runs on.
    Watching(Option<Held>),
    /// It is to be stopped.
    Stop(Option<Held>),
    /// It ended by itself, or by `down`.
    Over(Option<Box<Trouble>>),
}

/// A cluster that was started for the dashboard.
#[derive(Debug)]
pub(in crate::cli::ui) struct Held {
    /// Its supervisor.
    pub(in crate::cli::ui) launched: Launched,
    /// How it was last, once it had been ready.
    pub(in crate::cli::ui) ready: Option<Box<ClusterStatus>>,
}

/// Shows the dashboard until it is left.
pub(in crate::cli::ui) async fn run(
    show: Show,
    launched: Option<Launched>,
) -> Result<Left, Failure> {
    let failed = |source| Failure::system("cannot listen for signals", &source);
    let signals = Signals::listen().map_err(failed)?;
    let screen = Screen::open();
    let screen = screen.map_err(|source| Failure::system("cannot use the terminal", &source))?;
    let shell = Shell::new(show, screen, launched);
    // A scenario's phases stay on the thread that began them.
    LocalSet::new().run_until(shell.run(signals)).await
}

struct Shell {
    show: Show,
    screen: Screen,
    launched: Option<Launched>,
    model: Model,
    tasks: JoinSet<()>,
    outbox: mpsc::Sender<Message>,
    inbox: mpsc::Receiver<Message>,
    /// The cluster as it was met last, for the tasks that look at its nodes.
    met: watch::Sender<Option<Box<ClusterStatus>>>,
    /// Ends the scenario that runs.
    playing: Option<watch::Sender<bool>>,
    load: Option<AbortHandle>,
    /// What is to become of the cluster, once the scenario that runs has cleaned up.
    leaving: Option<Leave>,
    /// How the cluster was last, once it had been ready.
    ready: Option<Box<ClusterStatus>>,
    /// Why our cluster failed.
    trouble: Option<Box<Trouble>>,
}

/// What happened first.
enum Next {
    Message(Message),
    Terminal(Event),
    Ours(Option<ClusterEvent>),
    Signal,
    Broken(std::io::Error),
}

impl Shell {
    fn new(show: Show, screen: Screen, launched: Option<Launched>) -> Self {
        let (outbox, inbox) = mpsc::channel(MESSAGES);
        let (met, seen) = watch::channel(None);
        let hold = if launched.is_some() {
            Hold::Ours
        } else {
            Hold::Theirs
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(contact::keep(show.clone(), hold, outbox.clone()));
        tasks.spawn(sampler::sample(seen.clone(), outbox.clone()));
        tasks.spawn(tail::follow(seen, outbox.clone()));
        Self {
            model: Model::new(show.name.to_string(), hold),
            show,
            screen,
            launched,
            tasks,
            outbox,
            inbox,
            met,
            playing: None,
            load: None,
            leaving: None,
            ready: None,
            trouble: None,
        }
    }

    async fn run(mut self, mut signals: Signals) -> Result<Left, Failure> {
        let mut keys = EventStream::new();
        loop {
            if self.model.take_stale() {
                let drawn = self.screen.draw(&self.model, self.show.theme);
                drawn.map_err(|source| Failure::system("cannot draw", &source))?;
            }
            let leave = match self.next(&mut keys, &mut signals).await {
                Next::Message(message) => self.take(message),
                Next::Terminal(event) => self.heed(&event),
                Next::Ours(Some(event)) => {
                    self.hear(event);
                    None
                }
                Next::Ours(None) => return Ok(Left::Over(self.trouble.take())),
                Next::Signal => Some(self.at_a_signal()),
                Next::Broken(source) => return Err(Failure::system("cannot read keys", &source)),
            };
            match leave {
                Some(Leave::Stop) => return Ok(Left::Stop(self.held())),
                Some(Leave::LetGo) => return Ok(Left::Watching(self.held())),
                None => {}
            }
        }
    }

    fn held(&mut self) -> Option<Held> {
        let launched = self.launched.take()?;
        let ready = self.ready.take();
        Some(Held { launched, ready })
    }

    async fn next(&mut self, keys: &mut EventStream, signals: &mut Signals) -> Next {
        loop {
            tokio::select! {
                biased;
                () = signals.next() => return Next::Signal,
                event = keys.next() => return match event {
                    Some(Ok(event)) => Next::Terminal(event),
                    Some(Err(error)) => Next::Broken(error),
                    None => Next::Signal,
                },
                event = next_of(&mut self.launched) => return Next::Ours(event),
                Some(message) = self.inbox.recv() => return Next::Message(message),
                Some(ended) = self.tasks.join_next() => resume(ended),
            }
        }
    }

    /// Takes a message, and all that wait behind it: one picture shows them all.
    fn take(&mut self, message: Message) -> Option<Leave> {
        let mut next = Some(message);
        while let Some(message) = next {
            self.note(&message);
            self.model.apply(message);
            next = self.inbox.try_recv().ok();
        }
        self.leaving.filter(|_| self.playing.is_none())
    }

    fn note(&mut self, message: &Message) {
        match message {
            Message::Status(status) => {
                self.met.send_replace(Some(status.clone()));
                self.was_ready(status);
            }
            Message::Gone(_) => drop(self.met.send_replace(None)),
            Message::Playing(None) => self.playing = None,
            _ => {}
        }
    }

    fn hear(&mut self, event: ClusterEvent) {
        match &event {
            ClusterEvent::Failed { trouble } => self.trouble = Some(Box::new(trouble.clone())),
            ClusterEvent::Ready { status } => self.was_ready(status),
            _ => {}
        }
        let event = Box::new(event);
        let at = clock::now();
        self.model.apply(Message::Event { at, event });
    }

    fn was_ready(&mut self, status: &ClusterStatus) {
        if status.took_ms.is_some() {
            self.ready = Some(Box::new(status.clone()));
        }
    }

    fn heed(&mut self, event: &Event) -> Option<Leave> {
        match event {
            Event::Key(key) => {
                let intent = input::meaning(&self.model.mode, *key)?;
                let effect = self.model.intend(intent)?;
                self.effect(effect)
            }
            Event::Resize(..) => {
                self.model.spoil();
                None
            }
            _ => None,
        }
    }

    fn effect(&mut self, effect: Effect) -> Option<Leave> {
        match effect {
            Effect::Do(Wish::Play(scenario)) => self.play(scenario),
            Effect::Do(wish) => {
                let deed = deeds::carry_out(self.show.clone(), wish, self.outbox.clone());
                self.tasks.spawn(deed);
            }
            Effect::Interrupt => self.interrupt(),
            Effect::StartLoad => self.start_load(),
            Effect::StopLoad => self.stop_load(),
            Effect::Leave(leave) => return self.leave(leave),
        }
        None
    }

    fn play(&mut self, scenario: Scenario) {
        let (stop, stopped) = watch::channel(false);
        self.playing = Some(stop);
        let doing = format!("{}: starting", scenario.name());
        self.model.apply(Message::Playing(Some(doing)));
        let deed = deeds::play(self.show.clone(), scenario, stopped, self.outbox.clone());
        self.tasks.spawn_local(deed);
    }

    fn interrupt(&mut self) {
        if let Some(stop) = &self.playing {
            stop.send_replace(true);
        }
    }

    fn start_load(&mut self) {
        let Some(status) = self.model.status() else {
            return;
        };
        let brokers = status.nodes.iter().map(|node| node.ports.kafka).collect();
        let load = load::produce(brokers, self.outbox.clone());
        self.load = Some(self.tasks.spawn(load));
    }

    fn stop_load(&mut self) {
        if let Some(load) = self.load.take() {
            load.abort();
        }
        self.model.apply(Message::Load(super::model::Load::Off));
    }

    /// A scenario that runs heals what it broke first; who cannot wait asks twice.
    fn leave(&mut self, leave: Leave) -> Option<Leave> {
        if self.playing.is_none() || self.leaving.is_some() {
            return Some(leave);
        }
        self.leaving = Some(leave);
        self.interrupt();
        self.model.said = Some(Said {
            command: String::from("quit"),
            how: How::Failed(String::from(
                "the scenario cleans up first; again does not wait for it",
            )),
        });
        None
    }

    fn at_a_signal(&self) -> Leave {
        match self.model.hold {
            Hold::Ours => Leave::Stop,
            Hold::Theirs => Leave::LetGo,
        }
    }
}

/// The next event of the cluster that we hold; there is none where we hold none.
async fn next_of(launched: &mut Option<Launched>) -> Option<ClusterEvent> {
    match launched {
        Some(launched) => launched.next().await,
        None => std::future::pending().await,
    }
}

/// A task that panicked is a bug, and told as one once the terminal is as it was.
fn resume(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && let Ok(panic) = error.try_into_panic()
    {
        std::panic::resume_unwind(panic);
    }
}

/// What ends a dashboard from outside.
pub(in crate::cli::ui) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    /// From here on no signal ends the process.
    pub(in crate::cli::ui) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one.
    pub(in crate::cli::ui) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}
