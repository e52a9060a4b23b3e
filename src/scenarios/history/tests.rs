//! A history survives its file, and a bad file is named.

use std::sync::Arc;

use super::*;
use crate::scenarios::Law;
use crate::spec::NodeId;

const PLACE: TopicPartition = TopicPartition(0, 0);

fn header() -> Header {
    Header {
        version: VERSION,
        scenario: String::from("leader-failover"),
        seed: 7,
        run: 99,
        target: String::from("ephemeral"),
        repeat: String::from("chronik-dev scenario leader-failover --seed 7"),
        nodes: vec![NodeId(1), NodeId(2)],
        settings: vec![(String::from("messages"), String::from("1000"))],
        without: vec![Absent {
            law: Law::CommittedOffsets,
            why: String::from("no group reads"),
        }],
        claims: Claims::faults(1).with_leader_change(),
    }
}

fn attempt(outcome: Outcome) -> Event {
    Event::Produce(Attempt {
        client: ClientId(1),
        number: 0,
        connection: 0,
        identity: Some(Identity {
            producer: 1000,
            epoch: 0,
            sequence: 0,
        }),
        partition: PLACE,
        values: Run(ValueId::of(1, 0), 2),
        intended: Micros(1),
        sent: Micros(2),
        answered: Micros(3),
        broker: NodeId(1),
        outcome,
    })
}

fn records() -> Records {
    let mut records = Records::default();
    records.push(0, ValueId::of(1, 0));
    records.push(1, ValueId::of(1, 1));
    records.push_epoch(0, 3);
    records.strange.push(Strange {
        offset: 2,
        kind: Strangeness::Corrupt,
        hash: u64::MAX,
    });
    records
}

fn read(assignment: Assignment, answer: ReadAnswer) -> Event {
    Event::Read(Read {
        client: ClientId(2),
        assignment,
        partition: PLACE,
        asked: 0,
        sent: Micros(4),
        answered: Micros(5),
        broker: NodeId(1),
        answer,
    })
}

fn data() -> Vec<Event> {
    let group: Arc<str> = Arc::from("g");
    let why = String::from("time-out");
    let by_group = Assignment::Group {
        group: group.clone(),
        generation: 2,
    };
    vec![
        Event::Topic(Topic {
            at: Micros(0),
            name: String::from("orders"),
            partitions: vec![vec![NodeId(1), NodeId(2)]],
        }),
        attempt(Outcome::Ok { base: 0 }),
        attempt(Outcome::Failed { code: 29 }),
        attempt(Outcome::Unknown {
            code: Some(6),
            why: why.clone(),
        }),
        read(Assignment::Own(0), ReadAnswer::Lost { why: why.clone() }),
        read(Assignment::Own(0), ReadAnswer::Error { code: 1 }),
        read(
            by_group,
            ReadAnswer::Records {
                high_watermark: 3,
                log_start: 0,
                records: records(),
            },
        ),
        Event::Commit(Commit {
            client: ClientId(2),
            group: group.clone(),
            generation: 2,
            partition: PLACE,
            offset: 2,
            sent: Micros(6),
            answered: Micros(7),
            broker: NodeId(2),
            outcome: CommitOutcome::Unknown { why },
        }),
        Event::Committed(Committed {
            client: ClientId(2),
            group,
            partition: PLACE,
            sent: Micros(8),
            answered: Micros(9),
            broker: NodeId(2),
            offset: None,
        }),
        Event::Replica(ReplicaRead {
            node: NodeId(1),
            partition: PLACE,
            began: Micros(20),
            ended: Micros(21),
            log_start: 0,
            end: 3,
            goal: 3,
            hash: 5,
            unread: None,
            records: records(),
        }),
    ]
}

fn metadata(at: Micros) -> Event {
    Event::Metadata(MetadataSeen {
        at,
        node: NodeId(2),
        brokers: vec![NodeId(1), NodeId(2)],
        topics: vec![TopicSeen {
            name: String::from("orders"),
            error: 0,
            partitions: vec![PartitionSeen {
                partition: 0,
                leader: Some(NodeId(2)),
                epoch: 4,
                replicas: vec![NodeId(1), NodeId(2)],
                isr: vec![NodeId(2)],
                error: 0,
            }],
        }],
    })
}

fn course() -> Vec<Event> {
    let at = Micros(10);
    let fault = FaultId(1);
    vec![
        Event::Node(NodeEvent {
            at,
            node: NodeId(1),
            life: NodeLife::Spawned { pid: 4711 },
        }),
        Event::Node(NodeEvent {
            at,
            node: NodeId(1),
            life: NodeLife::Ready,
        }),
        Event::Phase(PhaseMark {
            at,
            phase: Phase::During,
            quorum: true,
        }),
        Event::FaultBegan(FaultBegan {
            at,
            fault,
            kind: FaultKind::Cut,
            nodes: vec![NodeId(1)],
            edges: vec![(NodeId(1), NodeId(2))],
        }),
        Event::FaultProven(FaultProven {
            at,
            fault,
            proof: String::from("blocked"),
        }),
        Event::FaultEnded(FaultEnded {
            at: Micros(12),
            fault,
        }),
        metadata(at),
        Event::LogEnd(LogEnd {
            at,
            node: NodeId(2),
            partition: PLACE,
            end: 3,
        }),
        Event::Promise(Promise {
            at,
            what: String::from("budget"),
            found: Found::Kept,
        }),
        Event::Milestone(Milestone {
            at,
            what: String::from("formed"),
            node: None,
            partition: Some(PLACE),
        }),
        Event::Healed(Healed { at }),
        Event::TopicDeleted(TopicDeleted { at, topic: 0 }),
        Event::End(End {
            at: Micros(30),
            how: Ending::Complete,
        }),
    ]
}

