//! Edges that break: a small relay per direction stands where the supervisor's would.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::*;

/// Passes bytes both ways; `cut` silently discards what the dialler or the acceptor says.
struct Relay {
    address: SocketAddr,
    forth: Arc<AtomicBool>,
    back: Arc<AtomicBool>,
    _tasks: JoinSet<()>,
}

impl Relay {
    async fn to(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (forth, back) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        let mut tasks = JoinSet::new();
        let cuts = (Arc::clone(&forth), Arc::clone(&back));
        tasks.spawn(async move {
            let mut pipes = JoinSet::new();
            loop {
                let (near, _) = listener.accept().await.unwrap();
                // Upstream first: when it is refused, the dialler sees its connection end.
                let Ok(far) = TcpStream::connect(upstream).await else {
                    continue;
                };
                let ((near_in, near_out), (far_in, far_out)) =
                    (near.into_split(), far.into_split());
                let (forth, back) = (Arc::clone(&cuts.0), Arc::clone(&cuts.1));
                pipes.spawn(async move {
                    tokio::select! {
                        () = pipe(near_in, far_out, forth) => {}
                        () = pipe(far_in, near_out, back) => {}
                    }
                });
            }
        });
        Self {
            address,
            forth,
            back,
            _tasks: tasks,
        }
    }
}

async fn pipe(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, cut: Arc<AtomicBool>) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if cut.load(Ordering::SeqCst) {
            continue;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

/// Two nodes with a relay on each dialled edge: `relays[i]` is dialled by node i + 1.
async fn pair() -> (Plan, [Relay; 2], Vec<Node>) {
    let plan = Plan::new(2);
    let relays = [
        Relay::to(plan.address(2)).await,
        Relay::to(plan.address(1)).await,
    ];
    let mut nodes = Vec::new();
    for (relay, id) in relays.iter().zip(1..) {
        let mut spec = plan.spec(id);
        spec.peers[0].dial = relay.address;
        nodes.push(Node::start(&spec, id * 10).await);
    }
    for (node, other) in nodes.iter().zip([NodeId(2), NodeId(1)]) {
        node.until("linked through relays", |table| {
            table.peers[&other].linked && table.peers[&other].hears.len() == 2
        })
        .await;
    }
    (plan, relays, nodes)
}

#[tokio::test]
async fn a_link_through_relays_carries_calls_on_both_lanes() {
    let (_plan, _relays, nodes) = pair().await;
    for lane in [Lane::Control, Lane::Bulk] {
        assert_eq!(nodes[0].ask(2, lane, b"hi").await.unwrap(), "node-1:hi");
        assert_eq!(nodes[1].ask(1, lane, b"hi").await.unwrap(), "node-2:hi");
    }
}

#[tokio::test]
async fn one_way_silence_is_noticed_by_the_deaf_side_and_told_to_the_other() {
    let (_plan, relays, nodes) = pair().await;
    let (one, two) = (NodeId(1), NodeId(2));
    // No byte from node 1 reaches node 2, on either connection.
    relays[0].forth.store(true, Ordering::SeqCst);
    relays[1].back.store(true, Ordering::SeqCst);
    nodes[1]
        .until("node-1 is silent", |table| !table.peers[&one].alive)
        .await;
    let table = nodes[0]
        .until("node-2 says that it does not hear node-1", |table| {
            !table.peers[&two].hears.contains(&one)
        })
        .await;
    assert!(table.peers[&two].alive, "node-2 is heard by node-1");
    let (to, payload) = (two, Bytes::from_static(b"hi"));
    let timeout = Duration::from_millis(50);
    let links = &nodes[0].links;
    let call = links.call(to, Lane::Control, Service::Vote, group(1), payload, timeout);
    assert_eq!(call.await, Err(LinkError::Timeout(two)));
}

#[tokio::test]
async fn a_dead_node_behind_a_relay_is_dead_at_once() {
    let (_plan, _relays, nodes) = pair().await;
    let two = NodeId(2);
    nodes[1].links.close().await;
    let table = nodes[0]
        .until("node-2 is dead", |table| !table.peers[&two].alive)
        .await;
    assert!(!table.peers[&two].linked);
}

#[tokio::test]
async fn a_peer_that_accepts_and_says_nothing_is_dead_by_silence() {
    let mute = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let plan = Plan::new(2);
    let mut spec = plan.spec(1);
    spec.peers[0].dial = mute.local_addr().unwrap();
    let node = Node::start(&spec, 1).await;
    let two = NodeId(2);
    let table = node
        .until("it is dead, and why", |table| {
            let peer = &table.peers[&two];
            !peer.alive && peer.reason.as_deref() != Some("not dialled yet")
        })
        .await;
    let reason = table.peers[&two].reason.clone();
    assert_eq!(reason.as_deref(), Some("no HELLO within 2s"));
}
