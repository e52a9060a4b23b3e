//! One attempt to dial a peer: TCP, HTTP/2, HELLO both ways.
//!
//! We connect ourselves, since how an attempt ended (refused, reset, end of file, or no answer
//! at all) is what the failure detector lives on, and tonic's channel would hide it.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use hyper::client::conn::http2;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_util::task::TaskTracker;
use tonic::body::Body;
use tonic::codegen::http::uri::Uri;
use tonic::{Code, Request, Status, Streaming};

use super::crew::Crew;
use super::generated::{Batch, peer_client::PeerClient};
use super::hello::{Greeting, Identity};
use super::outbox::{Batches, Outbox};
use super::wire::Wire;
use super::{Lane, frame, tuning};
use crate::spec::Peer;

/// Why an attempt gave no stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum DialError {
    /// It ended before the peer's HELLO: refused, reset, end of file.
    #[error("{0}")]
    Ended(String),
    /// One of the two sides does not believe the other's HELLO.
    #[error("{0}")]
    Rejected(String),
    /// Nothing came.
    #[error("no HELLO within {}s", .0.as_secs())]
    Silent(Duration),
}

/// A stream that stands: the peer has answered with its HELLO.
pub(super) struct Standing {
    /// Its writing half.
    pub(super) wire: Arc<Wire>,
    /// Its reading half: answers.
    pub(super) answers: Streaming<Batch>,
    /// What the peer said.
    pub(super) greeting: Greeting,
    #[expect(dead_code, reason = "the connection lives as long as its crew")]
    crew: Crew,
}

/// Makes one attempt; ends in time.
pub(super) async fn dial(
    identity: &Identity,
    peer: &Peer,
    call: (Lane, u64),
    tracker: &TaskTracker,
) -> Result<Standing, DialError> {
    let attempt = attempt(identity, peer, call, tracker);
    tokio::time::timeout(tuning::HELLO_DEADLINE, attempt)
        .await
        .unwrap_or(Err(DialError::Silent(tuning::HELLO_DEADLINE)))
}

async fn attempt(
    identity: &Identity,
    peer: &Peer,
    (lane, attempt): (Lane, u64),
    tracker: &TaskTracker,
) -> Result<Standing, DialError> {
    let ended = |error: &(dyn Error + 'static)| {
        DialError::Ended(format!("{} ({})", root_cause(error), peer.dial))
    };
    let stream = TcpStream::connect(peer.dial).await.map_err(|e| ended(&e))?;
    stream.set_nodelay(true).map_err(|e| ended(&e))?;
    let crew = Crew::new(tracker);
    let (sender, connection) = tuning::client(crew.spawner())
        .handshake::<_, Body>(TokioIo::new(stream))
        .await
        .map_err(|e| ended(&e))?;
    crew.spawner().spawn(async move {
        // Its error reaches the stream, which is where it is told.
        let _ = connection.await;
    });
    let (outbox, batches) = Outbox::new();
    let mut request = Request::new(batches);
    identity.greet(peer.id, lane, attempt, request.metadata_mut());
    let answer = open(sender, request).await.map_err(|status| {
        if is_rejection(status.code()) {
            DialError::Rejected(status.message().to_owned())
        } else {
            ended(&status)
        }
    })?;
    let greeting = identity
        .judge_answer(peer.id, answer.metadata())
        .map_err(|rejection| DialError::Rejected(rejection.to_string()))?;
    Ok(Standing {
        wire: Arc::new(Wire::new(peer.id, outbox)),
        answers: answer.into_inner(),
        greeting,
        crew,
    })
}

async fn open(
    sender: http2::SendRequest<Body>,
    request: Request<Batches>,
) -> Result<tonic::Response<Streaming<Batch>>, Status> {
    let service = tower::service_fn(move |request| sender.clone().send_request(request));
    PeerClient::with_origin(service, Uri::from_static("http://peer.chronik"))
        .max_decoding_message_size(frame::MAX_MESSAGE_BYTES)
        .link(request)
        .await
}

/// The codes with which a peer refuses a HELLO.
fn is_rejection(code: Code) -> bool {
    matches!(
        code,
        Code::InvalidArgument
            | Code::Unauthenticated
            | Code::PermissionDenied
            | Code::FailedPrecondition
            | Code::Aborted
    )
}

/// What lies at the bottom of an error, in words.
pub(super) fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    match cause.downcast_ref::<std::io::Error>() {
        Some(io) => io.kind().to_string(),
        None => cause.to_string(),
    }
}
