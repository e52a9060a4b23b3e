//! Metrics of hand-written histories, whose answers are known.

use std::time::Duration;

use super::*;
use crate::scenarios::history::{
    Attempt, Claims, ClientId, Event, FaultBegan, FaultEnded, FaultId, FaultKind, Header, Healed,
    LogEnd, MetadataSeen, Milestone, NodeEvent, NodeLife, Outcome, PartitionSeen, Records,
    ReplicaRead, Run, Topic, TopicPartition, TopicSeen, VERSION, ValueId,
};
use crate::spec::NodeId;

const PLACE: TopicPartition = TopicPartition(0, 0);

/// A history that grows by a word at a time; times are milliseconds.
struct Story(History, u64);

impl Story {
    /// Three nodes and one topic with a partition on all of them.
    fn new() -> Self {
        let nodes: Vec<NodeId> = (1..=3).map(NodeId).collect();
        let header = Header {
            version: VERSION,
            scenario: String::from("test"),
            seed: 1,
            run: 1,
            target: String::from("ephemeral"),
            repeat: String::from("chronik-dev scenario test --seed 1"),
            nodes: nodes.clone(),
            settings: Vec::new(),
            without: Vec::new(),
            claims: Claims::load(),
        };
        let topic = Event::Topic(Topic {
            at: Micros(0),
            name: String::from("orders"),
            partitions: vec![nodes],
        });
        Self(History::new(header), 0).with(topic)
    }

    fn with(mut self, event: Event) -> Self {
        self.0.push(event).unwrap();
        self
    }

    fn attempt(mut self, sent: u64, answered: u64, broker: u64, acked: bool) -> Self {
        let offset = self.1;
        self.1 += u64::from(acked);
        let base = offset as i64;
        let unknown = Outcome::Unknown {
            code: None,
            why: String::from("disconnected"),
        };
        let outcome = if acked { Outcome::Ok { base } } else { unknown };
        self.with(Event::Produce(Attempt {
            client: ClientId(1),
            number: 0,
            connection: 0,
            identity: None,
            partition: PLACE,
            values: Run(ValueId::of(1, offset), 1),
            intended: ms(sent),
            sent: ms(sent),
            answered: ms(answered),
            broker: NodeId(broker),
            outcome,
        }))
    }

    fn ack(self, at: u64, broker: u64) -> Self {
        self.attempt(at, at, broker, true)
    }

    fn acks(mut self, times: &[u64], broker: u64) -> Self {
        for at in times {
            self = self.ack(*at, broker);
        }
        self
    }

    fn told(self, at: u64, by: u64, leader: u64, epoch: i32, isr: &[u64]) -> Self {
        let partition = PartitionSeen {
            partition: 0,
            leader: Some(NodeId(leader)),
            epoch,
            replicas: (1..=3).map(NodeId).collect(),
            isr: isr.iter().copied().map(NodeId).collect(),
            error: 0,
        };
        self.with(Event::Metadata(MetadataSeen {
            at: ms(at),
            node: NodeId(by),
            brokers: (1..=3).map(NodeId).collect(),
            topics: vec![TopicSeen {
                name: String::from("orders"),
                error: 0,
                partitions: vec![partition],
            }],
        }))
    }

    fn fault(self, at: u64, kind: FaultKind, nodes: &[u64], edges: &[(u64, u64)]) -> Self {
        let fault = FaultId(self.0.faults.len() as u32);
        let edges = edges.iter().map(|(a, b)| (NodeId(*a), NodeId(*b)));
        let edges = edges.collect();
        self.with(Event::FaultBegan(FaultBegan {
            at: ms(at),
            fault,
            kind,
            nodes: nodes.iter().copied().map(NodeId).collect(),
            edges,
        }))
    }

    fn node(self, at: u64, node: u64, life: NodeLife) -> Self {
        self.with(Event::Node(NodeEvent {
            at: ms(at),
            node: NodeId(node),
            life,
        }))
    }

    fn spawned(self, at: u64, node: u64) -> Self {
        self.node(at, node, NodeLife::Spawned { pid: 9 })
    }

    fn exited(self, at: u64, node: u64) -> Self {
        let status = String::from("exit 0");
        let asked = true;
        self.node(at, node, NodeLife::Exited { status, asked })
    }

    fn milestone(self, at: u64, what: &str, node: Option<u64>) -> Self {
        self.with(Event::Milestone(Milestone {
            at: ms(at),
            what: String::from(what),
            node: node.map(NodeId),
            partition: None,
        }))
    }

    fn log_end(self, at: u64, node: u64, end: i64) -> Self {
        self.with(Event::LogEnd(LogEnd {
            at: ms(at),
            node: NodeId(node),
            partition: PLACE,
            end,
        }))
    }

