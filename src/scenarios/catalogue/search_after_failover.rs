//! `search-after-failover`: leaders die and are cut off while their records are indexed.
//!
//! First the leader is killed, then a leader is parted from the others. All the while every node's
//! search is asked; what it shows must be in the log in the end, and in the end every node finds
//! every acked record exactly once.

use std::time::Duration;

use super::PARTITIONS;
use crate::scenarios::halt::Halt;
use crate::scenarios::history::{Phase, TopicPartition};
use crate::scenarios::runner::Stage;
use crate::scenarios::workload::{Cast, Field};

/// From the last ack to all of it being found.
const DRAINED_WITHIN: Duration = Duration::from_secs(15);

pub(super) async fn play(stage: &mut Stage) -> Result<(), Halt> {
    let searchable = [("searchable.enabled", "true")];
    let logs = stage.topic("logs", PARTITIONS, &searchable).await?;
    stage.search_along(&logs)?;
    stage.load(&logs, Cast::Everybody).await?;
    stage.before().await?;

    stage.step("killing the leader");
    let leader = stage.leader(TopicPartition(logs.number, 0)).await?;
    stage.phase(Phase::During, true);
    let kill = stage.nemesis()?.kill(&[leader]).await?;
    stage.replaced(&logs, &[leader]).await?;
    stage.acks("load on the survivors").await?;
    stage.mend(kill).await?;
    stage.rejoined(leader).await?;
    cut_off(stage, &logs).await?;

    stage.after().await?;
    stage.finale().await?;
    stage.search_all(&logs, DRAINED_WITHIN).await
}

/// What a leader appends that no majority hears of must never be shown.
async fn cut_off(stage: &mut Stage, logs: &Field) -> Result<(), Halt> {
    stage.step("parting a leader from the others");
    let leader = stage.leader(TopicPartition(logs.number, 0)).await?;
    let minority = stage.minority_with(leader);
    let majority = stage.others(&minority);
    let cut = stage.nemesis()?.part([&minority, &majority]).await?;
    stage.replaced(logs, &minority).await?;
    stage.acks("load on the majority's side").await?;
    stage.mend(cut).await?;
    stage.in_sync(&logs.name, logs.partitions).await?;
    Ok(())
}
