//! What the dashboard knows, and what is chosen in it. Pure: no clock, no terminal, no task.
//!
//! Messages come in by [`Model::apply`], a person's intents by [`Model::intend`], which says what
//! is to be done. Both note whether anything that is shown has changed: only then is it drawn.

mod board;
#[cfg(test)]
pub(super) mod fixture;
mod intents;
mod log;
mod strip;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use crate::cli::logs::Line;
use crate::cli::render::progress::describe;
use crate::cli::render::{Style, Tone};
use crate::spec::{NodeId, NodeStatus};
use crate::supervisor::{ClusterEvent, ClusterStatus, NodeView, Trouble};

pub(super) use board::{Cell, Row};
pub(super) use intents::{Effect, Leave};
pub(super) use log::LogPane;
pub(super) use strip::{Column, Sample, Strip};

/// Events that are kept.
const EVENTS: usize = 500;
/// Samples (half a second) after which a node that does not answer counts as silent.
const SILENT_AFTER: u32 = 10;

/// Whose the cluster is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    /// Somebody else's: it runs on when the dashboard ends.
    Theirs,
    /// Ours: `up --ui` started it.
    Ours,
}

/// What keys are for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mode {
    /// Looking, and doing.
    Watching,
    /// Typing the filter of the log.
    Filtering {
        /// What it was before.
        before: String,
    },
    /// Choosing a scenario.
    Choosing {
        /// Its place in the catalogue.
        at: usize,
    },
    /// Reading the help.
    Helped,
    /// Being asked what becomes of the cluster.
    Leaving,
}

/// Whether there is a cluster to look at.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Contact {
    /// It was not met yet.
    Seeking,
    /// As its supervisor describes it.
    Met(Box<ClusterStatus>),
    /// It is not there.
    Gone(Box<Trouble>),
}

/// What a node's process takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Usage {
    /// Percent of one core, since the last look; `None` at the first.
    pub(super) cpu: Option<u32>,
    /// Resident megabytes.
    pub(super) memory: u64,
}

/// Something that happened, in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct News {
    /// `12:00:00`.
    pub(super) at: String,
    /// What it means.
    pub(super) tone: Tone,
    /// In words.
    pub(super) text: String,
}

/// The last command and how it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    /// The equal command line.
    pub(super) command: String,
    /// How it goes.
    pub(super) how: How,
}

/// How a command goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum How {
    /// It is under way.
    Doing,
    /// It did what it should.
    Done(String),
    /// It did not.
    Failed(String),
}

/// Whether the dashboard itself produces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Load {
    /// It does not.
    Off,
    /// It does, steadily.
    On,
}

/// What comes in.
#[derive(Debug)]
pub(super) enum Message {
    /// The cluster as it is.
    Status(Box<ClusterStatus>),
    /// There is none.
    Gone(Box<Trouble>),
    /// Something happened to it.
    Event {
        /// When.
        at: String,
        /// What.
        event: Box<ClusterEvent>,
    },
    /// What its nodes say.
    Sample(Sample),
    /// What their processes take.
    Usage(BTreeMap<NodeId, Usage>),
    /// What they wrote.
    Log(Vec<Line>),
    /// What was asked for has an end.
    Told {
        /// When.
        at: String,
        /// What, and how it went.
        said: Said,
    },
    /// The scenario that runs, and what it is doing; `None`: none runs.
    Playing(Option<String>),
    /// The load began or ended.
    Load(Load),
}

/// A node's own words, and for how many samples it has said none.
#[derive(Debug)]
struct Heard {
    status: NodeStatus,
    missed: u32,
}

