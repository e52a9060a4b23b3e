//! `network-partition`: a split with the leader on the minority side, then it is healed.
//!
//! The majority serves, the minority acks nothing that is lost, all reunite, and the logs are
//! equal. What a deposed leader never acked may vanish.

use std::time::Duration;

use super::PARTITIONS;
use crate::scenarios::halt::Halt;
use crate::scenarios::history::{Phase, TopicPartition};
use crate::scenarios::runner::Stage;
use crate::scenarios::workload::Cast;

/// The largest gap of the majority's side.
const BUDGET: Duration = Duration::from_millis(600);

pub(super) async fn play(stage: &mut Stage) -> Result<(), Halt> {
    let orders = stage.topic("orders", PARTITIONS, &[]).await?;
    stage.load(&orders, Cast::Everybody).await?;
    stage.before().await?;

    stage.step("parting the leader from the others");
    let leader = stage.leader(TopicPartition(orders.number, 0)).await?;
    let minority = stage.minority_with(leader);
    let majority = stage.others(&minority);
    let since = stage.expect_gap();
    stage.phase(Phase::During, true);
    let cut = stage.nemesis()?.part([&minority, &majority]).await?;
    stage.replaced(&orders, &minority).await?;
    stage.acks("load on the majority's side").await?;
    stage.gap_within(since, BUDGET);

    stage.mend(cut).await?;
    stage.in_sync(&orders.name, orders.partitions).await?;
    stage.after().await?;
    stage.finale().await
}