    /// A replica with the values of these sequence numbers.
    fn replica(self, node: u64, sequences: &[u64]) -> Self {
        let mut records = Records::default();
        for (offset, sequence) in (0..).zip(sequences) {
            records.push(offset, ValueId::of(1, *sequence));
        }
        self.with(Event::Replica(ReplicaRead {
            node: NodeId(node),
            partition: PLACE,
            began: ms(1),
            ended: ms(2),
            log_start: 0,
            end: sequences.len() as i64,
            goal: sequences.len() as i64,
            hash: 0,
            unread: None,
            records,
        }))
    }

    fn measure(&self) -> Metrics {
        measure(&self.0)
    }
}

fn ms(at: u64) -> Micros {
    Micros(at * 1000)
}

fn span(measured: Option<&Measured>) -> Option<(u64, u64)> {
    measured.map(|measured| (measured.from.0 / 1000, measured.to.0 / 1000))
}

/// node-1 leads, is killed at 100, and node-2 acks from 160 on.
fn failover() -> Story {
    Story::new()
        .told(1, 2, 1, 4, &[1, 2, 3])
        .acks(&[10, 40, 90], 1)
        .fault(100, FaultKind::Kill, &[1], &[])
}

#[test]
fn what_no_event_shows_is_not_measured() {
    assert_eq!(Story::new().measure(), Metrics::default());
}

#[test]
fn formation_is_from_the_first_spawn_to_the_first_formed() {
    let story = Story::new().spawned(7, 2).spawned(5, 1);
    assert_eq!(story.measure().formation, None);
    let story = story
        .milestone(55, FORMED, None)
        .milestone(99, FORMED, None);
    assert_eq!(span(story.measure().formation.as_ref()), Some((5, 55)));
}

#[test]
fn an_election_ends_when_a_survivor_names_another_leader_of_a_later_epoch() {
    let story = failover()
        .told(110, 2, 1, 4, &[1, 2, 3])
        .told(120, 1, 2, 5, &[2])
        .told(130, 3, 2, 4, &[2, 3])
        .told(140, 3, 2, 5, &[2, 3])
        .told(135, 2, 2, 5, &[2, 3]);
    let metrics = story.measure();
    let election = metrics.election.unwrap();
    assert_eq!(span(Some(&election)), Some((100, 135)));
    assert_eq!(election.what, "kill node-1, orders-0");
    assert_eq!(election.length(), Duration::from_millis(35));
}

#[test]
fn an_election_that_nobody_saw_is_not_measured() {
    assert_eq!(failover().measure().election, None);
}

#[test]
fn failover_is_the_largest_gap_until_a_second_after_the_new_leaders_first_ack() {
    let story = failover().acks(&[160, 165, 1150, 2000, 9000], 2);
    // 90..160 is shorter than 165..1150; 1150..2000 begins inside of the window, 2000.. does not.
    assert_eq!(
        span(story.measure().failover.as_ref()),
        Some((165, 1150)),
        "the worst gap, not the first"
    );
    let story = failover().acks(&[160, 165, 200], 2);
    assert_eq!(span(story.measure().failover.as_ref()), Some((90, 160)));
}

#[test]
fn a_late_ack_of_the_old_leader_is_none_of_the_new_one() {
    let story = failover().ack(105, 1);
    assert_eq!(story.measure().failover, None);
    let story = story.ack(150, 3);
    assert_eq!(span(story.measure().failover.as_ref()), Some((105, 150)));
}

#[test]
fn the_end_of_the_load_is_no_gap_but_failures_at_its_end_are() {
    let story = failover().acks(&[120], 2);
    assert_eq!(span(story.measure().failover.as_ref()), Some((90, 120)));
    let story = story.attempt(130, 400, 2, false);
    assert_eq!(span(story.measure().failover.as_ref()), Some((120, 400)));
}

#[test]
fn a_follower_takes_no_leader_with_it() {
    let story = Story::new()
        .told(1, 2, 1, 4, &[1, 2, 3])
        .acks(&[10, 40], 1)
        .fault(100, FaultKind::Kill, &[3], &[])
        .acks(&[200], 1);
    assert_eq!(
        (story.measure().failover, story.measure().election),
        (None, None)
    );
    let gap = largest_gap(&story.0, ms(50), ms(150));
    assert_eq!(span(gap.as_ref()), Some((40, 200)));
}

#[test]
fn the_leader_is_who_acked_since_the_metadata_was_told() {
    let story = Story::new()
        .told(1, 2, 1, 4, &[1, 2, 3])
        .acks(&[10], 1)
        .acks(&[50, 90], 3)
        .fault(100, FaultKind::Kill, &[3], &[])
        .acks(&[130], 1);
    assert_eq!(span(story.measure().failover.as_ref()), Some((90, 130)));
}

