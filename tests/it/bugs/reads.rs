//! Bugs that show readers what they must not see.

use std::time::Duration;

use chronik_dev::client::Connection;
use chronik_dev::client::admin::{Admin, NewTopic, OffsetSpec};
use chronik_dev::client::producer::Idempotence;
use chronik_dev::client::read::{Fetched, Patience, Position, fetch};
use chronik_dev::spec::NodeId;

use super::{ORDERS, ask, infested, load, log, replace_leader};
use crate::cluster::{Cluster, NODES, SOON, others};
use crate::wait::until;

async fn fetched(connection: &Connection, offset: i64) -> Result<Fetched, String> {
    let patience = Patience {
        wait: Duration::ZERO,
        grace: SOON,
    };
    let position = Position {
        partition: 0,
        offset,
    };
    let found = fetch(connection, "orders", &[position], patience).await;
    let found = found.map_err(|error| error.to_string())?.into_iter().next();
    found.ok_or_else(|| "an answer without the partition".to_owned())
}

#[tokio::test]
async fn serve_before_own_commit() {
    let cluster = infested("serve-before-own-commit").await;
    cluster.create_topic("orders", 1).await;
    let action = async {
        tokio::select! {
            went_back = high_watermark_goes_back(&cluster) => went_back,
            () = killing(&cluster) => None,
        }
    };
    let (went_back, _) = Box::pin(load(&cluster, Idempotence::Off, action)).await;
    assert!(went_back.is_some(), "no high watermark went back");
    cluster.nobody_panicked();
}

async fn killing(cluster: &Cluster) {
    replace_leader(cluster, "kill").await;
}

/// Asks all nodes in turn for the latest offset until a leader tells one below an earlier one.
async fn high_watermark_goes_back(cluster: &Cluster) -> Option<(i64, i64)> {
    let mut highest = 0;
    let mut known: [Option<Admin>; 3] = [None, None, None];
    loop {
        for (node, admin) in NODES.iter().zip(&mut known) {
            if admin.is_none() {
                *admin = ask(cluster, *node).await.ok();
            }
            let Some(asked) = admin else { continue };
            match asked.list_offset("orders", 0, OffsetSpec::Latest).await {
                Ok(latest) if latest.offset < highest => return Some((highest, latest.offset)),
                Ok(latest) => highest = latest.offset,
                Err(_) => *admin = None,
            }
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn fetch_past_high_watermark() {
    let cluster = infested("fetch-past-high-watermark").await;
    cluster.create_topic("orders", 1).await;
    let alone = cluster.leader("orders", 0).await;
    let majority = others(alone);
    let (read, _) = load(&cluster, Idempotence::Off, async {
        let groups = format!("{alone} {},{}", majority[0], majority[1]);
        cluster.run(&format!("net partition {groups}")).await;
        cluster
            .leader_other_than(Some(alone), ORDERS, &majority)
            .await;
        let read = beyond_high_watermark(&cluster, alone).await;
        cluster.run("net heal").await;
        read
    })
    .await;
    assert!(read > 0, "nothing can be read that is not committed");
    cluster.nobody_panicked();
}

/// How many records a node serves from its high watermark on.
async fn beyond_high_watermark(cluster: &Cluster, node: NodeId) -> usize {
    let connection = Connection::connect(cluster.kafka(node), SOON).await;
    let connection = connection.expect("the node is there for clients");
    let first = fetched(&connection, 0).await.expect("the node answers");
    let committed = first.high_watermark;
    let beyond = fetched(&connection, committed).await;
    let beyond = beyond.expect("the node answers");
    assert_eq!(
        beyond.high_watermark, committed,
        "nothing is committed here"
    );
    beyond.records.len()
}

#[tokio::test]
async fn high_watermark_regresses() {
    let cluster = infested("high-watermark-regresses").await;
    cluster.create_topic("orders", 1).await;
    load(&cluster, Idempotence::On, async {}).await;
    let node = NODES[0];
    let end = log(&cluster, node, 0).await.len() as i64;
    let connection = Connection::connect(cluster.kafka(node), SOON).await;
    let connection = connection.expect("the node is there for clients");
    let mut went_back = 0;
    for _ in 0..100 {
        let told = fetched(&connection, end).await.expect("the node answers");
        went_back += usize::from(told.high_watermark < end);
    }
    assert_eq!(went_back, 2, "each 50th answer tells less");
}

#[tokio::test]
async fn fetch_skips_a_batch() {
    let cluster = infested("fetch-skips-a-batch").await;
    cluster.create_topic("orders", 1).await;
    load(&cluster, Idempotence::On, async {}).await;
    let mut sizes = Vec::new();
    for _ in 0..6 {
        sizes.push(log(&cluster, NODES[0], 0).await.len());
    }
    let (least, most) = (sizes.iter().min(), sizes.iter().max());
    assert!(least < most, "every read is whole: {sizes:?}");
    cluster.nobody_panicked();
}

#[tokio::test]
async fn metadata_disagrees() {
    let cluster = infested("metadata-disagrees").await;
    let topic = NewTopic {
        name: "orders".to_owned(),
        partitions: Some(1),
        replication_factor: Some(3),
        configs: Vec::new(),
    };
    cluster.create(topic).await;
    let replicas = async |node: NodeId| {
        until("the node knows the topic", async || {
            let view = cluster.view(node).await?;
            let found = view.topic("orders").and_then(|topic| topic.partition(0));
            let found = found.ok_or("no such topic yet")?;
            Ok(found.replicas.len())
        })
        .await
    };
    let told = [
        replicas(NODES[0]).await,
        replicas(NODES[1]).await,
        replicas(NODES[2]).await,
    ];
    assert_eq!(told, [3, 3, 2]);
}
