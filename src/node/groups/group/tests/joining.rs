//! JoinGroup and the barrier.

use super::*;
use crate::node::groups::limits;

#[test]
fn the_first_member_leads_a_generation_at_once() {
    let mut bench = Bench::new();
    let joined = bench.join_now(newcomer("a")).unwrap();
    assert_eq!(joined.generation, 1);
    assert_eq!(joined.leader, "a");
    assert_eq!(joined.member_id, "a");
    assert_eq!(joined.protocol.as_deref(), Some("range"));
    assert_eq!(joined.protocol_type.as_deref(), Some("consumer"));
    assert_eq!(joined.members.len(), 1);
    assert_eq!(joined.members[0].metadata, "topics by range");
}

#[test]
fn a_member_gets_its_id_before_it_joins() {
    let mut bench = Bench::new();
    let first = Join {
        version: 4,
        ..newcomer("a")
    };
    let refused = bench.join_now(first).unwrap_err();
    assert_eq!(refused.code, ResponseError::MemberIdRequired);
    assert_eq!(refused.member_id, "a");
    assert!(bench.group.is_empty());
    assert_eq!(bench.join_now(member("a")).unwrap().generation, 1);
}

#[test]
fn an_id_that_is_not_joined_with_lapses() {
    let mut bench = Bench::new();
    let first = Join {
        version: 4,
        ..newcomer("a")
    };
    bench.join_now(first).unwrap_err();
    assert!(!bench.group.is_trace_free());
    bench.pass(SESSION);
    assert!(bench.group.is_trace_free());
    let unknown = bench.join_now(member("a")).unwrap_err();
    assert_eq!(unknown.code, ResponseError::UnknownMemberId);
    assert_eq!(unknown.member_id, "a");
}

#[test]
fn a_second_member_makes_everybody_rejoin() {
    let mut bench = Bench::stable(&["a"]);
    let b = bench.join(newcomer("b"));
    assert_eq!(bench.joined(b), None);
    assert_eq!(
        bench.heartbeat("a", 1),
        Err(ResponseError::RebalanceInProgress)
    );
    let a = bench.join(member("a"));
    let a = bench.joined(a).unwrap().unwrap();
    let b = bench.joined(b).unwrap().unwrap();
    assert_eq!((a.generation, b.generation), (2, 2));
    assert_eq!((a.leader.as_str(), b.leader.as_str()), ("a", "a"));
    assert_eq!(a.members.len(), 2);
    assert!(b.members.is_empty());
}

#[test]
fn many_members_that_join_at_once_end_up_in_one_generation() {
    let ids: Vec<String> = (0..20).map(|number| format!("m{number:02}")).collect();
    let mut bench = Bench::new();
    bench.settle(ids.iter().map(|id| newcomer(id)).collect());
    assert_eq!(bench.group.generation, 2);
    assert_eq!(bench.group.members().count(), 20);
    assert!(bench.fx.answers.is_empty());
}

#[test]
fn the_barrier_waits_for_ids_that_were_given_out() {
    let mut bench = Bench::stable(&["a"]);
    let id_only = Join {
        version: 4,
        ..newcomer("b")
    };
    bench.join_now(id_only).unwrap_err();
    let a = bench.join(member("a"));
    assert_eq!(bench.joined(a), None);
    let b = bench.join(member("b"));
    assert_eq!(bench.joined(a).unwrap().unwrap().generation, 2);
    assert_eq!(bench.joined(b).unwrap().unwrap().generation, 2);
}

#[test]
fn an_initial_delay_gathers_members() {
    let delay = Duration::from_secs(3);
    let mut bench = Bench::with_delay(delay);
    let a = bench.join(newcomer("a"));
    bench.pass(Duration::from_secs(2));
    let b = bench.join(newcomer("b"));
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.joined(a), None, "the second join extends the delay");
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.joined(a).unwrap().unwrap().members.len(), 2);
    assert_eq!(bench.joined(b).unwrap().unwrap().generation, 1);
}

#[test]
fn an_initial_delay_ends_with_the_rebalance_timeout() {
    let mut bench = Bench::with_delay(Duration::from_secs(3));
    let first = bench.join(newcomer("m00"));
    for number in 1..40 {
        bench.pass(Duration::from_secs(2));
        bench.join(newcomer(&format!("m{number:02}")));
    }
    assert!(bench.joined(first).is_some());
}

#[test]
fn members_that_do_not_rejoin_in_time_are_left_behind() {
    let mut bench = Bench::stable(&["a", "b", "c"]);
    let d = bench.join(newcomer("d"));
    let a = bench.join(member("a"));
    bench.live(
        &["b", "c"],
        REBALANCE.saturating_sub(Duration::from_secs(1)),
    );
    assert_eq!(bench.joined(a), None);
    bench.live(&["b", "c"], Duration::from_secs(1));
    assert_eq!(bench.joined(a).unwrap().unwrap().members.len(), 2);
    assert_eq!(bench.joined(d).unwrap().unwrap().generation, 3);
    assert_eq!(bench.ids(), ["a", "d"]);
}

