//! Nodes end and start again, one, most or all of them.
//!
//! Laws: every acked record, topic, config and committed offset is there afterwards, and a
//! majority is enough to start.

use chronik_dev::client::admin::{Admin, CommittedOffset, ConfigEntry, NewTopic, TopicView};
use chronik_dev::spec::NodeId;

use crate::cluster::{Cluster, Data, NODES, SOON};
use crate::load::Loaded;
use crate::wait::until;

const GROUP: &str = "accounting";
/// The topic is there, and not all of its leaders.
const REQUEST_TIMED_OUT: i16 = 7;

/// What must be the same before and after.
#[derive(Debug, PartialEq)]
struct Picture {
    cluster_id: Option<String>,
    topics: Vec<TopicView>,
    configs: Vec<Vec<ConfigEntry>>,
    committed: Vec<Option<CommittedOffset>>,
}

/// The picture that all nodes agree on.
async fn picture(cluster: &Cluster) -> Picture {
    until("all nodes draw the same picture", async || {
        let first = picture_of(cluster, NODES[0]).await?;
        for node in &NODES[1..] {
            let other = picture_of(cluster, *node).await?;
            if other != first {
                return Err(format!("node-1 has {first:?}, {node} has {other:?}"));
            }
        }
        Ok(first)
    })
    .await
}

async fn picture_of(cluster: &Cluster, node: NodeId) -> Result<Picture, String> {
    let words = |error: chronik_dev::client::CallError| error.to_string();
    let admin = Admin::connect(cluster.kafka(node), SOON).await;
    let admin = admin.map_err(|error| error.to_string())?;
    let view = admin.metadata(None).await.map_err(words)?;
    let coordinator = admin.find_coordinator(GROUP).await.map_err(words)?;
    let coordinator = Admin::connect(coordinator.addr, SOON).await;
    let coordinator = coordinator.map_err(|error| error.to_string())?;
    let (mut configs, mut committed) = (Vec::new(), Vec::new());
    for topic in view.topics.iter().filter(|topic| !topic.internal) {
        configs.push(admin.topic_configs(&topic.name).await.map_err(words)?);
        for partition in &topic.partitions {
            let of = (topic.name.as_str(), partition.index);
            let offset = coordinator.committed_offset(GROUP, of).await;
            committed.push(offset.map_err(words)?);
        }
    }
    let mut topics = view.topics;
    for partition in topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
        // Who leads, and who follows closely, may change.
        (partition.leader, partition.epoch, partition.error) = (None, 0, None);
        partition.isr.clear();
    }
    Ok(Picture {
        cluster_id: view.cluster_id,
        topics,
        configs,
        committed,
    })
}

/// Topics with configs, and committed offsets.
async fn furnish(cluster: &Cluster) {
    for number in 0..3_u16 {
        let name = format!("furniture-{number}");
        let topic = NewTopic {
            name: name.clone(),
            partitions: Some(u32::from(number) + 1),
            replication_factor: Some(3),
            configs: vec![(
                "retention.ms".into(),
                format!("{}", 100_000_000 + u32::from(number)),
            )],
        };
        cluster.create(topic).await;
        cluster.in_sync(&name).await;
    }
    until("an offset is committed for each topic", async || {
        for (number, offset) in (0..).zip([11, 22, 33]) {
            commit(cluster, &format!("furniture-{number}"), offset).await?;
        }
        Ok(())
    })
    .await;
}

async fn commit(cluster: &Cluster, topic: &str, offset: i64) -> Result<(), String> {
    let admin = Admin::connect(cluster.kafka(NODES[0]), SOON).await;
    let admin = admin.map_err(|error| error.to_string())?;
    let coordinator = admin.find_coordinator(GROUP).await;
    let coordinator = coordinator.map_err(|error| error.to_string())?.addr;
    let coordinator = Admin::connect(coordinator, SOON).await;
    let coordinator = coordinator.map_err(|error| error.to_string())?;
    let committed = CommittedOffset {
        offset,
        epoch: -1,
        metadata: "noted".into(),
    };
    let done = coordinator
        .commit_offset(GROUP, (topic, 0), committed)
        .await;
    done.map_err(|error| error.to_string())
}

