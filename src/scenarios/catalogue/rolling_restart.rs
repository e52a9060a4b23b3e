//! `rolling-restart`: each node in turn is asked to leave and started again, under load.
//!
//! No record is given up, and the largest gap stays within the budget.

use std::time::Duration;

use super::PARTITIONS;
use crate::scenarios::halt::Halt;
use crate::scenarios::history::Phase;
use crate::scenarios::runner::Stage;
use crate::scenarios::workload::Cast;

/// The largest gap of the whole restart.
const BUDGET: Duration = Duration::from_millis(500);

pub(super) async fn play(stage: &mut Stage) -> Result<(), Halt> {
    let orders = stage.topic("orders", PARTITIONS, &[]).await?;
    stage.load(&orders, Cast::Everybody).await?;
    stage.before().await?;

    let since = stage.expect_gap();
    stage.phase(Phase::During, true);
    for node in stage.nodes() {
        stage.step(&format!("restarting {node}"));
        let stop = stage.nemesis()?.stop(&[node]).await?;
        stage.replaced(&orders, &[node]).await?;
        stage.mend(stop).await?;
        stage.rejoined(node).await?;
        stage.in_sync(&orders.name, orders.partitions).await?;
    }
    stage.acks("load after the last restart").await?;
    stage.gap_within(since, BUDGET);

    stage.after().await?;
    stage.finale().await
}