#[test]
fn a_cut_takes_the_leader_only_from_the_majoritys_side() {
    let isolated = [(1, 2), (1, 3)];
    let cut = |edges: &[(u64, u64)]| {
        Story::new()
            .acks(&[10, 90], 1)
            .fault(100, FaultKind::Cut, &[], edges)
            .acks(&[180], 2)
            .measure()
            .failover
    };
    assert_eq!(span(cut(&isolated).as_ref()), Some((90, 180)));
    assert_eq!(cut(&[(1, 2)]), None, "node-3 still hears both");
    assert_eq!(
        cut(&[(1, 2), (1, 3), (2, 3)]),
        None,
        "nobody has a majority"
    );
}

#[test]
fn a_lost_quorum_is_no_failover() {
    let story = failover()
        .fault(101, FaultKind::Kill, &[2], &[])
        .fault(102, FaultKind::Kill, &[3], &[])
        .acks(&[900], 2);
    assert_eq!(story.measure().failover, None);
}

#[test]
fn a_fault_that_comes_after_the_failover_does_not_undo_it() {
    let second: Vec<u64> = (3..24).map(|step| step * 50).collect();
    let story = failover()
        .acks(&second, 2)
        .fault(5000, FaultKind::Kill, &[2], &[])
        .acks(&[5100], 3);
    let first = story.measure().failover;
    assert_eq!(span(first.as_ref()), Some((90, 150)), "then two are down");
    let healed = self::failover()
        .acks(&second, 2)
        .with(Event::FaultEnded(FaultEnded {
            at: ms(1000),
            fault: FaultId(0),
        }))
        .acks(&[4970, 4990], 2)
        .fault(5000, FaultKind::Kill, &[2], &[])
        .acks(&[5100], 3);
    assert_eq!(span(healed.measure().failover.as_ref()), Some((4990, 5100)));
}

#[test]
fn a_stop_is_a_handover_and_a_shutdown() {
    let story = Story::new()
        .acks(&[10, 90], 1)
        .fault(100, FaultKind::Stop, &[1], &[])
        .acks(&[115], 2);
    assert_eq!(story.measure().shutdown, None, "not reaped yet");
    let metrics = story.exited(170, 1).measure();
    assert_eq!(span(metrics.handover_gap.as_ref()), Some((90, 115)));
    assert_eq!(span(metrics.shutdown.as_ref()), Some((100, 170)));
    assert_eq!(metrics.failover, None);
}

fn restarted() -> Story {
    let before = Story::new().spawned(1, 3).told(2, 1, 1, 4, &[1, 2, 3]);
    before.exited(50, 3).spawned(100, 3)
}

#[test]
fn a_node_is_back_when_its_log_and_the_isr_say_so() {
    let behind = restarted()
        .told(105, 1, 1, 4, &[1, 2, 3])
        .log_end(110, 1, 40)
        .log_end(120, 3, 30)
        .told(130, 1, 1, 4, &[1, 2])
        .log_end(140, 3, 40);
    assert_eq!(behind.measure().rejoin, None);
    let metrics = behind.told(150, 1, 1, 4, &[1, 2, 3]).measure();
    let rejoin = metrics.rejoin.unwrap();
    assert_eq!(span(Some(&rejoin)), Some((100, 150)));
    assert_eq!(rejoin.what, "restart of node-3");
}

#[test]
fn a_milestone_of_the_restarted_node_ends_its_rejoin() {
    let other = restarted().milestone(120, REJOINED, Some(2));
    assert_eq!(other.measure().rejoin, None);
    let own = other.milestone(130, REJOINED, Some(3));
    assert_eq!(span(own.measure().rejoin.as_ref()), Some((100, 130)));
}

#[test]
fn recovered_are_the_acked_records_of_every_replica() {
    let acked = Story::new().acks(&[10, 20, 30, 40], 1);
    let metrics = acked.measure();
    assert_eq!(metrics.messages_replicated, Some(4));
    assert_eq!(metrics.messages_recovered, None, "no replica was read");
    let read = acked
        .replica(1, &[0, 1, 2, 3, 4])
        .replica(2, &[0, 1, 3])
        .replica(3, &[3, 1, 0, 2]);
    assert_eq!(read.measure().messages_recovered, Some(3));
}

#[test]
fn topics_are_counted_when_every_node_lists_as_many_after_the_heal() {
    let two = Story::new()
        .told(10, 1, 1, 4, &[1])
        .told(10, 2, 1, 4, &[1])
        .told(10, 3, 1, 4, &[1]);
    assert_eq!(two.measure().topics, Some(1));
    let healed = two.with(Event::Healed(Healed { at: ms(20) }));
    assert_eq!(healed.measure().topics, None, "nobody was asked since");
}

#[test]
fn values_are_told_in_their_unit() {
    let metrics = failover().acks(&[160], 2).measure();
    assert_eq!(metrics.value(Metric::Failover), Some(70.0));
    assert_eq!(metrics.value(Metric::Replicated), Some(4.0));
    assert_eq!(metrics.value(Metric::Formation), None);
}
