//! `node-failure-recovery`: a follower is killed under load, and started again.
//!
//! Producing goes on without a gap beyond the budget, nothing is lost, and the node catches up to
//! equal logs. All partitions are led by the others, so that the node only follows.

use std::time::Duration;

use crate::scenarios::halt::Halt;
use crate::scenarios::history::{Phase, TopicPartition};
use crate::scenarios::runner::Stage;
use crate::scenarios::workload::Cast;

/// The largest gap that a follower's end may cost.
const BUDGET: Duration = Duration::from_millis(250);
/// One less than a partition has replicas: of those, one at least leads nothing.
const PARTITIONS: u32 = 2;

pub(super) async fn play(stage: &mut Stage) -> Result<(), Halt> {
    let orders = stage.topic("orders", PARTITIONS, &[]).await?;
    let mut leaders = Vec::new();
    for partition in orders.all() {
        leaders.push(stage.leader(partition).await?);
    }
    let follower = stage.follower(TopicPartition(orders.number, 0), &leaders)?;
    stage.load(&orders, Cast::Everybody).await?;
    stage.before().await?;

    stage.step("killing a follower");
    let since = stage.expect_gap();
    stage.phase(Phase::During, true);
    let kill = stage.nemesis()?.kill(&[follower]).await?;
    stage.acks("load without the follower").await?;
    stage.gap_within(since, BUDGET);

    stage.mend(kill).await?;
    stage.rejoined(follower).await?;
    stage.after().await?;
    stage.finale().await
}
