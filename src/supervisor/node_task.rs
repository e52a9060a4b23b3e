//! One task per node process: it hears the node's reports, passes orders on, and reaps it.
//!
//! The task owns the process, so a signal can only reach what it has not reaped yet.

use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::actor::Event;
use super::exit::Exit;
use super::lines::Lines;
use super::spawn::{NodeProcess, is_stopped};
use crate::spec::{NodeId, NodeReport};

/// What a node's task is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Send a signal.
    Signal(Signal),
    /// Send SIGSTOP, and tell when the process has stopped.
    Pause,
    /// Close the lifeline.
    Leave,
}

/// Orders that can wait for one node.
pub(super) const MAX_ORDERS: usize = 16;
/// A process that was reaped may have left this much unread in its pipe; then it ends.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// A SIGSTOP that the system has not carried out by then is reported as failed.
const PAUSE_WITHIN: Duration = Duration::from_secs(2);
/// The process's state is looked at this often until it has stopped.
const PAUSE_LOOK: Duration = Duration::from_millis(1);

/// Which life of which node an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Life {
    /// The node.
    pub(super) node: NodeId,
    /// Counts its processes, from 1.
    pub(super) number: u32,
}

/// Attends a process until it is reaped.
pub(super) async fn attend(
    life: Life,
    mut process: NodeProcess,
    mut orders: mpsc::Receiver<Order>,
    events: mpsc::Sender<Event>,
) {
    let reports = process.reports.take().expect("a node's stdout is piped");
    let mut lines = Some(Lines::new(reports));
    let exit = loop {
        tokio::select! {
            said = next(&mut lines) => match said {
                Some(said) => tell(&events, life, &said).await,
                None => lines = None,
            },
            Some(order) = orders.recv() => obey(order, life, &mut process, &events).await,
            status = process.wait() => break status.map_or(Exit::Unknown, Exit::from),
        }
    };
    let end = Instant::now() + LAST_WORDS;
    while lines.is_some()
        && let Ok(Some(said)) = timeout_at(end, next(&mut lines)).await
    {
        tell(&events, life, &said).await;
    }
    // Nobody is left to hear it only when the supervisor itself is gone.
    drop(events.send(Event::Exited { life, exit }).await);
}

/// The next line; pends for ever once the pipe is closed and taken away.
async fn next<R: tokio::io::AsyncRead + Unpin>(lines: &mut Option<Lines<R>>) -> Option<String> {
    match lines {
        // A pipe that cannot be read says no more than a closed one.
        Some(lines) => lines.next().await.ok().flatten(),
        None => std::future::pending().await,
    }
}

async fn tell(events: &mpsc::Sender<Event>, life: Life, said: &str) {
    let event = match serde_json::from_str::<NodeReport>(said) {
        Ok(report) => Event::Report { life, report },
        Err(_) => Event::Chatter { life },
    };
    drop(events.send(event).await);
}

async fn obey(order: Order, life: Life, process: &mut NodeProcess, events: &mpsc::Sender<Event>) {
    let done = match order {
        Order::Signal(signal) => process.signal(signal),
        Order::Leave => {
            process.close_lifeline();
            Ok(())
        }
        Order::Pause => pause(life, process, events).await,
    };
    if let Err(source) = done {
        let reason = source.to_string();
        drop(events.send(Event::OrderFailed { life, reason }).await);
    }
}

async fn pause(
    life: Life,
    process: &NodeProcess,
    events: &mpsc::Sender<Event>,
) -> std::io::Result<()> {
    process.signal(Signal::SIGSTOP)?;
    let end = Instant::now() + PAUSE_WITHIN;
    while let Some(pid) = process.pid() {
        if is_stopped(pid) {
            drop(events.send(Event::Paused { life }).await);
            return Ok(());
        }
        if Instant::now() > end {
            return Err(std::io::Error::other("it did not stop when told to pause"));
        }
        tokio::time::sleep(PAUSE_LOOK).await;
    }
    Ok(())
}
