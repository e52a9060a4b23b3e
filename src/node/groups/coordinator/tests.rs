//! All groups of a partition: offsets, removal, timers, and the way through the log.

use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::ResponseError;

use super::*;
use crate::node::groups::group::{
    Answer, Committed, Committer, Join, OffsetChange, Protocol, Sync, Ticket,
};
use crate::node::groups::limits;
use crate::node::groups::records::{Entry, OffsetValue};
use crate::spec::TopicId;

/// A coordinator over a log of its own.
struct Bench {
    coordinator: Coordinator,
    log: Vec<Entry>,
    fx: Effects,
    now: Now,
    tickets: u64,
}

const NOBODY: Committer<'_> = Committer {
    member_id: "",
    instance: None,
    generation: -1,
};

fn change(topic: &str, partition: i32, offset: i64, committed_at: i64) -> OffsetChange {
    let value = OffsetValue {
        offset,
        leader_epoch: 4,
        metadata: "m".into(),
        committed_at,
        expires_at: None,
    };
    OffsetChange {
        topic: topic.to_owned(),
        partition,
        value: Some(Committed { value, topic: None }),
    }
}

impl Bench {
    fn new() -> Self {
        Self {
            coordinator: Coordinator::new(Duration::ZERO),
            log: Vec::new(),
            fx: Effects::default(),
            now: Now {
                at: Instant::now(),
                wall_ms: 1_000_000,
            },
            tickets: 0,
        }
    }

    fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    fn answer(&mut self, ticket: Ticket) -> Option<Answer> {
        let at = self.fx.answers.iter().position(|(of, _)| *of == ticket)?;
        Some(self.fx.answers.remove(at).1)
    }

    fn written(&mut self, ticket: Ticket) -> Option<Result<(), ResponseError>> {
        match self.answer(ticket)? {
            Answer::Written(result) => Some(result),
            other => panic!("a write was answered with {other:?}"),
        }
    }

    fn commit_to(&mut self, group: &str, topic: &str, partition: i32, offset: i64) -> Ticket {
        let ticket = self.ticket();
        let changes = vec![change(topic, partition, offset, self.now.wall_ms)];
        let commit = Commit { ticket, changes };
        self.coordinator
            .commit(group, NOBODY, commit, self.now, &mut self.fx);
        ticket
    }

    /// Ends the oldest write.
    fn store(&mut self, result: Result<(), ResponseError>) {
        let write = self.fx.writes.remove(0);
        if result.is_ok() {
            self.log.extend(write.entries.iter().cloned());
        }
        self.coordinator
            .written(write, result, self.now, &mut self.fx);
    }

    fn store_all(&mut self) {
        while !self.fx.writes.is_empty() {
            self.store(Ok(()));
        }
    }

    fn offset(&self, group: &str, topic: &str, partition: i32) -> Option<i64> {
        let group = self.coordinator.group(group)?;
        let committed = group.offsets().get(topic, partition)?;
        Some(committed.value.offset)
    }

    /// A coordinator that reads the log from its start.
    fn reload(&mut self) {
        self.coordinator = Coordinator::new(Duration::ZERO);
        self.fx = Effects::default();
        for entry in &self.log {
            self.coordinator
                .replay(&entry.key, entry.value.as_ref(), ReplayMode::Load, self.now)
                .unwrap();
        }
        self.coordinator.loaded(self.now);
    }

    fn pass(&mut self, time: Duration) {
        self.now.at += time;
        self.now.wall_ms += time.as_millis() as i64;
        self.coordinator.expire(self.now, &mut self.fx);
    }

    /// A stable group of one member, "m".
    fn stable(&mut self, group: &str) {
        let join = Join {
            ticket: self.ticket(),
            version: 3,
            member_id: String::new(),
            fresh_id: "m".into(),
            instance: None,
            client_id: "c".into(),
            client_host: "/h".into(),
            session_timeout: Duration::from_secs(10),
            rebalance_timeout: Duration::from_mins(1),
            protocol_type: "consumer".into(),
            protocols: vec![Protocol {
                name: "range".into(),
                metadata: Bytes::from_static(b"t"),
            }],
        };
        self.coordinator.join(group, join, self.now, &mut self.fx);
        let sync = Sync {
            ticket: self.ticket(),
            member_id: "m".into(),
            instance: None,
            generation: 1,
            protocol_type: None,
            protocol: None,
            assignment: [("m".to_owned(), Bytes::from_static(b"w"))].into(),
        };
        self.coordinator.sync(group, sync, self.now, &mut self.fx);
        self.store_all();
    }

