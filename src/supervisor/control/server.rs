//! The server's side of the control socket: one task per connection, none of which decides.
//!
//! The socket is bound as soon as the directory is ours, so that whoever comes second waits in
//! its backlog while the cluster is prepared.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::{Action, Answer, Body, Request, Verb, act};
use crate::supervisor::actor::{Command, Event};
use crate::supervisor::event::ClusterEvent;
use crate::supervisor::lines::Lines;
use crate::supervisor::probe;
use crate::supervisor::selector::Selector;
use crate::supervisor::status::{ClusterState, ClusterStatus};
use crate::supervisor::trouble::{Trouble, TroubleCode};

/// Connections at once; more wait in the backlog.
const MAX_CONNECTIONS: usize = 64;
/// A client that does not take an answer within this time is dropped.
const WRITE_WITHIN: Duration = Duration::from_secs(5);

/// What a connection needs to serve a request.
#[derive(Debug, Clone)]
pub(in crate::supervisor) struct Desk {
    pub(in crate::supervisor) events: mpsc::Sender<Event>,
    pub(in crate::supervisor) view: watch::Receiver<Arc<ClusterStatus>>,
    pub(in crate::supervisor) news: broadcast::Sender<ClusterEvent>,
}

/// A bound socket; its file goes with it.
#[derive(Debug)]
pub(in crate::supervisor) struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl ControlSocket {
    /// Binds the socket; the caller holds the cluster's lock, so an old file is a dead one's.
    pub(in crate::supervisor) fn bind(path: &Path) -> io::Result<Self> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        let path = path.to_owned();
        Ok(Self { listener, path })
    }

    /// Serves until it is dropped.
    pub(in crate::supervisor) async fn serve(self, desk: Desk) {
        let mut connections = JoinSet::new();
        loop {
            while connections.len() >= MAX_CONNECTIONS {
                connections.join_next().await;
            }
            tokio::select! {
                accepted = self.listener.accept() => if let Ok((stream, _)) = accepted {
                    connections.spawn(converse(stream, desk.clone()));
                },
                Some(_) = connections.join_next() => {}
            }
        }
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        // Whoever comes next would remove it, too.
        drop(std::fs::remove_file(&self.path));
    }
}

async fn converse(stream: UnixStream, desk: Desk) {
    let (read, write) = stream.into_split();
    let mut client = Client {
        requests: Lines::new(read),
        answers: write,
        parting: Parting::Nothing,
        desk,
    };
    client.listen().await;
    if client.parting == Parting::Mend {
        client.desk.mend().await;
    }
}

/// What is done when a client is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parting {
    Nothing,
    Mend,
}

struct Client {
    requests: Lines<OwnedReadHalf>,
    answers: OwnedWriteHalf,
    parting: Parting,
    desk: Desk,
}

impl Client {
    /// A client that breaks off has told us all that it wanted to.
    async fn listen(&mut self) {
        while let Ok(Some(line)) = self.requests.next().await {
            if self.serve(&line).await.is_err() {
                return;
            }
        }
    }

    async fn serve(&mut self, line: &str) -> io::Result<()> {
        let request = match serde_json::from_str(line) {
            Ok(request) => request,
            Err(error) => {
                let trouble = Trouble::new(TroubleCode::Usage, format!("no request: {error}"));
                return self.answer(Body::Trouble(trouble)).await;
            }
        };
        match request {
            Request::Subscribe => return self.report_events().await,
            Request::Guard => self.parting = Parting::Mend,
            Request::Release => self.parting = Parting::Nothing,
            _ => {}
        }
        let body = self
            .desk
            .fulfil(request)
            .await
            .unwrap_or_else(Body::Trouble);
        self.answer(body).await
    }

