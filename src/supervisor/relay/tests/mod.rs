mod cluster;

use std::future::Future;
use std::io::ErrorKind;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::edge::{Relay, Switch};
use super::fault::LinkFault::{Delay, Drop, Jam, Pass, Rate, Reset};
use super::*;

const ONE: NodeId = NodeId(1);
const TWO: NodeId = NodeId(2);
/// A length that no buffer size divides, so that a lost or doubled piece shows.
const BLOCK: usize = 1_000_003;

async fn soon<T>(condition: impl Future<Output = T>) -> T {
    timeout(Duration::from_mins(1), condition)
        .await
        .expect("in time")
}

/// One relay, the listener behind it, and its switch.
struct Stage {
    relay: Relay,
    switch: Switch,
    upstream: TcpListener,
}

impl Stage {
    async fn new() -> Self {
        let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (relay, switch) = Relay::start(ONE, TWO, upstream.local_addr().unwrap()).unwrap();
        Self {
            relay,
            switch,
            upstream,
        }
    }

    async fn dial(&self) -> TcpStream {
        soon(TcpStream::connect(self.relay.address()))
            .await
            .unwrap()
    }

    async fn accept(&self) -> TcpStream {
        soon(self.upstream.accept()).await.unwrap().0
    }

    async fn connected(&self) -> (TcpStream, TcpStream) {
        let client = self.dial().await;
        (client, self.accept().await)
    }
}

async fn says(socket: &mut TcpStream, text: &str) {
    soon(socket.write_all(text.as_bytes())).await.unwrap();
}

async fn hears(socket: &mut TcpStream, text: &str) {
    let mut heard = vec![0; text.len()];
    soon(socket.read_exact(&mut heard)).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&heard), text);
}

