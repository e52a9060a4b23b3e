//! The leader of a partition is killed, stopped or paused under an idempotent acks=all load.
//!
//! Laws: nothing acked is lost, nothing is doubled, the order is kept, and all replicas end up with
//! equal logs. Gaps are printed, not judged.

use std::time::Instant;

use chronik_dev::spec::NodeId;
use serde::Deserialize;

use crate::cluster::{Cluster, Data, NODES, SOON, others};
use crate::load::Loaded;
use crate::produce;
use crate::tell::tell;
use crate::wait::until;

/// More of both, for a longer look, change nothing else.
const KILLS: usize = 5;
const STOPS: usize = 5;
const ORDERS: (&str, u32) = ("orders", 0);

/// What `kill`, `stop` and `pause` tell.
#[derive(Debug, Deserialize)]
struct Acted {
    nodes: Vec<NodeId>,
    election_ms: Option<f64>,
}

/// Does something to the leader of `orders/0` and returns who that was.
async fn to_leader(cluster: &Cluster, verb: &str) -> (NodeId, Acted) {
    let acted = cluster.run(&format!("{verb} leader:orders/0")).await;
    let acted: Acted = serde_json::from_value(acted).expect("an act is told as documented");
    assert_eq!(
        acted.nodes.len(),
        1,
        "a partition has one leader: {acted:?}"
    );
    (acted.nodes[0], acted)
}

/// Starts a node and waits until it is in sync again.
async fn start(cluster: &Cluster, node: NodeId) {
    let started = Instant::now();
    cluster.run(&format!("start {node}")).await;
    cluster.in_sync("orders").await;
    tell(&format!(
        "{node} is in sync {:?} after its start",
        started.elapsed()
    ));
}

#[tokio::test]
async fn killed_leaders_lose_and_double_nothing() {
    let cluster = Cluster::up(Data::Ephemeral).await;
    let mut orders = Loaded::create(&cluster, "orders", 3).await;
    for round in 0..KILLS {
        let killed = orders
            .during(async {
                let (killed, _) = to_leader(&cluster, "kill").await;
                cluster
                    .leader_other_than(Some(killed), ORDERS, &others(killed))
                    .await;
                killed
            })
            .await;
        orders.say_gap(&format!("kill {round} of {killed}"));
        start(&cluster, killed).await;
    }
    orders.say_gaps("kill leader:orders/0");
    orders.judge().await;
}

#[tokio::test]
async fn a_killed_leader_rejoins_under_load() {
    let cluster = Cluster::up(Data::Ephemeral).await;
    let mut orders = Loaded::create(&cluster, "orders", 1).await;
    orders
        .during(async {
            let (killed, _) = to_leader(&cluster, "kill").await;
            start(&cluster, killed).await;
        })
        .await;
    orders.say_gap("kill and start under load");
    orders.judge().await;
}

#[tokio::test]
async fn a_stopped_leader_hands_over_first() {
    let cluster = Cluster::up(Data::Ephemeral).await;
    let mut orders = Loaded::create(&cluster, "orders", 3).await;
    for round in 0..STOPS {
        let (stopped, acted) = orders.during(to_leader(&cluster, "stop")).await;
        orders.say_gap(&format!("stop {round} of {stopped}"));
        assert!(acted.election_ms.is_some(), "another leader was named");
        // Whoever asks hears of a successor some ms later: the node's own words say when it was.
        let log = std::fs::read_to_string(&cluster.node(stopped).await.log).unwrap();
        assert!(log.contains("leadership handed over"), "{log}");
        for late in ["not every leadership was handed over", "nobody to hand"] {
            assert!(!log.contains(late), "{log}");
        }
        let exit = cluster.node(stopped).await.exit.unwrap_or_default();
        assert!(
            exit.starts_with("exit code 0 "),
            "{stopped} ended so: {exit}"
        );
        start(&cluster, stopped).await;
    }
    orders.say_gaps("stop leader:orders/0");
    orders.judge().await;
}

#[tokio::test]
async fn a_paused_leader_acks_nothing_stale_when_it_wakes() {
    let cluster = Cluster::up(Data::Ephemeral).await;
    let mut orders = Loaded::create(&cluster, "orders", 1).await;
    let stale = b"sent to the sleeper".to_vec();
    let acked = orders
        .during(async {
            let (paused, _) = to_leader(&cluster, "pause").await;
            // The kernel takes the connection and the bytes for the sleeping process.
            let asked = produce::one(cluster.kafka(paused), ORDERS, &stale, SOON * 6);
            let wake = async {
                let awake = others(paused);
                cluster
                    .leader_other_than(Some(paused), ORDERS, &awake)
                    .await;
                cluster.run(&format!("resume {paused}")).await;
            };
            tokio::join!(asked, wake).0
        })
        .await;
    orders.say_gap("pause");
    cluster.in_sync("orders").await;
    tell(&format!("the sleeper answered {acked:?}"));
    if let Ok(offset) = acked {
        let log = orders.equal_logs(0).await;
        let found = log.iter().find(|record| record.offset == offset);
        let value = found.and_then(|record| record.value.as_deref());
        assert_eq!(
            value,
            Some(&stale[..]),
            "an ack of offset {offset} that the log does not have"
        );
    }
    orders.judge_besides(&[stale]).await;
    let nodes = cluster.status().await.nodes;
    assert!(
        nodes.iter().all(|node| node.restarts == 0),
        "nobody was started again"
    );
    assert_eq!(nodes.len(), NODES.len());
}

/// What a leaving leader turns away is sent again, behind what its successor takes already. Where
/// nobody was turned away a gap is a loss.
#[tokio::test]
async fn a_gap_that_a_change_of_leaders_made_is_tried_again() {
    let cluster = Cluster::up(Data::Ephemeral).await;
    cluster.create_topic("orders", 1).await;
    let put = async |node: NodeId, sequence: i32| {
        produce::numbered(cluster.kafka(node), ORDERS, sequence, SOON).await
    };
    let first = cluster.leader("orders", 0).await;
    assert_eq!(put(first, 0).await, Ok(0));
    assert_eq!(put(first, 5).await, Err(String::from("error 45")));
    let (old, _) = to_leader(&cluster, "stop").await;
    let new = cluster
        .leader_other_than(Some(old), ORDERS, &others(old))
        .await;
    assert_eq!(put(new, 5).await, Err(String::from("error 6")));
    assert_eq!(put(new, 1).await, Ok(1));
    assert_eq!(put(new, 0).await, Ok(0), "a retry is answered as it was");
}

/// A leader that slept through its end, and comes back behind a cut to its successor alone, hears
/// of it from the third node.
#[tokio::test]
async fn a_third_node_tells_who_leads_now() {
    let cluster = Cluster::up(Data::Ephemeral).await;
    cluster.create_topic("orders", 1).await;
    let old = cluster.leader("orders", 0).await;
    let next = others(old)[0];
    cluster.run(&format!("net cut {old}..{next}")).await;
    cluster.run(&format!("net cut {next}..{old}")).await;
    cluster.run(&format!("pause {old}")).await;
    let new = cluster
        .leader_other_than(Some(old), ORDERS, &others(old))
        .await;
    cluster.run(&format!("resume {old}")).await;
    until("the old leader serves no more", async || {
        let leader = cluster.view(old).await?.leader("orders", 0);
        if leader == Some(old) {
            return Err(format!("{old} says that it leads"));
        }
        Ok(())
    })
    .await;
    cluster.run("net heal").await;
    let healed = cluster.leader_other_than(Some(old), ORDERS, &[old]).await;
    assert_eq!(healed, new);
}
