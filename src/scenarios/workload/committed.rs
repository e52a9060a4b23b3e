//! Asks a group's coordinator what is committed, on a fresh connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::recorder::Recorder;
use super::wire;
use crate::client::ErrorCode;
use crate::client::admin::Admin;
use crate::client::group::offsets;
use crate::scenarios::history::{Committed, TopicPartition};

const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// A group and the topic that it reads.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// The group.
    pub group: &'a str,
    /// The topic's name.
    pub topic: &'a str,
    /// The topic's number.
    pub number: u32,
    /// How many partitions it has.
    pub partitions: u32,
}

/// What the coordinator says that `broker` names, for each partition.
pub async fn ask(
    recorder: &Recorder,
    broker: SocketAddr,
    question: &Question<'_>,
) -> Result<Vec<Committed>, String> {
    let failed = |error: &dyn std::error::Error| error.to_string();
    let admin = Admin::connect(broker, ANSWER_WITHIN).await;
    let admin = admin.map_err(|error| failed(&error))?;
    let found = admin.find_coordinator(question.group).await;
    let found = found.map_err(|error| failed(&error))?;
    let coordinator = wire::dial(found.addr, ANSWER_WITHIN).await;
    let coordinator = coordinator.map_err(|error| failed(&error))?;
    let partitions: Vec<u32> = (0..question.partitions).collect();
    let request = offsets::question(question.group, question.topic, &partitions);
    let (client, sent) = (recorder.next_client(), recorder.now());
    let answer = coordinator.call(request, ANSWER_WITHIN).await;
    let answer = answer.map_err(|error| failed(&error))?;
    let answered = recorder.now();
    let told = offsets::committed(&answer).map_err(|code| ErrorCode(code).to_string())?;
    let committed = told.into_iter().map(|(partition, offset)| Committed {
        client,
        group: Arc::from(question.group),
        partition: TopicPartition(question.number, partition),
        sent,
        answered,
        broker: found.node,
        offset,
    });
    Ok(committed.collect())
}