    fn heartbeat(&mut self, group: &str, generation: i32) -> Result<(), ResponseError> {
        let member = Committer {
            member_id: "m",
            instance: None,
            generation,
        };
        self.coordinator.heartbeat(group, member, self.now)
    }

    fn delete(&mut self, group: &str) -> Ticket {
        let ticket = self.ticket();
        self.coordinator
            .delete(group, ticket, self.now, &mut self.fx);
        ticket
    }
}

#[test]
fn an_offset_is_seen_when_it_is_stored_and_not_before() {
    let mut bench = Bench::new();
    let ticket = bench.commit_to("g", "t", 0, 5);
    assert_eq!(bench.offset("g", "t", 0), None);
    assert_eq!(bench.written(ticket), None);
    bench.store(Ok(()));
    assert_eq!(bench.offset("g", "t", 0), Some(5));
    assert_eq!(bench.written(ticket), Some(Ok(())));
}

#[test]
fn an_offset_that_was_not_stored_is_not_seen() {
    let mut bench = Bench::new();
    let ticket = bench.commit_to("g", "t", 0, 5);
    bench.store(Err(ResponseError::CoordinatorNotAvailable));
    let answer = bench.written(ticket);
    assert_eq!(answer, Some(Err(ResponseError::CoordinatorNotAvailable)));
    assert_eq!(bench.offset("g", "t", 0), None);
    assert_eq!(bench.coordinator.groups().count(), 0, "nothing is left");
}

#[test]
fn offsets_follow_the_order_of_the_log() {
    let mut bench = Bench::new();
    bench.commit_to("g", "t", 0, 5);
    bench.commit_to("g", "t", 0, 3);
    bench.store(Ok(()));
    assert_eq!(bench.offset("g", "t", 0), Some(5));
    bench.store(Ok(()));
    assert_eq!(bench.offset("g", "t", 0), Some(3));
    bench.reload();
    assert_eq!(bench.offset("g", "t", 0), Some(3));
}

#[test]
fn what_is_reloaded_is_what_was_stored() {
    let mut bench = Bench::new();
    bench.stable("members");
    bench.commit_to("simple", "t", 1, 7);
    bench.store_all();
    bench.reload();
    let group = bench.coordinator.group("simple").unwrap();
    let committed = group.offsets().get("t", 1).unwrap();
    assert_eq!(committed.value.leader_epoch, 4);
    assert_eq!(committed.value.metadata, "m");
    assert_eq!(group.state_name(), "Empty");
    assert_eq!(bench.heartbeat("members", 1), Ok(()));
    assert_eq!(
        bench.heartbeat("members", 2),
        Err(ResponseError::IllegalGeneration)
    );
}

#[test]
fn sessions_start_over_when_the_log_is_loaded() {
    let mut bench = Bench::new();
    bench.stable("g");
    bench.now.at += Duration::from_mins(1);
    bench.reload();
    bench.pass(Duration::from_secs(9));
    assert_eq!(bench.heartbeat("g", 1), Ok(()));
    bench.pass(Duration::from_secs(10));
    assert_eq!(bench.heartbeat("g", 1), Err(ResponseError::UnknownMemberId));
}

#[test]
fn records_that_tombstones_have_emptied_leave_nothing() {
    let mut bench = Bench::new();
    bench.stable("g");
    bench.commit_to("h", "t", 0, 1);
    bench.store_all();
    bench.pass(Duration::from_secs(10));
    bench.store_all();
    for group in ["g", "h"] {
        let ticket = bench.delete(group);
        bench.store_all();
        assert_eq!(bench.written(ticket), Some(Ok(())));
    }
    bench.reload();
    assert_eq!(bench.coordinator.groups().count(), 0);
}

