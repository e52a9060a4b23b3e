//! The shell over a log in memory: leadership, loading, order, and appends that fail.

mod memory_log;

use std::time::Duration;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::*;
use crate::node::groups::coordinator::Commit;
use crate::node::groups::group::{
    Committed, Committer, Join, Leaver, OffsetChange, Protocol, Sync,
};
use crate::node::groups::records::OffsetValue;
pub(in crate::node::groups) use memory_log::{MemoryLog, Mode};

/// A running shard with its log.
pub(in crate::node::groups) struct Stage {
    pub(in crate::node::groups) log: Arc<MemoryLog>,
    pub(in crate::node::groups) shard: Arc<Shard<MemoryLog>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Stage {
    /// A shard over this log, already running.
    pub(in crate::node::groups) fn over(log: Arc<MemoryLog>) -> Self {
        let shard = Arc::new(Shard::new(Arc::clone(&log), Duration::ZERO));
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        tasks.spawn(Arc::clone(&shard).run(stop.clone()));
        Self {
            log,
            shard,
            tasks,
            stop,
        }
    }

    /// A shard that leads over an empty log.
    pub(in crate::node::groups) fn leading() -> Self {
        let log = Arc::new(MemoryLog::default());
        log.lead(1);
        Self::over(log)
    }

    /// Puts an offset into the log.
    pub(in crate::node::groups) async fn commit_one(&self) {
        self.commit(0, 1).await.unwrap();
    }

    /// Lets a member in that reads "t", and makes the group stable.
    pub(in crate::node::groups) async fn settle_member(&self) {
        self.join(Duration::from_secs(10)).await.unwrap();
        self.sync().await.unwrap();
    }

    /// Starts another term, in which the log cannot be read.
    pub(in crate::node::groups) fn lose_reads(&self) {
        self.log.forbid_reads();
        self.log.lead(2);
    }

    async fn close(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    async fn commit(&self, partition: i32, offset: i64) -> Result<(), ResponseError> {
        let value = OffsetValue {
            offset,
            leader_epoch: -1,
            metadata: String::new(),
            committed_at: 0,
            expires_at: None,
        };
        let change = OffsetChange {
            topic: "t".into(),
            partition,
            value: Some(Committed { value, topic: None }),
        };
        let nobody = Committer {
            member_id: "",
            instance: None,
            generation: -1,
        };
        let asked = self
            .shard
            .ask(Duration::from_secs(10), |coordinator, ticket, now, fx| {
                let changes = vec![change];
                coordinator.commit("g", nobody, Commit { ticket, changes }, now, fx);
            });
        match asked.await? {
            Some(Answer::Written(result)) => result,
            other => panic!("a commit was answered with {other:?}"),
        }
    }

    async fn offset(&self, partition: i32) -> Result<Option<i64>, ResponseError> {
        let seen = |coordinator: &mut Coordinator, _: Now, _: &mut Effects| {
            let group = coordinator.group("g")?;
            Some(group.offsets().get("t", partition)?.value.offset)
        };
        self.shard.tell(seen).await
    }

    async fn join(&self, session_timeout: Duration) -> Result<Option<Answer>, ResponseError> {
        let join = Join {
            ticket: Ticket(0),
            version: 3,
            member_id: String::new(),
            fresh_id: "m".into(),
            instance: None,
            client_id: "c".into(),
            client_host: "/h".into(),
            session_timeout,
            rebalance_timeout: Duration::from_mins(1),
            protocol_type: "consumer".into(),
            protocols: vec![Protocol {
                name: "range".into(),
                metadata: Bytes::from_static(b"\x00\x00\x00\x00\x00\x01\x00\x01t"),
            }],
        };
        self.shard
            .ask(Duration::from_secs(10), |coordinator, ticket, now, fx| {
                coordinator.join("g", Join { ticket, ..join }, now, fx);
            })
            .await
    }

    async fn sync(&self) -> Result<Option<Answer>, ResponseError> {
        let sync = Sync {
            ticket: Ticket(0),
            member_id: "m".into(),
            instance: None,
            generation: 1,
            protocol_type: None,
            protocol: None,
            assignment: [("m".to_owned(), Bytes::from_static(b"w"))].into(),
        };
        self.shard
            .ask(Duration::from_secs(10), |coordinator, ticket, now, fx| {
                coordinator.sync("g", Sync { ticket, ..sync }, now, fx);
            })
            .await
    }

    async fn state(&self) -> Option<&'static str> {
        let state = |coordinator: &mut Coordinator, _: Now, _: &mut Effects| {
            coordinator
                .group("g")
                .map(super::super::group::Group::state_name)
        };
        self.shard.tell(state).await.unwrap()
    }
}

/// Yields until a condition holds; fails when it never does.
async fn until(mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(10), waiting)
        .await
        .expect("the condition holds in time");
}

