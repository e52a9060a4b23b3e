//! SyncGroup, heartbeats, commits, and what comes back out of the log.

use super::*;
use crate::node::groups::limits;

#[test]
fn members_get_their_assignment_only_when_it_is_stored() {
    let mut bench = Bench::new();
    bench.join_now(newcomer("a")).unwrap();
    let a = bench.sync("a", 1, &["a"]);
    assert_eq!(bench.synced(a), None);
    let stored = bench.store(Ok(()));
    assert_eq!(stored.generation, 1);
    assert_eq!(stored.members[0].assignment, "work of a");
    assert_eq!(bench.synced(a), Some(Ok(Bytes::from("work of a"))));
}

#[test]
fn a_follower_waits_for_the_leader() {
    let mut bench = Bench::stable(&["a"]);
    let b = bench.join(newcomer("b"));
    bench.join(member("a"));
    bench.joined(b).unwrap().unwrap();
    let b = bench.sync("b", 2, &[]);
    assert_eq!(bench.synced(b), None);
    let a = bench.sync("a", 2, &["a", "stranger"]);
    let stored = bench.store(Ok(()));
    assert_eq!(stored.members.len(), 2, "a stranger is not stored");
    assert_eq!(bench.synced(a), Some(Ok(Bytes::from("work of a"))));
    assert_eq!(bench.synced(b), Some(Ok(Bytes::new())), "left out is empty");
    let late = bench.sync("b", 2, &[]);
    assert_eq!(bench.synced(late), Some(Ok(Bytes::new())));
}

#[test]
fn a_failed_write_makes_everybody_rejoin() {
    let mut bench = Bench::new();
    bench.join_now(newcomer("a")).unwrap();
    let a = bench.sync("a", 1, &["a"]);
    bench.store(Err(ResponseError::CoordinatorNotAvailable));
    let answer = bench.synced(a);
    assert_eq!(answer, Some(Err(ResponseError::CoordinatorNotAvailable)));
    assert_eq!(
        bench.heartbeat("a", 1),
        Err(ResponseError::RebalanceInProgress)
    );
    assert_eq!(bench.join_now(member("a")).unwrap().generation, 2);
}

#[test]
fn a_rebalance_makes_an_assignment_that_is_being_stored_void() {
    let mut bench = Bench::new();
    bench.join_now(newcomer("a")).unwrap();
    let a = bench.sync("a", 1, &["a"]);
    let b = bench.join(newcomer("b"));
    let answer = bench.synced(a);
    assert_eq!(answer, Some(Err(ResponseError::RebalanceInProgress)));
    bench.join(member("a"));
    assert_eq!(bench.joined(b).unwrap().unwrap().generation, 2);
    bench.store(Ok(()));
    assert_eq!(bench.group.state_name(), "CompletingRebalance");
    assert!(bench.assignments().values().all(Bytes::is_empty));
}

#[test]
fn the_leaders_assignment_is_written_once() {
    let mut bench = Bench::new();
    bench.join_now(newcomer("a")).unwrap();
    let first = bench.sync("a", 1, &["a"]);
    let second = bench.sync("a", 1, &[]);
    assert_eq!(bench.fx.writes.len(), 1);
    let before = bench.synced(first);
    assert_eq!(before, Some(Err(ResponseError::RebalanceInProgress)));
    bench.store(Ok(()));
    assert_eq!(bench.synced(second), Some(Ok(Bytes::from("work of a"))));
}

#[test]
fn an_assignment_that_fits_no_record_is_refused() {
    let mut bench = Bench::new();
    bench.join_now(newcomer("a")).unwrap();
    let ticket = Ticket(99);
    let sync = Sync {
        ticket,
        member_id: "a".into(),
        instance: None,
        generation: 1,
        protocol_type: None,
        protocol: None,
        assignment: BTreeMap::from([("a".to_owned(), Bytes::from(vec![0; limits::RECORD]))]),
    };
    bench.group.sync(sync, bench.now, &mut bench.fx);
    let answer = bench.synced(ticket);
    assert_eq!(answer, Some(Err(ResponseError::UnknownServerError)));
    assert!(bench.fx.writes.is_empty());
}

#[test]
fn a_sync_is_fenced() {
    let mut bench = Bench::stable(&["a"]);
    let old = bench.sync("a", 0, &[]);
    assert_eq!(
        bench.synced(old),
        Some(Err(ResponseError::IllegalGeneration))
    );
    let stranger = bench.sync("x", 1, &[]);
    assert_eq!(
        bench.synced(stranger),
        Some(Err(ResponseError::UnknownMemberId))
    );
    for (kind, strategy) in [(Some("connect"), None), (None, Some("sticky"))] {
        let ticket = Ticket(77);
        let sync = Sync {
            ticket,
            member_id: "a".into(),
            instance: None,
            generation: 1,
            protocol_type: kind.map(str::to_owned),
            protocol: strategy.map(str::to_owned),
            assignment: BTreeMap::new(),
        };
        bench.group.sync(sync, bench.now, &mut bench.fx);
        let answer = bench.synced(ticket);
        assert_eq!(answer, Some(Err(ResponseError::InconsistentGroupProtocol)));
    }
}

