//! `metadata-persistence`: all nodes are stopped and started, then killed and started.
//!
//! Topics, configs, partitions, records and committed group offsets are afterwards as before. What
//! is killed has been written to since it was started: only then can there be something to lose.

use std::collections::BTreeMap;
use std::time::Duration;

use super::PARTITIONS;
use crate::client::admin::{Admin, ConfigEntry};
use crate::scenarios::halt::{Halt, until};
use crate::scenarios::history::Phase;
use crate::scenarios::runner::{PROGRESS_WITHIN, Stage};
use crate::scenarios::workload::{Cast, Field, Question, ask_committed, group_of};

const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// A topic's own configs.
const CONFIGS: [(&str, &str); 2] = [
    ("retention.ms", "86400000"),
    ("max.message.bytes", "700000"),
];

/// What must survive.
#[derive(Debug, PartialEq, Eq)]
struct Kept {
    /// Name and partitions, with the replicas of each.
    topics: BTreeMap<String, Vec<Vec<u64>>>,
    configs: BTreeMap<String, Vec<ConfigEntry>>,
    committed: BTreeMap<u32, Option<i64>>,
}

pub(super) async fn play(stage: &mut Stage) -> Result<(), Halt> {
    let orders = stage.topic("orders", PARTITIONS, &[]).await?;
    let invoices = stage.topic("invoices", 1, &CONFIGS).await?;
    stage.load(&orders, Cast::Everybody).await?;
    stage
        .load(&invoices, Cast::Exactly(stage.messages() / 10))
        .await?;
    stage.before().await?;
    let nodes = stage.nodes();

    stage.pause_load().await;
    let before = remember(stage, &orders).await?;
    stage.step("stopping all nodes");
    stage.phase(Phase::During, false);
    let stop = stage.nemesis()?.stop(&nodes).await?;
    stage.mend(stop).await?;
    compare(stage, &orders, &before, "after all nodes were stopped").await?;

    stage.load(&orders, Cast::Everybody).await?;
    stage.acks("load between the restarts").await?;
    stage.pause_load().await;
    let before = remember(stage, &orders).await?;
    stage.step("killing all nodes");
    let kill = stage.nemesis()?.kill(&nodes).await?;
    stage.mend(kill).await?;
    compare(stage, &orders, &before, "after all nodes were killed").await?;

    stage.load(&orders, Cast::Everybody).await?;
    stage.after().await?;
    stage.finale().await
}

async fn compare(stage: &Stage, orders: &Field, before: &Kept, when: &str) -> Result<(), Halt> {
    for field in &stage.fields {
        stage.in_sync(&field.name, field.partitions).await?;
    }
    let now = remember(stage, orders).await?;
    let differs = |was: &dyn std::fmt::Debug, is: &dyn std::fmt::Debug| {
        let (was, is) = (format!("{was:?}"), format!("{is:?}"));
        if was == is {
            return Ok(());
        }
        Err(format!("before {was}; now {is}"))
    };
    let promises = [
        (
            "topics and partitions",
            differs(&before.topics, &now.topics),
        ),
        ("configs", differs(&before.configs, &now.configs)),
        (
            "committed offsets",
            differs(&before.committed, &now.committed),
        ),
    ];
    for (what, kept) in promises {
        stage.promise(&format!("{what} are as before {when}"), kept);
    }
    Ok(())
}

async fn remember(stage: &Stage, orders: &Field) -> Result<Kept, Halt> {
    until(
        "the cluster tells what it holds",
        PROGRESS_WITHIN,
        async || ask(stage, orders).await,
    )
    .await
}

async fn ask(stage: &Stage, orders: &Field) -> Result<Kept, String> {
    let views = stage.views().await?;
    let (_, view) = views.first().ok_or("there are no nodes")?;
    let topics = view.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter();
        let replicas = |nodes: &[crate::spec::NodeId]| nodes.iter().map(|node| node.0).collect();
        let partitions = partitions.map(|partition| replicas(&partition.replicas));
        (topic.name.clone(), partitions.collect())
    });
    let addr = *stage
        .arena
        .brokers
        .values()
        .next()
        .ok_or("there are no nodes")?;
    let admin = Admin::connect(addr, ANSWER_WITHIN).await;
    let admin = admin.map_err(|error| error.to_string())?;
    let mut configs = BTreeMap::new();
    for field in &stage.fields {
        let own = admin.topic_configs(&field.name).await;
        configs.insert(
            field.name.to_string(),
            own.map_err(|error| error.to_string())?,
        );
    }
    let question = Question {
        group: &group_of(orders),
        topic: &orders.name,
        number: orders.number,
        partitions: orders.partitions,
    };
    let told = ask_committed(&stage.arena.recorder, addr, &question).await?;
    let committed = told.iter().map(|told| (told.partition.1, told.offset));
    Ok(Kept {
        topics: topics.collect(),
        configs,
        committed: committed.collect(),
    })
}
