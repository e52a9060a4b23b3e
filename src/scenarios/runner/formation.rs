//! When a cluster has formed: the conditions of `clean-startup`, which end the formation time of
//! every scenario that builds its own cluster.

use std::time::Duration;

use tokio::time::Instant;

use super::stage::{PROGRESS_WITHIN, Stage};
use crate::client::http;
use crate::scenarios::halt::{Halt, until};
use crate::scenarios::metrics::FORMED;
use crate::scenarios::workload::Probe;
use crate::spec::NodeStatus;

const ANSWER_WITHIN: Duration = Duration::from_secs(2);

impl Stage {
    /// Waits until the cluster has formed: every broker lists all, one node leads the metadata, a
    /// topic takes a write with acks=all and gives it back on every replica, metrics answer.
    ///
    /// The topic is gone afterwards, and no history knows it.
    pub(super) async fn formed(&self) -> Result<(), Halt> {
        self.step("waiting for the cluster to form");
        self.all_listed().await?;
        self.one_leads().await?;
        let topic = self.create("formation", 1, &[]).await?;
        self.serves(&topic).await?;
        self.metrics_answer().await?;
        self.milestone(FORMED, None);
        self.remove(&topic).await
    }

    async fn serves(&self, topic: &str) -> Result<(), Halt> {
        let view = self.in_sync(topic, 1).await?;
        let partition = view.topic(topic).and_then(|topic| topic.partition(0));
        let partition = partition.expect("it was just seen to be in sync");
        let probe = Probe {
            arena: &self.arena,
            topic,
        };
        until(
            "a write with acks=all is acked",
            PROGRESS_WITHIN,
            async || probe.put(partition.leader.ok_or("nobody leads")?).await,
        )
        .await?;
        until("every replica gives it back", PROGRESS_WITHIN, async || {
            for node in &partition.replicas {
                let deadline = Instant::now() + PROGRESS_WITHIN;
                probe.give_back(*node, deadline).await?;
            }
            Ok(())
        })
        .await
    }

    /// Waits until every broker lists all brokers.
    pub async fn all_listed(&self) -> Result<(), Halt> {
        until(
            "every broker lists all brokers",
            PROGRESS_WITHIN,
            async || {
                let nodes = self.nodes();
                for (node, view) in self.views().await? {
                    let listed: Vec<_> = view.brokers.iter().map(|broker| broker.id).collect();
                    if listed != nodes {
                        return Err(format!("{node} lists {listed:?}"));
                    }
                }
                Ok(())
            },
        )
        .await
    }

    /// Waits until one node leads the metadata. Our own nodes say who; any other broker may name
    /// itself the controller (KIP-590).
    pub async fn one_leads(&self) -> Result<(), Halt> {
        until("one node leads the metadata", PROGRESS_WITHIN, async || {
            self.same_leader().await
        })
        .await
    }

    async fn same_leader(&self) -> Result<(), String> {
        let mut leaders = Vec::new();
        for (node, addr) in self.metrics() {
            let answer = http::get(*addr, "/status", ANSWER_WITHIN).await;
            let (_, body) = answer.map_err(|error| format!("{node}: {error}"))?;
            let status: NodeStatus =
                serde_json::from_slice(&body).map_err(|error| format!("{node}: {error}"))?;
            leaders.push((*node, status.metadata.leader));
        }
        let first = leaders.first().map(|(_, leader)| *leader);
        let agree = leaders
            .iter()
            .all(|(_, leader)| leader.is_some() && Some(*leader) == first);
        if agree {
            return Ok(());
        }
        Err(format!("the nodes name {leaders:?}"))
    }

    /// Waits until the metrics of every node answer.
    pub async fn metrics_answer(&self) -> Result<(), Halt> {
        until("metrics answer", PROGRESS_WITHIN, async || {
            for (node, addr) in self.metrics() {
                let answer = http::get(*addr, "/metrics", ANSWER_WITHIN).await;
                let (code, body) = answer.map_err(|error| format!("{node}: {error}"))?;
                if code != 200 || body.is_empty() {
                    return Err(format!("{node} answers {code} with {} bytes", body.len()));
                }
            }
            Ok(())
        })
        .await
    }
}
