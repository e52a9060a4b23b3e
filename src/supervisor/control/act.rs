//! `kill`, `stop`, `start`, `restart`, `pause`, `resume`: resolved, done, waited for, measured.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::time::{Instant, timeout_at};

use super::election::{Election, Group};
use super::server::Desk;
use super::{Acted, Action, Verb};
use crate::spec::NodeId;
use crate::spec::defaults::{READY_TIMEOUT, STOP_GRACE};
use crate::supervisor::actor::{Command, Deed, Fate};
use crate::supervisor::selector::Field;
use crate::supervisor::slot::ends_a_process;
use crate::supervisor::status::{ClusterStatus, NodeView};
use crate::supervisor::trouble::{Trouble, TroubleCode, command};

/// Longer than any grace: by then the process is reaped, or the system is in trouble.
const REAPED_WITHIN: Duration = STOP_GRACE.saturating_add(Duration::from_secs(5));
/// Longer than the node's task tries.
const PAUSED_WITHIN: Duration = Duration::from_secs(3);

/// Does something to nodes and returns when they are as asked.
pub(super) async fn act(desk: &mut Desk, action: &Action) -> Result<Acted, Trouble> {
    let signal = signal(action)?;
    let group = Group::of(&action.select);
    let before = desk.current();
    let old_leader = group.leader(&before).await;
    let nodes = resolve(action, &before, old_leader)?;
    refuse_paused(action.verb, &nodes, &before)?;
    let idle = already(action.verb, &nodes, &before);
    let busy = nodes.iter().filter(|node| !idle.contains_key(node));
    let mut acted = Acted {
        nodes: busy.copied().collect(),
        warnings: idle.values().cloned().collect(),
        old_leader: old_leader.map(|leader| leader.to_string()),
        took_ms: 0.0,
        new_leader: None,
        election_ms: None,
    };
    let began = Instant::now();
    let election = Election::expected(group, old_leader, action.verb, &nodes, &before);
    let view = desk.view.clone();
    let work = Work {
        desk,
        verb: action.verb,
        lasting: action.lasting,
        signal,
    };
    let (done, elected) = tokio::join!(work.carry_out(&nodes, began), election.watch(view, began));
    acted.took_ms = done?.as_secs_f64() * 1e3;
    acted.new_leader = elected.leader.map(|leader| leader.to_string());
    acted.election_ms = elected.after.map(|after| after.as_secs_f64() * 1e3);
    acted.warnings.extend(elected.warning);
    Ok(acted)
}

/// The signal of `kill`; SIGKILL unless another is named.
fn signal(action: &Action) -> Result<Signal, Trouble> {
    let Some(number) = action.signal else {
        return Ok(Signal::SIGKILL);
    };
    let wrong = |message: String| Trouble::new(TroubleCode::Usage, message);
    match Signal::try_from(number) {
        Ok(Signal::SIGSTOP | Signal::SIGTSTP | Signal::SIGCONT) => {
            let message = format!("signal {number} is not for kill");
            Err(wrong(message).hint("chronik-dev pause SEL, and chronik-dev resume SEL"))
        }
        Ok(signal) => Ok(signal),
        Err(_) => {
            let message = format!("there is no signal {number}");
            Err(wrong(message).hint("a number such as 15, or a name such as TERM"))
        }
    }
}

fn resolve(
    action: &Action,
    status: &ClusterStatus,
    leader: Option<NodeId>,
) -> Result<Vec<NodeId>, Trouble> {
    let fits = |node: &&NodeView| match action.verb {
        Verb::Kill | Verb::Stop => node.pid.is_some(),
        Verb::Start => node.pid.is_none(),
        Verb::Restart => true,
        Verb::Pause => node.pid.is_some() && node.state != "paused",
        Verb::Resume => node.state == "paused",
    };
    let field = Field {
        nodes: status.nodes.len(),
        candidates: status
            .nodes
            .iter()
            .filter(fits)
            .map(|node| node.id)
            .collect(),
        leader,
    };
    let chosen = action.select.resolve(&field);
    chosen.map_err(|error| error.trouble(&status.cluster))
}

/// A paused node has a process and cannot become ready: `start` would wait in vain.
fn refuse_paused(verb: Verb, nodes: &[NodeId], status: &ClusterStatus) -> Result<(), Trouble> {
    let mut meant = status.nodes.iter().filter(|node| nodes.contains(&node.id));
    match meant.find(|node| verb == Verb::Start && node.state == "paused") {
        Some(node) => {
            let message = format!("{} is paused, not down", node.name);
            let hint = command(&status.cluster, &format!("resume {}", node.id.0));
            Err(Trouble::new(TroubleCode::Precondition, message).hint(hint))
        }
        None => Ok(()),
    }
}

/// Nodes that are as asked already: a warning each, no error.
fn already(verb: Verb, nodes: &[NodeId], status: &ClusterStatus) -> BTreeMap<NodeId, String> {
    let note = |node: &NodeView| match verb {
        Verb::Kill | Verb::Stop | Verb::Pause if node.pid.is_none() => Some("is not running"),
        Verb::Pause if node.state == "paused" => Some("is paused already"),
        Verb::Start if node.pid.is_some() => Some("is running already"),
        Verb::Resume if node.state != "paused" => Some("is not paused"),
        _ => None,
    };
    let meant = status.nodes.iter().filter(|node| nodes.contains(&node.id));
    meant
        .filter_map(|node| Some((node.id, format!("{} {}", node.name, note(node)?))))
        .collect()
}

