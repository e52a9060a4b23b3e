//! What the model takes in, and when it is to be drawn again.

use super::fixture::{cluster, node, partition};
use super::*;
use crate::supervisor::TroubleCode;

fn met(hold: Hold) -> Model {
    let mut model = Model::new(String::from("dev"), hold);
    model.apply(Message::Status(Box::new(cluster())));
    assert!(model.take_stale());
    model
}

fn sample(high: i64) -> Message {
    Message::Sample(Sample {
        spans: 1,
        seen: vec![node(1, vec![partition("t", 0, 1, high)])],
        silent: 2,
    })
}

#[test]
fn nothing_is_drawn_again_when_nothing_changed() {
    let mut model = met(Hold::Theirs);
    model.apply(sample(7));
    assert!(model.take_stale());
    for second in 0..30 {
        let mut status = cluster();
        for load in status
            .nodes
            .iter_mut()
            .filter_map(|node| node.load.as_mut())
        {
            load.uptime_ms = 1_000 * second;
        }
        model.apply(Message::Status(Box::new(status)));
        model.apply(sample(7));
        model.apply(Message::Usage(BTreeMap::new()));
        model.apply(Message::Log(Vec::new()));
        assert!(!model.take_stale());
    }
}

#[test]
fn a_node_that_stops_answering_falls_silent_on_the_board() {
    let mut model = met(Hold::Theirs);
    model.apply(sample(7));
    assert_eq!(model.rows[0].cells[0], Cell::Leader);
    for _ in 0..SILENT_AFTER {
        model.apply(Message::Sample(Sample {
            spans: 1,
            seen: vec![node(2, vec![partition("t", 0, 1, 7)])],
            silent: 2,
        }));
    }
    assert_eq!(model.rows[0].cells[0], Cell::Silent);
}

#[test]
fn a_node_that_died_is_silent_at_once() {
    let mut model = met(Hold::Theirs);
    model.apply(sample(7));
    let mut status = cluster();
    status.nodes[0].state = "exited".into();
    status.nodes[0].pid = None;
    model.apply(Message::Status(Box::new(status)));
    assert!(model.rows.is_empty());
}

#[test]
fn a_cluster_that_goes_leaves_nothing_behind_and_can_come_back() {
    let mut model = met(Hold::Theirs);
    model.apply(sample(7));
    model.selected = 2;
    let trouble = Trouble::new(TroubleCode::NotRunning, "cluster dev is not running");
    model.apply(Message::Gone(Box::new(trouble.clone())));
    assert!(model.take_stale());
    assert!(model.rows.is_empty() && model.node().is_none());
    model.apply(Message::Gone(Box::new(trouble)));
    assert!(!model.take_stale(), "still gone is no news");
    let mut smaller = cluster();
    smaller.nodes.truncate(1);
    model.apply(Message::Status(Box::new(smaller)));
    assert_eq!(model.node().unwrap().id, NodeId(1));
}

#[test]
fn our_own_cluster_is_not_gone_before_it_was_there() {
    let mut model = Model::new(String::from("dev"), Hold::Ours);
    let trouble = Trouble::new(TroubleCode::NoCluster, "there is no cluster dev");
    model.apply(Message::Gone(Box::new(trouble)));
    assert_eq!(model.contact, Contact::Seeking);
}

#[test]
fn the_news_are_bounded() {
    let mut model = met(Hold::Theirs);
    for _ in 0..EVENTS + 5 {
        let event = Box::new(ClusterEvent::Stopped);
        let at = String::from("12:00:00");
        model.apply(Message::Event { at, event });
    }
    assert_eq!(model.news.len(), EVENTS);
}
