//! What a person sees in each state, at two sizes; and that no size breaks it.

use std::collections::BTreeMap;

use insta::assert_snapshot;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::{Theme, draw};
use crate::cli::logs::Line;
use crate::cli::ui::input::{Intent, Step};
use crate::cli::ui::model::fixture::{cluster, linked, node, partition};
use crate::cli::ui::model::{Hold, How, Load, Message, Model, Said, Sample, Usage};
use crate::spec::{NodeId, NodeStatus, PartitionStatus, Role};
use crate::supervisor::{
    ClusterEvent, ClusterState, ClusterStatus, Exit, FaultView, Phase, PhaseName, Trouble,
    TroubleCode,
};

const SMALL: (u16, u16) = (80, 24);
const LARGE: (u16, u16) = (120, 40);

fn picture(model: &Model, size: (u16, u16)) -> String {
    let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).unwrap();
    terminal
        .draw(|frame| draw(model, Theme::Plain, frame))
        .unwrap();
    terminal.backend().to_string()
}

/// The replicas on one node: the leaders of three partitions are spread.
fn replicas(id: u64, high: i64, isr: &[u64]) -> Vec<PartitionStatus> {
    let replica = |(topic, index, leader): (&str, u32, u64)| PartitionStatus {
        role: if leader == id {
            Role::Leader
        } else {
            Role::Follower
        },
        isr: isr.iter().copied().map(NodeId).collect(),
        ..partition(topic, index, leader, high)
    };
    let all = [
        ("orders", 0, 1),
        ("orders", 1, 2),
        ("orders", 2, 3),
        ("__consumer_offsets", 0, 1),
    ];
    all.into_iter().map(replica).collect()
}

fn said(id: u64, high: i64, with: &[u64]) -> NodeStatus {
    let mut isr = vec![id];
    isr.extend(with);
    linked(node(id, replicas(id, high, &isr)), with)
}

fn sample(seen: Vec<NodeStatus>) -> Message {
    let silent = 3 - seen.len();
    Message::Sample(Sample {
        spans: 1,
        seen,
        silent,
    })
}

fn whole(high: i64) -> Message {
    sample(vec![
        said(1, high, &[2, 3]),
        said(2, high, &[1, 3]),
        said(3, high, &[1, 2]),
    ])
}

fn event(model: &mut Model, event: ClusterEvent) {
    let at = String::from("12:00:01");
    let event = Box::new(event);
    model.apply(Message::Event { at, event });
}

fn status(model: &mut Model, status: ClusterStatus) {
    model.apply(Message::Status(Box::new(status)));
}

/// A ready cluster with a steady flow; returns it with where the flow is.
fn ready() -> (Model, i64) {
    let mut model = Model::new(String::from("dev"), Hold::Theirs);
    status(&mut model, cluster());
    let mut high = 1_000;
    for number in 0..60 {
        high += 8 + number % 5;
        model.apply(whole(high));
    }
    let usage = |cpu, memory| Usage {
        cpu: Some(cpu),
        memory,
    };
    let all = [(1, usage(12, 21)), (2, usage(4, 19)), (3, usage(3, 19))];
    let all = all.map(|(id, usage)| (NodeId(id), usage));
    model.apply(Message::Usage(BTreeMap::from(all)));
    event(
        &mut model,
        ClusterEvent::LeaderChanged {
            leader: Some(NodeId(1)),
            term: 1,
        },
    );
    event(&mut model, ClusterEvent::NodeReady { node: NodeId(3) });
    let stamped = |second: u32, text: &str| format!("2026-01-31T12:00:{second:02}.123456Z {text}");
    model.apply(Message::Log(vec![
        Line::new(NodeId(1), &stamped(1, " INFO metadata: leads"), ""),
        Line::new(NodeId(2), &stamped(2, " WARN link: lost"), ""),
        Line::new(NodeId(3), &stamped(3, "ERROR a\u{1b}[2Jb\t日本語"), ""),
    ]));
    (model, high)
}

fn starting() -> Model {
    let mut model = Model::new(String::from("dev"), Hold::Ours);
    let mut early = cluster();
    early.state = ClusterState::Starting;
    early.leader = None;
    early.took_ms = None;
    early.phases = [(PhaseName::Prepared, 12.0), (PhaseName::Spawned, 20.5)]
        .map(|(name, ms)| Phase { name, ms })
        .to_vec();
    for node in &mut early.nodes {
        node.state = "starting".into();
        node.role = None;
        node.load = None;
        node.term = None;
        node.applied = None;
        node.waiting_for = Some("1/2 peers, waiting for node-3 to node-1".into());
    }
    status(&mut model, early);
    event(
        &mut model,
        ClusterEvent::NodeSpawned {
            node: NodeId(1),
            pid: 4_001,
        },
    );
    model
}

fn killed() -> Model {
    let (mut model, mut high) = ready();
    let mut degraded = cluster();
    degraded.state = ClusterState::Degraded;
    degraded.leader = Some("node-1".into());
    let dead = &mut degraded.nodes[1];
    dead.state = "exited".into();
    dead.pid = None;
    dead.role = None;
    dead.load = None;
    dead.exit = Some("killed by SIGKILL".into());
    degraded.faults.push(FaultView::of("kill node-2"));
    model.intend(Intent::Move(Step::On));
    status(&mut model, degraded);
    let survivors = |high| sample(vec![said(1, high, &[3]), said(3, high, &[1])]);
    for _ in 0..6 {
        model.apply(survivors(high));
    }
    for _ in 0..8 {
        high += 9;
        model.apply(survivors(high));
    }
    event(
        &mut model,
        ClusterEvent::NodeExited {
            node: NodeId(2),
            exit: Exit::Signal(9),
            unasked: false,
        },
    );
    model.apply(Message::Told {
        at: String::from("12:00:01"),
        said: Said {
            command: String::from("chronik-dev kill 2"),
            how: How::Done(String::from("killed node-2 in 3.2 ms")),
        },
    });
    model
}

