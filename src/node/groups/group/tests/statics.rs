//! Static members (KIP-345).

use super::*;

fn rejoining(instance: &str, id: &str) -> Join {
    Join {
        instance: Some(instance.to_owned()),
        ..member(id)
    }
}

/// A stable group: a static leader "a" (instance "ia") and a static follower "b" ("ib").
fn pair() -> Bench {
    let mut bench = Bench::new();
    bench.settle(vec![static_newcomer("ia", "a"), static_newcomer("ib", "b")]);
    bench
}

#[test]
fn a_static_member_needs_no_id_to_join() {
    let mut bench = Bench::new();
    assert_eq!(
        bench
            .join_now(static_newcomer("i", "a"))
            .unwrap()
            .generation,
        1
    );
}

#[test]
fn a_restarted_member_keeps_its_assignment_without_a_rebalance() {
    let mut bench = pair();
    let again = bench.join(static_newcomer("ib", "b2"));
    assert_eq!(bench.joined(again), None, "its new id is not stored yet");
    let stored = bench.store(Ok(()));
    assert!(stored.members.iter().any(|member| member.id == "b2"));
    let joined = bench.joined(again).unwrap().unwrap();
    assert_eq!(joined.member_id, "b2");
    assert_eq!(joined.generation, 2);
    assert_eq!(bench.group.state_name(), "Stable");
    let sync = bench.sync("b2", 2, &[]);
    assert_eq!(bench.synced(sync), Some(Ok(Bytes::from("work of b"))));
    assert_eq!(bench.heartbeat("a", 2), Ok(()));
}

#[test]
fn the_old_self_of_a_restarted_member_is_fenced() {
    let mut bench = pair();
    bench.join(static_newcomer("ib", "b2"));
    bench.store(Ok(()));
    let fenced = Err(ResponseError::FencedInstanceId);
    let beat = bench.group.heartbeat("b", Some("ib"), 2, bench.now);
    assert_eq!(beat, fenced);
    let committer = Committer {
        member_id: "b",
        instance: Some("ib"),
        generation: 2,
    };
    assert_eq!(bench.group.check_commit(committer, bench.now), fenced);
    let refused = bench.join_now(rejoining("ib", "b")).unwrap_err();
    assert_eq!(refused.code, ResponseError::FencedInstanceId);
    let leaver = Leaver {
        member_id: "b".into(),
        instance: Some("ib".into()),
    };
    assert_eq!(bench.group.leave(&leaver, bench.now, &mut bench.fx), fenced);
}

#[test]
fn a_restarted_leader_does_not_assign_anew() {
    for (version, skips, leader, told) in [(8, false, "a", 0), (9, true, "a2", 2)] {
        let mut bench = pair();
        let again = bench.join(Join {
            version,
            ..static_newcomer("ia", "a2")
        });
        bench.store(Ok(()));
        let joined = bench.joined(again).unwrap().unwrap();
        assert_eq!(joined.skip_assignment, skips);
        assert_eq!(joined.leader, leader);
        assert_eq!(joined.members.len(), told);
    }
}

#[test]
fn a_restarted_member_with_another_strategy_makes_a_rebalance() {
    let mut bench = Bench::new();
    bench.settle(vec![Join {
        protocols: offers(&["range", "sticky"]),
        ..static_newcomer("i", "a")
    }]);
    let again = bench.join_now(Join {
        protocols: offers(&["sticky", "range"]),
        ..static_newcomer("i", "a2")
    });
    let joined = again.unwrap();
    assert_eq!(joined.generation, 2);
    assert_eq!(joined.protocol.as_deref(), Some("sticky"));
}

#[test]
fn a_restart_during_a_rebalance_joins_it() {
    let mut bench = pair();
    let a = bench.join(rejoining("ia", "a"));
    let b = bench.join(static_newcomer("ib", "b2"));
    assert_eq!(bench.joined(a).unwrap().unwrap().generation, 3);
    assert_eq!(bench.joined(b).unwrap().unwrap().member_id, "b2");
    let c = bench.join(static_newcomer("ib", "b3"));
    assert_eq!(bench.group.state_name(), "PreparingRebalance");
    bench.join(rejoining("ia", "a"));
    assert_eq!(bench.joined(c).unwrap().unwrap().generation, 4);
}

