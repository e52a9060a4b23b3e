//! Real sockets, with a service whose requests end when the test says so.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::super::server;
use super::super::stats::BrokerStats;
use super::*;
use crate::spec::Settings;

/// What a request's first byte asks for.
const ECHO: u8 = b'e';
const PIPELINED: u8 = b'p';
const HELD: u8 = b'h';
const SILENT: u8 = b's';
const FATAL: u8 = b'f';
const GARBAGE: u8 = b'g';

/// Answers each frame with itself; those that are held wait for [`Held::release`].
#[derive(Debug, Default)]
struct Echo {
    held: Arc<Held>,
}

#[derive(Debug, Default)]
struct Held {
    started: Mutex<VecDeque<(Bytes, oneshot::Sender<()>)>>,
    changed: tokio::sync::Notify,
}

impl Held {
    /// Waits until `count` held requests have been started and are still held.
    async fn wait_for(&self, count: usize) {
        loop {
            let changed = self.changed.notified();
            let running = |(_, held): &&(Bytes, oneshot::Sender<()>)| !held.is_closed();
            if self.started.lock().unwrap().iter().filter(running).count() == count {
                return;
            }
            changed.await;
        }
    }

    /// Ends the `index`-th of those that are held.
    fn release(&self, index: usize) {
        let (_, held) = self.started.lock().unwrap().remove(index).unwrap();
        held.send(()).unwrap();
    }

    fn bodies(&self) -> Vec<Bytes> {
        let started = self.started.lock().unwrap();
        started.iter().map(|(body, _)| body.clone()).collect()
    }
}

/// Tells the test when a held request ends, however it ends.
struct Notifies(Arc<Held>);

impl Drop for Notifies {
    fn drop(&mut self) {
        self.0.changed.notify_waiters();
    }
}

impl Service for Echo {
    fn lane(&self, frame: &[u8]) -> Lane {
        match frame.first() {
            Some(&PIPELINED | &SILENT) => Lane::Pipelined,
            _ => Lane::Alone,
        }
    }

    fn start(
        &self,
        _client: SocketAddr,
        frame: Bytes,
    ) -> Result<BoxFuture<'static, Reply>, String> {
        match frame.first() {
            Some(&GARBAGE) | None => Err("garbage".to_owned()),
            Some(&FATAL) => Ok(async { Reply::Close("asked to".to_owned()) }.boxed()),
            Some(&SILENT) => Ok(async { Reply::Nothing }.boxed()),
            Some(&ECHO) => Ok(async move { answer(&frame) }.boxed()),
            Some(_) => Ok(self.hold(frame)),
        }
    }
}

impl Echo {
    fn hold(&self, frame: Bytes) -> BoxFuture<'static, Reply> {
        let (release, released) = oneshot::channel();
        let notifies = Notifies(Arc::clone(&self.held));
        self.held
            .started
            .lock()
            .unwrap()
            .push_back((frame.clone(), release));
        self.held.changed.notify_waiters();
        async move {
            let _notifies = notifies;
            let _released_or_dropped = released.await;
            answer(&frame)
        }
        .boxed()
    }
}

fn answer(body: &[u8]) -> Reply {
    Reply::Answer(Answer::new(framed(body).into(), None))
}

fn framed(body: &[u8]) -> Vec<u8> {
    let mut bytes = (body.len() as u32).to_be_bytes().to_vec();
    bytes.extend(body);
    bytes
}

struct Bench {
    address: SocketAddr,
    held: Arc<Held>,
    stats: Arc<BrokerStats>,
    shutdown: CancellationToken,
    server: JoinSet<()>,
}

fn patient() -> Limits {
    Limits::new(&Settings::default())
}

async fn bench(limits: Limits) -> Bench {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = Echo::default();
    let held = Arc::clone(&service.held);
    let shutdown = CancellationToken::new();
    let stats = Arc::new(BrokerStats::default());
    let shared = Arc::new(Shared {
        service,
        budget: Budget::new(limits.budget_bytes),
        limits,
        shutdown: shutdown.clone(),
    });
    let mut running = JoinSet::new();
    running.spawn(server::serve(vec![listener], shared, Arc::clone(&stats)));
    Bench {
        address,
        held,
        stats,
        shutdown,
        server: running,
    }
}