#[test]
fn a_sync_while_members_rejoin_says_so() {
    let mut bench = Bench::stable(&["a"]);
    bench.join(newcomer("b"));
    let a = bench.sync("a", 1, &["a"]);
    assert_eq!(
        bench.synced(a),
        Some(Err(ResponseError::RebalanceInProgress))
    );
}

#[test]
fn a_heartbeat_is_fenced() {
    let mut bench = Bench::stable(&["a", "b"]);
    assert_eq!(bench.heartbeat("a", 2), Ok(()));
    assert_eq!(
        bench.heartbeat("a", 1),
        Err(ResponseError::IllegalGeneration)
    );
    assert_eq!(bench.heartbeat("x", 2), Err(ResponseError::UnknownMemberId));
}

#[test]
fn a_heartbeat_before_the_sync_is_well() {
    let mut bench = Bench::new();
    bench.join_now(newcomer("a")).unwrap();
    assert_eq!(bench.heartbeat("a", 1), Ok(()));
}

#[test]
fn commits_are_fenced() {
    let mut bench = Bench::stable(&["a"]);
    let mut check = |member_id: &str, generation: i32| {
        let committer = Committer {
            member_id,
            instance: None,
            generation,
        };
        bench.group.check_commit(committer, bench.now)
    };
    assert_eq!(check("a", 1), Ok(()));
    assert_eq!(check("a", 0), Err(ResponseError::IllegalGeneration));
    assert_eq!(check("x", 1), Err(ResponseError::UnknownMemberId));
    assert_eq!(check("", -1), Err(ResponseError::UnknownMemberId));
}

#[test]
fn anybody_commits_to_an_empty_group_without_a_generation() {
    let mut bench = Bench::new();
    let mut nobody = Committer {
        member_id: "",
        instance: None,
        generation: -1,
    };
    assert_eq!(bench.group.check_commit(nobody, bench.now), Ok(()));
    nobody.generation = 3;
    let answer = bench.group.check_commit(nobody, bench.now);
    assert_eq!(answer, Err(ResponseError::UnknownMemberId));
}

#[test]
fn a_member_commits_while_others_rejoin_but_not_before_its_sync() {
    let mut bench = Bench::stable(&["a"]);
    let committer = Committer {
        member_id: "a",
        instance: None,
        generation: 1,
    };
    bench.join(newcomer("b"));
    assert_eq!(bench.group.check_commit(committer, bench.now), Ok(()));
    bench.join(member("a"));
    let committer = Committer {
        generation: 2,
        ..committer
    };
    let answer = bench.group.check_commit(committer, bench.now);
    assert_eq!(answer, Err(ResponseError::RebalanceInProgress));
}

#[test]
fn a_group_out_of_the_log_is_the_group_that_was_stored() {
    let mut bench = Bench::new();
    bench.join(static_newcomer("i", "a"));
    let b = bench.join(newcomer("b"));
    bench.join(Join {
        instance: Some("i".into()),
        ..member("a")
    });
    bench.joined(b).unwrap().unwrap();
    bench.sync("a", 2, &["a", "b"]);
    let stored = bench.store(Ok(()));
    let mut reloaded = bench.reloaded(stored.clone());
    assert_eq!(reloaded.entry(&reloaded.assignment()).value, {
        let entry = bench.group.entry(&bench.assignments());
        let mut value = GroupValue::decode(&entry.value.unwrap()).unwrap();
        value.since = stored.since;
        Some(value.encode())
    });
    assert_eq!(reloaded.state_name(), "Stable");
    assert_eq!(reloaded.heartbeat("b", None, 2, bench.now), Ok(()));
    assert_eq!(reloaded.heartbeat("a", Some("i"), 2, bench.now), Ok(()));
    assert_eq!(
        reloaded.heartbeat("x", Some("i"), 2, bench.now),
        Err(ResponseError::FencedInstanceId)
    );
    let session_ends = bench.now.at + SESSION;
    assert_eq!(reloaded.deadline(), Some(session_ends));
}

#[test]
fn members_of_a_moved_group_rejoin_into_the_next_generation() {
    let mut bench = Bench::new();
    bench.join_now(newcomer("a")).unwrap();
    bench.sync("a", 1, &["a"]);
    let stored = bench.store(Ok(()));
    bench.group = bench.reloaded(stored);
    let joined = bench.join_now(member("a")).unwrap();
    assert_eq!(joined.generation, 2);
    assert_eq!(joined.leader, "a");
}