fn partitioned() -> Model {
    let (mut model, mut high) = ready();
    let mut parted = cluster();
    parted.state = ClusterState::Degraded;
    parted.nodes[2].waiting_for = Some("a majority: hears 0 of 2 peers".into());
    let mut fault = FaultView::of("partition node-3 | node-1,node-2");
    fault.ends_in_ms = Some(12_400.0);
    parted.faults.push(fault);
    status(&mut model, parted);
    for _ in 0..8 {
        high += 9;
        let mut alone = said(3, high - 90, &[]);
        alone.partitions.iter_mut().for_each(|own| own.term = 0);
        model.apply(sample(vec![
            said(1, high, &[2]),
            said(2, high, &[1]),
            alone,
        ]));
    }
    let faults = vec![String::from("partition node-3 | node-1,node-2")];
    event(&mut model, ClusterEvent::FaultsChanged { faults });
    model
}

fn gone() -> Model {
    let (mut model, _) = ready();
    event(&mut model, ClusterEvent::Stopped);
    let trouble = Trouble::new(TroubleCode::NotRunning, "cluster dev is not running");
    model.apply(Message::Gone(Box::new(trouble)));
    model
}

fn helped() -> Model {
    let (mut model, _) = ready();
    model.intend(Intent::Help);
    model
}

fn choosing() -> Model {
    let (mut model, _) = ready();
    model.intend(Intent::Scenarios);
    model.intend(Intent::Move(Step::On));
    model
}

fn leaving() -> Model {
    let mut model = starting();
    model.intend(Intent::Quit);
    model
}

fn filtering() -> Model {
    let (mut model, _) = ready();
    model.apply(Message::Load(Load::On));
    model.apply(Message::Playing(Some(String::from(
        "leader-failover: acks, 1.2 s, 431 acked",
    ))));
    model.intend(Intent::Filter);
    "err"
        .chars()
        .for_each(|letter| drop(model.intend(Intent::Type(letter))));
    model
}

/// Thirty nodes and two hundred partitions, of which nobody leads one.
fn crowd() -> Model {
    let mut model = Model::new(String::from("crowd"), Hold::Theirs);
    let mut many = cluster();
    many.nodes = (0..30)
        .map(|place| {
            let mut node = cluster().nodes[place % 3].clone();
            node.id = NodeId(place as u64 + 1);
            node.name = node.id.to_string();
            node
        })
        .collect();
    status(&mut model, many);
    let replica = |index| {
        let mut replica = partition("a-topic-with-a-long-name-日本語", index, 1, 1_234_567_890);
        if index == 0 {
            replica.leader = None;
        }
        replica
    };
    model.apply(sample(vec![node(1, (0..200).map(replica).collect())]));
    (0..25).for_each(|_| drop(model.intend(Intent::Move(Step::On))));
    model
}

#[test]
fn each_state_is_what_it_was() {
    let states = [
        ("starting", starting()),
        ("ready", ready().0),
        ("killed", killed()),
        ("partitioned", partitioned()),
        ("gone", gone()),
        ("help", helped()),
        ("scenarios", choosing()),
        ("leaving", leaving()),
        ("filtering", filtering()),
        ("crowd", crowd()),
    ];
    for (name, model) in states {
        assert_snapshot!(format!("{name}_80x24"), picture(&model, SMALL));
        assert_snapshot!(format!("{name}_120x40"), picture(&model, LARGE));
    }
}

#[test]
fn the_question_says_what_becomes_of_the_data() {
    let mut model = leaving();
    assert!(picture(&model, SMALL).contains("its data stays"));
    let mut ephemeral = cluster();
    ephemeral.ephemeral = true;
    status(&mut model, ephemeral);
    assert!(picture(&model, SMALL).contains("its data is removed"));
}

#[test]
fn no_size_breaks_it() {
    for model in [killed(), gone(), helped(), choosing(), leaving(), crowd()] {
        for width in [1, 2, 13, 37, 60, 61, 200] {
            for height in [1, 2, 3, 5, 8, 13, 24, 70] {
                picture(&model, (width, height));
            }
        }
    }
}

#[test]
fn sixty_columns_still_say_who_is_how() {
    let picture = picture(&killed(), (60, 24));
    for word in ["node-2", "○ exited", "★ leader", "kill 2", "degraded"] {
        assert!(picture.contains(word), "{word} is not in\n{picture}");
    }
}

#[test]
fn a_log_cannot_drive_the_terminal() {
    let picture = picture(&ready().0, LARGE);
    assert!(picture.contains("a\\u{1b}[2Jb"));
    assert!(!picture.contains('\u{1b}'));
}

#[test]
fn an_outage_has_a_shape_of_its_own() {
    let picture = picture(&killed(), LARGE);
    let strip = picture
        .lines()
        .skip_while(|line| !line.contains("acks per 100 ms"));
    let crosses = strip.take(6).map(|line| line.matches("×××").count());
    assert!(crosses.sum::<usize>() >= 5, "{picture}");
}

#[test]
fn without_colour_the_same_is_said() {
    let mut terminal = Terminal::new(TestBackend::new(LARGE.0, LARGE.1)).unwrap();
    let model = killed();
    let plain = picture(&model, LARGE);
    terminal
        .draw(|frame| draw(&model, Theme::Colored, frame))
        .unwrap();
    assert_eq!(terminal.backend().to_string(), plain);
}
