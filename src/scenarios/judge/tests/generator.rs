//! Clean histories from a seed: a small simulated cluster that keeps every law.
//!
//! Everything happens at one instant between its send and its answer, so intervals overlap as they
//! do in life, and the history has an explanation in real time.

use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::super::super::history::{
    Assignment, Attempt, Claims, ClientId, Commit, CommitOutcome, Committed, End, Ending, Event,
    FaultBegan, FaultEnded, FaultId, FaultKind, FaultProven, Found, Healed, History, Identity,
    MetadataSeen, Micros, NodeEvent, NodeLife, Outcome, PartitionSeen, Phase, PhaseMark, Promise,
    Read, ReadAnswer, Records, ReplicaRead, Run, SearchRead, Topic, TopicPartition, TopicSeen,
    ValueId,
};
use super::super::story::{NODES, header};
use crate::spec::NodeId;

/// The longest time between an instant and its send or answer, in microseconds.
const SLOW: u64 = 400;
/// Records that a reader takes at once.
const FETCH: usize = 50;

/// What a generated history is like.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Shape {
    pub(in super::super) partitions: u32,
    /// Batches sent, retries not counted.
    pub(in super::super) batches: u32,
    /// Records in a batch, at most.
    pub(in super::super) batch: u32,
    /// Acks that each phase must have.
    pub(in super::super) claimed: u64,
}

impl Shape {
    /// Small enough to look at, large enough to be believed.
    pub(in super::super) const SMALL: Self = Self {
        partitions: 2,
        batches: 300,
        batch: 4,
        claimed: 20,
    };
}

/// A clean history.
pub(in super::super) fn clean(seed: u64, shape: Shape) -> History {
    let mut world = World::new(seed, shape);
    world.begin();
    let third = shape.batches / 3;
    for batch in 0..shape.batches {
        if batch == third {
            world.kill();
        }
        if batch == 2 * third {
            world.heal();
        }
        world.step();
    }
    world.finish()
}

/// One partition.
struct Log {
    values: Vec<ValueId>,
    epochs: Vec<i32>,
    leader: NodeId,
    epoch: i32,
}

/// A batch that nobody has answered for, and where it is in the log.
struct Pending {
    values: Run,
    sequence: i32,
    appended: Option<i64>,
}

struct Producer {
    client: ClientId,
    partition: u32,
    idempotent: bool,
    next: u64,
    number: u64,
    free: u64,
    pending: Option<Pending>,
}

struct Reader {
    client: ClientId,
    partition: u32,
    group: Option<Arc<str>>,
    position: i64,
    committed: Option<i64>,
    free: u64,
}

struct World {
    rng: StdRng,
    now: u64,
    shape: Shape,
    logs: Vec<Log>,
    producers: Vec<Producer>,
    readers: Vec<Reader>,
    history: History,
}

impl World {
    fn new(seed: u64, shape: Shape) -> Self {
        let claims = Claims {
            acks: shape.claimed,
            ..Claims::faults(1).with_leader_change()
        };
        let producer = |lane: u32| Producer {
            client: ClientId(lane),
            partition: lane / 2,
            idempotent: lane.is_multiple_of(2),
            next: 0,
            number: 0,
            free: 0,
            pending: None,
        };
        let reader = |lane: u32| Reader {
            client: ClientId(1000 + lane),
            partition: lane / 2,
            group: lane.is_multiple_of(2).then(|| Arc::from("g")),
            position: 0,
            committed: None,
            free: 0,
        };
        let log = |partition: u32| Log {
            values: Vec::new(),
            epochs: Vec::new(),
            leader: NodeId(u64::from(partition % 3) + 1),
            epoch: 1,
        };
        Self {
            rng: StdRng::seed_from_u64(seed),
            now: 10_000,
            shape,
            logs: (0..shape.partitions).map(log).collect(),
            producers: (0..2 * shape.partitions).map(producer).collect(),
            readers: (0..2 * shape.partitions).map(reader).collect(),
            history: History::new(header(claims)),
        }
    }

    fn push(&mut self, event: Event) {
        self.history.push(event).expect("the world makes sense");
    }

    fn at(&self) -> Micros {
        Micros(self.now)
    }

    fn begin(&mut self) {
        let at = self.at();
        for node in NODES {
            let life = NodeLife::Spawned { pid: 1 };
            self.push(Event::Node(NodeEvent { at, node, life }));
        }
        self.push(Event::Topic(Topic {
            at,
            name: String::from("t"),
            partitions: vec![NODES.into(); self.shape.partitions as usize],
        }));
        self.metadata();
        self.phase(Phase::Before);
    }

    fn phase(&mut self, phase: Phase) {
        let at = self.at();
        self.push(Event::Phase(PhaseMark {
            at,
            phase,
            quorum: true,
        }));
    }

