//! `topic-replication`: a number of records, on every replica.
//!
//! Every record is acked, read back once and in order; each replica's log is equal, record by
//! record, and every node describes the topic alike. It needs nothing but Kafka's protocol.

use super::PARTITIONS;
use crate::scenarios::halt::Halt;
use crate::scenarios::runner::Stage;
use crate::scenarios::workload::Cast;

pub(super) async fn play(stage: &mut Stage) -> Result<(), Halt> {
    let wanted = stage.messages();
    let orders = stage.topic("orders", PARTITIONS, &[]).await?;
    let before = stage.arena.recorder.acked();
    stage.load(&orders, Cast::Exactly(wanted)).await?;
    stage.step("sending");
    stage.all_acked(wanted + before).await?;
    stage.step("reading");
    // Where readers stop short the replicas tell why.
    let read = stage.all_read(&orders, wanted).await;
    stage.note_late(read)?;
    stage.finale().await
}
