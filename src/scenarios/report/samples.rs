//! Histories made up for the tests of reports: a failover that goes well, one that loses records,
//! one that is interrupted; and strings that would break a careless page.

mod judged;

use std::time::Duration;

use super::{Report, RunReport, ScenarioReport};
use crate::scenarios::Law;
use crate::scenarios::history::{
    Absent, Assignment, Attempt, Claims, ClientId, End, Ending, Event, FaultBegan, FaultEnded,
    FaultId, FaultKind, FaultProven, Found, Header, Healed, History, LogEnd, MetadataSeen, Micros,
    Milestone, NodeEvent, NodeLife, Outcome, PartitionSeen, Phase, PhaseMark, Promise, Read,
    ReadAnswer, Records, ReplicaRead, Run, Topic, TopicPartition, TopicSeen, VERSION, ValueId,
};
use crate::scenarios::judge::judge;
use crate::scenarios::metrics::{FORMED, REJOINED, measure};
use crate::spec::NodeId;

pub(crate) use judged::{judged, one_of_each};

/// What a page must not take for its own.
pub(crate) const HOSTILE: &str =
    "a\"b'<script>alert(1)</script>&amp;]]>--><img src=x onerror=1>\u{1b}[31m\u{0}";

const NODES: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];
/// One attempt of two records in each lane in this time: 1,000 records a second.
const PACE: u64 = 2_000;
const KILLED: u64 = 2_500_000;
const LED_AGAIN: u64 = 2_541_000;
const RESTARTED: u64 = 3_600_000;
const LOAD: std::ops::Range<u64> = 320_000..5_200_000;

/// What a sample is to show.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plot {
    pub(crate) scenario: &'static str,
    pub(crate) topic: &'static str,
    /// The time that the new leader takes, beyond the usual.
    pub(crate) slower: u64,
    /// Records that were acked before the kill and are on no replica.
    pub(crate) lost: u64,
    pub(crate) how: Ending,
}

impl Plot {
    pub(crate) fn good() -> Self {
        Self {
            scenario: "leader-failover",
            topic: "e2e-failover",
            slower: 0,
            lost: 0,
            how: Ending::Complete,
        }
    }

    pub(crate) fn lossy() -> Self {
        Self {
            lost: 14,
            slower: 60_000,
            ..Self::good()
        }
    }

    pub(crate) fn hostile() -> Self {
        Self {
            topic: HOSTILE,
            ..Self::lossy()
        }
    }

    pub(crate) fn interrupted() -> Self {
        Self {
            scenario: "rolling-restart",
            how: Ending::Interrupted,
            ..Self::good()
        }
    }

    /// A run's report, with every figure made up but lawful.
    pub(crate) fn run(self) -> RunReport {
        let history = self.history();
        let judgement = judge(&history);
        let metrics = measure(&history);
        let took = Duration::from_millis(5_640);
        RunReport::new(&history, judgement, metrics, took)
    }

    pub(crate) fn history(self) -> History {
        let mut teller = Teller {
            history: History::new(self.header()),
            plot: self,
            next: [0; 3],
            next_epoch: 0,
        };
        teller.beginning();
        teller.load();
        teller.end();
        teller.history
    }

    fn header(self) -> Header {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Header {
            version: VERSION,
            scenario: self.scenario.to_owned(),
            seed: 42,
            run: 7,
            target: String::from("ephemeral cluster of 3 nodes"),
            repeat: format!("chronik-dev scenario {} --seed 42", self.scenario),
            nodes: NODES.into(),
            settings: vec![
                pair("size", "512"),
                pair("sync_p50_ms", "0.41"),
                pair("load_average", "1.7"),
                pair("topic", self.topic),
            ],
            without: vec![Absent {
                law: Law::CommittedOffsets,
                why: String::from("no group reads in this scenario"),
            }],
            claims: Claims::faults(1).with_leader_change(),
        }
    }
}

struct Teller {
    history: History,
    plot: Plot,
    /// The next offset of each partition, which is the next value too.
    next: [u64; 3],
    /// The first offset of the first partition's second leader.
    next_epoch: i64,
}

impl Teller {
    fn say(&mut self, event: Event) {
        self.history.push(event).unwrap();
    }

    fn node(&mut self, at: u64, node: NodeId, life: NodeLife) {
        let at = Micros(at);
        self.say(Event::Node(NodeEvent { at, node, life }));
    }