#[test]
fn a_waiting_old_self_is_told_that_it_is_fenced() {
    let mut bench = pair();
    bench.join(newcomer("c"));
    let old = bench.join(rejoining("ib", "b"));
    bench.join(static_newcomer("ib", "b2"));
    let answer = bench.joined(old).unwrap();
    assert_eq!(answer, refused(ResponseError::FencedInstanceId));
}

#[test]
fn a_restart_that_cannot_be_stored_is_refused_and_can_be_repeated() {
    let mut bench = pair();
    let again = bench.join(static_newcomer("ib", "b2"));
    bench.store(Err(ResponseError::CoordinatorNotAvailable));
    let answer = bench.joined(again).unwrap();
    assert_eq!(answer, refused(ResponseError::CoordinatorNotAvailable));
    let again = bench.join(static_newcomer("ib", "b3"));
    bench.store(Ok(()));
    assert_eq!(bench.joined(again).unwrap().unwrap().member_id, "b3");
}

#[test]
fn a_restart_waits_for_a_rebalance_that_began_while_it_was_stored() {
    let mut bench = pair();
    let b = bench.join(static_newcomer("ib", "b2"));
    let c = bench.join(newcomer("c"));
    bench.store(Ok(()));
    assert_eq!(bench.joined(b), None);
    bench.join(rejoining("ia", "a"));
    assert_eq!(bench.joined(b).unwrap().unwrap().generation, 3);
    assert_eq!(bench.joined(c).unwrap().unwrap().generation, 3);
}

#[test]
fn a_static_member_may_be_away_for_its_session() {
    let mut bench = pair();
    bench.join(newcomer("c"));
    bench.join(rejoining("ia", "a"));
    bench.pass(SESSION.saturating_sub(Duration::from_secs(1)));
    assert_eq!(bench.ids(), ["a", "b", "c"]);
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.ids(), ["a", "c"]);
}

#[test]
fn static_members_outlast_the_barrier() {
    let mut bench = Bench::new();
    let long = Duration::from_mins(20);
    bench.settle(vec![
        static_newcomer("ia", "a"),
        Join {
            session_timeout: long,
            ..static_newcomer("ib", "b")
        },
    ]);
    let a = bench.join(rejoining("ia", "a"));
    bench.pass(REBALANCE);
    assert_eq!(bench.joined(a).unwrap().unwrap().members.len(), 2);
    assert_eq!(bench.ids(), ["a", "b"]);
}

#[test]
fn only_static_members_that_stay_away_keep_the_barrier_up() {
    let mut bench = Bench::new();
    bench.settle(vec![
        Join {
            session_timeout: Duration::from_mins(20),
            ..static_newcomer("ia", "a")
        },
        static_newcomer("ib", "b"),
    ]);
    let leaver = Leaver {
        member_id: String::new(),
        instance: Some("ib".into()),
    };
    bench
        .group
        .leave(&leaver, bench.now, &mut bench.fx)
        .unwrap();
    assert_eq!(bench.ids(), ["a"]);
    bench.pass(REBALANCE * 3);
    assert_eq!(bench.group.state_name(), "PreparingRebalance");
    assert_eq!(bench.join_now(rejoining("ia", "a")).unwrap().generation, 3);
}

#[test]
fn an_unknown_instance_is_unknown() {
    let mut bench = pair();
    let beat = bench.group.heartbeat("a", Some("nobody"), 2, bench.now);
    assert_eq!(beat, Err(ResponseError::UnknownMemberId));
    let leaver = Leaver {
        member_id: String::new(),
        instance: Some("nobody".into()),
    };
    let left = bench.group.leave(&leaver, bench.now, &mut bench.fx);
    assert_eq!(left, Err(ResponseError::UnknownMemberId));
}
