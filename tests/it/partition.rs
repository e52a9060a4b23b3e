//! Links between nodes are cut under load.
//!
//! Laws: a single broken edge moves each group's leader at most once; a minority acks nothing; after
//! the heal all logs are equal and have every acked record.

use chronik_dev::spec::NodeId;

use crate::cluster::{Cluster, Data, SOON, others};
use crate::load::Loaded;
use crate::produce;
use crate::tell::tell;
use crate::terms::terms;
use crate::wait::until;

const ORDERS: (&str, u32) = ("orders", 0);
/// How often the minority is asked while the majority serves.
const ATTEMPTS: usize = 5;

/// Waits until neither end of a broken edge hears the other: the proof that it is broken.
async fn both_noticed(cluster: &Cluster, a: NodeId, b: NodeId) {
    until("both ends notice the cut", async || {
        for (node, peer) in [(a, b), (b, a)] {
            let links = cluster.node_status(node).await?.links;
            let link = links.into_iter().find(|link| link.peer == peer);
            if link.as_ref().is_none_or(|link| link.alive) {
                return Err(format!("{node} says {link:?}"));
            }
        }
        Ok(())
    })
    .await;
}

async fn one_edge(a: NodeId, b: NodeId) {
    let cluster = Cluster::up(Data::Ephemeral).await;
    let mut orders = Loaded::create(&cluster, "orders", 3).await;
    let before = terms(&cluster).await;
    let load = orders.during(async {
        cluster.run(&format!("net cut {a}..{b} --for 3s")).await;
        cluster.run(&format!("net cut {b}..{a} --for 3s")).await;
        both_noticed(&cluster, a, b).await;
        cluster.healed().await;
    });
    Box::pin(load).await;
    orders.say_gap(&format!("edge {a} {b}"));
    cluster.in_sync("orders").await;
    let after = terms(&cluster).await;
    for (group, (term, leader)) in &before {
        let (now, successor) = after[group];
        assert!(
            now <= term + 1,
            "{group}: {leader:?} in term {term} before the cut, {successor:?} in term {now} after"
        );
    }
    tell(&format!("edge {a} {b}: {before:?} became {after:?}"));
    orders.judge().await;
}

#[tokio::test]
async fn the_edge_1_2_moves_each_leader_at_most_once() {
    Box::pin(one_edge(NodeId(1), NodeId(2))).await;
}

#[tokio::test]
async fn the_edge_1_3_moves_each_leader_at_most_once() {
    Box::pin(one_edge(NodeId(1), NodeId(3))).await;
}

#[tokio::test]
async fn the_edge_2_3_moves_each_leader_at_most_once() {
    Box::pin(one_edge(NodeId(2), NodeId(3))).await;
}

#[tokio::test]
async fn a_leader_alone_acks_nothing_while_the_majority_serves() {
    let cluster = Cluster::up(Data::Ephemeral).await;
    let mut orders = Loaded::create(&cluster, "orders", 1).await;
    let stale: Vec<Vec<u8>> = (0..ATTEMPTS)
        .map(|attempt| format!("sent to the minority: {attempt}").into_bytes())
        .collect();
    orders
        .during(async {
            let alone = cluster.leader("orders", 0).await;
            let majority = others(alone);
            let groups = format!("{alone} {},{}", majority[0], majority[1]);
            cluster.run(&format!("net partition {groups}")).await;
            // The first question reaches it before it can know that it is alone.
            for value in &stale {
                let acked = produce::one(cluster.kafka(alone), ORDERS, value, SOON);
                let acked = acked.await;
                assert!(acked.is_err(), "{alone} alone acked offset {acked:?}");
                cluster
                    .leader_other_than(Some(alone), ORDERS, &majority)
                    .await;
            }
            let leader = cluster
                .leader_other_than(Some(alone), ORDERS, &majority)
                .await;
            let served = produce::one(cluster.kafka(leader), ORDERS, b"served", SOON);
            served.await.expect("the majority serves");
            cluster.run("net heal").await;
            cluster.healed().await;
            cluster.in_sync("orders").await;
        })
        .await;
    orders.say_gap("partition");
    let served = orders.equal_logs(0).await;
    let served = served
        .iter()
        .filter(|record| record.value.as_deref() == Some(b"served"));
    assert_eq!(served.count(), 1, "what the majority acked is there once");
    let beside = [stale, vec![b"served".to_vec()]].concat();
    orders.judge_besides(&beside).await;
}
