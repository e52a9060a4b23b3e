//! `graceful-shutdown`: the leader is asked to leave under load.
//!
//! Leadership moves before the process ends, which it does in time and with exit code 0, and no
//! record needs more than one more attempt once it was refused by the old leader.

use std::time::Duration;

use super::PARTITIONS;
use crate::scenarios::halt::Halt;
use crate::scenarios::history::{FaultId, History, Micros, NodeLife, Phase, TopicPartition};
use crate::scenarios::runner::Stage;
use crate::scenarios::workload::Cast;
use crate::spec::NodeId;

/// How long a node may take to leave.
const EXIT_BUDGET: Duration = Duration::from_secs(5);

pub(super) async fn play(stage: &mut Stage) -> Result<(), Halt> {
    let orders = stage.topic("orders", PARTITIONS, &[]).await?;
    stage.load(&orders, Cast::Everybody).await?;
    stage.before().await?;

    stage.step("asking the leader to leave");
    let partition = TopicPartition(orders.number, 0);
    let leader = stage.leader(partition).await?;
    stage.expect_gap();
    stage.phase(Phase::During, true);
    let stop = stage.nemesis()?.stop(&[leader]).await?;
    stage.replaced(&orders, &[leader]).await?;
    stage.acks("load on the others").await?;
    stage.promise(
        "the node ends with exit code 0 within 5 s",
        ended_well(stage, stop, leader),
    );
    let moved = handed_over(stage, stop, (leader, partition));
    stage.promise("leadership moves before the node ends", moved);

    stage.mend(stop).await?;
    stage.rejoined(leader).await?;
    stage.after().await?;
    stage.finale().await
}

fn look<T>(stage: &Stage, look: impl FnOnce(&History) -> Option<T>) -> Result<T, String> {
    let found = stage.arena.recorder.look(look).flatten();
    found.ok_or_else(|| String::from("its end was not seen"))
}

/// When and how the node ended after it was asked.
fn end_of(history: &History, stop: FaultId, node: NodeId) -> Option<(Micros, Micros, String)> {
    let mut faults = history.faults.iter();
    let asked = faults.find(|fault| fault.began.fault == stop)?.began.at;
    let mut events = history.nodes.iter();
    events.find_map(|event| match &event.life {
        NodeLife::Exited { status, .. } if event.node == node && event.at >= asked => {
            Some((asked, event.at, status.clone()))
        }
        _ => None,
    })
}

fn ended_well(stage: &Stage, stop: FaultId, node: NodeId) -> Result<(), String> {
    let (asked, ended, status) = look(stage, |history| end_of(history, stop, node))?;
    let took = ended.since(asked);
    if status.starts_with("exit code 0 ") && took <= stage.allowed(EXIT_BUDGET) {
        return Ok(());
    }
    Err(format!("{status} after {:.0} ms", took.as_secs_f64() * 1e3))
}

/// Another node names or is a newer leader before the old one's process is reaped.
fn handed_over(
    stage: &Stage,
    stop: FaultId,
    (old, partition): (NodeId, TopicPartition),
) -> Result<(), String> {
    let (asked, ended, _) = look(stage, |history| end_of(history, stop, old))?;
    let moved = look(stage, |history| {
        let mut told = history.leaders_told(partition);
        let named = told.find_map(|(at, _, leader, _)| {
            (at >= asked && leader.is_some_and(|leader| leader != old)).then_some(at)
        });
        let mut attempts = history.attempts.iter();
        let served = attempts.find_map(|attempt| {
            let elsewhere = attempt.partition == partition && attempt.broker != old;
            (elsewhere && attempt.answered >= asked && attempt.acked().is_some())
                .then_some(attempt.answered)
        });
        named.into_iter().chain(served).min()
    })?;
    // What was seen late may have happened in time.
    if moved.since(ended) <= stage.allowed(Duration::ZERO) {
        return Ok(());
    }
    Err(format!(
        "it ended at {ended}, and another was first seen to lead at {moved}"
    ))
}