#[tokio::test]
async fn a_follower_sends_everybody_away() {
    let stage = Stage::over(Arc::default());
    let answer = stage.commit(0, 1).await;
    assert_eq!(answer, Err(ResponseError::NotCoordinator));
    stage.close().await;
}

#[tokio::test]
async fn a_commit_is_answered_when_it_is_in_the_log() {
    let stage = Stage::leading();
    assert_eq!(stage.offset(0).await, Ok(None));
    stage.log.set(Mode::Hold);
    let seen = std::cell::Cell::new(false);
    let commit = async {
        assert_eq!(stage.commit(0, 5).await, Ok(()));
        assert!(seen.get(), "answered before it was in the log");
    };
    let release = async {
        until(async || stage.log.appending() == 1).await;
        assert_eq!(stage.offset(0).await, Ok(None));
        seen.set(true);
        stage.log.set(Mode::Take);
    };
    tokio::join!(commit, release);
    assert_eq!(stage.offset(0).await, Ok(Some(5)));
    stage.close().await;
}

#[tokio::test]
async fn commits_that_wait_go_into_one_batch() {
    let stage = Stage::leading();
    stage.log.set(Mode::Hold);
    let commits = futures::future::join_all((0..50).map(|number| stage.commit(number, 7)));
    let release = async {
        until(async || stage.log.appending() == 1).await;
        stage.log.set(Mode::Take);
    };
    let (answers, ()) = tokio::join!(commits, release);
    assert!(answers.iter().all(Result::is_ok));
    assert!(stage.log.batches() <= 2, "all that waited go together");
    stage.close().await;
}

#[tokio::test]
async fn the_next_leader_goes_on_where_this_one_ended() {
    let first = Stage::leading();
    first.commit(0, 1).await.unwrap();
    first.commit(0, 2).await.unwrap();
    first.join(Duration::from_secs(10)).await.unwrap();
    first.sync().await.unwrap();
    let log = Arc::clone(&first.log);
    first.close().await;
    log.lead(2);
    let second = Stage::over(log);
    assert_eq!(second.offset(0).await, Ok(Some(2)));
    assert_eq!(second.state().await, Some("Stable"));
    second.close().await;
}

#[tokio::test]
async fn who_waits_when_leadership_ends_is_sent_away() {
    let stage = Stage::leading();
    stage.offset(0).await.unwrap();
    stage.log.set(Mode::Hold);
    let loss = async {
        until(async || stage.log.appending() == 1).await;
        stage.log.follow();
    };
    let (answer, ()) = tokio::join!(stage.commit(0, 5), loss);
    assert_eq!(answer, Err(ResponseError::NotCoordinator));
    assert_eq!(stage.offset(0).await, Err(ResponseError::NotCoordinator));
    stage.log.set(Mode::Take);
    stage.log.lead(3);
    until(async || stage.offset(0).await == Ok(None)).await;
    stage.close().await;
}

#[tokio::test]
async fn leadership_that_was_lost_and_regained_is_loaded_again() {
    let stage = Stage::leading();
    stage.commit(0, 1).await.unwrap();
    let elsewhere = Stage::over(Arc::clone(&stage.log));
    elsewhere.commit(0, 2).await.unwrap();
    stage.log.lead(2);
    until(async || stage.offset(0).await == Ok(Some(2))).await;
    stage.close().await;
    elsewhere.close().await;
}

