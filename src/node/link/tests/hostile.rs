//! Bad input on the Raft port, and nodes that do not belong.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

/// The reason with which node 2, made by `change` from its lawful spec, fails to link to node 1.
async fn refusal(change: impl FnOnce(&mut NodeSpec)) -> String {
    let plan = Plan::new(2);
    let _first = plan.start(1, 10).await;
    let mut spec = plan.spec(2);
    change(&mut spec);
    let second = Node::start(&spec, 20).await;
    let to = *second.links.peers().borrow().peers.keys().next().unwrap();
    let table = second
        .until("a refusal in words", |table| {
            let reason = table.peers[&to].reason.as_deref();
            reason.is_some_and(|words| !words.contains("dialled yet"))
        })
        .await;
    assert!(!table.peers[&to].linked);
    table.peers[&to].reason.clone().unwrap()
}

#[tokio::test]
async fn another_cluster_is_refused_with_both_ids() {
    let theirs = ClusterId(Uuid::from_u128(8));
    let reason = refusal(|spec| spec.cluster_id = theirs).await;
    let ours = ClusterId(Uuid::from_u128(7));
    assert_eq!(
        reason,
        format!("cluster id mismatch: node-1 is of cluster {ours}, node-2 is of cluster {theirs}")
    );
}

#[tokio::test]
async fn another_secret_is_refused_without_an_echo() {
    let reason = refusal(|spec| spec.secret = "feed".repeat(16)).await;
    assert_eq!(
        reason,
        "wrong secret: node-2 does not have the cluster secret of node-1"
    );
}

#[tokio::test]
async fn a_node_behind_the_wrong_address_is_refused_with_both_ids() {
    let reason = refusal(|spec| spec.peers[0].id = NodeId(3)).await;
    assert_eq!(
        reason,
        "node id mismatch: this is node-1, node-2 wanted node-3"
    );
}

#[tokio::test]
async fn a_node_that_is_in_no_spec_is_refused() {
    let reason = refusal(|spec| spec.node = NodeId(5)).await;
    assert_eq!(reason, "node-5 is not a peer of node-1");
}

/// Whether node 1 closes a connection on which a stranger said this.
async fn closes(said: &[u8]) -> bool {
    let plan = Plan::new(2);
    let nodes = plan.start_all().await;
    let mut stranger = TcpStream::connect(plan.address(1)).await.unwrap();
    // The node may close before all is written.
    let _ = stranger.write_all(said).await;
    let mut heard = Vec::new();
    let closed = tokio::time::timeout(PATIENCE, stranger.read_to_end(&mut heard)).await;
    assert!(heard.len() < 4096, "a stranger is told little");
    assert_eq!(
        nodes[1].ask(1, Lane::Control, b"hi").await.unwrap(),
        "node-2:hi"
    );
    let table = nodes[1].links.peers().borrow().clone();
    assert!(table.peers[&NodeId(1)].linked, "healthy peers are unhurt");
    closed.is_ok()
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

#[tokio::test]
async fn http_1_is_closed() {
    assert!(closes(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").await);
}

#[tokio::test]
async fn tls_is_closed() {
    let hello = [&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3][..], &[0x5a; 512]].concat();
    assert!(closes(&hello).await);
}

#[tokio::test]
async fn garbage_is_closed() {
    assert!(closes(&vec![0xff; 65_536]).await);
}

#[tokio::test]
async fn a_huge_frame_is_closed() {
    let huge = [PREFACE, SETTINGS, &[0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1]].concat();
    assert!(closes(&huge).await);
}

#[tokio::test]
async fn silence_is_closed() {
    assert!(closes(b"").await);
}

#[tokio::test]
async fn http_2_without_a_hello_is_closed() {
    assert!(closes(&[PREFACE, SETTINGS].concat()).await);
}
