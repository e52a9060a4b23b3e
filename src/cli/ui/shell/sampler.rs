//! The nodes' own words, twenty times a second: watermarks for the strip of acks, replicas for the
//! board, links. One connection to each node, kept while it answers.
//!
//! It is asked this often only while a dashboard looks.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::mpsc::Sender;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::usage::Meter;
use crate::cli::ui::model::{Message, Sample, answers};
use crate::client::http::{Conversation, HttpError};
use crate::spec::{NodeId, NodeStatus};
use crate::supervisor::ClusterStatus;

/// Between two samples; half of a column of the strip.
const SAMPLE: Duration = Duration::from_millis(50);
/// What answers later is not waited for.
const ANSWER_WITHIN: Duration = Duration::from_millis(45);
/// A sample so soon after the one before would find nothing new in a steady flow; the next one
/// stands for both.
const TOO_SOON: Duration = Duration::from_millis(40);
/// A sample stands for a minute at most: a suspended dashboard does not make up for lost time.
const MOST_SPANS: u128 = 1_200;
/// Processes are measured at every so many samples: each second.
const MEASURE_EACH: u32 = 20;

type Met = watch::Receiver<Option<Box<ClusterStatus>>>;

/// Samples the nodes of the cluster while there is one.
pub(super) async fn sample(mut met: Met, outbox: Sender<Message>) {
    let mut ticks = interval(SAMPLE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut sampler = Sampler::default();
    for number in 0_u32.. {
        if met.borrow().is_none() {
            sampler = Sampler::default();
            if met.wait_for(Option::is_some).await.is_err() {
                return;
            }
            ticks.reset();
        }
        let due = ticks.tick().await;
        let seats = met.borrow().as_deref().map(Seat::all).unwrap_or_default();
        if let Some(sample) = sampler.ask(&seats, due).await {
            drop(outbox.send(Message::Sample(sample)).await);
        }
        if number % MEASURE_EACH == 0 {
            let usage = sampler.meter.measure(&seats, Instant::now());
            drop(outbox.send(Message::Usage(usage)).await);
        }
    }
}

/// A node: where it answers, and its process.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seat {
    pub(super) node: NodeId,
    pub(super) pid: Option<u32>,
    addr: SocketAddr,
    asked: bool,
}

impl Seat {
    fn all(status: &ClusterStatus) -> Vec<Self> {
        let seat = |node: &crate::supervisor::NodeView| Self {
            node: node.id,
            pid: node.pid,
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, node.ports.metrics)),
            asked: answers(node),
        };
        status.nodes.iter().map(seat).collect()
    }
}

#[derive(Debug, Default)]
struct Sampler {
    open: BTreeMap<NodeId, Conversation>,
    meter: Meter,
    /// When the last sample was due, and when it was taken.
    last: Option<(Instant, Instant)>,
}

impl Sampler {
    /// One sample; `None` where it would say nothing about the cluster.
    async fn ask(&mut self, seats: &[Seat], due: Instant) -> Option<Sample> {
        let asked: Vec<Seat> = seats.iter().filter(|seat| seat.asked).copied().collect();
        let answers = asked.iter().map(|seat| {
            let open = self.open.remove(&seat.node);
            converse(*seat, open)
        });
        let answers = join_all(answers).await;
        let mut seen = Vec::new();
        for (seat, answer) in asked.iter().zip(answers) {
            // Who does not answer now is asked anew at the next sample.
            if let Ok((open, status)) = answer {
                self.open.insert(seat.node, open);
                seen.extend(status);
            }
        }
        // That all are too late says something about this machine, not about the cluster.
        if seen.is_empty() && !asked.is_empty() {
            return None;
        }
        let spans = self.spans(due, Instant::now())?;
        let silent = seats.len() - seen.len();
        Some(Sample {
            spans,
            seen,
            silent,
        })
    }

    fn spans(&mut self, due: Instant, taken: Instant) -> Option<u32> {
        let Some((last_due, last_taken)) = self.last else {
            self.last = Some((due, taken));
            return Some(1);
        };
        if taken.duration_since(last_taken) < TOO_SOON {
            return None;
        }
        self.last = Some((due, taken));
        let elapsed = due.duration_since(last_due).as_millis();
        let spans = (elapsed + SAMPLE.as_millis() / 2) / SAMPLE.as_millis();
        Some(spans.clamp(1, MOST_SPANS) as u32)
    }
}

type Answer = (Conversation, Option<NodeStatus>);

async fn converse(seat: Seat, open: Option<Conversation>) -> Result<Answer, HttpError> {
    let mut open = match open {
        Some(open) => open,
        None => Conversation::open(seat.addr, ANSWER_WITHIN).await?,
    };
    let (code, body) = open.get("/status", ANSWER_WITHIN).await?;
    let status = (code == 200).then(|| serde_json::from_slice(&body).ok());
    Ok((open, status.flatten()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_time_is_lost_between_samples_that_came_late_or_too_soon() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut sampler = Sampler::default();
        assert_eq!(sampler.spans(at(0), at(2)), Some(1));
        assert_eq!(sampler.spans(at(50), at(95)), Some(1));
        assert_eq!(sampler.spans(at(100), at(102)), None, "too soon");
        assert_eq!(sampler.spans(at(150), at(152)), Some(2));
        assert_eq!(sampler.spans(at(400), at(402)), Some(5));
    }

    #[tokio::test]
    async fn nodes_that_are_down_or_paused_are_not_asked_and_count_as_silent() {
        let mut status = crate::cli::ui::model::fixture::cluster();
        status.nodes[0].pid = None;
        status.nodes[1].state = "paused".into();
        status.nodes.truncate(2);
        let mut sampler = Sampler::default();
        let sample = sampler.ask(&Seat::all(&status), Instant::now()).await;
        let sample = sample.expect("that nobody is there is worth a sample");
        assert_eq!((sample.seen.len(), sample.silent), (0, 2));
    }
}