#[tokio::test]
async fn a_refused_append_can_be_repeated() {
    let stage = Stage::leading();
    for (code, answer) in [
        (
            ResponseError::NotEnoughReplicas,
            ResponseError::CoordinatorNotAvailable,
        ),
        (
            ResponseError::RequestTimedOut,
            ResponseError::CoordinatorNotAvailable,
        ),
        (
            ResponseError::NotLeaderOrFollower,
            ResponseError::NotCoordinator,
        ),
    ] {
        stage.log.set(Mode::Refuse(code));
        assert_eq!(stage.commit(0, 5).await, Err(answer));
        assert_eq!(stage.offset(0).await, Ok(None));
    }
    stage.log.set(Mode::Take);
    assert_eq!(stage.commit(0, 6).await, Ok(()));
    assert_eq!(stage.offset(0).await, Ok(Some(6)));
    stage.close().await;
}

#[tokio::test]
async fn an_append_that_seemed_to_fail_is_found_in_the_log() {
    let stage = Stage::leading();
    stage
        .log
        .set(Mode::TakeAndRefuse(ResponseError::RequestTimedOut));
    assert!(stage.commit(0, 5).await.is_err());
    until(async || stage.offset(0).await == Ok(Some(5))).await;
    stage.close().await;
}

#[tokio::test]
async fn the_next_append_finds_what_was_in_doubt_before_it() {
    let stage = Stage::leading();
    stage.log.hide_movement();
    stage
        .log
        .set(Mode::TakeAndRefuse(ResponseError::RequestTimedOut));
    assert!(stage.commit(0, 5).await.is_err());
    stage.log.set(Mode::Take);
    assert_eq!(stage.commit(1, 6).await, Ok(()));
    assert_eq!(stage.offset(0).await, Ok(Some(5)));
    assert_eq!(stage.offset(1).await, Ok(Some(6)));
    stage.close().await;
}

#[tokio::test]
async fn an_append_that_lands_in_another_term_is_not_answered_with_success() {
    let stage = Stage::leading();
    stage.offset(0).await.unwrap();
    stage.log.set(Mode::TakeInTerm(9));
    let answer = stage.commit(0, 5).await;
    assert_eq!(answer, Err(ResponseError::NotCoordinator));
    stage.log.set(Mode::Take);
    until(async || stage.offset(0).await == Ok(Some(5))).await;
    stage.close().await;
}

#[tokio::test]
async fn a_partition_that_cannot_be_read_is_loading() {
    let log = Arc::new(MemoryLog::default());
    log.lead(1);
    let writer = Stage::over(Arc::clone(&log));
    writer.commit(0, 1).await.unwrap();
    writer.close().await;
    log.forbid_reads();
    let stage = Stage::over(log);
    let answer = stage.offset(0).await;
    assert_eq!(answer, Err(ResponseError::CoordinatorLoadInProgress));
    stage.close().await;
}

#[tokio::test]
async fn a_foreign_record_does_not_stop_the_loading() {
    let log = Arc::new(MemoryLog::default());
    log.lead(1);
    log.put(Some(b"\x00\x09later"), Some(b"kind"));
    log.put(Some(b"\x00"), None);
    log.put(None, Some(b"keyless"));
    log.put(Some(b"\x00\x02\x00\x01g"), Some(b"\x00\x63"));
    let stage = Stage::over(log);
    assert_eq!(stage.commit(0, 3).await, Ok(()));
    assert_eq!(stage.offset(0).await, Ok(Some(3)));
    stage.close().await;
}

#[tokio::test]
async fn the_driver_fires_timers() {
    let stage = Stage::leading();
    let joined = stage.join(Duration::from_millis(20)).await.unwrap();
    assert!(matches!(joined, Some(Answer::Join(Ok(_)))));
    until(async || stage.state().await == Some("Empty")).await;
    stage.close().await;
}

#[tokio::test]
async fn a_closed_shard_sends_everybody_away() {
    let stage = Stage::leading();
    stage.commit(0, 1).await.unwrap();
    let shard = Arc::clone(&stage.shard);
    stage.close().await;
    let left = shard
        .tell(|coordinator, now, fx| {
            let nobody = Leaver {
                member_id: "m".into(),
                instance: None,
            };
            coordinator.leave("g", &[nobody], now, fx)
        })
        .await;
    assert_eq!(left, Err(ResponseError::NotCoordinator));
}