struct Work<'a> {
    desk: &'a mut Desk,
    verb: Verb,
    lasting: Option<Duration>,
    signal: Signal,
}

impl Work<'_> {
    /// Returns how long it took until the nodes were as asked.
    async fn carry_out(mut self, nodes: &[NodeId], began: Instant) -> Result<Duration, Trouble> {
        match self.verb {
            Verb::Kill => self.end(Fate::Kill(self.signal), nodes).await?,
            Verb::Stop => self.end(Fate::Stop, nodes).await?,
            Verb::Start => self.start(nodes).await?,
            Verb::Restart => {
                // One after the other, so that a majority goes on serving.
                for node in nodes {
                    self.end(Fate::Stop, &[*node]).await?;
                    self.start(&[*node]).await?;
                }
            }
            Verb::Pause => self.pause(nodes).await?,
            Verb::Resume => self.command(Fate::Resume, nodes).await?,
        }
        Ok(began.elapsed())
    }

    async fn command(&self, fate: Fate, nodes: &[NodeId]) -> Result<(), Trouble> {
        let deed = Deed {
            fate,
            nodes: nodes.to_vec(),
            lasting: self.lasting,
        };
        self.desk.command(Command::Do(deed)).await
    }

    /// Ends processes and waits until they are reaped.
    async fn end(&mut self, fate: Fate, nodes: &[NodeId]) -> Result<(), Trouble> {
        let before = self.desk.current();
        self.command(fate, nodes).await?;
        if matches!(fate, Fate::Kill(signal) if !ends_a_process(signal)) {
            return Ok(());
        }
        let gone =
            |now: &NodeView| now.pid.is_none() || before.nodes[now.id.position()].pid != now.pid;
        self.wait(nodes, REAPED_WITHIN, "to be reaped", gone).await
    }

    async fn pause(&mut self, nodes: &[NodeId]) -> Result<(), Trouble> {
        self.command(Fate::Pause, nodes).await?;
        let paused = |now: &NodeView| now.pid.is_none() || now.state == "paused";
        self.wait(nodes, PAUSED_WITHIN, "to be in state T", paused)
            .await
    }

    /// Starts processes and, where a majority runs, waits until they are ready.
    async fn start(&mut self, nodes: &[NodeId]) -> Result<(), Trouble> {
        self.command(Fate::Start, nodes).await?;
        let status = self.desk.current();
        let runs = |node: &&NodeView| {
            nodes.contains(&node.id) || (node.pid.is_some() && node.state != "paused")
        };
        let majority = status.nodes.len() / 2 + 1;
        let started = |now: &NodeView| now.state == "starting" || now.state == "ready";
        if status.nodes.iter().filter(runs).count() < majority {
            return self
                .wait(nodes, REAPED_WITHIN, "to be started", started)
                .await;
        }
        let settled = |now: &NodeView| now.is_ready() || now.state == "exited";
        self.wait(nodes, READY_TIMEOUT, "to be ready", settled)
            .await?;
        let status = self.desk.current();
        let mut meant = status.nodes.iter().filter(|node| nodes.contains(&node.id));
        match meant.find(|node| node.state == "exited") {
            Some(dead) => Err(died(&status.cluster, dead)),
            None => Ok(()),
        }
    }

    async fn wait(
        &mut self,
        nodes: &[NodeId],
        within: Duration,
        what: &str,
        holds: impl Fn(&NodeView) -> bool,
    ) -> Result<(), Trouble> {
        let all = |status: &Arc<ClusterStatus>| {
            let mut meant = status.nodes.iter().filter(|node| nodes.contains(&node.id));
            meant.all(&holds)
        };
        let deadline = Instant::now() + within;
        let waited = timeout_at(deadline, self.desk.view.wait_for(all)).await;
        match waited.map(|seen| seen.map(drop)) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_closed)) => Err(Trouble::new(
                TroubleCode::NotRunning,
                "the supervisor is ending",
            )),
            Err(_elapsed) => Err(overdue(&self.desk.current(), nodes, within, what)),
        }
    }
}

fn overdue(status: &ClusterStatus, nodes: &[NodeId], within: Duration, what: &str) -> Trouble {
    let within = crate::spec::show_duration(within);
    let message = format!("waited {within} for {} {what}", names(nodes));
    let meant = status.nodes.iter().filter(|node| nodes.contains(&node.id));
    meant.fold(
        Trouble::new(TroubleCode::NotReady, message)
            .hint(command(&status.cluster, "status"))
            .hint(command(&status.cluster, "logs --errors")),
        |trouble, node| {
            let on = node.waiting_for.as_ref();
            let on = on.map_or_else(String::new, |on| format!(", waiting for {on}"));
            trouble.fact(format!("last status: {} is {}{on}", node.name, node.state))
        },
    )
}

fn died(cluster: &str, node: &NodeView) -> Trouble {
    let exit = node.exit.as_deref().unwrap_or("unknown");
    let message = format!("{} died while starting: {exit}", node.name);
    let trouble = Trouble::new(TroubleCode::NodeDied, message);
    let trouble = node.last_words.add_to(trouble, Path::new(&node.log));
    trouble.hint(command(cluster, &format!("logs {} --errors", node.id.0)))
}

fn names(nodes: &[NodeId]) -> String {
    let names: Vec<String> = nodes.iter().map(ToString::to_string).collect();
    names.join(", ")
}
