//! What search keeps on disk outlives a node, another leader in between, and damage.
//!
//! Laws: every acked record is found exactly once; a sound split is used again as it is; a damaged
//! one is said to be, and is built again from the log.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;
use chronik_dev::client::admin::NewTopic;
use chronik_dev::client::http;
use chronik_dev::spec::NodeId;
use serde_json::{Value, json};

use crate::cluster::{Cluster, Data, NODES, SOON, others};
use crate::wait::until;

const TOPIC: &str = "logs";
/// Enough for two splits on disk.
const RECORDS: i64 = 45_000;
/// The lot is drawn again, if the other follower is elected.
const ELECTIONS: usize = 20;

/// A searchable partition whose leader has splits on disk.
async fn logs() -> Cluster {
    let cluster = Cluster::up(Data::Ephemeral).await;
    let topic = NewTopic {
        name: TOPIC.to_owned(),
        partitions: Some(1),
        replication_factor: Some(3),
        configs: vec![(String::from("searchable.enabled"), String::from("true"))],
    };
    cluster.create(topic).await;
    cluster.in_sync(TOPIC).await;
    cluster
        .run(&format!("produce {TOPIC} --count {RECORDS} --size 40"))
        .await;
    cluster
}

/// Waits until each record is found, and none twice.
async fn all_found_once(cluster: &Cluster, asked: NodeId) {
    let addr = cluster.search(asked);
    let body = json!({
        "size": 0,
        "track_total_hits": true,
        "aggs": { "places": { "stats": { "field": "_offset" } } },
    });
    until("each record is found", async || {
        let body = Bytes::from(body.to_string());
        let answer = http::post(addr, &format!("/{TOPIC}/_search"), body, SOON * 3).await;
        let (status, answer) = answer.map_err(|error| error.to_string())?;
        let answer: Value = serde_json::from_slice(&answer).map_err(|error| error.to_string())?;
        assert_eq!(status, 200, "{answer}");
        if answer["_shards"]["failed"] != 0 || answer["_chronik"]["lag"] != 0 {
            return Err(answer.to_string());
        }
        let places = &answer["aggregations"]["places"];
        assert_eq!(answer["hits"]["total"]["value"], RECORDS, "{answer}");
        assert_eq!(places["count"], RECORDS, "{answer}");
        assert_eq!(places["min"].as_f64(), Some(0.0), "{answer}");
        assert_eq!(
            places["max"].as_f64(),
            Some((RECORDS - 1) as f64),
            "{answer}"
        );
        let sum = (RECORDS * (RECORDS - 1) / 2) as f64;
        assert_eq!(places["sum"].as_f64(), Some(sum), "{answer}");
        Ok(())
    })
    .await;
}

/// The splits in a node's data directory, and when each was sealed.
fn splits(data: &Path) -> BTreeMap<PathBuf, SystemTime> {
    let below = |path: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(path).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).collect()
    };
    let topics = below(&data.join("search")).into_iter();
    let all = topics.flat_map(|topic| below(&topic.join("0")));
    let sealed = all.filter_map(|split| {
        let manifest = fs::metadata(split.join("manifest")).ok()?;
        Some((split, manifest.modified().unwrap()))
    });
    sealed.collect()
}

/// Kills leaders until this node leads.
async fn lead_again(cluster: &Cluster, node: NodeId) {
    for _ in 0..ELECTIONS {
        cluster.in_sync(TOPIC).await;
        let leader = cluster.leader(TOPIC, 0).await;
        if leader == node {
            return;
        }
        cluster.run(&format!("kill {leader}")).await;
        cluster
            .leader_other_than(Some(leader), (TOPIC, 0), &others(leader))
            .await;
        cluster.run(&format!("start {leader}")).await;
    }
    panic!("{node} is never elected");
}

/// The leader's splits, before it stops, another one leads, and it leads again.
async fn in_between(cluster: &Cluster, damage: impl FnOnce(&Path)) -> Again {
    let leader = cluster.leader(TOPIC, 0).await;
    all_found_once(cluster, leader).await;
    let data = PathBuf::from(cluster.node(leader).await.data_dir);
    let before = until("two splits are on disk", async || {
        let found = splits(&data);
        if found.len() >= 2 {
            Ok(found)
        } else {
            Err(format!("{found:?}"))
        }
    })
    .await;
    cluster.run(&format!("stop {leader}")).await;
    cluster
        .leader_other_than(Some(leader), (TOPIC, 0), &others(leader))
        .await;
    all_found_once(cluster, others(leader)[0]).await;
    damage(&data);
    let said_before = cluster.log(leader).len();
    cluster.run(&format!("start {leader}")).await;
    lead_again(cluster, leader).await;
    for node in NODES {
        all_found_once(cluster, node).await;
    }
    cluster.nobody_panicked();
    let said = cluster.log(leader).split_off(said_before);
    let after = splits(&data);
    Again {
        before,
        after,
        said,
    }
}

/// The splits before and after, and what the node said meanwhile.
struct Again {
    before: BTreeMap<PathBuf, SystemTime>,
    after: BTreeMap<PathBuf, SystemTime>,
    said: String,
}

impl Again {
    fn said_to_be_bad(&self) -> usize {
        let lines = self.said.lines();
        lines
            .filter(|line| line.contains("a split is not used"))
            .count()
    }
}

#[tokio::test]
async fn a_former_leader_uses_its_splits_again() {
    let cluster = logs().await;
    let again = in_between(&cluster, |_| {}).await;
    assert_eq!(again.said_to_be_bad(), 0, "{}", again.said);
    for (split, sealed) in &again.before {
        assert_eq!(again.after.get(split), Some(sealed), "{}", split.display());
    }
}

#[tokio::test]
async fn damaged_splits_are_built_again() {
    let cluster = logs().await;
    let again = in_between(&cluster, |data| {
        let found: Vec<PathBuf> = splits(data).into_keys().collect();
        flip_in(&found[0], ".idx");
        fs::remove_file(found[1].join("manifest")).unwrap();
    })
    .await;
    assert_eq!(again.said_to_be_bad(), 2, "{}", again.said);
    for (split, sealed) in again.before.iter().take(2) {
        assert_ne!(again.after.get(split), Some(sealed), "{}", split.display());
    }
}

/// Flips a bit of a split's file with this ending.
fn flip_in(split: &Path, ending: &str) {
    let files = fs::read_dir(split).unwrap();
    let mut files = files.map(|file| file.unwrap().path());
    let file = files.find(|file| file.to_string_lossy().ends_with(ending));
    let file = file.expect("a split has such a file");
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 8;
    fs::write(&file, bytes).unwrap();
}
