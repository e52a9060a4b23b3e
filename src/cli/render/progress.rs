//! The way to READY and what happens after it, on stderr.
//!
//! On a terminal one live line for each starting node: its phase, what it waits for, the elapsed
//! time at the right, and after five seconds the node's last log line. Elsewhere one plain line
//! with a timestamp for each transition, and no control codes. Once the cluster is ready both
//! print plain lines.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::Style;
use super::clock::timestamp;
use super::counted;
use crate::cli::context::{Context, Talk};
use crate::spec::NodeId;
use crate::supervisor::{ClusterEvent, PhaseName, escape, last_line};

/// Live lines are redrawn this often.
const FRAME: Duration = Duration::from_millis(100);
/// A node that waits for longer than this shows the last line of its log.
const SHOW_LOG_AFTER: Duration = Duration::from_secs(5);

/// Shows events.
pub(in crate::cli) struct Progress {
    context: Context,
    live: Option<Live>,
    directory: Option<PathBuf>,
}

/// The live lines of a starting cluster.
struct Live {
    screen: MultiProgress,
    nodes: BTreeMap<NodeId, Line>,
    began: Instant,
}

struct Line {
    bar: ProgressBar,
    state: String,
}

impl Progress {
    /// Shows events as the context wants it.
    pub(in crate::cli) fn new(context: &Context) -> Self {
        let live = context.stderr.live() && context.talk >= Talk::Normal;
        Self {
            context: *context,
            live: live.then(Live::new),
            directory: None,
        }
    }

    /// Ends when the live lines are due to be redrawn, and redraws them; pends where there are
    /// none.
    pub(in crate::cli) async fn tick(&mut self) {
        if self.live.is_none() {
            return std::future::pending().await;
        }
        tokio::time::sleep(FRAME).await;
        self.redraw();
    }

    fn redraw(&self) {
        let Some(live) = &self.live else { return };
        let late = live.began.elapsed() > SHOW_LOG_AFTER;
        for (node, line) in &live.nodes {
            let log = self.directory.as_ref().filter(|_| late);
            let log = log.and_then(|dir| last_line(&dir.join(node.to_string()).join("node.log")));
            let log = log.map_or_else(String::new, |log| {
                format!("  {}", self.context.stderr.dim(&log))
            });
            line.bar.set_message(format!("{}{log}", line.state));
            line.bar.tick();
        }
    }

    /// Shows one event.
    pub(in crate::cli) fn on(&mut self, event: &ClusterEvent) {
        if let ClusterEvent::Starting { directory, .. } = event {
            self.directory = Some(directory.clone());
        }
        if let Some(live) = &mut self.live {
            live.on(event, self.context.stderr);
        }
        match event {
            ClusterEvent::Ready { .. }
            | ClusterEvent::Failed { .. }
            | ClusterEvent::Stopping { .. } => self.live = None,
            _ => {}
        }
        if let Some(text) = self.text(event) {
            self.line(&text);
        }
    }

    /// A plain line, above the live ones where there are some.
    fn line(&self, text: &str) {
        match &self.live {
            Some(live) => drop(live.screen.println(text)),
            None if self.context.stderr.live() => self.context.say(text),
            None => self
                .context
                .say(format!("{} {text}", timestamp(SystemTime::now()))),
        }
    }

    /// What an event says in a line; live lines say some of it themselves.
    fn text(&self, event: &ClusterEvent) -> Option<String> {
        let live = self.live.is_some();
        match event {
            ClusterEvent::NodeSpawned { .. }
            | ClusterEvent::NodeWaits { .. }
            | ClusterEvent::NodeReady { .. }
                if live =>
            {
                None
            }
            ClusterEvent::PhasePassed { .. } if self.context.talk < Talk::Verbose => None,
            // The READY line and the error say it.
            ClusterEvent::Ready { .. } | ClusterEvent::Failed { .. } => None,
            other => describe(other, self.context.stderr),
        }
    }
}

