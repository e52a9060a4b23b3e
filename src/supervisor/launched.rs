//! A supervisor in a process of its own, and the pipe between it and whoever launched it.
//!
//! The launcher writes the request as one JSON line to its stdin, and reads events as JSON lines
//! from its stdout. The end of stdin means *stop everything*, unless the line `detach` came
//! first: so a launcher that dies takes its cluster along, and `up -d` lets go of it.

use std::future::Future;
use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::sync::broadcast;
use tokio::time::{Instant, timeout_at};

use super::event::ClusterEvent;
use super::lines::Lines;
use super::request::LaunchRequest;
use super::spawn::{Spawner, send};
use super::status::ClusterStatus;
use super::trouble::{Trouble, TroubleCode};
use crate::spec::defaults::STOP_GRACE;

/// The line that lets go.
const DETACH: &str = "detach";
/// A supervisor that was told to stop is gone by then; its nodes have their own grace before.
const GONE_WITHIN: Duration = STOP_GRACE.saturating_add(Duration::from_secs(5));

/// A supervisor process that we launched. Dropping it stops the cluster.
#[derive(Debug)]
pub struct Launched {
    child: Child,
    lifeline: Option<ChildStdin>,
    events: Lines<ChildStdout>,
}

/// How a cluster was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Every node had its time.
    Graceful,
    /// Somebody could not wait.
    Hurried,
}

/// Launches a supervisor for `request`; its own log goes to `log`.
pub async fn launch(
    spawner: &Spawner,
    request: &LaunchRequest,
    log: std::fs::File,
) -> io::Result<Launched> {
    let mut child = spawner.supervisor(log)?;
    let mut lifeline = child.stdin.take().expect("its stdin is piped");
    let events = Lines::new(child.stdout.take().expect("its stdout is piped"));
    let line = serde_json::to_string(request)? + "\n";
    lifeline.write_all(line.as_bytes()).await?;
    Ok(Launched {
        child,
        lifeline: Some(lifeline),
        events,
    })
}

impl Launched {
    /// The next event; `None` when the supervisor is gone.
    pub async fn next(&mut self) -> Option<ClusterEvent> {
        while let Ok(Some(line)) = self.events.next().await {
            if let Ok(event) = serde_json::from_str(&line) {
                return Some(event);
            }
        }
        None
    }

    /// Why there was no last event.
    pub async fn silence(&mut self) -> Trouble {
        let status = self.child.wait().await;
        let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        let message = "the supervisor ended without a word";
        Trouble::new(TroubleCode::Bug, message).fact(how)
    }

    /// Waits until the cluster is ready, telling every event on the way.
    pub async fn ready(
        &mut self,
        mut tell: impl FnMut(&ClusterEvent),
    ) -> Result<ClusterStatus, Trouble> {
        while let Some(event) = self.next().await {
            tell(&event);
            match event {
                ClusterEvent::Ready { status } => return Ok(*status),
                ClusterEvent::Failed { trouble } => return Err(trouble),
                _ => {}
            }
        }
        Err(self.silence().await)
    }

    /// Lets go: the cluster runs on without us.
    pub async fn detach(mut self) -> io::Result<()> {
        let mut lifeline = self.lifeline.take().expect("it is let go of once");
        lifeline.write_all(format!("{DETACH}\n").as_bytes()).await?;
        lifeline.flush().await
    }

    /// Stops the cluster and waits until the supervisor is gone.
    pub async fn stop(self) -> Result<(), Trouble> {
        self.stop_or_kill(async || std::future::pending().await)
            .await
            .map(drop)
    }

    /// The same; whenever `hurry` ends, nodes that still run are killed, as a second Ctrl-C does it.
    pub async fn stop_or_kill(mut self, mut hurry: impl AsyncFnMut()) -> Result<Pace, Trouble> {
        self.lifeline = None;
        let deadline = Instant::now() + GONE_WITHIN;
        let mut pace = Pace::Graceful;
        loop {
            let gone = tokio::select! {
                gone = timeout_at(deadline, self.gone()) => gone,
                () = hurry() => {
                    pace = Pace::Hurried;
                    // To the supervisor it is the second request: the first is the lifeline's end.
                    let sent = send(&self.child, Signal::SIGTERM);
                    sent.map_err(|error| Trouble::of(TroubleCode::Bug, &error))?;
                    continue;
                }
            };
            return match gone {
                Ok(Ok(_)) => Ok(pace),
                Ok(Err(error)) => Err(Trouble::of(TroubleCode::Bug, &error)),
                Err(_elapsed) => {
                    let message = "the supervisor did not end when it was told to";
                    Err(Trouble::new(TroubleCode::Bug, message))
                }
            };
        }
    }

    /// Waits until the supervisor is gone; it can be asked again.
    async fn gone(&mut self) -> io::Result<ExitStatus> {
        while self.next().await.is_some() {}
        self.child.wait().await
    }
}

/// The supervisor's side of the pipe: reads the request, then gives what `supervise` wants.
///
/// Returns the request, the listener that writes events to stdout, and the future that ends when
/// the launcher has gone without letting go.
pub fn serve_launcher() -> io::Result<(
    LaunchRequest,
    impl FnOnce(broadcast::Receiver<ClusterEvent>) -> Telling,
    impl Future<Output = ()> + Send + 'static,
)> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let request = serde_json::from_str(&line)?;
    Ok((
        request,
        |events| Box::pin(tell_launcher(events)) as Telling,
        launcher_gone(),
    ))
}

/// Writes events to stdout until the last one.
type Telling = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

async fn tell_launcher(mut events: broadcast::Receiver<ClusterEvent>) {
    let mut stdout = tokio::io::stdout();
    loop {
        let event = match events.recv().await {
            Ok(event) => event,
            Err(broadcast::error::RecvError::Lagged(_)) => continue,
            Err(broadcast::error::RecvError::Closed) => return,
        };
        let line = serde_json::to_string(&event).expect("an event is plain data");
        let written = stdout.write_all(format!("{line}\n").as_bytes()).await;
        // A launcher that let go does not read any more.
        if written.is_err() || stdout.flush().await.is_err() {
            return;
        }
    }
}

/// Ends when stdin ends before the line `detach`.
async fn launcher_gone() {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if line == DETACH {
            return std::future::pending().await;
        }
    }
}
