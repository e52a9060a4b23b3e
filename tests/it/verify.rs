//! `verify` judges what a file says, and names what is wrong with a bad one.

use std::fs;
use std::path::PathBuf;

use chronik_dev::scenarios::history::{
    Absent, Attempt, Claims, ClientId, End, Ending, Event, Header, Healed, MetadataSeen, Micros,
    NodeEvent, NodeLife, Outcome, PartitionSeen, Read, ReadAnswer, Recording, Records, ReplicaRead,
    Run, Topic, TopicPartition, TopicSeen, VERSION, ValueId,
};
use chronik_dev::scenarios::{Law, history};
use chronik_dev::spec::NodeId;

use crate::cluster::{NODES, Ran, Room};

const PLACE: TopicPartition = TopicPartition(0, 0);
const RECORDS: u32 = 600;

fn header() -> Header {
    Header {
        version: VERSION,
        scenario: String::from("topic-replication"),
        seed: 7,
        run: 1,
        target: String::from("by hand"),
        repeat: String::from("chronik-dev scenario topic-replication --seed 7"),
        nodes: NODES.into(),
        settings: Vec::new(),
        without: vec![
            Absent {
                law: Law::CommittedOffsets,
                why: String::from("no group reads"),
            },
            Absent {
                law: Law::SearchFollowsLog,
                why: String::from("nobody searches"),
            },
        ],
        claims: Claims::load(),
    }
}

fn records(count: u32) -> Records {
    let mut records = Records::default();
    records.push_epoch(0, 1);
    for offset in 0..count {
        records.push(i64::from(offset), ValueId(u64::from(offset)));
    }
    records
}

fn load() -> Vec<Event> {
    vec![
        Event::Topic(Topic {
            at: Micros(1),
            name: String::from("t"),
            partitions: vec![NODES.into()],
        }),
        Event::Produce(Attempt {
            client: ClientId(1),
            number: 0,
            connection: 0,
            identity: None,
            partition: PLACE,
            values: Run(ValueId(0), RECORDS),
            intended: Micros(10),
            sent: Micros(10),
            answered: Micros(20),
            broker: NodeId(1),
            outcome: Outcome::Ok { base: 0 },
        }),
        Event::Read(Read {
            client: ClientId(2),
            assignment: history::Assignment::Own(0),
            partition: PLACE,
            asked: 0,
            sent: Micros(30),
            answered: Micros(40),
            broker: NodeId(1),
            answer: ReadAnswer::Records {
                high_watermark: i64::from(RECORDS),
                log_start: 0,
                records: records(RECORDS),
            },
        }),
    ]
}

/// What one node shows at the end: its life, its copy of so many records, its metadata.
fn node(node: NodeId, held: u32) -> [Event; 3] {
    let life = NodeLife::Ready;
    [
        Event::Node(NodeEvent {
            at: Micros(2),
            node,
            life,
        }),
        Event::Replica(ReplicaRead {
            node,
            partition: PLACE,
            began: Micros(50),
            ended: Micros(60),
            log_start: 0,
            end: i64::from(held),
            goal: i64::from(held),
            hash: 0,
            unread: None,
            records: records(held),
        }),
        Event::Metadata(MetadataSeen {
            at: Micros(70),
            node,
            brokers: NODES.into(),
            topics: vec![TopicSeen {
                name: String::from("t"),
                error: 0,
                partitions: vec![PartitionSeen {
                    partition: 0,
                    leader: Some(NodeId(1)),
                    epoch: 1,
                    replicas: NODES.into(),
                    isr: NODES.into(),
                    error: 0,
                }],
            }],
        }),
    ]
}

/// A history in which the last node holds so many records.
fn stored(held_by_the_last: u32) -> Vec<u8> {
    let mut file = Vec::new();
    let mut recording = Recording::new(&mut file, header()).unwrap();
    let held = [RECORDS, RECORDS, held_by_the_last];
    let nodes = NODES
        .into_iter()
        .zip(held)
        .flat_map(|(id, held)| node(id, held));
    let healed = Event::Healed(Healed { at: Micros(45) });
    let end = Event::End(End {
        at: Micros(80),
        how: Ending::Complete,
    });
    for event in load().into_iter().chain([healed]).chain(nodes).chain([end]) {
        recording.record(event).unwrap();
    }
    recording.finish().unwrap();
    file
}

async fn verify(bytes: &[u8]) -> Ran {
    let room = Room::new();
    let path: PathBuf = room.path().join("history.jsonl");
    fs::write(&path, bytes).unwrap();
    room.run(&["verify", path.to_str().unwrap()]).await
}

