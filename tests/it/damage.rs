//! One bit of a stopped follower's disk is flipped.
//!
//! Laws: the damage is said in the node's log, the replica is fetched again, nothing acked is lost,
//! and no node panics.

use std::fs;
use std::path::{Path, PathBuf};

use chronik_dev::client::steady;
use chronik_dev::spec::NodeId;

use crate::cluster::{Cluster, Data, SOON, others};
use crate::load::Loaded;
use crate::produce;
use crate::tell::tell;

/// How the follower ends.
#[derive(Debug, Clone, Copy)]
enum End {
    /// SIGTERM: its checkpoint then describes everything.
    Stop,
    /// SIGKILL: its write-ahead log has to be replayed.
    Kill,
}

/// Files with this word in their path, below a directory.
fn files(dir: &Path, word: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("the directory can be read") {
        let path = entry.expect("the directory can be read").path();
        if path.is_dir() {
            found.extend(files(&path, word));
        } else if path.to_string_lossy().contains(word) {
            found.push(path);
        }
    }
    found
}

/// Flips one bit within the last copy of these bytes in one of the files.
fn flip(files: &[PathBuf], bytes: &[u8]) -> PathBuf {
    for path in files {
        let mut content = fs::read(path).expect("the file can be read");
        let found = content
            .windows(bytes.len())
            .rposition(|window| window == bytes);
        if let Some(at) = found {
            content[at + bytes.len() / 2] ^= 1;
            fs::write(path, content).expect("the file can be written");
            return path.clone();
        }
    }
    panic!(
        "{:?} is in none of {files:?}",
        String::from_utf8_lossy(bytes)
    );
}

/// The node's log tells of the damage, behind what it had said before.
fn is_reported(cluster: &Cluster, damaged: NodeId, said_before: usize) {
    let log = cluster.log(damaged).split_off(said_before);
    let reported = log.lines().find(|line| line.contains("damaged log"));
    assert!(
        reported.is_some(),
        "{damaged} does not report the damage: {log}"
    );
    tell(&format!("{damaged} says: {}", reported.unwrap_or_default()));
}

async fn flipped(end: End, word: &str) {
    let cluster = Cluster::up(Data::Ephemeral).await;
    let mut orders = Loaded::create(&cluster, "orders", 1).await;
    orders.for_a_moment().await;
    let leader = cluster.leader("orders", 0).await;
    let damaged: NodeId = others(leader)[0];
    let view = cluster.node(damaged).await;
    match end {
        End::Stop => cluster.run(&format!("stop {damaged}")).await,
        End::Kill => cluster.run(&format!("kill {damaged}")).await,
    };
    // Well before the end, so that it cannot be taken for a torn tail.
    let record = steady::value("orders", 0, 50, 0);
    let path = flip(&files(Path::new(&view.data_dir), word), &record);
    tell(&format!("flipped a bit in {}", path.display()));
    let said_before = cluster.log(damaged).len();
    orders
        .during(async {
            cluster.run(&format!("start {damaged}")).await;
            cluster.in_sync("orders").await;
        })
        .await;
    is_reported(&cluster, damaged, said_before);
    orders.judge().await;
}

#[tokio::test]
async fn a_bit_flipped_in_a_segment_is_found_and_refetched() {
    flipped(End::Stop, "/groups/").await;
}

#[tokio::test]
async fn a_bit_flipped_in_the_write_ahead_log_is_found_and_refetched() {
    flipped(End::Kill, "/wal/").await;
}

#[tokio::test]
async fn a_damaged_log_does_not_vote_away_what_was_acked() {
    let cluster = Cluster::up(Data::Ephemeral).await;
    let mut orders = Loaded::create(&cluster, "orders", 1).await;
    orders.for_a_moment().await;
    let leader = cluster.leader("orders", 0).await;
    let (damaged, behind) = (others(leader)[0], others(leader)[1]);
    cluster.run(&format!("stop {behind}")).await;
    // Only the leader and the one to be damaged have these.
    orders.for_a_moment().await;
    let data = cluster.node(damaged).await.data_dir;
    cluster.run("kill all").await;
    let record = steady::value("orders", 0, 50, 0);
    flip(&files(Path::new(&data), "/wal/"), &record);
    let said_before = cluster.log(damaged).len();
    cluster.run(&format!("start {damaged},{behind}")).await;
    is_reported(&cluster, damaged, said_before);
    for node in [damaged, behind] {
        let acked = produce::one(cluster.kafka(node), ("orders", 0), b"early", SOON).await;
        assert!(
            acked.is_err(),
            "{node} acked offset {acked:?} without the only whole log"
        );
    }
    cluster.run(&format!("start {leader}")).await;
    cluster.in_sync("orders").await;
    orders.for_a_moment().await;
    orders.judge().await;
}