    async fn answer(&mut self, body: Body) -> io::Result<()> {
        let (cluster, directory) = {
            let view = self.desk.view.borrow();
            (view.cluster.clone(), view.directory.clone())
        };
        let answer = Answer {
            cluster,
            directory,
            body,
        };
        let line = serde_json::to_string(&answer)? + "\n";
        timeout(WRITE_WITHIN, self.answers.write_all(line.as_bytes())).await?
    }

    async fn report_events(&mut self) -> io::Result<()> {
        let mut news = self.desk.news.subscribe();
        loop {
            match news.recv().await {
                Ok(event) => self.answer(Body::Event(Box::new(event))).await?,
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return Ok(()),
            }
        }
    }
}

impl Desk {
    async fn fulfil(&mut self, request: Request) -> Result<Body, Trouble> {
        match request {
            Request::Status => {
                let mut status = self.current();
                probe::fill_in(&mut status).await;
                Ok(Body::Status(Box::new(status)))
            }
            Request::Act(action) => Ok(Body::Acted(act::act(self, &action).await?)),
            Request::Break { fault, lasting } => {
                self.command(Command::Break(fault, lasting)).await?;
                Ok(Body::Done)
            }
            Request::Heal => {
                self.command(Command::Heal).await?;
                Ok(Body::Done)
            }
            Request::Down => {
                self.command(Command::Down).await?;
                Ok(Body::Done)
            }
            Request::WaitReady { timeout } => self.wait_ready(timeout).await,
            Request::Guard | Request::Release => Ok(Body::Done),
            Request::Subscribe => unreachable!("a subscription is served by its connection"),
        }
    }

    /// Undoes what a client broke that is gone without a word: links first, so that nodes that
    /// start find their peers. What cannot be undone is told by `status` as ever.
    async fn mend(&mut self) {
        drop(self.command(Command::Heal).await);
        for verb in [Verb::Resume, Verb::Start] {
            let all = Action {
                verb,
                select: Selector::All,
                lasting: None,
                signal: None,
            };
            drop(act::act(self, &all).await);
        }
    }

    /// The latest picture.
    pub(super) fn current(&self) -> ClusterStatus {
        let mut status = ClusterStatus::clone(&self.view.borrow());
        status.count_down(Instant::now());
        status
    }

    /// Has the actor do something.
    pub(super) async fn command(&self, command: Command) -> Result<(), Trouble> {
        let gone = || Trouble::new(TroubleCode::NotRunning, "the supervisor is ending");
        let (answer, answered) = oneshot::channel();
        let event = Event::Command { command, answer };
        self.events.send(event).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }

    async fn wait_ready(&mut self, within: Duration) -> Result<Body, Trouble> {
        // A node that is down is no reason to wait; one that is starting is.
        let formed = |view: &Arc<ClusterStatus>| {
            let starting = view.nodes.iter().any(|node| node.state == "starting");
            let ending = view.state == ClusterState::Stopping;
            ending || (view.state != ClusterState::Starting && !starting)
        };
        let waited = timeout(within, self.view.wait_for(formed)).await;
        let waited = waited.map(|seen| seen.map(drop));
        let status = self.current();
        match (waited, status.state) {
            (Ok(Ok(())), ClusterState::Ready | ClusterState::Degraded) => {
                Ok(Body::Status(Box::new(status)))
            }
            (Err(_elapsed), _) => Err(not_ready(&status, within)),
            _ => Err(Trouble::new(
                TroubleCode::NotRunning,
                "the cluster is being stopped",
            )),
        }
    }
}

/// What each node still waits for.
fn not_ready(status: &ClusterStatus, within: Duration) -> Trouble {
    let within = crate::spec::show_duration(within);
    let message = format!("cluster {} is not ready after {within}", status.cluster);
    let waits = status.nodes.iter().filter_map(|node| {
        let on = node.waiting_for.as_ref()?;
        Some(format!("last status: {} waits for {on}", node.name))
    });
    waits.fold(Trouble::new(TroubleCode::NotReady, message), Trouble::fact)
}