/// An event in words; `None` for what is no news to a person.
pub(in crate::cli) fn describe(event: &ClusterEvent, style: Style) -> Option<String> {
    Some(match event {
        ClusterEvent::Starting { cluster, nodes, .. } => {
            format!(
                "cluster {cluster}: starting {}",
                counted(*nodes as u64, "node")
            )
        }
        ClusterEvent::Notice { text } => format!("{} {text}", style.yellow("note:")),
        ClusterEvent::PhasePassed { phase } => {
            format!("all nodes: {} (+{:.0} ms)", phase.name.as_str(), phase.ms)
        }
        ClusterEvent::NodeSpawned { node, pid } => format!("{node}: spawned, pid {pid}"),
        // It says itself what is there and what is waited for.
        ClusterEvent::NodeWaits {
            node,
            phase: PhaseName::Linked,
            on,
        } => format!("{node}: {}", escape(on)),
        ClusterEvent::NodeWaits { node, on, .. } => format!("{node}: waiting for {}", escape(on)),
        ClusterEvent::NodeReady { node } => format!("{node}: {}", style.green("✓ ready")),
        ClusterEvent::NodeNotReady { node, reason } => {
            format!(
                "{node}: {}, waiting for {}",
                style.yellow("! not ready"),
                escape(reason)
            )
        }
        ClusterEvent::NodePaused { node } => format!("{node}: {}", style.yellow("‖ paused")),
        ClusterEvent::NodeResumed { node } => format!("{node}: resumed"),
        ClusterEvent::NodeStopping { node } => format!("{node}: stopping"),
        ClusterEvent::NodeExited {
            node,
            exit,
            unasked: true,
        } => {
            format!("{node}: {}: {exit}", style.red("✗ died"))
        }
        ClusterEvent::NodeExited { node, exit, .. } => format!("{node}: ○ exited: {exit}"),
        ClusterEvent::LeaderChanged {
            leader: Some(leader),
            term,
        } => {
            format!("metadata leader: {leader} (term {term})")
        }
        ClusterEvent::LeaderChanged { leader: None, .. } => String::from("metadata leader: none"),
        ClusterEvent::FaultsChanged { faults } if faults.is_empty() => {
            String::from("links: healed")
        }
        ClusterEvent::FaultsChanged { faults } => format!("broken: {}", faults.join("; ")),
        ClusterEvent::Stopping { running } if running.is_empty() => return None,
        ClusterEvent::Stopping { running } => {
            let names: Vec<String> = running.iter().map(ToString::to_string).collect();
            format!("stopping, still running: {}", names.join(", "))
        }
        ClusterEvent::Stopped => String::from("all nodes stopped"),
        ClusterEvent::Failed { trouble } => format!("{} {}", style.red("✗"), trouble.message),
        ClusterEvent::Ready { status } => format!("cluster {} is ready", status.cluster),
    })
}

impl Live {
    fn new() -> Self {
        Self {
            screen: MultiProgress::with_draw_target(ProgressDrawTarget::stderr()),
            nodes: BTreeMap::new(),
            began: Instant::now(),
        }
    }

    fn on(&mut self, event: &ClusterEvent, style: Style) {
        let (node, state) = match event {
            ClusterEvent::NodeSpawned { node, .. } => (*node, String::from("◌ spawned")),
            ClusterEvent::NodeWaits { node, phase, on } => {
                let phase = style.cyan(phase.as_str());
                (*node, format!("◌ {phase}: {}", escape(on)))
            }
            ClusterEvent::NodeReady { node } => (*node, style.green("✓ ready")),
            ClusterEvent::NodeExited { node, exit, .. } => {
                (*node, format!("{}: {exit}", style.red("✗ exited")))
            }
            _ => return,
        };
        let screen = &self.screen;
        let line = self.nodes.entry(node).or_insert_with(|| Line {
            bar: screen.add(bar(node)),
            state: String::new(),
        });
        line.bar.set_message(state.clone());
        line.bar.tick();
        line.state = state;
    }
}

impl Drop for Live {
    /// The lines go; what they said is in the READY line or in the error.
    fn drop(&mut self) {
        for line in self.nodes.values() {
            line.bar.finish_and_clear();
        }
        drop(self.screen.clear());
    }
}

fn bar(node: NodeId) -> ProgressBar {
    let template = "{prefix:>8}  {wide_msg} {took:>6}";
    let took = |state: &ProgressState, text: &mut dyn Write| {
        // A string takes everything.
        let _ = write!(text, "{:.1}s", state.elapsed().as_secs_f64());
    };
    let style = ProgressStyle::with_template(template).expect("the template is ours");
    let style = style.with_key("took", took);
    ProgressBar::new_spinner()
        .with_style(style)
        .with_prefix(node.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervisor::Exit;

    #[test]
    fn a_waiting_node_says_for_what() {
        let event = ClusterEvent::NodeWaits {
            node: NodeId(3),
            phase: PhaseName::Linked,
            on: "1/2 peers, waiting for node-3 to node-1".into(),
        };
        assert_eq!(
            describe(&event, Style::plain()).unwrap(),
            "node-3: 1/2 peers, waiting for node-3 to node-1"
        );
    }

    #[test]
    fn an_unasked_end_is_told_apart_by_its_word() {
        let exited = |unasked| ClusterEvent::NodeExited {
            node: NodeId(2),
            exit: Exit::Signal(9),
            unasked,
        };
        let say = |event| describe(&event, Style::plain()).unwrap();
        assert_eq!(say(exited(true)), "node-2: ✗ died: killed by SIGKILL");
        assert_eq!(say(exited(false)), "node-2: ○ exited: killed by SIGKILL");
    }
}
