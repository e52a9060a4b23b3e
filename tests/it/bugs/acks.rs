//! Bugs that ack what is lost, or tell a wrong offset.

use chronik_dev::client::producer::Idempotence;

use super::{ORDERS, infested, isolate_leader, load, log, lost, replace_leader};
use crate::cluster::{NODES, SOON, others};
use crate::produce;
use crate::wait::until;

async fn loses_in_a_partition(bug: &str) {
    let cluster = infested(bug).await;
    cluster.create_topic("orders", 1).await;
    let ((), report) = load(&cluster, Idempotence::Off, isolate_leader(&cluster)).await;
    let log = log(&cluster, NODES[0], 0).await;
    assert!(lost(&report, 0, &log) > 0, "nothing acked is lost");
    cluster.nobody_panicked();
}

#[tokio::test]
async fn ack_at_append() {
    Box::pin(loses_in_a_partition("ack-at-append")).await;
}

#[tokio::test]
async fn ack_when_deposed() {
    Box::pin(loses_in_a_partition("ack-when-deposed")).await;
}

#[tokio::test]
async fn ack_while_leaving() {
    let cluster = infested("ack-while-leaving").await;
    cluster.create_topic("orders", 1).await;
    let action = replace_leader(&cluster, "stop");
    let ((), report) = Box::pin(load(&cluster, Idempotence::Off, action)).await;
    let log = log(&cluster, NODES[0], 0).await;
    assert!(lost(&report, 0, &log) > 0, "nothing acked is lost");
    cluster.nobody_panicked();
}

#[tokio::test]
async fn ack_before_sync() {
    let cluster = infested("ack-before-sync").await;
    cluster.create_topic("orders", 1).await;
    let ((), report) = load(&cluster, Idempotence::Off, async {}).await;
    cluster.run("kill all").await;
    cluster.run("start all").await;
    cluster.in_sync("orders").await;
    let log = log(&cluster, NODES[0], 0).await;
    assert!(lost(&report, 0, &log) > 0, "nothing acked is lost");
    cluster.nobody_panicked();
}

#[tokio::test]
async fn ack_without_majority() {
    let cluster = infested("ack-without-majority").await;
    cluster.create_topic("orders", 1).await;
    let alone = cluster.leader("orders", 0).await;
    let majority = others(alone);
    let majority = format!("{},{}", majority[0], majority[1]);
    cluster.run(&format!("kill {majority}")).await;
    let mut attempt = 0;
    let acked = until("the survivor acks alone", async || {
        attempt += 1;
        let value = format!("alone {attempt}").into_bytes();
        let answer = produce::one(cluster.kafka(alone), ORDERS, &value, SOON / 10);
        answer.await.map(|_| value)
    })
    .await;
    cluster.run(&format!("start {majority}")).await;
    cluster.in_sync("orders").await;
    let log = log(&cluster, alone, 0).await;
    let found = log
        .iter()
        .find(|record| record.value.as_ref().is_some_and(|it| *it == acked));
    assert_eq!(found, None, "what was acked alone is there");
    cluster.nobody_panicked();
}

#[tokio::test]
async fn ack_as_follower() {
    let cluster = infested("ack-as-follower").await;
    cluster.create_topic("orders", 1).await;
    let leader = cluster.leader("orders", 0).await;
    let follower = cluster.kafka(others(leader)[0]);
    let mut acked = 0;
    for _ in 0..8 {
        let answer = produce::one(follower, ORDERS, b"astray", SOON).await;
        acked += usize::from(answer.is_ok());
    }
    assert_eq!(acked, 8, "each is acked");
    assert!(
        log(&cluster, leader, 0).await.is_empty(),
        "what a follower acks is dropped"
    );
}

#[tokio::test]
async fn offset_off_by_one_after_restart() {
    let cluster = infested("offset-off-by-one-after-restart").await;
    cluster.create_topic("orders", 1).await;
    let leader = cluster.leader("orders", 0).await;
    let first = produce::one(cluster.kafka(leader), ORDERS, b"first", SOON).await;
    assert_eq!(first, Ok(0), "no restart, no error");
    cluster.run("kill all").await;
    cluster.run("start all").await;
    cluster.in_sync("orders").await;
    let leader = cluster.leader("orders", 0).await;
    let second = produce::one(cluster.kafka(leader), ORDERS, b"second", SOON).await;
    assert_eq!(second, Ok(2), "the offset that is told");
    let log = log(&cluster, leader, 0).await;
    assert_eq!(log[1].value.as_deref(), Some(&b"second"[..]));
}
