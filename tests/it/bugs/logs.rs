//! Bugs that store something else than what was sent, or lose it.

use chronik_dev::client::Connection;
use chronik_dev::client::admin::{Admin, CommittedOffset};
use chronik_dev::client::producer::Idempotence;
use chronik_dev::client::steady::value;
use chronik_dev::protocol::records::{BatchHeader, split};
use chronik_dev::spec::NodeId;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::{FetchRequest, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::{ORDERS, SIZE, ask, infested, load, log, lost, replace_leader};
use crate::cluster::{Cluster, NODES, SOON};
use crate::produce;
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

#[tokio::test]
async fn epoch_stays() {
    let cluster = infested("epoch-stays").await;
    cluster.create_topic("orders", 1).await;
    let first = cluster.leader("orders", 0).await;
    let acked = produce::one(cluster.kafka(first), ORDERS, b"first", SOON).await;
    assert_eq!(acked, Ok(0));
    replace_leader(&cluster, "kill").await;
    let second = cluster.leader("orders", 0).await;
    assert_ne!(first, second);
    until("the new leader acks", async || {
        produce::one(cluster.kafka(second), ORDERS, b"second", SOON / 10).await
    })
    .await;
    let epochs = epochs(&cluster, second).await;
    assert!(epochs.len() > 1, "{epochs:?}");
    assert!(epochs.iter().all(|epoch| *epoch == 1), "{epochs:?}");
    cluster.nobody_panicked();
}

/// The leader epochs of the batches of `orders/0`, as a node serves them.
async fn epochs(cluster: &Cluster, node: NodeId) -> Vec<i32> {
    let connection = Connection::connect(cluster.kafka(node), SOON).await;
    let partition = FetchPartition::default()
        .with_current_leader_epoch(-1)
        .with_partition_max_bytes(1 << 20);
    let topic = FetchTopic::default()
        .with_topic(TopicName(StrBytes::from_static_str("orders")))
        .with_partitions(vec![partition]);
    let request = FetchRequest::default()
        .with_replica_id((-1).into())
        .with_max_bytes(1 << 20)
        .with_session_epoch(-1)
        .with_topics(vec![topic]);
    let answer = connection.unwrap().call(request, SOON).await.unwrap();
    let found = answer
        .responses
        .into_iter()
        .flat_map(|topic| topic.partitions);
    let records = found.filter_map(|partition| partition.records);
    let batches = records.flat_map(|records| split(records).unwrap());
    batches
        .map(|batch| BatchHeader::parse(&batch).unwrap().leader_epoch)
        .collect()
}