/// What is known and chosen.
#[derive(Debug)]
pub(super) struct Model {
    /// The cluster's name.
    pub(super) cluster: String,
    /// Whose it is.
    pub(super) hold: Hold,
    /// Whether it is there.
    pub(super) contact: Contact,
    /// Its partitions.
    pub(super) rows: Vec<Row>,
    /// How many peers each node is linked with, of how many.
    pub(super) links: BTreeMap<NodeId, (usize, usize)>,
    /// What each node takes.
    pub(super) usage: BTreeMap<NodeId, Usage>,
    /// Its acks.
    pub(super) strip: Strip,
    /// What happened, the newest last.
    pub(super) news: VecDeque<News>,
    /// Its logs.
    pub(super) log: LogPane,
    /// What keys are for.
    pub(super) mode: Mode,
    /// The place of the selected node.
    pub(super) selected: usize,
    /// Partitions above the first that is shown.
    pub(super) scroll: usize,
    /// The last command.
    pub(super) said: Option<Said>,
    /// The scenario that runs.
    pub(super) playing: Option<String>,
    /// Whether we produce.
    pub(super) load: Load,
    heard: BTreeMap<NodeId, Heard>,
    stale: bool,
}

impl Model {
    /// A dashboard that has seen nothing yet.
    pub(super) fn new(cluster: String, hold: Hold) -> Self {
        Self {
            cluster,
            hold,
            contact: Contact::Seeking,
            rows: Vec::new(),
            links: BTreeMap::new(),
            usage: BTreeMap::new(),
            strip: Strip::default(),
            news: VecDeque::new(),
            log: LogPane::default(),
            mode: Mode::Watching,
            selected: 0,
            scroll: 0,
            said: None,
            playing: None,
            load: Load::Off,
            heard: BTreeMap::new(),
            stale: true,
        }
    }

    /// The cluster, where it was met.
    pub(super) fn status(&self) -> Option<&ClusterStatus> {
        match &self.contact {
            Contact::Met(status) => Some(status),
            Contact::Seeking | Contact::Gone(_) => None,
        }
    }

    /// The nodes in order.
    pub(super) fn nodes(&self) -> Vec<NodeId> {
        let nodes = self.status().map(|status| &status.nodes[..]);
        let nodes = nodes.unwrap_or_default().iter();
        nodes.map(|node| node.id).collect()
    }

    /// The selected node.
    pub(super) fn node(&self) -> Option<&NodeView> {
        self.status()?.nodes.get(self.selected)
    }

    /// Whether something that is shown has changed since the last call.
    pub(super) fn take_stale(&mut self) -> bool {
        std::mem::take(&mut self.stale)
    }

    /// It must be drawn again whatever has changed: the screen has.
    pub(super) fn spoil(&mut self) {
        self.stale = true;
    }

    /// Takes in what came.
    pub(super) fn apply(&mut self, message: Message) {
        let changed = match message {
            Message::Status(status) => self.on_status(*status),
            Message::Gone(trouble) => self.on_gone(trouble),
            Message::Event { at, event } => self.on_event(at, &event),
            Message::Sample(sample) => self.on_sample(sample),
            Message::Usage(usage) => put(&mut self.usage, usage),
            Message::Log(lines) => self.log.add(lines),
            Message::Told { at, said } => self.on_told(at, said),
            Message::Playing(playing) => put(&mut self.playing, playing),
            Message::Load(load) => self.on_load(load),
        };
        self.stale |= changed;
    }

    fn on_status(&mut self, mut status: ClusterStatus) -> bool {
        round(&mut status);
        let last = status.nodes.len().saturating_sub(1);
        self.selected = self.selected.min(last);
        let silent = status.nodes.iter().filter(|node| !answers(node));
        for node in silent {
            self.heard.remove(&node.id);
        }
        for node in status.nodes.iter().filter(|node| node.pid.is_none()) {
            self.usage.remove(&node.id);
        }
        let changed = put(&mut self.contact, Contact::Met(Box::new(status)));
        self.rebuild() || changed
    }

