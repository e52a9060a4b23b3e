//! `clean-startup`: N nodes from nothing, or a cluster as it is met.
//!
//! Every broker lists all brokers; one node leads the metadata; a topic of the scenario's own, with
//! a replica on every node, takes a write with acks=all and gives it back on every replica; metrics
//! answer. The topic is deleted before topics are counted.

use super::PARTITIONS;
use crate::scenarios::halt::Halt;
use crate::scenarios::metrics::FORMED;
use crate::scenarios::runner::Stage;
use crate::scenarios::workload::Cast;

/// Records that are written.
pub(super) const RECORDS: u64 = 30;

pub(super) async fn play(stage: &mut Stage) -> Result<(), Halt> {
    stage.step("asking every broker");
    stage.all_listed().await?;
    stage.one_leads().await?;

    let hello = stage.topic("hello", PARTITIONS, &[]).await?;
    stage.load(&hello, Cast::Exactly(RECORDS)).await?;
    stage.all_acked(RECORDS).await?;
    stage.all_read(&hello, RECORDS).await?;
    stage.settle().await;
    stage.all_healed();
    stage.read_replicas(&hello).await?;
    stage.promise(
        "every replica gives back what was written",
        given_back(stage),
    );

    stage.metrics_answer().await?;
    stage.milestone(FORMED, None);
    stage.promise("every node is there, listed, and serves", Ok(()));
    stage.delete(&hello).await?;
    stage.all_healed();
    stage.read_metadata().await
}

/// Every replica holds every record, and all of them the same.
fn given_back(stage: &Stage) -> Result<(), String> {
    let read = stage.arena.recorder.look(|history| {
        let replicas = history.replicas.iter();
        let told = replicas.map(|copy| (copy.partition, copy.node, copy.clone()));
        told.collect::<Vec<_>>()
    });
    let read = read.unwrap_or_default();
    let first = read.iter().map(|(_, node, _)| *node).min();
    let wanted: u64 = first.map_or(0, |first| {
        let own = read.iter().filter(|(_, node, _)| *node == first);
        own.map(|(_, _, copy)| copy.records.count()).sum()
    });
    if wanted != RECORDS {
        return Err(format!("{wanted} of {RECORDS} records were read"));
    }
    let differs = read.iter().find(|(partition, _, copy)| {
        let mut others = read.iter().filter(|(other, _, _)| other == partition);
        !copy.is_complete() || others.any(|(_, _, other)| other.hash != copy.hash)
    });
    differs.map_or(Ok(()), |(partition, node, copy)| {
        let why = copy.unread.as_deref().unwrap_or("its log is another");
        Err(format!("{node}, partition {}: {why}", partition.1))
    })
}