#[test]
fn only_a_group_without_members_can_be_deleted() {
    let mut bench = Bench::new();
    bench.stable("g");
    let ticket = bench.delete("g");
    let answer = bench.written(ticket);
    assert_eq!(answer, Some(Err(ResponseError::NonEmptyGroup)));
    let ticket = bench.delete("nowhere");
    let answer = bench.written(ticket);
    assert_eq!(answer, Some(Err(ResponseError::GroupIdNotFound)));
}

#[test]
fn deleting_takes_commits_along_that_are_on_their_way() {
    let mut bench = Bench::new();
    bench.commit_to("g", "t", 0, 1);
    bench.store(Ok(()));
    bench.commit_to("g", "t", 1, 1);
    let deleted = bench.delete("g");
    let late = bench.commit_to("g", "t", 2, 1);
    let answer = bench.written(late);
    assert_eq!(answer, Some(Err(ResponseError::CoordinatorNotAvailable)));
    bench.store_all();
    assert_eq!(bench.written(deleted), Some(Ok(())));
    bench.reload();
    assert_eq!(bench.coordinator.groups().count(), 0);
}

#[test]
fn a_group_whose_removal_failed_is_still_there() {
    let mut bench = Bench::new();
    bench.commit_to("g", "t", 0, 1);
    bench.store(Ok(()));
    bench.delete("g");
    assert!(bench.coordinator.group("g").is_none());
    bench.store(Err(ResponseError::CoordinatorNotAvailable));
    assert_eq!(bench.offset("g", "t", 0), Some(1));
}

#[test]
fn requests_to_a_group_that_is_not_there() {
    let mut bench = Bench::new();
    assert_eq!(bench.heartbeat("g", 1), Err(ResponseError::UnknownMemberId));
    let ticket = bench.ticket();
    let commit = Commit {
        ticket,
        changes: vec![change("t", 0, 1, 0)],
    };
    let member = Committer {
        member_id: "m",
        instance: None,
        generation: 1,
    };
    bench
        .coordinator
        .commit("g", member, commit, bench.now, &mut bench.fx);
    let answer = bench.written(ticket);
    assert_eq!(answer, Some(Err(ResponseError::IllegalGeneration)));
    assert_eq!(bench.coordinator.groups().count(), 0);
}

#[test]
fn a_commit_that_fits_no_record_is_refused() {
    let mut bench = Bench::new();
    let ticket = bench.ticket();
    let mut changes = Vec::new();
    for partition in 0..400 {
        let mut change = change("t", partition, 1, 0);
        change.value.as_mut().unwrap().value.metadata = "x".repeat(4096);
        changes.push(change);
    }
    let commit = Commit { ticket, changes };
    bench
        .coordinator
        .commit("g", NOBODY, commit, bench.now, &mut bench.fx);
    let answer = bench.written(ticket);
    assert_eq!(answer, Some(Err(ResponseError::InvalidCommitOffsetSize)));
}

#[test]
fn a_commit_of_nothing_is_answered_at_once() {
    let mut bench = Bench::new();
    let ticket = bench.ticket();
    let commit = Commit {
        ticket,
        changes: Vec::new(),
    };
    bench
        .coordinator
        .commit("g", NOBODY, commit, bench.now, &mut bench.fx);
    assert_eq!(bench.written(ticket), Some(Ok(())));
    assert!(bench.fx.writes.is_empty());
    assert_eq!(bench.coordinator.groups().count(), 0);
}

#[test]
fn all_groups_together_have_room_for_so_much_metadata() {
    let mut bench = Bench::new();
    let join = |ticket, bytes| Join {
        ticket,
        version: 3,
        member_id: String::new(),
        fresh_id: "m".into(),
        instance: None,
        client_id: "c".into(),
        client_host: "/h".into(),
        session_timeout: Duration::from_secs(10),
        rebalance_timeout: Duration::from_mins(1),
        protocol_type: "consumer".into(),
        protocols: vec![Protocol {
            name: "range".into(),
            metadata: Bytes::from(vec![0; bytes]),
        }],
    };
    let most = limits::GROUP_METADATA;
    let groups = limits::PARTITION_METADATA / most;
    let mut joined = Vec::new();
    for number in 0..=groups {
        let ticket = bench.ticket();
        let id = format!("g{number}");
        bench
            .coordinator
            .join(&id, join(ticket, most), bench.now, &mut bench.fx);
        joined.push(matches!(bench.answer(ticket), Some(Answer::Join(Ok(_)))));
    }
    assert_eq!(joined.iter().filter(|joined| **joined).count(), groups);
    assert!(!joined[groups]);
}

