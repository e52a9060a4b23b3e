//! `pause-leader`: the leader's process is stopped, and wakes.
//!
//! Others take over within the budget; the sleeper acks nothing stale when it wakes, which patient
//! producers hear: they still wait for what they sent it.

use std::time::Duration;

use super::PARTITIONS;
use crate::scenarios::halt::Halt;
use crate::scenarios::history::{Phase, TopicPartition};
use crate::scenarios::runner::Stage;
use crate::scenarios::workload::Cast;

/// The largest gap that a silent leader may cost.
const BUDGET: Duration = Duration::from_secs(1);
/// How long the sleep lasts: much longer than any detector's or client's patience.
const ASLEEP: Duration = Duration::from_secs(10);

pub(super) async fn play(stage: &mut Stage) -> Result<(), Halt> {
    let orders = stage.topic("orders", PARTITIONS, &[]).await?;
    stage.load(&orders, Cast::Everybody).await?;
    stage.load(&orders, Cast::Patient).await?;
    stage.before().await?;

    stage.step("pausing the leader");
    let leader = stage.leader(TopicPartition(orders.number, 0)).await?;
    let since = stage.expect_gap();
    stage.phase(Phase::During, true);
    let pause = stage.nemesis()?.pause(&[leader]).await?;
    stage.replaced(&orders, &[leader]).await?;
    stage.acks("load while it sleeps").await?;
    stage.gap_within(since, BUDGET);
    stage.step("letting it sleep");
    stage.until_after(since, ASLEEP).await?;

    stage.mend(pause).await?;
    stage.in_sync(&orders.name, orders.partitions).await?;
    stage.after().await?;
    stage.finale().await
}
