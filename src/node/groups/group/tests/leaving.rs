//! Leaving: by request, by silence, and by being late.

use super::*;

#[test]
fn the_others_rejoin_when_one_leaves() {
    let mut bench = Bench::stable(&["a", "b"]);
    assert_eq!(bench.leave("b"), Ok(()));
    assert_eq!(
        bench.heartbeat("a", 2),
        Err(ResponseError::RebalanceInProgress)
    );
    let joined = bench.join_now(member("a")).unwrap();
    assert_eq!(joined.generation, 3);
    assert_eq!(joined.members.len(), 1);
}

#[test]
fn a_group_that_all_have_left_is_empty_and_says_so_in_the_log() {
    let mut bench = Bench::stable(&["a", "b"]);
    bench.leave("a").unwrap();
    bench.leave("b").unwrap();
    assert!(bench.group.is_empty());
    let stored = bench.store(Ok(()));
    assert_eq!(stored.generation, 3);
    assert_eq!(stored.protocol_type, "consumer");
    assert_eq!((stored.protocol, stored.leader), (None, None));
    assert!(stored.members.is_empty());
    assert_eq!(bench.group.deadline(), None);
}

#[test]
fn generations_go_on_after_the_group_was_empty() {
    let mut bench = Bench::stable(&["a"]);
    bench.leave("a").unwrap();
    let stored = bench.store(Ok(()));
    bench.group = bench.reloaded(stored);
    assert!(bench.group.is_empty());
    assert_eq!(bench.join_now(newcomer("b")).unwrap().generation, 3);
}

#[test]
fn a_stranger_cannot_leave() {
    let mut bench = Bench::stable(&["a"]);
    assert_eq!(bench.leave("x"), Err(ResponseError::UnknownMemberId));
    assert_eq!(bench.leave(""), Err(ResponseError::UnknownMemberId));
}

#[test]
fn who_was_only_given_an_id_can_leave() {
    let mut bench = Bench::stable(&["a"]);
    let id_only = Join {
        version: 4,
        ..newcomer("b")
    };
    bench.join_now(id_only).unwrap_err();
    let a = bench.join(member("a"));
    assert_eq!(bench.joined(a), None);
    assert_eq!(bench.leave("b"), Ok(()));
    assert_eq!(bench.joined(a).unwrap().unwrap().generation, 2);
}

#[test]
fn who_leaves_while_it_joins_is_told() {
    let mut bench = Bench::stable(&["a"]);
    let b = bench.join(newcomer("b"));
    bench.leave("b").unwrap();
    let answer = bench.joined(b).unwrap();
    assert_eq!(answer, refused(ResponseError::UnknownMemberId));
    assert_eq!(bench.join_now(member("a")).unwrap().members.len(), 1);
}

#[test]
fn who_leaves_while_it_syncs_is_told() {
    let mut bench = Bench::stable(&["a"]);
    let b = bench.join(newcomer("b"));
    bench.join(member("a"));
    bench.joined(b).unwrap().unwrap();
    let b = bench.sync("b", 2, &[]);
    bench.leave("b").unwrap();
    let answer = bench.synced(b);
    assert_eq!(answer, Some(Err(ResponseError::UnknownMemberId)));
}

#[test]
fn a_silent_member_is_given_up_after_its_session() {
    let mut bench = Bench::stable(&["a", "b"]);
    bench.live(&["b"], SESSION.saturating_sub(Duration::from_secs(1)));
    assert_eq!(bench.ids(), ["a", "b"]);
    bench.live(&["b"], Duration::from_secs(1));
    assert_eq!(bench.ids(), ["b"]);
    let joined = bench.join_now(member("b")).unwrap();
    assert_eq!((joined.generation, joined.leader.as_str()), (3, "b"));
}

#[test]
fn a_group_that_fell_silent_is_empty() {
    let mut bench = Bench::stable(&["a", "b"]);
    bench.pass(SESSION);
    assert!(bench.group.is_empty());
    assert_eq!(bench.group.deadline(), None);
    assert_eq!(bench.heartbeat("a", 2), Err(ResponseError::UnknownMemberId));
}

#[test]
fn a_member_that_waits_in_the_barrier_needs_no_heartbeat() {
    let mut bench = Bench::stable(&["a", "b"]);
    let a = bench.join(member("a"));
    bench.live(&["b"], SESSION * 3);
    assert_eq!(bench.joined(a), None);
    bench.join(member("b"));
    assert_eq!(bench.joined(a).unwrap().unwrap().members.len(), 2);
}

#[test]
fn a_new_member_that_never_comes_back_is_given_up() {
    let mut bench = Bench::stable(&["a"]);
    let very_long = Duration::from_hours(1);
    bench.join(Join {
        rebalance_timeout: very_long,
        ..newcomer("b")
    });
    bench.live(&["a"], Duration::from_mins(5));
    assert_eq!(bench.ids(), ["a"]);
}

#[test]
fn a_leader_that_dies_before_its_assignment_is_replaced() {
    let mut bench = Bench::stable(&["a"]);
    let b = bench.join(newcomer("b"));
    bench.join(member("a"));
    bench.joined(b).unwrap().unwrap();
    let b = bench.sync("b", 2, &[]);
    bench.pass(SESSION);
    let answer = bench.synced(b);
    assert_eq!(answer, Some(Err(ResponseError::RebalanceInProgress)));
    assert_eq!(bench.join_now(member("b")).unwrap().leader, "b");
}

#[test]
fn members_that_never_sync_are_dropped() {
    let mut bench = Bench::stable(&["a"]);
    let b = bench.join(newcomer("b"));
    bench.join(member("a"));
    bench.joined(b).unwrap().unwrap();
    bench.sync("a", 2, &["a", "b"]);
    bench.store(Ok(()));
    assert_eq!(bench.group.state_name(), "Stable");
    bench.live(&["a", "b"], REBALANCE);
    assert_eq!(bench.ids(), ["a"]);
    assert_eq!(bench.group.state_name(), "PreparingRebalance");
}

#[test]
fn a_dead_group_sends_everybody_away_until_it_is_gone_or_back() {
    let mut bench = Bench::new();
    bench.group.die(bench.now);
    let answer = bench.join_now(newcomer("a"));
    assert_eq!(answer, refused(ResponseError::CoordinatorNotAvailable));
    assert_eq!(
        bench.heartbeat("a", 1),
        Err(ResponseError::CoordinatorNotAvailable)
    );
    bench.group.revive(bench.now);
    assert!(bench.join_now(newcomer("a")).is_ok());
}
