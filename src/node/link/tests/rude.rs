//! Peers that belong and break the rules: their connection ends, and nothing else does.

use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tonic::{Code, Request, Status, Streaming};

use super::super::crew::Crew;
use super::super::generated::peer_client::PeerClient;
use super::super::generated::{Batch, Frame, Kind};
use super::super::hello::Identity;
use super::super::{frame, tuning};
use super::*;

/// A hand-driven dialler that knows the secret: node 2 of a plan where only node 1 runs.
struct Rude {
    client: PeerClient<Sender>,
    identity: Identity,
    node: Node,
    _crew: Crew,
    _plan: Plan,
}

type Sender = tower::util::BoxCloneService<
    tonic::codegen::http::Request<tonic::body::Body>,
    tonic::codegen::http::Response<hyper::body::Incoming>,
    hyper::Error,
>;

impl Rude {
    async fn new() -> Self {
        let plan = Plan::new(2);
        let node = plan.start(1, 10).await;
        let stream = TcpStream::connect(plan.address(1)).await.unwrap();
        let crew = Crew::new(&tokio_util::task::TaskTracker::new());
        let (sender, connection) = tuning::client(crew.spawner())
            .handshake(TokioIo::new(stream))
            .await
            .unwrap();
        crew.spawner().spawn(async move {
            connection.await.ok();
        });
        let service = tower::service_fn(move |request| sender.clone().send_request(request));
        let service = Sender::new(service);
        let origin = tonic::codegen::http::Uri::from_static("http://peer.chronik");
        Self {
            client: PeerClient::with_origin(service, origin),
            identity: Identity::new(&plan.spec(2), BootId(20)),
            node,
            _crew: crew,
            _plan: plan,
        }
    }

    /// Says HELLO and then these frames.
    async fn say(&mut self, lane: Lane, frames: Vec<Frame>) -> Result<Streaming<Batch>, Status> {
        let batches = tokio_stream::StreamExt::chain(
            tokio_stream::once(Batch { frames }),
            tokio_stream::pending(),
        );
        let mut request = Request::new(batches);
        let metadata = request.metadata_mut();
        self.identity.greet(NodeId(1), lane, 1, metadata);
        Ok(self.client.link(request).await?.into_inner())
    }

    /// Whether node 1 ends the stream after these frames, and lives.
    async fn gets_cut_off(mut self, lane: Lane, frames: Vec<Frame>) -> bool {
        let mut answers = self.say(lane, frames).await.unwrap();
        let ended = async { while let Ok(Some(_)) = answers.message().await {} };
        let ended = tokio::time::timeout(PATIENCE, ended).await.is_ok();
        self.node
            .until("the rude peer is unlinked", |table| {
                !table.peers[&NodeId(2)].linked
            })
            .await;
        ended
    }
}

fn request() -> Frame {
    frame::request(1, Service::Vote, group(1), Bytes::from_static(b"hi"))
}

#[tokio::test]
async fn a_lawful_request_by_hand_is_answered() {
    let mut rude = Rude::new().await;
    let mut answers = rude.say(Lane::Control, vec![request()]).await.unwrap();
    let batch = answers.message().await.unwrap().unwrap();
    assert_eq!(batch.frames[0].payload, "node-2:hi");
}

#[tokio::test]
async fn an_unknown_service_gets_cut_off() {
    let mut frame = request();
    frame.service = 99;
    assert!(
        Rude::new()
            .await
            .gets_cut_off(Lane::Control, vec![frame])
            .await
    );
}

#[tokio::test]
async fn an_unknown_kind_gets_cut_off() {
    let mut frame = request();
    frame.kind = 99;
    assert!(
        Rude::new()
            .await
            .gets_cut_off(Lane::Control, vec![frame])
            .await
    );
}

#[tokio::test]
async fn an_answer_that_nobody_asked_for_gets_cut_off() {
    let frame = frame::reply(1, Bytes::new());
    assert!(
        Rude::new()
            .await
            .gets_cut_off(Lane::Control, vec![frame])
            .await
    );
}

#[tokio::test]
async fn a_ping_that_does_not_parse_gets_cut_off() {
    let frame = frame::ping(Bytes::from_static(&[0xff; 9]));
    assert!(
        Rude::new()
            .await
            .gets_cut_off(Lane::Control, vec![frame])
            .await
    );
}

#[tokio::test]
async fn a_ping_on_the_bulk_lane_gets_cut_off() {
    let frame = frame::ping(Bytes::new());
    assert!(
        Rude::new()
            .await
            .gets_cut_off(Lane::Bulk, vec![frame])
            .await
    );
}

#[tokio::test]
async fn a_message_above_the_limit_gets_cut_off() {
    let large = Frame {
        kind: Kind::Cast as i32,
        payload: Bytes::from(vec![0; frame::MAX_MESSAGE_BYTES + 1]),
        ..request()
    };
    assert!(
        Rude::new()
            .await
            .gets_cut_off(Lane::Bulk, vec![large])
            .await
    );
}

#[tokio::test]
async fn a_call_without_a_hello_is_refused_in_words() {
    let mut rude = Rude::new().await;
    let nothing = Request::new(tokio_stream::pending::<Batch>());
    let status = rude.client.link(nothing).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(status.message(), "no valid HELLO: there is none");
}

#[tokio::test]
async fn a_connection_says_hello_once_and_ends_with_its_stream() {
    let mut rude = Rude::new().await;
    let mut request = Request::new(tokio_stream::empty::<Batch>());
    let metadata = request.metadata_mut();
    rude.identity.greet(NodeId(1), Lane::Control, 1, metadata);
    let mut answers = rude.client.link(request).await.unwrap().into_inner();
    while let Ok(Some(_)) = answers.message().await {}
    assert!(rude.say(Lane::Control, vec![]).await.is_err());
}

#[tokio::test]
async fn a_newer_attempt_replaces_and_an_older_one_is_refused() {
    let plan = Plan::new(2);
    let edge = Edge::new(plan.spec(1).peers[0].clone());
    let greeting = |boot, attempt| super::super::hello::Greeting {
        node: NodeId(2),
        boot: BootId(boot),
        lane: Lane::Control,
        attempt,
    };
    let token = tokio_util::sync::CancellationToken::new;
    let (first, second, third) = (token(), token(), token());
    edge.admit(greeting(1, 5), first.clone()).unwrap();
    assert!(edge.admit(greeting(1, 4), second.clone()).is_err());
    assert!(!first.is_cancelled());
    edge.admit(greeting(1, 6), second.clone()).unwrap();
    assert!(first.is_cancelled() && !second.is_cancelled());
    edge.depart(greeting(1, 5));
    assert!(edge.admit(greeting(1, 5), third.clone()).is_err());
    edge.admit(greeting(2, 1), third.clone()).unwrap();
    assert!(second.is_cancelled());
    edge.depart(greeting(2, 1));
    edge.admit(greeting(2, 1), token()).unwrap();
    assert!(!third.is_cancelled());
}
