//! A running cluster, met over its control socket: what commands, tests and scenarios hold.
//!
//! Each call is a connection of its own. An answer of another cluster than the one that was
//! meant is refused, and so is a directory that somebody has locked and nobody answers for.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::{Instant, sleep, timeout_at};

use super::control::{Acted, Action, Answer, Body, Request};
use super::directory::{Claim, ClusterDir, find, take_existing};
use super::event::ClusterEvent;
use super::lines::Lines;
use super::name::ClusterName;
use super::places::Places;
use super::relay::Fault;
use super::status::ClusterStatus;
use super::trouble::{Trouble, TroubleCode};
use crate::spec::ClusterSpec;
use crate::spec::defaults::{READY_TIMEOUT, STOP_GRACE};

/// A supervisor that has just been started needs this long at most to bind its socket.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// Between two attempts to connect.
const CONNECT_AGAIN: Duration = Duration::from_millis(5);
/// An answer to a plain question.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Rolling restarts of many nodes take longest; each node has its own deadlines.
const ACT_WITHIN: Duration = Duration::from_mins(10);

/// A running cluster.
#[derive(Debug, Clone)]
pub struct ClusterHandle {
    name: ClusterName,
    dir: ClusterDir,
    socket: PathBuf,
}

/// The stored spec of a cluster, running or not.
pub fn locate(places: &Places, name: &ClusterName) -> Result<ClusterSpec, Trouble> {
    let dir = find_dir(places, name)?;
    let spec = dir.load_spec();
    let spec = spec.map_err(|error| Trouble::of(TroubleCode::Precondition, &error))?;
    spec.ok_or_else(|| no_cluster(name))
}

/// Removes a stopped cluster with all its data, or the log of a supervisor that is all that is left.
pub fn wipe(places: &Places, name: &ClusterName) -> Result<(), Trouble> {
    if find(places, name).is_none() {
        let removed = std::fs::remove_file(places.supervisor_log(name));
        return removed.map_err(|_none| no_cluster(name));
    }
    let refused = |error| Trouble::of(TroubleCode::Precondition, &error);
    match take_existing(places, name) {
        Ok(Some(Claim::Taken(claimed))) => claimed.wipe_whole().map_err(refused),
        Ok(None) => Ok(()),
        Ok(Some(Claim::Busy(dir))) => Err(locked(name, dir.path(), "it is still running")),
        Err(error) => Err(refused(error)),
    }
}

fn find_dir(places: &Places, name: &ClusterName) -> Result<ClusterDir, Trouble> {
    find(places, name).ok_or_else(|| no_cluster(name))
}

fn no_cluster(name: &ClusterName) -> Trouble {
    Trouble::new(
        TroubleCode::NoCluster,
        format!("there is no cluster {name}"),
    )
    .hint("chronik-dev ls shows every cluster")
    .hint(format!("chronik-dev up --cluster {name} makes one"))
}

fn not_running(name: &ClusterName) -> Trouble {
    Trouble::new(
        TroubleCode::NotRunning,
        format!("cluster {name} is not running"),
    )
    .hint(format!("chronik-dev up --cluster {name}"))
}

fn locked(name: &ClusterName, directory: &Path, why: &str) -> Trouble {
    let message = format!("the directory of cluster {name} is locked, and {why}");
    Trouble::new(TroubleCode::Locked, message)
        .fact(format!("directory: {}", directory.display()))
        .hint(format!(
            "`fuser {}` names the process that holds it: end that one",
            directory.display()
        ))
}

impl ClusterHandle {
    /// Finds a running cluster by its name.
    pub async fn connect(places: &Places, name: &ClusterName) -> Result<Self, Trouble> {
        let dir = find_dir(places, name)?;
        let socket = places.socket(name.as_str(), dir.path());
        let socket = socket.map_err(|error| Trouble::of(TroubleCode::Precondition, &error))?;
        let handle = Self {
            name: name.clone(),
            dir,
            socket,
        };
        drop(handle.dial().await?);
        Ok(handle)
    }

    /// The cluster's directory.
    pub fn dir(&self) -> &ClusterDir {
        &self.dir
    }

    /// The cluster as it is now, with what each node says of itself.
    pub async fn status(&self) -> Result<ClusterStatus, Trouble> {
        match self.ask(&Request::Status, ANSWER_WITHIN).await? {
            Body::Status(status) => Ok(*status),
            other => Err(self.strange(&other)),
        }
    }

    /// Waits until the cluster is ready.
    pub async fn wait_ready(&self, timeout: Duration) -> Result<ClusterStatus, Trouble> {
        let request = Request::WaitReady { timeout };
        match self.ask(&request, timeout + ANSWER_WITHIN).await? {
            Body::Status(status) => Ok(*status),
            other => Err(self.strange(&other)),
        }
    }

    /// Does something to nodes and waits until they are as asked.
    pub async fn act(&self, action: Action) -> Result<Acted, Trouble> {
        match self.ask(&Request::Act(action), ACT_WITHIN).await? {
            Body::Acted(acted) => Ok(acted),
            other => Err(self.strange(&other)),
        }
    }

    /// Breaks links.
    pub async fn break_links(
        &self,
        fault: Fault,
        lasting: Option<Duration>,
    ) -> Result<(), Trouble> {
        self.done(&Request::Break { fault, lasting }).await
    }

    /// Heals all links.
    pub async fn heal(&self) -> Result<(), Trouble> {
        self.done(&Request::Heal).await
    }