#[test]
fn the_leader_stays_while_it_rejoins_and_is_replaced_when_it_does_not() {
    let mut bench = Bench::stable(&["b", "a"]);
    let a = bench.join(Join {
        protocols: offers(&["roundrobin", "range"]),
        ..member("a")
    });
    let b = bench.join(member("b"));
    assert_eq!(bench.joined(b).unwrap().unwrap().leader, "b");
    assert_eq!(bench.joined(a).unwrap().unwrap().leader, "b");

    let a = bench.join(Join {
        protocols: offers(&["range"]),
        ..member("a")
    });
    bench.pass(REBALANCE);
    let joined = bench.joined(a).unwrap().unwrap();
    assert_eq!(joined.leader, "a");
    assert_eq!(joined.members.len(), 1);
}

#[test]
fn the_strategy_is_what_most_prefer_of_what_all_offer() {
    let mut bench = Bench::new();
    let offering = |id: &str, names: &[&str]| Join {
        protocols: offers(names),
        ..newcomer(id)
    };
    bench.join(offering("a", &["sticky", "range", "roundrobin"]));
    let b = bench.join(offering("b", &["roundrobin", "range"]));
    let c = bench.join(offering("c", &["roundrobin", "range", "other"]));
    bench.join(Join {
        protocols: offers(&["sticky", "range", "roundrobin"]),
        ..member("a")
    });
    for ticket in [b, c] {
        let joined = bench.joined(ticket).unwrap().unwrap();
        assert_eq!(joined.protocol.as_deref(), Some("roundrobin"));
    }
}

#[test]
fn nothing_in_common_is_refused() {
    let mut bench = Bench::stable(&["a"]);
    let other_strategy = Join {
        protocols: offers(&["sticky"]),
        ..newcomer("b")
    };
    let other_kind = Join {
        protocol_type: "connect".into(),
        ..newcomer("b")
    };
    let no_strategy = Join {
        protocols: Vec::new(),
        ..newcomer("b")
    };
    for join in [other_strategy, other_kind, no_strategy] {
        let answer = bench.join_now(join);
        assert_eq!(answer, refused(ResponseError::InconsistentGroupProtocol));
    }
    assert_eq!(bench.heartbeat("a", 1), Ok(()));
}

#[test]
fn an_empty_group_wants_a_kind_and_a_strategy() {
    let nameless = Join {
        protocol_type: String::new(),
        ..newcomer("a")
    };
    let strategyless = Join {
        protocols: Vec::new(),
        ..newcomer("a")
    };
    for join in [nameless, strategyless] {
        let mut bench = Bench::new();
        let answer = bench.join_now(join);
        assert_eq!(answer, refused(ResponseError::InconsistentGroupProtocol));
        assert!(bench.group.is_trace_free());
    }
}

#[test]
fn a_follower_that_asks_again_is_told_the_same() {
    let mut bench = Bench::stable(&["a", "b"]);
    let again = bench.join_now(member("b")).unwrap();
    assert_eq!(again.generation, 2);
    assert_eq!(again.leader, "a");
    assert!(again.members.is_empty());
    assert_eq!(bench.group.state_name(), "Stable");
}

#[test]
fn a_leader_that_asks_again_starts_a_rebalance() {
    let mut bench = Bench::stable(&["a", "b"]);
    let a = bench.join(member("a"));
    assert_eq!(bench.joined(a), None);
    assert_eq!(bench.group.state_name(), "PreparingRebalance");
}

#[test]
fn a_member_that_lost_its_answer_gets_it_again_before_the_sync() {
    let mut bench = Bench::new();
    bench.join_now(newcomer("a")).unwrap();
    let again = bench.join_now(member("a")).unwrap();
    assert_eq!(again.generation, 1);
    assert_eq!(again.members.len(), 1);
}

#[test]
fn a_join_that_is_repeated_ends_the_one_before() {
    let mut bench = Bench::stable(&["a"]);
    let b = bench.join(newcomer("b"));
    let again = bench.join(member("b"));
    let before = bench.joined(b).unwrap();
    assert_eq!(before, refused(ResponseError::RebalanceInProgress));
    assert_eq!(bench.joined(again), None);
    bench.join(member("a"));
    assert_eq!(bench.joined(again).unwrap().unwrap().generation, 2);
}

#[test]
fn a_group_has_room_for_so_many_members() {
    let mut bench = Bench::new();
    for number in 0..limits::MEMBERS {
        let id_only = Join {
            version: 4,
            ..newcomer(&format!("m{number}"))
        };
        let refused = bench.join_now(id_only).unwrap_err();
        assert_eq!(refused.code, ResponseError::MemberIdRequired);
    }
    let answer = bench.join_now(newcomer("one more"));
    assert_eq!(answer, refused(ResponseError::GroupMaxSizeReached));
    // Who has an id already is not one more.
    let known = bench.join(member("m0"));
    assert_eq!(bench.joined(known).unwrap().unwrap().generation, 1);
}

#[test]
fn a_group_has_room_for_so_much_metadata() {
    let mut bench = Bench::stable(&["a"]);
    let huge = Join {
        protocols: vec![Protocol {
            name: "range".into(),
            metadata: Bytes::from(vec![0; limits::GROUP_METADATA]),
        }],
        ..newcomer("b")
    };
    let answer = bench.join_now(huge);
    assert_eq!(answer, refused(ResponseError::GroupMaxSizeReached));
    assert_eq!(bench.ids(), ["a"]);
}