async fn is_reset(socket: &mut TcpStream) {
    let mut rest = Vec::new();
    let error = soon(socket.read_to_end(&mut rest)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

/// Nothing comes within a moment; too short a moment can only let a fault of ours pass.
async fn is_silent(socket: &mut TcpStream) {
    let mut one = [0];
    let heard = timeout(Duration::from_millis(30), socket.read(&mut one)).await;
    assert!(heard.is_err(), "heard {heard:?}");
}

async fn until(condition: impl Fn() -> bool) {
    soon(async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Some turns of every task that can go on; not a time.
async fn a_moment() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

fn block() -> Vec<u8> {
    let mut state = 0x9E37_79B9_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..BLOCK).map(|_| next()).collect()
}

async fn send(socket: &mut (impl AsyncWriteExt + Unpin), block: &[u8], times: usize) {
    let sizes = [1, 100, 5000, 70_000, 300_000];
    for _ in 0..times {
        let mut rest = block;
        for size in sizes.iter().cycle() {
            let (piece, later) = rest.split_at((*size).min(rest.len()));
            socket.write_all(piece).await.unwrap();
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
    }
}

async fn receive(socket: &mut (impl AsyncReadExt + Unpin), block: &[u8], times: usize) {
    let mut heard = vec![0; block.len()];
    for _ in 0..times {
        socket.read_exact(&mut heard).await.unwrap();
        assert!(heard == block, "bytes were changed on their way");
    }
}

#[tokio::test]
async fn fifty_megabytes_pass_intact_both_ways_at_once() {
    let stage = Stage::new().await;
    let (mut client, mut server) = stage.connected().await;
    let block = block();
    let (mut client_in, mut client_out) = client.split();
    let (mut server_in, mut server_out) = server.split();
    soon(async {
        tokio::join!(
            send(&mut client_out, &block, 50),
            send(&mut server_out, &block, 50),
            receive(&mut client_in, &block, 50),
            receive(&mut server_in, &block, 50),
        )
    })
    .await;
    let traffic = stage.relay.traffic();
    assert_eq!(traffic.forward, 50 * BLOCK as u64);
    assert_eq!(traffic.backward, 50 * BLOCK as u64);
    assert_eq!((traffic.accepted, traffic.open), (1, 1));
}

#[tokio::test]
async fn bytes_pass_intact_while_faults_come_and_go() {
    let stage = Stage::new().await;
    let (mut client, mut server) = stage.connected().await;
    let block = block();
    let fast = Rate(NonZeroU64::new(200 << 20).unwrap());
    let late = Delay(Duration::from_millis(2));
    let states = [
        (late, Pass),
        (Pass, Jam),
        (Jam, late),
        (fast, Pass),
        (Pass, fast),
    ];
    let weather = async {
        for (forward, backward) in states.into_iter().cycle() {
            stage.switch.set(forward, backward);
            a_moment().await;
            stage.switch.set(Pass, Pass);
            a_moment().await;
        }
    };
    let (mut client_in, mut client_out) = client.split();
    let (mut server_in, mut server_out) = server.split();
    let talk = async {
        tokio::join!(
            send(&mut client_out, &block, 10),
            send(&mut server_out, &block, 10),
            receive(&mut client_in, &block, 10),
            receive(&mut server_in, &block, 10),
        )
    };
    soon(async {
        tokio::select! {
            () = weather => {}
            _done = talk => {}
        }
    })
    .await;
}

#[tokio::test]
async fn a_refused_dial_is_a_reset() {
    let Stage {
        relay,
        switch: _switch,
        upstream,
    } = Stage::new().await;
    drop(upstream);
    let mut client = soon(TcpStream::connect(relay.address())).await.unwrap();
    is_reset(&mut client).await;
}

#[tokio::test]
async fn the_end_of_one_side_resets_the_other() {
    let stage = Stage::new().await;
    let (mut client, server) = stage.connected().await;
    drop(server);
    is_reset(&mut client).await;

    let (mut client, mut server) = stage.connected().await;
    says(&mut client, "last words").await;
    drop(client);
    hears(&mut server, "last words").await;
    is_reset(&mut server).await;

    let (mut client, mut server) = stage.connected().await;
    soon(client.shutdown()).await.unwrap();
    is_reset(&mut server).await;
    is_reset(&mut client).await;
    until(|| stage.relay.traffic().open == 0).await;
}

#[tokio::test]
async fn a_drop_holds_and_its_heal_resets() {
    let stage = Stage::new().await;
    let (mut client, mut server) = stage.connected().await;
    stage.switch.set(Drop, Pass);
    says(&mut client, "lost").await;
    says(&mut server, "the other way").await;
    hears(&mut client, "the other way").await;
    is_silent(&mut server).await;

    stage.switch.set(Pass, Pass);
    is_reset(&mut client).await;
    is_reset(&mut server).await;
    let (mut client, mut server) = stage.connected().await;
    says(&mut client, "anew").await;
    hears(&mut server, "anew").await;
}

#[tokio::test]
async fn a_dial_through_a_drop_is_not_seen_and_its_heal_resets_it() {
    let stage = Stage::new().await;
    for (forward, backward) in [(Drop, Pass), (Pass, Drop)] {
        stage.switch.set(forward, backward);
        let mut client = stage.dial().await;
        says(&mut client, "hello").await;
        is_silent(&mut client).await;
        let dialled = timeout(Duration::from_millis(30), stage.upstream.accept()).await;
        assert!(dialled.is_err(), "the dialled node saw the dial");
        stage.switch.set(Pass, Pass);
        is_reset(&mut client).await;
    }
}

#[tokio::test]
async fn who_gives_up_dialling_through_a_drop_is_forgotten() {
    let stage = Stage::new().await;
    stage.switch.set(Pass, Drop);
    let mut client = stage.dial().await;
    says(&mut client, "hello").await;
    until(|| stage.relay.traffic().open == 1).await;
    drop(client);
    until(|| stage.relay.traffic().open == 0).await;
}

#[tokio::test]
async fn a_death_behind_a_drop_is_felt_at_heal() {
    let stage = Stage::new().await;
    let (mut client, server) = stage.connected().await;
    stage.switch.set(Drop, Drop);
    drop(server);
    says(&mut client, "anybody?").await;
    is_silent(&mut client).await;
    stage.switch.set(Pass, Pass);
    is_reset(&mut client).await;
}

#[tokio::test]
async fn a_jam_delivers_in_order_at_heal() {
    let stage = Stage::new().await;
    let (mut client, mut server) = stage.connected().await;
    stage.switch.set(Jam, Pass);
    let mut dialled = stage.dial().await;
    says(&mut client, "one ").await;
    says(&mut client, "two").await;
    says(&mut dialled, "hello").await;
    is_silent(&mut server).await;
    is_silent(&mut dialled).await;

    stage.switch.set(Pass, Pass);
    hears(&mut server, "one two").await;
    let mut accepted = stage.accept().await;
    hears(&mut accepted, "hello").await;
    says(&mut accepted, "welcome").await;
    hears(&mut dialled, "welcome").await;
}

#[tokio::test]
async fn a_delay_delays_and_keeps_order() {
    let stage = Stage::new().await;
    let (mut client, mut server) = stage.connected().await;
    let delay = Duration::from_millis(40);
    stage.switch.set(Delay(delay), Delay(delay));
    let begun = Instant::now();
    for word in ["a", "b", "c"] {
        says(&mut client, word).await;
    }
    hears(&mut server, "abc").await;
    assert!(begun.elapsed() >= delay);
    says(&mut server, "back").await;
    hears(&mut client, "back").await;
    assert!(begun.elapsed() >= 2 * delay);

    let begun = Instant::now();
    drop(server);
    is_reset(&mut client).await;
    assert!(begun.elapsed() >= delay, "the end is late too");
}

#[tokio::test]
async fn the_end_of_a_delay_delivers_at_once() {
    let stage = Stage::new().await;
    let (mut client, mut server) = stage.connected().await;
    stage.switch.set(Delay(MAX_DELAY), Pass);
    says(&mut client, "slow ").await;
    is_silent(&mut server).await;
    stage.switch.set(Pass, Pass);
    says(&mut client, "fast").await;
    hears(&mut server, "slow fast").await;
}

#[tokio::test]
async fn a_narrow_link_passes_its_rate_and_no_more() {
    let stage = Stage::new().await;
    let (mut client, mut server) = stage.connected().await;
    stage
        .switch
        .set(Rate(NonZeroU64::new(1_000_000).unwrap()), Pass);
    let begun = Instant::now();
    says(&mut client, &"x".repeat(100_000)).await;
    hears(&mut server, &"x".repeat(100_000)).await;
    assert!(begun.elapsed() >= Duration::from_millis(100));
}

#[tokio::test]
async fn a_reset_resets_what_stands_and_what_comes() {
    let stage = Stage::new().await;
    let (mut client, mut server) = stage.connected().await;
    stage.switch.set(Reset, Pass);
    is_reset(&mut client).await;
    is_reset(&mut server).await;
    let mut refused = stage.dial().await;
    is_reset(&mut refused).await;
    stage.switch.set(Pass, Pass);
    let (mut client, mut server) = stage.connected().await;
    says(&mut client, "anew").await;
    hears(&mut server, "anew").await;
}

#[tokio::test]
async fn the_end_of_a_relay_resets_its_connections() {
    let stage = Stage::new().await;
    let (mut client, mut server) = stage.connected().await;
    drop(stage);
    is_reset(&mut client).await;
    is_reset(&mut server).await;
}
