//! The Raft port: accepts connections, believes HELLOs, and keeps strangers cheap.
//!
//! A connection carries one stream. Until its HELLO was believed it has a deadline, a place among
//! a bounded number of strangers, and no buffer for messages: HTTP/1, TLS, garbage and silence
//! all end in a closed socket.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::Map;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::codegen::Service as _;
use tonic::{Request, Response, Status, Streaming};

use super::crew::{Crew, Spawner};
use super::detector::Event;
use super::generated::Batch;
use super::generated::peer_server::{Peer, PeerServer};
use super::hello::{Greeting, Rejection};
use super::outbox::{Batches, Outbox};
use super::room::Room;
use super::session::Session;
use super::{Inbox, Lane, frame, tuning};

/// After an accept that failed for want of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts and serves, for ever.
pub(super) async fn accept(room: Arc<Room>, inbox: Arc<dyn Inbox>, listener: TcpListener) {
    let strangers = Arc::new(Semaphore::new(tuning::MAX_STRANGERS));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    // Too many strangers: this one is closed by dropping it.
                    if let Ok(permit) = Arc::clone(&strangers).try_acquire_owned() {
                        let visit = Visit::new(&room, &inbox);
                        connections.spawn(room.tracker.track_future(serve(visit, stream, permit)));
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "the Raft port accepts nothing now");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(visit: Visit, stream: TcpStream, permit: OwnedSemaphorePermit) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let crew = Crew::new(&visit.room.tracker);
    let door = PeerServer::new(Door {
        visit: visit.clone(),
        spawner: crew.spawner(),
    });
    let door = door.max_decoding_message_size(frame::MAX_MESSAGE_BYTES);
    let service = hyper::service::service_fn(move |request| door.clone().call(request));
    let connection = tuning::server(crew.spawner()).serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        ended = connection => {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection to the Raft port ended");
            }
        }
        () = visit.over(permit) => {}
    }
    drop(crew);
    visit.leave();
}

/// One accepted connection, from its socket to its end.
#[derive(Clone)]
struct Visit {
    room: Arc<Room>,
    inbox: Arc<dyn Inbox>,
    presence: Arc<Mutex<Presence>>,
    greeted: CancellationToken,
    close: CancellationToken,
}

/// What a connection is to the detector; each step is told once and in order.
enum Presence {
    Stranger,
    Guest(Greeting),
    Gone,
}

impl Visit {
    fn new(room: &Arc<Room>, inbox: &Arc<dyn Inbox>) -> Self {
        Self {
            room: Arc::clone(room),
            inbox: Arc::clone(inbox),
            presence: Arc::new(Mutex::new(Presence::Stranger)),
            greeted: CancellationToken::new(),
            close: CancellationToken::new(),
        }
    }

    /// Ends when the connection has to: no HELLO in time, its session is over, or replaced.
    async fn over(&self, permit: OwnedSemaphorePermit) {
        let greeted = tokio::time::timeout(tuning::HELLO_DEADLINE, self.greeted.cancelled());
        if greeted.await.is_ok() {
            drop(permit);
            self.close.cancelled().await;
        }
    }

    /// Believes the HELLO or says why not.
    fn enter(&self, metadata: &tonic::metadata::MetadataMap) -> Result<Greeting, Rejection> {
        let mut presence = self.presence();
        if !matches!(*presence, Presence::Stranger) {
            return Err(Rejection::Malformed("a connection says HELLO once"));
        }
        let greeting = self.room.identity.judge_caller(metadata)?;
        let edge = self.room.edges.get(&greeting.node);
        let edge = edge.ok_or(Rejection::Stranger {
            here: self.room.identity.node,
            there: greeting.node,
        })?;
        edge.admit(greeting, self.close.clone())?;
        if greeting.lane == Lane::Control {
            let boot = greeting.boot;
            self.room.apply(greeting.node, Event::Greeted { boot });
        }
        *presence = Presence::Guest(greeting);
        self.greeted.cancel();
        Ok(greeting)
    }

    fn leave(&self) {
        let mut presence = self.presence();
        let was = std::mem::replace(&mut *presence, Presence::Gone);
        let Presence::Guest(greeting) = was else {
            return;
        };
        if let Some(edge) = self.room.edges.get(&greeting.node) {
            edge.depart(greeting);
        }
        if greeting.lane == Lane::Control {
            self.room.apply(greeting.node, Event::Left);
        }
    }

    fn presence(&self) -> MutexGuard<'_, Presence> {
        self.presence
            .lock()
            .expect("no holder of a visit's lock panics")
    }
}

/// The gRPC service of one connection.
struct Door {
    visit: Visit,
    spawner: Spawner,
}

#[tonic::async_trait]
impl Peer for Door {
    type LinkStream = Map<Batches, fn(Batch) -> Result<Batch, Status>>;

    async fn link(
        &self,
        request: Request<Streaming<Batch>>,
    ) -> Result<Response<Self::LinkStream>, Status> {
        let visit = &self.visit;
        let greeting = visit.enter(request.metadata()).map_err(|rejection| {
            visit.room.refused(&rejection);
            Status::from(rejection)
        })?;
        let (outbox, batches) = Outbox::new();
        let (room, inbox) = (Arc::clone(&visit.room), Arc::clone(&visit.inbox));
        let session = Session::new(room, inbox, greeting, outbox, visit.close.clone());
        self.spawner.spawn(session.run(request.into_inner()));
        let mut response = Response::new(batches.map(Ok as fn(Batch) -> _));
        let (lane, attempt) = (greeting.lane, greeting.attempt);
        let metadata = response.metadata_mut();
        visit
            .room
            .identity
            .greet(greeting.node, lane, attempt, metadata);
        Ok(response)
    }
}