#[tokio::test]
async fn a_sound_history_passes() {
    let data = verify(&stored(RECORDS)).await.data();
    assert_eq!(data["verdict"], "pass", "{data:#}");
    assert_eq!(data["seed"], 7);
    assert_eq!(data["counts"]["acked"], RECORDS);
    assert_eq!(data["counts"]["read"], RECORDS);
    assert_eq!(data["counts"]["lost"], 0);
    assert_eq!(data["laws"].as_array().unwrap().len(), Law::ALL.len());
    assert_eq!(data["laws"][0]["law"], "acked-is-durable");
    assert_eq!(data["laws"][0]["result"], "passed");
    assert_eq!(data["laws"][7]["result"], "not-applicable");
}

#[tokio::test]
async fn a_lost_record_fails_with_what_is_needed_to_understand_it() {
    let ran = verify(&stored(RECORDS - 1)).await;
    assert_eq!(ran.code, Some(1), "{ran}");
    assert_eq!(ran.envelope["status"], "error", "{ran}");
    assert_eq!(ran.error_code(), "LAW_BROKEN", "{ran}");
    let details = &ran.envelope["error"]["details"];
    assert_eq!(details["broken"][0], "acked-is-durable", "{ran}");
    let data = &ran.envelope["data"];
    assert_eq!(data["verdict"], "fail", "{ran}");
    assert_eq!(data["counts"]["lost"], 1, "{ran}");
    let anomaly = &data["anomalies"][0];
    let what = anomaly["what"].as_str().unwrap();
    assert!(what.contains("is not on node-3 at the end"), "{ran}");
    assert_eq!(
        anomaly["repeat"],
        "chronik-dev scenario topic-replication --seed 7"
    );
    assert!(!anomaly["evidence"].as_array().unwrap().is_empty(), "{ran}");
}

#[tokio::test]
async fn a_history_without_its_end_is_inconclusive() {
    let file = String::from_utf8(stored(RECORDS)).unwrap();
    let cut = file.trim_end().rsplit_once('\n').unwrap().0.to_owned() + "\n";
    let ran = verify(cut.as_bytes()).await;
    assert_eq!(ran.code, Some(7), "{ran}");
    assert_eq!(ran.envelope["status"], "error", "{ran}");
    assert_eq!(ran.error_code(), "INCONCLUSIVE", "{ran}");
    assert_eq!(ran.envelope["data"]["verdict"], "unknown", "{ran}");
}

/// A scenario that was killed leaves a history in which nodes say what they said on the way.
#[tokio::test]
async fn a_history_that_was_cut_on_the_way_accuses_nobody() {
    let file = String::from_utf8(stored(RECORDS - 1)).unwrap();
    let is_last_word =
        |line: &&str| line.starts_with("{\"closed\"") || line.starts_with("{\"end\"");
    let lines: Vec<&str> = file.lines().filter(|line| !is_last_word(line)).collect();
    let told = |line: &str| {
        let third = line.starts_with("{\"metadata\"") && line.contains("\"node\":3");
        let line = line.replace("\"epoch\":1", "\"epoch\":2");
        third.then_some(line)
    };
    let last = lines.iter().find_map(|line| told(line)).unwrap();
    let kept = lines.iter().filter(|line| {
        let compares = line.starts_with("{\"healed\"") || line.starts_with("{\"replica\"");
        !compares
    });
    let kept: Vec<&str> = kept.copied().chain([last.as_str()]).collect();
    let cut = kept.join("\n") + "\n";
    let ran = verify(cut.as_bytes()).await;
    assert_eq!(
        (ran.code, ran.error_code()),
        (Some(7), "INCONCLUSIVE"),
        "{ran}"
    );
    let laws = ran.envelope["data"]["laws"].as_array().unwrap();
    for law in ["metadata-agrees", "replicas-converge"] {
        let verdict = laws.iter().find(|verdict| verdict["law"] == law).unwrap();
        assert_eq!(verdict["result"], "unknown", "{ran}");
    }
}

#[tokio::test]
async fn a_bad_file_is_named_with_its_line() {
    let file = String::from_utf8(stored(RECORDS)).unwrap();
    let cases = [
        (file[..file.len() - 10].to_owned(), "is cut"),
        (
            file.replace("\"base\":0", "\"base\":5"),
            "damaged or edited",
        ),
        (
            file.replace("\"produce\"", "\"prduce\""),
            "line 3 is no event",
        ),
        (
            file.replace("\"version\":1", "\"version\":9"),
            "format version 9",
        ),
        (String::new(), "it is empty"),
    ];
    for (bytes, said) in cases {
        let ran = verify(bytes.as_bytes()).await;
        assert_eq!(ran.code, Some(5), "{ran}");
        assert_eq!(ran.error_code(), "BAD_HISTORY", "{ran}");
        let message = ran.envelope["error"]["message"].as_str().unwrap();
        assert!(
            message.contains("history.jsonl") && message.contains(said),
            "{ran}"
        );
    }
    let room = Room::new();
    let ran = room.run(&["verify", "/nowhere/history.jsonl"]).await;
    assert_eq!(
        (ran.code, ran.error_code()),
        (Some(5), "NO_HISTORY"),
        "{ran}"
    );
}
