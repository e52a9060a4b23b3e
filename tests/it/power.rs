//! The power goes, for all nodes at once and again and again: what was not synced is lost, in torn
//! pieces, and names that were not synced may be undone.
//!
//! Laws: nothing acked is lost on any replica, and no node calls its log damaged. With a sync left
//! out of the code (`--features planted-bugs`) the same test fails.

use std::fs;
use std::time::Duration;

use chronik_dev::node::power_cut;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::cluster::{Cluster, Data, NODES};
use crate::load::Loaded;
use crate::tell::tell;

const CUTS: u64 = 100;
/// Load before each cut and after each start.
const AROUND: Duration = Duration::from_millis(80);
/// A cut comes up to this much later, so that no two meet the nodes at the same point.
const LATER_MS: u64 = 40;

/// A cluster whose disks keep a ledger of what was synced, from their first byte.
async fn with_ledgers(faults: &str) -> Cluster {
    let cluster = Cluster::up(Data::Kept).await;
    let dirs = data_dirs(&cluster).await;
    cluster.down().await;
    for dir in dirs {
        fs::write(dir.join("ledger"), b"").expect("the data directory can be written");
        fs::write(dir.join("faults"), faults).expect("the data directory can be written");
    }
    cluster.up_again().await;
    cluster
}

async fn data_dirs(cluster: &Cluster) -> Vec<std::path::PathBuf> {
    let nodes = cluster.status().await.nodes;
    nodes.into_iter().map(|node| node.data_dir.into()).collect()
}

/// Loses power `cuts` times under load; every loss follows from `seed`.
async fn lose_power(cluster: &Cluster, seed: u64, cuts: u64) {
    let dirs = data_dirs(cluster).await;
    let mut rng = StdRng::seed_from_u64(seed);
    let orders = Loaded::create(cluster, "orders", 3).await;
    let mut orders = orders.around(AROUND);
    for _ in 0..cuts {
        let later = Duration::from_millis(rng.random_range(0..LATER_MS));
        let seeds = NODES.map(|_| rng.random());
        let load = orders.during(async {
            tokio::time::sleep(later).await;
            cluster.run("kill all").await;
            for (dir, seed) in dirs.iter().zip(seeds) {
                power_cut(dir, seed).expect("the files of a dead node can be cut");
            }
            cluster.run("start all").await;
            cluster.in_sync("orders").await;
        });
        Box::pin(load).await;
    }
    orders.say_gaps("power lost and back");
    for node in NODES {
        let log = cluster.log(node);
        let damage = log.lines().find(|line| line.contains("damaged log"));
        assert_eq!(damage, None, "seed {seed}: {node} lost what it had synced");
    }
    orders.judge().await;
}

#[tokio::test]
async fn a_hundred_power_cuts_lose_nothing_acked() {
    let cluster = with_ledgers("").await;
    let seed = rand::random();
    tell(&format!("the seed of the power cuts is {seed}"));
    lose_power(&cluster, seed, CUTS).await;
}

/// A test of power loss that cannot fail would prove nothing.
#[cfg(feature = "planted-bugs")]
#[tokio::test]
async fn a_sync_left_out_is_noticed() {
    let cluster = with_ledgers("forget wal\n").await;
    let lost = std::panic::AssertUnwindSafe(lose_power(&cluster, 1, CUTS / 10));
    let noticed = futures::FutureExt::catch_unwind(lost).await.is_err();
    assert!(noticed, "nobody misses the sync of the write-ahead log");
}