#[test]
fn offsets_expire_when_the_group_has_been_empty_for_long() {
    let mut bench = Bench::new();
    bench.stable("g");
    bench.commit_to("h", "t", 0, 1);
    bench.store_all();
    bench.pass(limits::OFFSETS_RETENTION);
    bench.store_all();
    bench.coordinator.expire_offsets(bench.now, &mut bench.fx);
    bench.store_all();
    assert_eq!(bench.offset("h", "t", 0), None);
    bench.reload();
    assert_eq!(bench.coordinator.groups().count(), 0, "groups go as well");
}

#[test]
fn offsets_of_a_living_group_and_young_ones_stay() {
    let mut bench = Bench::new();
    bench.stable("g");
    let ticket = bench.ticket();
    let commit = Commit {
        ticket,
        changes: vec![change("t", 0, 1, 0)],
    };
    let member = Committer {
        member_id: "m",
        instance: None,
        generation: 1,
    };
    bench
        .coordinator
        .commit("g", member, commit, bench.now, &mut bench.fx);
    bench.commit_to("h", "t", 0, 1);
    bench.store_all();
    bench.now.wall_ms += limits::OFFSETS_RETENTION.as_millis() as i64 - 1;
    bench.coordinator.expire_offsets(bench.now, &mut bench.fx);
    assert!(bench.fx.writes.is_empty());
}

#[test]
fn offsets_of_deleted_and_recreated_topics_go() {
    let mut bench = Bench::new();
    for topic in ["gone", "again", "kept"] {
        bench.commit_to("g", topic, 0, 1);
    }
    bench.store_all();
    let (before, after, kept) = (TopicId::random(), TopicId::random(), TopicId::random());
    let first = |topic: &str| match topic {
        "kept" => Some(kept),
        _ => Some(before),
    };
    bench.coordinator.purge_topics(first, &mut bench.fx);
    assert!(bench.fx.writes.is_empty());
    let second = |topic: &str| match topic {
        "kept" => Some(kept),
        "again" => Some(after),
        _ => None,
    };
    bench.coordinator.purge_topics(second, &mut bench.fx);
    bench.store_all();
    bench.reload();
    assert_eq!(bench.offset("g", "kept", 0), Some(1));
    assert_eq!(bench.offset("g", "gone", 0), None);
    assert_eq!(bench.offset("g", "again", 0), None);
}

#[test]
fn a_catch_up_takes_offsets_and_leaves_members_alone() {
    let mut bench = Bench::new();
    bench.stable("g");
    let stale_group = bench.log[0].clone();
    bench.commit_to("g2", "t", 0, 9);
    let entry = bench.fx.writes.remove(0).entries.remove(0);
    for entry in [entry, stale_group] {
        let value = entry.value.as_ref();
        bench
            .coordinator
            .replay(&entry.key, value, ReplayMode::CatchUp, bench.now)
            .unwrap();
    }
    assert_eq!(bench.offset("g2", "t", 0), Some(9));
    assert_eq!(bench.heartbeat("g", 1), Ok(()));
}

#[test]
fn one_timer_queue_serves_all_groups() {
    let mut bench = Bench::new();
    bench.stable("a");
    bench.pass(Duration::from_secs(5));
    bench.stable("b");
    let first = bench.now.at + Duration::from_secs(5);
    assert_eq!(bench.coordinator.deadline(), Some(first));
    bench.pass(Duration::from_secs(5));
    assert_eq!(bench.heartbeat("a", 1), Err(ResponseError::UnknownMemberId));
    assert_eq!(bench.heartbeat("b", 1), Ok(()));
    bench.pass(Duration::from_secs(10));
    assert_eq!(bench.coordinator.deadline(), None);
}
