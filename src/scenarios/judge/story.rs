//! Small histories, told by hand, for the tests of the laws.

use std::sync::Arc;

use super::super::Law;
use super::super::history::{
    Assignment, Attempt, Claims, ClientId, Commit, CommitOutcome, Committed, End, Ending, Event,
    Found, Header, Healed, History, Identity, MetadataSeen, Micros, NodeEvent, NodeLife, Outcome,
    PartitionSeen, Promise, Read, ReadAnswer, Records, ReplicaRead, Run, Strange, Strangeness,
    Topic, TopicPartition, TopicSeen, VERSION, ValueId,
};
use super::judge;
use super::verdict::LawResult;
use crate::spec::NodeId;

/// The partition that most stories are about.
pub(super) const HERE: TopicPartition = TopicPartition(0, 0);
/// Another one.
pub(super) const THERE: TopicPartition = TopicPartition(0, 1);
/// The nodes.
pub(super) const NODES: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];

/// The header of a story.
pub(super) fn header(claims: Claims) -> Header {
    Header {
        version: VERSION,
        scenario: String::from("story"),
        seed: 1,
        run: 1,
        target: String::from("story"),
        repeat: String::from("chronik-dev scenario story --seed 1"),
        nodes: NODES.into(),
        settings: Vec::new(),
        without: Vec::new(),
        claims,
    }
}

/// A history as it grows.
pub(super) struct Story(History);

impl Story {
    /// Topic `t` with two partitions on three nodes, no claims, and nothing that is broken.
    pub(super) fn new() -> Self {
        Self::unhealed().event(Event::Healed(Healed { at: Micros(0) }))
    }

    /// The same, in which nobody says that all is healed.
    pub(super) fn unhealed() -> Self {
        let story = Self(History::new(header(Claims {
            acks: 0,
            faults: 0,
            leader_change: false,
        })));
        story.event(Event::Topic(Topic {
            at: Micros(0),
            name: String::from("t"),
            partitions: vec![NODES.into(), NODES.into()],
        }))
    }

    /// Anything.
    pub(super) fn event(mut self, event: Event) -> Self {
        self.0.push(event).expect("the story makes sense");
        self
    }

    /// An attempt of [`plain`] or [`idempotent`].
    pub(super) fn send(self, attempt: Attempt) -> Self {
        self.event(Event::Produce(attempt))
    }

    /// One record of a plain producer, acked by node-1.
    pub(super) fn acked(self, value: u64, offset: i64) -> Self {
        let at = 10 * value;
        self.send(plain(value, at, Outcome::Ok { base: offset }))
    }

    /// A read of client 9.
    pub(super) fn read(self, asked: i64, at: u64, records: &[(i64, u64)]) -> Self {
        let end = records.last().map_or(asked, |record| record.0 + 1);
        self.event(Event::Read(read(asked, at, end, records)))
    }

    /// Three equal copies of a partition, from offset 0 on, one value each.
    pub(super) fn copies(self, values: &[u64]) -> Self {
        let story = self.copy(1, values).copy(2, values);
        story.copy(3, values)
    }

    /// One node's copy.
    pub(super) fn copy(self, node: u64, values: &[u64]) -> Self {
        self.event(Event::Replica(copy(node, values)))
    }

    /// What a law says in the end.
    pub(super) fn says(self, law: Law) -> LawResult {
        let told = self.told();
        let judgement = judge(&told);
        let verdict = judgement.law(law);
        assert_eq!(
            verdict.result == LawResult::Failed,
            !verdict.anomalies.is_empty(),
            "a breach is shown"
        );
        verdict.result
    }

    /// The whole history.
    pub(super) fn told(self) -> History {
        self.ended(Ending::Complete)
    }

    /// The whole history, with an end like this.
    pub(super) fn ended(self, how: Ending) -> History {
        let at = Micros(1_000_000);
        self.event(Event::End(End { at, how })).0
    }

    /// The history so far: its file was cut.
    pub(super) fn cut(self) -> History {
        self.0
    }
}

/// One record of client 1, sent at `at` to node-1 and answered 5 µs later.
pub(super) fn plain(value: u64, at: u64, outcome: Outcome) -> Attempt {
    Attempt {
        client: ClientId(1),
        number: at,
        connection: 1,
        identity: None,
        partition: HERE,
        values: Run(ValueId(value), 1),
        intended: Micros(at),
        sent: Micros(at),
        answered: Micros(at + 5),
        broker: NodeId(1),
        outcome,
    }
}