    fn on_gone(&mut self, trouble: Box<Trouble>) -> bool {
        // Ours is being started: it cannot be met yet.
        if self.hold == Hold::Ours && self.contact == Contact::Seeking {
            return false;
        }
        self.heard.clear();
        self.usage.clear();
        self.strip.clear();
        let changed = put(&mut self.contact, Contact::Gone(trouble));
        self.rebuild() || changed
    }

    fn on_event(&mut self, at: String, event: &ClusterEvent) -> bool {
        let Some(text) = describe(event, Style::plain()) else {
            return false;
        };
        let tone = tone(event);
        self.tell(News { at, tone, text });
        true
    }

    fn on_told(&mut self, at: String, said: Said) -> bool {
        let (tone, how) = match &said.how {
            How::Doing => (Tone::News, ""),
            How::Done(how) => (Tone::Plain, how.as_str()),
            How::Failed(how) => (Tone::Bad, how.as_str()),
        };
        let text = format!("$ {}: {how}", said.command);
        self.tell(News { at, tone, text });
        self.said = Some(said);
        true
    }

    fn on_load(&mut self, load: Load) -> bool {
        if load == Load::Off {
            self.strip.calm();
        }
        put(&mut self.load, load)
    }

    fn tell(&mut self, news: News) {
        self.news.push_back(news);
        if self.news.len() > EVENTS {
            self.news.pop_front();
        }
    }

    fn on_sample(&mut self, sample: Sample) -> bool {
        let changed = self.strip.sample(&sample);
        for heard in self.heard.values_mut() {
            heard.missed += sample.spans;
        }
        for status in sample.seen {
            let heard = Heard { status, missed: 0 };
            self.heard.insert(heard.status.node, heard);
        }
        self.heard.retain(|_, heard| heard.missed < SILENT_AFTER);
        self.rebuild() || changed
    }

    /// What is shown of the nodes' own words.
    fn rebuild(&mut self) -> bool {
        let said = self
            .heard
            .iter()
            .map(|(node, heard)| (*node, &heard.status));
        let rows = board::board(&self.nodes(), &said.collect());
        let links = self.heard.iter().map(|(node, heard)| {
            let linked = heard
                .status
                .links
                .iter()
                .filter(|link| link.linked && link.alive);
            (*node, (linked.count(), heard.status.links.len()))
        });
        let links = links.collect();
        let changed = put(&mut self.links, links);
        put(&mut self.rows, rows) || changed
    }
}

/// Replaces a value; says whether it is another one.
fn put<T: PartialEq>(place: &mut T, value: T) -> bool {
    let changed = *place != value;
    *place = value;
    changed
}

/// Whether a node can answer: it has a process that is not paused.
pub(super) fn answers(node: &NodeView) -> bool {
    node.pid.is_some() && node.state != "paused"
}

/// Drops what is not shown and rounds what is: what looks the same is the same.
fn round(status: &mut ClusterStatus) {
    for load in status
        .nodes
        .iter_mut()
        .filter_map(|node| node.load.as_mut())
    {
        load.uptime_ms = 0;
    }
    for ends in status
        .faults
        .iter_mut()
        .filter_map(|fault| fault.ends_in_ms.as_mut())
    {
        *ends = (*ends / 1e3).ceil() * 1e3;
    }
}

fn tone(event: &ClusterEvent) -> Tone {
    match event {
        ClusterEvent::NodeExited { unasked: true, .. } | ClusterEvent::Failed { .. } => Tone::Bad,
        ClusterEvent::NodeNotReady { .. }
        | ClusterEvent::NodePaused { .. }
        | ClusterEvent::LeaderChanged { leader: None, .. }
        | ClusterEvent::Notice { .. } => Tone::Doubt,
        ClusterEvent::FaultsChanged { faults } if !faults.is_empty() => Tone::Doubt,
        ClusterEvent::NodeReady { .. } | ClusterEvent::Ready { .. } => Tone::Good,
        ClusterEvent::PhasePassed { .. } | ClusterEvent::NodeWaits { .. } => Tone::Quiet,
        _ => Tone::Plain,
    }
}