    /// Stops the cluster and waits until its supervisor is gone.
    pub async fn down(&self) -> Result<(), Trouble> {
        let mut connection = self.dial().await?;
        let deadline = Instant::now() + STOP_GRACE + ANSWER_WITHIN;
        match self
            .converse(&mut connection, &Request::Down, deadline)
            .await?
        {
            Body::Done => {}
            other => return Err(self.strange(&other)),
        }
        // The supervisor closes its connections when it ends, and gives its lock back before.
        let ended = timeout_at(deadline, connection.answers.next()).await;
        ended
            .map(drop)
            .map_err(|_elapsed| locked(&self.name, self.dir.path(), "its supervisor does not end"))
    }

    /// Every event from now on.
    pub async fn subscribe(&self) -> Result<News, Trouble> {
        let mut connection = self.dial().await?;
        self.send(&mut connection, &Request::Subscribe).await?;
        Ok(News { connection })
    }

    /// From here on everything that is broken is mended when this process ends, however it ends,
    /// unless the guard is released before.
    pub async fn guard(&self) -> Result<Guard, Trouble> {
        let mut connection = self.dial().await?;
        let deadline = Instant::now() + ANSWER_WITHIN;
        match self
            .converse(&mut connection, &Request::Guard, deadline)
            .await?
        {
            Body::Done => Ok(Guard {
                handle: self.clone(),
                connection,
            }),
            other => Err(self.strange(&other)),
        }
    }

    async fn done(&self, request: &Request) -> Result<(), Trouble> {
        match self.ask(request, READY_TIMEOUT).await? {
            Body::Done => Ok(()),
            other => Err(self.strange(&other)),
        }
    }

    async fn ask(&self, request: &Request, within: Duration) -> Result<Body, Trouble> {
        let mut connection = self.dial().await?;
        self.converse(&mut connection, request, Instant::now() + within)
            .await
    }

    async fn converse(
        &self,
        connection: &mut Connection,
        request: &Request,
        deadline: Instant,
    ) -> Result<Body, Trouble> {
        self.send(connection, request).await?;
        let line = timeout_at(deadline, connection.answers.next()).await;
        let silent = |why: &str| locked(&self.name, self.dir.path(), why);
        let line = line.map_err(|_elapsed| silent("its supervisor does not answer"))?;
        let Ok(Some(line)) = line else {
            return Err(not_running(&self.name).fact("its supervisor has just ended"));
        };
        let answer: Answer = serde_json::from_str(&line)
            .map_err(|_| silent("what answers is no supervisor of this version"))?;
        if answer.cluster != self.name.as_str() || Path::new(&answer.directory) != self.dir.path() {
            let why = format!("cluster {} in {} answers", answer.cluster, answer.directory);
            return Err(silent(&why));
        }
        match answer.body {
            Body::Trouble(trouble) => Err(trouble),
            body => Ok(body),
        }
    }

    async fn send(&self, connection: &mut Connection, request: &Request) -> Result<(), Trouble> {
        let line = serde_json::to_string(request).expect("a request is plain data") + "\n";
        let sent = connection.requests.write_all(line.as_bytes()).await;
        sent.map_err(|error| not_running(&self.name).fact(format!("caused by: {error}")))
    }

    /// Connects, waiting for a supervisor that has the lock and not yet a socket.
    async fn dial(&self) -> Result<Connection, Trouble> {
        let deadline = Instant::now() + CONNECT_WITHIN;
        loop {
            let refusal = match UnixStream::connect(&self.socket).await {
                Ok(stream) => return Ok(Connection::new(stream)),
                Err(error) => error,
            };
            if !self.dir.is_locked() {
                return Err(not_running(&self.name));
            }
            if Instant::now() > deadline || !may_come(&refusal) {
                let trouble = locked(&self.name, self.dir.path(), "nobody answers for it");
                return Err(trouble.fact(format!("caused by: {refusal}")));
            }
            sleep(CONNECT_AGAIN).await;
        }
    }

    fn strange(&self, body: &Body) -> Trouble {
        let message = format!("cluster {} answers something else: {body:?}", self.name);
        Trouble::new(TroubleCode::Bug, message)
    }
}

/// Whether a socket that refuses may be there a moment later.
fn may_come(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
    )
}

#[derive(Debug)]
struct Connection {
    answers: Lines<OwnedReadHalf>,
    requests: OwnedWriteHalf,
}

impl Connection {
    fn new(stream: UnixStream) -> Self {
        let (read, requests) = stream.into_split();
        Self {
            answers: Lines::new(read),
            requests,
        }
    }
}

/// A connection whose end mends the cluster.
#[derive(Debug)]
pub struct Guard {
    handle: ClusterHandle,
    connection: Connection,
}

impl Guard {
    /// What is broken now stays so.
    pub async fn release(mut self) -> Result<(), Trouble> {
        let deadline = Instant::now() + ANSWER_WITHIN;
        let handle = &self.handle;
        let released = handle.converse(&mut self.connection, &Request::Release, deadline);
        released.await.map(drop)
    }
}

/// The events of a running cluster.
#[derive(Debug)]
pub struct News {
    connection: Connection,
}

impl News {
    /// The next event; `None` when the supervisor is gone.
    pub async fn next(&mut self) -> Option<ClusterEvent> {
        let line = self.connection.answers.next().await.ok()??;
        match serde_json::from_str::<Answer>(&line).ok()?.body {
            Body::Event(event) => Some(*event),
            _ => None,
        }
    }
}
