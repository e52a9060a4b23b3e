//! `quorum-loss`: the majority is killed, then started again.
//!
//! Writes block with a retriable error and none is acked; everything is back after the restart.

use std::time::Duration;

use super::PARTITIONS;
use crate::client::ErrorCode;
use crate::scenarios::halt::{Halt, until_now};
use crate::scenarios::history::{History, Micros, Outcome, Phase, TopicPartition};
use crate::scenarios::runner::{PROGRESS_WITHIN, Stage};
use crate::scenarios::workload::Cast;
use crate::spec::NodeId;

/// Refused writes after which it is clear how the survivor behaves.
const REFUSALS: usize = 50;
/// Answers of the survivors for each partition, the one that they lead included.
const ANSWERS: usize = 10;
/// An ack that was on its way when the majority died.
const IN_FLIGHT: Duration = Duration::from_millis(100);

pub(super) async fn play(stage: &mut Stage) -> Result<(), Halt> {
    let orders = stage.topic("orders", PARTITIONS, &[]).await?;
    stage.load(&orders, Cast::Everybody).await?;
    stage.before().await?;

    stage.step("killing the majority");
    // A survivor that led nothing would have nothing to refuse but what any follower does.
    let mut leaders = Vec::new();
    for partition in orders.all() {
        leaders.push(stage.leader(partition).await?);
    }
    let survivors = stage.minority_of(&leaders);
    let majority = stage.others(&survivors);
    stage.phase(Phase::During, false);
    let kill = stage.nemesis()?.kill(&majority).await?;
    let dead = stage.now();
    stage.step("writing without a quorum");
    until_now(
        "writes without a quorum are refused",
        PROGRESS_WITHIN,
        || {
            let refused = stage
                .arena
                .recorder
                .look(|history| refusals(history, &survivors, dead));
            let refused = refused.unwrap_or(0);
            let answered = (0..orders.partitions).map(|index| {
                let partition = TopicPartition(orders.number, index);
                let recorder = &stage.arena.recorder;
                recorder.look(|history| answers(history, partition, &survivors, dead))
            });
            let answered = answered.map(|count| count.unwrap_or(0)).min().unwrap_or(0);
            if refused >= REFUSALS && answered >= ANSWERS {
                return Ok(());
            }
            Err(format!(
                "{refused} of {REFUSALS} writes were refused, {answered} of {ANSWERS} answered \
                 for the partition that was answered for least"
            ))
        },
    )
    .await?;
    stage.promise(
        "no write is acked without a quorum",
        none_acked(stage, dead),
    );

    stage.mend(kill).await?;
    for node in &majority {
        stage.rejoined(*node).await?;
    }
    stage.in_sync(&orders.name, orders.partitions).await?;
    stage.after().await?;
    stage.finale().await
}

/// Answers of the survivors that a client may try again after.
fn refusals(history: &History, survivors: &[NodeId], since: Micros) -> usize {
    let attempts = history.attempts.iter().rev();
    let late = attempts.take_while(|attempt| attempt.answered >= since);
    let refused = late.filter(|attempt| {
        let code = match attempt.outcome {
            Outcome::Failed { code } => Some(code),
            Outcome::Unknown { code, .. } => code,
            Outcome::Ok { .. } => None,
        };
        let retriable = code.is_some_and(|code| ErrorCode(code).is_retriable());
        retriable && survivors.contains(&attempt.broker)
    });
    refused.count()
}

/// What the survivors answered for a partition to writes that were sent when no ack was on its
/// way any more.
fn answers(
    history: &History,
    partition: TopicPartition,
    survivors: &[NodeId],
    dead: Micros,
) -> usize {
    let attempts = history.attempts.iter().rev();
    let late = attempts.take_while(|attempt| attempt.answered >= dead);
    let answered = late.filter(|attempt| {
        let unheard = matches!(attempt.outcome, Outcome::Unknown { code: None, .. });
        attempt.partition == partition
            && survivors.contains(&attempt.broker)
            && attempt.sent > dead
            && attempt.sent.since(dead) > IN_FLIGHT
            && !unheard
    });
    answered.count()
}

fn none_acked(stage: &Stage, dead: Micros) -> Result<(), String> {
    let acked = stage.arena.recorder.look(|history| {
        let mut attempts = history.attempts.iter();
        let late = |at: Micros| at.since(dead) > IN_FLIGHT;
        let ack = attempts.find(|attempt| attempt.acked().is_some() && late(attempt.sent));
        ack.map(|ack| format!("{} acked one that was sent at {}", ack.broker, ack.sent))
    });
    acked.flatten().map_or(Ok(()), Err)
}