fn is_furnished(before: &Picture, after: &Picture) {
    assert_eq!(before, after);
    let offsets: Vec<i64> = (after.committed.iter().flatten())
        .map(|committed| committed.offset)
        .collect();
    assert_eq!(offsets, [11, 22, 33], "the committed offsets");
    let kept = after
        .configs
        .iter()
        .flatten()
        .filter(|entry| entry.name == "retention.ms");
    let kept: Vec<_> = kept.filter_map(|entry| entry.value.as_deref()).collect();
    for value in ["100000000", "100000001", "100000002"] {
        assert!(
            kept.contains(&value),
            "retention.ms={value} is lost: {kept:?}"
        );
    }
}

#[tokio::test]
async fn all_killed_at_once_lose_nothing() {
    let cluster = Cluster::up(Data::Ephemeral).await;
    furnish(&cluster).await;
    let mut orders = Loaded::create(&cluster, "orders", 3).await;
    orders.for_a_moment().await;
    let before = picture(&cluster).await;
    orders
        .during(async {
            cluster.run("kill all").await;
            cluster.run("start all").await;
            cluster.in_sync("orders").await;
        })
        .await;
    orders.say_gap("all killed and started");
    is_furnished(&before, &picture(&cluster).await);
    orders.for_a_moment().await;
    orders.judge().await;
}

#[tokio::test]
async fn down_and_up_lose_nothing() {
    let cluster = Cluster::up(Data::Kept).await;
    furnish(&cluster).await;
    let mut orders = Loaded::create(&cluster, "orders", 3).await;
    orders.for_a_moment().await;
    let before = picture(&cluster).await;
    for _ in 0..2 {
        cluster.down().await;
        cluster.up_again().await;
        cluster.in_sync("orders").await;
        is_furnished(&before, &picture(&cluster).await);
        orders.for_a_moment().await;
    }
    orders.judge().await;
}

#[tokio::test]
async fn two_of_three_start_without_the_third() {
    let cluster = Cluster::up(Data::Ephemeral).await;
    let mut orders = Loaded::create(&cluster, "orders", 3).await;
    orders.for_a_moment().await;
    for missing in NODES {
        let present: Vec<String> = (NODES.iter().filter(|node| **node != missing))
            .map(ToString::to_string)
            .collect();
        cluster.run("kill all").await;
        cluster.run(&format!("start {}", present.join(","))).await;
        orders.for_a_moment().await;
        cluster.run(&format!("start {missing}")).await;
        cluster.in_sync("orders").await;
    }
    orders.judge().await;
}

#[tokio::test]
async fn a_wiped_node_is_filled_again() {
    let cluster = Cluster::up(Data::Ephemeral).await;
    let mut orders = Loaded::create(&cluster, "orders", 3).await;
    orders.for_a_moment().await;
    let wiped = NODES[2];
    let data = cluster.node(wiped).await.data_dir;
    orders
        .during(async {
            cluster.run(&format!("kill {wiped}")).await;
            std::fs::remove_dir_all(&data).expect("the data of a dead node can be removed");
            cluster.run(&format!("start {wiped}")).await;
            cluster.in_sync("orders").await;
        })
        .await;
    orders.say_gap("a follower wiped");
    orders.judge().await;
}

/// All groups of a node want a leader in the same moment, and none may starve the others.
#[tokio::test]
async fn hundreds_of_partitions_are_led_again() {
    const TOPICS: [&str; 4] = ["north", "east", "south", "west"];
    let cluster = Cluster::up(Data::Kept).await;
    for name in TOPICS {
        created(&cluster, name, 100).await;
    }
    cluster.down().await;
    cluster.up_again().await;
    for name in TOPICS {
        cluster.in_sync(name).await;
    }
}

/// Creates a topic and waits as long as its many leaders take: longer than a request, perhaps.
async fn created(cluster: &Cluster, name: &str, partitions: u32) {
    let topic = NewTopic {
        name: name.to_owned(),
        partitions: Some(partitions),
        replication_factor: Some(3),
        configs: Vec::new(),
    };
    if let Err(error) = cluster.controller().await.create_topic(topic).await {
        let late = error.code().is_some_and(|code| code.0 == REQUEST_TIMED_OUT);
        assert!(late, "{error}");
    }
    cluster.in_sync(name).await;
}