    fn kill(&mut self) {
        let (at, node, fault) = (self.at(), NodeId(1), FaultId(1));
        self.phase(Phase::During);
        self.push(Event::FaultBegan(FaultBegan {
            at,
            fault,
            kind: FaultKind::Kill,
            nodes: vec![node],
            edges: Vec::new(),
        }));
        let proof = String::from("its pid is gone");
        self.push(Event::FaultProven(FaultProven { at, fault, proof }));
        let status = String::from("killed by signal 9");
        let life = NodeLife::Exited {
            status,
            asked: true,
        };
        self.push(Event::Node(NodeEvent { at, node, life }));
        for log in self.logs.iter_mut().filter(|log| log.leader == node) {
            (log.leader, log.epoch) = (NodeId(2), log.epoch + 1);
        }
        self.now += 1000;
        self.metadata();
    }

    fn heal(&mut self) {
        let at = self.at();
        let fault = FaultId(1);
        self.push(Event::FaultEnded(FaultEnded { at, fault }));
        self.phase(Phase::After);
    }

    fn metadata(&mut self) {
        let at = self.at();
        let partitions = self.logs.iter().enumerate();
        let partitions = partitions.map(|(partition, log)| PartitionSeen {
            partition: partition as u32,
            leader: Some(log.leader),
            epoch: log.epoch,
            replicas: NODES.into(),
            isr: NODES.into(),
            error: 0,
        });
        let topics = vec![TopicSeen {
            name: String::from("t"),
            error: 0,
            partitions: partitions.collect(),
        }];
        for node in NODES {
            self.push(Event::Metadata(MetadataSeen {
                at,
                node,
                brokers: NODES.into(),
                topics: topics.clone(),
            }));
        }
    }

    fn step(&mut self) {
        self.now += self.rng.random_range(20..200);
        self.produce();
        if self.rng.random_ratio(1, 10) {
            let chosen = self.rng.random_range(0..self.readers.len());
            self.read(chosen);
        }
    }

    /// An interval around now that begins when its client is free.
    fn interval(&mut self, free: u64) -> (Micros, Micros) {
        self.now = self.now.max(free + 2);
        let sent = self.now - self.rng.random_range(1..SLOW);
        let answered = self.now + self.rng.random_range(1..SLOW);
        (Micros(sent.max(free + 1)), Micros(answered))
    }

    fn produce(&mut self) {
        let chosen = self.rng.random_range(0..self.producers.len());
        let count = self.rng.random_range(1..=self.shape.batch);
        let luck = self.rng.random_range(0..100);
        let free = match &self.producers[chosen].pending {
            Some(_) => self.producers[chosen].free,
            // A pipelined client sends on before its last batch is answered.
            None => self.producers[chosen].free.saturating_sub(SLOW),
        };
        let (sent, answered) = self.interval(free);
        let producer = &mut self.producers[chosen];
        let sent = sent.max(Micros(free + 1));
        let log = &mut self.logs[producer.partition as usize];
        let pending = producer.pending.take().unwrap_or_else(|| {
            let first = ValueId::of(producer.client.0, producer.next);
            let sequence = producer.next as i32;
            producer.next += u64::from(count);
            Pending {
                values: Run(first, count),
                sequence,
                appended: None,
            }
        });
        let base = pending.appended.filter(|_| producer.idempotent);
        let (outcome, after) = decide(luck, log, &pending, base);
        let attempt = Attempt {
            client: producer.client,
            number: producer.number,
            connection: log.epoch as u32,
            identity: producer.idempotent.then_some(Identity {
                producer: i64::from(producer.client.0),
                epoch: 0,
                sequence: pending.sequence,
            }),
            partition: TopicPartition(0, producer.partition),
            values: pending.values,
            intended: sent,
            sent,
            answered,
            broker: log.leader,
            outcome,
        };
        producer.number += 1;
        producer.free = answered.0;
        producer.pending = match after {
            After::Repeat { appended } => Some(Pending {
                appended,
                ..pending
            }),
            After::GoOn => None,
        };
        self.push(Event::Produce(attempt));
    }

    fn read(&mut self, chosen: usize) {
        let (sent, answered) = self.interval(self.readers[chosen].free);
        let commits = self.rng.random_ratio(1, 2);
        let reader = &mut self.readers[chosen];
        let log = &self.logs[reader.partition as usize];
        let partition = TopicPartition(0, reader.partition);
        let asked = reader.position;
        let records = log.from(asked as usize, FETCH);
        reader.position += records.count() as i64;
        reader.free = answered.0;
        let (client, group, position) = (reader.client, reader.group.clone(), reader.position);
        let assignment = match &group {
            Some(group) => Assignment::Group {
                group: group.clone(),
                generation: 1,
            },
            None => Assignment::Own(0),
        };
        let answer = ReadAnswer::Records {
            high_watermark: log.values.len() as i64,
            log_start: 0,
            records,
        };
        self.push(Event::Read(Read {
            client,
            assignment,
            partition,
            asked,
            sent,
            answered,
            broker: self.logs[partition.1 as usize].leader,
            answer,
        }));
        if let Some(group) = group.filter(|_| commits) {
            self.commit(chosen, &group, position);
        }
    }