    fn phase(&mut self, at: u64, phase: Phase) {
        self.say(Event::Phase(PhaseMark {
            at: Micros(at),
            phase,
            quorum: true,
        }));
    }

    fn milestone(&mut self, at: u64, what: &str, node: Option<NodeId>) {
        self.say(Event::Milestone(Milestone {
            at: Micros(at),
            what: what.to_owned(),
            node,
            partition: None,
        }));
    }

    /// Who leads a partition: node-1 the first until it is killed, then node-2.
    fn leader(partition: u32, after: bool) -> NodeId {
        match (partition, after) {
            (0, true) => NodeId(2),
            (partition, _) => NODES[partition as usize],
        }
    }

    fn told(&mut self, at: u64, node: NodeId, after: bool, isr: &[NodeId]) {
        let partitions = (0..3).map(|partition| PartitionSeen {
            partition,
            leader: Some(Self::leader(partition, after)),
            epoch: if after && partition == 0 { 2 } else { 1 },
            replicas: NODES.into(),
            isr: isr.to_vec(),
            error: 0,
        });
        let topic = TopicSeen {
            name: self.plot.topic.to_owned(),
            error: 0,
            partitions: partitions.collect(),
        };
        self.say(Event::Metadata(MetadataSeen {
            at: Micros(at),
            node,
            brokers: NODES.into(),
            topics: vec![topic],
        }));
    }

    fn beginning(&mut self) {
        for (place, node) in NODES.into_iter().enumerate() {
            let at = 4_000 + 2_000 * place as u64;
            self.node(at, node, NodeLife::Spawned { pid: 4_700 });
            self.node(160_000 + at, node, NodeLife::Ready);
        }
        self.milestone(214_300, FORMED, None);
        self.say(Event::Topic(Topic {
            at: Micros(290_000),
            name: self.plot.topic.to_owned(),
            partitions: vec![NODES.into(); 3],
        }));
        self.phase(LOAD.start, Phase::Before);
        for node in NODES {
            self.told(300_000, node, false, &NODES);
        }
    }

    fn load(&mut self) {
        let again = LED_AGAIN + self.plot.slower;
        let mut course: Vec<(u64, u32)> = Vec::new();
        for intended in LOAD.step_by(PACE as usize) {
            course.extend((0..3).map(|partition| (intended, partition)));
        }
        let mut told = 0;
        for (intended, partition) in course {
            if intended >= KILLED && told == 0 {
                told = 1;
                self.kill();
            }
            if intended >= again && told == 1 {
                told = 2;
                self.told(again - 2_000, NodeId(3), true, &NODES[1..]);
            }
            if intended >= RESTARTED && told == 2 {
                told = 3;
                self.restart();
            }
            self.send(intended, partition, again);
        }
    }

    fn send(&mut self, intended: u64, partition: u32, again: u64) {
        // A hash gives each latency its own bit of noise.
        let noise = (intended / PACE * 7_919 + u64::from(partition) * 104_729) % 997;
        let usual = 900 + noise * noise / 800;
        let stalled = partition == 0 && (KILLED..again).contains(&intended);
        if stalled && intended.is_multiple_of(8_000) {
            let tried = (intended, intended + 1_500);
            self.attempt(intended, tried, partition, NodeId(1), false);
        }
        // What waited is sent in order, just before the first that did not have to.
        let waited = (intended - KILLED.min(intended)) * 1_400 / (again - KILLED);
        let sent = if stalled {
            again - 1_500 + waited
        } else {
            intended
        };
        let broker = Self::leader(partition, sent >= KILLED);
        self.attempt(intended, (sent, sent + usual), partition, broker, true);
    }

    fn attempt(
        &mut self,
        intended: u64,
        (sent, answered): (u64, u64),
        partition: u32,
        broker: NodeId,
        acked: bool,
    ) {
        let next = self.next[partition as usize];
        let base = next as i64;
        let why = String::from("connection reset");
        let outcome = if acked {
            Outcome::Ok { base }
        } else {
            Outcome::Unknown { code: None, why }
        };
        self.next[partition as usize] += if acked { 2 } else { 0 };
        self.say(Event::Produce(Attempt {
            client: ClientId(partition + 1),
            number: intended,
            connection: 0,
            identity: None,
            partition: TopicPartition(0, partition),
            values: Run(ValueId::of(partition, next), 2),
            intended: Micros(intended),
            sent: Micros(sent),
            answered: Micros(answered),
            broker,
            outcome,
        }));
    }