/// A history with at least one event of each kind, and its file.
fn stored() -> (History, Vec<u8>) {
    let mut file = Vec::new();
    let mut recording = Recording::new(&mut file, header()).unwrap();
    for event in data().into_iter().chain(course()) {
        recording.record(event).unwrap();
    }
    (recording.finish().unwrap(), file)
}

fn refusal(file: &[u8]) -> String {
    read_history(file).expect_err("the file is bad").to_string()
}

fn lines(file: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(file).unwrap();
    text.split_inclusive('\n').map(ToOwned::to_owned).collect()
}

#[test]
fn a_history_survives_its_file() {
    let (history, file) = stored();
    assert_eq!(read_history(file.as_slice()).unwrap(), history);
    assert_eq!(history.faults[0].to_string(), "cut node-1 node-1..node-2");
    assert_eq!(history.name_of(PLACE), "orders-0");
}

#[test]
fn a_file_cut_between_lines_has_no_end() {
    let (history, file) = stored();
    let lines = lines(&file);
    for kept in 1..lines.len() {
        let read = read_history(lines[..kept].concat().as_bytes()).unwrap();
        assert_eq!((read.end, &read.header), (None, &history.header));
    }
}

#[test]
fn a_file_cut_in_a_line_names_it() {
    let (_, file) = stored();
    assert_eq!(refusal(b""), "it is empty");
    let cut = file.len() - 3;
    let last = lines(&file).len();
    assert_eq!(
        refusal(&file[..cut]),
        format!("line {last} is cut: the file was truncated")
    );
    for cut in 0..file.len() {
        if cut == 0 || file[cut - 1] != b'\n' {
            assert!(read_history(&file[..cut]).is_err(), "cut at {cut}");
        }
    }
}

#[test]
fn an_edited_file_is_noticed() {
    let (_, file) = stored();
    let text = String::from_utf8(file).unwrap();
    let edited = text.replace("\"base\":0", "\"base\":1");
    assert!(
        refusal(edited.as_bytes()).contains("damaged or edited"),
        "{edited}"
    );
    let mut fewer = lines(text.as_bytes());
    fewer.remove(3);
    assert!(refusal(fewer.concat().as_bytes()).contains("lines before it"));
    let longer = text.clone() + &lines(text.as_bytes())[1];
    assert!(refusal(longer.as_bytes()).contains("follows the closing line"));
}

#[test]
fn another_version_and_other_text_are_refused() {
    let (_, file) = stored();
    let text = String::from_utf8(file).unwrap();
    let later = text.replace("{\"version\":1", "{\"version\":2,\"new\":1");
    assert_eq!(
        refusal(later.as_bytes()),
        "format version 2, and this chronik-dev reads 1"
    );
    assert!(refusal(b"hello\n").starts_with("line 1 is no header"));
    let second = lines(text.as_bytes())[0].clone() + "{\"produce\":{}}\n";
    assert!(refusal(second.as_bytes()).starts_with("line 2 is no event"));
}

#[test]
fn what_contradicts_itself_is_refused() {
    let (_, file) = stored();
    let text = String::from_utf8(file).unwrap();
    let cases = [
        (
            "\"partition\":[0,0],\"values\"",
            "\"partition\":[0,9],\"values\"",
            "no partition 9",
        ),
        ("\"sent\":2", "\"sent\":4", "before it was sent"),
        (
            "\"values\":[1099511627776,2]",
            "\"values\":[1099511627776,2000000]",
            "2000000 values",
        ),
        (
            "\"values\":[1099511627776,2]",
            "\"values\":[18446744073709551615,2]",
            "do not have 2 numbers",
        ),
        ("\"base\":0", "\"base\":-1", "-1 is no offset"),
        (
            "\"epochs\":[[0,3]]",
            "\"epochs\":[[4,3],[4,4]]",
            "leader epochs",
        ),
        (
            "[0,1099511627776,2]",
            "[0,1099511627776,4000000000]",
            "more than",
        ),
    ];
    for (old, new, said) in cases {
        assert!(text.contains(old), "{old}");
        let refused = refusal(text.replace(old, new).as_bytes());
        assert!(
            refused.starts_with("line ") && refused.contains(said),
            "{refused}"
        );
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn no_damage_makes_the_reader_panic(at in 0usize..10_000, byte: u8) {
        let (history, mut file) = stored();
        let at = at % file.len();
        file[at] = byte;
        if let Ok(read) = read_history(file.as_slice()) {
            assert!(read == history || read.end.is_none(), "a changed file is not believed");
        }
    }
}
