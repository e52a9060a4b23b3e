//! Calls and casts over standing links.

use futures::future::join_all;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_go_both_ways_on_both_lanes() {
    let plan = Plan::new(3);
    let nodes = plan.start_all().await;
    for lane in [Lane::Control, Lane::Bulk] {
        for (from, to) in [(1, 2), (2, 1), (3, 1), (1, 3)] {
            let answer = nodes[from - 1].ask(to, lane, b"hi").await;
            let expected = format!("node-{from}:hi");
            assert_eq!(
                answer,
                Ok(Bytes::from(expected)),
                "{from} to {to}, {lane:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_refusal_comes_in_the_peers_words() {
    let plan = Plan::new(2);
    let nodes = plan.start_all().await;
    let answer = nodes[0].ask(2, Lane::Control, b"refuse").await;
    let refused = LinkError::Refused(NodeId(2), "not today".to_owned());
    assert_eq!(answer, Err(refused));
}

#[tokio::test]
async fn casts_arrive_with_their_group_in_order() {
    let plan = Plan::new(2);
    let nodes = plan.start_all().await;
    for number in 0..100_u32 {
        let payload = Bytes::copy_from_slice(&number.to_be_bytes());
        let to = NodeId(2);
        nodes[0]
            .links
            .cast(to, Service::Gossip, group(number), payload);
    }
    let all = async {
        while nodes[1].inbox.casts.lock().unwrap().len() < 100 {
            nodes[1].inbox.noted.notified().await;
        }
    };
    tokio::time::timeout(PATIENCE, all).await.unwrap();
    let casts = nodes[1].inbox.casts.lock().unwrap();
    for (number, (from, service, to, payload)) in (0_u32..).zip(casts.iter()) {
        assert_eq!((*from, *service), (NodeId(1), Service::Gossip));
        assert_eq!(*to, group(number));
        assert_eq!(&payload[..], number.to_be_bytes());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_of_a_group_keep_their_order_under_load() {
    let plan = Plan::new(3);
    let nodes = plan.start_all().await;
    let calls = (0..3000_u32).map(|number| {
        let payload = Bytes::from([&number.to_be_bytes()[..], &[7; 1024]].concat());
        let from = &nodes[number as usize % 2].links;
        from.call(
            NodeId(3),
            Lane::Control,
            Service::Append,
            group(number % 5),
            payload,
            PATIENCE,
        )
    });
    for answer in join_all(calls).await {
        assert_eq!(answer.unwrap().len(), "node-1:".len() + 4 + 1024);
    }
    let requests = nodes[2].inbox.requests.lock().unwrap();
    let mut last: BTreeMap<(NodeId, GroupId), Bytes> = BTreeMap::new();
    for (from, _, group, payload) in requests.iter() {
        let number = payload.slice(..4);
        if let Some(before) = last.insert((*from, *group), number.clone()) {
            assert!(before < number, "{group} of {from}");
        }
    }
    assert_eq!(requests.len(), 3000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_payload_passes_and_a_too_large_one_is_refused_here() {
    let plan = Plan::new(2);
    let nodes = plan.start_all().await;
    let large = vec![3; 40 << 20];
    let answer = nodes[0].ask(2, Lane::Bulk, &large).await.unwrap();
    assert_eq!(answer.len(), "node-1:".len() + large.len());
    let answer = nodes[0].ask(2, Lane::Bulk, &vec![3; 64 << 20]).await;
    assert!(matches!(answer, Err(LinkError::Refused(NodeId(2), _))));
    assert_eq!(
        nodes[0].ask(2, Lane::Bulk, b"hi").await.unwrap(),
        "node-1:hi"
    );
}

#[tokio::test]
async fn a_call_without_an_answer_times_out() {
    let plan = Plan::new(2);
    let nodes = plan.start_all().await;
    let timeout = Duration::from_millis(20);
    let (to, payload) = (NodeId(2), Bytes::from_static(b"hang"));
    let call = nodes[0]
        .links
        .call(to, Lane::Control, Service::Vote, group(1), payload, timeout);
    assert_eq!(call.await, Err(LinkError::Timeout(to)));
    assert_eq!(
        nodes[0].ask(2, Lane::Control, b"hi").await.unwrap(),
        "node-1:hi"
    );
}

#[tokio::test]
async fn a_node_that_is_no_peer_is_down() {
    let plan = Plan::new(2);
    let nodes = plan.start_all().await;
    for stranger in [1, 9] {
        let answer = nodes[0].ask(stranger, Lane::Control, b"hi").await;
        assert_eq!(answer, Err(LinkError::Down(NodeId(stranger))));
    }
    nodes[0]
        .links
        .cast(NodeId(9), Service::Gossip, group(1), Bytes::new());
}
