//! Death, restart and leaving, as the peer table shows them.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_node_is_dead_to_the_others_and_its_calls_break() {
    let plan = Plan::new(3);
    let nodes = plan.start_all().await;
    let (pending, ()) = tokio::join!(nodes[0].ask(3, Lane::Control, b"hang"), async {
        let asked = || !nodes[2].inbox.requests.lock().unwrap().is_empty();
        while !asked() {
            tokio::task::yield_now().await;
        }
        nodes[2].links.close().await;
    });
    assert_eq!(pending, Err(LinkError::Broken(NodeId(3))));
    for node in &nodes[..2] {
        let table = node
            .until("node-3 is dead", |table| !table.peers[&NodeId(3)].alive)
            .await;
        let dead = &table.peers[&NodeId(3)];
        assert!(!dead.linked && dead.hears.is_empty() && dead.reason.is_some());
    }
    nodes[0]
        .until("node-2 says that it does not hear node-3", |table| {
            !table.peers[&NodeId(2)].hears.contains(&NodeId(3))
        })
        .await;
    let answer = nodes[0].ask(3, Lane::Control, b"hi").await;
    assert_eq!(answer, Err(LinkError::Down(NodeId(3))));
    let answer = nodes[0].ask(3, Lane::Bulk, b"hi").await;
    assert_eq!(answer, Err(LinkError::Down(NodeId(3))));
}

#[tokio::test]
async fn a_restarted_node_has_a_new_boot_and_is_linked_again() {
    let plan = Plan::new(2);
    let mut nodes = plan.start_all().await;
    let last = nodes.pop().unwrap();
    last.links.leave();
    nodes[0]
        .until("node-2 is leaving", |table| table.peers[&NodeId(2)].leaving)
        .await;
    last.links.close().await;
    let dead = nodes[0]
        .until("node-2 is dead", |table| !table.peers[&NodeId(2)].alive)
        .await;
    assert_eq!(dead.peers[&NodeId(2)].boot, Some(BootId(20)));
    let again = plan.start(2, 21).await;
    let table = nodes[0]
        .until("node-2 is back", |table| {
            let peer = &table.peers[&NodeId(2)];
            peer.linked && peer.hears.len() == 2
        })
        .await;
    let back = &table.peers[&NodeId(2)];
    assert!(back.alive && !back.leaving);
    assert_eq!(back.boot, Some(BootId(21)));
    assert_eq!(
        again.ask(1, Lane::Control, b"hi").await.unwrap(),
        "node-2:hi"
    );
    assert_eq!(
        nodes[0].ask(2, Lane::Control, b"hi").await.unwrap(),
        "node-1:hi"
    );
}

#[tokio::test]
async fn a_lonely_node_says_why_it_is_not_linked() {
    let plan = Plan::new(2);
    let node = plan.start(1, 1).await;
    assert_eq!(node.links.heard_ms(NodeId(2)), None);
    let table = node
        .until("node-2 is dead", |table| !table.peers[&NodeId(2)].alive)
        .await;
    let reason = table.peers[&NodeId(2)].reason.clone().unwrap();
    let expected = format!("connection refused ({})", plan.address(2));
    assert_eq!(reason, expected);
    let answer = node.ask(2, Lane::Control, b"hi").await;
    assert_eq!(answer, Err(LinkError::Down(NodeId(2))));
}

#[tokio::test]
async fn a_heard_peer_is_heard_often() {
    let plan = Plan::new(2);
    let nodes = plan.start_all().await;
    let heard = nodes[0].links.heard_ms(NodeId(2)).unwrap();
    assert!(heard < PATIENCE.as_millis() as u64);
}

#[tokio::test]
async fn closing_ends_every_task_and_dropping_does_too() {
    let plan = Plan::new(2);
    let nodes = plan.start_all().await;
    assert!(nodes[0].ask(2, Lane::Bulk, b"hi").await.is_ok());
    nodes[0].links.close().await;
    assert_eq!(nodes[0].links.room().tracker.len(), 0);
    let tracker = nodes[1].links.room().tracker.clone();
    drop(nodes);
    tracker.close();
    tokio::time::timeout(PATIENCE, tracker.wait())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_port_in_use_is_an_error() {
    let plan = Plan::new(2);
    let held = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut spec = plan.spec(1);
    spec.ports.raft = held.local_addr().unwrap().port();
    let inbox = Arc::new(Notebook::default());
    let started = Links::start(&spec, BootId(1), inbox).await;
    let error = started.err().unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    let address = held.local_addr().unwrap();
    assert_eq!(error.to_string(), format!("cannot listen on {address}"));
}
