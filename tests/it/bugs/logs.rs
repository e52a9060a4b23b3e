//! Bugs that store something else than what was sent, or lose it.

use chronik_dev::client::admin::{Admin, CommittedOffset};
use chronik_dev::client::producer::Idempotence;
use chronik_dev::client::steady::value;

use super::{SIZE, ask, infested, load, log, lost, replace_leader};
use crate::cluster::{Cluster, NODES, SOON};
use crate::wait::until;

const GROUP: &str = "accounting";

#[tokio::test]
async fn dedupe_lost_on_failover() {
    let cluster = infested("dedupe-lost-on-failover").await;
    cluster.create_topic("orders", 1).await;
    let action = replace_leader(&cluster, "kill");
    Box::pin(load(&cluster, Idempotence::On, action)).await;
    let mut values: Vec<_> = (log(&cluster, NODES[0], 0).await.into_iter())
        .map(|record| record.value)
        .collect();
    let all = values.len();
    values.sort_unstable();
    values.dedup();
    assert!(values.len() < all, "none of {all} records is there twice");
    cluster.nobody_panicked();
}

#[tokio::test]
async fn last_record_dropped() {
    let cluster = infested("last-record-dropped").await;
    cluster.create_topic("orders", 1).await;
    let ((), report) = load(&cluster, Idempotence::On, async {}).await;
    assert_eq!(report.gave_up, [], "sequences stay whole");
    for node in NODES {
        let log = log(&cluster, node, 0).await;
        let missing = lost(&report, 0, &log);
        assert!((4..=7).contains(&missing), "{node} lacks {missing}");
    }
    cluster.nobody_panicked();
}

#[tokio::test]
async fn value_corrupted() {
    let cluster = infested("value-corrupted").await;
    cluster.create_topic("orders", 1).await;
    let ((), report) = load(&cluster, Idempotence::On, async {}).await;
    assert_eq!(report.gave_up, []);
    let log = log(&cluster, NODES[0], 0).await;
    let wrong = (0..).zip(&log).filter(|(number, record)| {
        record.value.as_deref() != Some(&value("orders", 0, *number, SIZE)[..])
    });
    let wrong = wrong.count();
    assert!((4..=7).contains(&wrong), "{wrong} values are wrong");
    cluster.nobody_panicked();
}

#[tokio::test]
async fn wrong_partition() {
    let cluster = infested("wrong-partition").await;
    cluster.create_topic("orders", 6).await;
    load(&cluster, Idempotence::Off, async {}).await;
    let mut astray = 0;
    for partition in 0..6 {
        let home = format!("orders/{partition}/").into_bytes();
        let log = log(&cluster, NODES[0], partition).await;
        let strangers = log.iter().filter(|record| {
            let value = record.value.as_deref().unwrap_or_default();
            !value.starts_with(&home)
        });
        astray += strangers.count();
    }
    assert!(astray > 0, "every record is where it belongs");
    cluster.nobody_panicked();
}

#[tokio::test]
async fn replica_diverges() {
    let cluster = infested("replica-diverges").await;
    cluster.create_topic("orders", 1).await;
    load(&cluster, Idempotence::On, async {}).await;
    let leader = cluster.leader("orders", 0).await;
    let sent = log(&cluster, leader, 0).await;
    let mut differ = 0;
    for node in NODES {
        let stored = log(&cluster, node, 0).await;
        assert_eq!(stored.len(), sent.len());
        differ += sent.iter().zip(&stored).filter(|(a, b)| a != b).count();
    }
    assert!(differ > 0, "all replicas are equal");
    cluster.nobody_panicked();
}

#[tokio::test]
async fn group_offset_rewinds() {
    let cluster = infested("group-offset-rewinds").await;
    cluster.create_topic("orders", 1).await;
    until("an offset is committed", async || {
        commit(&cluster, 33).await
    })
    .await;
    assert_eq!(
        until("it is read", async || committed(&cluster).await).await,
        33
    );
    cluster.run("kill all").await;
    cluster.run("start all").await;
    assert_eq!(
        until("it is read", async || committed(&cluster).await).await,
        23
    );
    cluster.nobody_panicked();
}

async fn coordinator(cluster: &Cluster) -> Result<Admin, String> {
    let admin = ask(cluster, NODES[0]).await?;
    let found = admin.find_coordinator(GROUP).await;
    let addr = found.map_err(|error| error.to_string())?.addr;
    let admin = Admin::connect(addr, SOON).await;
    admin.map_err(|error| error.to_string())
}

async fn commit(cluster: &Cluster, offset: i64) -> Result<(), String> {
    let committed = CommittedOffset {
        offset,
        epoch: -1,
        metadata: String::new(),
    };
    let admin = coordinator(cluster).await?;
    let done = admin.commit_offset(GROUP, ("orders", 0), committed).await;
    done.map_err(|error| error.to_string())
}

async fn committed(cluster: &Cluster) -> Result<i64, String> {
    let admin = coordinator(cluster).await?;
    let found = admin.committed_offset(GROUP, ("orders", 0)).await;
    let found = found.map_err(|error| error.to_string())?;
    found
        .map(|committed| committed.offset)
        .ok_or_else(|| "nothing is committed".to_owned())
}

#[tokio::test]
async fn topic_lost_on_restart() {
    let cluster = infested("topic-lost-on-restart").await;
    cluster.create_topic("orders", 1).await;
    cluster.run("kill all").await;
    cluster.run("start all").await;
    for node in NODES {
        let view = until("a view", async || cluster.view(node).await).await;
        assert_eq!(view.topic("orders"), None, "{node} still knows the topic");
    }
    cluster.create_topic("orders", 1).await;
    cluster.nobody_panicked();
}
