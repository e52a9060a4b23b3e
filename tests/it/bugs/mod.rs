//! Each planted bug acts: seen with the client, as the judge will have to see it.
//!
//! One cluster each. Nothing here judges the product; that no bug acts without its switch is what
//! all other tests say.

mod acks;
mod logs;
mod reads;

use std::collections::HashSet;
use std::future::Future;
use std::time::Duration;

use chronik_dev::client::admin::Admin;
use chronik_dev::client::producer::{Idempotence, ProducerSettings};
use chronik_dev::client::read::read_all;
use chronik_dev::client::steady::{SteadyPlan, SteadyReport, value, while_producing};
use chronik_dev::protocol::records::Record;
use chronik_dev::spec::{Bug, NodeId};

use crate::cluster::{Cluster, Data, Room, SOON, others};
use crate::load::Loaded;

const ORDERS: (&str, u32) = ("orders", 0);
const SIZE: usize = 100;
const AROUND: Duration = Duration::from_millis(300);

/// A cluster whose nodes have the bug.
async fn infested(bug: &str) -> Cluster {
    Cluster::up_with(Data::Ephemeral, &[&format!("bug={bug}")]).await
}

/// Loads `orders` as the scenarios do while something happens.
async fn load<T>(
    cluster: &Cluster,
    idempotence: Idempotence,
    action: impl Future<Output = T>,
) -> (T, SteadyReport) {
    let settings = ProducerSettings {
        idempotence,
        give_up_after: Duration::from_secs(5),
        ..ProducerSettings::new(cluster.bootstrap(), "orders")
    };
    let plan = SteadyPlan {
        settings,
        per_second: 1000,
        size: SIZE,
        before: AROUND,
        after: AROUND,
    };
    let done = while_producing(plan, action).await;
    done.expect("a producer opens")
}

/// The whole log of a partition of `orders` as one replica serves it.
async fn log(cluster: &Cluster, node: NodeId, partition: u32) -> Vec<Record> {
    let end = Loaded::of(cluster, "orders").common_end(partition).await;
    let read = read_all(cluster.kafka(node), ("orders", partition), end, SOON).await;
    read.expect("a replica is read")
}

/// Acked values that a log does not have.
fn lost(report: &SteadyReport, partition: u32, log: &[Record]) -> usize {
    let found: HashSet<&[u8]> = log.iter().filter_map(|it| it.value.as_deref()).collect();
    let acked = report.partitions[partition as usize].acked.iter();
    let values = acked.map(|acked| value("orders", partition, acked.number, SIZE));
    values.filter(|value| !found.contains(&value[..])).count()
}

/// Cuts the leader of `orders/0` off until the others have one of their own, then heals.
async fn isolate_leader(cluster: &Cluster) {
    let alone = cluster.leader("orders", 0).await;
    let majority = others(alone);
    let groups = format!("{alone} {},{}", majority[0], majority[1]);
    cluster.run(&format!("net partition {groups}")).await;
    cluster
        .leader_other_than(Some(alone), ORDERS, &majority)
        .await;
    cluster.run("net heal").await;
    cluster.healed().await;
    cluster.in_sync("orders").await;
}

/// Does something to the leader of `orders/0`, waits for another one, and starts the old one.
async fn replace_leader(cluster: &Cluster, verb: &str) {
    let old = cluster.leader("orders", 0).await;
    cluster.run(&format!("{verb} {old}")).await;
    cluster
        .leader_other_than(Some(old), ORDERS, &others(old))
        .await;
    cluster.run(&format!("start {old}")).await;
    cluster.in_sync("orders").await;
}

async fn ask(cluster: &Cluster, node: NodeId) -> Result<Admin, String> {
    let admin = Admin::connect(cluster.kafka(node), SOON).await;
    admin.map_err(|error| error.to_string())
}

#[tokio::test]
async fn an_unknown_bug_is_a_usage_error_that_names_them_all() {
    let words = ["up", "-d", "--ephemeral", "--set", "bug=no-such-bug"];
    let ran = Room::new().run(&words).await;
    assert_eq!(ran.code, Some(2), "{ran}");
    let said = ran.envelope["error"].to_string();
    for (_, name) in Bug::ALL {
        assert!(said.contains(name), "{name} is not named: {ran}");
    }
}