impl Bench {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

async fn send(stream: &mut TcpStream, body: &[u8]) {
    stream.write_all(&framed(body)).await.unwrap();
}

async fn receive(stream: &mut TcpStream) -> Vec<u8> {
    let size = stream.read_u32().await.unwrap();
    let mut body = vec![0; size as usize];
    stream.read_exact(&mut body).await.unwrap();
    body
}

/// The other side closed, with or without a reset.
async fn is_closed(stream: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    stream
        .read_to_end(&mut rest)
        .await
        .map_or(true, |_| rest.is_empty())
}

#[tokio::test]
async fn answers_come_in_request_order() {
    let bench = bench(patient()).await;
    let mut client = bench.connect().await;
    for body in [b"e1".as_slice(), b"p2", b"p3", b"e4", b"e5"] {
        send(&mut client, body).await;
    }
    assert_eq!(receive(&mut client).await, b"e1");
    bench.held.wait_for(2).await;
    bench.held.release(1);
    bench.held.release(0);
    for body in [b"p2", b"p3", b"e4", b"e5"] {
        assert_eq!(receive(&mut client).await, body);
    }
}

#[tokio::test]
async fn pipelined_requests_start_in_order_and_a_lone_one_waits_for_them() {
    let bench = bench(patient()).await;
    let mut client = bench.connect().await;
    for body in [b"p1", b"p2", b"p3", b"h4", b"p5"] {
        send(&mut client, body).await;
    }
    bench.held.wait_for(3).await;
    assert_eq!(bench.held.bodies(), [b"p1".as_slice(), b"p2", b"p3"]);
    for _ in 0..3 {
        bench.held.release(0);
    }
    bench.held.wait_for(1).await;
    assert_eq!(bench.held.bodies(), [b"h4".as_slice()]);
    bench.held.release(0);
    bench.held.wait_for(1).await;
    assert_eq!(bench.held.bodies(), [b"p5".as_slice()]);
}

#[tokio::test]
async fn the_pipeline_has_a_length() {
    let bench = bench(Limits {
        pipeline: 2,
        ..patient()
    })
    .await;
    let mut client = bench.connect().await;
    for body in [b"p1", b"p2", b"p3"] {
        send(&mut client, body).await;
    }
    bench.held.wait_for(2).await;
    bench.held.release(0);
    assert_eq!(receive(&mut client).await, b"p1");
    bench.held.wait_for(2).await;
    assert_eq!(bench.held.bodies(), [b"p2".as_slice(), b"p3"]);
}

#[tokio::test]
async fn a_silent_request_has_no_answer_and_a_fatal_one_closes() {
    let bench = bench(patient()).await;
    let mut client = bench.connect().await;
    for body in [b"s1", b"e2", b"f3"] {
        send(&mut client, body).await;
    }
    assert_eq!(receive(&mut client).await, b"e2");
    assert!(is_closed(&mut client).await);
}

#[tokio::test]
async fn a_frame_may_come_byte_by_byte() {
    let bench = bench(patient()).await;
    let mut client = bench.connect().await;
    for byte in framed(b"e-slow") {
        client.write_all(&[byte]).await.unwrap();
        client.flush().await.unwrap();
    }
    assert_eq!(receive(&mut client).await, b"e-slow");
}

#[tokio::test]
async fn a_large_frame_comes_back_whole() {
    let bench = bench(patient()).await;
    let mut client = bench.connect().await;
    send(&mut client, b"e").await;
    receive(&mut client).await;
    let large: Vec<u8> = std::iter::once(ECHO)
        .chain((0..=255).cycle().take(3 << 20))
        .collect();
    let (mut reader, mut writer) = client.split();
    let (frame, mut found) = (framed(&large), vec![0; 4 + large.len()]);
    let (sent, read) = tokio::join!(writer.write_all(&frame), reader.read_exact(&mut found));
    sent.unwrap();
    read.unwrap();
    assert_eq!(found[4..], large);
}

#[tokio::test]
async fn a_stranger_gets_small_frames_only() {
    let bench = bench(patient()).await;
    let too_large = (defaults_first() + 1).to_be_bytes();
    for garbage in [
        too_large.as_slice(),
        b"GET / HTTP/1.1\r\n\r\n",
        &[0x16, 0x03, 0x01, 0x02, 0x00, 0x01],
        &[0xff; 64],
        &framed(b"g"),
        &framed(b""),
    ] {
        let mut client = bench.connect().await;
        client.write_all(garbage).await.unwrap();
        assert!(is_closed(&mut client).await, "{garbage:?}");
    }
    let mut known = bench.connect().await;
    send(&mut known, b"e").await;
    receive(&mut known).await;
    let mut larger = vec![ECHO; defaults_first() as usize + 1];
    send(&mut known, &larger).await;
    assert_eq!(receive(&mut known).await.len(), larger.len());
    larger.clear();
}

fn defaults_first() -> u32 {
    crate::spec::defaults::FIRST_FRAME_BYTES as u32
}

#[tokio::test]
async fn who_says_nothing_valid_in_time_is_closed() {
    let bench = bench(Limits {
        first_frame_deadline: Duration::from_millis(20),
        ..patient()
    })
    .await;
    let mut silent = bench.connect().await;
    let mut halfway = bench.connect().await;
    halfway.write_all(&framed(b"e-half")[..5]).await.unwrap();
    assert!(is_closed(&mut silent).await);
    assert!(is_closed(&mut halfway).await);
}

#[tokio::test]
async fn a_frame_that_never_ends_and_an_idle_client_are_closed() {
    let bench = bench(Limits {
        frame_deadline: Duration::from_millis(20),
        idle: Duration::from_millis(60),
        ..patient()
    })
    .await;
    let (mut slow, mut idle) = (bench.connect().await, bench.connect().await);
    for client in [&mut slow, &mut idle] {
        send(client, b"e").await;
        receive(client).await;
    }
    slow.write_all(&framed(b"e-half")[..5]).await.unwrap();
    assert!(is_closed(&mut slow).await);
    assert!(is_closed(&mut idle).await);
}

#[tokio::test]
async fn a_long_request_is_not_idleness() {
    let bench = bench(Limits {
        idle: Duration::from_millis(20),
        ..patient()
    })
    .await;
    let (mut long, mut idle) = (bench.connect().await, bench.connect().await);
    send(&mut long, b"h").await;
    send(&mut idle, b"e").await;
    receive(&mut idle).await;
    assert!(
        is_closed(&mut idle).await,
        "the same limit has passed for both"
    );
    bench.held.wait_for(1).await;
    bench.held.release(0);
    assert_eq!(receive(&mut long).await, b"h");
}

#[tokio::test]
async fn a_client_that_goes_away_ends_its_long_poll() {
    let bench = bench(patient()).await;
    let mut client = bench.connect().await;
    send(&mut client, b"h").await;
    bench.held.wait_for(1).await;
    drop(client);
    bench.held.wait_for(0).await;
}

#[tokio::test]
async fn a_client_that_only_stops_sending_gets_its_answers() {
    let bench = bench(patient()).await;
    let mut client = bench.connect().await;
    for body in [b"p1", b"p2"] {
        send(&mut client, body).await;
    }
    client.shutdown().await.unwrap();
    bench.held.wait_for(2).await;
    bench.held.release(1);
    bench.held.release(0);
    assert_eq!(receive(&mut client).await, b"p1");
    assert_eq!(receive(&mut client).await, b"p2");
    assert!(is_closed(&mut client).await);
}

#[tokio::test]
async fn too_many_connections_are_refused_until_one_ends() {
    let bench = bench(Limits {
        connections: 1,
        ..patient()
    })
    .await;
    let mut first = bench.connect().await;
    send(&mut first, b"e").await;
    receive(&mut first).await;
    assert!(is_closed(&mut bench.connect().await).await);
    assert_eq!(bench.stats.refused.get(), 1);
    drop(first);
    loop {
        let mut next = bench.connect().await;
        next.write_all(&framed(b"e")).await.unwrap();
        if next.read_u32().await.is_ok() {
            break;
        }
    }
}

#[tokio::test]
async fn frames_wait_for_the_shared_budget() {
    let bench = bench(Limits {
        budget_bytes: 2048,
        ..patient()
    })
    .await;
    let mut body = vec![0; 2000];
    body[0] = HELD;
    let (mut first, mut second) = (bench.connect().await, bench.connect().await);
    send(&mut first, &body).await;
    bench.held.wait_for(1).await;
    body[1] = 2;
    send(&mut second, &body).await;
    bench.held.release(0);
    receive(&mut first).await;
    bench.held.wait_for(1).await;
    assert_eq!(bench.held.bodies()[0][1], 2);
    bench.held.release(0);
    assert_eq!(receive(&mut second).await, body);
}

#[tokio::test]
async fn shutdown_answers_what_is_under_way_and_starts_nothing() {
    let mut bench = bench(patient()).await;
    let (mut busy, mut idle) = (bench.connect().await, bench.connect().await);
    send(&mut busy, b"p1").await;
    bench.held.wait_for(1).await;
    bench.shutdown.cancel();
    assert!(is_closed(&mut idle).await);
    send(&mut busy, b"p2").await;
    bench.held.release(0);
    assert_eq!(receive(&mut busy).await, b"p1");
    assert!(is_closed(&mut busy).await);
    bench.server.join_next().await.unwrap().unwrap();
    assert!(TcpStream::connect(bench.address).await.is_err());
}

#[tokio::test]
async fn shutdown_does_not_wait_for_ever() {
    let mut bench = bench(Limits {
        drain: Duration::from_millis(20),
        ..patient()
    })
    .await;
    let mut client = bench.connect().await;
    send(&mut client, b"h").await;
    bench.held.wait_for(1).await;
    bench.shutdown.cancel();
    bench.server.join_next().await.unwrap().unwrap();
    assert!(is_closed(&mut client).await);
}