    fn commit(&mut self, chosen: usize, group: &Arc<str>, offset: i64) {
        let (sent, answered) = self.interval(self.readers[chosen].free);
        let luck = self.rng.random_range(0..10);
        let reader = &mut self.readers[chosen];
        let partition = TopicPartition(0, reader.partition);
        let outcome = match luck {
            0 => CommitOutcome::Failed { code: 27 },
            1 => CommitOutcome::Unknown {
                why: String::from("time-out"),
            },
            _ => CommitOutcome::Ok,
        };
        if luck != 0 {
            reader.committed = Some(offset);
        }
        reader.free = answered.0;
        let client = reader.client;
        self.push(Event::Commit(Commit {
            client,
            group: group.clone(),
            generation: 1,
            partition,
            offset,
            sent,
            answered,
            broker: NodeId(2),
            outcome,
        }));
        let (sent, answered) = self.interval(answered.0);
        self.readers[chosen].free = answered.0;
        self.push(Event::Committed(Committed {
            client,
            group: group.clone(),
            partition,
            sent,
            answered,
            broker: NodeId(2),
            offset: self.readers[chosen].committed,
        }));
    }

    fn finish(mut self) -> History {
        self.read(0);
        let (group, position) = (Arc::from("g"), self.readers[0].position);
        self.commit(0, &group, position);
        self.now += 10_000;
        let at = self.at();
        self.push(Event::Healed(Healed { at }));
        for partition in 0..self.logs.len() {
            for node in NODES {
                let log = &self.logs[partition];
                let end = log.values.len() as i64;
                let replica = ReplicaRead {
                    node,
                    partition: TopicPartition(0, partition as u32),
                    began: at,
                    ended: at,
                    log_start: 0,
                    end,
                    goal: end,
                    hash: end as u64,
                    unread: None,
                    records: log.from(0, usize::MAX),
                };
                let search = searched(&replica);
                self.push(Event::Replica(replica));
                self.push(Event::Search(search));
            }
        }
        self.metadata();
        let what = String::from("the largest gap is within its budget");
        let found = Found::Kept;
        self.push(Event::Promise(Promise { at, what, found }));
        let how = Ending::Complete;
        self.push(Event::End(End { at, how }));
        self.history
    }
}

/// A node whose search finds all that its copy holds.
fn searched(copy: &ReplicaRead) -> SearchRead {
    SearchRead {
        node: copy.node,
        partition: copy.partition,
        sent: copy.began,
        answered: copy.ended,
        goal: Some(copy.goal),
        unread: None,
        hits: Records {
            epochs: Vec::new(),
            ..copy.records.clone()
        },
    }
}

impl Log {
    fn append(&mut self, values: Run) -> i64 {
        let base = self.values.len() as i64;
        self.values.extend(values.ids());
        self.epochs.resize(self.values.len(), self.epoch);
        base
    }

    fn from(&self, start: usize, most: usize) -> Records {
        let end = self.values.len().min(start.saturating_add(most));
        let mut records = Records::default();
        for offset in start..end {
            records.push(offset as i64, self.values[offset]);
            records.push_epoch(offset as i64, self.epochs[offset]);
        }
        records
    }
}

/// What its producer does after an attempt.
enum After {
    /// Goes on with the next batch.
    GoOn,
    /// Sends the batch again, which may be in the log already.
    Repeat { appended: Option<i64> },
}

/// What comes of an attempt, and what follows.
fn decide(luck: u32, log: &mut Log, pending: &Pending, base: Option<i64>) -> (Outcome, After) {
    let unknown = |code, why: &str| Outcome::Unknown {
        code,
        why: why.to_owned(),
    };
    match luck {
        0..4 => {
            let at = base.unwrap_or_else(|| log.append(pending.values));
            (
                unknown(None, "disconnect"),
                After::Repeat { appended: Some(at) },
            )
        }
        4..8 => (
            unknown(Some(6), "not the leader"),
            After::Repeat {
                appended: pending.appended,
            },
        ),
        8 if pending.appended.is_none() => (unknown(None, "time-out"), After::GoOn),
        9 if pending.appended.is_none() => (Outcome::Failed { code: 29 }, After::GoOn),
        _ => {
            let base = base.unwrap_or_else(|| log.append(pending.values));
            (Outcome::Ok { base }, After::GoOn)
        }
    }
}
