//! Reads one replica's log from its start, by plain consumer fetches sent to that replica.
//!
//! As in Apache Kafka a follower serves consumers below its own high watermark (KIP-392), and
//! answers `OFFSET_NOT_AVAILABLE` above it: then it is asked again, until the deadline.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::contents::{Bounds, read};
use super::recorder::Recorder;
use super::route::RETRY_PAUSE;
use super::wire::{self, Appetite};
use crate::client::{ClientError, Connection, ErrorCode};
use crate::scenarios::history::{Records, ReplicaRead, TopicPartition};
use crate::spec::NodeId;

/// A fetch that is asked for what is there, or soon.
const APPETITE: Appetite = Appetite {
    bytes: 1,
    wait: Duration::from_millis(20),
    most: wire::FETCH_BYTES,
};
/// A fetch for the sake of the high watermark.
const SIP: Appetite = Appetite {
    most: 1,
    ..APPETITE
};
/// One fetch of megabytes on a busy machine.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
const OFFSET_OUT_OF_RANGE: i16 = 1;

/// Whose log is read, and how far.
#[derive(Debug, Clone)]
pub struct Replica<'a> {
    /// The replica.
    pub node: NodeId,
    /// Its address.
    pub addr: SocketAddr,
    /// The topic's name.
    pub topic: &'a str,
    /// The partition.
    pub partition: TopicPartition,
    /// The offset to read up to.
    pub goal: i64,
    /// The run's number.
    pub run: u64,
}

impl Replica<'_> {
    /// Reads it all; gives up at the deadline, and says so.
    pub async fn read(self, recorder: &Recorder, deadline: Instant) -> ReplicaRead {
        let mut reading = Reading {
            found: ReplicaRead {
                node: self.node,
                partition: self.partition,
                began: recorder.now(),
                ended: recorder.now(),
                log_start: 0,
                end: 0,
                goal: self.goal,
                hash: 0,
                unread: None,
                records: Records::default(),
            },
            connection: None,
            last: String::from("it was not asked"),
        };
        while reading.found.end < self.goal || reading.connection.is_none() {
            if Instant::now() > deadline {
                reading.found.unread = Some(reading.last);
                break;
            }
            if let Err(why) = reading.step(&self).await {
                reading.last = why;
                tokio::time::sleep(RETRY_PAUSE).await;
            }
        }
        reading.found.ended = recorder.now();
        reading.found
    }

    /// The replica's log start and high watermark, asked once.
    pub async fn bounds(&self) -> Result<(i64, i64), String> {
        let connection = dial(self.addr).await?;
        let request = wire::fetch(self.topic, self.partition.1, 0, SIP);
        let answer = connection.call(request, ANSWER_WITHIN).await;
        let answer = answer.map_err(|error| error.to_string())?;
        let data = wire::fetched(answer).map_err(|code| ErrorCode(code).to_string())?;
        Ok((data.log_start_offset.max(0), data.high_watermark.max(0)))
    }
}

struct Reading {
    found: ReplicaRead,
    connection: Option<Connection>,
    last: String,
}

impl Reading {
    /// One fetch; says why it brought nothing.
    async fn step(&mut self, replica: &Replica<'_>) -> Result<(), String> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => dial(replica.addr).await?,
        };
        let from = self.found.end;
        let request = wire::fetch(replica.topic, replica.partition.1, from, APPETITE);
        let answer = connection.call(request, ANSWER_WITHIN).await;
        let answer = answer.map_err(|error: ClientError| error.to_string())?;
        let log_start = answer
            .responses
            .iter()
            .flat_map(|topic| &topic.partitions)
            .map(|partition| partition.log_start_offset)
            .next();
        self.connection = Some(connection);
        let data = match wire::fetched(answer) {
            Ok(data) => data,
            Err(OFFSET_OUT_OF_RANGE) if log_start.is_some_and(|start| start > from) => {
                self.found.end = log_start.unwrap_or(from);
                return Ok(());
            }
            Err(code) => return Err(format!("at offset {from}: {}", ErrorCode(code))),
        };
        self.found.log_start = data.log_start_offset.max(0);
        let to = replica.goal;
        let brought = read(
            data.records,
            Bounds { from, to },
            replica.run,
            self.found.hash,
        );
        if brought.next == from && from < to {
            return Err(format!(
                "it shows records up to offset {from} only (high watermark {})",
                data.high_watermark
            ));
        }
        self.found.hash = brought.hash;
        self.found.end = brought.next;
        append(&mut self.found.records, &brought.records);
        Ok(())
    }
}

fn append(all: &mut Records, more: &Records) {
    for epoch in &more.epochs {
        all.push_epoch(epoch.0, epoch.1);
    }
    for (offset, value) in more.values.iter().flat_map(|run| run.pairs()) {
        all.push(offset, value);
    }
    all.strange.extend(&more.strange);
}

async fn dial(addr: SocketAddr) -> Result<Connection, String> {
    let dialled = wire::dial(addr, ANSWER_WITHIN).await;
    dialled.map_err(|error| error.to_string())
}
