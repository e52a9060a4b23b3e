//! `leader-failover`: the partition leader is killed under load.
//!
//! Another leads, producing goes on, nothing acked is lost, and an idempotent producer duplicates
//! nothing. The killed node comes back and catches up.

use super::PARTITIONS;
use crate::scenarios::halt::Halt;
use crate::scenarios::history::{Phase, TopicPartition};
use crate::scenarios::runner::Stage;
use crate::scenarios::workload::Cast;

pub(super) async fn play(stage: &mut Stage) -> Result<(), Halt> {
    let orders = stage.topic("orders", PARTITIONS, &[]).await?;
    stage.load(&orders, Cast::Everybody).await?;
    stage.before().await?;

    stage.step("killing the leader");
    let leader = stage.leader(TopicPartition(orders.number, 0)).await?;
    stage.phase(Phase::During, true);
    let kill = stage.nemesis()?.kill(&[leader]).await?;
    stage.replaced(&orders, &[leader]).await?;
    stage.acks("load on the survivors").await?;

    stage.mend(kill).await?;
    stage.rejoined(leader).await?;
    stage.after().await?;
    stage.finale().await
}
