//! Where a client is in one partition, and its next fetch. Each fetch is one read in the history.
//!
//! It reads from the leader that the nodes name: a follower may serve it too, but knows the high
//! watermark later, so that a client that goes from one to the other may see it go back.

use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::messages::FetchResponse;

use super::contents::{Bounds, read};
use super::leaders::Leaders;
use super::recorder::Recorder;
use super::route::{RETRY_PAUSE, Route};
use super::wire::{self, Appetite};
use crate::client::ClientError;
use crate::scenarios::history::{
    Assignment, ClientId, Event, Micros, Read, ReadAnswer, TopicPartition,
};
use crate::spec::NodeId;

/// A broker answers a fetch within its wait and this.
const GRACE: Duration = Duration::from_millis(400);
/// No log of a scenario is so long.
const NO_END: i64 = 1 << 48;

/// Who reads, and why.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    pub(super) client: ClientId,
    pub(super) assignment: Assignment,
}

/// What is read.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) recorder: Recorder,
    pub(super) topic: Arc<str>,
    pub(super) partition: TopicPartition,
    pub(super) run: u64,
    pub(super) leaders: Leaders,
}

/// A place in a partition.
#[derive(Debug)]
pub(super) struct Cursor {
    pub(super) source: Source,
    pub(super) route: Route,
    pub(super) position: i64,
}

impl Cursor {
    /// Fetches once and goes on by what came; pauses after a failure.
    pub(super) async fn step(&mut self, reader: &Reader, appetite: Appetite) {
        match self.source.leaders.of(self.source.partition) {
            Some(leader) => self.route.go_to(leader),
            // Whoever else answers may know less than was told already.
            None => return tokio::time::sleep(RETRY_PAUSE).await,
        }
        let (asked, broker) = (self.position, self.route.broker());
        let request = wire::fetch(&self.source.topic, self.source.partition.1, asked, appetite);
        let Ok(line) = self.route.line().await else {
            return tokio::time::sleep(RETRY_PAUSE).await;
        };
        let sent = self.source.recorder.now();
        let answer = line.connection.call(request, appetite.wait + GRACE).await;
        let answered = self.source.recorder.now();
        if let Err(error) = &answer {
            self.route.heard(error);
        }
        let answer = self.understand(answer);
        let served = matches!(answer, ReadAnswer::Records { .. });
        self.note(reader, (broker, asked), (sent, answered), answer);
        if !served {
            tokio::time::sleep(RETRY_PAUSE).await;
        }
    }

    fn note(
        &self,
        reader: &Reader,
        (broker, asked): (NodeId, i64),
        (sent, answered): (Micros, Micros),
        answer: ReadAnswer,
    ) {
        self.source.recorder.record(Event::Read(Read {
            client: reader.client,
            assignment: reader.assignment.clone(),
            partition: self.source.partition,
            asked,
            sent,
            answered,
            broker,
            answer,
        }));
    }

    /// What the answer says; goes on behind what it brought.
    fn understand(&mut self, answer: Result<FetchResponse, ClientError>) -> ReadAnswer {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                let why = error.to_string();
                return ReadAnswer::Lost { why };
            }
        };
        let data = match wire::fetched(answer) {
            Ok(data) => data,
            Err(code) => return ReadAnswer::Error { code },
        };
        if data.high_watermark < 0 || data.log_start_offset < 0 {
            let why = format!(
                "high watermark {}, log start {}",
                data.high_watermark, data.log_start_offset
            );
            return ReadAnswer::Lost { why };
        }
        let bounds = Bounds {
            from: self.position,
            to: NO_END,
        };
        let brought = read(data.records, bounds, self.source.run, 0);
        self.position = brought.next;
        ReadAnswer::Records {
            high_watermark: data.high_watermark,
            log_start: data.log_start_offset,
            records: brought.records,
        }
    }
}
