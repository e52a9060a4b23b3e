//! One record that is written and asked for beside the history: whether a partition serves at all.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use super::replica::Replica;
use super::wire;
use super::{Arena, ClientId, TopicPartition, ValueId, ValueMark, topic_hash};
use crate::client::ErrorCode;
use crate::protocol::records::BatchBuilder;
use crate::scenarios::history::{MIN_VALUE_LEN, encode_value};
use crate::spec::NodeId;

const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// No topic of a history has this number.
const NO_TOPIC: u32 = u32::MAX;

/// A topic that no history knows, of which partition 0 is probed.
#[derive(Debug, Clone, Copy)]
pub struct Probe<'a> {
    /// What all clients share.
    pub arena: &'a Arena,
    /// The topic's name.
    pub topic: &'a str,
}

impl Probe<'_> {
    /// Writes one record with acks=all.
    pub async fn put(&self, leader: NodeId) -> Result<(), String> {
        let mark = ValueMark {
            run: self.arena.run,
            topic: topic_hash(self.topic),
            partition: 0,
            producer: ClientId(0),
            value: ValueId(0),
        };
        let mut builder = BatchBuilder::new();
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = since.map_or(0, |since| since.as_millis() as i64);
        builder.push(now, None, Some(&encode_value(&mark, MIN_VALUE_LEN)), &[]);
        let request = wire::produce(self.topic, 0, builder.build(), ANSWER_WITHIN);
        let connection = wire::dial(self.addr(leader)?, ANSWER_WITHIN).await;
        let connection = connection.map_err(|error| format!("{leader}: {error}"))?;
        let answer = connection.call(request, ANSWER_WITHIN).await;
        let answer = answer.map_err(|error| format!("{leader}: {error}"))?;
        match wire::produced(&answer) {
            Some((0, _)) => Ok(()),
            Some((code, _)) => Err(format!("{leader}: {}", ErrorCode(code))),
            None => Err(format!("{leader} answers without the partition")),
        }
    }

    /// Reads that record back from one replica, by the deadline.
    pub async fn give_back(&self, node: NodeId, deadline: Instant) -> Result<(), String> {
        let replica = Replica {
            node,
            addr: self.addr(node)?,
            topic: self.topic,
            partition: TopicPartition(NO_TOPIC, 0),
            goal: 1,
            run: self.arena.run,
        };
        let read = replica.read(&self.arena.recorder, deadline).await;
        match read.unread {
            None => Ok(()),
            Some(why) => Err(format!("{node}: {why}")),
        }
    }

    fn addr(&self, node: NodeId) -> Result<SocketAddr, String> {
        let known = self.arena.brokers.get(&node).copied();
        known.ok_or_else(|| format!("{node} is not known"))
    }
}
