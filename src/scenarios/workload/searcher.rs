//! Asks a node's search what it finds: in passing while load goes on, and for everything at the end.
//!
//! Any node answers for the whole cluster. Every record's key is its value's name, so a hit says
//! which value it stands for without its bytes.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Field;
use super::recorder::Recorder;
use crate::client::http;
use crate::scenarios::history::{
    Event, Records, SearchRead, Strange, Strangeness, TopicPartition, ValueId,
};
use crate::spec::NodeId;

/// Between two looks in passing at one node.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The newest records of a look in passing.
const NEWEST: usize = 50;
/// A look in passing at a node that the others do not hear is answered without them, after the time
/// that it gives them.
const GLANCE_WITHIN: Duration = Duration::from_millis(600);
/// One question of a whole reading.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Offsets that one question asks for.
const PAGE: i64 = 5_000;
/// Between two readings of a partition that is not found whole yet.
const AGAIN: Duration = Duration::from_millis(50);

/// One node's search over one topic.
#[derive(Debug, Clone)]
pub struct Searcher {
    /// Where everything is written down.
    pub recorder: Recorder,
    /// The node.
    pub node: NodeId,
    /// Its search port.
    pub addr: SocketAddr,
    /// The topic.
    pub field: Field,
}

/// The part of an answer that is looked at.
#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(rename = "_shards")]
    shards: Shards,
    hits: Hits,
}

#[derive(Debug, Deserialize)]
struct Shards {
    total: u64,
    failed: u64,
}

#[derive(Debug, Deserialize)]
struct Hits {
    hits: Vec<Hit>,
}

#[derive(Debug, Deserialize)]
struct Hit {
    #[serde(rename = "_partition")]
    partition: u32,
    #[serde(rename = "_offset")]
    offset: i64,
    #[serde(rename = "_key")]
    key: Option<String>,
}

impl Searcher {
    /// Looks at the newest records of each partition in turn until told to stop.
    pub(super) async fn run(self, mut stop: watch::Receiver<bool>) {
        tokio::select! {
            biased;
            _told = stop.wait_for(|stop| *stop) => {}
            () = self.watch() => {}
        }
    }

    async fn watch(&self) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for partition in self.field.all().collect::<Vec<_>>().into_iter().cycle() {
            ticks.tick().await;
            self.glance(partition).await;
        }
    }

    /// What is not answered in passing is no matter: at the end everything is asked for.
    async fn glance(&self, partition: TopicPartition) {
        let sent = self.recorder.now();
        let query = format!("_partition:{}", partition.1);
        let page = format!("sort=_offset:desc&size={NEWEST}&timeout=200ms");
        if let Ok(answer) = self.ask(&query, &page, GLANCE_WITHIN).await {
            self.recorder.record(Event::Search(SearchRead {
                node: self.node,
                partition,
                sent,
                answered: self.recorder.now(),
                goal: None,
                unread: None,
                hits: records(partition, answer.hits.hits),
            }));
        }
    }

    /// Asks until everything below `goal` is found, or the deadline has passed.
    pub async fn read(
        &self,
        partition: TopicPartition,
        goal: i64,
        deadline: Instant,
    ) -> SearchRead {
        let sent = self.recorder.now();
        let mut hits = Records::default();
        let unread = loop {
            let why = match self.all(partition, goal).await {
                Ok(found) => {
                    hits = found;
                    None
                }
                Err(why) => Some(why),
            };
            let whole = why.is_none() && hits.count() >= goal as u64;
            if whole || Instant::now() > deadline {
                break why;
            }
            tokio::time::sleep(AGAIN).await;
        };
        SearchRead {
            node: self.node,
            partition,
            sent,
            answered: self.recorder.now(),
            goal: Some(goal),
            unread,
            hits,
        }
    }

    async fn all(&self, partition: TopicPartition, goal: i64) -> Result<Records, String> {
        let mut found = Vec::new();
        let mut from = 0;
        while from < goal {
            let (number, to) = (partition.1, from + PAGE - 1);
            let query = format!("_partition:{number}+AND+_offset:%5B{from}+TO+{to}%5D");
            // One more than there can be shows a record that is found twice.
            let page = format!("sort=_offset:asc&size={}", PAGE + 1);
            let answer = self.ask(&query, &page, ANSWER_WITHIN).await?;
            let Shards { total, failed } = answer.shards;
            if failed > 0 {
                return Err(format!("{failed} of {total} shards failed"));
            }
            found.extend(answer.hits.hits);
            from += PAGE;
        }
        Ok(records(partition, found))
    }

    async fn ask(&self, query: &str, page: &str, within: Duration) -> Result<Answer, String> {
        let topic = &self.field.name;
        let path = format!("/{topic}/_search?q={query}&{page}&_source=false");
        let answer = http::get(self.addr, &path, within).await;
        let (code, body) = answer.map_err(|error| error.to_string())?;
        if code != 200 {
            let body = String::from_utf8_lossy(&body);
            return Err(format!(
                "{code}: {}",
                body.chars().take(200).collect::<String>()
            ));
        }
        serde_json::from_slice(&body).map_err(|error| format!("not an answer of search: {error}"))
    }
}

/// The hits in the order of their offsets. One of another partition, or without a value's name, is
/// strange.
fn records(partition: TopicPartition, mut hits: Vec<Hit>) -> Records {
    hits.sort_by_key(|hit| hit.offset);
    let mut records = Records::default();
    for hit in hits {
        let named = hit.key.as_deref().and_then(ValueId::named);
        match named {
            Some(value) if hit.partition == partition.1 => records.push(hit.offset, value),
            _ => records.strange.push(Strange {
                offset: hit.offset,
                kind: Strangeness::Foreign,
                hash: u64::from(hit.partition),
            }),
        }
    }
    records
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(partition: u32, offset: i64, key: Option<&str>) -> Hit {
        Hit {
            partition,
            offset,
            key: key.map(ToOwned::to_owned),
        }
    }

    #[test]
    fn hits_become_records_in_order() {
        let found = vec![
            hit(0, 5, Some("v1.3")),
            hit(0, 4, Some("v1.2")),
            hit(0, 5, Some("v1.3")),
        ];
        let records = records(TopicPartition(0, 0), found);
        let pairs: Vec<_> = records.values.iter().flat_map(|run| run.pairs()).collect();
        let value = |sequence| ValueId::of(1, sequence);
        assert_eq!(pairs, [(4, value(2)), (5, value(3)), (5, value(3))]);
    }

    #[test]
    fn a_hit_that_names_no_value_is_strange() {
        let found = vec![
            hit(0, 1, None),
            hit(0, 2, Some("x")),
            hit(1, 3, Some("v0.1")),
        ];
        let records = records(TopicPartition(0, 0), found);
        assert_eq!((records.values.len(), records.strange.len()), (0, 3));
    }
}
