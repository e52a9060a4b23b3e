//! What strangers send: to the Kafka port, the peer port and the metrics port.
//!
//! Laws: the connection ends or the words are refused, the node lives, and a healthy client beside
//! it does not notice.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::cluster::{Cluster, Data, NODES, SOON};
use crate::load::Loaded;
use crate::terms::terms;
use crate::wait::until;

const TLS_HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 and then random bytes";
const HTTP: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";
/// Nothing that anybody speaks.
const GARBAGE: &[u8] = b"\xff\xfe\xfd\xfc\x00\x01\x02\x03garbage, garbage, garbage, garbage";

/// Everything that no Kafka broker should listen to.
fn kafka_words() -> Vec<(&'static str, Vec<u8>)> {
    let frame = |body: &[u8]| {
        let mut frame = (body.len() as i32).to_be_bytes().to_vec();
        frame.extend(body);
        frame
    };
    vec![
        ("garbage", GARBAGE.to_vec()),
        ("a TLS hello", TLS_HELLO.to_vec()),
        ("HTTP", HTTP.to_vec()),
        ("a length below zero", vec![0xff; 8]),
        (
            "the largest length",
            [&i32::MAX.to_be_bytes()[..], b"xx"].concat(),
        ),
        (
            "a stranger's large frame",
            [&(1_i32 << 20).to_be_bytes()[..], &[0; 64]].concat(),
        ),
        ("an empty frame", frame(b"")),
        (
            "an unknown api",
            frame(b"\x7f\x00\x00\x00\x00\x00\x00\x01\xff\xff"),
        ),
        (
            "produce without a body",
            frame(b"\x00\x00\x00\x09\x00\x00\x00\x01\xff\xff\x00"),
        ),
        (
            "metadata of two billion topics",
            frame(b"\x00\x03\x00\x01\x00\x00\x00\x01\xff\xff\x7f\xff\xff\xff"),
        ),
        (
            "a client id longer than its frame",
            frame(b"\x00\x03\x00\x01\x00\x00\x00\x01\x7f\xff"),
        ),
    ]
}

/// Says something and returns all that is answered until the other side closes.
async fn say(addr: SocketAddr, words: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(addr).await.expect("the port listens");
    // The other side may have heard enough before the end.
    let _ = stream.write_all(words).await;
    let mut answer = Vec::new();
    // A reset ends it as well.
    let _ = stream.read_to_end(&mut answer).await;
    answer
}

/// The same for something that ends in the middle.
async fn break_off(addr: SocketAddr, words: &[u8]) {
    let mut stream = TcpStream::connect(addr).await.expect("the port listens");
    stream
        .write_all(words)
        .await
        .expect("the first bytes are taken");
    stream.shutdown().await.expect("a half can be closed");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
}

async fn hurt_nobody(cluster: &Cluster) {
    let nodes = cluster.status().await.nodes;
    for node in &nodes {
        assert!(
            node.is_ready() && node.restarts == 0 && !node.died,
            "{node:?}"
        );
    }
    cluster.nobody_panicked();
}

#[tokio::test]
async fn strangers_on_the_kafka_port_are_turned_away() {
    let cluster = Cluster::up(Data::Ephemeral).await;
    let mut orders = Loaded::create(&cluster, "orders", 3).await;
    orders
        .during(async {
            for addr in cluster.bootstrap() {
                for (what, words) in kafka_words() {
                    let ended = tokio::time::timeout(SOON * 6, say(addr, &words));
                    let answer = ended
                        .await
                        .unwrap_or_else(|_| panic!("{what}: {addr} holds on"));
                    assert!(
                        answer.len() < 1000,
                        "{what}: {} bytes are answered",
                        answer.len()
                    );
                }
                for half in [
                    &b"\x00"[..],
                    b"\x00\x00\x00\x20",
                    b"\x00\x00\x00\x20\x00\x12\x00",
                ] {
                    break_off(addr, half).await;
                }
            }
        })
        .await;
    let report = orders.last();
    assert!(
        report.failed.is_empty(),
        "a healthy client noticed: {:?}",
        report.failed
    );
    hurt_nobody(&cluster).await;
    orders.judge().await;
}

#[tokio::test]
async fn strangers_on_the_peer_port_are_turned_away() {
    let cluster = Cluster::up(Data::Ephemeral).await;
    let mut orders = Loaded::create(&cluster, "orders", 3).await;
    let before = terms(&cluster).await;
    orders
        .during(async {
            for addr in NODES.map(|node| cluster.raft(node)) {
                for words in [GARBAGE, TLS_HELLO, HTTP, &[0xff; 64], &[0; 64]] {
                    let ended = tokio::time::timeout(SOON * 6, say(addr, words));
                    ended
                        .await
                        .unwrap_or_else(|_| panic!("{addr} holds on to {words:?}"));
                }
                break_off(addr, HTTP2).await;
            }
        })
        .await;
    let report = orders.last();
    assert!(
        report.failed.is_empty(),
        "a healthy client noticed: {:?}",
        report.failed
    );
    assert_eq!(terms(&cluster).await, before, "strangers moved a leader");
    hurt_nobody(&cluster).await;
    orders.judge().await;
}

#[tokio::test]
async fn only_this_machine_reads_metrics() {
    let cluster = Cluster::up(Data::Ephemeral).await;
    let get = |path: &str, headers: &str| {
        format!("GET {path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n").into_bytes()
    };
    let status = async |addr, words: Vec<u8>| {
        let answer = String::from_utf8_lossy(&say(addr, &words).await).into_owned();
        answer.split_whitespace().nth(1).map(str::to_owned)
    };
    for addr in NODES.map(|node| cluster.metrics(node)) {
        for path in ["/metrics", "/status", "/health/ready"] {
            for host in [
                "evil.example",
                "localhost.evil.example",
                "127.0.0.1.nip.io:9094",
            ] {
                let words = get(path, &format!("Host: {host}\r\n"));
                assert_eq!(
                    status(addr, words).await.as_deref(),
                    Some("403"),
                    "{path} for {host}"
                );
            }
            let foreign = "Host: localhost\r\nOrigin: http://evil.example\r\n";
            assert_eq!(
                status(addr, get(path, foreign)).await.as_deref(),
                Some("403"),
                "{path}"
            );
            let own = get(path, &format!("Host: {addr}\r\n"));
            assert_eq!(status(addr, own).await.as_deref(), Some("200"), "{path}");
        }
        for words in [GARBAGE, TLS_HELLO] {
            let ended = tokio::time::timeout(SOON * 6, say(addr, words));
            ended
                .await
                .unwrap_or_else(|_| panic!("{addr} holds on to {words:?}"));
        }
    }
    until("all nodes answer still", async || {
        for node in NODES {
            cluster.node_status(node).await?;
        }
        Ok(())
    })
    .await;
    hurt_nobody(&cluster).await;
}