/// The same of an idempotent producer, whose sequence is the value's number.
pub(super) fn idempotent(value: u64, at: u64, outcome: Outcome) -> Attempt {
    Attempt {
        identity: Some(Identity {
            producer: 7,
            epoch: 0,
            sequence: value as i32,
        }),
        ..plain(value, at, outcome)
    }
}

/// An attempt that nobody answered.
pub(super) fn lost() -> Outcome {
    Outcome::Unknown {
        code: None,
        why: String::from("time-out"),
    }
}

/// A read of client 9 at node-1, answered 5 µs later.
pub(super) fn read(asked: i64, at: u64, high_watermark: i64, records: &[(i64, u64)]) -> Read {
    let mut brought = Records::default();
    for (offset, value) in records {
        brought.push(*offset, ValueId(*value));
    }
    Read {
        client: ClientId(9),
        assignment: Assignment::Own(0),
        partition: HERE,
        asked,
        sent: Micros(at),
        answered: Micros(at + 5),
        broker: NodeId(1),
        answer: ReadAnswer::Records {
            high_watermark,
            log_start: 0,
            records: brought,
        },
    }
}

/// The same with a record of strange bytes at its end.
pub(super) fn strange(asked: i64, at: u64, kind: Strangeness) -> Read {
    let mut read = read(asked, at, asked + 1, &[]);
    if let ReadAnswer::Records { records, .. } = &mut read.answer {
        records.strange.push(Strange {
            offset: asked,
            kind,
            hash: at,
        });
    }
    read
}

/// A copy with these values from offset 0 on, all in epoch 1.
pub(super) fn copy(node: u64, values: &[u64]) -> ReplicaRead {
    let mut records = Records::default();
    records.push_epoch(0, 1);
    for (offset, value) in values.iter().enumerate() {
        records.push(offset as i64, ValueId(*value));
    }
    ReplicaRead {
        node: NodeId(node),
        partition: HERE,
        began: Micros(900_000),
        ended: Micros(900_010),
        log_start: 0,
        end: values.len() as i64,
        goal: values.len() as i64,
        hash: 0,
        unread: None,
        records,
    }
}

/// A commit of group `g` by client 9.
pub(super) fn commit(offset: i64, at: u64, outcome: CommitOutcome) -> Event {
    Event::Commit(Commit {
        client: ClientId(9),
        group: Arc::from("g"),
        generation: 1,
        partition: HERE,
        offset,
        sent: Micros(at),
        answered: Micros(at + 5),
        broker: NodeId(1),
        outcome,
    })
}

/// What group `g` is told.
pub(super) fn committed(offset: Option<i64>, at: u64) -> Event {
    Event::Committed(Committed {
        client: ClientId(9),
        group: Arc::from("g"),
        partition: HERE,
        sent: Micros(at),
        answered: Micros(at + 5),
        broker: NodeId(1),
        offset,
    })
}

/// A read by a member of group `g`.
pub(super) fn group_read(asked: i64, at: u64, records: &[(i64, u64)]) -> Event {
    let end = records.last().map_or(asked, |record| record.0 + 1);
    Event::Read(Read {
        assignment: Assignment::Group {
            group: Arc::from("g"),
            generation: 1,
        },
        ..read(asked, at, end, records)
    })
}

/// What a node says of topic `t`: who leads both partitions.
pub(super) fn metadata(node: u64, leader: u64, epoch: i32) -> MetadataSeen {
    let partition = |partition| PartitionSeen {
        partition,
        leader: Some(NodeId(leader)),
        epoch,
        replicas: NODES.into(),
        isr: NODES.into(),
        error: 0,
    };
    MetadataSeen {
        at: Micros(950_000),
        node: NodeId(node),
        brokers: NODES.into(),
        topics: vec![TopicSeen {
            name: String::from("t"),
            error: 0,
            partitions: vec![partition(0), partition(1)],
        }],
    }
}

/// A node ends.
pub(super) fn exit(node: u64, asked: bool) -> Event {
    let status = String::from("killed by signal 9");
    Event::Node(NodeEvent {
        at: Micros(100),
        node: NodeId(node),
        life: NodeLife::Exited { status, asked },
    })
}

/// A promise was looked at.
pub(super) fn promise(found: Found) -> Event {
    Event::Promise(Promise {
        at: Micros(100),
        what: String::from("exits within 5 s"),
        found,
    })
}