    fn kill(&mut self) {
        self.next_epoch = self.next[0] as i64;
        self.phase(KILLED, Phase::During);
        self.say(Event::FaultBegan(FaultBegan {
            at: Micros(KILLED),
            fault: FaultId(0),
            kind: FaultKind::Kill,
            nodes: vec![NodeId(1)],
            edges: Vec::new(),
        }));
        let (status, asked) = (String::from("killed by SIGKILL"), true);
        self.node(KILLED + 900, NodeId(1), NodeLife::Exited { status, asked });
        self.say(Event::FaultProven(FaultProven {
            at: Micros(KILLED + 1_100),
            fault: FaultId(0),
            proof: String::from("pid 4700 is gone"),
        }));
    }

    fn restart(&mut self) {
        let at = Micros(RESTARTED);
        self.node(at.0, NodeId(1), NodeLife::Spawned { pid: 4_801 });
        let fault = FaultId(0);
        self.say(Event::FaultEnded(FaultEnded { at, fault }));
        self.node(at.0 + 92_000, NodeId(1), NodeLife::Ready);
        self.phase(at.0 + 131_000, Phase::After);
        self.milestone(at.0 + 131_000, REJOINED, Some(NodeId(1)));
    }

    fn end(&mut self) {
        if self.plot.how == Ending::Complete {
            let at = Micros(LOAD.end + 60_000);
            self.say(Event::Healed(Healed { at }));
            self.look();
        }
        let at = Micros(LOAD.end + 400_000);
        let how = self.plot.how;
        self.say(Event::End(End { at, how }));
    }

    /// What is looked at once all is healed: metadata, log ends, replicas, promises.
    fn look(&mut self) {
        for node in NODES {
            self.told(LOAD.end + 100_000, node, true, &NODES);
            for partition in 0..3 {
                self.replica(node, partition);
                self.read(node, partition);
            }
        }
        self.say(Event::Promise(Promise {
            at: Micros(LOAD.end + 300_000),
            what: String::from("a gap of at most 250 ms"),
            found: Found::Kept,
        }));
    }

    /// A reader that looks at the end of a partition.
    fn read(&mut self, broker: NodeId, partition: u32) {
        let end = self.next[partition as usize] as i64;
        let at = Micros(LOAD.end + 250_000);
        self.say(Event::Read(Read {
            client: ClientId(9),
            assignment: Assignment::Own(broker.0),
            partition: TopicPartition(0, partition),
            asked: end,
            sent: at,
            answered: at,
            broker,
            answer: ReadAnswer::Records {
                high_watermark: end,
                log_start: 0,
                records: Records::default(),
            },
        }));
    }

    /// A replica's log, without the records that this plot loses.
    fn replica(&mut self, node: NodeId, partition: u32) {
        let all = self.next[partition as usize];
        let kept = match partition {
            0 => all - self.plot.lost,
            _ => all,
        };
        let mut records = Records::default();
        records.push_epoch(0, 1);
        if partition == 0 {
            records.push_epoch(self.next_epoch, 2);
        }
        let gap = (all / 2)..(all / 2 + (all - kept));
        for offset in (0..all).filter(|offset| !gap.contains(offset)) {
            records.push(offset as i64, ValueId::of(partition, offset));
        }
        let place = TopicPartition(0, partition);
        let (at, end) = (Micros(LOAD.end + 200_000), all as i64);
        self.say(Event::LogEnd(LogEnd {
            at,
            node,
            partition: place,
            end,
        }));
        self.say(Event::Replica(ReplicaRead {
            node,
            partition: place,
            began: at,
            ended: Micros(at.0 + 20_000),
            log_start: 0,
            end,
            goal: end,
            hash: u64::from(partition) + 1,
            unread: None,
            records,
        }));
    }
}

/// One scenario with one run of each plot.
pub(crate) fn scenario(plots: &[Plot]) -> ScenarioReport {
    let runs = plots.iter().map(|plot| plot.run()).collect();
    ScenarioReport::new(plots[0].scenario, runs)
}

/// A report of these scenarios.
pub(crate) fn report(scenarios: Vec<ScenarioReport>) -> Report {
    Report {
        seed: 42,
        scenarios,
        interrupted: false,
    }
}
